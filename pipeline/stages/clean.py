"""Stage clean: raw_posts -> posts, post_index.

Rows go one way, some at a time: those of posts with one version straight on, the others by way of a merge; each into its
bucket of authors, and from there, sorted and with their texts cleaned, into their files.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from pipeline import partitions
from pipeline.hashing import hash_rows, leading
from pipeline.partitions import POST_KEY
from pipeline.run import Counts, Progress, Run, digest
from pipeline.spill import Parts, Spill, by_part
from pipeline.stages.index import index_rows, write_index
from pipeline.stages.news import READ, News, among, news
from pipeline.stages.post_files import write_posts
from pipeline.steps.clean import MERGED, with_keyed_authors
from pipeline.steps.versions import NEEDED, batches_of, merge_versions, only_versions
from pipeline.tables import TEXTS, schema
from pipeline.threads import in_order

Routed = tuple[int, Parts, Parts]  # how many posts, their merged rows by bucket, their rows of post_index by shard


def clean(run: Run) -> Counts:
    """raw_posts -> posts, post_index: the posts of batches not merged yet, with all their earlier versions."""
    keep, size = run.settings.keep_contacts, partitions.POSTS_PER_BUCKET
    derived_from = digest("posts", run.reader.lexicon.version, keep, size)
    found, rows = news(run, derived_from), 0
    if found is not None:
        rows = _merge(run, found, derived_from)
    return {"posts": sum(file.rows for file in run.tx.data_files("posts")), "posts_changed": rows}


def _merge(run: Run, new: News, derived_from: str) -> int:
    """Merge new gatherings with the earlier ones of the same posts, and put the posts in their places; how many."""
    run.tx.buckets = new.buckets
    total = sum(file.rows for file in new.fresh)
    tell = Progress(run.say, "clean", 2 * total)  # once read, once cleaned
    merged, indexed = Spill(run.tx.scratch, "merged", MERGED), Spill(run.tx.scratch, "indexed", schema("post_index"))
    n = 0
    for n_routed, rows, index in _routed(run, new, tell):
        merged.add_all(rows)
        indexed.add_all(index)
        n += n_routed
    write_posts(run, merged, new, derived_from, tell)
    write_index(run, indexed, new)
    run.say("clean", 2 * total, 2 * total)
    return n


def _routed(run: Run, new: News, tell: Progress) -> Iterator[Routed]:
    """All new posts with the newest of each of their columns, some at a time."""
    versions = Spill(run.tx.scratch, "versions", raw_schema())
    shards = partitions.n_buckets(2 * len(new.several))

    def only(raw: pa.Table) -> tuple[pa.Table, Routed]:
        several = among(new.several, hash_rows(raw, POST_KEY))
        single = raw.filter(pa.array(~several)) if several.any() else raw
        batch_ids = pa.ListArray.from_arrays(
            pa.array(np.arange(len(single) + 1, dtype=np.int32)), single["batch_id"].combine_chunks(), type=TEXTS
        )
        return raw.filter(pa.array(several)), _routed_rows(run, only_versions(single), batch_ids)

    for rest, routed in in_order(only, run.tx.batches("raw_posts", new.fresh, NEEDED, READ), run.threads):
        versions.scatter(rest, leading(hash_rows(rest, POST_KEY), shards))
        tell.more(len(rest) + routed[0])
        yield routed
    for old in _earlier(run, new):
        versions.scatter(old, leading(hash_rows(old, POST_KEY), shards))
    for shard in versions.parts():
        raw = versions.take(shard).combine_chunks()
        yield _routed_rows(run, merge_versions(raw), batches_of(raw))


def _earlier(run: Run, new: News) -> Iterator[pa.Table]:
    """The rows of raw_posts, merged before, that are versions of new posts."""
    batches, fresh = new.earlier, {file.stem for file in new.fresh}
    files = [file for file in run.tx.data_files("raw_posts") if file.stem in batches - fresh]
    for raw in run.tx.batches("raw_posts", files, NEEDED, READ):
        yield raw.filter(pa.array(among(new.touched, hash_rows(raw, POST_KEY))))


def _routed_rows(run: Run, merged: pa.Table, batch_ids: pa.ListArray) -> Routed:
    rows = with_keyed_authors(merged, run.key)
    index = index_rows(rows, batch_ids, run.tx.buckets)
    shards = partitions.shard_of(index, run.tx.buckets)
    return len(rows), by_part(rows, index["bucket"].to_numpy()), by_part(index, shards)


def raw_schema() -> pa.Schema:
    """The columns of raw_posts that become posts."""
    want = schema("raw_posts")
    return pa.schema([want.field(name) for name in want.names if name in NEEDED], want.metadata)
