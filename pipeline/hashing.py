"""Strings as machine words: 64-bit hashes to match and to place rows by, and words that sort as the strings do.

The hash decides where rows are put in the lake, so it never changes: MurmurHash64A (Appleby 2008, public domain) of the
UTF-8 bytes, the hash of each key being the seed of the next one's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.text.compiled import kernel

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
_NULL = np.uint64(0x9E3779B97F4A7C15)


def hash_rows(table: pa.Table, keys: Sequence[str]) -> Words:
    """A 64-bit hash of each row's string keys, in their order. Equal keys have equal hashes; NULL equals NULL."""
    total = np.zeros(len(table), np.uint64)
    for key in keys:
        column = single(table[key])
        content, bounds = bytes_of(column)
        _add_hashes(content, bounds, total)
        if column.null_count:
            nulls = column.is_null().to_numpy(zero_copy_only=False)
            total[nulls] ^= _NULL
    return total


def leading(hashes: Words, parts: int) -> Ints:
    """The first bits of each hash as a number below `parts`, a power of two."""
    bits = parts.bit_length() - 1
    return (hashes >> np.uint64(64 - bits)).astype(np.int64) if bits else np.zeros(len(hashes), np.int64)


def single(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def bytes_of(column: pa.Array) -> tuple[NDArray[np.uint8], Ints]:
    """The bytes of a string column and where each string begins and ends in them; a NULL is empty."""
    column = column.cast(pa.large_string())
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    content = np.frombuffer(data if data is not None and data.size else b"\0", np.uint8)
    for array in (bounds, content):
        array.flags.writeable = False  # whether Arrow may write there: one type for the kernels
    return content, bounds


def word_of(content: NDArray[np.uint8], bounds: Ints, number: int, rows: Ints) -> Words:
    """Bytes 8 * number to 8 * number + 8 of the strings `rows`, the first highest, zeros after their end: these sort as
    the bytes do.
    """
    out = np.empty(len(rows), np.uint64)
    _take_words(content, bounds, number, rows, out)
    return out


@kernel
def _add_hashes(content: Any, bounds: Any, total: Any) -> None:
    """The hash of each string, with its total so far as the seed."""
    factor, shift, eight = np.uint64(0xC6A4A7935BD1E995), np.uint64(47), np.uint64(8)
    for row in range(len(total)):
        at, end = bounds[row], bounds[row + 1]
        found = total[row] ^ (np.uint64(end - at) * factor)
        while at < end:
            word = np.uint64(0)
            for place in range(min(end - at, 8)):
                word |= np.uint64(content[at + place]) << (eight * np.uint64(place))
            if end - at >= 8:
                word *= factor
                word = (word ^ (word >> shift)) * factor
            found = (found ^ word) * factor
            at += 8
        found = (found ^ (found >> shift)) * factor
        total[row] = found ^ (found >> shift)


@kernel
def _take_words(content: Any, bounds: Any, number: Any, rows: Any, out: Any) -> None:
    """For each of `rows` its word `number`, highest byte first."""
    eight = np.uint64(8)
    for i in range(len(rows)):
        start, end = bounds[rows[i]] + 8 * number, bounds[rows[i] + 1]
        word = np.uint64(0)
        for place in range(8):
            word <<= eight
            if start + place < end:
                word |= np.uint64(content[start + place])
        out[i] = word
