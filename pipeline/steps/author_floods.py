"""The campaigns an author joined up to a date. Part of the trust step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.local_time import DAY, HOUR, end_of_day
from pipeline.order import Ints, flags, match_rows, numbers, take_rows, tally
from pipeline.steps.author_life import Floats

FLOOD_DAYS = 30
_AUTHOR = ["platform", "author_id"]
_ADDING = {"n_posts": "sum", "n_authors": "sum", "first": "min", "last": "max"}
_STATE = ["campaign_id", *_ADDING]


def campaign_states(members: pa.Table, as_of: date) -> pa.Table:
    """What some authors' members tell of each campaign at the end of `as_of`: how many, how many authors, first and last.

    An undated member counts for nothing. States of disjoint authors add up: `added`.
    """
    rows = members.select(["campaign_id", *_AUTHOR, "posted_at"]).filter(_until(members, as_of))
    at = [("posted_at", "count"), ("posted_at", "min"), ("posted_at", "max")]
    found = rows.group_by("campaign_id").aggregate(at).rename_columns(["campaign_id", "n_posts", "first", "last"])
    authors = rows.filter(pc.is_valid(rows["author_id"])).group_by(["campaign_id", *_AUTHOR]).aggregate([])
    known = authors.group_by("campaign_id").aggregate([([], "count_all")])
    n_authors = take_rows(known, match_rows(found, known, ["campaign_id"]))["count_all"]
    return found.append_column("n_authors", pc.fill_null(n_authors, 0)).select(_STATE)


def added(states: Sequence[pa.Table]) -> pa.Table:
    """The states of campaigns that several buckets of authors tell of."""
    sums = pa.concat_tables(states).group_by("campaign_id").aggregate(list(_ADDING.items()))
    return sums.rename_columns(_STATE)


def floods(
    keys: pa.Table, members: pa.Table, posts: pa.Table, states: pa.Table, as_of: date
) -> tuple[Ints, Ints, Ints, Floats]:
    """Per author of `keys`, over the last 30 days: posts in floods, how many floods, most authors in a campaign, longest span in hours.

    Campaigns as they stood at the end of `as_of` (`states`), those of two posts or more; a flood has two authors or more.
    `members` and `posts` hold at least those of the authors. Reposts and app-made posts of the author do not count:
    passing on is no flooding. Span is NaN without a campaign.
    """
    states = states.filter(pc.greater(states["n_posts"], 1))
    n_authors = numbers(states["n_authors"], 0)
    hours = (numbers(states["last"], 0) - numbers(states["first"], 0)) / HOUR
    recent = pc.greater_equal(members["posted_at"], _moment(end_of_day(as_of) - FLOOD_DAYS * DAY, members))
    rows = members.filter(pc.and_(_until(members, as_of), recent))
    campaign, author = match_rows(rows, states, ["campaign_id"]), match_rows(rows, keys, _AUTHOR)
    counted = (author >= 0) & (campaign >= 0) & _own_words(rows, posts)
    author, joined = author[counted], campaign[counted]
    most, longest = np.zeros(len(keys), np.int64), np.full(len(keys), -1.0)
    np.maximum.at(most, author, n_authors[joined])
    np.maximum.at(longest, author, hours[joined])
    flood = n_authors[joined] >= 2
    in_floods = tally(author, flood, len(keys))
    pairs = np.unique(author[flood] * max(len(states), 1) + joined[flood])
    n_floods = tally(pairs // max(len(states), 1), None, len(keys))
    return in_floods, n_floods, most, np.where(longest < 0, np.nan, longest)


def _until(members: pa.Table, as_of: date) -> pa.ChunkedArray:
    return pc.fill_null(pc.less(members["posted_at"], _moment(end_of_day(as_of), members)), False)


def _moment(at: int, members: pa.Table) -> pa.Scalar:
    return pa.scalar(at).cast(members["posted_at"].type)


def _own_words(rows: pa.Table, posts: pa.Table) -> NDArray[np.bool_]:
    """The members that are neither reposts nor app-made."""
    found = take_rows(posts.select(["is_repost", "is_auto_share"]), match_rows(rows, posts, ["platform", "post_id"]))
    return ~flags(found["is_repost"]) & ~flags(found["is_auto_share"])
