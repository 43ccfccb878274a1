"""Rows set aside by part until their turn comes: in memory while they are few, else in files of this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.storage import explained

HELD = 200_000_000  # bytes that one Spill holds in memory
Parts = list[tuple[int, pa.Table]]


class Spill:
    """Rows of one schema in numbered parts; a part gives its rows in the order in which they came.

    `scratch` makes an empty file of a name. The files hold plain Arrow IPC: compressing it takes longer than writing it.
    """

    def __init__(self, scratch: Callable[[str], Path], name: str, schema: pa.Schema) -> None:
        self._scratch, self._name, self._schema = scratch, name, schema
        self._held: dict[int, list[pa.Table]] = {}
        self._bytes = 0
        self._files: dict[int, tuple[Path, pa.NativeFile, pa.RecordBatchStreamWriter]] = {}

    def add(self, part: int, rows: pa.Table) -> None:
        """Set `rows` aside as the next ones of `part`."""
        if len(rows):
            self._held.setdefault(part, []).append(rows)
            self._bytes += rows.nbytes
        if self._bytes > HELD:
            self._write()

    def scatter(self, rows: pa.Table, parts: NDArray[np.int64]) -> None:
        """Set each row aside in its own part."""
        self.add_all(by_part(rows, parts))

    def add_all(self, parts: Parts) -> None:
        """`add` for each."""
        for part, rows in parts:
            self.add(part, rows)

    def parts(self) -> list[int]:
        """The parts that have rows."""
        return sorted({*self._held, *self._files})

    def take(self, part: int) -> pa.Table:
        """The rows of a part, which is forgotten then."""
        found = [self._schema.empty_table()]
        if part in self._files:
            path, file, writer = self._files.pop(part)
            with explained(str(path.parent), "read rows set aside"):
                writer.close()
                file.close()
                with pa.memory_map(str(path)) as again:
                    found.append(pa.ipc.open_stream(again).read_all())
                path.unlink()  # its bytes stay as long as the rows do
        held = self._held.pop(part, [])
        self._bytes -= sum(rows.nbytes for rows in held)
        return pa.concat_tables([*found, *held])

    def _write(self) -> None:
        for part, tables in self._held.items():
            if part not in self._files:
                path = self._scratch(f"{self._name}-{part}.arrow")
                with explained(str(path.parent), "set rows aside"):
                    file = pa.OSFile(str(path), "wb")
                    self._files[part] = path, file, pa.ipc.new_stream(file, self._schema)
            path, _, writer = self._files[part]
            with explained(str(path.parent), "set rows aside"):
                writer.write_table(pa.concat_tables(tables))
        self._held, self._bytes = {}, 0


def by_part(rows: pa.Table, parts: NDArray[np.int64]) -> Parts:
    """The rows of each part, in their order; `parts` has the part of each row."""
    if not len(rows):
        return []
    order = np.argsort(parts, kind="stable")
    distinct, starts = np.unique(parts[order], return_index=True)
    sorted_ = rows if len(distinct) <= 1 else rows.take(pa.array(order))
    bounds = zip(distinct.tolist(), starts.tolist(), [*starts[1:].tolist(), len(rows)], strict=True)
    return [(part, sorted_.slice(start, end - start)) for part, start, end in bounds]
