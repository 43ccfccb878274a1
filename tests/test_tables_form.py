"""A table in the form of its schema: with or without a copy, and what is not of that form."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline.errors import SchemaError
from pipeline.tables import complete, conform, in_form, schema

COLUMNS = {
    "date": pa.array([20_000], pa.int32()).cast(pa.date32()), "platform": pa.array(["weibo"]), "n_posts": pa.array([3]),
    "n_authors": pa.array([2]), "schema_version": pa.array([1], pa.int32()),
}  # fmt: skip


def test_the_form_is_had_without_joining_chunks() -> None:
    twice = pa.concat_tables([complete(COLUMNS, "daily_summary", 1)] * 2)
    assert in_form(twice, "daily_summary")["n_posts"].num_chunks == 2
    assert conform(twice, "daily_summary")["n_posts"].num_chunks == 1
    assert in_form(twice, "daily_summary").equals(conform(twice, "daily_summary"))


def test_a_column_of_another_type_is_cast_names_of_children_too() -> None:
    topics = pa.array([["早安"]], pa.list_(pa.field("item", pa.string())))
    posts = {"platform": ["weibo"], "post_id": ["1"], "text": ["早"], "text_own": ["早"], "text_normalised": ["早"]}
    times = {name: pa.array([0]).cast(pa.timestamp("us", "UTC")) for name in ("first_seen_at", "last_seen_at")}
    flags = {"is_repost": pa.array([False]), "is_auto_share": pa.array([False])}
    counts = {"versions": pa.array([1]), "schema_version": pa.array([1])}
    strings = {name: pa.array(value) for name, value in posts.items()}
    made = complete(strings | times | flags | counts | {"topics": topics}, "posts", 1)
    want = schema("posts")
    assert [str(column.type) for column in made.columns] == [str(field.type) for field in want]
    assert made.schema.equals(want, check_metadata=True)


def test_what_cannot_be_cast_or_is_missing_is_said() -> None:
    with pytest.raises(SchemaError, match="daily_summary: n_posts: "):
        complete(COLUMNS | {"n_posts": pa.array(["many"])}, "daily_summary", 1)
    with pytest.raises(SchemaError, match=r"NULL in required columns \['n_posts'\]"):
        complete({name: column for name, column in COLUMNS.items() if name != "n_posts"}, "daily_summary", 1)
    with pytest.raises(SchemaError, match=r"unexpected columns \['likes'\]"):
        complete(COLUMNS | {"likes": pa.array([1])}, "daily_summary", 1)
