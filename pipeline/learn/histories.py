"""Whole author histories of the public data sets, as raw_posts: what the context model and the trust model learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import PermanentError, one_line
from pipeline.tables import SCHEMA_VERSION, complete, concat
from pipeline.text.codepoints import SEPARATOR

_SHANGHAI_TO_UTC = pa.scalar(-8 * 3_600_000_000, pa.int64())
_GATHERED = {
    "weibo_authors": "2017-06-01T00:00:00Z",
    "weibo_2014": "2014-12-01T00:00:00Z",
    "weibo_timelines_2018": "2018-09-01T00:00:00Z",
}
# (file, text column, local time column, UTC time column, repost flag column)
_SHAPE: dict[str, tuple[str, str | None, str | None, str | None]] = {
    "weibo_authors": ("content", "time", None, "forward_flag"),
    "weibo_2014": ("content", None, None, None),
    "weibo_timelines_2018": ("content", None, "time", None),
}


def _times(table: pa.Table, local: str | None, utc: str | None) -> pa.Array:
    name = local or utc
    if name is None:
        return pa.nulls(len(table), pa.timestamp("us", tz="UTC"))
    text = pc.utf8_slice_codeunits(table[name].combine_chunks().cast(pa.string()), 0, 19)
    text = pc.replace_substring(text, "T", " ")
    shape = pc.match_substring_regex(text, r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$")
    micros = pc.strptime(pc.if_else(shape, text, None), format="%Y-%m-%d %H:%M:%S", unit="us").cast(pa.int64())
    shifted = pc.add(micros, _SHANGHAI_TO_UTC) if local else micros
    return shifted.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))


def raw_posts(data: Path, name: str, authors: pa.Array | None = None) -> pa.Table:
    """Table raw_posts of one data set, of the given authors only (the data set's own ids) if stated."""
    path = data / name / "posts.parquet"
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise PermanentError(f"histories {path}: {one_line(error)}; expected Parquet; check --data") from error
    table = table.append_column("source_row", pa.array(np.arange(1, len(table) + 1)))
    if authors is not None:
        table = table.filter(pc.is_in(table["author_id"].cast(pa.string()), authors))
    text_name, local, utc, repost = _SHAPE[name]
    text = pc.replace_substring(pc.fill_null(table[text_name].cast(pa.string()), ""), SEPARATOR, " ")
    n = len(table)
    constant = {"platform": "weibo", "source": "native", "source_file": name, "batch_id": name}
    gathered = pa.scalar(_GATHERED[name]).cast(pa.timestamp("us", tz="UTC"))
    columns = {key: pa.array([value] * n, pa.string()) for key, value in constant.items()} | {
        "post_id": pc.binary_join_element_wise(pa.array([name] * n), table["source_row"].cast(pa.string()), ":"),
        "post_id_derived": pa.array(np.zeros(n, bool)), "author_id": table["author_id"].cast(pa.string()), "text": text,
        "posted_at": _times(table, local, utc), "source_row": table["source_row"],
        "gathered_at": pa.array([gathered.as_py()] * n, pa.timestamp("us", tz="UTC")),
        "schema_version": pa.array(np.full(n, SCHEMA_VERSION, np.int32)),
    }  # fmt: skip
    if repost is not None:
        columns["kind"] = pc.if_else(pc.equal(table[repost], 1), "repost", "post")
    for ours, theirs in (("reposts", "repost"), ("comments", "comment"), ("likes", "like"), ("app", "source")):
        if theirs in table.column_names:
            columns[ours] = table[theirs]
    return complete(columns, "raw_posts", n).filter(pc.not_equal(pc.utf8_trim_whitespace(text), ""))


def all_histories(data: Path, authors: pa.Array | None = None) -> pa.Table:
    """raw_posts of the three Weibo sets."""
    return concat([raw_posts(data, name, authors) for name in _SHAPE], "raw_posts")
