"""Rows put in order, matched and grouped: what steps and store need so that no result hangs on row order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
_JOINER = "\x1f"  # UNIT SEPARATOR: a platform is a slug and cannot hold it, so a joined key has one reading


def sort_rows(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """`table` by `keys`, ascending, strings by their bytes, NULL last; rows of equal keys keep their order.

    The result is the same for any order of the input where the keys together name a row.
    """
    order = pc.sort_indices(table, sort_keys=[(key, "ascending") for key in keys])
    return table.take(order).combine_chunks()


def match_rows(table: pa.Table, other: pa.Table, keys: Sequence[str]) -> Ints:
    """For each row of `table` the row of `other` with the same string `keys`; -1 for none, or where a key is NULL."""
    found = pc.index_in(_joined(table, keys), value_set=_joined(other, keys), skip_nulls=True)
    return numbers(found, -1)


def take_rows(table: pa.Table, rows: Ints) -> pa.Table:
    """Rows of `table` by number; a row of NULLs where the number is -1."""
    return table.take(pa.array(rows, mask=rows < 0))


def run_ids(table: pa.Table, keys: Sequence[str]) -> Ints:
    """For each row of a table sorted by `keys` the number of its run of equal keys, from 0; NULL equals NULL."""
    changed = np.zeros(len(table), bool)
    for key in keys:
        codes = table[key].combine_chunks().dictionary_encode("encode").indices.to_numpy(zero_copy_only=False)
        changed[1:] |= codes[1:] != codes[:-1]
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


def _joined(table: pa.Table, keys: Sequence[str]) -> Any:
    parts = [table[key].cast(pa.large_string()) for key in keys]
    return pc.binary_join_element_wise(*parts, pa.scalar(_JOINER, pa.large_string()), null_handling="emit_null")
