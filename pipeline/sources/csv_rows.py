"""CSV files: records in batches, rows under the header they were written for."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.sources import encodings, framing
from pipeline.sources.csv_kernel import MAX_RECORD, Block, blocks
from pipeline.sources.records import Names, Plan, Records
from pipeline.sources.rejects import Reject, detail

Ints = NDArray[np.int64]
DELIMITERS = (",", "\t", ";")  # what spreadsheets write as CSV, by locale; tabs in their UTF-16 "Unicode text"
_HINT = re.compile(rb"sep=[^\r\n](?:\r\n|\r|\n)")  # a line by which Excel is told the delimiter, before the header
_GOOD, _FITTED, _BAD, _HEADER, _LONGER = range(5)


@dataclass(frozen=True)
class CsvFile:
    """A CSV file; `names` is its first header."""

    path: Path
    encoding: str
    delimiter: str
    names: Names

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every row, in batches; a batch ends where the header changes."""
        names, seen = self.names, -1  # the header is record 0 and no row
        for block in blocks(_text(self.path, self.encoding), self.delimiter):
            rows = _Rows(block, self.delimiter, seen + 1, plan)
            if block.oversized:
                yield rows.too_large(names)
            else:
                at = 1 if seen < 0 else 0
                while at < len(block):
                    names, end = rows.stretch(at, names)
                    yield rows.batch(at, end, names)
                    at = end
            seen += len(block)

    def framed(self) -> int | None:
        """Records less the header."""
        return framing.count_csv(_text(self.path, self.encoding), self.delimiter) - 1


def open_csv(path: Path, encoding: str) -> Iterator[CsvFile]:
    """The file as it reads with each delimiter."""
    for delimiter in DELIMITERS:
        first = next(blocks(_text(path, encoding, encodings.FIRST), delimiter), None)
        header = first.cells(0) if first is not None and not first.oversized else []
        yield CsvFile(path, encoding, delimiter, _stripped(header))


def _text(path: Path, encoding: str, size: int = 1 << 21) -> Iterator[bytes]:
    """The text in chunks, without the line that is a hint for Excel."""
    for number, chunk in enumerate(encodings.text_chunks(path, encoding, size)):
        hint = None if number else _HINT.match(chunk)
        yield chunk[hint.end() :] if hint else chunk


def _stripped(cells: Sequence[str]) -> Names:
    return tuple(cell.strip() for cell in cells)


