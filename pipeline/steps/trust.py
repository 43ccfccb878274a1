"""What trust each author has earned by a date: features, components, a score with an interval, reasons in words.

The score is an open formula, not a learned one: a prior of 0.5, raised by evidence of genuine posting, lowered by
abuse. Its weights and half-way points are chosen by judgement and are no measurement; the learned
spam_author_probability stands beside it, with figures in the model's card.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import betaincinv

from pipeline.local_time import dates
from pipeline.order import Ints, flags, numbers, tally
from pipeline.steps.author_across import across, uses
from pipeline.steps.author_drift import drift
from pipeline.steps.author_features import LEAST_POSTS, QUARTER, WEEK, author_features
from pipeline.steps.author_floods import campaign_states
from pipeline.steps.author_life import NEVER, Floats, Lives, lives, ratio
from pipeline.steps.author_reasons import reasons
from pipeline.steps.author_shares import exited, migration_month
from pipeline.steps.author_ties import tie_features
from pipeline.tables import AUTHOR_FEATURES, COMPONENTS, SCHEMA_VERSION, TIME, complete
from pipeline.trust_model import TrustModel

VERSION = "components-3"
PRIOR = 0.5
# What each virtue may add to the way from the prior to 1: time spent comes first, after the essay this follows.
WEIGHTS = {"paving": 0.3, "commitment": 0.2, "restraint": 0.2, "originality": 0.15, "reciprocity": 0.15}
ABUSES = ("recruitment", "flooding", "drift")
HALF_EVIDENCE = 20  # posts at which evidence counts half
HALF_DAYS = 30  # days at which paving and commitment count half
SETTLING = 10  # posts of the whole history that a recent share is settled by: two posts are no share yet
CENSORED_DAYS = 7
# Posts of one person are no independent draws: however many there are, they count as at most 200 of them.
_MOST_DRAWS, _PRIOR_DRAWS = 200, 2
_MASS = (0.1, 0.9)


@dataclass(frozen=True)
class Others:
    """What an author's row takes from other authors, at the end of `as_of`."""

    campaigns: pa.Table  # as `campaign_states` tells of them
    first_days: dict[str, int]  # the first day with a post of each platform
    across: pa.Table  # as `across` tells of their contacts and communities


def author_trust(
    days: pa.Table, members: pa.Table, posts: pa.Table, *, as_of: date, known_at: datetime, model: TrustModel | None
) -> pa.Table:
    """Table author_trust at the end of local day `as_of`: every author with a day up to then, by platform and author.

    Nothing posted later is used; `posts` and `days` must already be without what was gathered after `known_at`. Under 5
    posts features and components are NULL and the score is the prior, with its widest interval.
    """
    others = Others(campaign_states(members, as_of), first_days(days, as_of), across([uses(posts, as_of)]))
    return trust_of(days, members, posts, others, as_of=as_of, known_at=known_at, model=model)


def first_days(days: pa.Table, as_of: date) -> dict[str, int]:
    """The first day up to `as_of` with a post of each platform, as days since 1970-01-01."""
    seen = pc.and_(pc.greater(days["n_posts"], 0), pc.less_equal(days["date"], pa.scalar(as_of)))
    found = days.select(["platform", "date"]).filter(seen).group_by("platform").aggregate([("date", "min")])
    return dict(zip(found["platform"].to_pylist(), numbers(found["date_min"], 0).tolist(), strict=True))


