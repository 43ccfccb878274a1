"""What a lake consists of: the marker at its root, data files, and the snapshots that list them.

A data file is `<table>/<key>=<value>/.../<stem>-<12 hex of its SHA-256>.parquet`. It holds every column of its table
with its own type, so that nothing need be inferred from the path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from pipeline import tables
from pipeline.errors import LakeError, SchemaError, UsageError, one_line
from pipeline.storage import LOCK, MARKER, STAGING, Storage

FORMAT = 1  # of the folders and of the two kinds of JSON file
_MONTHS = ("part_platform", "part_month")
# No path key is the name of a column, so every reader opens a table's folder without a clash.
PARTITIONS: dict[str, tuple[str, ...]] = {
    "raw_posts": ("part_gathered",), "raw_authors": ("part_gathered",), "rejects": ("part_gathered",),
    "gathered_files": ("part_gathered",), "source_cursors": ("part_gathered",),
    "posts": _MONTHS, "post_index": ("part_platform", "part_shard"),
    "post_features": _MONTHS, "campaigns": ("part_month",), "campaign_members": _MONTHS,
    "campaign_aliases": ("part_month",), "post_judgements": _MONTHS,
    "author_days": _MONTHS, "author_trust": ("part_as_of",),
    "author_months": _MONTHS, "author_cohorts": ("part_platform",), "daily_summary": ("part_year",), "daily_feelings": ("part_year",),
}  # fmt: skip

# Level 1 writes texts at 1.7 times the speed of level 3 and 1.3 times its size; the numbers come out alike.
_LEVEL = 1
# Columns of which nearly every value is its own: a dictionary of them costs time and is then given up.
_TEXTS = ("text", "text_own", "text_normalised", "exemplar", "raw", "description")
_OWN_VALUES = (*_TEXTS, "post_id", "sketch")
# 64-128k rows: enough to compress well, few enough that a reader can skip by the statistics of sorted rows.
ROW_GROUP = 100_000
# ASCII, because writers and readers disagree on how other characters are escaped in a path.
_SLUG = re.compile(r"[A-Za-z0-9_.:-]+")
_DATA_FILE = re.compile(rf"([a-z_]+)(?:/part_[a-z_]+={_SLUG.pattern})+/{_SLUG.pattern}-[0-9a-f]{{12}}\.parquet")


@dataclass(frozen=True)
class DataFile:
    """One live file: its path relative to the root, its size, and what it was derived from ('' for gathered data)."""

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str
    derived_from: str

    @cached_property
    def part(self) -> str:
        """The path without its hash: what stays when the contents change, and has one live file at most."""
        return self.path[: -len("-0123456789ab.parquet")]

    @cached_property
    def keys(self) -> dict[str, str]:
        """The path keys, such as {"part_platform": "weibo", "part_month": "2026-01"}."""
        pairs = (piece.partition("=") for piece in self.part.split("/")[1:-1])
        return {key: value for key, _, value in pairs}

    @cached_property
    def stem(self) -> str:
        """The bucket, or the batch of a raw table."""
        return self.part.rpartition("/")[2]


@dataclass(frozen=True)
class Snapshot:
    """What the lake holds: every live file of every table, by path, and into how many buckets authors are divided.

    Number 0 is the lake before its first commit.
    """

    number: int
    files: tuple[DataFile, ...]
    buckets: int = 1

    def to_json(self) -> bytes:
        """The bytes of the snapshot's file; equal for equal snapshots, with no clock in them."""
        files = [asdict(file) for file in self.files]
        body = {"number": self.number, "parent": self.number - 1, "buckets": self.buckets, "files": files}
        return (json.dumps(body, sort_keys=True, indent=0) + "\n").encode()

    @staticmethod
    def from_json(data: bytes) -> Snapshot:
        """The snapshot of those bytes. Raises ValueError where they are none, or name a file outside its table."""
        try:
            body = json.loads(data)
            files = tuple(DataFile(**file) for file in body["files"])
            snapshot = Snapshot(int(body["number"]), files, int(body.get("buckets", 1)))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a snapshot: {error!r}") from error
        strange = [file.path for file in snapshot.files if table_of(file.path) != file.table]
        if strange:
            raise ValueError(f"not a data file of its table: {strange[0]}")
        return snapshot


