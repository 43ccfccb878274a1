from __future__ import annotations

import random
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.steps import day_echoes
from pipeline.steps.days import author_days
from pipeline.tables import DAY_COUNTS, schema

ADVERT = "本厂直供玻尿酸面膜，招全国代理，一件代发不压货，想赚零花钱的宝妈快来问我"
DIARY = "今天带女儿去动物园看长颈鹿，她高兴得一路上都在唱歌，晚上回家倒头就睡"


def _days(diary: Any) -> list[dict[str, Any]]:
    return diary.days.to_pylist()


def test_a_busy_day_counted_by_hand(diary: Any) -> None:
    form = {"n_mentions": 2, "n_links": 1, "n_emoticons": 3, "n_tokens": 20, "first_person_per_100": 2.5}
    diary.post(
        "a",
        0,
        DIARY,
        hour=9,
        likes=5,
        comments=1,
        reposts=0,
        topic="family",
        sentiment=0.5,
        affect_per_100=1.25,
        **form,
    )
    selling = {"label": "sell", "stock_cues": 2, "contact_cues": 1, "topic": "looks"}
    diary.post("a", 0, "上新啦，今天包邮", hour=9.5, sentiment=-0.25, likes=7, **selling)
    diary.post("a", 0, "招代理，来问我", hour=21, label="recruit", contact_cues=3)
    diary.post("a", 0, "转发微博", hour=22, is_repost=True, kind="repost", label="news")
    [day] = _days(diary)
    by_hour = day.pop("by_hour")
    assert {hour: n for hour, n in enumerate(by_hour) if n} == {9: 2, 21: 1, 22: 1}
    assert (day.pop("platform"), day.pop("author_id"), day.pop("date")) == ("weibo", "a", date(2015, 3, 1))
    assert {name: n for name, n in day.items() if n} == {
        "n_posts": 4, "n_reposts": 1, "n_share": 1, "n_sell": 1, "n_recruit": 1, "n_news": 1, "n_broadcast": 2,
        "n_commercial": 2, "n_mentions": 2, "n_links": 1, "n_emoticons": 3, "n_tokens": 20, "n_stock": 1,
        "n_grams": 6 + 5 + 2,
        "n_emoticon_posts": 4, "n_own": 3, "n_topic_family": 1,
        "n_contact": 2, "broadcast_ppm": 2_000_000, "own_broadcast_ppm": 1_900_000, "sentiment_ppm": 250_000, "sentiment_sq_ppm": 312_500,
        "first_person": 250, "affect": 125, "engagement": 13, "n_engagement": 2, "peak_hour": 4 + 1 + 1,
        "schema_version": 1,
    }  # fmt: skip


def test_comments_are_counted_as_comments_and_nothing_else(diary: Any) -> None:
    diary.post("a", 0, ADVERT, kind="comment", label="sell", n_mentions=1, likes=3, stock_cues=1)
    diary.post("a", 0, ADVERT, kind="comment", topic="food", n_emoticons=1, links=["https://weidian.com/1"])
    [day] = _days(diary)
    assert [name for name in DAY_COUNTS if day[name]] == ["n_comments"]
    assert sum(day["by_hour"]) == 0


@pytest.mark.parametrize(("hour", "day", "local_hour"), [(-0.01, date(2015, 2, 28), 23), (0, date(2015, 3, 1), 0)])
def test_a_day_begins_at_midnight_in_shanghai(diary: Any, hour: float, day: date, local_hour: int) -> None:
    diary.post("a", 0, hour=hour)
    [row] = _days(diary)
    assert row["date"] == day
    assert row["by_hour"][local_hour] == 1


def test_shops_are_told_by_their_domains(diary: Any) -> None:
    links = [
        "https://shop1.weidian.com/item.html?itemID=1", "http://wap.koudaitong.com/v2/goods/a", "h5.youzan.com/v2/x", "https://a.weimob.com",
        "https://item.taobao.com/item.htm?id=1", "detail.tmall.com/x", "http://m.tb.cn/h.abc", "https://www.meilishuo.com/a", "mogujie.com",
        "https://notweidian.com/x", "https://weidian.com.example.org", "https://example.org/taobao.com",
    ]  # fmt: skip
    for link in [*links, None]:
        diary.post("a", 0, label="sell", links=[link, link] if link else None)
    diary.post("a", 0, label="share", links=links)
    [day] = _days(diary)
    found = {name: day[name] for name in day if name.startswith("n_store")}
    assert found == {
        "n_store": 4, "n_store_weidian": 1, "n_store_youzan": 2, "n_store_weimob": 1, "n_store_taobao": 3, "n_store_mogu": 2,
    }  # fmt: skip


def test_emoticons_count_where_the_exporter_keeps_them(diary: Any) -> None:
    diary.post("a", 0, n_emoticons=2)
    diary.post("a", 0, n_emoticons=1, emoticons_dropped=True)  # an emoji was left
    [day] = _days(diary)
    assert (day["n_emoticons"], day["n_emoticon_posts"]) == (2, 1)


def test_posts_without_author_or_date_have_no_day(diary: Any) -> None:
    diary.post(None, 0, DIARY)
    diary.post("a", None, DIARY)
    assert diary.days.equals(schema("author_days").empty_table())


def test_selling_and_recruiting_together_make_a_post_commercial(diary: Any) -> None:
    diary.post("a", 0, p_sell=0.25, p_recruit=0.25)
    diary.post("a", 0, p_sell=0.25, p_recruit=0.2)
    assert [day["n_commercial"] for day in _days(diary)] == [1]