def trust_of(
    days: pa.Table, members: pa.Table, posts: pa.Table, others: Others, *, as_of: date, known_at: datetime,
    model: TrustModel | None, received: pa.Table | None = None,
) -> pa.Table:  # fmt: skip
    """`author_trust` of some authors, all of whose days, members and posts are given.

    `received`: the interactions with their posts up to `as_of` (steps.author_ties), where there are any.
    """
    life = lives(days, as_of)
    slope, shift_month = drift(life)
    n = life.total("n_posts")
    features = author_features(life, members, posts, others.campaigns, others.across, as_of)
    features["profit_drift"] = np.where(n >= LEAST_POSTS, slope, np.nan)
    parts = components(life, features)
    score = trust_score(parts, n)
    low, high = interval(score, n)
    learned = np.full(len(life), np.nan) if model is None else model.probability(features)
    columns: dict[str, Any] = {
        **{name: life.keys[name] for name in life.keys.column_names},
        **_span(life, n, others.first_days),
        **{name: _nullable(features[name]) for name in AUTHOR_FEATURES},
        **{name: _nullable(parts[name]) for name in COMPONENTS},
        **({} if received is None else {name: _nullable(v) for name, v in tie_features(life, received).items()}),
        "as_of": dates(np.full(len(life), life.as_of)),
        "known_at": pa.repeat(pa.scalar(known_at, TIME), len(life)),
        "n_posts": pa.array(n),
        "shift_month": shift_month,
        "migration_month": migration_month(life),
        "exited": _known(*exited(life)),
        "spam_author_probability": _nullable(np.where(n >= LEAST_POSTS, learned, np.nan)),
        "trust_score": pa.array(score),
        "trust_low": pa.array(low),
        "trust_high": pa.array(high),
        "trust_percentile": _percentile(life.keys["platform"], score, model),
        "trust_reasons": reasons(n, features, life),
        "trust_version": pa.repeat(pa.scalar(model.version if model else VERSION), len(life)),
        "schema_version": pa.array(np.full(len(life), SCHEMA_VERSION, np.int32)),
    }
    return complete(columns, "author_trust", len(life))


def _percentile(platforms: pa.ChunkedArray, scores: Floats, model: TrustModel | None) -> pa.Array:
    """The share of the model's reference accounts of the platform with a lower score; NULL where it has none."""
    out = np.full(len(scores), np.nan)
    for platform, reference in (model.reference if model else {}).items():  # a handful
        here = flags(pc.equal(platforms, platform))
        out[here] = np.searchsorted(np.array(reference), scores[here]) / len(reference)
    return _nullable(out)


def components(life: Lives, features: dict[str, Floats]) -> dict[str, Floats]:
    """The components of tables.COMPONENTS, 0-1, each monotone in what it is made of; NaN where that is not known.

    x:h stands for x / (x + h), half-way at h.
    paving: active days without selling before t_c : 30. originality: 1 - (own repeats + app texts) / posts.
    reciprocity: (mentions + comments) / post : 0.5. commitment: days with a post : 30.
    restraint: 1 - the larger of the commercial share W90 and the mean broadcast_probability, reposts and app texts counting 0.
    recruitment: recruiting share W90 : 0.1.
    flooding: 1 - (1 - own repeats W7)(1 - floods W30)(1 - posts above 10 in an hour W7 : 30)(1 - own bait share : 0.5)
    (1 - echo share : 0.5), unknown factors left out; the burst weighs little, since alone it told no spammer from others.
    Bait that is only passed on counts in no component: the accounts labelled honest passed on more of it.
    drift: 12 * profit_drift, within 0-1: at 1 an author goes from no selling to nothing else in a year.
    Recent shares of selling, recruiting and repeats are settled by the whole history: (k + 10 K / N) / (n + 10), with k of n
    posts in the window and K of N in all.
    """
    n = life.total("n_posts")
    enough = n >= LEAST_POSTS
    repeats = np.where(np.isnan(features["own_repeat_share"]), 0, _settled(life, "n_own_repeats", WEEK))
    burst = _half(np.maximum(np.nan_to_num(features["posts_per_hour_max_W7"]) - 10, 0), 30)
    bait, echo = (_half(features[name], 0.5) for name in ("own_bait_share", "echo_share"))
    calm = [1 - np.nan_to_num(x) for x in (repeats, features["campaign_share_W30"], burst, bait, echo)]
    found = {
        "paving": _half(features["paving_active_days"], HALF_DAYS),
        "originality": 1 - np.minimum(ratio(life.total("n_own_repeats") + life.total("n_auto"), n), 1),
        "reciprocity": _half(ratio(life.total("n_mentions") + life.total("n_comments"), n), 0.5),
        "commitment": _half(tally(life.author, life.active, len(life)), HALF_DAYS),
        "restraint": 1 - np.maximum(_settled(life, "n_commercial", QUARTER), features["own_broadcast_share"]),
        "recruitment": _half(_settled(life, "n_recruit", QUARTER), 0.1),
        "flooding": 1 - np.prod(calm, axis=0),
        "drift": np.clip(12 * features["profit_drift"], 0, 1),
    }
    return {name: np.where(enough, values, np.nan) for name, values in found.items()}


