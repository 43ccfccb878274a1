"""The context model: what the campaign so far, the author's past and the post's marks add to the text, learned on whole histories.

Every post of an author is judged by a text model that saw none of that author's posts (the folds of train.csv), so that
the past weighs as much in training as it will on authors never seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.additive import Floats, Step
from pipeline.judge_model import ContextModel
from pipeline.learn import metrics
from pipeline.learn.fit import Calibration, Design, Entries, Weights
from pipeline.learn.histories import all_histories
from pipeline.learn.judge import FOLDS, SEED, Corpus, fold_models, natural_base_rate
from pipeline.learn.stumps import Boosting, boosted
from pipeline.order import match_rows, sort_rows
from pipeline.steps.campaigns import campaigns
from pipeline.steps.clean import posts as clean_posts
from pipeline.steps.context import ROW_ORDER, context_of
from pipeline.steps.features import form_columns
from pipeline.tables import BROADCAST, CLASSES
from pipeline.text.linear import softmax
from pipeline.text.reading import Reader
from pipeline.text.sketch import sketches

Progress = Callable[[str], None]
_KEY = b"training only: these ids are never stored"
_BATCH = 20_000
_BROADCAST = [CLASSES.index(c) for c in BROADCAST]
# A line for each of these first, then steps of all features for what the lines leave.
LINES = ("text", "past", "past_known", "repeats", "campaign_posts", "campaign_authors", "is_repost")
BOOSTING = Boosting(rounds=400, rate=0.1, penalty=5.0, least=40, share=0.3)
LEAST_AUTHORS = 20  # of an app, to have a weight
LEAST_SHARE = 0.001  # of a class among usual posts
CONSTANTS = {f"context_{name}": value for name, value in asdict(BOOSTING).items()} | {
    "context_app_authors": LEAST_AUTHORS
}
ACCOUNTS = "weibo_authors"


@dataclass(frozen=True)
class Examples:
    """Gold posts met in histories: context features, app, whether broadcast, share or neither, author, fold, stratum, set."""

    features: dict[str, Floats]
    app: NDArray[np.object_]
    label: NDArray[np.int64]
    author: NDArray[np.object_]
    fold: NDArray[np.int64]
    natural: NDArray[np.bool_]
    dataset: NDArray[np.object_]


def _features(
    texts: pa.ChunkedArray, fold: NDArray[np.int64], models: list[tuple[Entries, Weights]], reader: Reader
) -> pa.Table:
    """Each class's probability by the model of the text's fold, and the counts of form."""
    out, form = np.zeros((len(texts), len(CLASSES))), []
    for start in range(0, len(texts), _BATCH):
        here = fold[start : start + _BATCH]
        reading = reader.read(texts.slice(start, _BATCH))
        form.append(pa.table(form_columns(reading, reader)))
        for k, (entries, weights) in enumerate(models):
            rows = np.flatnonzero(here == k)
            if len(rows):
                matrix = Design.of(reader, reading, entries).matrix[rows]
                out[start + rows] = softmax(weights.logits(matrix))
    chances = {f"p_{name}": pa.array(out[:, i]) for i, name in enumerate(CLASSES)}
    counts = pa.concat_tables(form)
    return pa.table(chances | {name: counts[name] for name in counts.column_names})


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
    features = _features(posts["text"], fold, models, reader)
    of_posts = {"platform": posts["platform"], "post_id": posts["post_id"]}
    of_posts["sketch"] = sketches(posts["text_normalised"].combine_chunks())
    for name, values in of_posts.items():
        features = features.append_column(name, values)
    _, members = campaigns(posts, features)
    context = context_of(posts, features, members)
    at = _gold_rows(corpus, author, posts["text"])
    met = (at >= 0) & known.measured
    app = np.array(pc.fill_null(posts["app"], "").to_pylist(), object)
    return Examples(
        {name: values[at[met]] for name, values in context.features.items()}, app[at[met]], known.label[met],
        known.author[met], known.fold[met], (known.stratum == "random")[met], known.dataset[met],
    )  # fmt: skip


def _gold_rows(corpus: Corpus, author: pa.Array, text: pa.ChunkedArray) -> NDArray[np.int64]:
    """For each labelled post its row in the histories, by author and text; -1 for none."""
    gold = pc.binary_join_element_wise(
        pa.array(corpus.labels.author.tolist(), pa.string()), pc.utf8_trim_whitespace(corpus.labels.texts), "\x1f"
    )
    there = pc.binary_join_element_wise(author, pc.utf8_trim_whitespace(text), "\x1f")
    return np.asarray(pc.fill_null(pc.index_in(gold, value_set=there), -1).to_numpy(zero_copy_only=False), np.int64)


def fit_context(rows: Examples, base_rate: float, keep: NDArray[np.bool_]) -> ContextModel:
    """Lines, then boosted steps, on the rows to `keep`; the intercept set so that the random stratum's mean is right."""
    from scipy.optimize import brentq
    from sklearn.linear_model import LogisticRegression

    matrix = np.stack([rows.features[name] for name in LINES], axis=1)[keep]
    truth = np.isin(rows.label, _BROADCAST)[keep]
    lines = LogisticRegression(C=1.0, max_iter=1000).fit(matrix, truth)
    apps = {name: rows.app == name for name in _usual_apps(rows, keep)}
    columns = rows.features | {f"{_APP}{name}": there.astype(np.float64) for name, there in apps.items()}
    start = lines.decision_function(matrix)
    steps = boosted({name: c[keep] for name, c in columns.items()}, truth, {}, seed=SEED, how=BOOSTING, start=start)
    coefficients = tuple(round(float(c), 4) for c in lines.coef_[0])
    shares = np.bincount(rows.label[keep & rows.natural], minlength=len(CLASSES)) / (keep & rows.natural).sum()
    usual = tuple(round(max(float(share), LEAST_SHARE), 4) for share in shares)
    model = ContextModel("unsaved", LINES, coefficients, 0.0, base_rate, *_apart(steps), usual)
    z = _logits(model, rows, base_rate)[keep & rows.natural]
    share = float(truth[rows.natural[keep]].mean())
    intercept = brentq(lambda b: float((1 / (1 + np.exp(-(z + b)))).mean()) - share, -20, 20)
    return replace(model, intercept=round(float(intercept), 4))


