"""Rows set aside come back as they came, from memory and from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.spill import Spill, by_part

SCHEMA = pa.schema(
    [pa.field("n", pa.int64()), pa.field("text", pa.large_string()), pa.field("words", pa.list_(pa.string()))]
)


def _rows(start: int, n: int) -> pa.Table:
    numbers = range(start, start + n)
    texts = [None if i % 7 == 0 else f"第{i}条" for i in numbers]
    return pa.table([pa.array(numbers), texts, [[str(i)] * (i % 3) for i in numbers]], schema=SCHEMA)


@pytest.mark.parametrize("held", [0, 2_000, 10**9], ids=["on disk", "some of both", "in memory"])
def test_a_part_gives_its_rows_in_the_order_in_which_they_came(
    held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.spill.HELD", held)
    spill = Spill(lambda name: tmp_path / name, "some", SCHEMA)
    for start in range(0, 500, 50):
        spill.scatter(_rows(start, 50), np.arange(start, start + 50) % 4)
    assert bool(list(tmp_path.iterdir())) == (held < 10**9)
    assert spill.parts() == [0, 1, 2, 3]
    everything = _rows(0, 500)
    found = {part: spill.take(part) for part in spill.parts()}
    assert list(tmp_path.iterdir()) == []  # and yet the rows can be read
    for part, rows in found.items():
        assert rows.combine_chunks().equals(everything.take(pa.array(range(part, 500, 4))))
    assert spill.parts() == []


def test_no_rows_are_in_no_part() -> None:
    assert by_part(_rows(0, 0), np.zeros(0, np.int64)) == []