def _settled(life: Lives, count: str, days: int) -> Floats:
    """The share of a count in the posts of the last days, with 10 posts of the whole history's share added."""
    recent = life.recent(days)
    share = ratio(life.total(count), life.total("n_posts"))
    return np.asarray((life.total(count, recent) + SETTLING * share) / (life.total("n_posts", recent) + SETTLING))


def trust_score(parts: dict[str, Floats], n_posts: Ints) -> Floats:
    """(0.5 + 0.5 * e * virtue) * (1 - e * abuse), with e = n_posts / (n_posts + 20) and NULL components counting 0.

    virtue is the weighted mean of paving, commitment, restraint, originality and reciprocity; abuse is
    1 - (1 - recruitment)(1 - flooding)(1 - drift), so that one abuse suffices and none hides another.
    """
    evidence = np.where(n_posts >= LEAST_POSTS, n_posts / (n_posts + HALF_EVIDENCE), 0)
    virtue, innocence = np.zeros(len(n_posts)), np.ones(len(n_posts))
    for name, weight in WEIGHTS.items():
        virtue += weight * np.nan_to_num(parts[name])
    for name in ABUSES:
        innocence *= 1 - np.nan_to_num(parts[name])
    return np.asarray((PRIOR + (1 - PRIOR) * evidence * virtue) * (1 - evidence * (1 - innocence)))


def interval(score: Floats, n_posts: Ints) -> tuple[Floats, Floats]:
    """The middle 80% of a Beta distribution with mean `score` and 2 + 200 n / (n + 200) draws, n being 0 under 5 posts.

    It says how much was seen, no more: 0.1 to 0.9 for a silent author, 0.45 to 0.55 after thousands of posts without
    virtue or abuse. Its coverage is not calibrated: nobody knows the true trust.
    """
    used = np.where(n_posts >= LEAST_POSTS, n_posts, 0)
    draws = _PRIOR_DRAWS + _MOST_DRAWS * used / (used + _MOST_DRAWS)
    mean = np.clip(score, 0.001, 0.999)  # a Beta needs some mass on either side
    # Once for each distinct pair: half of the authors of a feed have too few posts, and all of them one interval.
    pairs, at = np.unique(mean + 1j * draws, return_inverse=True)
    low, high = (betaincinv(pairs.real * pairs.imag, (1 - pairs.real) * pairs.imag, mass)[at] for mass in _MASS)
    return np.minimum(low, score), np.maximum(high, score)


def _span(life: Lives, n: Ints, first_days: dict[str, int]) -> dict[str, pa.Array]:
    """history_days and the two censoring flags; NULL without a post."""
    silent = n == 0
    first, last = life.first(life.active), life.last(life.active)
    coded = life.keys["platform"].combine_chunks().dictionary_encode()
    begun = np.array([first_days.get(platform, NEVER) for platform in coded.dictionary.to_pylist()], np.int64)
    window = begun[numbers(coded.indices, 0)]
    return {
        "history_days": pa.array(last - first + 1, mask=silent),
        "left_censored": pa.array(first <= window + CENSORED_DAYS, mask=silent),
        "right_censored": pa.array(life.onset == NEVER, mask=silent),
    }


def _half(values: Floats | Ints, half: float) -> Floats:
    """values / (values + half): 0 at 0, 0.5 at `half`, towards 1."""
    return np.asarray(values / (values + half), np.float64)


def _known(values: NDArray[np.bool_], known: NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, mask=~known)


def _nullable(values: Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
