from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.additive import Step, stepped
from pipeline.judge_model import LOGIT_LIMIT, decide, likeliest, text_logits
from pipeline.tables import CLASSES
from tests.tiny import context_model

VALUES = st.lists(st.one_of(st.floats(-3, 3), st.just(float("nan"))), max_size=10)
STEPS = st.lists(st.tuples(st.floats(-3, 3), st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)), max_size=6)


@given(VALUES, STEPS)
def test_steps_of_a_feature_add_up(values: list[float], parts: list[tuple[float, float, float, float]]) -> None:
    steps = [Step("x", *part) for part in parts]
    for value, found in zip(values, stepped(np.array(values), steps).tolist(), strict=True):
        said = [s.unknown if np.isnan(value) else s.above if value > s.threshold else s.below for s in steps]
        assert found == pytest.approx(sum(said))


def test_log_odds_of_a_text_are_bounded_on_both_sides() -> None:
    found = text_logits(np.array([0.0, 1e-9, 0.2, 0.5, 0.8, 1.0]))
    assert found.tolist() == pytest.approx([-LOGIT_LIMIT, -LOGIT_LIMIT, -np.log(4), 0, np.log(4), LOGIT_LIMIT])


def test_log_odds_are_the_weighted_sum_the_steps_and_the_shift() -> None:
    model = replace(context_model(), names=("text", "past"), coefficients=(2.0, -3.0), intercept=0.5)
    features = {"text": np.array([1.0, 0.0]), "past": np.array([1.0, 2.0]), "repeats": np.array([99.0, 99.0])}
    features["posts_in_day"] = np.array([9.0, np.nan])
    assert model.logits(features, model.base_rate).tolist() == pytest.approx([-0.5 + 0.4, -5.5])
    shift = np.log(7 / 3)
    assert model.logits(features, 0.5).tolist() == pytest.approx([-0.1 + shift, -5.5 + shift])


def test_what_features_add_is_counted_from_what_they_add_at_nothing() -> None:
    model = context_model()
    features = {"likes": np.array([0.0, 5.0]), "past": np.array([1.0, 0.0])}
    assert model.gain(["likes"], features).tolist() == pytest.approx([0.0, -0.3])
    assert model.gain(["likes", "past"], features).tolist() == pytest.approx([0.8, -0.3])


def test_an_app_adds_its_weight_and_one_that_is_not_known_nothing() -> None:
    apps = pa.array(["群发助手", "某某手机", None, "群发助手"], pa.string())
    assert context_model().of_app(apps).tolist() == [0.7, 0.0, 0.0, 0.7]
    assert context_model().of_app(pa.array([], pa.string())).tolist() == []
    assert context_model().of_app(pa.array([None], pa.string())).tolist() == [0.0]


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_larger_base_rate_shifts_up(one: float, other: float) -> None:
    model = context_model()
    assert (model.shift(one) <= model.shift(other)) == (one <= other) or np.isclose(one, other)
    assert model.shift(model.base_rate) == 0


def test_recruiting_is_weighed_and_the_label_stays_on_its_side() -> None:
    classes = np.zeros((3, len(CLASSES)))
    for row, told in enumerate(({"sell": 0.5, "recruit": 0.3}, {"share": 0.4, "recruit": 0.3}, {"share": 0.9})):
        classes[row, [CLASSES.index(name) for name in told]] = list(told.values())
    assert [CLASSES[i] for i in likeliest(classes)] == ["recruit", "recruit", "share"]
    probability, is_broadcast, label = decide(classes, np.array([2.0, -2.0, -9.0]))
    assert is_broadcast.tolist() == [True, False, False]
    assert [CLASSES[i] for i in label] == ["recruit", "share", "share"]
    assert probability.tolist() == pytest.approx([0.8808, 0.1192, 0.0001], abs=1e-4)


def test_classes_lean_to_the_shares_of_the_past() -> None:
    model = context_model()
    past = np.zeros((2, len(CLASSES)))
    past[1, CLASSES.index("sell")] = 20
    lean = model.lean(past, np.array([0.0, 20.0]))
    assert lean[0].tolist() == pytest.approx([1.0] * len(CLASSES))
    assert lean[1, CLASSES.index("sell")] == pytest.approx(np.sqrt((20 + 1.5) / 30 / 0.15))
    assert lean[1, CLASSES.index("share")] < 1
    assert (replace(model, shares=()).lean(past, np.array([0.0, 20.0])) == 1).all()
