from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.steps.campaigns import campaigns
from pipeline.steps.features import features
from pipeline.steps.judge import judgements
from pipeline.tables import BROADCAST, schema
from tests.tiny import DIARY, FLAT, RECRUITING, SELLING, judge, text_models

TIMELESS = ["label", "broadcast_probability", "is_broadcast", "reasons", "context_basis", "author_posts_before"]
MILD = "到货了，颜色比图片好看，想要的说一声"


def _tables(diary: Any) -> tuple[pa.Table, pa.Table, pa.Table]:
    posts = diary.posts
    found = features(posts, models=text_models())
    return posts, found, campaigns(posts, found)[1]


def _judged(diary: Any, base_rate: float = 0.3) -> dict[str, dict[str, Any]]:
    table = judgements(*_tables(diary), judge=judge(), base_rate=base_rate)
    assert table.schema.equals(schema("post_judgements"))
    return {row["post_id"]: row for row in table.to_pylist()}


def test_advertising_is_flagged_with_its_kind_and_a_diary_is_not(diary: Any) -> None:
    ids = [diary.post(f"a{i}", i, text) for i, text in enumerate([SELLING, RECRUITING, DIARY])]
    found = _judged(diary)
    assert [found[i]["label"] for i in ids] == ["sell", "recruit", "share"]
    assert [found[i]["is_broadcast"] for i in ids] == [True, True, False]
    assert found[ids[0]]["judge_version"] == "tiny+tiny-context"


def test_the_label_is_on_the_side_of_the_decision_and_only_flagged_posts_have_reasons(diary: Any) -> None:
    for i, text in enumerate([SELLING, RECRUITING, DIARY, FLAT, MILD, "", "转发微博"]):
        diary.post("a", i, text)
    for row in _judged(diary).values():
        assert (row["label"] in BROADCAST) == row["is_broadcast"] == (row["broadcast_probability"] >= 0.5)
        assert bool(row["reasons"]) == row["is_broadcast"]


def test_reasons_lie_in_the_posts_text(diary: Any) -> None:
    diary.post("b", 3, RECRUITING)
    diary.post("a", 1, SELLING)
    texts = {row["post_id"]: row["text"] for row in diary.rows}
    for post_id, row in _judged(diary).items():
        for reason in row["reasons"]:
            assert reason["text"] == texts[post_id][reason["span_start"] : reason["span_end"]]


def test_what_is_known_of_the_author_is_said(diary: Any) -> None:
    undated = diary.post("a", None, DIARY)
    first, second = diary.post("a", 1, DIARY), diary.post("a", 2, DIARY)
    nobody = diary.post(None, 3, DIARY)
    found = _judged(diary)
    said = {i: (row["context_basis"], row["author_posts_before"]) for i, row in found.items()}
    assert said == {undated: ("undated", 0), first: ("dated", 0), second: ("dated", 1), nobody: ("none", None)}


def test_a_seller_past_makes_a_mild_post_likelier_and_is_given_as_a_reason(diary: Any) -> None:
    for day in range(8):
        diary.post("seller", day, SELLING + "一二三四五六七八"[day] * 9)
        diary.post("friend", day, DIARY + "一二三四五六七八"[day] * 9)
    seller, friend, stranger = (diary.post(who, 20, MILD + who) for who in ("seller", "friend", "stranger"))
    found = _judged(diary)
    chance = {who: found[who]["broadcast_probability"] for who in (seller, friend, stranger)}
    assert chance[seller] > chance[stranger] > chance[friend]
    [habit] = [r for r in found[seller]["reasons"] if r["kind"] == "habit"]
    assert habit["text"].startswith("8 earlier posts by this author")
    assert habit["span_start"] is None


def test_the_pace_and_the_app_are_given_as_reasons_where_they_speak_for_broadcasting(diary: Any) -> None:
    for i in range(4):
        diary.post("hasty", 3, FLAT + "一二三四"[i] * 9, hour=8 + i)
    hasty = diary.post("hasty", 3, SELLING, hour=20)
    machine, by_hand = (
        diary.post("b", 3, SELLING + "甲", app="群发助手"),
        diary.post("c", 3, SELLING + "乙", app="手机"),
    )
    found = _judged(diary)
    kinds = {post: {r["kind"]: r["text"] for r in found[post]["reasons"]} for post in (hasty, machine, by_hand)}
    assert kinds[hasty]["pace"] == "4 posts by this author within the day before"
    assert kinds[machine]["app"] == "posted with 群发助手"
    assert not {"pace", "app"} & set(kinds[by_hand])
    assert found[machine]["broadcast_probability"] > found[by_hand]["broadcast_probability"]


def test_undated_posts_are_known_by_the_authors_other_undated_ones_alone(diary: Any) -> None:
    for i, number in enumerate("一二三四五六七八"):
        diary.post("seller", None, SELLING + number * 9)
        diary.post("friend", None, DIARY + number * 9)
        diary.post("dated", i, SELLING + number * 7)
    sellers, friends, dateds = (diary.post(who, None, MILD + who) for who in ("seller", "friend", "dated"))
    stranger = diary.post("stranger", None, MILD + "陌")
    found = _judged(diary)
    chance = {who: found[who]["broadcast_probability"] for who in (sellers, friends, dateds, stranger)}
    assert chance[sellers] > max(chance[stranger], chance[dateds]) > chance[friends]
    assert "habit" not in [r["kind"] for r in found[dateds]["reasons"]]
    [habit] = [r for r in found[sellers]["reasons"] if r["kind"] == "habit"]
    assert habit["text"].startswith("8 other undated posts by this author")
    assert found[sellers]["author_posts_before"] == 0


