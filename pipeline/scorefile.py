"""Read a file of posts for `xinren score`, and write it with its judgements: every row, in its order."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline.errors import PermanentError, UsageError, one_line
from pipeline.sources.csv_rows import DELIMITERS
from pipeline.sources.encodings import encoding_of, whole_text
from pipeline.sources.parquet_rows import MAGIC
from pipeline.sources.records import text_array
from pipeline.sources.rejects import RefusedFileError

SUFFIXES = (".parquet", ".csv", ".jsonl")
# A spreadsheet runs a cell that begins so; full-width forms too. The cell gets an apostrophe before it.
FORMULA = r"^\s*[=+\-@\t\r\n＝＋－＠]"
_SPACES = re.compile(r"\s*")
_BLOCK = 1 << 24  # bytes of CSV parsed at a time; a row must fit in


def target_of(source: Path, out: str | None) -> Path:
    """Where the judged posts go. Raises UsageError for a form that is not known, for the input itself, or for no place."""
    target = Path(out) if out else source.with_name(f"{source.stem}.scored.parquet")
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"--out {one_line(target)}: got {target.suffix or 'no ending'}; expected {', '.join(SUFFIXES)}"
        )
    if target.resolve() == source.resolve():
        raise UsageError(f"--out {one_line(target)}: is the input itself; expected another file")
    if target.is_dir() or not target.parent.is_dir():
        got = "is a folder" if target.is_dir() else f"there is no folder {target.parent}"
        raise UsageError(f"--out {one_line(target)}: {one_line(got)}; expected a file in a folder that exists")
    if not os.access(target.parent, os.W_OK):  # said before hours of judging, not after
        raise PermanentError(f"--out {one_line(target)}: cannot write there; choose a folder you can write to")
    return target


def read_posts(source: Path) -> pa.Table:
    """The table of a CSV (all columns as text), JSON Lines or Parquet file, by its contents.

    Raises UsageError where there is no such file, PermanentError where it cannot be read as any of them.
    """
    if not source.exists():
        raise UsageError(f"{one_line(source)}: no such file; expected a CSV, JSONL or Parquet file of posts")
    if source.is_dir():
        raise UsageError(f"{one_line(source)}: is a folder; expected one file (xinren run reads folders)")
    try:
        return _from_parquet(source) if _is_parquet(source) else _from_text(source)
    except RefusedFileError as refused:
        raise PermanentError(f"{one_line(source)}: {refused.detail}") from refused
    except (pa.ArrowException, csv.Error, ValueError, RecursionError, OSError) as error:
        raise PermanentError(f"{one_line(source)}: {one_line(error, 160)}; expected CSV, JSONL or Parquet") from error


def _is_parquet(source: Path) -> bool:
    with source.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _from_parquet(source: Path) -> pa.Table:
    table = pq.ParquetFile(source).read()
    table.validate(full=True)  # damaged pages may decode to text that is no UTF-8
    return table


def _from_text(source: Path) -> pa.Table:
    text = whole_text(source, encoding_of(source)).lstrip("\r\n")
    first = text.lstrip()[:1]
    if not first:
        raise RefusedFileError("empty_file", "nothing but white space")
    return _from_json(text) if first in "{[" else _from_csv(text)


def _from_csv(text: str) -> pa.Table:
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
    names = next(csv.reader(io.StringIO(text), delimiter=delimiter))
    convert = pa_csv.ConvertOptions(column_types={n: pa.string() for n in names}, strings_can_be_null=False)
    parse = pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    read = pa_csv.ReadOptions(block_size=_BLOCK)
    return pa_csv.read_csv(pa.BufferReader(text.encode()), read, parse, convert)


def _from_json(text: str) -> pa.Table:
    """Objects one after another, or in one list. Not pyarrow's reader, which takes texts that look like times for times."""
    rows = list(_values(text))
    if len(rows) == 1 and isinstance(rows[0], list):
        rows = rows[0]
    wrong = next((number for number, row in enumerate(rows, 1) if not isinstance(row, dict)), None)
    if wrong is not None:
        raise ValueError(f"record {wrong} is no JSON object")
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def _values(text: str) -> Iterator[Any]:
    decoder, at = json.JSONDecoder(strict=False), 0
    while (at := _SPACES.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # it matches everywhere
        value, at = decoder.raw_decode(text, at)
        yield value


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return text_array(values)  # values of several types, such as 99 and "1万", are text


def write_posts(table: pa.Table, target: Path) -> None:
    """Write by the ending of `target`, whole or not at all. CSV gets a BOM (Excel) and no cell that a spreadsheet would run."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _WRITERS[target.suffix.lower()](table, fresh)
        fresh.replace(target)
    except (OSError, pa.ArrowException) as error:
        why = getattr(error, "strerror", None) or error
        raise PermanentError(f"--out {one_line(target)}: {one_line(why, 160)}; choose another file to write") from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def _write_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd")


def _write_csv(table: pa.Table, path: Path) -> None:
    names = _guarded(pa.chunked_array([table.column_names], pa.string())).to_pylist()
    with path.open("wb") as file:
        file.write(b"\xef\xbb\xbf")
        pa_csv.write_csv(pa.table([_cells(column) for column in table.columns], names=names), file)


def _cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column as CSV can hold it: numbers and times as they are, all else as text that is safe."""
    kind = column.type
    if (pa.types.is_primitive(kind) and not pa.types.is_duration(kind)) or pa.types.is_decimal(kind):
        return column
    if not _is_text(kind):  # lists and structs, for which CSV has no form, and rarer types
        column = pa.chunked_array([pa.array(map(_plain, column.to_pylist()), pa.string())])
    return _guarded(column.cast(pa.large_string()))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _plain(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else _json(value)


def _guarded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    guarded = pc.binary_join_element_wise(pa.scalar("'", column.type), column, pa.scalar("", column.type))
    return pc.if_else(pc.match_substring_regex(column, FORMULA), guarded, column)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _write_jsonl(table: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for batch in table.to_batches(max_chunksize=10_000):
            file.writelines(_json(row) + "\n" for row in batch.to_pylist())  # JSON is made row by row


_WRITERS = {".parquet": _write_parquet, ".csv": _write_csv, ".jsonl": _write_jsonl}
