"""What clean has to do: the gatherings not merged yet, and the posts of them that there are several versions of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.hashing import Words, hash_rows
from pipeline.partitions import POST_KEY, n_buckets
from pipeline.run import Run, digest, is_current
from pipeline.store import DataFile
from pipeline.tables import empty

READ = 50_000  # rows of raw_posts at a time


@dataclass(frozen=True)
class News:
    """Files of raw_posts to merge, with what the lake knows of their posts already."""

    fresh: list[DataFile]
    index_from: str  # what post_index will be derived from: the batches merged
    rebuild: bool  # every post anew: nothing of what stands in posts is kept
    several: Words  # hashes of posts that may have several versions, ascending
    touched: Words  # hashes of fresh posts that the lake has already, ascending
    replaced: pa.Table  # rows of post_index that are touched
    n_posts: int  # distinct posts in the lake once these are merged
    buckets: int

    @property
    def earlier(self) -> set[str]:
        """The batches that hold earlier versions of fresh posts."""
        return set(pc.unique(pc.list_flatten(self.replaced["batch_ids"])).to_pylist())


def news(run: Run, derived_from: str) -> News | None:
    """What is new; None where nothing is. Every post is new where posts was `derived_from` something else."""
    raw = run.tx.data_files("raw_posts")
    index_from = digest("post_index", derived_from, *sorted(file.stem for file in raw))
    rebuild = not all(file.derived_from == derived_from for file in run.tx.data_files("posts"))
    if not rebuild and is_current(run, "post_index", index_from):
        return None
    merged = set() if rebuild else _merged(run)
    if merged - {file.stem for file in raw}:  # a batch was replaced: what came of its rows alone must go
        rebuild, merged = True, set()
    fresh = [file for file in raw if file.stem not in merged]
    if not fresh:
        return None
    found = _news(run, fresh, index_from, rebuild)
    if found.buckets != run.tx.buckets and not rebuild and merged:
        return _news(run, raw, index_from, True)  # more posts than the buckets were made for
    return found


def _merged(run: Run) -> set[str]:
    """The batches whose posts are merged."""
    batches: set[str] = set()
    for file in run.tx.data_files("post_index"):
        rows = run.tx.rows_of("post_index", [file], ["batch_ids"])
        batches.update(pc.unique(pc.list_flatten(rows["batch_ids"])).to_pylist())
    return batches


def _news(run: Run, fresh: list[DataFile], index_from: str, rebuild: bool) -> News:
    parts = [hash_rows(rows, POST_KEY) for rows in run.tx.batches("raw_posts", fresh, POST_KEY, READ)]
    hashes = np.sort(np.concatenate([np.zeros(0, np.uint64), *parts]))
    again = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    n_posts = int((hashes[1:] != hashes[:-1]).sum()) + (len(hashes) > 0)
    replaced, touched = [empty("post_index")], [np.zeros(0, np.uint64)]
    for files in [] if rebuild else shards(run).values():
        index = run.tx.rows_of("post_index", files)
        known = hash_rows(index, POST_KEY)
        met = among(hashes, known)
        replaced.append(index.filter(pa.array(met)))
        touched.append(known[met])
        n_posts += len(np.unique(known[~met]))
    old = np.unique(np.concatenate(touched))
    several = np.union1d(again, old)
    return News(fresh, index_from, rebuild, several, old, pa.concat_tables(replaced), n_posts, n_buckets(n_posts))


def shards(run: Run) -> dict[str, list[DataFile]]:
    """The live files of post_index by shard."""
    found: dict[str, list[DataFile]] = {}
    for file in run.tx.data_files("post_index"):
        found.setdefault(file.keys["part_shard"], []).append(file)
    return found


def among(sorted_hashes: Words, hashes: Words) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of `hashes` are in `sorted_hashes`."""
    if not len(sorted_hashes):
        return np.zeros(len(hashes), bool)
    at = np.minimum(np.searchsorted(sorted_hashes, hashes), len(sorted_hashes) - 1)
    return np.asarray(sorted_hashes[at] == hashes)
