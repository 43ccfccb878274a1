"""What only the posts of all authors tell of one: on which platforms the same contact is, how much of a feed is theirs.

Part of the trust step. The posts that matter are few (a contact handle in the text, or a community), so those of all buckets
are looked at together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import entr

from pipeline.local_time import DAY, HOUR, end_of_day
from pipeline.order import firsts, floats, match_rows, numbers, run_ids, sort_rows, take_rows, tally
from pipeline.steps.author_life import Floats

# What is read of posts with a contact or a community.
READ = ("platform", "author_id", "posted_at", "kind", "is_repost", "community", "contact_hashes")
FEED_DAYS, LEAST_IN_HOUR = 30, 5
FEATURES = ("platform_cnt", "platform_entropy", "feed_share_1h")
_AUTHOR = ["platform", "author_id"]
_NAME = {"contact": pa.string(), "community": pa.string(), "hour": pa.int64()}
# Posts of an author with a contact, or of anybody in a community within an hour (microseconds since 1970 / an hour).
USES = pa.schema([("platform", pa.string()), ("author_id", pa.string()), *_NAME.items(), ("n", pa.int64())])
ACROSS = pa.schema(
    [("platform", pa.string()), ("author_id", pa.string()), *((name, pa.float64()) for name in FEATURES)]
)


def uses(posts: pa.Table, as_of: date) -> pa.Table:
    """USES of some authors' posts (READ) up to the end of `as_of`; those of disjoint authors go one after another."""
    end = pa.scalar(end_of_day(as_of)).cast(posts["posted_at"].type)
    rows = posts.select(READ).filter(pc.fill_null(pc.less(posts["posted_at"], end), False)).combine_chunks()
    written = pc.and_(
        pc.not_equal(rows["kind"], "comment"), pc.invert(rows["is_repost"])
    )  # by the author, in own words
    own = rows.filter(pc.fill_null(written, False)).combine_chunks()
    handles = own["contact_hashes"].combine_chunks()
    by = own.select(_AUTHOR).take(pc.list_parent_indices(handles)).append_column("contact", pc.list_flatten(handles))
    by = by.filter(pc.is_valid(by["author_id"]))
    at = numbers(rows["posted_at"], 0)
    recent = rows.append_column("hour", pa.array(at // HOUR)).filter(
        pa.array(at >= end_of_day(as_of) - FEED_DAYS * DAY)
    )
    of_feed = pc.and_(pc.is_valid(recent["community"]), pc.not_equal(recent["kind"], "comment"))
    feed = recent.select([*_AUTHOR, "community", "hour"]).filter(pc.fill_null(of_feed, False))
    return pa.concat_tables([USES.empty_table(), *(_counted(part) for part in (by, feed))])


def across(parts: Sequence[pa.Table]) -> pa.Table:
    """ACROSS of the USES of all authors: one row per author with a contact, or with a post in a community's busy hour."""
    rows = pa.concat_tables([USES.empty_table(), *parts])
    linked, fed = _linked(rows.filter(pc.is_valid(rows["contact"]))), _fed(rows.filter(pc.is_valid(rows["community"])))
    both = sort_rows(pa.concat_tables([linked.select(_AUTHOR), fed.select(_AUTHOR)]), _AUTHOR)
    keys = both.take(pa.array(firsts(run_ids(both, _AUTHOR))))
    for part in (linked, fed):
        found = take_rows(part, match_rows(keys, part, _AUTHOR))
        for name in part.column_names[2:]:
            keys = keys.append_column(name, found[name])
    return keys.cast(ACROSS)


def across_features(keys: pa.Table, found: pa.Table) -> dict[str, Floats]:
    """The columns of ACROSS for the authors of `keys`; NaN where there is none."""
    rows = take_rows(found, match_rows(keys, found, _AUTHOR))
    return {name: floats(rows[name]) for name in FEATURES}


def _counted(rows: pa.Table) -> pa.Table:
    found = rows.group_by(rows.column_names, use_threads=False).aggregate([([], "count_all")])
    found = found.rename_columns([*rows.column_names, "n"])
    columns = [
        found[f.name].cast(f.type) if f.name in found.column_names else pa.nulls(len(found), f.type) for f in USES
    ]
    return pa.table(columns, USES)


def _linked(rows: pa.Table) -> pa.Table:
    """Per author the platforms on which any of their contacts was posted, by anybody: how many, and the entropy of these posts.

    A post counts once for each of the author's contacts that it holds.
    """
    rows = sort_rows(rows, [*_AUTHOR, "contact"])
    author = run_ids(rows, _AUTHOR)
    contact, platform = (rows[name].combine_chunks().dictionary_encode() for name in ("contact", "platform"))
    of_contact, width = numbers(contact.indices, 0), max(len(platform.dictionary), 1)
    by_contact = tally(
        of_contact * width + numbers(platform.indices, 0), numbers(rows["n"], 0), len(contact.dictionary) * width
    )
    head = firsts(author)
    posts = np.zeros((len(head), width), np.int64)
    np.add.at(posts, author, by_contact.reshape(-1, width)[of_contact])
    share = posts / np.maximum(posts.sum(axis=1, keepdims=True), 1)
    bits = entr(np.sort(share, axis=1)).sum(axis=1) / np.log(2)  # sorted: platforms are numbered as they come
    columns = {"platform_cnt": pa.array((posts > 0).sum(axis=1).astype(np.float64)), "platform_entropy": pa.array(bits)}
    return pa.table({name: rows[name].take(pa.array(head)) for name in _AUTHOR} | columns)


def _fed(rows: pa.Table) -> pa.Table:
    """Per author the largest share of a community's posts of one clock hour, of hours with 5 posts or more."""
    feed = ["platform", "community", "hour"]
    rows = sort_rows(rows, [*feed, "author_id"])
    hour = run_ids(rows, feed)
    n = numbers(rows["n"], 0)
    whole = tally(hour, n, int(hour[-1]) + 1 if len(hour) else 0)[hour]
    told: NDArray[np.bool_] = (whole >= LEAST_IN_HOUR) & rows["author_id"].is_valid().to_numpy()
    share = (
        rows.select(_AUTHOR).append_column("feed_share_1h", pa.array(n / np.maximum(whole, 1))).filter(pa.array(told))
    )
    most = share.group_by(_AUTHOR, use_threads=False).aggregate([("feed_share_1h", "max")])
    return most.rename_columns([*_AUTHOR, "feed_share_1h"])
