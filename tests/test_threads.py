"""Threads give the results of one, in order; what fails or stops starts nothing further."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from pipeline.threads import in_order, n_threads


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    gate = threading.Event()

    def work(item: int) -> int:
        if item == 0 and workers > 1:
            gate.wait(10)  # the first is done last
        if item == 1:
            gate.set()
        return item * item

    assert list(in_order(work, range(100), workers)) == [i * i for i in range(100)]


def test_as_many_work_at_once_as_there_are_workers() -> None:
    meeting = threading.Barrier(3, timeout=10)
    assert list(in_order(lambda _: meeting.wait() >= 0, range(6), 3)) == [True] * 6


def test_items_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for i in range(1_000):
            taken.append(i)
            yield i

    results = in_order(lambda i: i, items(), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(taken) <= 3 + 2 * 2
    results.close()  # type: ignore[attr-defined]
    assert len(taken) <= 3 + 2 * 2


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_through_and_ends_the_work(workers: int) -> None:
    done: list[int] = []
    before = threading.active_count()

    def work(item: int) -> int:
        if item == 5:
            raise ValueError("item 5")
        done.append(item)
        return item

    with pytest.raises(ValueError, match="item 5"):
        list(in_order(work, range(10_000), workers))
    assert len(done) < 100
    assert threading.active_count() == before


def test_as_many_threads_as_cores_but_four_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, want in ((64, 4), (2, 2)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert n_threads(0) == want
    assert n_threads(7) == 7
