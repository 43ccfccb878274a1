"""Merge the gatherings of each post into one row: the newest known value of every column."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.order import firsts, run_ids, sort_rows
from pipeline.tables import TABLES, TEXTS, TIME

Ints = NDArray[np.int64]
# Newest last. batch_id (a hash of the file's bytes) and the row settle ties, so file names and order never matter.
_AGE = ["gathered_at", "_modified", "batch_id", "source_row"]
_KEY = ["platform", "post_id"]
_LEFT = ("source_file", "author_name", "url", "post_id_derived", "schema_version")
NEEDED = [column.name for column in TABLES["raw_posts"] if column.name not in _LEFT]  # columns that merging takes
# Exporters that drop [emoticons] from what one platform shows as pictures: there 0 of them means nothing.
_DROP_EMOTICONS = ("weibo\x1fweibo_crawler", "weibo\x1fmediacrawler")


def merge_versions(raw: pa.Table) -> pa.Table:
    """One row per (platform, post_id), sorted by it: each column's newest value that is not NULL, plus first_seen_at,
    last_seen_at, versions (distinct batches) and source_keywords (distinct, sorted).

    source_dedups is True only where every version says so, NULL where none says anything.
    """
    never = pa.scalar(0, TIME)  # a row that does not say when it changed is older than one that does
    aged = raw.append_column("_modified", pc.fill_null(raw["modified_at"], never))
    table = raw.take(pc.sort_indices(aged, sort_keys=[(name, "ascending") for name in _KEY + _AGE])).combine_chunks()
    table = table.set_column(table.column_names.index("author_id_form"), "author_id_form", _forms(table))
    table = table.append_column("emoticons_dropped", _emoticons_dropped(table))
    starts = _group_starts(table)
    bounds = np.append(starts, len(table))
    groups = np.repeat(np.arange(len(starts)), np.diff(bounds))
    merged = {name: _newest(table[name], starts) for name in table.column_names}
    merged["first_seen_at"] = table["gathered_at"].take(pa.array(starts))
    merged["last_seen_at"] = table["gathered_at"].take(pa.array(bounds[1:] - 1))
    merged["versions"] = pa.array(_distinct_batches(table, groups, len(starts)), pa.int32())
    merged["source_keywords"] = _keywords(table["source_keyword"], groups, len(starts))
    merged["source_dedups"] = _all_true(table["source_dedups"], starts)
    return pa.table(merged)


def only_versions(raw: pa.Table) -> pa.Table:
    """`merge_versions` of rows each of which is the only one of its post, in their order."""
    known = raw["source_keyword"].is_valid()
    bounds = np.concatenate(([0], np.cumsum(known.to_numpy()))).astype(np.int32)
    words = raw["source_keyword"].drop_null().combine_chunks().cast(pa.string())
    lists = pa.ListArray.from_arrays(pa.array(bounds), words, type=TEXTS, mask=pc.invert(known).combine_chunks())
    columns = {name: raw[name] for name in raw.column_names} | {
        "author_id_form": _forms(raw), "emoticons_dropped": _emoticons_dropped(raw),
        "first_seen_at": raw["gathered_at"], "last_seen_at": raw["gathered_at"],
        "versions": pa.array(np.ones(len(raw), np.int32)), "source_keywords": lists,
    }  # fmt: skip
    return pa.table(columns)


def batches_of(raw: pa.Table) -> pa.ListArray:
    """The distinct batch_ids of each post, sorted, in the order of `merge_versions`."""
    pairs = raw.select([*_KEY, "batch_id"]).group_by([*_KEY, "batch_id"]).aggregate([])
    pairs = sort_rows(pairs, [*_KEY, "batch_id"])
    bounds = np.append(firsts(run_ids(pairs, _KEY)), len(pairs)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(bounds), pairs["batch_id"].combine_chunks(), type=TEXTS)


def _forms(table: pa.Table) -> pa.ChunkedArray:
    """The form of each known author id, stated, so that the newest id and the newest form come from one row."""
    nothing = pa.scalar(None, pa.string())
    return pc.if_else(table["author_id"].is_valid(), pc.fill_null(table["author_id_form"], "id"), nothing)


def _emoticons_dropped(table: pa.Table) -> pa.ChunkedArray:
    """Whether the exporter of each row drops [emoticons]."""
    by = pc.binary_join_element_wise(table["platform"], table["source"], "\x1f")
    return pc.is_in(by, value_set=pa.array(_DROP_EMOTICONS))


def _group_starts(table: pa.Table) -> Ints:
    if not len(table):
        return np.zeros(0, np.int64)
    first = np.zeros(len(table), bool)
    first[0] = True
    for name in _KEY:
        column = table[name].combine_chunks()
        first[1:] |= pc.not_equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
    return np.flatnonzero(first)


def _newest(column: pa.ChunkedArray, starts: Ints) -> pa.ChunkedArray:
    known = column.is_valid().to_numpy()
    rows = np.where(known, np.arange(len(column)), -1)
    last = np.maximum.reduceat(rows, starts) if len(starts) else rows
    return column.take(pa.array(last, mask=last < 0))


def _distinct_batches(table: pa.Table, groups: Ints, n: int) -> Ints:
    batches = pc.dictionary_encode(table["batch_id"].combine_chunks()).indices.to_numpy(zero_copy_only=False)
    width = int(batches.max(initial=0)) + 1
    return np.bincount(np.unique(groups * width + batches) // width, minlength=n)


def _keywords(column: pa.ChunkedArray, groups: Ints, n: int) -> pa.ListArray:
    known = column.is_valid().to_numpy()
    pairs = pa.table({"group": groups[known], "word": column.filter(pa.array(known))})
    distinct = pairs.group_by(["group", "word"]).aggregate([]).sort_by([("group", "ascending"), ("word", "ascending")])
    counts = np.bincount(distinct["group"].to_numpy(), minlength=n)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    words = distinct["word"].combine_chunks().cast(pa.string())
    lists = pa.ListArray.from_arrays(pa.array(offsets), words, type=pa.list_(pa.field("element", pa.string())))
    return pc.if_else(pa.array(counts > 0), lists, pa.nulls(n, lists.type))


def _all_true(column: pa.ChunkedArray, starts: Ints) -> pa.Array:
    if not len(starts):
        return pa.nulls(0, pa.bool_())
    true = column.fill_null(False).to_numpy()
    known = np.logical_or.reduceat(column.is_valid().to_numpy(), starts)
    return pa.array(np.logical_and.reduceat(true, starts), mask=~known)
