"""The campaigns an author joined up to a date. Part of the trust step."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.local_time import HOUR, day_number, end_of_day, local_days
from pipeline.order import Ints, firsts, flags, match_rows, numbers, run_ids, sort_rows, take_rows, tally
from pipeline.steps.author_life import Floats

FLOOD_DAYS = 30
_AUTHOR = ["platform", "author_id"]


def floods(keys: pa.Table, members: pa.Table, posts: pa.Table, as_of: date) -> tuple[Ints, Ints, Floats]:
    """Per author of `keys`, over the last 30 days: posts in floods, most authors in a campaign, longest span in hours.

    Campaigns as they stood at the end of `as_of`, by their dated members alone; a flood has two authors or more.
    Reposts and app-made posts of the author do not count: passing on is no flooding. Span is NaN without a campaign.
    """
    rows, campaign = _so_far(members, as_of)
    n_authors, hours = _sizes(rows, campaign)
    author = match_rows(rows, keys, _AUTHOR)
    counted = (author >= 0) & _own_words(rows, posts)
    counted &= local_days(numbers(rows["posted_at"], 0)) > day_number(as_of) - FLOOD_DAYS
    author, joined = author[counted], campaign[counted]
    most, longest = np.zeros(len(keys), np.int64), np.full(len(keys), -1.0)
    np.maximum.at(most, author, n_authors[joined])
    np.maximum.at(longest, author, hours[joined])
    in_floods = tally(author, n_authors[joined] >= 2, len(keys))
    return in_floods, most, np.where(longest < 0, np.nan, longest)


def _so_far(members: pa.Table, as_of: date) -> tuple[pa.Table, Ints]:
    """The members posted by the end of `as_of` of campaigns that had two by then, and the number of their campaign."""
    end = pa.scalar(end_of_day(as_of)).cast(members["posted_at"].type)
    rows = members.filter(pc.less(members["posted_at"], end))  # an undated member is dropped too
    rows = sort_rows(rows, ["campaign_id", *_AUTHOR, "posted_at", "post_id"])
    campaign = run_ids(rows, ["campaign_id"])
    rows = rows.filter(pa.array(tally(campaign, None, len(rows))[campaign] > 1))
    return rows, run_ids(rows, ["campaign_id"])


def _sizes(rows: pa.Table, campaign: Ints) -> tuple[Ints, Floats]:
    """Distinct known authors and hours from first to last member of each campaign."""
    start = firsts(campaign)
    new = np.zeros(len(rows), bool)
    new[firsts(run_ids(rows, ["campaign_id", *_AUTHOR]))] = True
    known = pc.is_valid(rows["author_id"]).to_numpy(zero_copy_only=False)
    at = numbers(rows["posted_at"], 0)
    span = np.maximum.reduceat(at, start) - np.minimum.reduceat(at, start)
    return tally(campaign, new & known, len(start)), span / HOUR


def _own_words(rows: pa.Table, posts: pa.Table) -> NDArray[np.bool_]:
    """The members that are neither reposts nor app-made."""
    columns = posts.select(["platform", "post_id", "is_repost", "is_auto_share"])
    found = take_rows(columns, match_rows(rows, columns, ["platform", "post_id"]))
    return ~flags(found["is_repost"]) & ~flags(found["is_auto_share"])
