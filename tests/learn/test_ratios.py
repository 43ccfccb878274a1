from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from pipeline.learn.ratios import Rows, balanced, fit_ratio, log_ratios

ONE, NOISE, MARK = range(3)


def _rows(*, n: int = 4000) -> Rows:
    """ONE stands in nine of ten texts that are, and in one of ten others; NOISE in every second text; MARK in all of set 1,
    of which nine in ten are, and in none of set 0, of which half are."""
    dice = np.random.default_rng(3)
    domain = (np.arange(n) < n // 2).astype(np.int64)
    truth = dice.random(n) < np.where(domain == 1, 0.9, 0.5)
    one = np.where(truth, dice.random(n) < 0.9, dice.random(n) < 0.1)
    dense = np.stack([one, dice.random(n) < 0.5, domain == 1], axis=1)
    return Rows(sp.csr_matrix(dense.astype(np.float32)), truth, np.ones(n), domain)


def test_both_classes_weigh_half_of_what_all_weigh() -> None:
    truth = np.array([True, False, False, False])
    weight = balanced(truth, np.array([1.0, 1.0, 2.0, 1.0]))
    assert weight[truth].sum() == pytest.approx(2.5)
    assert weight[~truth].tolist() == pytest.approx([0.625, 1.25, 0.625])


def test_log_ratios_are_those_of_naive_bayes() -> None:
    from sklearn.naive_bayes import MultinomialNB

    rows = _rows()
    found = log_ratios(rows.matrix, rows.truth, rows.weight)
    want = MultinomialNB(alpha=1.0).fit(rows.matrix != 0, rows.truth).feature_log_prob_
    assert found == pytest.approx(want[1] - want[0], abs=1e-5)
    assert found[ONE] > 0 > found[NOISE]


def test_what_tells_the_classes_apart_gets_the_weight() -> None:
    rows = _rows()
    coefficients, bias = fit_ratio(rows, seed=1)
    assert coefficients[ONE] > 1
    assert abs(coefficients[NOISE]) < 0.3
    right = (rows.matrix @ coefficients + bias > 0) == rows.truth
    assert right.mean() > 0.85


def test_the_mix_of_a_set_is_not_laid_to_what_its_texts_have_in_common() -> None:
    rows = _rows()
    as_one = fit_ratio(replace(rows, domain=np.zeros_like(rows.domain)), seed=1)[0]
    by_sets = fit_ratio(rows, seed=1)[0]
    assert as_one[MARK] > 1.5 * abs(by_sets[MARK])
    assert by_sets[ONE] == pytest.approx(as_one[ONE], rel=0.1)


def test_a_fit_is_the_same_each_time() -> None:
    (a, x), (b, y) = fit_ratio(_rows(), seed=1), fit_ratio(_rows(), seed=1)
    assert a.tobytes() == b.tobytes()
    assert x == y
