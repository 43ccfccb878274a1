"""The lake: every table as immutable Parquet files under one root, all changed at once by a snapshot; the only writer.

`_snapshots/<n>.json` names every live file. The moment that name is taken is the commit: all it names was durable
before, so readers trust the newest snapshot there is, and the next writer puts right what a crash left behind
(`_latest` moved on, files that no snapshot names deleted).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import LakeError, UsageError, one_line
from pipeline.lake_format import (
    PARTITIONS,
    DataFile,
    Snapshot,
    create_marker,
    read_files,
    read_marker,
    table_of,
)
from pipeline.storage import MARKER, Storage, open_storage
from pipeline.transaction import BESIDE, LATEST, SNAPSHOTS, Only, Transaction, chosen, pointer, snapshot_path

__all__ = ["PARTITIONS", "DataFile", "Lake", "Snapshot", "Transaction"]

KEPT_SNAPSHOTS = 10


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
        return chosen(table, self.snapshot().files)

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
            files = chosen(table, snapshot.files, only)
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
            self.storage.point(LATEST, pointer(newest), snapshot_path(newest.number))
        self.remove([*self.storage.abandoned(strays), *self._left_beside()])
        return newest

    def _left_beside(self) -> list[str]:
        """What runs that were killed left in folders beside the tables: one file tells the age of each folder."""
        of = {path: path.split("/")[1] for path in self.storage.files(BESIDE)}
        left = {of[path] for path in self.storage.abandoned({folder: path for path, folder in of.items()}.values())}
        return [path for path, folder in of.items() if folder in left]

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files that no snapshot names, and all but the newest snapshots; then empty folders."""
        self.storage.remove([*paths, *self._snapshot_paths()[:-KEPT_SNAPSHOTS]], [*PARTITIONS, BESIDE])

    def _snapshot_paths(self) -> list[str]:
        return [path for path in self.storage.files(SNAPSHOTS) if path.endswith(".json")]