def part_of(table: str, keys: Mapping[str, str], stem: str) -> str:
    """The part, `<table>/<key>=<value>/.../<stem>`. Raises SchemaError for a table, key or value a path cannot have."""
    if tuple(keys) != PARTITIONS.get(table):
        raise SchemaError(
            f"table {table}: got path keys {tuple(keys)}; expected {PARTITIONS.get(table, 'a known table')}"
        )
    for value in (*keys.values(), stem):
        if not _SLUG.fullmatch(value):
            raise SchemaError(f"table {table}: got {value!r} in a path; expected ASCII letters, digits and _ . : -")
    return "/".join([table, *(f"{key}={value}" for key, value in keys.items()), stem])


def table_of(path: str) -> str | None:
    """The table whose data file this path names; None where the path is not of a form the store writes."""
    match = _DATA_FILE.fullmatch(path)
    return match[1] if match and match[1] in PARTITIONS else None


def read_marker(storage: Storage) -> dict[str, Any] | None:
    """What the lake says of itself: format, key_id, schema_version; None where there is no lake.

    Raises LakeError where a newer version wrote it, or it is damaged.
    """
    try:
        about: dict[str, Any] = json.loads(storage.read(MARKER))
        newer = about["format"] > FORMAT or about["schema_version"] > tables.SCHEMA_VERSION
        if not isinstance(about["key_id"], str):
            raise ValueError(f"key_id {about['key_id']}")
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LakeError(f"lake {storage.root}: {MARKER}: {one_line(repr(error))}; restore it from a backup") from error
    if newer:
        raise LakeError(
            f"lake {storage.root}: got format {about['format']}, schema version {about['schema_version']}; expected at"
            f" most {FORMAT} and {tables.SCHEMA_VERSION}; install the newer xinren that wrote it"
        )
    return about


def create_marker(storage: Storage, key_id: str) -> dict[str, Any]:
    """Make the root a lake and return its marker. Raises UsageError where the root holds something else."""
    # Files are deleted under the tables' names later on, so a folder of somebody else's is no place for a lake.
    found = sorted(name for name in storage.entries() if name not in (LOCK, STAGING, "lost+found") and name[0] != ".")
    if found:
        raise UsageError(
            f"lake {storage.root}: got a folder that holds {one_line(found[0])} and no {MARKER}; expected a lake, or an"
            " empty or new folder; choose another"
        )
    about = {"format": FORMAT, "key_id": key_id, "schema_version": tables.SCHEMA_VERSION}
    with storage.writer(), suppress(FileExistsError):
        storage.create(MARKER, (json.dumps(about, sort_keys=True) + "\n").encode())
    return read_marker(storage) or about


def encode(rows: pa.Table, table: str) -> pa.Buffer:
    """The bytes of a data file: equal for equal rows, however chunked. Raises SchemaError as `conform` does."""
    return to_parquet(tables.conform(rows, table), table)


