"""CSV files: records in batches, rows under the header they were written for."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.sources import encodings, framing
from pipeline.sources.records import Names, Plan, Records, text_array
from pipeline.sources.rejects import Reject, detail

DELIMITERS = (",", "\t", ";")  # what spreadsheets write as CSV, by locale; tabs in their UTF-16 "Unicode text"


@dataclass(frozen=True)
class CsvFile:
    """A CSV file; `names` is its first header."""

    path: Path
    encoding: str
    delimiter: str
    names: Names

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every row, in batches; a batch ends where the header changes."""
        batch = _Batch(self.names)
        rows = _cells(self.path, self.encoding, self.delimiter)
        next(rows)
        for number, cells in enumerate(rows, 1):  # per row: a text format is parsed row by row
            header = _header(cells, batch.names, plan)
            names = header or _fitting(cells, batch.names, plan)
            if len(batch) >= plan.batch_rows or (names and names != batch.names):
                yield batch.records(self.delimiter)
                batch = _Batch(names or batch.names)
            if header:
                batch.reject(number, "repeated_header", cells)
            elif names:
                batch.rows[number] = cells
            else:
                batch.reject(number, "bad_row", cells)
        yield batch.records(self.delimiter)

    def framed(self) -> int | None:
        """Records less the header."""
        return framing.count_csv(encodings.lines(self.path, self.encoding, ""), self.delimiter) - 1


def open_csv(path: Path, encoding: str) -> Iterator[CsvFile]:
    """The file as it reads with each delimiter."""
    for delimiter in DELIMITERS:
        header = next(_cells(path, encoding, delimiter), [])
        yield CsvFile(path, encoding, delimiter, _stripped(header))


def _cells(path: Path, encoding: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(2**31 - 1)  # csv's own limit breaks off inside a record; rows.MAX_TEXT is ours
    reader = csv.reader(encodings.lines(path, encoding, ""), delimiter=delimiter)
    return (cells for cells in reader if cells)


def _stripped(cells: Sequence[str]) -> Names:
    return tuple(cell.strip() for cell in cells)


def _header(cells: Sequence[str], names: Names, plan: Plan) -> Names | None:
    """The names these cells are, where they are a header; exporters write it again when they append."""
    if cells[0].strip() not in names:  # the quick answer for nearly every row
        return None
    stripped = _stripped(cells)
    return stripped if stripped == names or plan.is_header(stripped) else None


def _fitting(cells: Sequence[str], names: Names, plan: Plan) -> Names | None:
    """The header these cells stand under; None where no known one has as many."""
    if len(cells) == len(names):
        return names
    longer = (header for header in plan.headers if len(header) == len(cells) and header[: len(names)] == names)
    return next(longer, None)


@dataclass
class _Batch:
    """Rows under one header."""

    names: Names
    rows: dict[int, list[str]] = field(default_factory=dict)
    rejected: dict[int, tuple[str, list[str]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows) + len(self.rejected)

    def reject(self, number: int, reason: str, cells: list[str]) -> None:
        self.rejected[number] = (reason, cells)

    def records(self, delimiter: str) -> Records:
        cells = list(zip(*self.rows.values(), strict=True)) or [()] * len(self.names)
        columns = dict(
            zip(reversed(self.names), map(text_array, reversed(cells)), strict=True)
        )  # the first of a name wins
        rejects = tuple(
            Reject(
                number, reason, detail(reason, f"{len(row)} cells under {len(self.names)} names"), _line(row, delimiter)
            )
            for number, (reason, row) in self.rejected.items()
        )
        numbers = np.fromiter(self.rows, np.int64, len(self.rows))
        return Records(self.names, numbers, columns, lambda number: _line(self.rows[number], delimiter), rejects)


def _line(cells: Sequence[str], delimiter: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="").writerow(cells)
    return line.getvalue()
