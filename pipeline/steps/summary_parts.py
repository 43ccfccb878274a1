"""What some posts add to daily_summary and daily_feelings: whole sums by day, platform and group of authors, which add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.local_time import local_days
from pipeline.order import flags, floats, numbers, sort_rows
from pipeline.steps.summary_groups import author_hashes, group_numbers

ALL = "all"
FEELING_KINDS = ("post", "note", "article")
DAY = ["date", "platform"]
NAMED = [*DAY, "part", "name"]
TOPIC, KEYWORD, CAMPAIGN = "topic", "keyword", "campaign"
_PPM = 1_000_000
# Posts counted, and those of feeling by class with their sentiment in millionths; own: judged share; loud: broadcasting
# outside campaigns.
SUMS = [
    "n_posts", "n_broadcast", "n_recruit", "n_all", "ppm_all", "n_own", "ppm_own", "n_campaign", "ppm_campaign", "n_loud",
    "ppm_loud",
]  # fmt: skip
AUTHORS = ["authors", "authors_all", "authors_own"]  # known ones; those with a feeling, with a genuine one
NAMED_SUMS = ["n_posts", "n_broadcast", "n_all", "ppm_all", "n_own", "ppm_own"]


@dataclass(frozen=True)
class Part:
    """Sums of some posts, all of some authors: by DAY, and by NAMED, each by group of authors. Dates are days since 1970."""

    days: pa.Table  # DAY, group, SUMS, AUTHORS
    named: pa.Table  # NAMED, group, some of SUMS, AUTHORS


def part_of_days(posts: pa.Table, features: pa.Table, judgements: pa.Table) -> Part:
    """The part of some posts, from row-aligned tables (`judgements` with campaign_id); comments and undated posts left out.

    posts: also author_id, topics and source_keywords, where by topic is asked.
    """
    counted = pc.and_(pc.is_valid(posts["posted_at"]), pc.not_equal(pc.fill_null(posts["kind"], ""), "comment"))
    posts, features, judgements = (table.filter(counted) for table in (posts, features, judgements))
    date = pa.array(local_days(numbers(posts["posted_at"], 0)))
    rows = _counts(posts, features["sentiment"], judgements)
    rows = rows.append_column("date", date).append_column("platform", posts["platform"])
    return Part(added([rows], [*DAY, "group"], distinct=True), _named(rows, posts, judgements["campaign_id"]))


def _counts(posts: pa.Table, sentiment: pa.ChunkedArray, judgements: pa.Table) -> pa.Table:
    """SUMS of each post, the group of its author, and under AUTHORS its author where it counts."""
    value = floats(sentiment)
    feels = ~flags(posts["is_repost"]) & ~flags(posts["is_auto_share"]) & ~np.isnan(value)
    feels &= flags(pc.is_in(posts["kind"], pa.array(FEELING_KINDS)))
    ppm = np.rint(np.nan_to_num(value) * _PPM).astype(np.int64)
    loud = flags(judgements["is_broadcast"])
    member = judgements["campaign_id"].is_valid().to_numpy()
    of = {
        "all": feels, "own": feels & flags(pc.equal(judgements["label"], "share")), "campaign": feels & member,
        "loud": feels & loud & ~member,
    }  # fmt: skip
    authors, known = author_hashes(posts), posts["author_id"].is_valid().to_numpy()
    columns: dict[str, NDArray[np.int64] | NDArray[np.bool_]] = {
        "n_posts": np.ones(len(value), np.int64), "n_broadcast": loud,
        "n_recruit": flags(pc.equal(judgements["label"], "recruit")), **{f"n_{name}": where for name, where in of.items()},
        **{f"ppm_{name}": np.where(where, ppm, 0) for name, where in of.items()}, "group": group_numbers(authors),
    }  # fmt: skip
    table = pa.table({name: pa.array(columns[name].astype(np.int64)) for name in [*SUMS, "group"]})
    for name, where in zip(AUTHORS, (known, of["all"], of["own"]), strict=True):
        table = table.append_column(name, pa.array(authors, mask=~where))
    return table


def _named(rows: pa.Table, posts: pa.Table, campaign_id: pa.ChunkedArray) -> pa.Table:
    """The sums of each topic, keyword and campaign; a post counts once in each that it names."""
    found = [
        _listed(posts, "topics", TOPIC), _listed(posts, "source_keywords", KEYWORD),
        _pairs(np.arange(len(rows)), campaign_id, CAMPAIGN),
    ]  # fmt: skip
    pairs = pa.concat_tables(found)
    joined = rows.select([*NAMED_SUMS, *AUTHORS, "group", *DAY]).take(pairs["row"])
    for name in ("part", "name"):
        joined = joined.append_column(name, pairs[name])
    return added([joined], [*NAMED, "group"], NAMED_SUMS, distinct=True)


def _listed(posts: pa.Table, column: str, part: str) -> pa.Table:
    if column not in posts.column_names:
        return _pairs(np.zeros(0, np.int64), pa.array([], pa.string()), part)
    lists = posts[column].combine_chunks()
    rows = numbers(pc.list_parent_indices(lists), 0)
    return _pairs(rows, pc.list_flatten(lists), part)


def _pairs(rows: NDArray[np.int64], names: pa.Array | pa.ChunkedArray, part: str) -> pa.Table:
    """Distinct rows and names, NULL and empty names left out."""
    table = pa.table({"row": pa.array(rows), "name": names})
    table = table.filter(pc.greater(pc.fill_null(pc.utf8_length(table["name"]), 0), 0))
    table = table.group_by(["row", "name"]).aggregate([]).select(["row", "name"])
    return table.append_column("part", pa.array([part] * len(table), pa.string()))


def added(
    tables: Iterable[pa.Table], keys: Sequence[str], sums: Sequence[str] = SUMS, *, distinct: bool = False
) -> pa.Table:
    """Sums by `keys`, in no order; AUTHORS are summed, or where `distinct` counted."""
    authors = [(name, "count_distinct" if distinct else "sum") for name in AUTHORS]
    table = pa.concat_tables(tables)
    found = table.group_by(list(keys)).aggregate([*((name, "sum") for name in sums), *authors])
    return found.rename_columns([*keys, *sums, *AUTHORS]).select([*keys, *sums, *AUTHORS])


def scoped(tables: Iterable[pa.Table], keys: Sequence[str], sums: Sequence[str] = SUMS) -> pa.Table:
    """Sums by `keys`, and those of all platforms together under platform `all`, sorted by the keys."""
    own = added(tables, keys, sums)
    place = own.column_names.index("platform")
    together = own.set_column(place, "platform", pa.array([ALL] * len(own), pa.string()))
    return sort_rows(pa.concat_tables([added([together], keys, sums), own]), list(keys))