def to_parquet(rows: pa.Table, table: str) -> pa.Buffer:
    """`encode` for rows that conform already."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, row_group_size=ROW_GROUP, **write_options(table))
    return sink.getvalue()


def write_options(table: str) -> dict[str, Any]:
    """How data files of a table are written, for pyarrow."""
    coded, told = _columns_coded(table)
    return {
        "compression": "zstd", "compression_level": _LEVEL, "write_page_index": True, "use_dictionary": coded,
        "write_statistics": told,
    }  # fmt: skip


@cache
def _columns_coded(table: str) -> tuple[list[str], list[str]]:
    """The Parquet columns of a table that get a dictionary, and those that get statistics (all but texts)."""
    sink = pa.BufferOutputStream()
    pq.write_table(tables.empty(table), sink)
    leaves = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    found = [
        (leaf.path, leaf.path.partition(".")[0], leaf.physical_type)
        for leaf in (leaves.column(i) for i in range(len(leaves)))
    ]
    floats = ("FLOAT", "DOUBLE")
    times = {field.name for field in tables.schema(table) if pa.types.is_timestamp(field.type)}
    coded = [path for path, name, kind in found if name not in _OWN_VALUES and name not in times and kind not in floats]
    return coded, [path for path, name, _ in found if name not in _TEXTS]


def read_files(
    table: str,
    columns: Sequence[str] | None,
    where: pc.Expression | None,
    files: Sequence[DataFile],
    source: Callable[[str], Any],
) -> pa.Table:
    """Rows of data files one after another, columns in the schema's order; `source` opens a path for pyarrow.

    Raises LakeError for a file that is gone or damaged, SchemaError for a column the table does not have.
    """
    want = tables.schema(table)
    unknown = sorted(set(columns or ()) - set(want.names))
    if unknown:
        raise SchemaError(f"table {table}: no columns {unknown}; see `xinren schema {table}`")
    names = [name for name in want.names if columns is None or name in columns]
    sources = [source(file.path) for file in files]
    empty = want.empty_table().select(names)
    if len(files) > 1 and all(isinstance(one, str | Path) for one in sources):
        with suppress(pa.ArrowException, OSError):  # said below, with the name of the file
            return pa.concat_tables([empty, _scanned([str(one) for one in sources], names, where, want)])
    return pa.concat_tables([empty, *(_read(f, s, names, where, want) for f, s in zip(files, sources, strict=True))])


def read_batches(
    table: str, columns: Sequence[str] | None, files: Sequence[DataFile], source: Callable[[str], Any], size: int
) -> Iterator[pa.Table]:
    """As `read_files`, at most `size` rows at a time; of a file that has more, a row group is held in memory."""
    group: list[DataFile] = []
    for file in files:
        if group and sum(f.rows for f in group) + file.rows > size:
            yield read_files(table, columns, None, group, source)
            group = []
        if file.rows > size:
            yield from _pieces(table, columns, file, source, size)
        else:
            group.append(file)
    if group:
        yield read_files(table, columns, None, group, source)


def _pieces(
    table: str, columns: Sequence[str] | None, file: DataFile, source: Callable[[str], Any], size: int
) -> Iterator[pa.Table]:
    want = tables.schema(table)
    names = [name for name in want.names if columns is None or name in columns]
    try:
        with pq.ParquetFile(source(file.path)) as parquet:
            there = [name for name in names if name in parquet.schema_arrow.names]
            for batch in parquet.iter_batches(size, columns=there):
                rows = pa.Table.from_batches([batch])
                filled = [rows[n] if n in there else pa.nulls(len(rows), want.field(n).type) for n in names]
                yield pa.table(filled, pa.schema([want.field(name) for name in names], want.metadata))
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(file, error) from error


def _scanned(paths: list[str], names: list[str], where: pc.Expression | None, want: pa.Schema) -> pa.Table:
    """Many local files at once, on all cores, rows in the order of the files."""
    form, disk = ds.ParquetFileFormat(), fs.LocalFileSystem()
    fragments = [form.make_fragment(path, disk) for path in paths]
    return ds.FileSystemDataset(fragments, want, form, disk).to_table(columns=names, filter=where)


def _read(file: DataFile, source: Any, names: list[str], where: pc.Expression | None, want: pa.Schema) -> pa.Table:
    try:
        return pq.read_table(source, columns=names, filters=where, schema=want, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: DataFile, error: Exception) -> LakeError:
    why = "no such file" if isinstance(error, FileNotFoundError) else one_line(error)
    return LakeError(f"{file.path}: {why}; expected it as it was written; see `xinren check`")
