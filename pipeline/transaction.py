"""Changes to the lake that readers see together, or never."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tables
from pipeline.errors import SchemaError, TransientError, XinrenError
from pipeline.lake_format import (
    PARTITIONS,
    DataFile,
    Snapshot,
    part_of,
    read_batches,
    read_files,
    to_parquet,
)
from pipeline.part_writer import PartWriter
from pipeline.storage import Stage

if TYPE_CHECKING:
    from pipeline.store import Lake

SNAPSHOTS, LATEST, BESIDE = "_snapshots", "_latest", "_campaigns"
Only = Callable[[DataFile], bool]


class Transaction:
    """Changes to the lake that readers see together at `commit`, or never. Use it as a context manager.

    Leaving the block drops what was not committed and lets the next writer in.
    """

    def __init__(self, lake: Lake, base: Snapshot, stage: Stage, stack: ExitStack, threads: int) -> None:
        self.base = base
        self.buckets = base.buckets  # what the lake says of itself after a commit; stages divide authors by it
        self._lake, self._stage, self._stack = lake, stage, stack
        self._source = lake.storage.source
        self._files = {file.part: file for file in base.files}
        self._named = {file.path for file in base.files}
        self._staged: dict[str, Path] = {}
        self._numbers = count()
        self._pool, self._ahead = ThreadPoolExecutor(threads), 2 * threads
        self._being_made: deque[tuple[DataFile, Future[tuple[pa.Buffer, str]]]] = deque()
        stack.callback(self._pool.shutdown, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def data_files(self, table: str) -> list[DataFile]:
        """The files of `table` that would be live after a commit now, by path."""
        self._finish(table)
        return chosen(table, self._files.values())

    def put(self, table: str, keys: Mapping[str, str], stem: str, rows: pa.Table, *, derived_from: str = "") -> None:
        """Make `rows`, sorted by the caller, all that the part holds; without rows the part disappears.

        Equal contents keep the old file. The file is made on another thread, and is there for whoever asks. Raises
        SchemaError for rows or path values that the table cannot have.
        """
        part, rows = part_of(table, keys, stem), tables.in_form(rows, table)
        self.drop(table, keys, stem)
        if not rows.num_rows:
            return
        file = DataFile(table, part, rows.num_rows, 0, "", derived_from)
        self._being_made.append((file, self._pool.submit(_made, rows, table)))
        while len(self._being_made) > self._ahead:
            self._finish_one()

    def writer(self, table: str, keys: Mapping[str, str], stem: str) -> PartWriter:
        """As `put`, for rows that come some at a time and are too many to hold; the part stands once it is closed."""
        return PartWriter(table, part_of(table, keys, stem), self._empty, self._pool, self._adopt)

    def _empty(self) -> Path:
        return self._stage(f"{next(self._numbers)}.parquet", b"")

    def _adopt(self, part: str, file: DataFile | None, staged: Path | None) -> None:
        self._finish()
        gone = self._files.pop(part, None)
        if gone is not None:
            self._staged.pop(gone.path, None)
        if file is not None and staged is not None:
            self._files[part] = file
            if file.path not in self._named:
                self._staged[file.path] = staged

    def keep(self, table: str, keys: Mapping[str, str], stem: str, derived_from: str) -> bool:
        """Whether the part is there and was derived from just that, so that computing it again would change nothing."""
        self._finish(table)
        file = self._files.get(part_of(table, keys, stem))
        return file is not None and file.derived_from == derived_from

    def restate(self, file: DataFile, derived_from: str) -> None:
        """Say that a live file, as it is, is what `derived_from` gives."""
        self._finish(file.table)
        self._files[file.part] = replace(file, derived_from=derived_from)

    def drop(self, table: str, keys: Mapping[str, str], stem: str) -> None:
        """Remove the part, if it is there."""
        part = part_of(table, keys, stem)
        if any(file.path == part for file, _ in self._being_made):
            self._finish(table)
        gone = self._files.pop(part, None)
        if gone is not None:
            self._staged.pop(gone.path, None)

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        *,
        only: Only | None = None,
        filter: pc.Expression | None = None,  # noqa: A002 - as in Lake.read
    ) -> pa.Table:
        """As Lake.read, with the changes of this transaction."""
        self._finish(table)
        return self.rows_of(table, chosen(table, self._files.values(), only), columns, filter)

    def rows_of(
        self,
        table: str,
        files: Sequence[DataFile],
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
    ) -> pa.Table:
        """Rows of some files of `table` in their order, of the base snapshot or of this transaction."""
        return read_files(table, columns, where, files, self.source)

    def batches(
        self, table: str, files: Sequence[DataFile], columns: Sequence[str] | None, size: int
    ) -> Iterator[pa.Table]:
        """Rows of some files in their order, some `size` at a time: small files together, large ones in pieces."""
        return read_batches(table, columns, files, self.source, size)

    def source(self, path: str) -> Any:
        """What pyarrow opens to read a data file of the base snapshot or of this transaction."""
        return self._staged.get(path) or self._source(path)

    def scratch(self, name: str) -> Path:
        """An empty file of this machine that no reader sees and that goes with the transaction."""
        return self._stage(name, b"")

    def beside(self) -> str:
        """Where other machines find a new folder beside the tables: no part of the lake, and this caller's alone.

        What a killed run leaves there the next writer deletes.
        """
        return self._lake.storage.address(f"{BESIDE}/{token_hex(8)}")

    def _finish(self, table: str = "") -> None:
        """Wait for the files that are being made, up to the last one of `table`."""
        while any(table in ("", file.table) for file, _ in self._being_made):
            self._finish_one()

    def _finish_one(self) -> None:
        begun, future = self._being_made.popleft()
        data, digest = future.result()
        file = replace(begun, path=f"{begun.path}-{digest[:12]}.parquet", bytes=data.size, sha256=digest)
        self._files[file.part] = file
        if file.path not in self._named:
            self._staged[file.path] = self._stage(f"{next(self._numbers)}.parquet", data)

    def commit(self) -> Snapshot:
        """Publish the changes: one new snapshot, or `base` when nothing has changed. The transaction can go on.

        Raises TransientError or PermanentError with the old snapshot in force, unless only the tidying after the new
        one failed, which the next `begin` makes good.
        """
        self._finish()
        files = tuple(sorted(self._files.values(), key=lambda file: file.path))
        if files == self.base.files and self.buckets == self.base.buckets:
            return self.base
        new = Snapshot(self.base.number + 1, files, self.buckets)
        self._publish(new)
        replaced = self._named - {file.path for file in files}
        self.base, self._named = new, {file.path for file in files}
        self._staged.clear()
        self._lake.remove(replaced)
        return new

    def _publish(self, new: Snapshot) -> None:
        storage = self._lake.storage
        try:
            storage.install(self._staged)
            storage.publish(snapshot_path(new.number), new.to_json(), LATEST, pointer(new))
        except BaseException as error:
            with suppress(XinrenError):  # the next writer deletes what this cannot
                named = {file.path for file in self._lake.snapshot().files}
                storage.remove([path for path in self._staged if path not in named], PARTITIONS)
            if not isinstance(error, FileExistsError):
                raise
            raise TransientError(
                f"lake {self._lake.root}: another run committed snapshot {new.number} first; expected one writer at a"
                " time; run again"
            ) from None


def _made(rows: pa.Table, table: str) -> tuple[pa.Buffer, str]:
    data = to_parquet(rows.combine_chunks(), table)
    return data, hashlib.sha256(data).hexdigest()


def chosen(table: str, files: Iterable[DataFile], only: Only | None = None) -> list[DataFile]:
    """Those of `files` that are of `table` and satisfy `only`, by path. Raises SchemaError where there is no such table."""
    if table not in PARTITIONS:
        raise SchemaError(f"table {table}: no such table; expected one of {', '.join(PARTITIONS)}")
    found = (file for file in files if file.table == table and (only is None or only(file)))
    return sorted(found, key=lambda file: file.path)


def snapshot_path(number: int) -> str:
    """Where snapshot `number` stands in the lake."""
    return f"{SNAPSHOTS}/{number:08d}.json"


def pointer(snapshot: Snapshot) -> bytes:
    """What the pointer to the newest snapshot holds."""
    return f"{snapshot.number}\n".encode()
