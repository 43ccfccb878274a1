from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.steps.versions import merge_versions, only_versions
from tests.tiny import raw_posts


def _merged(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return merge_versions(raw_posts(*rows)).to_pylist()


def _day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


def test_the_newest_gathering_wins() -> None:
    [post] = _merged(
        {"day": 3, "likes": 30, "text": "改过的"}, {"day": 1, "likes": 10, "text": "早"}, {"day": 2, "likes": 20}
    )
    assert (post["likes"], post["text"]) == (30, "改过的")
    assert (post["first_seen_at"], post["last_seen_at"]) == (_day(1), _day(3))


def test_what_is_not_known_any_more_stays_as_it_was_known() -> None:
    old = {"likes": 10, "followers": 300, "app": "手机", "topics": ["早安"], "posted_at": _day(1), "verified": False}
    [post] = _merged(old | {"day": 1}, {"day": 2, "likes": 11}, {"day": 3})
    assert {name: post[name] for name in old} == old | {"likes": 11}


def test_an_empty_list_is_knowledge_too() -> None:
    [post] = _merged({"day": 1, "topics": ["早安"]}, {"day": 2, "topics": []})
    assert post["topics"] == []


def test_the_post_that_says_it_changed_later_is_newer_within_one_gathering() -> None:
    rows = [
        {"modified_at": None, "text": "一"},
        {"modified_at": _day(9), "text": "三"},
        {"modified_at": _day(8), "text": "二"},
    ]
    assert _merged(*rows)[0]["text"] == "三"


def test_ties_are_settled_by_the_hash_of_the_file_and_the_row() -> None:
    first = {"batch_id": "b1", "source_row": 9, "text": "一"}
    second = {"batch_id": "b2", "source_row": 1, "text": "二"}
    third = {"batch_id": "b2", "source_row": 2, "text": "三"}
    for rows in ([first, second, third], [third, second, first], [second, third, first]):
        assert _merged(*rows)[0]["text"] == "三"


def test_versions_counts_batches_and_not_rows() -> None:
    [post] = _merged({"batch_id": "b1"}, {"batch_id": "b1"}, {"batch_id": "b2", "day": 2})
    assert post["versions"] == 2


def test_one_id_on_two_platforms_is_two_posts() -> None:
    found = _merged(
        {"platform": "weibo", "text": "一"}, {"platform": "qzone", "text": "二"}, {"post_id": "p0", "text": "三"}
    )
    assert [(p["platform"], p["post_id"], p["text"]) for p in found] == [
        ("qzone", "p1", "二"), ("weibo", "p0", "三"), ("weibo", "p1", "一"),
    ]  # fmt: skip


def test_all_search_words_that_found_a_post_are_kept() -> None:
    words = [
        {"source_keyword": w, "post_id": p}
        for w, p in (("面膜", "p1"), ("代购", "p1"), ("面膜", "p1"), (None, "p1"), (None, "p2"))
    ]
    assert [post["source_keywords"] for post in _merged(*words)] == [sorted(["面膜", "代购"]), None]


@pytest.mark.parametrize(
    ("said", "merged"),
    [([True, True], True), ([True, False], False), ([True, None], False), ([None, None], None), ([False, None], False)],
)
def test_a_source_drops_repeats_only_where_every_version_says_so(said: list[bool | None], merged: bool | None) -> None:
    assert _merged(*({"source_dedups": one} for one in said))[0]["source_dedups"] is merged


@pytest.mark.parametrize(
    ("platform", "sources", "dropped"),
    [
        ("weibo", ["weibo_crawler"], True),
        ("weibo", ["mediacrawler"], True),
        ("xiaohongshu", ["mediacrawler"], False),
        ("weibo", ["weibo_crawler", "weibo_tweets"], False),  # the text is that of the newest
        ("weibo", ["weibo_tweets", "weibo_crawler"], True),
        ("weibo", ["native"], False),
    ],
)
def test_emoticons_are_dropped_where_the_exporter_of_the_newest_text_drops_them(
    platform: str, sources: list[str], dropped: bool
) -> None:
    rows = [{"platform": platform, "source": source, "day": day} for day, source in enumerate(sources, 1)]
    assert [post["emoticons_dropped"] for post in _merged(*rows)] == [dropped]
    if len(rows) == 1:
        assert only_versions(raw_posts(*rows))["emoticons_dropped"].to_pylist() == [dropped]


def test_an_author_id_and_its_form_come_from_one_row() -> None:
    old = {"day": 1, "author_id": "5b1a3c9e22f04d71", "author_id_form": "creator_hash"}
    [post] = _merged(old, {"day": 2, "author_id": "1234567", "author_id_form": None})
    assert (post["author_id"], post["author_id_form"]) == ("1234567", "id")
    [post] = _merged(old, {"day": 2, "author_id": None, "author_id_form": None})
    assert (post["author_id"], post["author_id_form"]) == ("5b1a3c9e22f04d71", "creator_hash")


def test_no_rows_give_no_posts() -> None:
    found = merge_versions(raw_posts())
    assert len(found) == 0
    assert {"versions", "first_seen_at", "last_seen_at", "source_keywords"} <= set(found.column_names)


ROWS = st.lists(
    st.fixed_dictionaries({
        "post_id": st.sampled_from(["p1", "p2"]), "platform": st.sampled_from(["weibo", "qzone"]),
        "day": st.integers(1, 3), "likes": st.one_of(st.none(), st.integers(0, 9)),
        "topics": st.one_of(st.none(), st.lists(st.sampled_from(["早安", "面膜"]), max_size=2)),
        "source_keyword": st.sampled_from([None, "面膜", "代购"]), "source_dedups": st.sampled_from([None, True, False]),
        "batch_id": st.sampled_from(["b1", "b2", "b3"]), "text": st.sampled_from(["一", "二", "三"]),
    }), max_size=10,
)  # fmt: skip


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(rows: list[dict[str, Any]], dice: random.Random) -> None:
    rows = [row | {"source_row": i} for i, row in enumerate(rows)]
    shuffled = list(rows)
    dice.shuffle(shuffled)
    assert merge_versions(raw_posts(*shuffled)).equals(merge_versions(raw_posts(*rows)))


@settings(deadline=None)
@given(ROWS)
def test_each_column_is_the_newest_that_is_known(rows: list[dict[str, Any]]) -> None:
    rows = [row | {"source_row": i} for i, row in enumerate(rows)]
    for post in _merged(*rows):
        mine = [r for r in rows if (r["platform"], r["post_id"]) == (post["platform"], post["post_id"])]
        mine.sort(key=lambda r: (r["day"], r["batch_id"], r["source_row"]))
        for name in ("likes", "topics", "text"):
            known = [r[name] for r in mine if r[name] is not None]
            assert post[name] == (known[-1] if known else None)
        assert post["versions"] == len({r["batch_id"] for r in mine})


def test_a_sliced_and_chunked_table_gives_the_same() -> None:
    rows = [{"post_id": f"p{i % 3}", "day": 1 + i % 4, "likes": i, "topics": ["早安"] * (i % 3)} for i in range(12)]
    whole = raw_posts(*rows)
    parts = pa.concat_tables([whole.slice(5), whole.slice(0, 5)])
    assert merge_versions(parts).equals(merge_versions(whole))
