"""The move from sharing to selling by months: its slope and the month in which it broke. Part of the trust step."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.local_time import months
from pipeline.order import tally
from pipeline.steps.author_life import Floats, Lives

YEAR = 365
LEAST_MONTHS = 6
_EVEN = 1e-9  # a CUSUM below this is rounding, not a step


def drift(life: Lives) -> tuple[Floats, pa.Array]:
    """profit_drift and shift_month per author, NaN and NULL under 6 calendar months with a post in the last 365 days.

    profit_drift is the Theil-Sen slope (median of the slopes between all pairs of months; Sen 1968) of the monthly
    commerce share, per 30 days; months begin at their first day. shift_month is the month at which a new level begins:
    the one after the largest absolute cumulative sum of deviations from the mean (CUSUM; Page 1954); NULL if the share
    never changes.
    """
    share, month = _monthly_shares(life)
    told = (~np.isnan(share)).sum(axis=1) >= LEAST_MONTHS
    slopes, shifts = np.full(len(life), np.nan), np.full(len(life), -1)
    slopes[told] = _theil_sen(share[told], month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) / 30)
    shifts[told] = _shift(share[told])
    names = pa.array(np.datetime_as_string(month.astype("datetime64[M]")), pa.string())
    return slopes, names.take(pa.array(shifts, mask=shifts < 0))


def _monthly_shares(life: Lives) -> tuple[Floats, NDArray[np.int64]]:
    """Commercial posts / posts per author and month of the last 365 days (NaN without a post), and the 13 months."""
    first, last = months(np.array([life.as_of - YEAR + 1, life.as_of]))
    month = np.arange(first, last + 1)
    recent = life.recent(YEAR)
    cell = life.author[recent] * len(month) + months(life.day[recent]) - first
    posts, commercial = (
        tally(cell, life.counts[name][recent], len(life) * len(month)).reshape(len(life), len(month))
        for name in ("n_posts", "n_commercial")
    )
    return np.where(posts > 0, commercial / np.maximum(posts, 1), np.nan), month


def _theil_sen(share: Floats, at: Floats) -> Floats:
    """Median slope over all pairs of months with a post, per author; each has at least two."""
    i, j = np.triu_indices(len(at), 1)
    slopes = np.sort((share[:, j] - share[:, i]) / (at[j] - at[i]), axis=1)  # NaN goes last
    n = (~np.isnan(slopes)).sum(axis=1)
    row = np.arange(len(share))
    return np.asarray((slopes[row, (n - 1) // 2] + slopes[row, n // 2]) / 2)


def _shift(share: Floats) -> NDArray[np.int64]:
    """Column in which the new level begins, per author; -1 where the share never changes."""
    known = ~np.isnan(share)
    values = np.where(known, share, 0.0)
    mean = values.sum(axis=1, keepdims=True) / known.sum(axis=1, keepdims=True)
    size = np.abs(np.cumsum(np.where(known, values - mean, 0.0), axis=1))
    size[:, -1] = 0  # the whole sum is rounding
    peak = np.argmax(size, axis=1)
    after = known & (np.arange(share.shape[1]) > peak[:, None])
    return np.where(size.max(axis=1) > _EVEN, np.argmax(after, axis=1), -1)
