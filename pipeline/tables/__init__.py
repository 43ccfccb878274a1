"""Every table that crosses a file or a step: its columns, their types, and what they mean.

Timestamps are UTC microseconds; calendar days and months are Asia/Shanghai; ids are strings; ratios are 0-1; NULL means
"cannot be known from this source", never 0. A column means one thing everywhere it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pyarrow as pa

from pipeline.errors import SchemaError
from pipeline.tables.authors import (
    AUTHOR_COHORTS,
    AUTHOR_DAYS,
    AUTHOR_MONTHS,
    AUTHOR_TRUST,
    COMPONENTS,
    DAILY_FEELINGS,
    DAILY_SUMMARY,
    DAY_COUNTS,
    MONTH_COUNTS,
)
from pipeline.tables.columns import (
    BANDS,
    BOOL,
    BROADCAST,
    CLASSES,
    COUNTS,
    DATE,
    DOUBLE,
    EMOTIONS,
    FLOAT,
    HOURS,
    INT,
    INTENSITY,
    KINDS,
    MOVED_TO,
    PRECISIONS,
    REASON,
    REASONS,
    RESTRICTED,
    SCHEMA_VERSION,
    SENTIMENTS,
    SMALL,
    STORES,
    TEXT,
    TEXTS,
    TIME,
    TOPICS,
    Column,
)
from pipeline.tables.features import AUTHOR_FEATURES, TIE_FEATURES
from pipeline.tables.posts import (
    CAMPAIGN_ALIASES,
    CAMPAIGN_MEMBERS,
    CAMPAIGNS,
    POST_FEATURES,
    POST_INDEX,
    POST_JUDGEMENTS,
    POSTS,
)
from pipeline.tables.raw import GATHERED_FILES, RAW_AUTHORS, RAW_POSTS, REJECTS, SOURCE_CURSORS

__all__ = [
    "AUTHOR_FEATURES", "BANDS", "BOOL", "BROADCAST", "CLASSES", "COMPONENTS", "COUNTS", "DATE", "DAY_COUNTS",
    "DOUBLE", "EMOTIONS", "FLOAT", "HOURS", "INT", "INTENSITY", "KINDS", "MONTH_COUNTS", "MOVED_TO", "PRECISIONS", "RAW_POSTS",
    "REASON", "REASONS", "RESTRICTED", "SCHEMA_VERSION", "SENTIMENTS", "SMALL", "STORES", "TABLES", "TEXT", "TEXTS",
    "TIE_FEATURES", "TIME", "TOPICS", "Column", "complete", "concat", "conform", "empty", "in_form", "schema",
]  # fmt: skip

TABLES: dict[str, list[Column]] = {
    "raw_posts": RAW_POSTS, "raw_authors": RAW_AUTHORS, "rejects": REJECTS, "gathered_files": GATHERED_FILES,
    "source_cursors": SOURCE_CURSORS,
    "posts": POSTS, "post_index": POST_INDEX, "post_features": POST_FEATURES, "campaigns": CAMPAIGNS,
    "campaign_members": CAMPAIGN_MEMBERS, "campaign_aliases": CAMPAIGN_ALIASES, "post_judgements": POST_JUDGEMENTS,
    "author_days": AUTHOR_DAYS, "author_trust": AUTHOR_TRUST, "author_months": AUTHOR_MONTHS,
    "author_cohorts": AUTHOR_COHORTS, "daily_summary": DAILY_SUMMARY, "daily_feelings": DAILY_FEELINGS,
}  # fmt: skip


@cache  # gathering asks for one several times a batch
def schema(name: str) -> pa.Schema:
    """The Arrow schema of table `name`, each field with its documentation in the metadata."""
    return pa.schema([c.field() for c in TABLES[name]], metadata={"table": name, "schema_version": str(SCHEMA_VERSION)})


def conform(table: pa.Table, name: str) -> pa.Table:
    """`table` with exactly the columns, order and types of schema `name`, in one chunk per column.

    Raises SchemaError for missing, unexpected or uncastable columns, and for NULL where a value is required.
    """
    return in_form(table, name).combine_chunks()


def in_form(table: pa.Table, name: str) -> pa.Table:
    """`conform` that leaves the chunks as they are: nothing is copied where nothing is cast."""
    want = schema(name)
    if table.schema.equals(want, check_metadata=True):  # as it comes out of a step or a file
        return _without_nulls(table, want, name)
    have = set(table.column_names)
    missing = [f.name for f in want if f.name not in have]
    extra = sorted(have - set(want.names))
    if missing or extra:
        raise SchemaError(f"table {name}: missing columns {missing}, unexpected columns {extra}")
    try:
        out = table.select(want.names).cast(want)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SchemaError(f"table {name}: {error}") from error
    return _without_nulls(out, want, name)


def _without_nulls(table: pa.Table, want: pa.Schema, name: str) -> pa.Table:
    nulls = [f.name for f in want if not f.nullable and table[f.name].null_count]
    if nulls:
        raise SchemaError(f"table {name}: NULL in required columns {nulls}")
    return table


@cache
def empty(name: str) -> pa.Table:
    """Table `name` without rows."""
    return schema(name).empty_table()


def complete(columns: dict[str, pa.Array | pa.ChunkedArray], name: str, n_rows: int) -> pa.Table:
    """Table `name` from some of its columns; the others NULL. Raises SchemaError as `conform` does."""
    want = schema(name)
    extra = sorted(set(columns) - set(want.names))
    if extra:
        raise SchemaError(f"table {name}: unexpected columns {extra}")
    data = [_typed(columns[f.name], f, name) if f.name in columns else pa.nulls(n_rows, f.type) for f in want]
    return conform(pa.table(data, schema=want), name)


def _typed(column: pa.Array | pa.ChunkedArray, field: pa.Field, name: str) -> pa.Array | pa.ChunkedArray:
    if str(column.type) == str(field.type):  # its children's names too; a cast of what needs none is half the work here
        return column
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SchemaError(f"table {name}: {field.name}: {error}") from error


def concat(tables: Iterable[pa.Table], name: str) -> pa.Table:
    """The rows of several tables of schema `name`, one after another, in one chunk."""
    return pa.concat_tables([empty(name), *tables]).combine_chunks()
