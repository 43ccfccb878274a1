"""Figures of the sentiment recipe on texts held out: per set with intervals, beside SnowNLP, calibration and confusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.learn import intensity, metrics
from pipeline.learn.feelings import ALL_SETS, NEGATIVE, NEUTRAL, POSITIVE, READ, SETS, UNKNOWN, Feelings
from pipeline.learn.sentiment import Measured
from pipeline.learn.sentiment_scale import fitted_scales
from pipeline.tables import EMOTIONS, SENTIMENTS
from pipeline.text.codepoints import from_arrow
from pipeline.text.linear import Floats, softmax
from pipeline.text.snownlp_table import snownlp_sentiment

Bools = NDArray[np.bool_]
SNOWNLP_TEXTS = 300  # on which SnowNLP itself is asked: it reads 150 a second
FEED_SHARE = 0.55  # of neutral texts in a feed, as which SMP2020's are weighed beside their own mix


@dataclass(frozen=True)
class Polarity:
    """Of one set's polar texts: how many, accuracy with its 95% interval, SnowNLP's, calibration error, and without the set."""

    where: str
    n: int
    accuracy: float
    interval: tuple[float, float]
    snownlp_table: float
    calibration_error: float
    without: float | None


@dataclass(frozen=True)
class Figures:
    """All that is measured; `confusion` has true negative, neutral, positive down and the verdicts across."""

    polarity: list[Polarity]
    macro_f1: float
    macro_f1_feed: float
    macro_f1_read: float | None  # on the public posts whose feelings were read; None where there are none
    neutral_calibration_error: float
    confusion: list[list[int]]
    emotions: dict[str, dict[str, float]]
    own: dict[str, dict[str, float]]
    snownlp_itself: float
    intensity: intensity.IntensityFigures | None  # None where no strength is known


def figures_of(found: Measured) -> Figures:
    """The figures of the texts held out; calibrated by the other half of them."""
    rows, sides, emotions, own = found.rows, *_cross_calibrated(found)
    smp = rows.held_out & (rows.dataset == SETS[0])
    three, read = smp & (rows.label != UNKNOWN), rows.held_out & (rows.dataset == READ)
    label, verdict = rows.label[three], sides[three].argmax(axis=1)
    feed = np.where(
        label == NEUTRAL, FEED_SHARE / (label == NEUTRAL).mean(), (1 - FEED_SHARE) / (label != NEUTRAL).mean()
    )
    confusion = [[int(((label == a) & (verdict == b)).sum()) for b in range(len(SENTIMENTS))] for a in range(len(SENTIMENTS))]  # fmt: skip
    return Figures(
        _polarities(found, sides), _macro(label, verdict), _macro(label, verdict, feed),
        _macro(rows.label[read], sides[read].argmax(axis=1)) if read.any() else None,
        metrics.calibration_error(label == NEUTRAL, own[three][:, NEUTRAL]), confusion,
        {name: _emotions(rows, emotions, rows_of) for name, rows_of in _parts(rows, smp).items()}, _own(found), snownlp_itself(rows),
        intensity.figures_of(found.intensity, rows),
    )  # fmt: skip


def _cross_calibrated(found: Measured) -> tuple[Floats, Floats, Floats]:
    """Probabilities of sides and of emotions, each half of the groups calibrated by the other; and of sides in SMP2020's mix."""
    out = [np.zeros((len(found.logits), n)) for n in (len(SENTIMENTS), len(EMOTIONS), len(SENTIMENTS))]
    for half in (0, 1):
        mine = found.rows.group % 2 == half
        scales, own = found.scales(~mine), fitted_scales(found.logits, found.rows, found.rows.held_out & ~mine)
        logits = found.logits[mine]
        for to, values in zip(out, (scales.sides(logits), scales.feelings(logits), own.sides(logits)), strict=True):
            to[mine] = softmax(values)
    return out[0], out[1], out[2]


def _macro(label: NDArray[np.int64], verdict: NDArray[np.int64], weight: Floats | None = None) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(label, verdict, average="macro", sample_weight=weight, zero_division=0))


