"""Text features of many posts, batch by batch, in this process or in several: the same rows either way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa

from pipeline.artifacts import load_linear
from pipeline.errors import TransientError
from pipeline.settings import Settings
from pipeline.steps.features import TextModels, features
from pipeline.tables import concat
from pipeline.text.reading import open_reader

COLUMNS = ["platform", "post_id", "author_id", "posted_at", "text"]  # all that post_features is made of
MOST = 4  # worker processes unless more are asked for: each holds its own dictionary and models, 0.3 GB
_state: dict[str, TextModels] = {}  # the models of a worker process, loaded once


@dataclass(frozen=True)
class Opened:
    """Where a worker process finds what it needs; paths and flags only, so that it travels."""

    models: str
    corpora: str
    domain_words: bool
    store_tokens: bool

    def load(self) -> TextModels:
        """Open everything."""
        reader = open_reader(self.corpora, domain_words=self.domain_words)
        home = Path(self.models)
        return TextModels(reader, load_linear(home / "judge"), load_linear(home / "sentiment"))


def _batches(posts: pa.Table, size: int) -> Iterator[pa.Table]:
    for start in range(0, len(posts), size):
        rows = posts.slice(start, size)
        yield rows.take(pa.array(range(len(rows))))  # a copy: pickled, a slice would take the whole table along


def _work(opened: Opened, batch: pa.Table) -> pa.Table:
    if "models" not in _state:
        _state["models"] = opened.load()
    return features(batch, models=_state["models"], store_tokens=opened.store_tokens)


def featurise(
    posts: pa.Table,
    settings: Settings,
    models: TextModels,
    done: Callable[[int], None],
    pool: ProcessPoolExecutor | None,
) -> pa.Table:
    """Table post_features of `posts` (COLUMNS), row for row, in batches of settings.batch_rows; `done` gets rows done.

    Raises TransientError where a process of the pool dies.
    """
    batches = _batches(posts, settings.batch_rows)
    if pool is None:
        results: Iterator[pa.Table] = (features(b, models=models, store_tokens=settings.store_tokens) for b in batches)
    else:
        opened = Opened(settings.models, settings.corpora, settings.domain_words, settings.store_tokens)
        results = pool.map(_work, repeat(opened), batches)
    tables = []
    try:
        for table in results:
            tables.append(table)
            done(len(table))
    except BrokenProcessPool as error:
        raise TransientError(
            f"text features: a worker process died, after {sum(map(len, tables)):,} of {len(posts):,} posts; expected enough"
            " memory; run again with fewer, such as --workers 1"
        ) from error
    return concat(tables, "post_features")


@contextmanager
def open_pool(settings: Settings, n_posts: int) -> Iterator[ProcessPoolExecutor | None]:
    """A pool of settings.workers processes, or None where one does as well. Spawned, not forked: Arrow has threads."""
    workers = settings.workers or min(os.cpu_count() or 1, MOST)
    if workers == 1 or n_posts <= settings.batch_rows:
        yield None
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what failed, or was stopped, waits for no further batch
            raise
