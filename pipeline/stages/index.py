"""Table post_index: where each post stands, and the batches that hold a version of it; in shards by the post's hash."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline import partitions
from pipeline.hashing import hash_rows
from pipeline.order import sort_rows
from pipeline.partitions import POST_KEY
from pipeline.run import Run
from pipeline.spill import Spill
from pipeline.stages.news import News, among, shards
from pipeline.tables import complete, concat
from pipeline.threads import in_order


def index_rows(rows: pa.Table, batch_ids: pa.ListArray, buckets: int) -> pa.Table:
    """Rows of post_index of merged posts."""
    columns = {
        "platform": rows["platform"], "post_id": rows["post_id"], "month": partitions.months("posts", rows),
        "bucket": pa.array(partitions.bucket_of(rows, buckets).astype(np.int32)), "batch_ids": batch_ids,
    }  # fmt: skip
    return complete(columns, "post_index", len(rows))


def write_index(run: Run, indexed: Spill, new: News) -> None:
    """Put the rows of new posts into their shards, in place of older ones of the same posts."""
    before = shards(run)
    if new.rebuild:
        for file in run.tx.data_files("post_index"):
            run.tx.drop("post_index", file.keys, file.stem)
        before = {}

    def merged(part: tuple[int, pa.Table]) -> tuple[int, pa.Table]:
        shard, fresh = part
        old = run.tx.rows_of("post_index", before.get(str(shard), []))
        stay = old.filter(pa.array(~among(new.touched, hash_rows(old, POST_KEY))))
        return shard, sort_rows(concat([stay, fresh], "post_index"), POST_KEY)

    parts = ((shard, indexed.take(shard)) for shard in indexed.parts())
    for shard, rows in in_order(merged, parts, run.threads, ahead=run.threads):
        for keys, stem, part in partitions.split("post_index", rows):
            run.tx.put("post_index", keys | {"part_shard": str(shard)}, stem, part, derived_from=new.index_from)
    for file in run.tx.data_files("post_index"):
        if file.derived_from != new.index_from:
            run.tx.restate(file, new.index_from)
