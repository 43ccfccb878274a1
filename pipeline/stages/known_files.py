"""The files gathered so far, known by their bytes: which a file is, and which it is a longer version of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.run import Run
from pipeline.tables import complete

_CHUNK = 1 << 20
_REFUSED = {"n_rows": 1, "n_rejects": 1, "n_rows_framed": None}  # of a file that gave one reject without a row


@dataclass(frozen=True)
class KnownFile:
    """A row of gathered_files."""

    row: dict[str, Any]

    @property
    def batch_id(self) -> str:
        """The hash of its bytes."""
        return str(self.row["batch_id"])

    @property
    def n_rows(self) -> int:
        """All rows in the file: its own, and those of the file that it goes on from."""
        return int(self.row["n_rows"]) + int(self.row["n_rows_before"] or 0)

    @property
    def day(self) -> str:
        """The path key of its parts."""
        found: date = self.row["gathered_at"].date()
        return found.isoformat()

    @property
    def is_refused(self) -> bool:
        """Whether nothing could be read of it."""
        return all(self.row[name] == value for name, value in _REFUSED.items())

    @property
    def can_grow(self) -> bool:
        """Whether rows may be added to it: it has some, and no other file has taken its place."""
        return self.row["members"] is None and self.row["replaced_by"] is None and self.row["n_rows"] > 0

    def replaced_by(self, batch_id: str) -> KnownFile:
        """The same file with none of its rows left, since all are in that of another."""
        none = dict.fromkeys(("n_rows", "n_posts", "n_authors", "n_rejects"), 0)
        gone = dict.fromkeys(("n_rows_framed", "n_rows_before", "grown_from"))
        return replace(self, row=self.row | none | gone | {"replaced_by": batch_id})

    def as_table(self) -> pa.Table:
        """The row as it stands in gathered_files."""
        return complete(
            {name: pa.array([value]) for name, value in self.row.items() if value is not None}, "gathered_files", 1
        )


class KnownFiles:
    """All files gathered so far, those of this run among them."""

    def __init__(self, run: Run) -> None:
        rows = run.tx.read("gathered_files").to_pylist()  # per file
        self._files = {row["batch_id"]: KnownFile(row) for row in rows}

    def __contains__(self, batch_id: str) -> bool:
        return batch_id in self._files

    def __getitem__(self, batch_id: str) -> KnownFile:
        return self._files[batch_id]

    def add(self, file: KnownFile) -> None:
        """One more, or another account of one."""
        self._files[file.batch_id] = file

    def look(self, path: Path, name: str) -> tuple[str, list[KnownFile]]:
        """The batch_id of a file, and the known files whose bytes are its beginning, the longest first.

        Of refused ones those of the same name: one byte may be the beginning of anything.
        """
        size = path.stat().st_size
        likely = [
            file for file in self._files.values()
            if file.row["n_bytes"] < size and file.can_grow and (not file.is_refused or file.row["source_file"] == name)
        ]  # fmt: skip
        places = sorted({file.row["n_bytes"] for file in likely})
        batch_id, beginnings = _hashes(path, places)
        found = [file for file in likely if beginnings.get(file.row["n_bytes"]) == file.batch_id]
        return batch_id, sorted(found, key=lambda file: -file.row["n_bytes"])


def _hashes(path: Path, places: list[int]) -> tuple[str, dict[int, str]]:
    """First 16 hex of SHA-256 of a file's bytes, and of its first so many bytes."""
    digest, beginnings, at = hashlib.sha256(), {}, 0
    with path.open("rb") as file:
        for place in [*places, None]:
            while place is None or at < place:
                chunk = file.read(_CHUNK if place is None else min(_CHUNK, place - at))
                if not chunk:
                    break
                digest.update(chunk)
                at += len(chunk)
            if place is not None:
                beginnings[place] = digest.copy().hexdigest()[:16]
    return digest.hexdigest()[:16], beginnings
