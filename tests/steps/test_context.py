from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.order import match_rows, sort_rows, take_rows
from pipeline.steps.campaigns import campaigns
from pipeline.steps.context import MICRO, ROW_ORDER, WINDOWS, Past, context_of
from pipeline.steps.features import features
from tests.tiny import DIARY, SELLING, text_models

ROWS = st.lists(
    st.tuples(st.integers(-1, 3), st.booleans(), st.floats(-6, 6, allow_nan=False), st.integers(-9, 9)), max_size=20
).map(lambda rows: sorted(rows, key=lambda row: (row[0], not row[1], row[3])))
Rows = list[tuple[int, bool, float, int]]


def _past(rows: Rows) -> tuple[Past, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    author, dated, values, seconds = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Past(np.array(author, np.int64), np.array(dated, bool)), np.array(values, float), np.array(seconds, np.int64)


@settings(deadline=None)
@given(ROWS)
def test_the_past_of_a_post_is_the_authors_earlier_dated_posts_and_of_an_undated_one_the_other_undated(
    rows: Rows,
) -> None:
    past, values, _ = _past(rows)
    found, mean = past.sum(values), past.mean(values)
    for i, (author, dated, _, _) in enumerate(rows):
        around = rows[:i] if dated else rows[:i] + rows[i + 1 :]
        before = [r for r in around if r[0] == author >= 0 and r[1] == dated]
        assert past.n[i] == len(before)
        assert found[i] == sum(round(value * MICRO) for _, _, value, _ in before)
        assert mean[i] == pytest.approx(found[i] / MICRO / (len(before) + 3))


@settings(deadline=None)
@given(ROWS, st.integers(0, 12))
def test_posts_within_a_window_are_the_authors_earlier_dated_ones_no_further_back(rows: Rows, window: int) -> None:
    past, _, seconds = _past(rows)
    for i, (found, (author, dated, _, at)) in enumerate(zip(past.within(seconds, window).tolist(), rows, strict=True)):
        near = [r for r in rows[:i] if r[0] == author and r[1] and at - r[3] <= window]
        assert np.isnan(found) if not dated or author < 0 else found == len(near)


def _known(diary: Any) -> dict[str, dict[str, float]]:
    posts = sort_rows(diary.posts, ROW_ORDER)
    found = features(posts, models=text_models())
    members = campaigns(posts, found)[1]
    context = context_of(posts, take_rows(found, match_rows(posts, found, ["platform", "post_id"])), members)
    ids = posts["post_id"].to_pylist()
    return {post: {name: values[i] for name, values in context.features.items()} for i, post in enumerate(ids)}


def test_features_by_hand(diary: Any) -> None:
    first = diary.post("a", 1, SELLING, hour=8)
    second = diary.post("a", 1, DIARY, hour=8.5, is_repost=True, likes=9)
    third = diary.post("a", 2, DIARY + "@小美 #晚饭#", hour=7)
    undated, nobodys = diary.post("a", None, DIARY), diary.post(None, 2, DIARY)
    found = _known(diary)
    assert found[first]["past"] == found[first]["past_known"] == found[first]["past_sell"] == 0
    assert found[second]["past"] == pytest.approx(found[first]["text"] / 4, abs=1e-6)
    assert found[third]["past_known"] == pytest.approx(2 / 5)
    assert found[third]["past_reposts"] == pytest.approx(1 / 5)
    assert (found[second]["likes"], found[second]["is_repost"]) == (pytest.approx(np.log(10)), 1)
    assert np.isnan(found[first]["likes"])
    assert (found[third]["mentions"], found[third]["topics"], found[third]["past_mentions"]) == (1, 1, 0)
    pace = {post: [round(float(np.expm1(found[post][name]))) for name in WINDOWS] for post in (first, second, third)}
    assert pace == {first: [0, 0, 0], second: [1, 1, 1], third: [0, 2, 2]}
    assert all(np.isnan(found[post][name]) for post in (undated, nobodys) for name in WINDOWS)
    assert found[undated]["past_known"] == found[nobodys]["past_known"] == 0
