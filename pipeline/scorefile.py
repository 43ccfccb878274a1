"""Read a file of posts for `xinren score`, and write it with its judgements: every row, in its order."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from pipeline.errors import PermanentError, UsageError, one_line

SUFFIXES = (".parquet", ".csv", ".jsonl")
# A spreadsheet runs a cell that begins so; full-width forms too. The cell gets an apostrophe before it.
FORMULA = r"^[\s]*[=+\-@\t\r＝＋－＠]"


def target_of(source: Path, out: str | None) -> Path:
    """Where the judged posts go. Raises UsageError for a form that is not known, or for the input itself."""
    target = Path(out) if out else source.with_name(f"{source.stem}.scored.parquet")
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"--out {one_line(target)}: got {target.suffix or 'no ending'}; expected {', '.join(SUFFIXES)}"
        )
    if target.resolve() == source.resolve():
        raise UsageError(f"--out {one_line(target)}: is the input itself; expected another file")
    return target


def read_posts(source: Path) -> pa.Table:
    """The table of a CSV (all columns as text), JSON Lines or Parquet file, by its contents.

    Raises UsageError where there is no such file, PermanentError where it cannot be read as any of them.
    """
    if not source.exists():
        raise UsageError(f"{one_line(source)}: no such file; expected a CSV, JSONL or Parquet file of posts")
    if source.is_dir():
        raise UsageError(f"{one_line(source)}: is a folder; expected one file (xinren run reads folders)")
    data = source.read_bytes()
    if not data.strip():
        raise PermanentError(f"{one_line(source)}: is empty; expected a CSV, JSONL or Parquet file of posts")
    try:
        if data[:4] == b"PAR1":
            return pq.read_table(pa.BufferReader(data))
        text = _decoded(data)
        return _from_json(text) if text.lstrip()[:1] == "{" else _from_csv(text)
    except (pa.ArrowInvalid, UnicodeDecodeError, ValueError) as error:
        raise PermanentError(f"{one_line(source)}: {one_line(error, 160)}; expected CSV, JSONL or Parquet") from error


def _decoded(data: bytes) -> str:
    if b"\0" in data[:4096] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError("is not text")
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ValueError("is neither UTF-8, GB18030 nor UTF-16")


def _from_csv(text: str) -> pa.Table:
    head = next(iter(io.StringIO(text)), "")
    names = pa_csv.read_csv(pa.BufferReader(head.encode())).column_names
    options = pa_csv.ConvertOptions(column_types={n: pa.string() for n in names}, strings_can_be_null=False)
    parse = pa_csv.ParseOptions(newlines_in_values=True)
    return pa_csv.read_csv(pa.BufferReader(text.encode()), parse_options=parse, convert_options=options)


def _from_json(text: str) -> pa.Table:
    return pa_json.read_json(
        pa.BufferReader(text.encode()), parse_options=pa_json.ParseOptions(newlines_in_values=True)
    )


def write_posts(table: pa.Table, target: Path) -> None:
    """Write by the ending of `target`, whole or not at all. CSV gets a BOM (Excel) and no cell that a spreadsheet would run."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.suffix.lower() == ".parquet":
            pq.write_table(table, fresh, compression="zstd")
        elif target.suffix.lower() == ".csv":
            _write_csv(table, fresh)
        else:
            _write_jsonl(table, fresh)
        fresh.replace(target)
    except OSError as error:
        raise PermanentError(
            f"--out {one_line(target)}: {error.strerror or error}; choose a folder you can write to"
        ) from error
    finally:
        fresh.unlink(missing_ok=True)


def _write_csv(table: pa.Table, path: Path) -> None:
    columns = {name: _cell(table[name]) for name in table.column_names}
    with path.open("wb") as file:
        file.write(b"\xef\xbb\xbf")
        pa_csv.write_csv(pa.table(columns), file)


def _cell(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_nested(column.type):
        column = pa.chunked_array([pa.array([_json(v) for v in column.to_pylist()], pa.string())])  # CSV has no lists
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    guarded = pc.binary_join_element_wise(pa.scalar("'", column.type), column, pa.scalar("", column.type))
    return pc.if_else(pc.match_substring_regex(column, FORMULA), guarded, column)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _write_jsonl(table: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for batch in table.to_batches(max_chunksize=10_000):
            file.writelines((_json(row) or "") + "\n" for row in batch.to_pylist())  # JSON is made row by row
