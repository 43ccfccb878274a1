"""Which rows of a table go into which file: the path keys of each row, from its own columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.lake_format import PARTITIONS, DataFile
from pipeline.local_time import OFFSET

UNDATED = "undated"
BUCKET = "0"  # one bucket until `xinren compact` splits authors
_MONTH_OF = {"author_days": "date", "campaigns": "first_at"}  # the column whose local month counts; else posted_at

Place = tuple[tuple[tuple[str, str], ...], str]  # sorted path keys, stem


def place(file: DataFile) -> Place:
    """Where a live file stands."""
    return tuple(sorted(file.keys.items())), file.stem


def has(file: DataFile, keys: Mapping[str, str]) -> bool:
    """Whether the file's path holds these keys."""
    return all(file.keys.get(key) == value for key, value in keys.items())


def within(keys: Mapping[str, str]) -> Callable[[DataFile], bool]:
    """`has` for reading: picks the files whose path holds these keys."""
    return lambda file: has(file, keys)


def split(table: str, rows: pa.Table) -> Iterator[tuple[dict[str, str], str, pa.Table]]:
    """(path keys, stem, rows) for each file that `rows` of a derived table fill; the rows keep their order."""
    if not len(rows):
        return
    columns = [_values(key, table, rows) for key in PARTITIONS[table]]
    joined = pc.binary_join_element_wise(*columns, "/")
    coded = pc.dictionary_encode(joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined)
    index = coded.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(index, kind="stable")
    bounds = np.concatenate(([0], np.cumsum(np.bincount(index, minlength=len(coded.dictionary)))))
    for i, name in enumerate(coded.dictionary.to_pylist()):  # once per file, not per row
        keys = dict(zip(PARTITIONS[table], name.split("/"), strict=True))
        yield keys, BUCKET, rows.take(pa.array(order[bounds[i] : bounds[i + 1]]))


def months(table: str, rows: pa.Table) -> pa.Array:
    """The local month of each row as YYYY-MM, `undated` for NULL."""
    column = rows[_MONTH_OF.get(table, "posted_at")]
    if pa.types.is_timestamp(column.type):
        local = pc.add(column.cast(pa.int64()), OFFSET).cast(pa.timestamp("us"))
    else:
        local = column.cast(pa.timestamp("s"))
    return pc.fill_null(pc.strftime(local, format="%Y-%m"), UNDATED)


def _values(key: str, table: str, rows: pa.Table) -> pa.Array:
    if key == "part_platform":
        return rows["platform"]
    if key == "part_month":
        return months(table, rows)
    if key == "part_year":
        return pc.strftime(rows["date"].cast(pa.timestamp("s")), format="%Y")
    if key == "part_as_of":
        return pc.strftime(rows["as_of"].cast(pa.timestamp("s")), format="%Y-%m-%d")
    return pa.array(["0"] * len(rows), pa.string())  # part_shard: one until compact
