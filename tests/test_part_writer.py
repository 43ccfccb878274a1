"""Parts of the lake written some rows at a time."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import part_writer
from pipeline.errors import SchemaError
from pipeline.lake_format import ROW_GROUP, to_parquet
from pipeline.store import Lake
from pipeline.tables import complete, empty

KEYS = {"part_gathered": "2026-03-08"}


def rejects(n: int, start: int = 0) -> pa.Table:
    columns = {
        "source": pa.repeat("native", n), "source_file": pa.repeat("a.csv", n), "reason": pa.repeat("bad_row", n),
        "source_row": pa.array(range(start + 1, start + n + 1)), "raw": pa.array([f"第{i}行" for i in range(start, start + n)]),
        "gathered_at": pa.repeat(0, n).cast(pa.timestamp("us", "UTC")), "batch_id": pa.repeat("b1", n),
    }  # fmt: skip
    return complete(columns, "rejects", n)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create_or_open(str(tmp_path / "lake"), key_id="0a1b2c3d")


@pytest.mark.parametrize("size", [70_000, 100_000, 33_333])
def test_bytes_are_those_of_all_rows_at_once_in_whatever_pieces_they_come(size: int, lake: Lake) -> None:
    rows = rejects(2 * ROW_GROUP + 5_000)
    with lake.begin() as transaction:
        writer = transaction.writer("rejects", KEYS, "b1")
        for start in range(0, len(rows), size):
            writer.add(rows.slice(start, size))
        assert writer.close() == len(rows)
        transaction.commit()
    (file,) = lake.data_files("rejects")
    assert Path(lake.files("rejects")[0]).read_bytes() == to_parquet(rows, "rejects").to_pybytes()
    assert (file.rows, file.bytes) == (len(rows), Path(lake.files("rejects")[0]).stat().st_size)


def test_part_is_not_there_before_it_is_closed_and_what_was_there_goes(lake: Lake) -> None:
    with lake.begin() as transaction:
        transaction.put("rejects", KEYS, "b1", rejects(3))
        writer = transaction.writer("rejects", KEYS, "b1")
        writer.add(rejects(2))
        assert len(transaction.read("rejects")) == 3
        writer.close()
        assert len(transaction.read("rejects")) == 2


def test_part_without_rows_is_no_file(lake: Lake) -> None:
    with lake.begin() as transaction:
        transaction.put("rejects", KEYS, "b1", rejects(3))
        writer = transaction.writer("rejects", KEYS, "b1")
        writer.add(empty("rejects"))
        assert writer.close() == 0
        assert transaction.data_files("rejects") == []


def test_cleared_rows_are_forgotten_and_the_part_can_be_written_anew(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_writer, "ROW_GROUP", 10)
    with lake.begin() as transaction:
        writer = transaction.writer("rejects", KEYS, "b1")
        writer.add(rejects(25))
        writer.clear()
        writer.add(rejects(4, start=100))
        writer.close()
        assert transaction.read("rejects")["source_row"].to_pylist() == [101, 102, 103, 104]


def test_rows_of_another_table_are_refused(lake: Lake) -> None:
    with lake.begin() as transaction, pytest.raises(SchemaError):
        transaction.writer("rejects", KEYS, "b1").add(rejects(1).drop_columns(["reason"]))
