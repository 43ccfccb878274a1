"""Fit the author model: lines (logistic regression) and steps (boosted) over author_trust's features, against author labels."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import logit

from pipeline.additive import Floats, Step
from pipeline.errors import PermanentError
from pipeline.learn.metrics import auc, calibration_error
from pipeline.learn.stumps import boosted
from pipeline.order import floats
from pipeline.tables import AUTHOR_FEATURES
from pipeline.trust_model import TrustModel, transformed

FOLDS = 5
STRENGTH = 0.1  # inverse of the L2 penalty: 40 correlated features on some hundred authors need a firm hand
# Counts and ratios without an upper bound: a few authors would else outweigh all.
HEAVY_TAILED = frozenset({
    "link_rate", "tokens_per_post", "comments_per_post", "posts_per_active_day", "engagement_mean", "silent_days",
    "days_since_sale", "stock_to_recruit_lift", "gap_median_h", "followers", "following", "author_posts",
    "paving_days", "paving_active_days", "paving_posts", "first_person_per_100tok", "affect_words_per_100tok",
    "emoticon_cnt", "gap_cv", "mention_rate", "engagement_per_kfollower", "onset_lift", "posts_per_hour_max_W7",
    "camp_authors_W30", "camp_span_h",
})  # fmt: skip


# More of these may never make an author look less like a spammer, fewer of those below never more.
WORSE = frozenset({
    "sell_share", "recruit_share", "bait_share", "commerce_share", "contact_share", "stock_share", "flood_share",
    "own_repeat_share", "echo_share", "own_bait_share", "own_broadcast_share", "broadcast_mean", "agency_share_W90",
    "commerce_share_W90", "recruit_share_W90", "broadcast_share_W90", "own_dup_W7", "accessory_index", "recruit_headcount",
    "recruit_entryfee", "recruit_teampay", "daigou_hit", "price_gap_hit",
    "posts_per_hour_max_W7", "campaign_share_W30", "camp_authors_W30", "stock_to_recruit_lift", "profit_drift",
})  # fmt: skip
BETTER = frozenset({"paving_active_days", "paving_density", "mention_rate", "comments_per_post"})
# How long ago somebody posted is no evidence: whatever moves while an account is silent is not learned from.
NOT_LEARNED = frozenset({
    "silent_days", "days_since_sale", "paving_days", "paving_density", "profit_drift", "stock_to_recruit_lift", "camp_span_h",
    "topic_focus", "platform_cnt", "platform_entropy", "feed_share_1h",
    *(name for name in AUTHOR_FEATURES if re.search(r"_W[0-9]+$", name)), "accessory_index",
})  # fmt: skip
LEAST_KNOWN, LEAST_DISTANCE = 0.1, 0.02  # a feature must be known of that share, and rank that far from a coin's 0.5


@dataclass(frozen=True)
class Figures:
    """What cross-validation over authors says: AUC with its 95% interval, calibration, and the AUC of each feature alone."""

    auc: float
    auc_low: float
    auc_high: float
    calibration_error: float
    n_authors: int
    alone: dict[str, float]


def fit_trust(rows: pa.Table, is_spammer: NDArray[np.bool_], *, seed: int) -> tuple[TrustModel, Figures]:
    """The model and its cross-validated figures (5 stratified folds of authors, everything chosen and fitted in each).

    `rows` are rows of author_trust, one per labelled author, in any order; those without features (under 5 posts) are
    left out. What carries nothing, or pulls against what must be monotone, is not in the model. Raises PermanentError
    for too few labels.
    """
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
        model = _fit(_rows(columns, train), labels[train], seed)
        held_out[test] = model.probability(_rows(columns, test))
    return _fit(columns, labels, seed), _figures(columns, labels, held_out, seed)


def with_reference(model: TrustModel, rows: pa.Table, is_spammer: NDArray[np.bool_]) -> TrustModel:
    """The model with the trust scores of the accounts that are no spammers, by platform: 101 quantiles of each.

    `rows` as in `fit_trust`; accounts under 5 posts are left out, since their score is the prior.
    """
    honest = rows.filter(pc.and_(pc.is_valid(rows["paving_days"]), pa.array(~np.asarray(is_spammer, bool))))
    reference = {}
    for platform in sorted(pc.unique(honest["platform"]).to_pylist()):  # a handful
        scores = floats(honest["trust_score"].filter(pc.equal(honest["platform"], platform)))
        reference[platform] = tuple(np.round(np.quantile(scores, np.linspace(0, 1, 101)), 4).tolist())
    return replace(model, reference=reference)


def _figures(columns: dict[str, Floats], labels: NDArray[np.bool_], held_out: Floats, seed: int) -> Figures:
    """The interval is that of 1,000 draws of the authors with replacement."""
    dice = np.random.default_rng(seed)
    drawn = (dice.integers(0, len(labels), len(labels)) for _ in range(1_000))
    aucs = [auc(labels[some], held_out[some]) for some in drawn]
    low, high = np.nanquantile(aucs, [0.025, 0.975]).tolist()
    alone = {name: round(_alone(values, labels), 4) for name, values in columns.items()}
    alone = {name: figure for name, figure in alone.items() if not np.isnan(figure)}
    error = calibration_error(labels, held_out)
    return Figures(auc(labels, held_out), low, high, error, len(labels), alone)


def _alone(values: Floats, labels: NDArray[np.bool_]) -> float:
    """AUC of one feature over the authors of whom it is known; above 0.5 where more of it means a spammer."""
    known = ~np.isnan(values)
    return auc(labels[known], values[known])


def _chosen(columns: dict[str, Floats], labels: NDArray[np.bool_]) -> tuple[str, ...]:
    """The features that may be learned from, are known of a tenth of the authors and tell something alone."""
    found = []
    for name, values in columns.items():
        known = float((~np.isnan(values)).mean())
        if name not in NOT_LEARNED and known >= LEAST_KNOWN and abs(_alone(values, labels) - 0.5) >= LEAST_DISTANCE:
            found.append(name)
    return tuple(found) or tuple(name for name in columns if name not in NOT_LEARNED)


def _rows(columns: dict[str, Floats], rows: NDArray[np.int64]) -> dict[str, Floats]:
    return {name: values[rows] for name, values in columns.items()}


def _check(labels: NDArray[np.bool_]) -> None:
    positive = int(labels.sum())
    if min(positive, len(labels) - positive) < FOLDS:
        got = f"{positive} spammers and {len(labels) - positive} others with 5 posts or more"
        raise PermanentError(f"train trust: got {got}, expected at least {FOLDS} of each; label more authors")


def _fit(columns: dict[str, Floats], labels: NDArray[np.bool_], seed: int) -> TrustModel:
    """The model of these authors: the mean of the log-odds by lines and by steps. Its version is a hash of its numbers."""
    lines = fitted_lines(columns, labels)
    known = {name: columns[name] for name in _chosen(columns, labels)}
    signs = {**dict.fromkeys(WORSE, 1), **dict.fromkeys(BETTER, -1)}
    steps = boosted(known, labels, signs, seed=seed)
    model = replace(
        lines,
        coefficients=tuple(c / 2 for c in lines.coefficients),
        intercept=(lines.intercept + float(logit(labels.mean()))) / 2,
        steps=tuple(Step(s.feature, s.threshold, s.below / 2, s.above / 2, s.unknown / 2) for s in steps),
    )
    digest = hashlib.sha256(json.dumps(asdict(model), sort_keys=True).encode()).hexdigest()
    return replace(model, version=f"trust-{digest[:12]}")


def fitted_lines(columns: dict[str, Floats], labels: NDArray[np.bool_]) -> TrustModel:
    """The logistic regression alone; a feature whose coefficient has a sign it must not have is left out, and all fitted again."""
    names = _chosen(columns, labels)
    while True:
        model = _fitted({name: columns[name] for name in names}, labels)
        signs = dict(zip(model.features, model.coefficients, strict=True))
        wrong = {name: abs(c) for name, c in signs.items() if (name in WORSE and c < 0) or (name in BETTER and c > 0)}
        if not wrong:
            return model
        names = tuple(name for name in names if name != max(wrong, key=lambda name: wrong[name]))


def _fitted(columns: dict[str, Floats], labels: NDArray[np.bool_]) -> TrustModel:
    """The regression over these columns."""
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
    return TrustModel(
        version="",
        features=names,
        logged=logged,
        fills=fills,
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        coefficients=tuple(fitted.coef_[0].tolist()),
        intercept=float(fitted.intercept_[0]),
    )


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0