_APP = "app "  # before an app's name, where apps are columns


def _usual_apps(rows: Examples, keep: NDArray[np.bool_]) -> list[str]:
    """The apps that LEAST_AUTHORS authors or more posted from, by name."""
    pairs = {(app, author) for app, author in zip(rows.app[keep], rows.author[keep], strict=True) if app}
    authors = Counter(app for app, _ in pairs)
    return sorted(name for name, n in authors.items() if n >= LEAST_AUTHORS)


def _apart(steps: tuple[Step, ...]) -> tuple[tuple[Step, ...], dict[str, float]]:
    """The steps of features, and of each app what it adds; what not being an app adds goes into the intercept, set later."""
    others = tuple(step for step in steps if not step.feature.startswith(_APP))
    apps = {s.feature.removeprefix(_APP): round(s.above - s.below, 5) for s in steps if s.feature.startswith(_APP)}
    return others, apps


def _logits(model: ContextModel, rows: Examples, base_rate: float) -> Floats:
    return model.logits(rows.features, base_rate) + model.of_app(pa.array(rows.app.tolist(), pa.string()))


def gain(rows: Examples, base_rate: float) -> dict[str, float]:
    """Cross-validated figures of share against broadcast on the gold posts in histories: text alone, and with context.

    `accounts_`: of the Weibo accounts alone, with the paired 95% interval over authors of what context adds to F1.
    """
    logits = np.zeros(len(rows.label))
    for k in FOLDS:
        model = fit_context(rows, base_rate, rows.fold != k)
        logits[rows.fold == k] = _logits(model, rows, 0.3)[rows.fold == k]
    shift = np.log(0.3 / 0.7) - np.log(base_rate / (1 - base_rate))
    text = rows.features["text"] + shift
    every = metrics.main_rows(rows.label)
    found = _compared(rows, text, logits, every)
    accounts = every & (rows.dataset == ACCOUNTS)
    if not accounts.any():
        return found
    of_accounts = _compared(rows, text, logits, accounts)
    low, high = _f1_gain(rows, text, logits, accounts)
    of_accounts |= {"f1_gain_low": low, "f1_gain_high": high}
    return found | {f"accounts_{name}": value for name, value in of_accounts.items()}


def _compared(rows: Examples, text: Floats, logits: Floats, some: NDArray[np.bool_]) -> dict[str, float]:
    from sklearn.metrics import f1_score, roc_auc_score

    truth = np.isin(rows.label, _BROADCAST)[some]
    found: dict[str, float] = {"n": int(some.sum())}
    for name, z in (("text", text[some]), ("context", logits[some])):
        found[f"{name}_auc"], found[f"{name}_f1"] = float(roc_auc_score(truth, z)), float(f1_score(truth, z >= 0))
    return found


def _f1_gain(rows: Examples, text: Floats, logits: Floats, some: NDArray[np.bool_]) -> tuple[float, float]:
    from sklearn.metrics import f1_score

    truth, by_text, by_context = np.isin(rows.label, _BROADCAST)[some], text[some] >= 0, logits[some] >= 0

    def gained(at: NDArray[np.int64]) -> float:
        return float(f1_score(truth[at], by_context[at]) - f1_score(truth[at], by_text[at]))

    return metrics.interval(rows.author[some], gained)


def train_context(
    data: Path, corpus: Corpus, reader: Reader, calibration: Calibration, say: Progress
) -> tuple[ContextModel, dict[str, float]]:
    """The context model over all examples, and its cross-validated gain."""
    rows = examples(data, corpus, reader, calibration, say)
    base_rate = natural_base_rate(corpus.labels)
    return fit_context(rows, base_rate, np.ones(len(rows.label), bool)), gain(rows, base_rate)
