from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.lake_format import PARTITIONS, DataFile, part_of, table_of
from pipeline.partitions import has, months, place, split, within
from pipeline.tables import TIME

SHANGHAI = timezone(timedelta(hours=8))
TIMES = st.one_of(
    st.none(), st.datetimes(datetime(1969, 12, 30), datetime(2038, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))
)


def _posts(rows: list[tuple[str, datetime | None]]) -> pa.Table:
    return pa.table({
        "platform": pa.array([p for p, _ in rows], pa.string()), "posted_at": pa.array([t for _, t in rows], TIME),
        "number": pa.array(range(len(rows)), pa.int64()),
    })  # fmt: skip


def _month(at: datetime | None) -> str:
    return "undated" if at is None else at.astimezone(SHANGHAI).strftime("%Y-%m")


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (datetime(2015, 2, 28, 15, 59, 59, 999_999, tzinfo=UTC), "2015-02"),
        (datetime(2015, 2, 28, 16, tzinfo=UTC), "2015-03"),
        (datetime(2015, 12, 31, 16, tzinfo=UTC), "2016-01"),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01"),
        (datetime(1969, 12, 31, 15, 59, 59, 500_000, tzinfo=UTC), "1969-12"),
        (None, "undated"),
    ],
)
def test_a_month_begins_at_midnight_in_shanghai(at: datetime | None, month: str) -> None:
    assert months("posts", _posts([("weibo", at)])).to_pylist() == [month]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["weibo", "qzone", "wechat_moments"]), TIMES), max_size=12))
def test_every_row_is_in_the_file_of_its_platform_and_month_and_files_keep_the_order(
    rows: list[tuple[str, datetime | None]],
) -> None:
    seen: list[int] = []
    files = list(split("posts", _posts(rows)))
    for keys, stem, part in files:
        assert tuple(keys) == PARTITIONS["posts"]
        assert table_of(part_of("posts", keys, stem) + "-0123456789ab.parquet") == "posts"
        numbers = part["number"].to_pylist()
        assert numbers == sorted(numbers)
        for number in numbers:
            platform, at = rows[number]
            assert keys == {"part_platform": platform, "part_month": _month(at)}
        seen += numbers
    assert sorted(seen) == list(range(len(rows)))
    assert len({str(keys) for keys, _, _ in files}) == len(files)


def test_which_column_says_where_a_row_of_another_table_goes() -> None:
    late = datetime(2015, 3, 31, 16, tzinfo=UTC)  # April in Shanghai
    cases = {
        "author_days": ({"platform": ["weibo"], "date": [date(2015, 3, 31)]}, {"part_platform": "weibo", "part_month": "2015-03"}),
        "campaigns": ({"first_at": [late]}, {"part_month": "2015-04"}),
        "campaign_members": ({"platform": ["qzone"], "posted_at": [late]}, {"part_platform": "qzone", "part_month": "2015-04"}),
        "author_trust": ({"as_of": [date(2015, 12, 31)]}, {"part_as_of": "2015-12-31"}),
        "author_months": ({"platform": ["weibo"], "month": [date(2015, 3, 1)]}, {"part_platform": "weibo", "part_month": "2015-03"}),
        "author_cohorts": ({"platform": ["weibo"]}, {"part_platform": "weibo"}),
        "daily_summary": ({"date": [date(2015, 12, 31)]}, {"part_year": "2015"}),
        "post_index": ({"platform": ["weibo"]}, {"part_platform": "weibo", "part_shard": "0"}),
    }  # fmt: skip
    for table, (columns, keys) in cases.items():
        [(found, stem, part)] = split(table, pa.table({name: pa.array(v) for name, v in columns.items()}))
        assert (found, stem, len(part)) == (keys, "0", 1), table


def test_a_campaign_of_undated_posts_is_undated() -> None:
    [(keys, _, _)] = split("campaigns", pa.table({"first_at": pa.array([None], TIME)}))
    assert keys == {"part_month": "undated"}


def test_no_rows_fill_no_file_and_chunks_change_nothing() -> None:
    assert list(split("posts", _posts([]))) == []
    rows = _posts([("weibo", None), ("qzone", None), ("weibo", None)])
    chunked = pa.concat_tables([rows.slice(0, 1), rows.slice(1)])
    found = {keys["part_platform"]: part["number"].to_pylist() for keys, _, part in split("posts", chunked)}
    assert found == {"weibo": [0, 2], "qzone": [1]}


def test_a_file_is_picked_by_the_keys_in_its_path() -> None:
    path = "posts/part_platform=weibo/part_month=2015-03/0-0123456789ab.parquet"
    file = DataFile("posts", path, 1, 1, "0" * 64, "")
    assert place(file) == ((("part_month", "2015-03"), ("part_platform", "weibo")), "0")
    assert has(file, {"part_platform": "weibo"})
    assert not has(file, {"part_platform": "weibo", "part_month": "2015-04"})
    assert not has(file, {"part_year": "2015"})
    assert [within(keys)(file) for keys in ({}, {"part_month": "2015-03"}, {"part_month": "undated"})] == [
        True,
        True,
        False,
    ]
