"""Work spread over threads, results in the order of the work: what runs side by side never shows in what comes out.

Threads are enough, because Arrow, Parquet and the text kernels release the GIL.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

MOST = 4  # threads unless more are asked for: each holds a batch in memory
T = TypeVar("T")
R = TypeVar("R")


def n_threads(asked: int) -> int:
    """The number asked for; for 0 one per core, at most MOST."""
    return asked or min(os.cpu_count() or 1, MOST)


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int, *, ahead: int = 0) -> Iterator[R]:
    """work(item) for each item, in order. At most `ahead` items (2 * `threads`, if 0) are taken up to the one whose result is
    waited for: so many results may be held.

    An exception of the work or of the items comes out in its turn; what has not begun by then never begins.
    """
    if threads <= 1:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= (ahead or 2 * threads):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The items, each made on another thread while the one before is worked on."""
    none = object()
    with ThreadPoolExecutor(1) as pool:
        coming: Future[Any] = pool.submit(next, items, none)
        while (item := coming.result()) is not none:
            coming = pool.submit(next, items, none)
            yield item
