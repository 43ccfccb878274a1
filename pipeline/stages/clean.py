"""Stage clean: raw_posts -> posts, post_index."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import partitions
from pipeline.order import firsts, match_rows, run_ids, sort_rows
from pipeline.run import Counts, Run, digest, publish
from pipeline.stages.facts import POST_KEY
from pipeline.steps.clean import ROW_ORDER
from pipeline.steps.clean import posts as clean_posts
from pipeline.tables import TEXTS, complete, concat


def clean(run: Run) -> Counts:
    """raw_posts -> posts, post_index: the posts of batches not merged yet, with all their earlier versions."""
    derived_from = digest("posts", run.reader.lexicon.version, run.settings.keep_contacts)
    index = run.tx.read("post_index")
    if not all(file.derived_from == derived_from for file in run.tx.data_files("posts")):
        index = index.slice(0, 0)  # another lexicon or another rule for contacts: merge everything again
    merged = set(pc.unique(pc.list_flatten(index["batch_ids"])).to_pylist())
    fresh = {file.stem for file in run.tx.data_files("raw_posts")} - merged
    new = run.tx.read("raw_posts", only=lambda file: file.stem in fresh)
    rows = _merge(run, new, index, derived_from) if len(new) else 0
    return {"posts": sum(file.rows for file in run.tx.data_files("posts")), "posts_changed": rows}


def _merge(run: Run, new: pa.Table, index: pa.Table, derived_from: str) -> int:
    """Merge new gatherings with the earlier ones of the same posts, and put the posts in their places; how many."""
    touched = match_rows(index, new, POST_KEY) >= 0
    earlier = set(pc.unique(pc.list_flatten(index["batch_ids"].filter(pa.array(touched)))).to_pylist())
    old = run.tx.read("raw_posts", only=lambda file: file.stem in earlier)
    raw = concat([new, old.filter(pa.array(match_rows(old, new, POST_KEY) >= 0))], "raw_posts")
    run.say("clean", 0, len(raw))
    rows = clean_posts(raw, key=run.key, lexicon=run.reader.lexicon, keep_contacts=run.settings.keep_contacts)
    stay = index.filter(pa.array(~touched))
    _merge_posts(run, rows, index.filter(pa.array(touched)), derived_from, rebuild=not len(index))
    publish(run, "post_index", sort_rows(concat([stay, _index_of(rows, raw)], "post_index"), POST_KEY), derived_from)
    run.say("clean", len(raw), len(raw))
    return len(rows)


def _merge_posts(run: Run, rows: pa.Table, replaced: pa.Table, derived_from: str, *, rebuild: bool) -> None:
    """Put merged posts in their files and take them out of the files where they stood before."""
    if rebuild:
        publish(run, "posts", rows, derived_from)
        return
    parts = {(keys["part_platform"], keys["part_month"]): part for keys, _, part in partitions.split("posts", rows)}
    left = zip(replaced["platform"].to_pylist(), replaced["month"].to_pylist(), strict=True)
    for platform, month in sorted({*parts, *left}):
        keys = {"part_platform": platform, "part_month": month}
        there = run.tx.read("posts", only=partitions.within(keys))
        stay = there.filter(pa.array(match_rows(there, rows, POST_KEY) < 0))
        part = concat([stay, parts.get((platform, month), stay.slice(0, 0))], "posts")
        run.tx.put("posts", keys, partitions.BUCKET, sort_rows(part, ROW_ORDER), derived_from=derived_from)


def _index_of(rows: pa.Table, raw: pa.Table) -> pa.Table:
    """Table post_index of merged posts: where each stands, and the batches that hold a version of it."""
    pairs = raw.select([*POST_KEY, "batch_id"]).group_by([*POST_KEY, "batch_id"]).aggregate([])
    pairs = sort_rows(pairs, [*POST_KEY, "batch_id"])
    ids = run_ids(pairs, POST_KEY)
    heads = firsts(ids)
    offsets = pa.array(np.append(heads, len(pairs)).astype(np.int32))
    keys = pairs.select(POST_KEY).take(pa.array(heads))
    placed = rows.take(pa.array(match_rows(keys, rows, POST_KEY)))
    columns = {
        "platform": keys["platform"], "post_id": keys["post_id"], "month": partitions.months("posts", placed),
        "bucket": pa.array(np.full(len(keys), int(partitions.BUCKET), np.int32)),
        "batch_ids": pa.ListArray.from_arrays(offsets, pairs["batch_id"].combine_chunks(), type=TEXTS),
    }  # fmt: skip
    return complete(columns, "post_index", len(keys))
