"""An author's days up to a date, as columns: windows, sums, the day selling set in. Part of the trust step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.errors import LakeError
from pipeline.local_time import day_number
from pipeline.order import Ints, firsts, numbers, run_ids, sorted_rows, tally
from pipeline.tables import TOPICS

Floats = NDArray[np.float64]
NEVER = 2**40  # a day after all days
ONSET_POSTS, ONSET_DAYS = 3, 30  # selling is sustained where 3 commercial posts fall within 30 days
_AUTHOR = ["platform", "author_id"]
# What is read of author_days: hours are told by the posts, shares of a class by the months.
COUNTS = (
    "n_posts", "n_reposts", "n_comments", "n_sell", "n_recruit", "n_bait", "n_news", "n_auto", "n_broadcast", "n_commercial",
    "n_campaign", "n_own_repeats", "n_grams", "n_echoed_grams", "n_own", "n_own_bait", "n_mentions", "n_links",
    "n_emoticons", "n_emoticon_posts", "n_tokens",
    "n_stock", "n_contact", "n_store", "n_daigou", "n_price_gap", "n_product_detail", "n_headcount", "n_entry_fee", "n_team_pay",
    "broadcast_ppm", "own_broadcast_ppm", "sentiment_ppm", "sentiment_sq_ppm", "first_person", "affect", "engagement", "n_engagement",
    *(f"n_topic_{name}" for name in TOPICS),
)  # fmt: skip
DAYS_READ = (*_AUTHOR, "date", *COUNTS)


@dataclass(frozen=True)
class Lives:
    """Rows of author_days up to the local day `as_of`, by author and day; authors are numbered as in `keys`."""

    keys: pa.Table  # platform and author_id, one row per author, sorted
    author: Ints  # for each day the number of its author
    day: Ints  # days since 1970-01-01
    counts: dict[str, Ints]  # the columns of COUNTS
    as_of: int
    known: dict[str, Ints] = field(default_factory=dict, repr=False)  # sums over all days, once asked for

    def __len__(self) -> int:
        return len(self.keys)

    def total(self, name: str, where: NDArray[np.bool_] | None = None) -> Ints:
        """Per author the sum of a count over all days, or over the days `where`."""
        if where is not None:
            return self.totals((name,), where)[name]
        if name not in self.known:  # the days of an author stand together
            values = self.counts[name]
            self.known[name] = np.add.reduceat(values, self._heads) if len(values) else np.zeros(0, np.int64)
        return self.known[name]

    def totals(self, names: Sequence[str], where: NDArray[np.bool_]) -> dict[str, Ints]:
        """Per author the sums of several counts over the days `where`."""
        days = np.flatnonzero(where)
        author = self.author[days]
        return {name: tally(author, self.counts[name][days], len(self)) for name in names}

    @cached_property
    def _heads(self) -> Ints:
        return firsts(self.author)

    def recent(self, days: int) -> NDArray[np.bool_]:
        """The days in the trailing window (as_of - days, as_of]."""
        return self.day > self.as_of - days

    @cached_property
    def active(self) -> NDArray[np.bool_]:
        """The days with a post: comments alone do not make one."""
        return self.counts["n_posts"] > 0

    def first(self, where: NDArray[np.bool_]) -> Ints:
        """Per author the first of the days `where`; NEVER where there is none."""
        out = np.full(len(self), NEVER)
        np.minimum.at(out, self.author[where], self.day[where])
        return out

    def last(self, where: NDArray[np.bool_]) -> Ints:
        """Per author the last of the days `where`; -NEVER where there is none."""
        out = np.full(len(self), -NEVER)
        np.maximum.at(out, self.author[where], self.day[where])
        return out

    @cached_property
    def onset(self) -> Ints:
        """t_c per author: the first day with a commercial post whose 30 days hold at least 3; NEVER if none yet."""
        commercial = self.counts["n_commercial"]
        sums = np.concatenate(([0], np.cumsum(commercial)))
        low = int(self.day.min(initial=self.as_of))
        place = self.author * (self.as_of - low + ONSET_DAYS + 1) + self.day - low  # ascending; authors lie far apart
        following = sums[np.searchsorted(place, place + ONSET_DAYS)] - sums[:-1]
        return self.first((commercial > 0) & (following >= ONSET_POSTS))


def ratio(part: Ints | Floats, whole: Ints | Floats) -> Floats:
    """part / whole, NaN where whole is 0."""
    return np.asarray(np.where(whole == 0, np.nan, part / np.where(whole == 0, 1, whole)))


def medians(owner: Ints, values: Ints, n: int, least: int) -> Floats:
    """Per owner the median of whole values; NaN for fewer than `least`."""
    count = tally(owner, None, n)
    known = count >= max(least, 1)
    ordered = _by_owner(owner, values, n)
    starts = (np.cumsum(count) - count)[known]
    out = np.full(n, np.nan)
    out[known] = (ordered[starts + (count[known] - 1) // 2] + ordered[starts + count[known] // 2]) / 2
    return out


def _by_owner(owner: Ints, values: Ints, n: int) -> Ints:
    """The values, owner by owner, each owner's ascending."""
    low = int(values.min(initial=0))
    span = int(values.max(initial=0)) - low + 1
    if span * max(n, 1) >= 2**63:
        return values[np.lexsort((values, owner))]
    return np.sort(owner * span + (values - low)) % span + low


def lives(days: pa.Table, as_of: date) -> Lives:
    """The days of every author who has any up to `as_of`; of author_days no more than DAYS_READ is needed.

    Raises LakeError for days that an earlier version counted, which lack a column.
    """
    missing = [name for name in COUNTS if days[name].null_count]
    if missing:
        raise LakeError(f"author_days: no {missing[0]}; expected days counted by this version; run `xinren run` first")
    day = numbers(days["date"], 0)
    kept = np.flatnonzero(day <= day_number(as_of))
    names = days.select([*_AUTHOR, "date"]).combine_chunks()
    names = names if len(kept) == len(names) else names.take(pa.array(kept))
    order = kept[sorted_rows(names, names.column_names)]  # each column is gathered once, by this
    keys = days.select(_AUTHOR).take(pa.array(order)).combine_chunks()
    author = run_ids(keys, _AUTHOR)
    return Lives(
        keys=keys.take(pa.array(firsts(author))).combine_chunks(),
        author=author,
        day=day[order],
        counts={name: numbers(days[name], 0)[order] for name in COUNTS},
        as_of=day_number(as_of),
    )
