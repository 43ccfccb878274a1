"""The lake: every table as immutable Parquet files under one root, all changed at once by a snapshot; the only writer.

`_snapshots/<n>.json` names every live file. The moment that name is taken is the commit: all it names was durable
before, so readers trust the newest snapshot there is, and the next writer puts right what a crash left behind
(`_latest` moved on, files that no snapshot names deleted).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import LakeError, SchemaError, TransientError, UsageError, XinrenError, one_line
from pipeline.lake_format import (
    PARTITIONS,
    DataFile,
    Snapshot,
    create_marker,
    encode,
    part_of,
    read_files,
    read_marker,
    table_of,
)
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
        self.buckets: int = about["buckets"]

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

    def begin(self) -> Transaction:
        """The writer's transaction, after putting right what an earlier one left behind.

        Raises TransientError while another run is writing, PermanentError where the root cannot be written to.
        """
        with ExitStack() as stack:
            stage = stack.enter_context(self.storage.writer())
            base = self._recover()
            return Transaction(self, base, stage, stack.pop_all())

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

    def __init__(self, lake: Lake, base: Snapshot, stage: Stage, stack: ExitStack) -> None:
        self.base = base
        self._lake, self._stage, self._stack = lake, stage, stack
        self._source = lake.storage.source
        self._live = {file.part: file for file in base.files}
        self._named = {file.path for file in base.files}
        self._staged: dict[str, Path] = {}
        self._numbers = count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def data_files(self, table: str) -> list[DataFile]:
        """The files of `table` that would be live after a commit now, by path."""
        return _chosen(table, self._live.values())

    def put(self, table: str, keys: Mapping[str, str], stem: str, rows: pa.Table, *, derived_from: str = "") -> None:
        """Make `rows`, sorted by the caller, all that the part holds; without rows the part disappears.

        Equal contents keep the old file. Raises SchemaError for rows or path values that the table cannot have.
        """
        part, data = part_of(table, keys, stem), encode(rows, table)
        self.drop(table, keys, stem)
        if not rows.num_rows:
            return
        digest = hashlib.sha256(data).hexdigest()
        file = DataFile(table, f"{part}-{digest[:12]}.parquet", rows.num_rows, data.size, digest, derived_from)
        self._live[part] = file
        if file.path not in self._named:
            self._staged[file.path] = self._stage(f"{next(self._numbers)}.parquet", data)

    def keep(self, table: str, keys: Mapping[str, str], stem: str, derived_from: str) -> bool:
        """Whether the part is there and was derived from just that, so that computing it again would change nothing."""
        file = self._live.get(part_of(table, keys, stem))
        return file is not None and file.derived_from == derived_from

    def drop(self, table: str, keys: Mapping[str, str], stem: str) -> None:
        """Remove the part, if it is there."""
        file = self._live.pop(part_of(table, keys, stem), None)
        if file is not None:
            self._staged.pop(file.path, None)

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        *,
        only: Only | None = None,
        filter: pc.Expression | None = None,  # noqa: A002 - as in Lake.read
    ) -> pa.Table:
        """As Lake.read, with the changes of this transaction."""
        files = _chosen(table, self._live.values(), only)
        return read_files(table, columns, filter, files, lambda path: self._staged.get(path) or self._source(path))

    def commit(self) -> Snapshot:
        """Publish the changes: one new snapshot, or `base` when nothing has changed. The transaction can go on.

        Raises TransientError or PermanentError with the old snapshot in force, unless only the tidying after the new
        one failed, which the next `begin` makes good.
        """
        files = tuple(sorted(self._live.values(), key=lambda file: file.path))
        if files == self.base.files:
            return self.base
        new = Snapshot(self.base.number + 1, files)
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


def _chosen(table: str, files: Iterable[DataFile], only: Only | None = None) -> list[DataFile]:
    if table not in PARTITIONS:
        raise SchemaError(f"table {table}: no such table; expected one of {', '.join(PARTITIONS)}")
    found = (file for file in files if file.table == table and (only is None or only(file)))
    return sorted(found, key=lambda file: file.path)


def _snapshot_path(number: int) -> str:
    return f"{SNAPSHOTS}/{number:08d}.json"


def _pointer(snapshot: Snapshot) -> bytes:
    return f"{snapshot.number}\n".encode()
