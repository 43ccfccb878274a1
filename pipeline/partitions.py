"""Which rows of a table go into which file: the path keys of each row, and its bucket, from its own columns.

A lake of many posts is divided by author, so that a stage holds one bucket in memory and has every author whole: a
bucket is the first bits of the author_id (itself a hash), of the post's hash where the author is unknown. How many there
are follows from the number of posts alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline import local_time
from pipeline.hashing import bytes_of, hash_rows, leading, single, word_of
from pipeline.lake_format import PARTITIONS, DataFile
from pipeline.order import numbers

POST_KEY = ["platform", "post_id"]
UNDATED = "undated"
BUCKET = "0"  # the only one of a table that is not divided
BUCKETED = (
    "posts",
    "post_features",
    "campaign_members",
    "post_judgements",
    "author_days",
    "author_trust",
    "author_months",
)
POSTS_PER_BUCKET = 2**18  # at most, on average: what a thread of a stage holds at a time, about half a GB
# The column whose local month counts; else posted_at.
_MONTH_OF = {
    "author_days": "date",
    "author_months": "month",
    "campaigns": "first_at",
    "campaign_aliases": "replaced_at",
}
_NEVER = -(2**62)
_FEW = 2**20

Ints = NDArray[np.int64]
Place = tuple[tuple[tuple[str, str], ...], str]  # sorted path keys, stem
Bucket = tuple[str, str]  # platform, stem


def n_buckets(n_posts: int) -> int:
    """The smallest power of two that leaves POSTS_PER_BUCKET posts or fewer in a bucket on average."""
    return 1 << max(-(-n_posts // POSTS_PER_BUCKET) - 1, 0).bit_length()


def place(file: DataFile) -> Place:
    """Where a live file stands."""
    return tuple(sorted(file.keys.items())), file.stem


def bucket(file: DataFile) -> Bucket:
    """The platform and bucket of a file of a bucketed table."""
    return file.keys.get("part_platform", ""), file.stem


def has(file: DataFile, keys: Mapping[str, str]) -> bool:
    """Whether the file's path holds these keys."""
    return all(file.keys.get(key) == value for key, value in keys.items())


def within(keys: Mapping[str, str]) -> Callable[[DataFile], bool]:
    """`has` for reading: picks the files whose path holds these keys."""
    return lambda file: has(file, keys)


def split(table: str, rows: pa.Table, buckets: int = 1) -> Iterator[tuple[dict[str, str], str, pa.Table]]:
    """(path keys, stem, rows) for each file that `rows` of a derived table fill; the rows keep their order."""
    if not len(rows):
        return
    codes, names = places(table, rows, buckets)
    if len(names) == 1:
        yield *names[0], rows
        return
    order = np.argsort(codes, kind="stable")
    bounds = np.concatenate(([0], np.cumsum(np.bincount(codes, minlength=len(names)))))
    for i, (keys, stem) in enumerate(names):  # once per file, not per row
        yield keys, stem, rows.take(pa.array(order[bounds[i] : bounds[i + 1]]))


def places(table: str, rows: pa.Table, buckets: int) -> tuple[Ints, list[tuple[dict[str, str], str]]]:
    """For each row the number of the file it goes into; and of each file the path keys and stem, in their order."""
    coded = [_coded(key, table, rows, buckets) for key in PARTITIONS[table]]
    bucket = bucket_of(rows, buckets) if table in BUCKETED else np.zeros(len(rows), np.int64)
    total = np.zeros(len(rows), np.int64)
    for codes, names in coded:
        total = total * len(names) + codes
    distinct, index = _distinct(total * buckets + bucket)
    found = []
    for code in distinct.tolist():
        rest, stem = divmod(code, buckets)
        values = []
        for _, names in reversed(coded):
            rest, at = divmod(rest, len(names))
            values.append(names[at])
        found.append((dict(zip(PARTITIONS[table], reversed(values), strict=True)), str(stem)))
    return index, found


def bucket_of(rows: pa.Table, buckets: int) -> Ints:
    """The bucket of each row: the first bits of author_id, or of the hash of (platform, post_id) where that is NULL."""
    if buckets == 1:
        return np.zeros(len(rows), np.int64)
    author = single(rows["author_id"])
    first = word_of(*bytes_of(author), 0, np.arange(len(rows)))
    hashes = np.zeros(len(rows), np.uint64)
    for place_ in range(4):  # hex digits: 16 bits, which is more buckets than anyone needs
        letter = (first >> np.uint64(56 - 8 * place_)) & np.uint64(0xFF)
        digit = (letter & np.uint64(0xF)) + np.uint64(9) * (letter >> np.uint64(6))
        hashes |= digit << np.uint64(60 - 4 * place_)
    if author.null_count:
        unknown = np.flatnonzero(author.is_null().to_numpy(zero_copy_only=False))
        hashes[unknown] = hash_rows(rows.select(POST_KEY).take(pa.array(unknown)), POST_KEY)
    return leading(hashes, buckets)


def shard_of(rows: pa.Table, shards: int) -> Ints:
    """The shard of post_index in which a post stands: the first bits of the hash of (platform, post_id)."""
    return leading(hash_rows(rows, POST_KEY), shards) if shards > 1 else np.zeros(len(rows), np.int64)


def months(table: str, rows: pa.Table) -> pa.Array:
    """The local month of each row as YYYY-MM, `undated` for NULL."""
    codes, names = _months(rows[_MONTH_OF.get(table, "posted_at")])
    return pa.array(names, pa.string()).take(pa.array(codes))


def _months(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    at = numbers(column, _NEVER)
    dated = at != _NEVER
    days = local_time.local_days(at) if pa.types.is_timestamp(column.type) else at
    month = local_time.months(np.where(dated, days, 0))
    never = int(month.max(initial=0)) + 1
    distinct, codes = _distinct(np.where(dated, month, never))
    names = np.datetime_as_string(distinct.astype("datetime64[M]")).tolist()
    return codes, [UNDATED if number == never else name for number, name in zip(distinct.tolist(), names, strict=True)]


def _distinct(values: Ints) -> tuple[Ints, Ints]:
    """The distinct values, ascending, and for each value its number among them."""
    low = int(values.min(initial=0))
    if int(values.max(initial=0)) - low >= _FEW:
        distinct, index = np.unique(values, return_inverse=True)
        return distinct, index
    seen = np.bincount(values - low) > 0
    return np.flatnonzero(seen) + low, (np.cumsum(seen) - 1)[values - low]


def _coded(key: str, table: str, rows: pa.Table, buckets: int) -> tuple[Ints, list[str]]:
    """The value of a path key for each row, by its number among the values there are."""
    if key == "part_month":
        return _months(rows[_MONTH_OF.get(table, "posted_at")])
    if key == "part_shard":
        return shard_of(rows, buckets), [str(shard) for shard in range(buckets)]
    if key == "part_platform":
        values = single(rows["platform"])
    elif key == "part_year":
        values = pc.strftime(single(rows["date"]).cast(pa.timestamp("s")), format="%Y")
    else:
        values = pc.strftime(single(rows["as_of"]).cast(pa.timestamp("s")), format="%Y-%m-%d")
    coded = values.dictionary_encode()
    return numbers(coded.indices, 0), coded.dictionary.to_pylist()
