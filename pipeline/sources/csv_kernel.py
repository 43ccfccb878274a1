"""CSV cut into records and cells at machine speed: UTF-8 bytes in, places of the cells out.

The rules are those of Python's csv module (not strict): a quote opens a cell at its very start only, `""` inside quotes is
a quote, what follows a closing quote belongs to the cell as it stands, a last cell may lack its closing quote. A blank line
is no record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.text.compiled import kernel

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
MAX_RECORD = 1 << 24  # bytes: sixteen times the longest text; more is a quote that never closes
HEAD = 1 << 14  # bytes that are kept of a longer record


@dataclass(frozen=True)
class Block:
    """Records that stand together: cell i is data[starts[i]:ends[i]] (written with quotes in it where `odd`), record r has
    the cells firsts[r] to firsts[r + 1]. An `oversized` block is one record of more than MAX_RECORD bytes: its beginning.
    """

    data: Bytes
    starts: Ints
    ends: Ints
    odd: Bytes
    firsts: Ints
    oversized: bool = False

    def __len__(self) -> int:
        return len(self.firsts) - 1

    @cached_property
    def sizes(self) -> Ints:
        """Cells of each record."""
        return np.diff(self.firsts)

    def is_blank_from(self, records: Ints, number: int) -> NDArray[np.bool_]:
        """Of each of these records whether its cells from `number` on are all empty."""
        filled = np.concatenate(([0], np.cumsum(self.ends > self.starts)))
        first = np.minimum(self.firsts[records] + number, self.firsts[records + 1])
        return np.equal(filled[self.firsts[records + 1]], filled[first])

    def column(self, records: Ints, number: int) -> pa.Array:
        """One cell of each of these records, as a string array."""
        return self._texts(self.firsts[records] + number)

    def cells(self, record: int) -> list[str]:
        """All cells of one record."""
        found: list[str] = self._texts(np.arange(self.firsts[record], self.firsts[record + 1])).to_pylist()
        return found

    def _texts(self, cells: Ints) -> pa.Array:
        offsets = np.empty(len(cells) + 1, np.int32)
        size = _measure(self.starts, self.ends, self.odd, cells, offsets, self.data)
        texts = np.empty(size, np.uint8)
        _fill(self.starts, self.ends, self.odd, cells, offsets, self.data, texts)
        return pa.StringArray.from_buffers(len(cells), pa.py_buffer(offsets), pa.py_buffer(texts))


def blocks(chunks: Iterable[bytes], delimiter: str) -> Iterator[Block]:
    """All records of a text that comes in chunks of UTF-8, which never end inside a character."""
    mark, carry, skipping = ord(delimiter), b"", -1
    for chunk in chunks:
        if skipping >= 0:
            end, skipping = _skip(_array(chunk), skipping, mark)
            carry = b"" if skipping >= 0 else chunk[end:]
            continue
        block, end = _cut(carry + chunk, mark, False)
        if len(block):
            yield block
        carry = (carry + chunk)[end:]
        if len(carry) > MAX_RECORD:
            yield oversized(carry)
            end, skipping = _skip(_array(carry), 0, mark)
            carry = b""
    if carry and skipping < 0:
        block, _ = _cut(carry, mark, True)
        if len(block):
            yield block


def oversized(record: bytes) -> Block:
    """The block of a record that is too long to be kept."""
    head = record[:HEAD].decode("utf-8", "ignore").encode()
    return Block(
        _array(head), np.zeros(1, np.int64), np.array([len(head)]), np.zeros(1, np.uint8), np.array([0, 1]), True
    )


def _cut(data: bytes, delimiter: int, is_last: bool) -> tuple[Block, int]:
    """The whole records of `data`, and where the first one begins that is not whole."""
    array = _array(data)
    room = sum(int(np.count_nonzero(array == mark)) for mark in (delimiter, 10, 13)) + 2
    starts, ends, firsts = np.empty(room, np.int64), np.empty(room, np.int64), np.zeros(room + 1, np.int64)
    odd = np.zeros(room, np.uint8)
    n, n_cells, end = _tokenise(array, delimiter, is_last, starts, ends, odd, firsts)
    return Block(array, starts[:n_cells], ends[:n_cells], odd[:n_cells], firsts[: n + 1]), end


def _array(data: bytes) -> Bytes:
    return np.frombuffer(data, np.uint8)


@kernel
def _tokenise(
    data: Any, delimiter: Any, is_last: Any, starts: Any, ends: Any, odd: Any, firsts: Any
) -> Any:  # (records, cells, where the next record begins)
    at, stop, done, cells, records = 0, len(data), 0, 0, 0
    while at < stop:
        if data[at] == 10 or data[at] == 13:
            at += 1
            done = at
            continue
        cell = cells
        while True:
            start = at
            starts[cell], odd[cell] = start, 0
            if at < stop and data[at] == 34:
                at += 1
                is_plain = True
                while True:
                    while at < stop and data[at] != 34:
                        at += 1
                    if at + 1 < stop and data[at + 1] == 34:
                        is_plain = False
                        at += 2
                        continue
                    break
                close = at
                if at < stop:
                    at += 1
                    while at < stop and data[at] != delimiter and data[at] != 10 and data[at] != 13:
                        is_plain = False
                        at += 1
                if is_plain:
                    starts[cell], ends[cell] = start + 1, close
                else:
                    ends[cell], odd[cell] = at, 1
            else:
                while at < stop and data[at] != delimiter and data[at] != 10 and data[at] != 13:
                    at += 1
                ends[cell] = at
            cell += 1
            if at >= stop or data[at] != delimiter:
                break
            at += 1
        if at >= stop and not is_last:
            break
        at += 1
        cells, done = cell, at
        records += 1
        firsts[records] = cells
    return records, cells, min(done, stop)


@kernel
def _skip(data: Any, state: Any, delimiter: Any) -> Any:
    """Go on inside a record (0 at a cell's start, 1 in it, 2 in quotes, 3 after a quote in quotes): where it ends, and -1;
    or the end of the data and the state there.
    """
    for at in range(len(data)):
        byte = data[at]
        if state == 2:
            if byte == 34:
                state = 3
        elif state == 3 and byte == 34:
            state = 2
        elif byte in (10, 13):
            return at + 1, -1
        elif byte == delimiter:
            state = 0
        elif byte == 34 and state == 0:
            state = 2
        else:
            state = 1
    return len(data), state


@kernel
def _measure(starts: Any, ends: Any, odd: Any, cells: Any, offsets: Any, data: Any) -> Any:
    """Where each text will begin once its quotes are taken off; how many bytes there are."""
    at = 0
    for i in range(len(cells)):
        offsets[i] = at
        cell = cells[i]
        if odd[cell]:
            at += _unquoted_length(data, starts[cell], ends[cell])
        else:
            at += ends[cell] - starts[cell]
    offsets[len(cells)] = at
    return at


@kernel
def _fill(starts: Any, ends: Any, odd: Any, cells: Any, offsets: Any, data: Any, texts: Any) -> None:
    for i in range(len(cells)):
        cell, to = cells[i], offsets[i]
        if odd[cell]:
            _write(data, starts[cell], ends[cell], texts, to)
        else:
            for k in range(starts[cell], ends[cell]):
                texts[to] = data[k]
                to += 1


@kernel
def _unquoted_length(data: Any, start: Any, end: Any) -> Any:
    """The length of a cell that begins with a quote, without its quotes."""
    at, length, quoted = start + 1, 0, True
    while at < end:
        if quoted and data[at] == 34:
            if at + 1 < end and data[at + 1] == 34:
                at += 1
                length += 1
            else:
                quoted = False
        else:
            length += 1
        at += 1
    return length


@kernel
def _write(data: Any, start: Any, end: Any, texts: Any, to: Any) -> None:
    """A cell that begins with a quote, without its quotes."""
    at, quoted = start + 1, True
    while at < end:
        if quoted and data[at] == 34:
            if at + 1 < end and data[at + 1] == 34:
                texts[to] = 34
                at += 1
                to += 1
            else:
                quoted = False
        else:
            texts[to] = data[at]
            to += 1
        at += 1
