"""Stage features: posts -> post_features."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from pipeline import partitions
from pipeline.run import Counts, Progress, Run, digest, drop_others
from pipeline.steps.features import features as features_of
from pipeline.store import DataFile
from pipeline.tables import empty
from pipeline.threads import in_order, n_threads

COLUMNS = ["platform", "post_id", "author_id", "posted_at", "text"]  # all that post_features is made of
READ = 50_000  # rows read at a time: many small months at once, and no more of a large one than memory bears


def features(run: Run) -> Counts:
    """posts -> post_features, for the files of posts that changed or that other models judged."""
    models, settings = run.models, run.settings
    asked = (settings.store_tokens, settings.snownlp_exact, settings.domain_words)
    topics = models.topics.version if models.topics else None
    versions = (models.judge.version, models.sentiment.version, topics, *asked)
    files = run.tx.data_files("posts")
    made_of = {f.path: digest("post_features", f.sha256, *versions) for f in files}
    stale = [f for f in files if not run.tx.keep("post_features", f.keys, f.stem, made_of[f.path])]
    drop_others(run, "post_features", {partitions.place(f) for f in files})
    total = sum(file.rows for file in stale)
    tell = Progress(run.say, "features", total)

    def work(posts: pa.Table) -> pa.Table:
        return features_of(
            posts, models=models, store_tokens=settings.store_tokens, snownlp_exact=settings.snownlp_exact
        )

    rows = _counted(in_order(work, _batches(run, stale, settings.batch_rows), n_threads(settings.workers)), tell)
    for file, part in _refilled(rows, stale):
        run.tx.put("post_features", file.keys, file.stem, part, derived_from=made_of[file.path])
    return {"post_features": sum(file.rows for file in run.tx.data_files("post_features")), "posts_read": total}


def _batches(run: Run, files: list[DataFile], size: int) -> Iterator[pa.Table]:
    """The posts of `files` one after another, `size` at a time."""
    for group in _grouped(files):
        paths = {file.path for file in group}
        posts = run.tx.read("posts", COLUMNS, only=lambda file: file.path in paths)  # noqa: B023 - read at once
        for start in range(0, len(posts), size):
            yield posts.slice(start, size)


def _counted(tables: Iterator[pa.Table], tell: Progress) -> Iterator[pa.Table]:
    for table in tables:
        tell.more(len(table))
        yield table


def _refilled(tables: Iterator[pa.Table], files: list[DataFile]) -> Iterator[tuple[DataFile, pa.Table]]:
    """The rows of `tables`, which follow each other as those of `files` do, file by file."""
    left: list[pa.Table] = []
    for file in files:
        while sum(map(len, left)) < file.rows:
            left.append(next(tables))
        rows = pa.concat_tables(left or [empty("post_features")])
        yield file, rows.slice(0, file.rows)
        left = [rows.slice(file.rows)]


def _grouped(files: list[DataFile]) -> Iterator[list[DataFile]]:
    group: list[DataFile] = []
    for file in files:
        group.append(file)
        if sum(f.rows for f in group) >= READ:
            yield group
            group = []
    if group:
        yield group