def _parts(rows: Feelings, smp: Bools) -> dict[str, Bools]:
    named = {f"smp2020 {part}".strip(): smp & (rows.part == part) for part in dict.fromkeys(rows.part[smp].tolist())}
    return {name: keep for name, keep in named.items() if keep.any()}


def _emotions(rows: Feelings, chances: Floats, keep: Bools) -> dict[str, float]:
    from sklearn.metrics import f1_score

    truth, verdict = rows.emotion[keep], chances[keep].argmax(axis=1)
    each = f1_score(truth, verdict, labels=list(range(len(EMOTIONS))), average=None, zero_division=0)
    return {"n": int(keep.sum()), "macro_f1": float(each.mean()), **{e: float(each[i]) for i, e in enumerate(EMOTIONS)}}


def _own(found: Measured) -> dict[str, dict[str, float]]:
    """Of the own posts of each kind and side: how many, and the share given that side."""
    sides, own = found.scales().sides(found.own_logits), found.own
    verdict, right = sides.argmax(axis=1), (sides[:, POSITIVE] > sides[:, NEGATIVE]) == (own.label == POSITIVE)
    out = {}
    for kind in dict.fromkeys(own.kind.tolist()):
        polar = (own.kind == kind) & (own.label != NEUTRAL)
        out[kind] = {"n": int(polar.sum()), "polarity_accuracy": float(right[polar].mean())}
        out[kind] |= {"polar_called_neutral": float((verdict[polar] == NEUTRAL).mean())}
        neutral = (own.kind == kind) & (own.label == NEUTRAL)
        if neutral.any():
            out[kind] |= {
                "n_neutral": int(neutral.sum()),
                "neutral_recall": float((verdict[neutral] == NEUTRAL).mean()),
            }
    return out


def _polarities(found: Measured, sides: Floats) -> list[Polarity]:
    rows = found.rows
    snow = snownlp_sentiment(found.reading.folded.batch, found.reading.tokens) > 0.5
    polar = rows.held_out & (rows.label != UNKNOWN) & (rows.label != NEUTRAL)
    places = _parts(rows, polar & (rows.dataset == SETS[0]))
    named = {name: polar & (rows.dataset == name) for name in ALL_SETS[1:]}
    places |= {name: keep for name, keep in named.items() if keep.any()}
    out = []
    for where, keep in places.items():
        truth, positive = rows.label[keep] == POSITIVE, sides[keep][:, POSITIVE]
        right = ((positive > sides[keep][:, NEGATIVE]) == truth).astype(np.float64)
        out.append(Polarity(
            where, int(keep.sum()), float(right.mean()), _interval(rows.group[keep], right),
            float((snow[keep] == truth).mean()),
            metrics.calibration_error(truth, positive / (positive + sides[keep][:, NEGATIVE])), _without(found, where, rows),
        ))  # fmt: skip
    return out


def _interval(group: NDArray[np.int64], right: Floats) -> tuple[float, float]:
    return metrics.interval(group.astype(object), lambda at: float(right[at].mean()))


def _without(found: Measured, where: str, rows: Feelings) -> float | None:
    """Accuracy on a set, or a part of it, none of which was trained on."""
    name, _, part = where.partition(" ")
    at, polarity = found.without[name]
    mine = rows.part[at] == part if part else np.ones(len(at), bool)
    return float(((polarity > 0) == (rows.label[at] == POSITIVE))[mine].mean()) if mine.any() else None


def snownlp_itself(rows: Feelings, most: int = SNOWNLP_TEXTS) -> float:
    """Polarity accuracy of SnowNLP(text).sentiments on `most` held-out posts."""
    import pyarrow as pa
    from snownlp import SnowNLP

    polar = (rows.label != UNKNOWN) & (rows.label != NEUTRAL)
    at = np.flatnonzero(rows.held_out & (rows.dataset == SETS[0]) & polar)[:most]
    batch = from_arrow(rows.texts.take(pa.array(at)))
    texts = [batch.joined[s : e - 1] for s, e in zip(batch.starts[:-1], batch.starts[1:], strict=True)]
    score = np.array([SnowNLP(text).sentiments if text.strip() else 0.5 for text in texts])
    return float(((score > 0.5) == (rows.label[at] == POSITIVE)).mean())
