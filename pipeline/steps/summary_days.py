"""The rows of a table of sums by day, and columns that daily_summary and daily_feelings share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.order import Ints, firsts, numbers, run_ids
from pipeline.steps.summary_groups import Floats, differences, widened

_PPM = 1_000_000
_OF_DIFFERENCE = ("n_all", "ppm_all", "n_own", "ppm_own")


def over_groups(groups: pa.Table, keys: Sequence[str]) -> tuple[pa.Table, Ints]:
    """Sums over the groups of authors of a table sorted by `keys`, and where each key's groups begin and the last end."""
    begins = firsts(run_ids(groups, keys))
    columns = {name: groups[name].take(pa.array(begins)) for name in keys}
    for name in groups.column_names:
        if name not in (*keys, "group"):
            values = numbers(groups[name], 0)
            columns[name] = pa.array(np.add.reduceat(values, begins) if len(values) else values)
    return pa.table(columns), np.append(begins, len(groups))


def feeling_columns(sums: pa.Table, groups: pa.Table, bounds: Ints) -> dict[str, pa.Array]:
    """Mean sentiment of all own words and of the genuine ones, and their difference with a 95% interval.

    The genuine posts are part of all, and an author's posts are of one voice: so authors are drawn anew, with all they
    wrote on the day (summary_groups.py). The interval is NULL below LEAST_AUTHORS authors of genuine posts.
    """
    n_all, n_own = (numbers(sums[name], 0) for name in ("n_all", "n_own"))
    all_, own = mean(numbers(sums["ppm_all"], 0), n_all), mean(numbers(sums["ppm_own"], 0), n_own)
    authors = numbers(sums["authors_own"], 0)
    found = differences(matrix(groups, _OF_DIFFERENCE), numbers(groups["group"], 0), bounds, authors)
    low, high = widened(own - all_, found, authors)
    return {
        "n_feeling": pa.array(n_all),
        "n_genuine": pa.array(n_own),
        "sentiment_all": nullable(all_),
        "sentiment_genuine": nullable(own),
        "sentiment_difference": nullable(own - all_),
        "difference_low": nullable(low),
        "difference_high": nullable(high),
    }


def matrix(table: pa.Table, names: Sequence[str]) -> Ints:
    """Columns of whole numbers side by side."""
    return np.stack([numbers(table[name], 0) for name in names], axis=1)


def mean(ppm: Ints, count: Ints) -> Floats:
    """Mean sentiment from a sum in millionths; NaN for none."""
    return np.where(count > 0, ppm / np.maximum(count, 1) / _PPM, np.nan)


def match_days(date: pa.ChunkedArray, platform: pa.ChunkedArray, sums: pa.Table) -> Ints:
    """The row of `sums` (sorted by date and platform) of each date and platform; every one of them has one."""
    names = pc.unique(sums["platform"])
    of_sums, of_rows = (numbers(pc.index_in(column, value_set=names), 0) for column in (sums["platform"], platform))
    place = numbers(sums["date"], 0) * len(names) + of_sums
    order = np.argsort(place)
    return order[np.searchsorted(place[order], numbers(date, 0) * len(names) + of_rows)]


def nullable(values: Floats) -> pa.Array:
    """NaN as NULL."""
    return pa.array(values, mask=np.isnan(values))
