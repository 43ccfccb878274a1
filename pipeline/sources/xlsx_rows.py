"""XLSX workbooks: every sheet whose header the dialect knows, row by row; the others are told by name.

The file may be hostile: before anything of it is parsed, every part is unpacked once, counted and looked through.
Formulas are never computed: a cell is what was saved with it. A date stands as the sheet holds it, without a zone.
"""

from __future__ import annotations

import json
import warnings
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.settings import Settings
from pipeline.sources import xlsx_parts
from pipeline.sources.records import Names, Plan, Records, Source, text_array
from pipeline.sources.rejects import RefusedFileError, Reject, detail

MAX_COLUMNS = 256  # no exporter writes as many
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, ET.ParseError, OSError, EOFError, KeyError, IndexError, ValueError, TypeError,
    AttributeError, OverflowError, NotImplementedError, RuntimeError, AssertionError,
)  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """A sheet: its place in the workbook, its title and its header (no names where it is empty)."""

    place: int
    title: str
    names: Names


@dataclass(frozen=True)
class XlsxFile:
    """A workbook; `names` is the header of one of its sheets, the one by which a dialect is known."""

    path: Path
    names: Names
    sheets: tuple[Sheet, ...]
    known: frozenset[int] = frozenset()

    def select(self, source: Source, settings: Settings) -> XlsxFile:
        """The same workbook, of which this source knows some sheets."""
        known = (sheet.place for sheet in self.sheets if sheet.names and source.recognises(sheet.names, settings))
        return replace(self, known=frozenset(known))

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every row of the known sheets, in batches of one sheet each, then a reject for each other sheet with rows.
        Raises RefusedFileError where the workbook is damaged.
        """
        n_rows, counts = 0, self._counts
        with _opened(self.path) as workbook:
            for sheet in (sheet for sheet in self.sheets if sheet.place in self.known):
                rows, before = _rows(workbook, sheet), n_rows
                while page := _next(rows, plan.batch_rows):
                    yield _records(sheet, page, n_rows)
                    n_rows += len(page)
                if n_rows - before != counts[sheet.place]:
                    raise RefusedFileError("broken_workbook", f"rows of sheet {sheet.title} out of their order")
            for sheet in self._others:
                n_rows += 1
                said = f"sheet {sheet.title} of {counts[sheet.place]} rows with columns {', '.join(sheet.names)}"
                reject = Reject(n_rows, "unknown_table", detail("unknown_table", said))
                yield Records((), np.empty(0, np.int64), {}, lambda _: "", (reject,))

    def framed(self) -> int | None:
        """Rows of the known sheets and other sheets with rows, by a count of the elements in their XML."""
        return sum(self._counts[place] for place in self.known) + len(self._others)

    @cached_property
    def _counts(self) -> list[int]:
        """Rows of each sheet after its header."""
        with _told():
            filled = xlsx_parts.filled_rows(self.path)
            return [max(0, n - 1) if sheet.names else 0 for n, sheet in zip(filled, self.sheets, strict=True)]

    @property
    def _others(self) -> list[Sheet]:
        return [sheet for sheet in self.sheets if sheet.place not in self.known and self._counts[sheet.place]]


def open_xlsx(path: Path) -> list[XlsxFile]:
    """The workbook as seen from each sheet. Raises RefusedFileError where it is damaged or no safe workbook."""
    xlsx_parts.check(path)
    with _opened(path) as workbook:
        sheets = tuple(_sheet(workbook, place) for place in range(len(workbook.worksheets)))
    if not any(sheet.names for sheet in sheets):
        raise RefusedFileError("empty_file", "a workbook without a filled sheet")
    return [XlsxFile(path, sheet.names, sheets) for sheet in sheets if sheet.names]


def _sheet(workbook: Any, place: int) -> Sheet:
    sheet = workbook.worksheets[place]
    header = next(_filled(sheet), ())
    return Sheet(place, str(sheet.title), tuple((_shown(cell) or "").strip() for cell in _trimmed(header)))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The workbook, read from the file as it goes; what is wrong with it refuses the file."""
    import openpyxl

    with _told(), path.open("rb") as file:  # of a path it asks for the ending of its name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what openpyxl leaves out: styles, validation
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            yield workbook
        finally:
            workbook.close()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise RefusedFileError("broken_workbook", error) from error


def _filled(sheet: Any) -> Iterator[Sequence[Any]]:
    """The rows that hold something; the library fills a gap with one empty row again and again."""
    last = None
    for row in sheet.iter_rows(max_row=xlsx_parts.MAX_ROWS, max_col=MAX_COLUMNS):  # per row: the library gives rows
        if row is not last and any(cell.value is not None for cell in row):
            yield row
        last = row


def _rows(workbook: Any, sheet: Sheet) -> Iterator[Sequence[Any]]:
    return islice(_filled(workbook.worksheets[sheet.place]), 1, None)


def _next(rows: Iterator[Sequence[Any]], size: int) -> list[Sequence[Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dates beyond any calendar: their cells read #VALUE!
        return list(islice(rows, size))


def _trimmed(cells: Sequence[Any]) -> Sequence[Any]:
    width = max((at for at, cell in enumerate(cells, 1) if cell.value is not None), default=0)
    return cells[:width]


def _records(sheet: Sheet, page: list[Sequence[Any]], before: int) -> Records:
    cells = [[_shown(cell) for cell in row[: len(sheet.names)]] for row in page]  # per row: the library gives rows
    is_header = [tuple((cell or "").strip() for cell in row) == sheet.names for row in cells]
    kept = [at for at, is_one in enumerate(is_header) if not is_one]
    columns: dict[str, Any] = {}
    for place, name in enumerate(sheet.names):
        if name and name not in columns:  # the first of a name wins
            columns[name] = text_array([cells[at][place] for at in kept])
    said = detail("repeated_header", f"{len(sheet.names)} names")
    rejects = tuple(Reject(before + 1 + at, "repeated_header", said) for at, is_one in enumerate(is_header) if is_one)
    numbers = np.array(kept, np.int64) + before + 1
    return Records(sheet.names, numbers, columns, _raw_of(sheet, cells, before), rejects, table=sheet.title)


def _raw_of(sheet: Sheet, cells: list[list[str | None]], before: int) -> Callable[[int], str]:
    return lambda number: json.dumps(
        dict(zip(sheet.names, cells[number - before - 1], strict=True)), ensure_ascii=False
    )


def _shown(cell: Any) -> str | None:
    """A cell as text: numbers as they are written, dates in ISO form, with a time of day where the sheet shows one."""
    value = cell.value
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        is_day = value.time() == time() and "h" not in str(cell.number_format).lower()
        return value.date().isoformat() if is_day else value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
