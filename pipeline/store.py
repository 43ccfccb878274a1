"""The lake: every table as immutable Parquet files under one root, all changed at once by a snapshot; the only writer.

`_snapshots/<n>.json` names every live file. The moment that name is taken is the commit: all it names was durable
before, so readers trust the newest snapshot there is, and the next writer puts right what a crash left behind
(`_latest` moved on, files that no snapshot names deleted).
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tables
from pipeline.errors import LakeError, SchemaError, TransientError, UsageError, XinrenError, one_line
from pipeline.lake_format import (
    PARTITIONS,
    DataFile,
    Snapshot,
    create_marker,
    part_of,
    read_batches,
    read_files,
    read_marker,
    table_of,
    to_parquet,
)
from pipeline.part_writer import PartWriter
from pipeline.storage import MARKER, Stage, Storage, open_storage

__all__ = ["PARTITIONS", "DataFile", "Lake", "Snapshot", "Transaction"]

SNAPSHOTS, LATEST = "_snapshots", "_latest"
KEPT_SNAPSHOTS = 10

Only = Callable[[DataFile], bool]


class Lake:
    """The tables under a root folder or URI. Get one by `open` or `create_or_open`."""

    def __init__(self, storage: Storage, about: Mapping[str, Any]) -> None:
        self.storage = storage
        self.root: str = storage.root
        self.key_id: str = about["key_id"]

    @staticmethod
    def open(root: str) -> Lake:
        """The lake at `root`. Raises UsageError where there is none, LakeError where a newer version wrote it."""
        storage = open_storage(root)
        about = read_marker(storage)
        if about is None:
            raise UsageError(f"lake {root}: no lake there; expected a folder with {MARKER}; make one with `xinren run`")
        return Lake(storage, about)

    @staticmethod
    def create_or_open(root: str, *, key_id: str) -> Lake:
        """The lake at `root`, made when there is none. Raises LakeError where another key made its author ids."""
        storage = open_storage(root)
        about = read_marker(storage) or create_marker(storage, key_id)
        if about["key_id"] != key_id:
            raise LakeError(
                f"lake {root}: got author key {key_id}; expected key {about['key_id']}, which made its author ids;"
                " set XINREN_ID_KEY to that key or use another lake"
            )
        return Lake(storage, about)

    def snapshot(self) -> Snapshot:
        """The newest snapshot; number 0, without files, before the first commit."""
        paths = self._snapshot_paths()
        if not paths:
            return Snapshot(0, ())
        try:
            return Snapshot.from_json(self.storage.read(paths[-1]))
        except ValueError as error:
            raise LakeError(f"lake {self.root}: {paths[-1]}: {one_line(error)}; restore it from a backup") from error

    def data_files(self, table: str) -> list[DataFile]:
        """The live files of `table`, by path."""
        return _chosen(table, self.snapshot().files)

    def files(self, table: str) -> list[str]:
        """Absolute file names or URIs of the live files of `table`, sorted."""
        return [self.storage.address(file.path) for file in self.data_files(table)]

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        *,
        only: Only | None = None,
        filter: pc.Expression | None = None,  # noqa: A002 - pyarrow's word for it
    ) -> pa.Table:
        """Rows of the live files (those that satisfy `only`) that pass `filter`, files in path order.

        The columns stand in the schema's order, with its types and docs. Raises SchemaError for a column the table does
        not have, LakeError for a file that is missing or damaged.
        """
        snapshot = self.snapshot()
        while True:
            files = _chosen(table, snapshot.files, only)
            try:
                return read_files(table, columns, filter, files, self.storage.source)
            except LakeError:
                newer = self.snapshot()
                if newer.number == snapshot.number:
                    raise
                snapshot = newer  # a commit since then took the file away; its snapshot has all the rows

    def begin(self, *, threads: int = 1) -> Transaction:
        """The writer's transaction, after putting right what an earlier one left behind; files are made on `threads`.

        Raises TransientError while another run is writing, PermanentError where the root cannot be written to.
        """
        with ExitStack() as stack:
            stage = stack.enter_context(self.storage.writer())
            base = self._recover()
            return Transaction(self, base, stage, stack.pop_all(), threads)

    def _recover(self) -> Snapshot:
        newest = self.snapshot()
        named = {file.path for file in newest.files}
        found = (path for table in PARTITIONS for path in self.storage.files(table))
        strays = [path for path in found if path not in named and table_of(path)]
        if newest.number:  # always: the pointer of a killed run may be right, and yet not on the disk
            self.storage.point(LATEST, _pointer(newest), _snapshot_path(newest.number))
        self._remove(self.storage.abandoned(strays))
        return newest

    def _remove(self, paths: Iterable[str]) -> None:
        self.storage.remove([*paths, *self._snapshot_paths()[:-KEPT_SNAPSHOTS]], PARTITIONS)

    def _snapshot_paths(self) -> list[str]:
        return [path for path in self.storage.files(SNAPSHOTS) if path.endswith(".json")]


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
        return _chosen(table, self._files.values())

    def put(self, table: str, keys: Mapping[str, str], stem: str, rows: pa.Table, *, derived_from: str = "") -> None:
        """Make `rows`, sorted by the caller, all that the part holds; without rows the part disappears.

        Equal contents keep the old file. The file is made on another thread, and is there for whoever asks. Raises
        SchemaError for rows or path values that the table cannot have.
        """
        part, rows = part_of(table, keys, stem), tables.conform(rows, table)
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
        return self.rows_of(table, _chosen(table, self._files.values(), only), columns, filter)

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
        self._lake._remove(replaced)
        return new

    def _publish(self, new: Snapshot) -> None:
        storage = self._lake.storage
        try:
            storage.install(self._staged)
            storage.publish(_snapshot_path(new.number), new.to_json(), LATEST, _pointer(new))
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
    data = to_parquet(rows, table)
    return data, hashlib.sha256(data).hexdigest()


def _chosen(table: str, files: Iterable[DataFile], only: Only | None = None) -> list[DataFile]:
    if table not in PARTITIONS:
        raise SchemaError(f"table {table}: no such table; expected one of {', '.join(PARTITIONS)}")
    found = (file for file in files if file.table == table and (only is None or only(file)))
    return sorted(found, key=lambda file: file.path)


def _snapshot_path(number: int) -> str:
    return f"{SNAPSHOTS}/{number:08d}.json"


def _pointer(snapshot: Snapshot) -> bytes:
    return f"{snapshot.number}\n".encode()
