"""Is a lake what it says it is? Every file against its snapshot and schema, every row against the laws."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import tables
from pipeline.errors import LakeError, TransientError, one_line
from pipeline.lake_format import PARTITIONS, DataFile, Snapshot, read_files
from pipeline.laws import COLUMNS, LAWS, ORDER, REASON_LAWS, Law, due
from pipeline.store import Lake


@dataclass(frozen=True)
class Finding:
    """A broken law: where it was broken first and how often, what was got, what was expected."""

    law: str
    table: str
    where: str
    got: str
    expected: str
    times: int = 1

    def __str__(self) -> str:
        more = f" and {self.times - 1:,} more" if self.times > 1 else ""
        return one_line(f"{self.law}: {self.table}: {self.where}{more}: got {self.got}; expected {self.expected}")


def check(lake: Lake, *, deep: bool = True) -> list[Finding]:
    """What is wrong with the newest snapshot, one finding for each law and table; empty when all laws hold.

    Rows are judged (`deep`) where all files are whole, in memory that holds the keys and probabilities of all posts and
    the texts of one data file. Raises TransientError when another run commits meanwhile.
    """
    snapshot = lake.snapshot()
    try:
        findings = list(_broken_files(lake, snapshot))
        if deep and not findings:
            findings = list(_broken_rows(lake, snapshot))
        findings = _summed([*_strays(lake), *findings])
    except LakeError:
        if lake.snapshot().number == snapshot.number:
            raise
    if lake.snapshot().number != snapshot.number:
        raise TransientError(f"lake {lake.root}: another run committed while it was checked; check again")
    return findings


def _summed(findings: Iterable[Finding]) -> list[Finding]:
    """The first finding of each law and table, with the number of times in all."""
    found: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        first = found.setdefault((finding.law, finding.table), replace(finding, times=0))
        found[finding.law, finding.table] = replace(first, times=first.times + finding.times)
    return list(found.values())


def _strays(lake: Lake) -> list[Finding]:
    with lake.storage.undisturbed() as alone:
        if not alone:
            return []  # a commit is under way, and its files have no name yet
        named = {file.path for file in lake.snapshot().files}
        found = [path for table in PARTITIONS for path in lake.storage.files(table) if path.endswith(".parquet")]
        strays = lake.storage.abandoned([path for path in found if path not in named])
    return [
        Finding("files are named", path.partition("/")[0], path, "a file", "none the snapshot does not name")
        for path in strays
    ]


def _broken_files(lake: Lake, snapshot: Snapshot) -> Iterator[Finding]:
    for file in snapshot.files:
        try:
            data = lake.storage.read(file.path)
        except FileNotFoundError:
            yield Finding("files are there", file.table, file.path, "no file", "the file the snapshot names")
            continue
        digest = hashlib.sha256(data).hexdigest()
        if digest != file.sha256:
            got, expected = (
                f"{n} bytes, SHA-256 {d[:12]}" for n, d in ((len(data), digest), (file.bytes, file.sha256))
            )
            yield Finding("files are as written", file.table, file.path, got, expected)
        else:
            yield from _broken_footer(file, data)


def _broken_footer(file: DataFile, data: bytes) -> Iterator[Finding]:
    try:
        parquet = pq.ParquetFile(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        yield Finding("files are Parquet", file.table, file.path, one_line(error, 100), "a Parquet file")
        return
    if parquet.metadata.num_rows != file.rows:
        yield Finding("rows are counted", file.table, file.path, f"{parquet.metadata.num_rows} rows", f"{file.rows}")
    got, want = parquet.schema_arrow, tables.schema(file.table)
    if not got.equals(want, check_metadata=True):
        yield Finding("files have their schema", file.table, file.path, *_difference(got, want))


def _difference(got: pa.Schema, want: pa.Schema) -> tuple[str, str]:
    """The first field that differs, in words."""
    shown = [[f"{f}, {(f.metadata or {}).get(b'doc', b'').decode()}" for f in schema] for schema in (got, want)]
    for one, other in zip_longest(*shown, fillvalue="no column"):
        if one != other:
            return one, other
    return "other metadata", str(want.metadata)


def _broken_rows(lake: Lake, snapshot: Snapshot) -> Iterator[Finding]:
    # Nothing is installed or loaded on the side: a check works without a network.
    with duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}) as db:
        db.register("files", _places(snapshot.files))
        for table, columns in COLUMNS.items():
            files = [(number, file) for number, file in enumerate(snapshot.files) if file.table == table]
            parts = [_numbered(read_files(table, columns, None, [], lake.storage.source), 0)]
            for number, file in files:
                rows = read_files(table, columns, None, [file], lake.storage.source)
                yield from _unsorted(file, rows)
                parts.append(_numbered(rows, number))
            db.register(table, pa.concat_tables(parts))
        complete = due({file.table for file in snapshot.files})
        for law in LAWS:
            if law.table in complete:
                yield from _ask(db, law)
        yield from _broken_reasons(db, lake, snapshot)


def _places(files: Iterable[DataFile]) -> pa.Table:
    keys = [file.keys for file in files]
    columns = {key: pa.array([k.get(key) for k in keys], pa.string()) for key in ("part_platform", "part_month")}
    stems = pa.array([file.stem for file in files], pa.string())
    return pa.table({"number": pa.array(range(len(keys)), pa.int32()), **columns, "stem": stems})


def _numbered(rows: pa.Table, number: int) -> pa.Table:
    """`rows` with the number of their file, times as microseconds: in DuckDB a time with a zone asks for an extension."""
    fields = [f.with_type(pa.int64()) if pa.types.is_timestamp(f.type) else f for f in rows.schema]
    return rows.cast(pa.schema(fields)).append_column("file", pa.array(np.full(len(rows), number, np.int32)))


def _unsorted(file: DataFile, rows: pa.Table) -> Iterator[Finding]:
    if file.table in ORDER:
        order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in ORDER[file.table]]).to_numpy()
        wrong = np.flatnonzero(order != np.arange(len(order)))
        if len(wrong):
            yield Finding(
                "rows are sorted",
                file.table,
                file.path,
                f"row {wrong[0] + 1} out of order",
                ", ".join(ORDER[file.table]),
            )


def _ask(db: duckdb.DuckDBPyConnection, law: Law) -> Iterator[Finding]:
    first = f"SELECT *, count(*) OVER () FROM ({law.sql}) ORDER BY ALL LIMIT 1"  # noqa: S608 - the laws are literals
    for where, got, expected, times in db.execute(first).fetchall():
        yield Finding(law.name, law.table, str(where), str(got), str(expected), times)


def _broken_reasons(db: duckdb.DuckDBPyConnection, lake: Lake, snapshot: Snapshot) -> Iterator[Finding]:
    posts = {(tuple(file.keys.items()), file.stem): file for file in snapshot.files if file.table == "posts"}
    for file in snapshot.files:
        if file.table == "post_judgements":
            beside = [posts[place] for place in [(tuple(file.keys.items()), file.stem)] if place in posts]
            judged = ["platform", "post_id", "is_broadcast", "reasons"]
            db.register("judged", read_files(file.table, judged, None, [file], lake.storage.source))
            db.register(
                "texts", read_files("posts", ["platform", "post_id", "text"], None, beside, lake.storage.source)
            )
            for law in REASON_LAWS:
                yield from _ask(db, law)
