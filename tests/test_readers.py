"""Every table opens by its plain path in the readers teams use: the same rows, every column with its own type."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from pipeline import tables
from pipeline.store import PARTITIONS, Lake

# Values of path keys as a lake has them, among them those that readers like to take for numbers or dates.
VALUES = {
    "part_platform": ["weibo", "wechat_moments"], "part_month": ["2026-01", "undated"], "part_shard": ["0", "a"],
    "part_gathered": ["2026-02-01", "2026-02-02"], "part_as_of": ["2026-01-31", "2026-02-28"], "part_year": ["2025", "2026"],
}  # fmt: skip
TEXT = "姐妹们早👩‍👧，“面膜”补货\n加〔微信号〕, \\ \x1f 100%"
REASON = {"kind": "cue", "span_start": 0, "span_end": 2, "text": "姐妹", "weight": 1.5}
START = datetime(2026, 1, 31, 15, 59, 59, 999_999, tzinfo=UTC)


def value(column: tables.Column, row: int) -> Any:
    """A value that shows when a type was lost: long integers, microseconds, ids that look like numbers, NULL, lists."""
    if not column.required and row % 3 == 2:
        return None
    kind = column.type
    if column.name == "platform":
        return "weibo"
    if pa.types.is_string(kind):
        return f"{TEXT} {row}" if column.name in ("text", "exemplar", "raw") else f"00{row}"
    if pa.types.is_timestamp(kind):
        return START + timedelta(days=row)
    if pa.types.is_date(kind):
        return date(2026, 1, 31) + timedelta(days=row)
    if pa.types.is_list(kind):
        return [[REASON], []][row % 2] if column.name == "reasons" else [["早安", "001"], []][row % 2]
    if pa.types.is_fixed_size_list(kind):
        return [(row + i) % 4_000_000_000 for i in range(kind.list_size)]
    return {pa.bool_(): row % 2 == 0, pa.int64(): 2**53 + 1 + row, pa.int32(): row}.get(kind, row / 4)


def make(name: str, first: int, n: int) -> pa.Table:
    rows = range(first, first + n)
    columns = {c.name: pa.array([value(c, row) for row in rows], c.type) for c in tables.TABLES[name]}
    return tables.complete(columns, name, n)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Every table with as many parts as its keys have values above, the second commit replacing some."""
    lake = Lake.create_or_open(str(tmp_path_factory.mktemp("readers") / "lake"), key_id="0a1b2c3d")
    for shift in (0, 1):
        with lake.begin() as transaction:
            for name, keys in PARTITIONS.items():
                for part in range(2):
                    at = {key: VALUES[key][(part + i) % 2] for i, key in enumerate(keys)}
                    transaction.put(name, at, "0", make(name, 10 * part, 6 + shift * part))
            transaction.commit()
    return lake


def in_order(table: pa.Table) -> pa.Table:
    """Rows in one order whatever the reader's, by a column that is distinct in every row here."""
    names = [n for n in ("post_id", "batch_id", "campaign_id", "author_id", "date", "month") if n in table.column_names]
    return table.take(
        pc.sort_indices(table, sort_keys=[(name, "ascending") for name in (*names, "date")[:1]])
    ).combine_chunks()


def _duckdb(folder: str, hive: bool) -> pa.Table:
    with duckdb.connect() as db:
        query = f"SELECT * FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = {str(hive).lower()})"
        return db.sql(query).to_arrow_table()


READERS: dict[str, Callable[[str], pa.Table]] = {
    "pyarrow.parquet": pq.read_table,
    "pyarrow.dataset": lambda folder: ds.dataset(folder, partitioning="hive").to_table(),
    "pyarrow.dataset without keys": lambda folder: ds.dataset(folder).to_table(),
    "polars": lambda folder: pl.scan_parquet(folder).collect().to_arrow(),
    "polars with keys": lambda folder: pl.scan_parquet(folder, hive_partitioning=True).collect().to_arrow(),
    "duckdb": lambda folder: _duckdb(folder, hive=False),
    "duckdb with keys": lambda folder: _duckdb(folder, hive=True),
}


def plain(kind: pa.DataType) -> Any:
    """A type without the ways in which engines spell it: width of offsets, names of list items, UTC's name.

    Parquet itself has no lists of fixed length: pyarrow and polars restore them, DuckDB shows lists.
    """
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_nested(kind) and not pa.types.is_struct(kind):
        return "list", plain(kind.value_type)
    if pa.types.is_struct(kind):
        return tuple((kind.field(i).name, plain(kind.field(i).type)) for i in range(kind.num_fields))
    return pa.timestamp("us", "UTC") if pa.types.is_timestamp(kind) and kind.tz else kind


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", PARTITIONS)
def test_table_opens_by_its_folder(name: str, reader: str, lake: Lake) -> None:
    expected = lake.read(name)
    seen = READERS[reader](f"{lake.root}/{name}")
    extra = [column for column in seen.column_names if column not in expected.column_names]
    assert set(extra) in (set(), set(PARTITIONS[name]))
    assert [plain(seen.schema.field(f.name).type) for f in expected.schema] == [plain(f.type) for f in expected.schema]
    rows = seen.select(expected.column_names)
    assert in_order(rows).to_pylist() == in_order(expected).to_pylist()


@pytest.mark.parametrize("name", PARTITIONS)
def test_table_opens_in_pandas(name: str, lake: Lake) -> None:
    expected = lake.read(name)
    seen = pd.read_parquet(f"{lake.root}/{name}", dtype_backend="pyarrow")
    assert set(seen.columns) - set(expected.column_names) == set(PARTITIONS[name])
    rows = pa.Table.from_pandas(seen[expected.column_names], preserve_index=False)
    assert [plain(f.type) for f in rows.schema] == [plain(f.type) for f in expected.schema]
    assert in_order(rows).to_pylist() == in_order(expected).to_pylist()


def test_pandas_own_types_keep_ids_texts_and_times(lake: Lake) -> None:
    posts = pd.read_parquet(f"{lake.root}/posts").sort_values("post_id")
    expected = in_order(lake.read("posts"))
    assert posts["post_id"].tolist() == expected["post_id"].to_pylist()
    assert posts["text"].tolist() == expected["text"].to_pylist()
    assert str(posts["first_seen_at"].dtype) == "datetime64[us, UTC]"
    assert posts["versions"].dtype == "int32"


def test_readers_skip_by_path_key_and_by_statistics(lake: Lake) -> None:
    """A filter on a key opens only its folder; one on a column uses the statistics in the files."""
    folder = f"{lake.root}/posts"
    dataset = ds.dataset(folder, partitioning="hive")
    fragments = list(dataset.get_fragments(filter=pc.field("part_month") == "undated"))
    assert [Path(f.path).parent.name for f in fragments] == ["part_month=undated"]
    assert (
        pl.scan_parquet(folder, hive_partitioning=True).filter(pl.col("part_month") == "undated").collect().height == 6
    )
    with duckdb.connect() as db:
        query = f"SELECT count(*) FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true) WHERE part_month = 'undated'"
        assert db.execute(query).fetchall() == [(6,)]


def test_column_documentation_travels_with_the_files(lake: Lake) -> None:
    field = pq.read_schema(lake.files("posts")[0]).field("text")
    assert field.metadata[b"doc"].decode() == next(c.doc for c in tables.POSTS if c.name == "text")
    assert hashlib.sha256(Path(lake.files("posts")[0]).read_bytes()).hexdigest()[:12] in lake.files("posts")[0]
