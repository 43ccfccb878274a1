"""The author features of tables.AUTHOR_FEATURES, from days, campaigns and snapshots. Part of the trust step."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.local_time import end_of_day
from pipeline.order import Ints, flags, match_rows, tally
from pipeline.steps.author_across import across_features
from pipeline.steps.author_floods import FLOOD_DAYS, floods
from pipeline.steps.author_life import Floats, Lives, ratio
from pipeline.steps.author_posts import ANSWERS, PROFILE, post_features_of
from pipeline.steps.author_shares import history_features
from pipeline.steps.author_topics import topic_features

WEEK, QUARTER = 7, 90
LEAST_POSTS = 5  # below, every feature is NULL
_AUTHOR = ["platform", "author_id"]


def author_features(
    life: Lives, members: pa.Table, posts: pa.Table, states: pa.Table, others: pa.Table, as_of: date
) -> dict[str, Floats]:
    """Per author every feature of tables.AUTHOR_FEATURES but profit_drift; NaN where it cannot be known.

    `states`: what all authors made of the campaigns (`campaign_states`); `others`: what their posts tell (`across`).
    Days are local days: t_c and the days before it are told by the day, not the minute. W_k is (as_of - k, as_of].
    Beside the features stand the counts that words about them need: posts_W7, posts_W30, posts_W90, flood_posts_W30, floods_W30.
    """
    rows, author = _dated(life, posts, as_of)
    unknown = _only_deduplicated(rows, author, len(life))
    of_posts = post_features_of(life, rows, author)
    found = {
        **_paving(life),
        **_per_post(life),
        **_rhythm(life),
        **_commerce(life),
        **_repeats(life, unknown),
        **_floods(life, *floods(life.keys, members, posts, states, as_of)),
        **history_features(life, unknown),
        **topic_features(life),
        **across_features(life.keys, others),
        **of_posts,
    }
    enough = life.total("n_posts") >= LEAST_POSTS
    return {name: np.where(enough, values, np.nan) for name, values in found.items()}


def _paving(life: Lives) -> dict[str, Floats]:
    """paving_days counts from the first post; density is at most 1, and NaN where selling began on the first day."""
    before = life.day < life.onset[life.author]
    free = life.counts["n_posts"] - life.counts["n_commercial"]
    days = np.minimum(life.onset, life.as_of) - life.first(life.active)
    active = tally(life.author, before & (free > 0), len(life))
    return {
        "paving_days": days.astype(np.float64),
        "paving_active_days": active.astype(np.float64),
        "paving_density": np.minimum(ratio(active, np.maximum(days, 0)), 1.0),
        "paving_posts": tally(life.author, np.where(before, free, 0), len(life)).astype(np.float64),
    }


def _per_post(life: Lives) -> dict[str, Floats]:
    n = life.total("n_posts")
    recent = life.recent(QUARTER)
    n_recent = life.total("n_posts", recent)
    mean = ratio(life.total("sentiment_ppm", recent), n_recent * 1_000_000)
    square = ratio(life.total("sentiment_sq_ppm", recent), n_recent * 1_000_000)
    return {
        "first_person_per_100tok": ratio(life.total("first_person"), n * 100),
        "affect_words_per_100tok": ratio(life.total("affect"), n * 100),
        "emoticon_cnt": ratio(life.total("n_emoticons"), life.total("n_emoticon_posts")),
        "mention_rate": ratio(life.total("n_mentions"), n),
        "repost_share": ratio(life.total("n_reposts"), n),
        "auto_share": ratio(life.total("n_auto"), n),
        "broadcast_mean": ratio(life.total("broadcast_ppm"), n * 1_000_000),
        "sent_sd_W90": np.where(n_recent > 1, np.sqrt(np.maximum(square - mean**2, 0)), np.nan),
    }


def _rhythm(life: Lives) -> dict[str, Floats]:
    return {
        "active_day_ratio_W90": tally(life.author, life.active & life.recent(QUARTER), len(life)) / QUARTER,
    }


def _commerce(life: Lives) -> dict[str, Floats]:
    recent = life.recent(QUARTER)
    counts = ("n_posts", "n_recruit", "n_sell", "n_commercial", "n_broadcast")
    n, recruit, sell, commercial, broadcast = (life.total(name, recent) for name in counts)
    agency, all_recruit = ratio(recruit, recruit + sell), life.total("n_recruit")
    detail = np.where(recruit > 0, ratio(life.total("n_product_detail", recent), recruit), 0)
    triad = {"recruit_headcount": "n_headcount", "recruit_entryfee": "n_entry_fee", "recruit_teampay": "n_team_pay"}
    return {
        "agency_share_W90": agency,
        "accessory_index": agency * (1 - detail),
        **{name: ratio(life.total(count), all_recruit) for name, count in triad.items()},
        "daigou_hit": (life.total("n_daigou") > 0).astype(np.float64),
        "price_gap_hit": (life.total("n_price_gap") > 0).astype(np.float64),
        "commerce_share_W90": ratio(commercial, n),
        "recruit_share_W90": ratio(recruit, n),
        "broadcast_share_W90": ratio(broadcast, n),
        "posts_W90": n.astype(np.float64),
    }


def _repeats(life: Lives, unknown: NDArray[np.bool_]) -> dict[str, Floats]:
    week = life.recent(WEEK)
    n, own = life.total("n_posts", week), life.total("n_own", week)
    return {
        "own_dup_W7": np.where(unknown, np.nan, ratio(life.total("n_own_repeats", week), own)),
        "posts_W7": n.astype(np.float64),
    }


def _floods(life: Lives, in_floods: Ints, n_floods: Ints, most: Ints, longest: Floats) -> dict[str, Floats]:
    n = life.total("n_posts", life.recent(FLOOD_DAYS))
    return {
        "campaign_share_W30": ratio(in_floods, n),
        "camp_authors_W30": most.astype(np.float64),
        "camp_span_h": longest,
        "posts_W30": n.astype(np.float64),
        "flood_posts_W30": in_floods.astype(np.float64),
        "floods_W30": n_floods.astype(np.float64),
    }


def _dated(life: Lives, posts: pa.Table, as_of: date) -> tuple[pa.Table, Ints]:
    """Snapshots of the authors' posts up to `as_of`, and the number of each one's author."""
    end = pa.scalar(end_of_day(as_of)).cast(posts["posted_at"].type)
    columns = [
        *_AUTHOR,
        "posted_at",
        "posted_at_precision",
        "post_id",
        "last_seen_at",
        "kind",
        "app",
        "source_dedups",
        *PROFILE,
        *ANSWERS,
    ]
    rows = posts.select(columns).filter(pc.less(posts["posted_at"], end))
    author = match_rows(rows, life.keys, _AUTHOR)
    return rows.filter(pa.array(author >= 0)), author[author >= 0]


def _only_deduplicated(rows: pa.Table, author: Ints, n: int) -> NDArray[np.bool_]:
    """The authors of whom every post came from sources that drop repeats: nothing can be said of their repeats."""
    kept = tally(author, ~flags(rows["source_dedups"]), n)
    return np.asarray((kept == 0) & (tally(author, None, n) > 0))
