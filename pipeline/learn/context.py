"""The context model: what the campaign so far and the author's past add to the text, learned on whole histories.

Every post of an author is judged by a text model that saw none of that author's posts (the folds of train.csv), so that
the past weighs as much in training as it will on authors never seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.judge_model import CONTEXT, ContextModel, Floats
from pipeline.learn.fit import Calibration, Design, Entries, Weights
from pipeline.learn.histories import all_histories
from pipeline.learn.judge import FOLDS, Corpus, fold_models, natural_base_rate
from pipeline.order import match_rows, sort_rows
from pipeline.steps.campaigns import campaigns
from pipeline.steps.clean import posts as clean_posts
from pipeline.steps.judge import ROW_ORDER, context_of
from pipeline.tables import BROADCAST, CLASSES
from pipeline.text.linear import softmax
from pipeline.text.reading import Reader
from pipeline.text.sketch import sketches

Progress = Callable[[str], None]
_KEY = b"training only: these ids are never stored"
_BATCH = 20_000
_BROADCAST = [CLASSES.index(c) for c in BROADCAST]


@dataclass(frozen=True)
class Examples:
    """Gold posts met in histories: context features, whether broadcast, share or neither, author, fold, and stratum."""

    features: dict[str, Floats]
    label: NDArray[np.int64]
    author: NDArray[np.object_]
    fold: NDArray[np.int64]
    natural: NDArray[np.bool_]


def _probabilities(
    texts: pa.ChunkedArray, fold: NDArray[np.int64], models: list[tuple[Entries, Weights]], reader: Reader
) -> Floats:
    out = np.zeros((len(texts), len(CLASSES)))
    for start in range(0, len(texts), _BATCH):
        here = fold[start : start + _BATCH]
        reading = reader.read(texts.slice(start, _BATCH))
        for k, (entries, weights) in enumerate(models):
            rows = np.flatnonzero(here == k)
            if len(rows):
                matrix = Design.of(reader, reading, entries).matrix[rows]
                out[start + rows] = softmax(weights.logits(matrix))
    return out


def examples(data: Path, corpus: Corpus, reader: Reader, calibration: Calibration, say: Progress) -> Examples:
    """The gold posts of train.csv that stand in a history, with what was known before each."""
    known = corpus.labels
    gold = known.measured
    fold_of = dict(zip(known.author[gold].tolist(), known.fold[gold].tolist(), strict=True))
    raw = all_histories(data, pa.array(sorted(fold_of), pa.string()))
    say(f"context: {len(raw)} posts of {len(fold_of)} authors")
    posts = sort_rows(clean_posts(raw, key=_KEY, lexicon=reader.lexicon), ROW_ORDER)
    rows = match_rows(posts, raw, ["platform", "post_id"])
    author = raw["author_id"].take(pa.array(rows))
    fold = np.array([fold_of[a] for a in author.to_pylist()], np.int64)
    say("context: judging by models of the other folds")
    models = [(entries, calibration.apply(weights)) for entries, weights in fold_models(corpus, reader, say)]
    chances = _probabilities(posts["text"], fold, models, reader)
    features = pa.table({
        "platform": posts["platform"], "post_id": posts["post_id"], "sketch": sketches(posts["text_normalised"].combine_chunks()),
        **{f"p_{c}": chances[:, i] for i, c in enumerate(CLASSES)},
    })  # fmt: skip
    _, members = campaigns(posts, features)
    context = context_of(posts, features, members)
    at = _gold_rows(corpus, author, posts["text"])
    met = (at >= 0) & known.measured
    return Examples(
        {name: values[at[met]] for name, values in context.features.items()}, known.label[met], known.author[met],
        known.fold[met], (known.stratum == "random")[met],
    )  # fmt: skip


def _gold_rows(corpus: Corpus, author: pa.Array, text: pa.ChunkedArray) -> NDArray[np.int64]:
    """For each labelled post its row in the histories, by author and text; -1 for none."""
    gold = pc.binary_join_element_wise(
        pa.array(corpus.labels.author.tolist(), pa.string()), pc.utf8_trim_whitespace(corpus.labels.texts), "\x1f"
    )
    there = pc.binary_join_element_wise(author, pc.utf8_trim_whitespace(text), "\x1f")
    return np.asarray(pc.fill_null(pc.index_in(gold, value_set=there), -1).to_numpy(zero_copy_only=False), np.int64)


def fit_context(rows: Examples, base_rate: float, keep: NDArray[np.bool_]) -> ContextModel:
    """Logistic regression on the rows to `keep`; the intercept set so that the random stratum's mean is right."""
    from scipy.optimize import brentq
    from sklearn.linear_model import LogisticRegression

    matrix = np.stack([rows.features[name] for name in CONTEXT], axis=1)
    truth = np.isin(rows.label, _BROADCAST)
    model = LogisticRegression(C=1.0, max_iter=1000).fit(matrix[keep], truth[keep])
    z = matrix[keep & rows.natural] @ model.coef_[0]
    share = float(truth[keep & rows.natural].mean())
    intercept = brentq(lambda b: float((1 / (1 + np.exp(-(z + b)))).mean()) - share, -10, 10)
    return ContextModel(
        "unsaved", CONTEXT, tuple(round(float(c), 4) for c in model.coef_[0]), round(float(intercept), 4), base_rate
    )


def gain(rows: Examples, base_rate: float) -> dict[str, float]:
    """Cross-validated figures of share against broadcast on the gold posts in histories: text alone, and with context."""
    from sklearn.metrics import f1_score, roc_auc_score

    main = (rows.label == CLASSES.index("share")) | np.isin(rows.label, _BROADCAST)
    truth = np.isin(rows.label, _BROADCAST)[main]
    logits = np.zeros(len(rows.label))
    for k in FOLDS:
        model = fit_context(rows, base_rate, rows.fold != k)
        logits[rows.fold == k] = model.logits(rows.features, 0.3)[rows.fold == k]
    shift = np.log(0.3 / 0.7) - np.log(base_rate / (1 - base_rate))
    text = rows.features["text"][main] + shift
    return {
        "n": int(main.sum()), "text_auc": float(roc_auc_score(truth, text)), "text_f1": float(f1_score(truth, text >= 0)),
        "context_auc": float(roc_auc_score(truth, logits[main])), "context_f1": float(f1_score(truth, logits[main] >= 0)),
    }  # fmt: skip


def train_context(
    data: Path, corpus: Corpus, reader: Reader, calibration: Calibration, say: Progress
) -> tuple[ContextModel, dict[str, float]]:
    """The context model over all examples, and its cross-validated gain."""
    rows = examples(data, corpus, reader, calibration, say)
    base_rate = natural_base_rate(corpus.labels)
    return fit_context(rows, base_rate, np.ones(len(rows.label), bool)), gain(rows, base_rate)
