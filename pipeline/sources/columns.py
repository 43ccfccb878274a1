"""Work on text columns done where it is needed: once per distinct value, or on the rows that hold a byte at all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.hashing import bytes_of

ITEM_END = "\x1f"  # as records.ITEM_END, which stands above this module
_FEW = 1_000  # distinct values of a column that is worked on by value


def by_value(column: pa.Array, work: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """work(column), where `work` looks at each value by itself: done once per distinct value where these are few."""
    if len(column) < _FEW or len(column.slice(0, _FEW).unique()) > _FEW // 10:
        return work(column)
    coded = column.dictionary_encode("encode")
    return work(coded.dictionary).take(coded.indices)


def marked(content: NDArray[np.uint8], bounds: NDArray[np.int64], marks: bytes) -> NDArray[np.int64]:
    """Where one of these bytes stands in the bytes of a column."""
    inside = content[bounds[0] : bounds[-1]]
    is_mark = inside == marks[0]
    for mark in marks[1:]:
        is_mark |= inside == mark
    places: NDArray[np.int64] = np.flatnonzero(is_mark) + bounds[0]
    return places


def holding(column: pa.Array, marks: bytes) -> NDArray[np.int64]:
    """The places of the values in which one of these ASCII bytes stands."""
    content, bounds = bytes_of(column)
    return np.unique(np.searchsorted(bounds, marked(content, bounds, marks), side="right") - 1)


def has_byte(column: pa.Array, marks: bytes) -> bool:
    """Whether one of these ASCII bytes stands anywhere in the column."""
    content, bounds = bytes_of(column)
    inside = content[bounds[0] : bounds[-1]]
    return any(bool((inside == mark).any()) for mark in marks)


def changed(column: pa.Array, places: NDArray[np.int64], work: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The column with work(values) at these places."""
    if not len(places):
        return column
    before = column.take(pa.array(places))
    after = work(before)
    if after.equals(before):
        return column
    mask = np.zeros(len(column), bool)
    mask[places] = True
    return pc.replace_with_mask(column, pa.array(mask), after)


def lengths(lists: pa.Array | None, n_rows: int) -> pa.Array:
    """How many items lists have that are written as one text, as text; NULL where there is no list."""
    if lists is None:
        return pa.nulls(n_rows, pa.string())
    return pc.count_substring(lists, ITEM_END).cast(pa.string())
