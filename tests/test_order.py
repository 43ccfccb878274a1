from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.order import firsts, flags, floats, match_rows, numbers, run_ids, sort_rows, take_rows, tally

ROWS = st.lists(st.tuples(st.sampled_from(["b", "a", "微", None]), st.sampled_from([2, 1, None])), max_size=12)


def _table(rows: list[tuple[str | None, int | None]]) -> pa.Table:
    return pa.table(
        {"name": pa.array([r[0] for r in rows], pa.string()), "n": pa.array([r[1] for r in rows], pa.int64())}
    )


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_rows_are_sorted_as_python_sorts_them_with_null_last(
    rows: list[tuple[str | None, int | None]], dice: random.Random
) -> None:
    found = sort_rows(_table(dice.sample(rows, len(rows))), ["name", "n"])
    expected = sorted(rows, key=lambda r: (r[0] is None, (r[0] or "").encode(), r[1] is None, r[1] or 0))
    assert found.equals(_table(expected))


def test_rows_of_equal_keys_keep_their_order() -> None:
    table = pa.table({"key": ["b", "a", "b", "a"], "row": [0, 1, 2, 3]})
    assert sort_rows(table, ["key"])["row"].to_pylist() == [1, 3, 0, 2]


def test_rows_are_matched_by_all_keys_and_never_by_null() -> None:
    table = pa.table({"platform": ["weibo", "qzone", "weibo", "weibo"], "id": ["1", "1", None, "3"]})
    other = pa.table({"platform": ["weibo", "weibo", "qzone"], "id": [None, "1", "1"], "value": [10, 20, 30]})
    rows = match_rows(table, other, ["platform", "id"])
    assert rows.tolist() == [1, 2, -1, -1]
    assert take_rows(other, rows)["value"].to_pylist() == [20, 30, None, None]


def test_a_joined_key_has_one_reading() -> None:
    table, other = (pa.table({"platform": [p], "id": [i]}) for p, i in [("we", "ibo1"), ("weibo", "1")])
    assert match_rows(table, other, ["platform", "id"]).tolist() == [-1]


def test_runs_of_equal_keys_are_numbered_and_summed() -> None:
    table = pa.table({"a": ["x", "x", "x", None, None], "b": [1, 1, 2, 2, 2]})
    ids = run_ids(table, ["a", "b"])
    assert ids.tolist() == [0, 0, 1, 2, 2]
    assert firsts(ids).tolist() == [0, 2, 3]
    assert tally(ids, np.array([1, 2, 3, 4, 5]), 4).tolist() == [3, 3, 9, 0]
    assert tally(ids, None, 3).tolist() == [2, 1, 2]


def test_null_becomes_what_is_said() -> None:
    assert numbers(pa.array([1, None]), -1).tolist() == [1, -1]
    assert numbers(pa.array([None, True]), 0).tolist() == [0, 1]
    assert np.isnan(floats(pa.array([None], pa.float32()))).all()
    assert flags(pa.array([None, True, False])).tolist() == [False, True, False]


def test_empty_tables_pass_through() -> None:
    table = _table([])
    assert sort_rows(table, ["name"]).equals(table)
    assert (
        len(match_rows(table, table, ["name"]))
        == len(run_ids(table, ["name"]))
        == len(firsts(run_ids(table, ["name"])))
        == 0
    )
