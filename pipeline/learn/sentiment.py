"""The sentiment model: negative, neutral, positive, from hand-labelled posts and star-labelled reviews."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.errors import PermanentError, one_line
from pipeline.learn.fit import Design, Known, calibrate, fit_texts, to_model
from pipeline.tables import SENTIMENTS
from pipeline.text.codepoints import from_arrow
from pipeline.text.contacts import redact
from pipeline.text.linear import Floats, LinearModel
from pipeline.text.ngrams import text_keys
from pipeline.text.reading import Reader, Reading
from pipeline.text.snownlp_table import snownlp_sentiment

NEGATIVE, NEUTRAL, POSITIVE = range(3)
# SMP2020's six emotions; surprise has no side and is left out of training and of polarity.
EMOTIONS = {"happy": POSITIVE, "angry": NEGATIVE, "sad": NEGATIVE, "fear": NEGATIVE, "neutral": NEUTRAL}
REVIEWS = 20_000  # of the 62,774 shopping reviews: more drowns the posts, which are what is judged
MIN_TEXTS = 10  # an n-gram in fewer texts is not shipped (authors are unknown here)
HELD_OUT = 10  # one text in so many, chosen by a hash of the text, is measured on and not trained on
SEED = 20150718


@dataclass(frozen=True)
class Feelings:
    """Texts, their side, the set each comes from, and whether it is held out."""

    texts: pa.Array
    label: NDArray[np.int64]
    dataset: NDArray[np.object_]
    held_out: NDArray[np.bool_]


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise PermanentError(f"sentiment data {path}: {one_line(error)}; expected Parquet; check --data") from error


def load(data: Path) -> Feelings:
    """All sets of data/sentiment, texts in their order; SMP2020's own eval split is held out."""
    home = data / "sentiment"
    smp = _table(home / "smp2020_train_eval.parquet")
    smp = smp.filter(pc.is_in(smp["label"], pa.array(list(EMOTIONS))))
    parts = [
        (smp["text"], [EMOTIONS[e] for e in smp["label"].to_pylist()], "smp2020", smp["split"].to_pylist()),
        *(_reviews(home, name, column, most) for name, column, most in (
            ("weibo2018_train", "text", None), ("chnsenticorp_hotel", "review", None), ("online_shopping_10_cats", "review", REVIEWS),
        )),
    ]  # fmt: skip
    texts, _ = redact(pa.concat_arrays([t.combine_chunks().cast(pa.string()) for t, *_ in parts]))
    label = np.concatenate([np.array(p[1], np.int64) for p in parts])
    dataset = np.concatenate([np.full(len(p[1]), p[2], object) for p in parts])
    by_hash = _text_hash(texts) % HELD_OUT == 0
    eval_split = np.concatenate([np.array(p[3], object) == "eval" for p in parts])
    return Feelings(texts, label, dataset, np.where(dataset == "smp2020", eval_split, by_hash))


def _reviews(home: Path, name: str, column: str, most: int | None) -> tuple[pa.ChunkedArray, list[int], str, list[str]]:
    table = _table(home / f"{name}.parquet")
    table = table.filter(pc.greater(pc.utf8_length(pc.fill_null(table[column], "")), 1))
    if most is not None:
        order = np.argsort(_text_hash(table[column].combine_chunks().cast(pa.string())), kind="stable")
        table = table.take(pa.array(np.sort(order[:most])))
    labels = [POSITIVE if value == 1 else NEGATIVE for value in table["label"].to_pylist()]
    return table[column], labels, name, [""] * len(table)


def _text_hash(texts: pa.Array) -> NDArray[np.uint64]:
    return text_keys(["word"] * len(texts), texts) >> np.uint64(8)


def train(data: Path, reader: Reader, say: Callable[[str], None]) -> tuple[LinearModel, dict[str, dict[str, float]]]:
    """The calibrated model fitted on what is not held out, and its figures and SnowNLP's on what is."""
    rows = load(data)
    say(f"reading {len(rows.label)} texts")
    reading = reader.read(rows.texts)
    each = np.arange(len(rows.label)).astype(object)
    known = Known(each, rows.label, np.ones(len(each)), len(SENTIMENTS))
    say("fitting")
    entries, weights = fit_texts(reader, reading, ~rows.held_out, known, seed=SEED, min_authors=MIN_TEXTS)
    matrix = Design.of(reader, reading, entries).matrix
    held = rows.held_out & np.isin(rows.dataset, ["smp2020", "weibo2018_train"])
    calibration = calibrate(weights.logits(matrix[held]), rows.label[held])
    model = to_model(calibration.apply(weights), entries, SENTIMENTS, reader.lexicon.version)
    return model, figures(rows, reading, calibration.apply(weights).logits(matrix))


def figures(rows: Feelings, reading: Reading, logits: Floats) -> dict[str, dict[str, float]]:
    """On held-out texts per set: accuracy of the sign of sentiment (neutral left out), of SnowNLP's table; macro-F1 of three."""
    from sklearn.metrics import f1_score

    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    sentiment = (powers[:, POSITIVE] - powers[:, NEGATIVE]) / powers.sum(axis=1)
    snow = snownlp_sentiment(reading.folded.batch, reading.tokens) - 0.5
    out: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(rows.dataset.tolist()):
        held = rows.held_out & (rows.dataset == name)
        polar = held & (rows.label != NEUTRAL)
        truth = rows.label[polar] == POSITIVE
        out[name] = {
            "n": int(held.sum()), "polarity_accuracy": float(((sentiment[polar] > 0) == truth).mean()),
            "snownlp_table_accuracy": float(((snow[polar] > 0) == truth).mean()),
        }  # fmt: skip
        if name == "smp2020":
            guess = logits[held].argmax(axis=1)
            out[name]["macro_f1_three"] = float(f1_score(rows.label[held], guess, average="macro"))
    return out


def snownlp_itself(data: Path, most: int = 300) -> float:
    """Polarity accuracy of SnowNLP(text).sentiments on `most` held-out posts (150 posts a second, hence few)."""
    from snownlp import SnowNLP

    rows = load(data)
    at = np.flatnonzero(rows.held_out & (rows.dataset == "smp2020") & (rows.label != NEUTRAL))[:most]
    batch = from_arrow(rows.texts.take(pa.array(at)))
    texts = [batch.joined[s : e - 1] for s, e in zip(batch.starts[:-1], batch.starts[1:], strict=True)]
    score = np.array([SnowNLP(text).sentiments if text.strip() else 0.5 for text in texts])
    return float(((score > 0.5) == (rows.label[at] == POSITIVE)).mean())
