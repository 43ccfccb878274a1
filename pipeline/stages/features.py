"""Stage features: posts -> post_features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline import partitions
from pipeline.run import Counts, Progress, Run, digest, drop_others
from pipeline.store import DataFile
from pipeline.workers import COLUMNS, featurise, open_pool


def features(run: Run) -> Counts:
    """posts -> post_features, for the files of posts that changed or that other models judged."""
    versions = (
        run.models.judge.version,
        run.models.sentiment.version,
        run.settings.store_tokens,
        run.settings.domain_words,
    )
    made_of = {f.path: digest("post_features", f.sha256, *versions) for f in run.tx.data_files("posts")}
    files = run.tx.data_files("posts")
    stale = [f for f in files if not run.tx.keep("post_features", f.keys, f.stem, made_of[f.path])]
    drop_others(run, "post_features", {partitions.place(f) for f in files})
    total = sum(file.rows for file in stale)
    tell = Progress(run.say, "features", total)
    with open_pool(run.settings, total) as pool:
        for group in _grouped(stale):
            paths = {file.path for file in group}
            posts = run.tx.read("posts", COLUMNS, only=lambda file: file.path in paths)  # noqa: B023 - read at once
            rows = featurise(posts, run.settings, run.models, tell.more, pool)
            starts = np.cumsum([0, *(file.rows for file in group)])
            for file, start in zip(group, starts.tolist(), strict=False):
                part = rows.slice(start, file.rows)
                run.tx.put("post_features", file.keys, file.stem, part, derived_from=made_of[file.path])
    return {"post_features": sum(file.rows for file in run.tx.data_files("post_features")), "posts_read": total}


def _grouped(files: list[DataFile], rows: int = 200_000) -> Iterator[list[DataFile]]:
    """Files in groups of about `rows` rows: many small months share a batch, and memory stays bounded."""
    group: list[DataFile] = []
    for file in files:
        group.append(file)
        if sum(f.rows for f in group) >= rows:
            yield group
            group = []
    if group:
        yield group
