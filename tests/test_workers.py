"""Several processes give the rows of one; what a process needs is small; a process that dies is one line."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest

from pipeline import workers
from pipeline.errors import TransientError
from pipeline.settings import Settings
from pipeline.steps.features import TextModels

NO_MODELS = cast(TextModels, None)


def posts(n: int) -> pa.Table:
    return pa.table({"text": [f"今天是第{i}天，豆角又长了一寸。" * 20 for i in range(n)]})


class Pool:
    """A pool of this process: its work is pickled as for another one, and noted."""

    def __init__(self, *, dies_after: int) -> None:
        self.sizes: list[int] = []
        self.dies_after = dies_after

    def map(self, work: Any, *items: Any) -> Iterator[pa.Table]:
        for opened, batch in zip(*items, strict=False):
            self.sizes.append(len(pickle.dumps((opened, batch))))
            if len(self.sizes) > self.dies_after:
                raise BrokenProcessPool
            yield workers.concat([], "post_features")


def test_a_batch_travels_without_the_rest_of_its_table() -> None:
    pool, table = Pool(dies_after=99), posts(2_000)
    workers.featurise(table, Settings(batch_rows=100), NO_MODELS, lambda _: None, cast(ProcessPoolExecutor, pool))
    assert len(pool.sizes) == 20
    assert sum(pool.sizes) < 1.2 * table.nbytes


def test_a_process_that_dies_is_a_transient_error() -> None:
    pool = cast(ProcessPoolExecutor, Pool(dies_after=2))
    with pytest.raises(TransientError, match=r"a worker process died.*--workers 1"):
        workers.featurise(posts(500), Settings(batch_rows=100), NO_MODELS, lambda _: None, pool)


def test_a_pool_that_is_left_by_an_error_does_no_further_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    pool = SimpleNamespace(shutdown=lambda **how: asked.append(how))

    class Executor:
        def __init__(self, *_: object) -> None: ...

        def __enter__(self) -> Any:
            return pool

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(workers, "ProcessPoolExecutor", Executor)
    with suppress(KeyboardInterrupt), workers.open_pool(Settings(workers=2, batch_rows=100), 1_000):
        raise KeyboardInterrupt
    assert asked == [{"wait": False, "cancel_futures": True}]


@pytest.mark.parametrize(("asked", "n_posts"), [(1, 10**6), (4, 100), (0, 5)])
def test_one_process_does_where_more_would_not_help(asked: int, n_posts: int) -> None:
    with workers.open_pool(Settings(workers=asked, batch_rows=100), n_posts) as pool:
        assert pool is None


def test_as_many_processes_as_cores_but_four_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Executor:
        def __init__(self, n: int, *_: object) -> None:
            made.append(n)

        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(workers, "ProcessPoolExecutor", Executor)
    for cores in (64, 2):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        with workers.open_pool(Settings(batch_rows=100), 1_000):
            pass
    assert made == [4, 2]
