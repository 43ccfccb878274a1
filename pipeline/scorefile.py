"""Read a file of posts for `xinren score`, a stretch of rows at a time: every row, in its order."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline.errors import PermanentError, UsageError, one_line

SUFFIXES = (".parquet", ".csv", ".jsonl")
_SPACES = re.compile(r"\s*")
_MAGIC = b"PAR1"  # how a Parquet file begins
READ = 1 << 16  # rows of Parquet read at a time
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


@dataclass(frozen=True)
class Posts:
    """A file opened: its columns, how many rows it has, and the rows, once, in order."""

    schema: pa.Schema
    n_rows: int
    tables: Iterator[pa.Table]


def open_posts(source: Path) -> Posts:
    """The posts of a CSV (all columns as text), JSON Lines or Parquet file, by its contents. Parquet is read as it is asked for.

    Raises UsageError where there is no such file, PermanentError where it cannot be read as any of them, be it later.
    """
    if not source.exists():
        raise UsageError(f"{one_line(source)}: no such file; expected a CSV, JSONL or Parquet file of posts")
    if source.is_dir():
        raise UsageError(f"{one_line(source)}: is a folder; expected one file (xinren run reads folders)")
    with _refusing(source):
        if _is_parquet(source):
            file = pq.ParquetFile(source)
            return Posts(file.schema_arrow, file.metadata.num_rows, _from_parquet(file, source))
        table = _from_text(source)
    return Posts(table.schema, len(table), iter([table]))


def read_posts(source: Path) -> pa.Table:
    """All posts of a file as one table; raises what open_posts raises."""
    posts = open_posts(source)
    return pa.concat_tables([posts.schema.empty_table(), *posts.tables])


@contextmanager
def _refusing(source: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, csv.Error, ValueError, RecursionError, OSError) as error:
        raise PermanentError(f"{one_line(source)}: {one_line(error, 160)}; expected CSV, JSONL or Parquet") from error


def _is_parquet(source: Path) -> bool:
    with source.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _from_parquet(file: pq.ParquetFile, source: Path) -> Iterator[pa.Table]:
    with _refusing(source):
        for batch in file.iter_batches(batch_size=READ):
            table = pa.table(batch)
            table.validate(full=True)  # damaged pages may decode to text that is no UTF-8
            yield table


def _from_text(source: Path) -> pa.Table:
    # Imported for texts alone: with them come the readers of every exporter, a tenth of a second.
    from pipeline.sources.encodings import encoding_of, whole_text
    from pipeline.sources.rejects import RefusedFileError

    try:
        text = whole_text(source, encoding_of(source)).lstrip("\r\n")
    except RefusedFileError as refused:
        raise PermanentError(f"{one_line(source)}: {refused.detail}") from refused
    first = text.lstrip()[:1]
    if not first:
        raise PermanentError(f"{one_line(source)}: got nothing but white space; expected CSV, JSONL or Parquet")
    return _from_json(text) if first in "{[" else _from_csv(text)


def _from_csv(text: str) -> pa.Table:
    from pipeline.sources.csv_rows import DELIMITERS

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
        from pipeline.sources.records import text_array

        return text_array(values)  # values of several types, such as 99 and "1万", are text
