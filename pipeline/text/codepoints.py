"""Many texts as one array of code points: the form in which everything in `text` works, without a Python loop per post."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Codes = NDArray[np.uint32]
Ints = NDArray[np.int64]
SEPARATOR = "\x1e"  # RECORD SEPARATOR ends every text; one inside a text counts as a space
_SEPARATOR_CODE = ord(SEPARATOR)


@dataclass(frozen=True)
class TextBatch:
    """`joined` holds every text followed by SEPARATOR; `codes` its code points; text i is joined[starts[i]:starts[i+1]-1]."""

    joined: str
    starts: Ints

    @cached_property
    def codes(self) -> Codes:
        """The code points of `joined`."""
        return np.frombuffer(self.joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ints:
        """Code points of each text."""
        return np.diff(self.starts) - 1

    def rows(self) -> NDArray[np.int32]:
        """For each code point of `joined`, the number of its text."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.starts))

    def row_of(self, positions: Ints) -> Ints:
        """For positions in `joined`, the numbers of their texts."""
        return np.searchsorted(self.starts, positions, side="right") - 1

    def count(self, hits: NDArray[np.bool_]) -> Ints:
        """How many True of `hits` (one per code point) fall in each text."""
        total = np.concatenate(([0], np.cumsum(hits, dtype=np.int64)))
        return total[self.starts[1:]] - total[self.starts[:-1]]


def from_arrow(texts: pa.Array | pa.ChunkedArray) -> TextBatch:
    """The batch of a string array; NULL is the empty text, a SEPARATOR inside a text becomes a space."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    plain = pc.replace_substring(pc.fill_null(texts.cast(pa.large_string()), ""), SEPARATOR, " ")
    lengths = pc.utf8_length(plain).to_numpy(zero_copy_only=False)
    ended = pc.binary_join_element_wise(
        plain, pa.scalar("", pa.large_string()), pa.scalar(SEPARATOR, pa.large_string())
    )
    _, offsets, data = ended.buffers()
    bounds = np.frombuffer(offsets, np.int64)[ended.offset : ended.offset + len(ended) + 1]
    raw = bytes(memoryview(data)[bounds[0] : bounds[-1]]) if data is not None and len(ended) else b""
    starts = np.concatenate(([0], np.cumsum(lengths + 1))).astype(np.int64)
    return TextBatch(raw.decode("utf-8"), starts)


def from_list(texts: list[str]) -> TextBatch:
    """The batch of a list of strings."""
    return from_arrow(pa.array([t.encode("utf-8", "replace").decode() for t in texts], pa.large_string()))


def from_codes(codes: Codes) -> TextBatch:
    """The batch whose joined code points are `codes` (each text ended by SEPARATOR)."""
    joined = codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    ends = np.flatnonzero(codes == _SEPARATOR_CODE) + 1
    return TextBatch(joined, np.concatenate(([0], ends)).astype(np.int64))


def to_arrow(batch: TextBatch) -> pa.Array:
    """The texts as a string array."""
    codes = batch.codes
    width = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)  # UTF-8 bytes per code point
    ends = np.concatenate(([0], np.cumsum(width)))
    bounds = ends[batch.starts]
    data = np.frombuffer(batch.joined.encode("utf-8", "replace"), np.uint8)
    keep = np.ones(len(data), bool)
    keep[bounds[1:] - 1] = False  # the separators
    offsets = (bounds - np.arange(len(bounds))).astype(np.int64)
    return pa.LargeStringArray.from_buffers(len(batch), pa.py_buffer(offsets), pa.py_buffer(data[keep].tobytes())).cast(
        pa.string()
    )
