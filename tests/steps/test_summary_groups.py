"""Intervals by authors: they are those of the bootstrap written out, they cover, and the same posts give the same bits."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from pipeline.steps.summary_groups import (
    GROUPS,
    LEAST_AUTHORS,
    author_hashes,
    differences,
    group_numbers,
    swings,
    weights,
    widened,
)

Ints = NDArray[np.int64]


def a_day(dice: np.random.Generator, n: int) -> tuple[Ints, NDArray[np.bool_], NDArray[np.float64]]:
    """Posts of n authors, each with a mood, a share of genuine posts and a number of posts of their own."""
    author = np.repeat(np.arange(n), dice.geometric(0.4, n))
    genuine = dice.random(len(author)) < dice.beta(1, 1, n)[author]
    mood = dice.normal(-0.1, 0.4, n)[author] + dice.normal(0, 0.3, len(author))
    return author, genuine, np.clip(np.where(genuine, mood, dice.normal(0.5, 0.2, len(author))), -1, 1)


def by_group(group: Ints, genuine: NDArray[np.bool_], value: NDArray[np.float64]) -> tuple[Ints, Ints]:
    """The sums that `differences` takes, of groups that have a post."""
    ppm = np.rint(value * 1e6).astype(np.int64)
    sums = np.zeros((GROUPS, 4), np.int64)
    np.add.at(sums, group, np.stack([np.ones(len(ppm), np.int64), ppm, genuine, np.where(genuine, ppm, 0)], axis=1))
    there = np.flatnonzero(sums[:, 0])
    return sums[there], there


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    dice = np.random.default_rng(3)
    _, genuine, value = a_day(dice, 400_000)
    truth = value[genuine].mean() - value.mean()
    days, estimates, authors = [], [], []
    for n in [12] * 500 + [60] * 500:
        author, genuine, value = a_day(dice, n)
        days.append(by_group(dice.integers(0, GROUPS, n)[author], genuine, value))
        estimates.append(value[genuine].mean() - value.mean())
        authors.append(len(np.unique(author[genuine])))
    bounds = np.cumsum([0, *(len(there) for _, there in days)])
    sums, groups = (np.concatenate(column) for column in zip(*days, strict=True))
    low, high = widened(np.array(estimates), differences(sums, groups, bounds, np.array(authors)), np.array(authors))
    covered = (low <= truth) & (truth <= high)
    for some in (covered[:500], covered[500:]):
        assert 0.92 <= some.mean() <= 0.985


def test_the_bounds_are_quantiles_of_the_drawn_differences() -> None:
    author, genuine, value = a_day(np.random.default_rng(8), 40)
    sums, groups = by_group(author, genuine, value)
    n_all, ppm_all, n_own, ppm_own = sums.T.astype(float) @ weights()[groups].astype(float)
    want = np.quantile(ppm_own / n_own - ppm_all / n_all, [0.025, 0.975]) / 1e6
    found = differences(sums, groups, np.array([0, len(sums)]), np.array([40]))
    assert found[0].tolist() == pytest.approx(want.tolist(), abs=1e-12)


def test_a_swing_draws_the_same_authors_on_both_days() -> None:
    dice = np.random.default_rng(9)
    sums = np.stack(
        [np.full(60, 10), dice.integers(-9_000_000, 9_000_000, 60), dice.integers(0, 5, 60), np.zeros(60)], axis=1
    )
    sums = sums.astype(np.int64)
    sums[:, 3] = sums[:, 2] * 900_000
    groups = np.tile(np.arange(30) * 7, 2)
    n_all, ppm_all, n_in, ppm_in = np.moveaxis(sums.reshape(2, 30, 4).astype(float), 2, 0) @ weights()[
        groups[:30]
    ].astype(float)
    lifts = ppm_all / n_all - (ppm_all - ppm_in) / (n_all - n_in)
    want = np.quantile(lifts[1] - lifts[0], [0.025, 0.975]) / 1e6
    none, both = swings(sums, groups, np.array([0, 30, 60]), np.array([-1, 0]))
    assert np.isnan(none).all()
    assert both.tolist() == pytest.approx(want.tolist(), abs=1e-12)


def test_few_authors_are_told_nothing_and_more_reach_further_than_many() -> None:
    n = np.array([LEAST_AUTHORS - 1, LEAST_AUTHORS, 30, 100_000])
    low, high = widened(np.full(4, 0.1), np.array([[0.0, 0.3]] * 4), n)
    assert np.isnan(low[0])
    assert (high[1:] - 0.1).tolist() == pytest.approx([0.2 * 1.5833, 0.2 * 1.0613, 0.2], rel=5e-3)
    assert (0.1 - low[1:]).tolist() == pytest.approx([0.1 * 1.5833, 0.1 * 1.0613, 0.1], rel=5e-3)


def test_an_author_is_in_one_group_and_unknown_ones_in_their_posts() -> None:
    names = ("platform", "author_id", "post_id")
    rows = [("weibo", "a", "1"), ("weibo", "a", "2"), ("qzone", "a", "3"), ("weibo", None, "4"), ("weibo", None, "5")]
    posts = pa.table([pa.array(column, pa.string()) for column in zip(*rows, strict=True)], names)
    first, again, elsewhere, *unknown = author_hashes(posts).tolist()
    assert first == again
    assert len({first, elsewhere, *unknown}) == 4
    assert 0 <= group_numbers(author_hashes(posts)).min() <= group_numbers(author_hashes(posts)).max() < GROUPS