def test_a_repeat_of_ones_own_words_is_told_from_a_flood(diary: Any) -> None:
    diary.post("a", 0, ADVERT)
    diary.post("a", 1, ADVERT)  # repeats himself; nobody else yet
    diary.post("b", 2, ADVERT)  # joins a campaign of another
    diary.post("a", 3, ADVERT)  # repeats himself, in a campaign of two
    diary.post("a", 4, DIARY)
    found = {(d["author_id"], d["date"].day): (d["n_own_repeats"], d["n_campaign"]) for d in _days(diary)}
    assert found == {("a", 1): (0, 0), ("a", 2): (1, 0), ("b", 3): (0, 1), ("a", 4): (1, 1), ("a", 5): (0, 0)}


@pytest.mark.parametrize("mark", ["is_repost", "is_auto_share"])
def test_passing_on_twice_and_app_texts_are_no_own_repeats(diary: Any, mark: str) -> None:
    for hour in range(3):
        diary.post("a", 0, ADVERT, hour=hour, **{mark: True})
    assert [day["n_own_repeats"] for day in _days(diary)] == [0]


def _echoed(diary: Any) -> list[tuple[int, int]]:
    return [(day["n_echoed_grams"], day["n_grams"]) for day in _days(diary)]


def test_a_post_is_held_against_its_authors_post_before(diary: Any) -> None:
    diary.post("a", 0, "今天到货了，要的来")
    diary.post("b", 0, "今天到货了，要的来", hour=13)
    diary.post("a", 1, "今天到货了", is_repost=True)  # 3 of 3: 今天到 天到货 到货了
    diary.post("a", 2, "哈哈哈哈到货了")  # 哈哈哈 counts once, of 哈哈到 哈到货 到货了 the last is an echo
    diary.post("a", 40, "要的来")  # was said before, but not last
    assert _echoed(diary) == [(0, 0), (3, 3), (1, 4), (0, 1), (0, 0)]


def test_comments_and_what_has_no_date_stand_between_no_two_posts(diary: Any) -> None:
    diary.post("a", 0, "今天到货了")
    diary.post("a", 0, "多少钱呀亲", hour=13, kind="comment")
    diary.post("a", None, "多少钱呀亲")
    diary.post("a", 0, "今天到货了", hour=14)
    assert _echoed(diary) == [(3, 3)]


def test_authors_of_one_id_on_two_platforms_echo_nobody(diary: Any) -> None:
    diary.post("a", 0, "今天到货了")
    diary.post("a", 1, "今天到货了", platform="zhihu")
    assert _echoed(diary) == [(0, 0), (0, 0)]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text("到货了😀", max_size=40), max_size=8), st.integers(1, 5))
def test_echoes_are_those_of_sets_however_many_are_read_at_a_time(new_diary: Any, texts: list[str], size: int) -> None:
    diary = new_diary()
    for day, text in enumerate(texts):
        diary.post("a", day, text)
    grams = [{text[i : i + 3] for i in range(len(text) - 2)} for text in texts]
    before = [set[str](), *grams][: len(grams)]
    expected = [
        (len(new & old), len(new) if day else 0) for day, (new, old) in enumerate(zip(grams, before, strict=True))
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(day_echoes, "_TEXTS", size)
        assert _echoed(diary) == expected


def test_fractions_are_rounded_half_to_even(diary: Any) -> None:
    for first_person in (0.125, 0.375):  # 12.5 and 37.5 hundredths, exact in binary
        diary.post("a", 0, first_person_per_100=first_person)
    assert [day["first_person"] for day in _days(diary)] == [12 + 38]


ROW = st.tuples(
    st.sampled_from(["a", "b", None]), st.one_of(st.none(), st.integers(0, 2)), st.integers(0, 23),
    st.sampled_from([ADVERT, DIARY, "早"]), st.sampled_from(["post", "comment", "repost"]),
    st.floats(-1, 1, width=32), st.one_of(st.none(), st.integers(0, 9)), st.sampled_from([None, "food", "work"]),
)  # fmt: skip


def _written(new_diary: Any, rows: list[Any]) -> Any:
    diary = new_diary()
    for author, day, hour, text, kind, sentiment, likes, topic in rows:
        label = "sell" if text == ADVERT else "share"
        more = {
            "topic": topic,
            "emoticons_dropped": likes == 3,
            "n_emoticons": likes,
            "links": ["weidian.com"] if topic else None,
        }
        diary.post(author, day, text, hour=hour, kind=kind, sentiment=sentiment, likes=likes, label=label, **more)
    return diary


@settings(deadline=None, max_examples=25)
@given(st.lists(ROW, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(new_diary: Any, rows: list[Any], dice: random.Random) -> None:
    diary = _written(new_diary, rows)
    tables = (diary.posts, diary.features, diary.judgements, diary.members)
    mixed = [t.take(pa.array(dice.sample(range(len(t)), len(t)), pa.int64())) for t in tables]
    assert author_days(*mixed).equals(diary.days)


@settings(deadline=None, max_examples=25)
@given(st.lists(ROW, max_size=12), st.integers(0, 12))
def test_days_of_parts_add_up_to_days_of_the_whole(new_diary: Any, rows: list[Any], cut: int) -> None:
    diary = _written(new_diary, rows)
    others = (diary.features, diary.judgements, diary.members)
    parts = [author_days(diary.posts.slice(*part), *others) for part in ((0, cut), (cut,))]
    names = [name for name in DAY_COUNTS if name not in ("peak_hour", "n_grams", "n_echoed_grams")]
    keys = ["platform", "author_id", "date"]
    added = pa.concat_tables(parts).group_by(keys).aggregate([(name, "sum") for name in names])
    added = added.rename_columns([*keys, *names]).sort_by([(key, "ascending") for key in keys])
    assert added.to_pylist() == diary.days.select([*keys, *names]).to_pylist()
