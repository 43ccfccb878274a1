"""An author's days up to a date, as columns: windows, sums, the day selling set in. Part of the trust step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.local_time import day_number
from pipeline.order import Ints, firsts, numbers, run_ids, sorted_rows, tally
from pipeline.tables import DAY_COUNTS

Floats = NDArray[np.float64]
NEVER = 2**40  # a day after all days
ONSET_POSTS, ONSET_DAYS = 3, 30  # selling is sustained where 3 commercial posts fall within 30 days
_AUTHOR = ["platform", "author_id"]


@dataclass(frozen=True)
class Lives:
    """Rows of author_days up to the local day `as_of`, by author and day; authors are numbered as in `keys`."""

    keys: pa.Table  # platform and author_id, one row per author, sorted
    author: Ints  # for each day the number of its author
    day: Ints  # days since 1970-01-01
    counts: dict[str, Ints]  # the columns of tables.DAY_COUNTS
    hours: Ints  # shape (authors, 24): posts in each local hour
    as_of: int

    def __len__(self) -> int:
        return len(self.keys)

    def total(self, name: str, where: NDArray[np.bool_] | None = None) -> Ints:
        """Per author the sum of a count over all days, or over the days `where`."""
        values = self.counts[name]
        return self.sums(values if where is None else np.where(where, values, 0))

    def sums(self, values: Ints) -> Ints:
        """Per author the sum of a value of each day: the days of an author stand together."""
        return np.asarray(np.add.reduceat(values, self._heads) if len(values) else np.zeros(0, np.int64))

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


def medians(owner: Ints, values: Floats, n: int, least: int) -> Floats:
    """Per owner the median of the values; NaN for fewer than `least`."""
    count = tally(owner, None, n)
    known = count >= max(least, 1)
    ordered = values[np.lexsort((values, owner))]
    starts = (np.cumsum(count) - count)[known]
    out = np.full(n, np.nan)
    out[known] = (ordered[starts + (count[known] - 1) // 2] + ordered[starts + count[known] // 2]) / 2
    return out


def lives(days: pa.Table, as_of: date) -> Lives:
    """The days of every author who has any up to `as_of`."""
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
        counts={name: numbers(days[name], 0)[order] for name in DAY_COUNTS},
        hours=_hours(days, order, author),
        as_of=day_number(as_of),
    )


def _hours(days: pa.Table, order: Ints, author: Ints) -> Ints:
    """Posts of each author in each local hour. Most hours of a day hold none: only the others are looked at."""
    owner = np.full(len(days), -1)
    owner[order] = author
    flat = np.asarray(days["by_hour"].combine_chunks().flatten())
    told = np.flatnonzero(flat)
    told = told[owner[told // 24] >= 0]
    n = int(author[-1]) + 1 if len(author) else 0
    return tally(owner[told // 24] * 24 + told % 24, flat[told], n * 24).reshape(n, 24)
