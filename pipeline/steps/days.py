"""What each author did on each local day: integers that add up, the state from which trust is computed.

Every sum is an integer (fractions are rounded half to even at six decimals first), so adding in any order gives the
same bytes. Days of disjoint sets of posts add up, but for peak_hour, which squares the hours of a day and so adds up
over days only, and for n_grams and n_echoed_grams, which hang on the author's post before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.local_time import dates, local_days, local_hours
from pipeline.order import (
    Ints,
    firsts,
    flags,
    floats,
    match_rows,
    numbers,
    run_ids,
    sort_rows,
    sorted_rows,
    take_rows,
    tally,
)
from pipeline.steps.day_echoes import echoes_of
from pipeline.tables import CLASSES, DAY_COUNTS, HOURS, MOVED_TO, SCHEMA_VERSION, STORES, TOPICS, complete
from pipeline.text.trade import KINDS, trade_words

COMMERCIAL = 0.5  # p(sell) + p(recruit) of a commercial post
# The domains of each class of shops, under .com but for the last; youzan was koudaitong before, mogu and meilishuo are one house.
SHOPS = {
    "weidian": "(weidian|vdian)[.]com",
    "youzan": "(youzan|koudaitong)[.]com",
    "weimob": "weimob[.]com",
    "taobao": "(taobao|tmall|tb)[.](com|cn)",
    "mogu": "(mogu|mogujie|meilishuo)[.]com",
}
_KEYS = ("platform", "post_id")
# What is read of each table.
POSTS_READ = [
    "platform",
    "author_id",
    "posted_at",
    "kind",
    "is_repost",
    "is_auto_share",
    "likes",
    "comments",
    "reposts",
    "links",
    "emoticons_dropped",
    "text",
]
JUDGEMENTS_READ = ["label", "is_broadcast", "broadcast_probability"]
FEATURES_READ = ["p_sell", "p_recruit", "sentiment", "n_mentions", "n_links", "n_emoticons", "n_tokens", "stock_cues",
                 "contact_cues", "first_person_per_100", "affect_per_100", "topic"]  # fmt: skip
Flags = NDArray[np.bool_]


def author_days(posts: pa.Table, features: pa.Table, judgements: pa.Table, members: pa.Table) -> pa.Table:
    """Table author_days: one row per platform, known author and local day with a dated post, sorted by them.

    Comments are counted in n_comments and nowhere else; posts are all other kinds. Where what was counted may still
    change, a day says what was known by the post itself: n_campaign counts posts whose campaign had two or more authors
    by then, this one included, and n_own_repeats posts (no reposts, nothing app-made) whose campaign held an earlier
    post of the same author. n_grams and n_echoed_grams compare a post with its author's post before, whatever their
    kinds. Engagement is the newest snapshot of likes, comments and reposts, those that are known.
    """
    posts = sort_rows(posts, ["platform", "author_id", "posted_at", "post_id"])
    features, judgements = (take_rows(t, match_rows(posts, t, _KEYS)) for t in (features, judgements))
    member = match_rows(posts, members, _KEYS)
    repeats, others = earlier_authors(members)
    return days_of(posts, features, judgements, at_rows(repeats, member), at_rows(others, member))


def days_of(posts: pa.Table, features: pa.Table, judgements: pa.Table, repeats: Flags, others: Flags) -> pa.Table:
    """Table author_days of posts of which those of one author and day stand together, each author's in the order of time.

    All is row-aligned: `repeats` and `others` say whether the post's campaign held earlier posts of its author, of
    anyone else (`earlier_authors`).
    """
    known = pc.and_(pc.is_valid(posts["posted_at"]), pc.is_valid(posts["author_id"]))
    kept = known.to_numpy()
    words, echoes = _trade(posts["text"], features), echoes_of(posts)
    posts = posts.select([name for name in POSTS_READ if name != "text"])
    rows = _joined(posts, features.select(FEATURES_READ), judgements.select(JUDGEMENTS_READ)).filter(known)
    group = run_ids(rows, ["platform", "author_id", "date"])
    head = firsts(group)
    n = len(head)
    counts = {
        name: tally(group, values, n)
        for name, values in _counts(rows, repeats[kept], others[kept], words[:, kept]).items()
    }
    counts |= {
        name: tally(group, values[kept], n) for name, values in zip(("n_grams", "n_echoed_grams"), echoes, strict=True)
    }
    counts |= {f"n_topic_{name}": of for name, of in zip(TOPICS, _by_topic(rows, group, n), strict=True)}
    by_hour = _by_hour(rows, group, n)
    counts["peak_hour"] = (by_hour**2).sum(axis=1, dtype=np.int64)  # each of the c posts of an hour adds c
    keys = rows.select(["platform", "author_id", "date"]).take(pa.array(head))
    columns: dict[str, Any] = {name: keys[name] for name in keys.column_names}
    columns |= {name: pa.array(counts[name]) for name in DAY_COUNTS}
    columns["by_hour"] = pa.FixedSizeListArray.from_arrays(pa.array(by_hour.ravel()), type=HOURS)
    columns["schema_version"] = pa.array(np.full(n, SCHEMA_VERSION, np.int32))
    return complete(columns, "author_days", n)


def earlier_authors(members: pa.Table) -> tuple[Flags, Flags]:
    """For each member: was its author in the campaign before, and was anyone else. Neither for one undated or unknown.

    `members` holds all members of their authors, and may leave out other authors.
    """
    known = pc.and_(pc.is_valid(members["posted_at"]), pc.is_valid(members["author_id"])).to_numpy()
    order = sorted_rows(members, ["campaign_id", "platform", "author_id", "posted_at", "post_id"])
    order = order[known[order]]
    rows = members.select(["campaign_id", "platform", "author_id", "n_authors_before"]).take(pa.array(order))
    again = np.ones(len(rows), bool)
    again[firsts(run_ids(rows, ["campaign_id", "platform", "author_id"]))] = False
    repeats, others = np.zeros(len(members), bool), np.zeros(len(members), bool)
    repeats[order] = again
    others[order] = numbers(rows["n_authors_before"], 0) > again
    return repeats, others


def at_rows(flag: Flags, rows: Ints) -> Flags:
    """The flag of each of the rows; False for -1."""
    return np.append(flag, False)[rows]


def _joined(posts: pa.Table, features: pa.Table, judgements: pa.Table) -> pa.Table:
    """The posts with their local date, features and judgement."""
    dates_ = dates(local_days(numbers(posts["posted_at"], 0)))
    columns = {name: t[name] for t in (posts, features, judgements) for name in t.column_names}
    return pa.table(columns | {"date": dates_})


def _commercial(features: pa.Table) -> Flags:
    return np.asarray(floats(features["p_sell"]) + floats(features["p_recruit"]) >= COMMERCIAL)


def _trade(texts: pa.ChunkedArray, features: pa.Table) -> Flags:
    """Of each kind of trade words the posts that hold them, shape (kinds, posts); only commercial posts are read for them."""
    found = np.zeros((len(KINDS), len(texts)), bool)
    read = np.flatnonzero(_commercial(features))
    if len(read):
        found[:, read] = [flags(hits) for hits in trade_words(texts.take(pa.array(read))).values()]
    return found


def _counts(rows: pa.Table, repeats: Flags, others: Flags, words: Flags) -> dict[str, Any]:
    """For each additive column what each row adds to its day, but for peak_hour."""
    trade = dict(zip(KINDS, words, strict=True))
    recruit = flags(pc.equal(rows["label"], "recruit"))
    comment = flags(pc.equal(rows["kind"], "comment"))
    own_words = ~flags(rows["is_repost"]) & ~flags(rows["is_auto_share"])
    commercial = _commercial(rows)
    engagement = np.stack([numbers(rows[name], -1) for name in ("likes", "comments", "reposts")])
    known = (engagement >= 0).any(axis=0)
    told = ~flags(rows["emoticons_dropped"])
    shops = {name: commercial & at_shop for name, at_shop in _links_to_shops(rows["links"]).items()}
    of_posts = {
        "n_posts": np.ones(len(rows)),
        "n_reposts": flags(rows["is_repost"]),
        **{f"n_{name}": flags(pc.equal(rows["label"], name)) for name in CLASSES},
        "n_broadcast": flags(rows["is_broadcast"]),
        "n_commercial": commercial,
        "n_campaign": others,
        "n_own_repeats": repeats & own_words,
        **{name: numbers(rows[name], 0) for name in ("n_mentions", "n_links", "n_tokens")},
        "n_emoticons": np.where(told, numbers(rows["n_emoticons"], 0), 0),
        "n_emoticon_posts": told,
        "n_own": own_words,
        "n_stock": numbers(rows["stock_cues"], 0) > 0,
        "n_contact": numbers(rows["contact_cues"], 0) > 0,
        "n_store": np.any([shops[name] for name in MOVED_TO], axis=0),
        **{f"n_store_{name}": shops[name] for name in STORES},
        **{f"n_{kind}": trade[kind] for kind in ("daigou", "price_gap")},
        **{f"n_{kind}": trade[kind] & recruit for kind in ("product_detail", "headcount", "entry_fee", "team_pay")},
        "n_own_bait": own_words & flags(pc.equal(rows["label"], "bait")),
        "broadcast_ppm": (broadcast := _fixed(rows["broadcast_probability"], 1_000_000)),
        "own_broadcast_ppm": np.where(own_words, broadcast, 0),
        "sentiment_ppm": _fixed(rows["sentiment"], 1_000_000),
        "sentiment_sq_ppm": np.rint(_nan_to_zero(floats(rows["sentiment"])) ** 2 * 1_000_000),
        "first_person": _fixed(rows["first_person_per_100"], 100),
        "affect": _fixed(rows["affect_per_100"], 100),
        "engagement": np.where(known, np.maximum(engagement, 0).sum(axis=0), 0),
        "n_engagement": known,
    }
    return {name: np.where(comment, 0, values) for name, values in of_posts.items()} | {"n_comments": comment}


def _links_to_shops(links: pa.ChunkedArray) -> dict[str, Flags]:
    """Of each class of shops the rows of which a link leads to one."""
    column = links.combine_chunks()
    link, row = pc.list_flatten(column), numbers(pc.list_parent_indices(column), 0)
    found = {name: np.zeros(len(column), bool) for name in STORES}
    for name, domain in SHOPS.items():
        pattern = rf"(?i)^(https?://)?([a-z0-9-]+\.)*{domain}([/?#:]|$)"
        found[name][row[flags(pc.match_substring_regex(link, pattern))]] = True
    return found


def _by_topic(rows: pa.Table, group: Ints, n: int) -> Ints:
    """Posts that are not commercial by the topic they speak of most, shape (topics, days)."""
    topic = numbers(pc.index_in(rows["topic"], value_set=pa.array(TOPICS, pa.string())), -1)
    told = (topic >= 0) & ~flags(pc.equal(rows["kind"], "comment")) & ~_commercial(rows)
    return tally(group[told] * len(TOPICS) + topic[told], None, n * len(TOPICS)).reshape(n, len(TOPICS)).T


def _by_hour(rows: pa.Table, group: Ints, n: int) -> NDArray[np.int32]:
    """Posts in each local hour, shape (days, 24)."""
    post = ~flags(pc.equal(rows["kind"], "comment"))
    found = np.zeros(n * 24, np.int32)
    np.add.at(found, (group * 24 + local_hours(numbers(rows["posted_at"], 0)))[post], 1)
    return found.reshape(n, 24)


def _fixed(column: pa.ChunkedArray, unit: int) -> NDArray[np.float64]:
    """Values in whole 1/`unit`, rounded half to even; NULL is 0."""
    return np.rint(_nan_to_zero(floats(column)) * unit)


def _nan_to_zero(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(values), 0.0, values)
