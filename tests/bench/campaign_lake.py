"""A lake of n posts with floods of all sizes, for the stage campaigns alone: its time, its peak memory, how both grow.

    python -m tests.bench.campaign_lake fill FOLDER N     posts and post_features
    python -m tests.bench.campaign_lake run FOLDER        the stage; prints seconds, peak memory and counts

Two posts in five are new: the first 40 characters of one real post and the rest of another (own posts where ../shared is
absent). The others vary one of the new ones: a greeting before, a tail, other numbers after it; the k-th new text is
taken with a chance that falls with k ** 0.75, so that most floods are small and the largest grows with n.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import partitions, stages
from pipeline.identity import key_id, load_key
from pipeline.order import Ints, sort_rows
from pipeline.run import writing
from pipeline.settings import Settings
from pipeline.store import Lake
from pipeline.tables import CLASSES, TIME, complete
from tests.bench.growth import real_texts

SEED, MONTHS, NEW = 20_261_120, 24, 0.4
FIRST = int(datetime(2024, 11, 1, tzinfo=UTC).timestamp() * 1e6)
MONTH = 30 * 86_400_000_000
PLATFORMS = ("weibo", "xiaohongshu", "wechat_moments")
BEFORE = ("", "姐妹们看过来，", "早上好！", "转给需要的人：", "急急急 ")
AFTER = ("", "！！", "[哈哈][哈哈]", "😀🎉", " 详情看这里 http://t.cn/", "，错过等一年", " 编号", "~~")


def fill(folder: Path, n: int) -> None:
    """A lake with the tables posts and post_features of `n` posts."""
    from pipeline.text.normalise import normalise_texts

    _, texts = real_texts()
    texts = texts.filter(pc.greater(pc.utf8_length(texts), 20))
    texts = pa.concat_arrays([normalise_texts(texts.slice(start, 20_000)) for start in range(0, len(texts), 20_000)])
    heads, tails = pc.utf8_slice_codeunits(texts, 0, 40), pc.utf8_slice_codeunits(texts, 40)
    buckets = partitions.n_buckets(n)
    with Lake.create_or_open(str(folder), key_id=key_id(load_key(create=True))).begin(threads=2) as tx:
        tx.buckets = buckets
        for month in range(MONTHS):
            rows = _month(np.arange(month, n, MONTHS), n, month, heads, tails)
            for name in ("posts", "post_features"):
                part = complete({c: rows[c] for c in rows.column_names if c in _names(name)}, name, len(rows))
                for keys, stem, some in partitions.split(name, part, buckets):
                    tx.put(name, keys, stem, some)
        tx.commit()


def _names(table: str) -> list[str]:
    return list(complete({}, table, 0).column_names)


def _month(number: Ints, n: int, month: int, heads: pa.Array, tails: pa.Array) -> pa.Table:
    dice = np.random.default_rng([SEED, month])
    pool, k = int(n * NEW), len(number)
    new = dice.random(k) < NEW
    source = np.where(new, (number * NEW).astype(np.int64), (pool * dice.random(k) ** 4).astype(np.int64))
    head, tail = (np.random.default_rng([SEED, 99, i]).integers(0, len(heads), pool)[source] for i in range(2))
    before, after = (np.where(new, 0, dice.integers(0, len(of), k)) for of in (BEFORE, AFTER))
    numbers = pc.if_else(pa.array(after > 3), pa.array(dice.integers(0, 9999, k)).cast(pa.string()), "")
    pieces = [pa.array(BEFORE).take(pa.array(before)), heads.take(pa.array(head)), tails.take(pa.array(tail)),
              pa.array(AFTER).take(pa.array(after)), numbers]  # fmt: skip
    text = pc.binary_join_element_wise(*pieces, "")
    at = FIRST + month * MONTH + dice.integers(0, MONTH // 1_000_000, k) * 1_000_000
    author = pa.array((n // 30 * dice.random(k) ** 2).astype(np.int64))
    hashed = pc.binary_join_element_wise(_hex(author, 0x9E3779B1), _hex(author, 0x85EBCA77), "")
    seen = pa.array(np.full(k, FIRST + 40 * MONTH)).cast(TIME)
    flags = {name: pa.array(dice.random(k) < 0.05) for name in ("is_repost", "is_auto_share")}
    rows = pa.table({
        "platform": pa.array(PLATFORMS).take(pa.array(number % 3)), "post_id": _hex(pa.array(number), 1), "author_id": hashed,
        "posted_at": pa.array(at).cast(TIME), "text": text, "text_own": text, "text_normalised": text,
        "kind": pa.array(["post"] * k), "first_seen_at": seen, "last_seen_at": seen, "versions": pa.array(np.ones(k, np.int32)),
        "schema_version": pa.array(np.ones(k, np.int32)), "text_judge_version": pa.array(["1"] * k),
        "sentiment_version": pa.array(["1"] * k), "text_label": pa.array(CLASSES).take(pa.array(source % 6)), **flags,
    })  # fmt: skip
    return sort_rows(rows, ["author_id", "posted_at", "post_id"])


def _hex(numbers: pa.Array, factor: int) -> pa.Array:
    """16 hex digits of each number, scattered by the factor."""
    mixed = numbers.to_numpy().astype(np.uint64) * np.uint64(factor)
    mixed ^= (mixed << np.uint64(32)) if factor > 1 else np.uint64(0)
    digits = mixed[:, None] >> np.arange(60, -4, -4, dtype=np.uint64) & np.uint64(15)
    letters = np.frombuffer(b"0123456789abcdef", np.uint8)[digits.astype(np.intp)].ravel()
    offsets = pa.py_buffer(np.arange(0, 16 * len(mixed) + 1, 16, dtype=np.int32))
    return pa.StringArray.from_buffers(len(mixed), offsets, pa.py_buffer(letters))


def _forget(lake: Lake) -> None:
    with lake.begin() as tx:
        for name in ("campaigns", "campaign_members", "campaign_aliases"):
            for file in tx.data_files(name):
                tx.drop(name, file.keys, file.stem)
        tx.commit()


def run(folder: Path) -> None:
    """The stage over the lake in `folder`, as if it had never run."""
    _forget(Lake.open(str(folder)))
    begun = time.perf_counter()
    with writing(Settings(lake=str(folder))) as made:
        counts = stages.campaigns(made)
        seconds = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({
        "seconds": seconds, "with_commit": time.perf_counter() - begun, "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024, **counts,
    }))  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        run(Path(sys.argv[2]))
