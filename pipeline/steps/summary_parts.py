"""What some posts add to daily_summary and daily_feelings: whole sums by day, platform and group of authors, which add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.hashing import Words, single
from pipeline.local_time import local_days
from pipeline.order import Ints, flags, floats, numbers
from pipeline.steps.summary_groups import author_hashes, group_numbers
from pipeline.tables import empty
from pipeline.text.compiled import kernel

ALL = "all"
FEELING_KINDS = ("post", "note", "article")
DAY = ["date", "platform"]
NAMED = [*DAY, "part", "name"]
TOPIC, KEYWORD, CAMPAIGN = "topic", "keyword", "campaign"
# Posts counted; and those of feeling (all, own: judged share, in campaigns, loud: broadcasting outside of them), each with their
# sentiment in millionths.
SUMS = [
    "n_posts", "n_broadcast", "n_recruit", "n_all", "ppm_all", "n_own", "ppm_own", "n_campaign", "ppm_campaign", "n_loud",
    "ppm_loud",
]  # fmt: skip
AUTHORS = ["authors", "authors_all", "authors_own"]  # known ones; those with a feeling, with a genuine one
NAMED_SUMS = ["n_posts", "n_broadcast", "n_all", "ppm_all", "n_own", "ppm_own", "authors", "authors_own"]
_PPM = 1_000_000
_N_ALL, _N_OWN, _KNOWN = SUMS.index("n_all"), SUMS.index("n_own"), len(SUMS)


@dataclass(frozen=True)
class Part:
    """Sums of some posts, all of some authors, by group of authors. Dates are days since 1970."""

    days: pa.Table  # DAY, group, SUMS, AUTHORS
    named: pa.Table  # NAMED, group, NAMED_SUMS


def part_of_days(posts: pa.Table, features: pa.Table, judgements: pa.Table) -> Part:
    """The part of some posts, from row-aligned tables (`judgements` with campaign_id); comments and undated posts left out."""
    counted = pc.and_(pc.is_valid(posts["posted_at"]), pc.not_equal(pc.fill_null(posts["kind"], ""), "comment"))
    posts, features, judgements = (table.filter(counted) for table in (posts, features, judgements))
    every, values, authors = (
        np.arange(len(posts)),
        _values(posts, features["sentiment"], judgements),
        author_hashes(posts),
    )
    rows, name, names = _names([
        _listed(posts["topics"], TOPIC), _listed(posts["source_keywords"], KEYWORD),
        (every, single(judgements["campaign_id"]), CAMPAIGN),
    ])  # fmt: skip
    day, days = _days(posts)
    place, whole = _added_up(day, every, authors, values)
    places, each = _added_up(day[rows] * max(len(names), 1) + name, rows, authors, values)
    of_day, of_name = np.divmod(places, max(len(names), 1))
    return Part(
        _beside(days.take(pa.array(place)), whole),
        _beside(
            _beside(days.take(pa.array(of_day)), names.take(pa.array(of_name))), each.select(["group", *NAMED_SUMS])
        ),
    )


def nothing() -> Part:
    """The part of no posts."""
    return part_of_days(*(empty(table) for table in ("posts", "post_features", "post_judgements")))


def _values(posts: pa.Table, sentiment: pa.ChunkedArray, judgements: pa.Table) -> Ints:
    """SUMS of each post, and whether its author is known."""
    value = floats(sentiment)
    feels = ~flags(posts["is_repost"]) & ~flags(posts["is_auto_share"]) & ~np.isnan(value)
    feels &= flags(pc.is_in(posts["kind"], pa.array(FEELING_KINDS)))
    ppm = np.rint(np.nan_to_num(value) * _PPM).astype(np.int64)
    loud = flags(judgements["is_broadcast"])
    member, known = (column.is_valid().to_numpy() for column in (judgements["campaign_id"], posts["author_id"]))
    classes = (feels, feels & flags(pc.equal(judgements["label"], "share")), feels & member, feels & loud & ~member)
    pairs = [column for where in classes for column in (where, np.where(where, ppm, 0))]
    counts = (np.ones(len(value), np.int64), loud, flags(pc.equal(judgements["label"], "recruit")))
    return np.stack([*counts, *pairs, known], axis=1).astype(np.int64)


def _days(posts: pa.Table) -> tuple[Ints, pa.Table]:
    """For each post the number of its day and platform, and DAY by these numbers."""
    date, place = np.unique(local_days(numbers(posts["posted_at"], 0)), return_inverse=True)
    platforms = single(posts["platform"]).dictionary_encode()
    n = max(len(platforms.dictionary), 1)
    columns = [pa.array(np.repeat(date, n)), pa.array(np.tile(np.arange(n), len(date)))]
    crossed = pa.table({"date": columns[0], "platform": platforms.dictionary.take(columns[1])})
    return place * n + numbers(platforms.indices, 0), crossed


def _listed(column: pa.ChunkedArray, part: str) -> tuple[Ints, pa.Array, str]:
    lists = single(column)
    return numbers(pc.list_parent_indices(lists), 0), pc.list_flatten(lists), part


def _names(found: Sequence[tuple[Ints, pa.Array, str]]) -> tuple[Ints, Ints, pa.Table]:
    """Posts and what they have, each pair once: rows of posts, rows of the table of `part` and `name`. No empty names."""
    rows, codes, names = [], [], []
    parts: list[str] = []
    for row, name, part in found:
        there = pc.greater(pc.fill_null(pc.binary_length(name), 0), 0)
        coded = name.filter(there).dictionary_encode()
        rows.append(row[flags(there)])
        codes.append(numbers(coded.indices, 0) + len(parts))
        parts += [part] * len(coded.dictionary)
        names.append(coded.dictionary)
    n = max(len(parts), 1)
    pairs = np.sort(np.concatenate(rows) * n + np.concatenate(codes))
    row, code = np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], n)
    return row, code, pa.table({"part": pa.array(parts, pa.string()), "name": pa.chunked_array(names, pa.string())})


def _added_up(place: Ints, rows: Ints, authors: Words, values: Ints) -> tuple[Ints, pa.Table]:
    """For each place and group of authors with a post: the place, and a table of group, SUMS and AUTHORS.

    rows: posts, each at its `place`; a post may stand at several. Hashes in order are groups in order, so that one sort does.
    """
    distinct, author = np.unique(authors, return_inverse=True)
    key = place * max(len(distinct), 1) + author[rows]
    order = np.argsort(key)
    places, groups = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    sums = np.zeros((len(rows), len(SUMS) + len(AUTHORS)), np.int64)
    n = _sum_up(order, place, author[rows], group_numbers(distinct), rows, values, places, groups, sums)
    columns = {name: pa.array(np.ascontiguousarray(sums[:n, i])) for i, name in enumerate([*SUMS, *AUTHORS])}
    return places[:n], pa.table({"group": pa.array(groups[:n]), **columns})


@kernel
def _sum_up(
    order: Ints,
    place: Ints,
    author: Ints,
    group_of: Ints,
    rows: Ints,
    values: Ints,
    places: Ints,
    groups: Ints,
    sums: Ints,
) -> int:
    """Fill places, groups and sums; how many. An author counts once in each where any of his posts does."""
    n = 0
    last_author = -1
    had = np.zeros(3, np.int64)
    for i in order:
        group = group_of[author[i]]
        if n == 0 or places[n - 1] != place[i] or groups[n - 1] != group:
            places[n], groups[n] = place[i], group
            n += 1
            last_author = -1
        if author[i] != last_author:
            last_author = author[i]
            had[:] = 0
        post = rows[i]
        for j in range(_KNOWN):
            sums[n - 1, j] += values[post, j]
        for j in range(3):
            counts = values[post, _KNOWN if j == 0 else (_N_ALL if j == 1 else _N_OWN)]
            if counts and not had[j]:
                had[j] = 1
                sums[n - 1, _KNOWN + j] += 1
    return n


def _beside(one: pa.Table, other: pa.Table) -> pa.Table:
    return pa.table({name: table[name] for table in (one, other) for name in table.column_names})


def added(parts: Sequence[pa.Table], keys: Sequence[str]) -> pa.Table:
    """Sums of all parts (one at least) by `keys` and group, in no order."""
    some = [part for part in parts if len(part)]
    return some[0] if len(some) == 1 else _summed(pa.concat_tables(parts), keys)


def together(own: pa.Table, keys: Sequence[str]) -> pa.Table:
    """The same of all platforms, under platform `all`."""
    table = under_all(own)
    return _summed(table, keys) if len(pc.unique(own["platform"])) > 1 else table


def under_all(table: pa.Table) -> pa.Table:
    """`table` with `all` for every platform."""
    place = table.column_names.index("platform")
    return table.set_column(place, table.schema.field(place), pa.array([ALL] * len(table), pa.string()))


def _summed(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    names = [name for name in table.column_names if name not in (*keys, "group")]
    found = table.group_by([*keys, "group"]).aggregate([(name, "sum") for name in names])
    return found.rename_columns([*keys, "group", *names])
