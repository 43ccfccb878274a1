"""Many texts as one array of code points: the form in which everything in `text` works, without a Python loop per post."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.text.compiled import kernel

Codes = NDArray[np.uint32]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
SEPARATOR = "\x1e"  # RECORD SEPARATOR ends every text; one inside a text counts as a space
_SEPARATOR_CODE = ord(SEPARATOR)


@dataclass(frozen=True)
class TextBatch:
    """`codes` holds the code points of every text followed by SEPARATOR; text i is codes[starts[i]:starts[i+1]-1]."""

    codes: Codes
    starts: Ints

    @cached_property
    def joined(self) -> str:
        """All texts as one string, each followed by SEPARATOR: for what can only work on strings."""
        return self.codes.astype("<u4", copy=False).tobytes().decode("utf-32-le", "surrogatepass")

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ints:
        """Code points of each text."""
        return np.diff(self.starts) - 1

    def rows(self) -> NDArray[np.int32]:
        """For each code point the number of its text."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.starts))

    def row_of(self, positions: Ints) -> Ints:
        """For positions in `codes`, the numbers of their texts."""
        return np.searchsorted(self.starts, positions, side="right") - 1

    def count(self, hits: NDArray[np.bool_]) -> Ints:
        """How many True of `hits` (one per code point) fall in each text."""
        total = np.concatenate(([0], np.cumsum(hits, dtype=np.int64)))
        return total[self.starts[1:]] - total[self.starts[:-1]]

    def take(self, rows: Ints) -> TextBatch:
        """The batch of some of the texts, in the order of `rows`."""
        sizes = np.diff(self.starts)[rows]
        starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        at = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], sizes)
        return TextBatch(self.codes[at], starts)


def from_arrow(texts: pa.Array | pa.ChunkedArray) -> TextBatch:
    """The batch of a string array; NULL is the empty text, a SEPARATOR inside a text becomes a space."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    if texts.null_count:
        texts = pc.fill_null(texts, "")
    plain = texts.cast(pa.large_string())
    _, offsets, data = plain.buffers()
    bounds = np.frombuffer(offsets, np.int64)[plain.offset : plain.offset + len(plain) + 1]
    raw = np.frombuffer(b"" if data is None else data, np.uint8)  # read-only, as all that Arrow holds
    if not len(plain):
        return TextBatch(np.zeros(0, np.uint32), np.zeros(1, np.int64))
    codes = np.empty(bounds[-1] - bounds[0] + len(plain), np.uint32)
    starts = np.empty(len(plain) + 1, np.int64)
    n = _decode(raw, bounds, codes, starts)
    return TextBatch(codes[:n].copy() if n * 2 < len(codes) else codes[:n], starts)


def from_list(texts: list[str]) -> TextBatch:
    """The batch of a list of strings."""
    return from_arrow(pa.array([t.encode("utf-8", "replace").decode() for t in texts], pa.large_string()))


def from_codes(codes: Codes) -> TextBatch:
    """The batch whose code points are `codes` (each text ended by SEPARATOR)."""
    ends = np.flatnonzero(codes == _SEPARATOR_CODE) + 1
    return TextBatch(codes, np.concatenate(([0], ends)).astype(np.int64))


def to_arrow(batch: TextBatch) -> pa.Array:
    """The texts as a string array; a surrogate, which UTF-8 cannot hold, becomes a question mark."""
    return slices(batch, batch.starts[:-1], batch.starts[1:] - 1)


def slices(batch: TextBatch, starts: Ints, ends: Ints) -> pa.Array:
    """codes[starts[i]:ends[i]] of each i as a string array; slices may overlap."""
    data, offsets = np.empty(4 * int((ends - starts).sum()), np.uint8), np.empty(len(starts) + 1, np.int64)
    n = _encode(batch.codes, starts, ends, data, offsets)
    texts = pa.LargeStringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(data[:n].copy()))
    return texts.cast(pa.string())


@kernel
def _decode(data: Bytes, bounds: Ints, codes: Codes, starts: Ints) -> int:
    """Valid UTF-8 to code points; how many there are. Arrow guarantees that its strings are valid."""
    at = 0
    for row in range(len(bounds) - 1):
        starts[row] = at
        i, end = bounds[row], bounds[row + 1]
        while i < end:
            first = np.uint32(data[i])
            if first < 0x80:
                codes[at] = np.uint32(0x20) if first == _SEPARATOR_CODE else first
                i += 1
            elif first < 0xE0:
                codes[at] = ((first & 0x1F) << 6) | (data[i + 1] & 0x3F)
                i += 2
            elif first < 0xF0:
                codes[at] = ((first & 0x0F) << 12) | ((data[i + 1] & 0x3F) << 6) | (data[i + 2] & 0x3F)
                i += 3
            else:
                high = ((first & 0x07) << 18) | ((data[i + 1] & 0x3F) << 12)
                codes[at] = high | ((data[i + 2] & 0x3F) << 6) | (data[i + 3] & 0x3F)
                i += 4
            at += 1
        codes[at] = _SEPARATOR_CODE
        at += 1
    starts[len(bounds) - 1] = at
    return at


@kernel
def _encode(codes: Codes, starts: Ints, ends: Ints, data: Bytes, offsets: Ints) -> int:
    """Code points to UTF-8; how many bytes."""
    at = 0
    for row in range(len(starts)):
        offsets[row] = at
        for i in range(starts[row], ends[row]):
            code = codes[i]
            if code < 0x80:
                data[at] = code
                at += 1
            elif code < 0x800:
                data[at] = 0xC0 | (code >> 6)
                data[at + 1] = 0x80 | (code & 0x3F)
                at += 2
            elif code < 0x10000:
                if 0xD800 <= code < 0xE000:
                    data[at] = 0x3F
                    at += 1
                    continue
                data[at] = 0xE0 | (code >> 12)
                data[at + 1] = 0x80 | ((code >> 6) & 0x3F)
                data[at + 2] = 0x80 | (code & 0x3F)
                at += 3
            else:
                data[at] = 0xF0 | (code >> 18)
                data[at + 1] = 0x80 | ((code >> 12) & 0x3F)
                data[at + 2] = 0x80 | ((code >> 6) & 0x3F)
                data[at + 3] = 0x80 | (code & 0x3F)
                at += 4
    offsets[len(starts)] = at
    return at
