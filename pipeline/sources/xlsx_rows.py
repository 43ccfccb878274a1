"""Workbooks (XLSX): every sheet whose header a dialect knows, row by row; the others are told by name.

The file may be hostile: what it unpacks to is measured first, and nothing of it is held but the row that is read.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np

from pipeline.settings import Settings
from pipeline.sources.records import Names, Plan, Records, Source, text_array
from pipeline.sources.rejects import RefusedFileError, Reject, detail

MAGIC = b"PK\x03\x04"
MAX_BYTES = 1 << 28  # unpacked: 256 MB
MAX_RATIO = 200  # unpacked for a byte packed, once _FREE are unpacked: sheets pack to a tenth
MAX_BLANK = 10_000  # blank rows on end, after which a sheet is done
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # how a workbook writes what XML cannot hold
_FREE, _CHUNK = 1 << 24, 1 << 20
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ValueError,
    IndexError,
    AttributeError,
    TypeError,
    EOFError,
    SyntaxError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    UnicodeError,
    expat.ExpatError,
)  # fmt: skip  SyntaxError: ParseError


@dataclass(frozen=True)
class Sheet:
    """A sheet and its header."""

    name: str
    names: Names


@dataclass(frozen=True)
class Workbook:
    """A workbook; `names` are the header of one of its sheets, the one by which a dialect is known."""

    path: Path
    names: Names
    sheets: tuple[Sheet, ...]
    known: frozenset[str] = frozenset()

    def select(self, source: Source, settings: Settings) -> Workbook:
        """The same workbook, of which this source knows some sheets."""
        return replace(self, known=frozenset(s.name for s in self.sheets if source.recognises(s.names, settings)))

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every row of the known sheets below the header, then a reject for each other sheet that holds something."""
        n_rows = 0
        with _opened(self.path) as book:
            for sheet in (sheet for sheet in self.sheets if sheet.name in self.known):
                rows = islice(_rows(book[sheet.name]), 1, None)
                while page := list(islice(rows, plan.batch_rows)):
                    yield _records(sheet, page, n_rows)
                    n_rows += len(page)
        for sheet in (sheet for sheet in self.sheets if sheet.name not in self.known):
            n_rows += 1
            said = detail("unknown_table", f"sheet {sheet.name} with columns {', '.join(sheet.names)}")
            reject = Reject(n_rows, "unknown_table", said)
            yield Records((), np.empty(0, np.int64), {}, lambda _: "", (reject,), table=sheet.name)

    def framed(self) -> int | None:
        """Rows cannot be told from blank ones without the parser."""
        return None


def is_workbook(path: Path) -> bool:
    """Whether the file is a zip that holds a workbook."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return False
        with zipfile.ZipFile(path) as packed:
            return "xl/workbook.xml" in packed.namelist()
    except _DAMAGE:
        return False


def open_workbook(path: Path) -> list[Workbook]:
    """The workbook as seen from each of its sheets. Raises RefusedFileError for what is damaged or unpacks without end."""
    _measure(path)
    with _opened(path) as book:
        found = [
            Sheet(sheet.title, tuple(cell.strip() for cell in next(_rows(sheet), []))) for sheet in book.worksheets
        ]
    sheets = tuple(sheet for sheet in found if sheet.names)
    if not sheets:
        raise RefusedFileError("empty_file", "a workbook whose sheets are empty")
    return [Workbook(path, sheet.names, sheets) for sheet in sheets]


def _measure(path: Path) -> None:
    """Unpacks every part to nowhere. Raises RefusedFileError where that is too much or goes wrong."""
    left = min(MAX_BYTES, max(_FREE, MAX_RATIO * path.stat().st_size))
    try:
        with zipfile.ZipFile(path) as packed:
            for info in packed.infolist():
                with packed.open(info) as part:
                    while chunk := part.read(_CHUNK):
                        left -= len(chunk)
                        if left < 0:
                            raise RefusedFileError("workbook_bomb", f"more than {MAX_RATIO} times its size")
    except _DAMAGE as error:
        raise RefusedFileError("broken_workbook", error) from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with path.open("rb") as file:  # by name it would ask for an ending
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            yield book
    except (*_DAMAGE, InvalidFileException) as error:
        raise RefusedFileError("broken_workbook", error) from error


def _rows(sheet: Any) -> Iterator[list[str]]:
    """The rows that hold something, as texts."""
    sheet.reset_dimensions()  # what the file says of its size may be a lie
    blank = 0
    for cells in sheet.iter_rows(values_only=True):  # per row: a workbook is parsed row by row
        shown = [_shown(cell) for cell in cells]
        blank = 0 if any(shown) else blank + 1
        if not blank:
            yield shown
        if blank > MAX_BLANK:
            return


def _shown(cell: object) -> str:
    """A cell as text: times in Shanghai, as spreadsheets show them; whole numbers without a point."""
    if cell is None:
        return ""
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return f"{cell:.0f}" if abs(cell) < 2**53 else f"{cell:.15E}"  # the latter is told as a mangled id
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), str(cell))


def _records(sheet: Sheet, page: list[list[str]], before: int) -> Records:
    width = len(sheet.names)
    rows = {n: (row + [""] * width)[:width] for n, row in enumerate(page, before + 1) if not any(row[width:])}
    longer = [(n, row) for n, row in enumerate(page, before + 1) if any(row[width:])]
    said = [
        (n, detail("bad_row", f"{len(row)} cells under {width} names"), json.dumps(row, ensure_ascii=False))
        for n, row in longer
    ]
    rejects = tuple(Reject(n, "bad_row", why, raw) for n, why, raw in said)
    cells = list(zip(*rows.values(), strict=True)) if rows else [()] * width
    columns = {name: text_array(column) for name, column in zip(reversed(sheet.names), reversed(cells), strict=True)}
    return Records(
        sheet.names, np.fromiter(rows, np.int64, len(rows)), columns,
        lambda number: json.dumps(dict(zip(sheet.names, rows[number], strict=True)), ensure_ascii=False), rejects, table=sheet.name,
    )  # fmt: skip
