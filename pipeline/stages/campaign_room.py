"""Parquet files of one run that every machine at work on it sees: band keys, letters, pairs. They are gone after the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage import explained


class Room:
    """The folder or prefix `uri`, beside the lake's tables."""

    def __init__(self, uri: str) -> None:
        import fsspec

        self.uri = uri
        # No caches: another machine may have written since.
        self._fs, base = fsspec.url_to_fs(uri, use_listings_cache=False, skip_instance_cache=True)
        self._base = str(base).rstrip("/")

    def write(self, name: str, columns: Mapping[str, Any]) -> None:
        """The file `name` with these columns, over what was there. What is written is noise: nothing packs it."""
        path = f"{self._base}/{name}.parquet"
        with self._explained(f"write {name}"):
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            table = pa.table(dict(columns))
            pq.write_table(table, path, filesystem=self._fs, compression="none", use_dictionary=False)

    def read(self, name: str, columns: Sequence[str] | None = None, filters: Any = None) -> pa.Table:
        """Columns of the file `name`, of the rows that pass the filters."""
        path = f"{self._base}/{name}.parquet"
        with self._explained(f"read {name}"):
            return pq.read_table(path, columns=columns, filters=filters, filesystem=self._fs, partitioning=None)

    def clear(self) -> None:
        """Remove everything."""
        with self._explained("clear it"):
            if self._fs.exists(self._base):
                self._fs.rm(self._base, recursive=True)

    def _explained(self, doing: str) -> AbstractContextManager[None]:
        return explained(self.uri, doing, errors=Exception)
