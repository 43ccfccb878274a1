"""Intervals by a bootstrap over authors: an author's posts are drawn together, for they are of one voice.

Authors fall into GROUPS random groups by a hash of platform and author (a post of an unknown author alone), and groups are what is
drawn (random groups, Wolter 2007, chapter 2): where authors are fewer, nearly each is a group of its own; where they are
more, sums stay small and add up over buckets and platforms. A group keeps its weights over all days and tables, so that changes
from day to day are compared with the same authors in them. Weights are whole (Poisson of mean 1, seeded) and sums are whole, so
the same posts give the same bits in any order.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.hashing import Words, hash_rows, leading
from pipeline.order import flags
from pipeline.text.compiled import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Weights = NDArray[np.float32]
GROUPS, REPLICATES, SEED = 512, 400, 20_150_301
LEAST_AUTHORS = 5  # fewer say nothing of how authors differ: the interval is NULL
_TAIL = 0.025
_PPM = 1e6
_AT_ONCE = 1_000  # keys whose replicates are held at a time
_Z = 1.959963984540054  # 97.5th percentile of the normal distribution


def author_hashes(posts: pa.Table) -> Words:
    """A hash of each post's author: platform and author_id; platform and post_id where that is NULL."""
    hashes = hash_rows(posts, ["platform", "author_id"])
    unknown = np.flatnonzero(flags(pc.is_null(posts["author_id"])))
    if len(unknown):
        keys = ["platform", "post_id"]
        hashes[unknown] = hash_rows(posts.select(keys).take(pa.array(unknown)), keys)
    return hashes


def group_numbers(authors: Words) -> Ints:
    """The group of each author, below GROUPS."""
    return leading(authors, GROUPS)


@lru_cache(maxsize=1)
def weights() -> Weights:
    """How often each replicate draws each group: GROUPS by REPLICATES."""
    drawn = np.random.Generator(np.random.PCG64(SEED)).poisson(1.0, (GROUPS, REPLICATES))
    return np.ascontiguousarray(drawn.astype(np.float32))


def differences(sums: Ints, groups: Ints, bounds: Ints, n_authors: Ints) -> Floats:
    """95% bounds of mean(genuine) - mean(all) for each key, whose groups are the rows bounds[i]:bounds[i+1].

    sums: rows by (n_all, ppm_all, n_own, ppm_own). Not widened yet; NaN below LEAST_AUTHORS.
    """
    sums, out = np.ascontiguousarray(sums), np.full((len(bounds) - 1, 2), np.nan)
    told = np.flatnonzero(n_authors >= LEAST_AUTHORS)
    for start in range(0, len(told), _AT_ONCE):
        keys = told[start : start + _AT_ONCE]
        drawn = np.empty((len(keys), REPLICATES))
        _differences(sums, groups, bounds, keys, weights(), drawn)
        out[keys] = _quantiles(drawn)
    return out / _PPM


def swings(sums: Ints, groups: Ints, bounds: Ints, before: Ints) -> Floats:
    """95% bounds of the part that campaigns have in each key's change since the key `before` (-1: none).

    sums: rows by (n_all, ppm_all, n_campaign, ppm_campaign). Not widened yet; NaN where no replicate has both.
    """
    sums, out = np.ascontiguousarray(sums), np.full((len(bounds) - 1, 2), np.nan)
    told = np.flatnonzero(before >= 0)
    for start in range(0, len(told), _AT_ONCE):
        keys = told[start : start + _AT_ONCE]
        lent = np.empty((2, len(keys), REPLICATES))
        for which, days in enumerate((keys, before[keys])):
            _lent(sums, groups, bounds, days, weights(), lent[which])
        out[keys] = _quantiles(lent[0] - lent[1])
    return out / _PPM


def _quantiles(drawn: Floats) -> Floats:
    """Both quantiles of each row, linear between neighbours; NaN is left out, and is the answer where nothing else is there."""
    ordered, n = np.sort(drawn, axis=1), np.count_nonzero(~np.isnan(drawn), axis=1)
    at = np.maximum(n - 1, 0)[:, None] * np.array([_TAIL, 1 - _TAIL])
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(n - 1, 0)[:, None])
    below, above = np.take_along_axis(ordered, low, 1), np.take_along_axis(ordered, high, 1)
    return np.asarray(below + (above - below) * (at - low))


def widened(estimate: Floats, bounds: Floats, n_authors: Ints) -> tuple[Floats, Floats]:
    """Low and high, further from the estimate as few authors ask (Hesterberg 2015, expanded percentiles); NaN below LEAST_AUTHORS.

    A bootstrap draws from the authors there are, whose spread is sqrt((n - 1) / n) of what is estimated, and reaches as far
    as the normal distribution where Student's would be right.
    """
    n = np.maximum(n_authors, LEAST_AUTHORS)
    factor = np.sqrt(n / (n - 1)) * _student(n - 1) / _Z
    told = n_authors >= LEAST_AUTHORS
    low, high = (np.where(told, estimate + factor * (bounds[:, i] - estimate), np.nan) for i in range(2))
    return low, high


def _student(freedom: Ints) -> Floats:
    """97.5th percentile of Student's distribution (Abramowitz and Stegun 26.7.5); within 0.3% from 4 degrees of freedom."""
    z, v = _Z, freedom.astype(float)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return np.asarray(z + first / v + second / v**2 + third / v**3)


@kernel
def _draw(sums: Ints, groups: Ints, begin: int, end: int, weights: Weights, totals: Floats) -> None:
    """The sums of each replicate: totals, sums by replicates."""
    totals[:] = 0.0
    for row in range(begin, end):
        group = groups[row]
        for j in range(sums.shape[1]):
            value = float(sums[row, j])
            if value != 0.0:
                for replicate in range(totals.shape[1]):
                    totals[j, replicate] += value * weights[group, replicate]


@kernel
def _differences(sums: Ints, groups: Ints, bounds: Ints, keys: Ints, weights: Weights, drawn: Floats) -> None:
    """mean(genuine) - mean(all) of each replicate of each of `keys`; NaN without a genuine post."""
    totals = np.empty((4, weights.shape[1]))
    for i, key in enumerate(keys):
        _draw(sums, groups, bounds[key], bounds[key + 1], weights, totals)
        for j in range(totals.shape[1]):
            some = totals[2, j] > 0.0
            drawn[i, j] = totals[3, j] / totals[2, j] - totals[1, j] / totals[0, j] if some else np.nan


@kernel
def _lent(sums: Ints, groups: Ints, bounds: Ints, keys: Ints, weights: Weights, lent: Floats) -> None:
    """What campaigns add to the mean in each replicate of each of `keys`; NaN where nothing is outside of them."""
    totals = np.empty((4, weights.shape[1]))
    for i, key in enumerate(keys):
        _draw(sums, groups, bounds[key], bounds[key + 1], weights, totals)
        for j in range(totals.shape[1]):
            outside = totals[0, j] - totals[2, j]
            without = (totals[1, j] - totals[3, j]) / outside if outside > 0.0 else np.nan
            lent[i, j] = totals[1, j] / totals[0, j] - without if outside > 0.0 else np.nan
