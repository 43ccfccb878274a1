"""Calibration of the heads of the sentiment model: slopes and shifts that turn their logits into probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.learn.feelings import NEUTRAL, POSITIVE, SETS, Feelings
from pipeline.learn.fit import Calibration, Weights, calibrate
from pipeline.tables import EMOTIONS
from pipeline.text.linear import Floats

# The share of neutral texts that probabilities assume: SMP2020 has a fifth, feeds more (three fifths of NLPCC2014's posts).
NEUTRAL_SHARE = 0.4
RIDGE = 1e-3  # holds the slopes of a sample that can be told apart without error


@dataclass(frozen=True)
class Scales:
    """Slope and shift of the polarity, slope and shift of the neutral, and the calibration of the emotions."""

    polarity: float
    lean: float
    neutral: float
    shift: float
    emotions: Calibration

    def sentiment(self, heads: Weights) -> Weights:
        """Weights of negative, neutral, positive: half the polarity against it, the neutral, half the polarity for it."""
        ways = np.array([-self.polarity / 2, self.neutral, self.polarity / 2])
        columns = [0, 1, 0]
        bias = heads.intercepts[columns] * ways + np.array([-self.lean / 2, self.shift, self.lean / 2])
        return Weights(heads.coefficients[:, columns] * ways, bias)

    def emotion(self, heads: Weights) -> Weights:
        """Weights of the six emotions."""
        return self.emotions.apply(Weights(heads.coefficients[:, 2:], heads.intercepts[2:]))

    def sides(self, logits: Floats) -> Floats:
        """Logits of negative, neutral, positive from those of the heads."""
        half = (self.polarity * logits[:, 0] + self.lean) / 2
        return np.stack([-half, self.neutral * logits[:, 1] + self.shift, half], axis=1)

    def feelings(self, logits: Floats) -> Floats:
        """Logits of the six emotions from those of the heads."""
        return self.emotions.slope * logits[:, 2:] + self.emotions.shift


def scales_of(logits: Floats, rows: Feelings, held: NDArray[np.bool_]) -> Scales:
    """The likeliest calibration by the posts in `held`, with neutral as frequent as NEUTRAL_SHARE."""
    found = fitted_scales(logits, rows, held)
    smp = held & (rows.dataset == SETS[0])
    known = smp & (rows.label >= 0)
    moved = found.emotions.shift.copy()
    moved[EMOTIONS.index("neutral")] += _to_share(float((rows.label[smp] == NEUTRAL).mean()))
    shift = found.shift + _to_share(float((rows.label[known] == NEUTRAL).mean()))
    return Scales(found.polarity, found.lean, found.neutral, shift, Calibration(found.emotions.slope, moved))


def _to_share(share: float) -> float:
    return float(np.log(NEUTRAL_SHARE / (1 - NEUTRAL_SHARE)) - np.log(share / (1 - share)))


def fitted_scales(logits: Floats, rows: Feelings, held: NDArray[np.bool_]) -> Scales:
    """The likeliest calibration by the posts in `held`, neutral as frequent as it is there.

    Both sets of posts count the same for the polarity.
    """
    smp, polar = held & (rows.dataset == SETS[0]), held & (rows.label >= 0) & (rows.label != NEUTRAL)
    sets = [polar & (rows.dataset == name) for name in SETS[:2]]
    weight = np.concatenate([np.full(int(one.sum()), 1 / max(int(one.sum()), 1)) for one in sets])
    score = np.concatenate([logits[one, 0] for one in sets])
    way = np.concatenate([np.where(rows.label[one] == POSITIVE, 1, -1) for one in sets])

    def unlikely(theta: Floats) -> float:
        return float(weight @ np.logaddexp(0, -way * (theta[0] * score + theta[1]))) / float(weight.sum())

    slope, lean = _least(unlikely, [1.0, 0.0])
    known = smp & (rows.label >= 0)
    half, neutral, label = (slope * logits[known, 0] + lean) / 2, logits[known, 1], rows.label[known]

    def loss(theta: Floats) -> float:
        three = np.stack([-half, theta[0] * neutral + theta[1], half], axis=1)
        return float((np.logaddexp.reduce(three, axis=1) - three[np.arange(len(label)), label]).mean())

    found = _least(loss, [1.0, 0.0])
    emotions = calibrate(logits[smp, 2:], rows.emotion[smp])
    return Scales(float(slope), float(lean), float(found[0]), float(found[1]), emotions)


def _least(loss: Callable[[Floats], float], start: list[float]) -> Floats:
    from scipy.optimize import minimize

    first = np.array(start)
    return np.asarray(minimize(lambda t: loss(t) + RIDGE * float(((t - first) ** 2).sum()), first, method="L-BFGS-B").x)
