"""How figures are taken: rounds, ratios, memory, samples."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.bench import posts as bench_posts
from tests.bench.measure import affordable, alone, interleaved, rates, rates_with_setup, ratios, rounded, spread


def test_rounds_take_every_contender_in_turn_and_begin_with_another_each_time() -> None:
    order: list[str] = []

    def runner(name: str):
        def run() -> dict[str, int]:
            order.append(name)
            return {"number": len(order)}

        return run

    found = interleaved({name: runner(name) for name in "abc"}, 3)
    assert "".join(order) == "abcbcacab"
    assert {name: [o["number"] for o in outcomes] for name, outcomes in found.items()} == {
        "a": [1, 6, 8],
        "b": [2, 4, 9],
        "c": [3, 5, 7],
    }


def test_a_spread_is_the_median_with_the_ends() -> None:
    assert spread([9.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 9.0}
    assert spread([1.0, 2.0])["median"] == 1.5
    with pytest.raises(ValueError, match="no value"):
        spread([])


def test_ratios_are_taken_inside_a_round_so_that_a_slow_spell_cancels_out() -> None:
    ours, theirs = [100.0, 50.0, 10.0], [10.0, 5.0, 1.0]  # the machine was ten times as slow in the last round
    assert ratios(ours, theirs) == {"median": 10.0, "min": 10.0, "max": 10.0}
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0, 2.0], [1.0])


def test_rates_leave_set_up_out_or_count_it_once_over_all_posts() -> None:
    outcomes = [{"posts": 100, "seconds": 2.0, "setup": 5.0}]
    assert rates(outcomes) == [50.0]
    assert rates_with_setup(outcomes, 1_000) == [1_000 / (5 + 20)]
    assert rates_with_setup(outcomes, 100) == [100 / 7]


def test_no_more_posts_than_time_allows_and_never_none() -> None:
    assert affordable(1_234, 10, 1_000_000) == 12_000
    assert affordable(1_234, 10, 5_500) == 5_500
    assert affordable(3, 10, 5_500) == 1_000
    assert affordable(3, 10, 500) == 500


def test_figures_keep_four_digits_that_count() -> None:
    assert rounded({"a": [1.23456, 123456.7], "n": 123456, "s": "x"}) == {"a": [1.235, 123500.0], "n": 123456, "s": "x"}


HOLDS = """
import json, subprocess, sys, time
more = bytearray(60 << 20)
if len(sys.argv) > 1:
    subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
time.sleep(0.3)
print("loaded")
print(json.dumps({"posts": 3}))
"""


def test_a_process_of_its_own_gives_its_last_line_with_wall_and_peak_memory() -> None:
    found = alone([sys.executable, "-c", HOLDS])
    assert found["posts"] == 3
    assert 0.3 < found["wall"] < 20
    if Path("/proc/self/status").exists():
        assert 60 < found["peak_mb"] < 110


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system has no /proc")
def test_peak_memory_counts_children() -> None:
    found = alone([sys.executable, "-c", HOLDS, HOLDS])
    assert found["peak_mb"] > 125


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match=r"exit 1\n(?s:.*)no such luck"):
        alone([sys.executable, "-c", "raise SystemExit('no such luck')"])


def test_posts_come_in_one_order_and_their_first_rows_are_no_block_of_the_file(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench_posts, "REAL", tmp_path / "absent")
    made = bench_posts._own(600)
    assert made.equals(bench_posts._own(600))
    assert len(made) == 600
    assert len(set(made["text"].to_pylist())) in range(500, 560)  # every tenth repeats an earlier one
    posts = bench_posts.load.__wrapped__(600)
    assert posts.kind == "own posts"
    assert posts.table["post_id"].to_pylist() != sorted(posts.table["post_id"].to_pylist())
    read = pq.read_table(posts.write(tmp_path / "few.parquet", 10))
    assert read["text"].to_pylist() == posts.table["text"].to_pylist()[:10]
    assert json.dumps(posts.facts())
