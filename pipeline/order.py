"""Rows put in order, matched and grouped: what steps and store need so that no result hangs on row order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.hashing import bytes_of, hash_rows, single, word_of

Ints = NDArray[np.int64]
Codes = Callable[[Ints], NDArray[Any]]  # rows -> numbers that sort as the key does
_JOINER = "\x1f"  # UNIT SEPARATOR: a platform is a slug and cannot hold it, so a joined key has one reading


def sort_rows(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """`table` by `keys`, ascending, strings by their bytes, NULL last; rows of equal keys keep their order.

    The result is the same for any order of the input where the keys together name a row.
    """
    return table.take(pa.array(sorted_rows(table, keys))).combine_chunks()


def sorted_rows(table: pa.Table, keys: Sequence[str]) -> Ints:
    """The numbers of the rows in the order of `sort_rows`.

    Key by key, and within a key word by word, only rows that are still tied are sorted on: three times as fast as
    comparing whole rows where the first keys settle most of it.
    """
    order = np.arange(len(table))
    if len(table) < 2:
        return order
    tied, group = (
        order.copy(),
        np.zeros(len(table), np.int64),
    )  # places in `order`, and the run of equal keys each is in
    for codes in _codes(table, keys):
        rows = order[tied]
        code = codes(rows)
        within = _sorted_within(group, code)
        order[tied], code = rows[within], code[within]
        same = (group[1:] == group[:-1]) & (code[1:] == code[:-1])
        still = np.append(same, False) | np.insert(same, 0, False)
        group = np.cumsum(~np.insert(same, 0, True))[still]
        tied = tied[still]
        if not len(tied):
            break
    return order


def match_rows(table: pa.Table, other: pa.Table, keys: Sequence[str]) -> Ints:
    """For each row of `table` the row of `other` with the same string `keys`; -1 for none, or where a key is NULL.

    Found by 64-bit hashes, then verified; two keys of one hash send the whole match to the keys themselves.
    """
    hashes = pa.array(hash_rows(other, keys))
    found = numbers(pc.index_in(pa.array(hash_rows(table, keys)), value_set=hashes), -1)
    hit = np.flatnonzero(found >= 0)
    same, known = np.ones(len(hit), bool), np.ones(len(hit), bool)
    for key in keys:
        mine, theirs = single(table[key]).take(pa.array(hit)), single(other[key]).take(pa.array(found[hit]))
        valid = mine.is_valid().to_numpy(zero_copy_only=False)
        same &= flags(pc.equal(mine, theirs)) | ~valid
        known &= valid
    if not same.all():
        return _match_by_strings(table, other, keys)
    matched = np.full(len(table), -1)
    matched[hit[known]] = found[hit[known]]
    return matched


def take_rows(table: pa.Table, rows: Ints) -> pa.Table:
    """Rows of `table` by number; a row of NULLs where the number is -1."""
    return table.take(pa.array(rows, mask=rows < 0))


def run_ids(table: pa.Table, keys: Sequence[str]) -> Ints:
    """For each row of a table sorted by `keys` the number of its run of equal keys, from 0; NULL equals NULL."""
    changed = np.zeros(len(table), bool)
    for key in keys:
        column = single(table[key])
        known = column.is_valid().to_numpy(zero_copy_only=False)
        differs = flags(pc.not_equal(column[1:], column[:-1]))
        changed[1:] |= differs | (known[1:] != known[:-1])
    return np.cumsum(changed, dtype=np.int64)


def firsts(ids: Ints) -> Ints:
    """The row at which each run of `ids` (0, 0, 1, 2, 2, ...) begins."""
    return np.flatnonzero(np.diff(ids, prepend=-1))


def tally(ids: Ints, values: NDArray[Any] | None, n: int) -> Ints:
    """Sums of whole `values` (None: counts) over the rows of each of `n` groups; exact below 2^53."""
    return np.bincount(ids, weights=values, minlength=n).astype(np.int64)


def numbers(column: pa.Array | pa.ChunkedArray, null: int) -> Ints:
    """An integer, timestamp, date or boolean column as int64, `null` standing for NULL."""
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    return np.asarray(pc.fill_null(column.cast(pa.int64()), null).to_numpy(zero_copy_only=False), np.int64)


def floats(column: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """A numeric column as float64, NaN standing for NULL."""
    return np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy(zero_copy_only=False), np.float64)


def flags(column: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """A boolean column, NULL counting as False."""
    return np.asarray(pc.fill_null(column, False).to_numpy(zero_copy_only=False), bool)


def _match_by_strings(table: pa.Table, other: pa.Table, keys: Sequence[str]) -> Ints:
    found = pc.index_in(_joined(table, keys), value_set=_joined(other, keys), skip_nulls=True)
    return numbers(found, -1)


def _joined(table: pa.Table, keys: Sequence[str]) -> Any:
    parts = [table[key].cast(pa.large_string()) for key in keys]
    return pc.binary_join_element_wise(*parts, pa.scalar(_JOINER, pa.large_string()), null_handling="emit_null")


def _sorted_within(group: Ints, code: NDArray[Any]) -> Ints:
    """The order by group, then by code."""
    if group[-1] == 0:
        return np.argsort(code)
    low, high = code.min(), code.max()
    span = int(high) - int(low) + 1
    if span * (int(group[-1]) + 1) < 2**63:
        return np.argsort(group * span + (code - low).astype(np.int64))
    return np.lexsort((code, group))


def _codes(table: pa.Table, keys: Sequence[str]) -> Iterator[Codes]:
    """Numbers that sort as the keys, in turn; at last the row's own number."""
    for key in keys:
        column = single(table[key])
        if column.null_count:
            nulls = column.is_null().to_numpy(zero_copy_only=False)
            yield partial(np.take, nulls.astype(np.int64))
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            yield from _words(column) if key == keys[-1] else [_ranks(column)]
        else:
            yield partial(np.take, numbers(column, 0))
    yield partial(np.take, np.arange(len(table)))


def _ranks(column: pa.Array) -> Codes:
    """For a string key that many rows share: the rank of its value among the distinct ones."""
    coded = column.dictionary_encode("encode")
    rank = np.empty(len(coded.dictionary), np.int64)
    rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(coded.dictionary))
    return partial(np.take, rank[coded.indices.to_numpy(zero_copy_only=False)])


def _words(column: pa.Array) -> Iterator[Codes]:
    """For a string key that names its row: its words in turn, and its length, as a beginning comes before the whole."""
    content, bounds = bytes_of(column)
    lengths = np.diff(bounds)
    for number in range(int(-(-lengths.max(initial=0) // 8))):
        yield partial(word_of, content, bounds, number)
    yield partial(np.take, lengths)
