from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.learn.metrics import best_f1, broadcast_score, calibration_error, figures, interval, main_rows
from pipeline.tables import CLASSES

DICE = np.random.default_rng(3)
LABEL = DICE.integers(-1, 6, 400)
CHANCES = DICE.dirichlet(np.ones(6), 400)
CHANCES[np.arange(400), LABEL] += 0.5
CHANCES /= CHANCES.sum(axis=1, keepdims=True)


def test_figures_are_scikit_learns() -> None:
    from sklearn import metrics as oracle

    found = figures(LABEL, CHANCES)
    known = LABEL >= 0
    main = known & np.isin(LABEL, [0, 1, 2, 3])
    truth = LABEL[main] != 0
    score = CHANCES[main, 1:4].sum(axis=1) / CHANCES[main, :4].sum(axis=1)
    guess = CHANCES[known].argmax(axis=1)
    assert found == pytest.approx({
        "n": known.sum(), "n_broadcast": truth.sum(), "auc": oracle.roc_auc_score(truth, score),
        "average_precision": oracle.average_precision_score(truth, score), "f1": oracle.f1_score(truth, score >= 0.5),
        "best_f1": max(oracle.f1_score(truth, score >= t) for t in score),
        "macro_f1": oracle.f1_score(LABEL[known], guess, average="macro"),
        **{f"f1_{c}": oracle.f1_score(LABEL[known] == i, guess == i) for i, c in enumerate(CLASSES)},
    })  # fmt: skip


def test_news_auto_and_disputed_rows_are_left_out_of_the_main_figure() -> None:
    assert main_rows(np.array([0, 1, 2, 3, 4, 5, -1])).tolist() == [True, True, True, True, False, False, False]
    swapped = np.where(LABEL == 4, 5, np.where(LABEL == 5, 4, LABEL))
    assert figures(swapped, CHANCES)["auc"] == figures(LABEL, CHANCES)["auc"]


def test_the_score_is_the_share_of_broadcast_among_broadcast_and_share() -> None:
    chances = np.array([[0.2, 0.1, 0.2, 0.1, 0.4, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]])
    assert broadcast_score(chances).tolist() == pytest.approx([0.4 / 0.6, 0.0])


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.3, 0.3, 0.7, 0.9])), min_size=1, max_size=12))
def test_best_f1_is_that_of_the_best_threshold(rows: list[tuple[bool, float]]) -> None:
    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    if not truth.any():
        return

    def f1(threshold: float) -> float:
        said = score >= threshold
        return float(2 * (said & truth).sum() / (said.sum() + truth.sum()))

    assert best_f1(truth, score) == pytest.approx(max(f1(t) for t in score))


def test_calibration_error_by_hand() -> None:
    truth = np.array([True, False, False, False, True, True])
    score = np.array([0.25, 0.25, 0.25, 0.25, 0.9, 1.0])  # a bin of four, right; one of two, 0.05 too low
    assert calibration_error(truth, score) == pytest.approx(4 / 6 * 0 + 2 / 6 * 0.05)
    assert calibration_error(np.array([True, True]), np.array([0.05, 0.15])) == pytest.approx((0.95 + 0.85) / 2)


AUTHORS = np.array([f"a{i % 40}" for i in range(400)], object)
VALUES = DICE.normal(size=400)


def test_an_interval_is_the_same_each_time_and_holds_the_figure() -> None:
    def mean(rows: np.ndarray) -> float:  # type: ignore[type-arg]
        return float(VALUES[rows].mean())

    low, high = interval(AUTHORS, mean)
    assert (low, high) == interval(AUTHORS, mean)
    assert low < VALUES.mean() < high
    assert (low, high) != interval(AUTHORS, mean, seed=8)


def test_posts_of_one_author_are_drawn_together() -> None:
    same = np.repeat(DICE.normal(size=20), 20)  # an author's posts all alike: 20 values, not 400
    authors = np.repeat([f"a{i}" for i in range(20)], 20).astype(object)

    def mean(rows: np.ndarray) -> float:  # type: ignore[type-arg]
        assert len(rows) == 400
        return float(same[rows].mean())

    low, high = interval(authors, mean)
    by_row = interval(np.arange(400).astype(object), mean)
    assert high - low > 2 * (by_row[1] - by_row[0])
    assert interval(np.full(400, "a", object), mean) == pytest.approx((same.mean(), same.mean()))