class _Rows:
    """The rows of one block, the first of them number `first` of the file."""

    def __init__(self, block: Block, delimiter: str, first: int, plan: Plan) -> None:
        self._block, self._delimiter, self._first, self._plan = block, delimiter, first, plan
        self._kinds = np.zeros(len(block), np.int8)
        self._fitted: dict[Names, list[int]] = {}  # of the stretch: rows that stand under other names than the header's

    def too_large(self, names: Names) -> Records:
        """No rows, and the reject of a record that is too long to be held."""
        said = detail("too_large", f"a row of more than {MAX_RECORD >> 20} MB")
        cut = _line(self._block.cells(0), self._delimiter)
        none = np.empty(0, np.int64)
        return Records(names, none, {}, self._raw, (Reject(self._first, "too_large", said, cut),))

    def stretch(self, at: int, names: Names) -> tuple[Names, int]:
        """The names that the rows from `at` on stand under, and where other names begin or a batch is full; `names` were
        the last ones.
        """
        names = self._names_at(at, names)
        end = min(at + self._plan.batch_rows, len(self._block))
        self._kinds[at:end] = np.where(self._block.sizes[at:end] == len(names), _GOOD, _BAD)
        self._find_headers(at, end, names)
        self._find_longer(at, end, names)
        self._find_fitting(at, end, names)
        self._find_padded(at, end, names)
        for turn in (np.flatnonzero(self._kinds[at + 1 : end] >= _HEADER) + at + 1).tolist():  # `at` has had its say
            if self._names_at(turn, names) != names:
                return names, turn
        return names, end

    def _names_at(self, at: int, names: Names) -> Names:
        """The header that a row is, or stands under where it has as many cells as a known longer one; else `names`."""
        return self._header(at, names) or self._longer(int(self._block.sizes[at]), names) or names

    def _header(self, at: int, names: Names) -> Names | None:
        """The names these cells are, where they are a header; exporters write it again when they append."""
        stripped = _stripped(self._block.cells(at))
        may_differ = self._plan.fit is not None and len(stripped) != len(names)
        if stripped[0] not in names and not may_differ:  # the quick answer for nearly every row
            return None
        return stripped if stripped == names or self._plan.is_header(stripped) else None

    def _longer(self, size: int, names: Names) -> Names | None:
        known = (header for header in self._plan.headers if len(header) == size and header[: len(names)] == names)
        return next(known, None) if size > len(names) else None

    def _find_headers(self, at: int, end: int, names: Names) -> None:
        cells = self._block.column(np.arange(at, end), 0)
        likely = pc.is_in(pc.utf8_trim_whitespace(cells), value_set=pa.array(names, pa.string()))
        for place in np.flatnonzero(likely.to_numpy(zero_copy_only=False)):  # per row that begins like a header
            if self._header(int(place) + at, names):
                self._kinds[place + at] = _HEADER

    def _find_longer(self, at: int, end: int, names: Names) -> None:
        sizes, kinds = self._block.sizes[at:end], self._kinds[at:end]
        for size in np.unique(sizes[kinds == _BAD]).tolist():
            if self._longer(size, names):
                kinds[(sizes == size) & (kinds == _BAD)] = _LONGER

    def _find_fitting(self, at: int, end: int, names: Names) -> None:
        self._fitted = {}
        if self._plan.fit is None:
            return
        for place in (
            np.flatnonzero(self._kinds[at:end] == _BAD) + at
        ).tolist():  # per row that is not as the header says
            fitting = self._plan.fit(names, self._block.cells(place))
            if fitting is None:
                self._kinds[place] = _HEADER if self._header(place, names) else _BAD
            else:
                self._kinds[place] = _FITTED
                self._fitted.setdefault(fitting, []).append(place)

    def _find_padded(self, at: int, end: int, names: Names) -> None:
        """Rows with more cells than names, all of which are empty: spreadsheets pad rows to the widest one."""
        bad = np.flatnonzero((self._kinds[at:end] == _BAD) & (self._block.sizes[at:end] > len(names))) + at
        if len(bad):
            self._kinds[bad[self._block.is_blank_from(bad, len(names))]] = _GOOD

    def batch(self, start: int, end: int, names: Names) -> Records:
        """Rows `start` to `end`, all under one header."""
        kinds = self._kinds[start:end]
        good = np.flatnonzero(kinds == _GOOD) + start
        others = {fitting: np.array(rows) for fitting, rows in self._fitted.items()}
        others = {fitting: rows[rows < end] for fitting, rows in others.items()}
        rows, columns = self._columns(good, names) if not others else self._interleaved({names: good, **others})
        rejects = tuple(self._reject(int(place) + start, names) for place in np.flatnonzero(kinds > _FITTED))
        return Records(names, rows + self._first, columns, self._raw, rejects)

    def _columns(self, rows: Ints, names: Names) -> tuple[Ints, dict[str, pa.Array]]:
        columns: dict[str, pa.Array] = {}
        for number, name in enumerate(names):
            if name not in columns:  # the first of a name wins
                columns[name] = self._block.column(rows, number)
        return rows, columns

    def _interleaved(self, groups: dict[Names, Ints]) -> tuple[Ints, dict[str, pa.Array]]:
        """The rows of all groups in their order; NULL where a group has no such column."""
        parts = [self._columns(rows, names) for names, rows in groups.items()]
        rows = np.concatenate([rows for rows, _ in parts])
        order = np.argsort(rows)
        names = dict.fromkeys(name for _, columns in parts for name in columns)
        whole = {
            name: pa.concat_arrays([columns.get(name, pa.nulls(len(rows), pa.string())) for rows, columns in parts])
            for name in names
        }
        return rows[order], {name: column.take(pa.array(order)) for name, column in whole.items()}

    def _reject(self, at: int, names: Names) -> Reject:
        cells, is_header = self._block.cells(at), self._kinds[at] == _HEADER
        reason = "repeated_header" if is_header else "bad_row"
        said = detail(reason, f"{len(cells)} cells under {len(names)} names")
        return Reject(at + self._first, reason, said, _line(cells, self._delimiter))

    @property
    def _raw(self) -> Callable[[int], str]:
        return lambda number: _line(self._block.cells(number - self._first), self._delimiter)


def _line(cells: Sequence[str], delimiter: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="").writerow(cells)
    return line.getvalue()
