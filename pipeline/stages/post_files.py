"""Merged posts into the files of posts: sorted, their texts cleaned, among those that stand there already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from pipeline import partitions
from pipeline.hashing import hash_rows
from pipeline.order import Ints, sort_rows, sorted_rows
from pipeline.partitions import POST_KEY
from pipeline.run import Progress, Run
from pipeline.spill import Spill
from pipeline.stages.news import News, among
from pipeline.steps.clean import ROW_ORDER, cleaned_of
from pipeline.store import DataFile
from pipeline.tables import concat
from pipeline.threads import in_order

Place = tuple[str, str, str]  # platform, month, stem


def write_posts(run: Run, merged: Spill, new: News, derived_from: str, tell: Progress) -> None:
    """Put new posts into their files, bucket by bucket, and take them out of the files where they stood before."""
    files = run.tx.data_files("posts")
    old = {(file.keys["part_platform"], file.keys["part_month"], file.stem): file for file in files}
    left = set(old) if new.rebuild else _places(new.replaced)
    parts = ((str(bucket), merged.take(bucket)) for bucket in merged.parts())
    for one in in_order(_sorted, parts, run.threads, ahead=2):  # the next is sorted while this one is cleaned
        for place, rows in _cleaned(run, one, tell):
            _put(run, place, rows, None if new.rebuild else old.get(place), new, derived_from)
            left.discard(place)
    for place in sorted(left):
        none = run.tx.rows_of("posts", [])
        _put(run, place, none, None if new.rebuild else old[place], new, derived_from)


def _places(index: pa.Table) -> set[Place]:
    """Where posts stand, by their rows of post_index."""
    found = index.select(["platform", "month", "bucket"]).group_by(["platform", "month", "bucket"]).aggregate([])
    return {(row["platform"], row["month"], str(row["bucket"])) for row in found.to_pylist()}


def _put(run: Run, place: Place, rows: pa.Table, old: DataFile | None, new: News, derived_from: str) -> None:
    """Make `rows`, and those of the file `old` that are no older ones of new posts, all that the place holds."""
    if old is not None:
        there = run.tx.rows_of("posts", [old])
        stay = there.filter(pa.array(~among(new.touched, hash_rows(there, POST_KEY))))
        rows = sort_rows(concat([stay, rows], "posts"), ROW_ORDER)
    platform, month, stem = place
    keys = {"part_platform": platform, "part_month": month}
    run.tx.put("posts", keys, stem, rows, derived_from=derived_from)


@dataclass(frozen=True)
class _Bucket:
    """Merged posts, the order in which they are written, and where in it each file begins and the last ends."""

    merged: pa.Table
    order: Ints
    places: list[Place]
    bounds: list[int]


def _sorted(part: tuple[str, pa.Table]) -> _Bucket:
    stem, merged = part[0], part[1].combine_chunks()
    codes, names = partitions.places("posts", merged, 1)
    order = sorted_rows(merged.select(ROW_ORDER).append_column("place", pa.array(codes)), ["place", *ROW_ORDER])
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1)).tolist()
    return _Bucket(merged, order, [(keys["part_platform"], keys["part_month"], stem) for keys, _ in names], bounds)


def _cleaned(run: Run, bucket: _Bucket, tell: Progress) -> Iterator[tuple[Place, pa.Table]]:
    """Table posts of one bucket's merged posts, file by file, sorted."""
    batches, done, held = _in_batches(run, bucket.merged, bucket.order), 0, pa.table({})
    for place, (start, end) in zip(bucket.places, pairwise(bucket.bounds), strict=True):
        parts = [held.slice(start - (done - len(held)))] if len(held) else []
        while done < end:
            held = next(batches)
            tell.more(len(held))
            done += len(held)
            parts.append(held)
        yield place, pa.concat_tables(parts).slice(0, end - start)


def _in_batches(run: Run, merged: pa.Table, order: Ints) -> Iterator[pa.Table]:
    """The posts in their order, some at a time; texts are cleaned on several threads."""
    lexicon, keep = run.reader.lexicon, run.settings.keep_contacts

    def work(rows: Ints) -> pa.Table:
        return cleaned_of(merged.take(pa.array(rows)), key=run.key, lexicon=lexicon, keep_contacts=keep)

    size = run.settings.batch_rows
    return in_order(work, (order[start : start + size] for start in range(0, len(order), size)), run.threads)
