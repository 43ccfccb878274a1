"""Boosted stumps: an additive model of steps, one threshold of one feature at a time (Friedman 2001), monotone where told.

Written out here so that the same rows give the same steps on every machine, and no tree library's file is in a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from pipeline.additive import Floats, Step


@dataclass(frozen=True)
class Boosting:
    """How to boost: `penalty` is added to the curvature of a side, so that few rows move little; `least` rows on either side;
    of the features a `share` is drawn anew each round, so that no single one takes all."""

    rounds: int = 150
    rate: float = 0.1
    penalty: float = 5.0
    least: int = 20
    share: float = 0.3


_MOST_THRESHOLDS = 63
USUAL = Boosting()


@dataclass(frozen=True)
class _Feature:
    """Thresholds ascending, and of each row how many of them lie below its value."""

    name: str
    thresholds: Floats
    bins: NDArray[np.int64]
    sign: int  # 1 where more may only raise, -1 where it may only lower, 0 for either
    fill: float

    def below(self, values: Floats) -> Floats:
        """Of `values` the sum at or below each threshold."""
        return np.asarray(np.cumsum(np.bincount(self.bins, values, len(self.thresholds) + 1))[:-1])

    def step(self, at: int, low: float, high: float) -> Step:
        """What is unknown goes the way of the fill."""
        threshold, low, high = float(self.thresholds[at]), round(low, 5), round(high, 5)
        return Step(self.name, threshold, low, high, low if self.fill <= threshold else high)


@dataclass(frozen=True)
class _Split:
    gain: float
    feature: int
    at: int
    low: float
    high: float


def boosted(
    columns: Mapping[str, Floats], labels: NDArray[np.bool_], signs: Mapping[str, int], *, seed: int,
    how: Boosting = USUAL, start: Floats | None = None,
) -> tuple[Step, ...]:  # fmt: skip
    """Steps whose sum with `start` (by default the labels' log-odds) is the log-odds of the label. `signs`: what must be monotone.

    NaN counts as the median of what is known: that a value is unknown here says nothing elsewhere. Steps at the same
    threshold are one; ordered by feature and threshold.
    """
    features = [_binned(name, values, signs.get(name, 0)) for name, values in columns.items()]
    features = [feature for feature in features if len(feature.thresholds)]
    dice = np.random.default_rng(seed)
    truth = labels.astype(np.float64)
    z = np.full(len(truth), logit(truth.mean())) if start is None else start.copy()
    moves: dict[tuple[int, int], Floats] = {}
    for _ in range(how.rounds if features else 0):
        drawn = np.sort(dice.choice(len(features), max(1, round(how.share * len(features))), replace=False)).tolist()
        chance = expit(z)
        best = max(
            (_split(features, i, truth - chance, chance * (1 - chance), how) for i in drawn), key=lambda s: s.gain
        )
        if best.gain > 0:
            move = how.rate * np.array([best.low, best.high])
            z += move[(features[best.feature].bins > best.at).astype(np.int64)]
            moves[best.feature, best.at] = moves.get((best.feature, best.at), np.zeros(2)) + move
    return tuple(sorted(features[i].step(at, float(low), float(high)) for (i, at), (low, high) in moves.items()))


def _binned(name: str, values: Floats, sign: int) -> _Feature:
    known = values[~np.isnan(values)]
    if not len(known):
        return _Feature(name, np.zeros(0), np.zeros(len(values), np.int64), sign, 0.0)
    fill = float(np.median(known))
    cuts = np.quantile(known, np.linspace(0, 1, _MOST_THRESHOLDS + 2)[1:-1], method="lower")
    cuts = np.unique(np.round(cuts[cuts < known.max()], 6))
    bins = np.searchsorted(cuts, np.where(np.isnan(values), fill, values), side="left")
    return _Feature(name, cuts, bins, sign, fill)


def _split(features: list[_Feature], i: int, gradient: Floats, curvature: Floats, how: Boosting) -> _Split:
    """The best threshold of feature `i` by what a Newton step on either side gains; gain 0 where none is allowed."""
    feature = features[i]
    g_low, h_low, n_low = (feature.below(values) for values in (gradient, curvature, np.ones(len(gradient))))
    g, h, n = float(gradient.sum()), float(curvature.sum()), len(gradient)
    low, high = g_low / (h_low + how.penalty), (g - g_low) / (h - h_low + how.penalty)
    gain = g_low * low + (g - g_low) * high - g * g / (h + how.penalty)
    allowed = (n_low >= how.least) & (n - n_low >= how.least) & ((high - low) * feature.sign >= 0)
    gain = np.where(allowed, gain, 0.0)
    at = int(np.argmax(gain))
    return _Split(float(gain[at]), i, at, float(low[at]), float(high[at]))
