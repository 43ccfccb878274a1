"""Table daily_feelings: each day's feelings by topic, by keyword and by campaign, beside all that was posted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.hashing import single
from pipeline.local_time import dates
from pipeline.order import flags, numbers, sort_rows, tally
from pipeline.steps.summary_days import feeling_columns, match_days, mean, nullable, over_groups
from pipeline.steps.summary_groups import Floats
from pipeline.steps.summary_parts import CAMPAIGN, NAMED, added, together, under_all
from pipeline.tables import SCHEMA_VERSION, complete, concat, conform

LEAST_POSTS = 10  # of a topic or keyword on a day: fewer are noise, and point at persons
LEAST_MEMBERS = 2  # of a campaign on a day
_ANYWHERE = [name for name in NAMED if name != "platform"]


def feelings_by_name(named: Iterable[pa.Table], days: pa.Table) -> pa.Table:
    """Table daily_feelings of the `named` of all parts, each table with all there is of its days; `days` has the sums of every
    day and platform."""
    found = [table for some in named for table in _feelings(some, days)]
    return conform(sort_rows(concat(found, "daily_feelings"), NAMED), "daily_feelings")


def _feelings(named: pa.Table, days: pa.Table) -> list[pa.Table]:
    """By platform, and of all platforms together."""
    own = _of_size(added([named], NAMED), _ANYWHERE)
    rows = _rows(own, days)
    one = len(pc.unique(days["platform"])) <= 2  # and `all`, which is the same then
    return [rows, under_all(rows) if one else _rows(together(own, NAMED), days)]


def _rows(groups: pa.Table, days: pa.Table) -> pa.Table:
    groups = sort_rows(_of_size(groups, NAMED), [*NAMED, "group"])
    sums, bounds = over_groups(groups, NAMED)
    n_posts = numbers(sums["n_posts"], 0)
    columns: dict[str, Any] = {
        "date": dates(numbers(sums["date"], 0)),
        **{name: sums[name] for name in ("platform", "part", "name", "n_posts")},
        "n_authors": sums["authors"],
        "broadcast_share": pa.array(numbers(sums["n_broadcast"], 0) / np.maximum(n_posts, 1)),
        **feeling_columns(sums, groups, bounds),
        "sentiment_lent": nullable(_lent(sums, days)),
        "schema_version": pa.array(np.full(len(sums), SCHEMA_VERSION, np.int32)),
    }
    return complete(columns, "daily_feelings", len(sums))


def _of_size(groups: pa.Table, keys: list[str]) -> pa.Table:
    """The groups of those `keys` that have enough posts."""
    place = np.zeros(len(groups), np.int64)
    for key in keys:
        coded = single(groups[key]).dictionary_encode()
        place = place * max(len(coded.dictionary), 1) + numbers(coded.indices, 0)
    _, place = np.unique(place, return_inverse=True)
    n = tally(place, numbers(groups["n_posts"], 0), int(place.max(initial=-1)) + 1)[place]
    least = np.where(flags(pc.equal(groups["part"], CAMPAIGN)), LEAST_MEMBERS, LEAST_POSTS)
    return groups.filter(pa.array(n >= least))


def _lent(sums: pa.Table, days: pa.Table) -> Floats:
    """By how much these posts move the mean of the day on that platform; NaN where nothing else was posted."""
    at = match_days(sums["date"], sums["platform"], days)
    n, ppm = numbers(days["n_all"], 0)[at], numbers(days["ppm_all"], 0)[at]
    return mean(ppm, n) - mean(ppm - numbers(sums["ppm_all"], 0), n - numbers(sums["n_all"], 0))
