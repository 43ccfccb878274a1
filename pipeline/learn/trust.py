"""Fit the author model: logistic regression over author_trust's features, against labels per author."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.errors import PermanentError
from pipeline.order import floats
from pipeline.tables import AUTHOR_FEATURES
from pipeline.trust_model import Floats, TrustModel, transformed

FOLDS = 5
STRENGTH = 0.1  # inverse of the L2 penalty: 25 correlated features on some hundred authors need a firm hand
# Counts and ratios without an upper bound: a few authors would else outweigh all.
HEAVY_TAILED = frozenset({
    "paving_days", "paving_active_days", "paving_posts", "first_person_per_100tok", "affect_words_per_100tok",
    "emoticon_cnt", "gap_cv", "mention_rate", "engagement_per_kfollower", "onset_lift", "posts_per_hour_max_W7",
    "camp_authors_W30", "camp_span_h",
})  # fmt: skip


def fit_trust(rows: pa.Table, is_spammer: NDArray[np.bool_], *, seed: int) -> tuple[TrustModel, float]:
    """The model and its cross-validated AUC (5 stratified folds of authors, everything refitted in each).

    `rows` are rows of author_trust, one per labelled author, in any order; those without features (under 5 posts) are
    left out. A feature that is NULL for all, or the same for all, gets coefficient 0. Raises PermanentError for too few
    labels.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    order = pc.sort_indices(rows, [("platform", "ascending"), ("author_id", "ascending")])
    rows, labels = rows.take(order), np.asarray(is_spammer, bool)[order]
    columns = {name: floats(rows[name]) for name in AUTHOR_FEATURES}
    told = ~np.isnan(columns["paving_days"])
    labels = labels[told]
    columns = {name: values[told] for name, values in columns.items()}
    _check(labels)
    held_out = np.zeros(len(labels))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(labels, labels):
        model = _fit(_rows(columns, train), labels[train])
        held_out[test] = model.probability(_rows(columns, test))
    return _fit(columns, labels), float(roc_auc_score(labels, held_out))


def _rows(columns: dict[str, Floats], rows: NDArray[np.int64]) -> dict[str, Floats]:
    return {name: values[rows] for name, values in columns.items()}


def _check(labels: NDArray[np.bool_]) -> None:
    positive = int(labels.sum())
    if min(positive, len(labels) - positive) < FOLDS:
        got = f"{positive} spammers and {len(labels) - positive} others with 5 posts or more"
        raise PermanentError(f"train trust: got {got}, expected at least {FOLDS} of each; label more authors")


def _fit(columns: dict[str, Floats], labels: NDArray[np.bool_]) -> TrustModel:
    """The model of these authors; its version is a hash of its numbers."""
    from sklearn.linear_model import LogisticRegression

    names = tuple(columns)
    logged = tuple(name in HEAVY_TAILED for name in names)
    fills = tuple(_median(columns[name]) for name in names)
    x = np.column_stack(
        [transformed(columns[name], log, fill) for name, log, fill in zip(names, logged, fills, strict=True)]
    )
    means, scales = x.mean(axis=0), x.std(axis=0)
    scales = np.where(scales > 1e-12, scales, 1.0)
    fitted = LogisticRegression(C=STRENGTH, max_iter=2_000, tol=1e-8).fit((x - means) / scales, labels)
    model = TrustModel(
        version="",
        features=names,
        logged=logged,
        fills=fills,
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        coefficients=tuple(fitted.coef_[0].tolist()),
        intercept=float(fitted.intercept_[0]),
    )
    digest = hashlib.sha256(json.dumps(asdict(model), sort_keys=True).encode()).hexdigest()
    return replace(model, version=f"trust-{digest[:12]}")


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0
