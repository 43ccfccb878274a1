from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest

from pipeline.errors import PermanentError
from pipeline.learn.stumps import boosted
from pipeline.learn.trust import BETTER, WORSE, fit_trust, fitted_lines
from pipeline.tables import AUTHOR_FEATURES
from pipeline.trust_model import TrustModel, transformed

N = 200


def _authors(n: int = N, *, informative: bool = True) -> tuple[pa.Table, np.ndarray]:
    """Invented authors: spammers recruit more and paved less; a few values are unknown."""
    dice = np.random.default_rng(0)
    spammer = np.arange(n) % 2 == 0
    values = {name: dice.random(n) for name in AUTHOR_FEATURES}
    if informative:
        values["recruit_share"] = np.clip(dice.normal(np.where(spammer, 0.4, 0.1), 0.15), 0, 1)
        values["paving_active_days"] = dice.exponential(np.where(spammer, 30, 300))
    columns = {
        name: pa.array(v, mask=dice.random(n) < (0.1 if name != "paving_days" else 0)) for name, v in values.items()
    }
    columns["onset_lift"] = pa.nulls(n, pa.float64())
    names = pa.array([f"a{i:03d}" for i in range(n)])
    return pa.table({"platform": pa.array(["weibo"] * n), "author_id": names, **columns}), spammer


def test_spammers_who_differ_are_told_apart_on_authors_not_seen() -> None:
    model, figures = fit_trust(*_authors(), seed=1)
    assert 0.9 < figures.auc < 1
    assert figures.auc_low < figures.auc < figures.auc_high
    assert figures.alone["recruit_share"] > 0.8
    weights = dict(zip(model.features, model.coefficients, strict=True))
    assert weights["recruit_share"] > 0 > weights["paving_active_days"]
    assert "onset_lift" not in weights  # known of nobody


def test_more_recruiting_never_makes_an_author_look_better() -> None:
    rows, spammer = _authors()
    backwards = pa.array(1 - rows["recruit_share"].to_numpy())
    rows = rows.set_column(rows.column_names.index("recruit_share"), "recruit_share", backwards)
    assert "recruit_share" not in fit_trust(rows, spammer, seed=1)[0].features


def test_every_step_of_what_must_be_monotone_goes_the_right_way() -> None:
    steps = fit_trust(*_authors(), seed=1)[0].steps
    assert any(step.feature == "recruit_share" and step.above > step.below for step in steps)
    assert all(step.above >= step.below for step in steps if step.feature in WORSE)
    assert all(step.above <= step.below for step in steps if step.feature in BETTER)


def test_a_probability_is_that_of_lines_and_steps_read_from_the_model() -> None:
    rows, spammer = _authors()
    model, _ = fit_trust(rows, spammer, seed=1)
    columns = {name: rows[name].to_numpy().astype(float) for name in AUTHOR_FEATURES}
    z = model.intercept
    for i, name in enumerate(model.features):
        value = columns[name][7]
        value = model.fills[i] if np.isnan(value) else value
        z += (
            model.coefficients[i] * ((np.log1p(value) if model.logged[i] else value) - model.means[i]) / model.scales[i]
        )
    for step in model.steps:
        value = columns[step.feature][7]
        z += step.unknown if np.isnan(value) else step.above if value > step.threshold else step.below
    assert model.probability(columns)[7] == pytest.approx(1 / (1 + np.exp(-z)))


def test_a_threshold_that_divides_the_labels_is_found() -> None:
    values = np.arange(200.0)
    values[::10] = np.nan
    steps = boosted({"x": values, "noise": np.random.default_rng(0).random(200)}, values >= 120, {}, seed=1)
    most = max(steps, key=lambda step: step.above - step.below)
    assert most.feature == "x"
    assert 115 <= most.threshold < 125
    assert most.unknown == most.below  # the median of what is known lies below


def test_labels_without_meaning_give_an_auc_near_a_half() -> None:
    assert fit_trust(*_authors(informative=False), seed=1)[1].auc == pytest.approx(0.5, abs=0.12)


def test_the_lines_are_those_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    rows, spammer = _authors()
    columns = {name: rows[name].to_numpy().astype(float) for name in AUTHOR_FEATURES}
    model = fitted_lines(columns, spammer)
    x = np.column_stack(
        [
            transformed(columns[name], log, fill)
            for name, log, fill in zip(model.features, model.logged, model.fills, strict=True)
        ]
    )
    z = (x - np.array(model.means)) / np.array(model.scales)
    expected = LogisticRegression(C=0.1, max_iter=2_000, tol=1e-8).fit(z, spammer).predict_proba(z)[:, 1]
    assert model.probability(columns) == pytest.approx(expected, abs=1e-6)


def test_fitting_again_or_in_another_order_gives_the_same_model() -> None:
    rows, spammer = _authors()
    order = np.random.default_rng(2).permutation(N)
    assert fit_trust(rows, spammer, seed=1) == fit_trust(rows.take(pa.array(order)), spammer[order], seed=1)


def test_a_model_survives_json() -> None:
    model, _ = fit_trust(*_authors(), seed=1)
    loaded = json.loads(json.dumps(asdict(model)))
    assert (
        TrustModel(**{key: tuple(value) if isinstance(value, list) else value for key, value in loaded.items()})
        == model
    )


def test_authors_of_few_posts_teach_nothing() -> None:
    rows, spammer = _authors()
    silent = pa.table(
        {name: pa.nulls(N, rows[name].type) if name in AUTHOR_FEATURES else rows[name] for name in rows.column_names}
    )
    both = pa.concat_tables([rows, silent.set_column(1, "author_id", pa.array([f"b{i:03d}" for i in range(N)]))])
    assert fit_trust(both, np.concatenate([spammer, ~spammer]), seed=1) == fit_trust(rows, spammer, seed=1)


def test_too_few_labels_are_refused() -> None:
    rows, spammer = _authors(8)
    with pytest.raises(
        PermanentError, match="got 4 spammers and 4 others with 5 posts or more, expected at least 5 of each"
    ):
        fit_trust(rows, spammer, seed=1)
