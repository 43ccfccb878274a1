"""Write judged posts for `xinren score`, by the ending of the file's name: whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline.errors import PermanentError, one_line

# A spreadsheet runs a cell that begins so; full-width forms too. The cell gets an apostrophe before it.
FORMULA = r"^\s*[=+\-@\t\r\n＝＋－＠]"
AT_ONCE = 1 << 16  # rows written at a time, a row group of Parquet
_KINDS = "reasons.list.element.kind"
Write = Callable[[pa.Table], None]


class _Form(Protocol):
    def write(self, table: pa.Table) -> None: ...
    def close(self) -> None: ...


@contextmanager
def writing(target: Path) -> Iterator[Write]:
    """A function that takes tables, all of one schema and at least one; `target` is there when the block ends without an error.

    CSV gets a BOM (Excel) and no cell that a spreadsheet would run. Writing goes on beside the caller's work.
    Raises PermanentError where it cannot be written; then what stood there before stays.
    """
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with ThreadPoolExecutor(1) as beside, fresh.open("wb") as file:
            rows = _Rows(_FORMS[target.suffix.lower()](file), beside)
            yield rows.add
            rows.close()
        fresh.replace(target)
    except (OSError, pa.ArrowException) as error:
        why = getattr(error, "strerror", None) or error
        raise PermanentError(f"--out {one_line(target)}: {one_line(why, 160)}; choose another file to write") from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def write_posts(table: pa.Table, target: Path) -> None:
    """Write one table."""
    with writing(target) as write:
        write(table)


class _Rows:
    """Gathers rows until there are AT_ONCE, and has them written in another thread while the next are gathered."""

    def __init__(self, form: _Form, beside: ThreadPoolExecutor) -> None:
        self._form, self._beside = form, beside
        self._held: list[pa.Table] = []
        self._running: Future[None] | None = None

    def add(self, table: pa.Table) -> None:
        self._held.append(table)
        if sum(map(len, self._held)) >= AT_ONCE:
            self._write()

    def close(self) -> None:
        if self._held:
            self._write()
        self._wait()
        self._form.close()

    def _write(self) -> None:
        self._wait()
        rows = pa.concat_tables(self._held)
        self._held = []
        self._running = self._beside.submit(self._form.write, rows)

    def _wait(self) -> None:
        if self._running is not None:
            self._running.result()


class _Parquet:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        if self._writer is None:
            coded = [name for name, column in zip(table.column_names, table.columns, strict=True) if _recurs(column)]
            self._writer = pq.ParquetWriter(
                self._file, table.schema, compression="zstd", use_dictionary=[*coded, _KINDS]
            )
        self._writer.write_table(table, row_group_size=AT_ONCE)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _recurs(column: pa.ChunkedArray) -> bool:
    """Whether values may recur often enough for a dictionary: no fractions, and no texts of 40 bytes or more."""
    return not pa.types.is_floating(column.type) and column.nbytes < 40 * len(column)


class _Csv:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._begun = False

    def write(self, table: pa.Table) -> None:
        names = _guarded(pa.chunked_array([table.column_names], pa.string())).to_pylist()
        if not self._begun:
            self._file.write(b"\xef\xbb\xbf")
        cells = pa.table([_cells(column) for column in table.columns], names=names)
        pa_csv.write_csv(cells, self._file, pa_csv.WriteOptions(include_header=not self._begun))
        self._begun = True

    def close(self) -> None:
        pass


class _JsonLines:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, table: pa.Table) -> None:
        for batch in table.to_batches(max_chunksize=10_000):
            self._file.writelines(_lines(batch.to_pylist()))  # JSON is made row by row

    def close(self) -> None:
        pass


_FORMS: dict[str, Callable[[IO[bytes]], _Form]] = {".parquet": _Parquet, ".csv": _Csv, ".jsonl": _JsonLines}


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


def _lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    return (f"{_json(row)}\n".encode() for row in rows)
