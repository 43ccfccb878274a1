"""Steps of an additive model: each adds one number where a feature is at or below its threshold, and another above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Step(NamedTuple):
    """What a feature adds to the log-odds: `below` up to the threshold, `above` over it, `unknown` where it is NULL."""

    feature: str
    threshold: float
    below: float
    above: float
    unknown: float


def stepped(values: Floats, steps: Sequence[Step]) -> Floats:
    """The sum of all `steps`, which are of one feature, at each of its values; NaN stands for NULL."""
    ascending = sorted(steps, key=lambda step: step.threshold)
    below, above = (np.array([getattr(step, side) for step in ascending]) for side in ("below", "above"))
    sums = np.concatenate(([below.sum()], below.sum() + np.cumsum(above - below)))
    found = sums[np.searchsorted([step.threshold for step in ascending], values, side="left")]
    return np.where(np.isnan(values), sum(step.unknown for step in ascending), found)
