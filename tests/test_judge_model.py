from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.judge_model import CONTEXT, LOGIT_LIMIT, Past, context_features, past_of, text_logits
from tests.tiny import context_model

ROWS = st.lists(
    st.tuples(st.integers(-1, 3), st.booleans(), st.floats(-6, 6, allow_nan=False), st.booleans()), max_size=20
)


def _past(rows: list[tuple[int, bool, float, bool]]) -> Past:
    author, dated, logits, repeats = zip(*rows, strict=True) if rows else ((), (), (), ())
    return past_of(np.array(author, np.int64), np.array(dated, bool), np.array(logits, float), np.array(repeats, bool))


@settings(deadline=None)
@given(ROWS)
def test_the_past_of_a_post_is_the_authors_earlier_dated_posts_and_of_an_undated_one_the_other_undated(
    rows: list[tuple[int, bool, float, bool]],
) -> None:
    found = _past(rows)
    for i, (author, dated, _, _) in enumerate(rows):
        around = rows[:i] if dated else rows[:i] + rows[i + 1 :]
        before = [r for r in around if r[0] == author >= 0 and r[1] == dated]
        assert found.n[i] == len(before)
        assert found.logit_micro[i] == sum(round(logit * 1e6) for _, _, logit, _ in before)
        assert found.n_repeats[i] == sum(repeat for *_, repeat in before)


def test_two_posts_of_one_author_by_hand() -> None:
    found = _past([(0, True, 2.5, True), (1, True, -1.0, False), (0, True, 0.5, False), (0, False, 9.0, True)])
    assert found.n.tolist() == [0, 0, 1, 0]
    assert found.logit_micro.tolist() == [0, 0, 2_500_000, 0]
    assert found.n_repeats.tolist() == [0, 0, 1, 0]


def test_context_features_by_hand() -> None:
    past = Past(np.array([0, 3]), np.array([0, 6_000_000]), np.array([0, 3]))
    found = context_features(np.array([1.0, -1.0]), past, np.array([0, 9]), np.array([0, 4]), np.array([True, False]))
    assert tuple(found) == CONTEXT
    assert {name: values.tolist() for name, values in found.items()} == {
        "text": [1.0, -1.0], "past": [0.0, 1.0], "past_known": [0.0, 0.5], "repeats": [0.0, 0.5],
        "campaign_posts": [0.0, np.log(10)], "campaign_authors": [0.0, np.log(5)], "is_repost": [1.0, 0.0],
    }  # fmt: skip


def test_log_odds_of_a_text_are_bounded_on_both_sides() -> None:
    found = text_logits(np.array([0.0, 1e-9, 0.2, 0.5, 0.8, 1.0]))
    assert found.tolist() == pytest.approx([-LOGIT_LIMIT, -LOGIT_LIMIT, -np.log(4), 0, np.log(4), LOGIT_LIMIT])


def test_log_odds_are_the_weighted_sum_and_the_shift() -> None:
    model = replace(context_model(), names=("text", "past"), coefficients=(2.0, -3.0), intercept=0.5)
    features = {"text": np.array([1.0, 0.0]), "past": np.array([1.0, 2.0]), "repeats": np.array([99.0, 99.0])}
    assert model.logits(features, model.base_rate).tolist() == [-0.5, -5.5]
    assert model.logits(features, 0.5).tolist() == pytest.approx([-0.5 + np.log(7 / 3), -5.5 + np.log(7 / 3)])


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_larger_base_rate_shifts_up(one: float, other: float) -> None:
    model = context_model()
    assert (model.shift(one) <= model.shift(other)) == (one <= other) or np.isclose(one, other)
    assert model.shift(model.base_rate) == 0