def test_a_flood_makes_its_later_posts_likelier_and_is_given_as_a_reason(diary: Any) -> None:
    ids = [diary.post(f"a{i}", 0, SELLING, hour=i) for i in range(4)]
    found = _judged(diary)
    chances = [found[i]["broadcast_probability"] for i in ids]
    assert chances == sorted(chances)
    assert chances[0] < chances[3]
    assert [r["kind"] for r in found[ids[0]]["reasons"]].count("campaign") == 0
    [flood] = [r for r in found[ids[3]]["reasons"] if r["kind"] == "campaign"]
    assert flood["text"] == "3 earlier posts with these words by 3 authors"
    assert {row["campaign_id"] for row in found.values()} == {f"weibo:{ids[0]}"}


def test_a_repost_is_less_likely(diary: Any) -> None:
    own, passed_on = diary.post("a", 0, SELLING), diary.post("b", 0, SELLING + "！", hour=11, is_repost=True)
    found = _judged(diary)
    assert found[passed_on]["broadcast_probability"] < found[own]["broadcast_probability"]


def test_the_base_rate_moves_every_probability_the_same_way(diary: Any) -> None:
    for i, text in enumerate([SELLING, RECRUITING, DIARY, FLAT, MILD, "早安", "转发微博"]):
        diary.post("a", i, text)
    by_rate = [_judged(diary, rate) for rate in (0.01, 0.1, 0.3, 0.6, 0.99)]
    for post_id in by_rate[0]:
        chances = [found[post_id]["broadcast_probability"] for found in by_rate]
        flags = [found[post_id]["is_broadcast"] for found in by_rate]
        assert chances == sorted(chances)
        assert chances[0] < chances[-1]
        assert flags == sorted(flags)
    flagged = [sum(row["is_broadcast"] for row in found.values()) for found in by_rate]
    assert flagged[0] < flagged[2] < flagged[-1]


def test_no_posts_give_no_judgements(diary: Any) -> None:
    assert _judged(diary) == {}


TEXTS = [
    SELLING,
    RECRUITING,
    DIARY,
    FLAT,
    MILD,
    SELLING.replace("面膜", "口红"),
    "早安，愿你眼里有光，一路向暖，平安喜乐",
]
ROW = st.tuples(
    st.sampled_from(["a", "b", "c", None]),
    st.sampled_from([None, 0, 1, 2, 3]),
    st.sampled_from(TEXTS),
    st.integers(8, 10),
)
HISTORIES = st.lists(ROW, max_size=12)
# The fixture hands over a class, which nothing changes.
laws = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _written(new_diary: Callable[[], Any], rows: list[tuple[Any, ...]]) -> Any:
    diary = new_diary()
    for author, day, text, hour in rows:
        diary.post(author, day, text, hour=hour)
    return diary


@laws
@given(HISTORIES, st.integers(0, 3), st.integers(8, 10))
def test_deleting_all_that_was_posted_later_changes_no_judgement(
    new_diary: Any, rows: list[tuple[Any, ...]], day: int, hour: int
) -> None:
    diary = _written(new_diary, rows)
    until = datetime(2015, 3, 1 + day, hour - 8, tzinfo=UTC)  # the diary's hours are Shanghai's
    then = diary.only([r for r in diary.rows if r["posted_at"] is not None and r["posted_at"] <= until])
    now = _judged(diary)
    for post_id, row in _judged(then).items():
        assert {name: row[name] for name in TIMELESS} == {name: now[post_id][name] for name in TIMELESS}


@laws
@given(HISTORIES, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(new_diary: Any, rows: list[tuple[Any, ...]], dice: random.Random) -> None:
    tables = _tables(_written(new_diary, rows))

    def shuffled(table: pa.Table) -> pa.Table:
        order = list(range(len(table)))
        dice.shuffle(order)
        return table.take(pa.array(order, pa.int64()))

    one = judgements(*tables, judge=judge(), base_rate=0.3)
    other = judgements(*(shuffled(table) for table in tables), judge=judge(), base_rate=0.3)
    assert one.equals(other)


@laws
@given(HISTORIES)
def test_authors_judged_apart_and_together_are_judged_the_same(new_diary: Any, rows: list[tuple[Any, ...]]) -> None:
    """A stage may judge one bucket of authors at a time."""
    posts, found, members = _tables(_written(new_diary, rows))
    whole = judgements(posts, found, members, judge=judge(), base_rate=0.3)
    mine = pa.array([row == "a" for row in posts["author_id"].to_pylist()], pa.bool_())
    parts = [
        judgements(posts.filter(keep), found, members, judge=judge(), base_rate=0.3)
        for keep in (mine, pa.array([not m for m in mine.to_pylist()], pa.bool_()))
    ]
    assert pa.concat_tables(parts).sort_by("post_id").combine_chunks().equals(whole.sort_by("post_id").combine_chunks())


def test_a_post_in_no_campaign_needs_no_member_row(diary: Any) -> None:
    diary.post("a", 0, DIARY)
    posts, found, members = _tables(diary)
    [row] = judgements(posts, found, members.slice(0, 0), judge=judge(), base_rate=0.3).to_pylist()
    assert row["campaign_id"] is None
