"""A text cut into its lines that are not blank, at machine speed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.text.compiled import kernel

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
MAX_LINE = 1 << 24  # bytes: sixteen times the longest text
HEAD = 1 << 14  # bytes that are kept of a longer line


@dataclass(frozen=True)
class Lines:
    """Lines that are not blank, data[starts[i]:ends[i]] without the white space around; an `oversized` one is the beginning
    of a line of more than MAX_LINE bytes.
    """

    data: Bytes
    starts: Ints
    ends: Ints
    oversized: bool = False

    def __len__(self) -> int:
        return len(self.starts)

    def text(self, line: int) -> str:
        """One line."""
        return self.data[self.starts[line] : self.ends[line]].tobytes().decode("utf-8", "replace")

    def slice(self, start: int, end: int) -> Lines:
        """The lines `start` to `end`."""
        return Lines(self.data, self.starts[start:end], self.ends[start:end], self.oversized)


def lines_of(chunks: Iterable[bytes]) -> Iterator[Lines]:
    """All lines of a text that comes in chunks of UTF-8, which never end inside a character."""
    carry, skipping = b"", False
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if skipping:
            start = chunk.find(b"\n") + 1
            if not start:
                continue
            chunk, end, skipping = chunk[start:], end - start, False  # noqa: PLW2901
        if end:
            yield from _cut(carry + chunk[:end])
            carry = chunk[end:]
        else:
            carry += chunk
        if len(carry) > MAX_LINE:
            head = np.frombuffer(carry[:HEAD].decode("utf-8", "ignore").encode(), np.uint8)
            yield Lines(head, np.zeros(1, np.int64), np.array([len(head)]), oversized=True)
            carry, skipping = b"", True
    yield from _cut(carry)


def _cut(data: bytes) -> Iterator[Lines]:
    array = np.frombuffer(data, np.uint8)
    room = int(np.count_nonzero(array == 10)) + 1
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    n = _strip(array, starts, ends)
    if n:
        yield Lines(array, starts[:n], ends[:n])


@kernel
def _is_blank(data: Any, at: Any, end: Any) -> Any:
    """How many bytes of white space begin here: one of JSON's, or a byte order mark."""
    byte = data[at]
    if byte in (32, 9, 10, 13):
        return 1
    if byte == 0xEF and at + 2 < end and data[at + 1] == 0xBB and data[at + 2] == 0xBF:
        return 3
    return 0


@kernel
def _strip(data: Any, starts: Any, ends: Any) -> int:
    """The lines that hold more than white space; how many."""
    n = at = 0
    while at < len(data):
        stop = at
        while stop < len(data) and data[stop] != 10:
            stop += 1
        start = at
        while start < stop and _is_blank(data, start, stop):
            start += _is_blank(data, start, stop)
        end = stop
        while end > start:
            if data[end - 1] in (32, 9, 13):
                end -= 1
            elif end - start >= 3 and _is_blank(data, end - 3, end) == 3:
                end -= 3
            else:
                break
        if end > start:
            starts[n], ends[n] = start, end
            n += 1
        at = stop + 1
    return n
