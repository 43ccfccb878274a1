"""Tables that pandas and others write as one JSON object, column by column: {"text": {"0": "..", "1": ".."}, ...} (pandas' own
default), {"text": ["..", ".."], ...}, and {"columns": [..], "index": [..], "data": [[..], ..]}.

The file is read as a whole, and so it may have no more than json_values.MAX_BYTES.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.sources import encodings
from pipeline.sources.json_framing import count_columns
from pipeline.sources.json_values import MAX_BYTES, small_text, whole_object
from pipeline.sources.records import Names, Plan, Records, text_array
from pipeline.sources.rejects import RefusedFileError

_SCALAR = r'(?:"|-?\d|null|true|false|\])'
_HEAD = re.compile(rf'\ufeff?\s*\{{\s*"(?:[^"\\]|\\.)*"\s*:\s*(?:\{{\s*"\d+"\s*:\s*{_SCALAR}|\[\s*{_SCALAR})')
_SPLIT = {"columns", "data"}


@dataclass(frozen=True)
class JsonColumns:
    """A file that is one object of columns, all with the same rows."""

    path: Path
    encoding: str
    names: Names

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every row, in batches."""
        columns = _columns(small_text(self.path, self.encoding)) or {}
        n_rows = max(map(len, columns.values()), default=0)
        for start in range(0, n_rows, plan.batch_rows):
            some = {name: text_array(values[start : start + plan.batch_rows]) for name, values in columns.items()}
            numbers = np.arange(start + 1, min(start + plan.batch_rows, n_rows) + 1)
            yield Records(self.names, numbers, some, _raw_of(some, start))

    def framed(self) -> int | None:
        """Rows by an independent walk over the text."""
        return count_columns(small_text(self.path, self.encoding))


def open_columns(path: Path, encoding: str) -> JsonColumns | None:
    """The file as columns; None where it is anything else. Raises RefusedFileError where columns have different rows."""
    head = b"".join(encodings.text_chunks(path, encoding, encodings.FIRST)).decode("utf-8", "replace")
    if path.stat().st_size > MAX_BYTES or not _HEAD.match(head):
        return None
    columns = _columns(small_text(path, encoding))
    return JsonColumns(path, encoding, tuple(columns)) if columns else None


def _columns(text: str) -> dict[str, list[Any]] | None:
    """The columns of the one object that the text is; None where it is none, or not made of columns. Raises RefusedFileError
    where columns of plain values have different rows.
    """
    value = whole_object(text)
    if not value:
        return None
    if _SPLIT <= value.keys() <= _SPLIT | {"index"}:
        return _split(value["columns"], value["data"])
    parts = list(value.values())
    by_number = all(isinstance(part, dict) and all(key.isdecimal() for key in part) for part in parts)
    if not by_number and not (len(parts) > 1 and all(isinstance(part, list) for part in parts)):
        return None
    items = [item for part in parts for item in (part.values() if by_number else part)]
    if not all(parts) or any(
        isinstance(item, dict) for item in items
    ):  # lists of records beside one another, not columns
        return None
    rows = [part.keys() if by_number else len(part) for part in parts]
    if all(one == rows[0] for one in rows):
        return {name: [part[row] for row in parts[0]] if by_number else part for name, part in value.items()}
    if any(isinstance(item, list) for item in items):
        return None
    lengths = ", ".join(f"{name} {len(part)}" for name, part in value.items())
    raise RefusedFileError("bad_column", f"columns of different rows: {lengths}")


def _split(names: Any, rows: Any) -> dict[str, list[Any]] | None:
    """pandas' {"columns": names, "data": rows}; None for anything else under these names."""
    if not isinstance(names, list) or not isinstance(rows, list) or not all(isinstance(name, str) for name in names):
        return None
    if len(set(names)) < len(names) or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _raw_of(columns: dict[str, pa.Array], start: int) -> Callable[[int], str]:
    def raw(number: int) -> str:
        row = {name: column[number - 1 - start].as_py() for name, column in columns.items()}
        return json.dumps(row, ensure_ascii=False)

    return raw
