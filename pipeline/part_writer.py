"""A part of the lake written some rows at a time: a whole file's rows are never held, however large the file.

The bytes are those of `lake_format.to_parquet` for all rows at once, whatever the pieces they came in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import tables
from pipeline.lake_format import ROW_GROUP, DataFile, write_options
from pipeline.storage import explained


class PartWriter:
    """Rows of one part, in the order in which they come. `done` is told the data file and where it is staged."""

    def __init__(
        self,
        table: str,
        part: str,
        stage: Callable[[], Path],
        pool: ThreadPoolExecutor,
        done: Callable[[str, DataFile | None, Path | None], None],
    ) -> None:
        self._table, self._part, self._stage, self._pool, self._done = table, part, stage, pool, done
        self._held: list[pa.Table] = []
        self._n_held = self._n_rows = 0
        self._staged: Path | None = None
        self._file: _Hashed | None = None
        self._writer: pq.ParquetWriter | None = None
        self._writing: Future[None] | None = None

    def add(self, rows: pa.Table) -> None:
        """The next rows. Raises SchemaError as `tables.conform` does."""
        if not len(rows):
            return
        self._held.append(tables.in_form(rows, self._table))
        self._n_held += len(rows)
        while self._n_held >= ROW_GROUP:
            held = pa.concat_tables(self._held)
            self._write(held.slice(0, ROW_GROUP))
            self._held, self._n_held = [held.slice(ROW_GROUP)], self._n_held - ROW_GROUP

    def clear(self) -> None:
        """Forget all rows that came so far."""
        with suppress(Exception):  # what went wrong with rows that nobody wants
            self._end()
        self._held, self._n_held, self._n_rows = [], 0, 0
        if self._staged is not None:
            self._staged.write_bytes(b"")
        self._file = self._staged = None

    def close(self) -> int:
        """No more rows: the part holds these alone; without rows it is gone. Returns how many there are."""
        if self._n_held:
            self._write(pa.concat_tables(self._held))
        self._held, self._n_held = [], 0
        self._end()
        data_file = None
        if self._file is not None:
            digest = self._file.sha256.hexdigest()
            path = f"{self._part}-{digest[:12]}.parquet"
            data_file = DataFile(self._table, path, self._n_rows, self._file.tell(), digest, "")
        self._done(self._part, data_file, self._staged)
        return self._n_rows

    def _write(self, rows: pa.Table) -> None:
        """A row group, made while the next one comes."""
        self._wait()
        if self._writer is None:
            self._staged = self._stage()
            self._file = _Hashed(self._staged)
            self._writer = pq.ParquetWriter(self._file, rows.schema, **write_options(self._table))
        self._n_rows += len(rows)
        self._writing = self._pool.submit(self._writer.write_table, rows.combine_chunks(), ROW_GROUP)

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            with explained(self._part, "write rows"):
                writing.result()
            pa.default_memory_pool().release_unused()  # else the allocator keeps some 100 MB in reserve

    def _end(self) -> None:
        self._wait()
        if self._writer is not None and self._file is not None:
            writer, self._writer = self._writer, None
            with explained(self._part, "write rows"):
                writer.close()
                self._file.close()


class _Hashed:
    """A file that knows the SHA-256 of what was written to it; as much of a file as Arrow asks for."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb")
        self._size = 0
        self.sha256 = hashlib.sha256()

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._file.closed

    def write(self, data: bytes) -> int:
        """Add bytes at the end."""
        self.sha256.update(data)
        self._size += len(data)
        return self._file.write(data)

    def tell(self) -> int:
        """How many bytes there are."""
        return self._size

    def flush(self) -> None:
        """Hand what is held to the system."""
        self._file.flush()

    def close(self) -> None:
        """No more bytes."""
        self._file.close()
