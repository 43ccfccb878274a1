from __future__ import annotations

import random
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.steps.summary import daily_summary, summary, summed
from pipeline.steps.summary_parts import part_of_days
from pipeline.tables import schema

ADVERTS = (
    "本厂直供玻尿酸面膜，招全国代理，一件代发不压货，想赚零花钱的宝妈快来问我",
    "宝宝爬行垫团购最后一天，海绵加厚不怕摔，要的妈妈赶紧私我拼单包邮到家",
    "外贸原单童装清仓，尾货不退不换，喜欢的抓紧时间带走，晚了就断码没货了",
    "家用净水器厂家招商，老客户返利多多，加盟即送样机，有意的老板留言联系",
)


def _summary(diary: Any, trust_day: int = 400) -> dict[tuple[int, str], dict[str, Any]]:
    table = daily_summary(diary.posts, diary.features, diary.judgements, diary.members, diary.trust(trust_day))
    return {(row["date"].day, row["platform"]): row for row in table.to_pylist()}


def test_a_day_on_two_platforms_counted_by_hand(diary: Any) -> None:
    diary.post("a", 0, "早饭吃了小笼包", sentiment=0.5)
    diary.post("a", 0, "招代理，来问我", sentiment=1.0, label="recruit")
    diary.post("b", 0, "笔记也算心情", sentiment=-0.5, kind="note", platform="xiaohongshu")
    diary.post("b", 0, "转发微博", sentiment=1.0, is_repost=True, kind="repost")
    diary.post(None, 0, "我跑了五公里", sentiment=1.0, is_auto_share=True, label="auto")
    diary.post("c", 0, "好吃吗", sentiment=1.0, kind="comment")
    diary.post("c", None, "不知哪天写的", sentiment=1.0)
    diary.post("c", 1, "第二天", sentiment=0.0)
    found = _summary(diary)
    assert sorted(found) == [(1, "all"), (1, "weibo"), (1, "xiaohongshu"), (2, "all"), (2, "weibo")]
    row = found[1, "all"]
    assert row["date"] == date(2015, 3, 1)
    assert [row[name] for name in ("n_posts", "n_authors", "n_feeling", "n_genuine")] == [
        5,
        3,
        3,
        2,
    ]  # b on each platform
    assert [row["broadcast_share"], row["recruit_share"]] == [0.2, 0.2]
    assert [row["sentiment_all"], row["sentiment_genuine"]] == pytest.approx([1 / 3, 0])
    assert row["sentiment_difference"] == pytest.approx(-1 / 3)
    assert [found[1, "weibo"][n] for n in ("n_posts", "n_authors", "n_genuine", "difference_low")] == [4, 2, 1, None]
    assert [found[1, "xiaohongshu"][n] for n in ("n_posts", "sentiment_difference")] == [1, 0]


def test_the_interval_of_the_difference_holds_it_and_needs_five_authors(diary: Any) -> None:
    dice = np.random.default_rng(5)
    for i, x in enumerate(dice.uniform(-1, 1, 80).astype(np.float32).tolist()):
        diary.post(f"a{i % 20}", 0, sentiment=x, label="share" if dice.random() < 0.6 else "sell")
    for i, author in enumerate("bcdebc"):  # six posts of four authors
        diary.post(author, 1, sentiment=i / 10)
        diary.post(author, 1, sentiment=0.9, label="sell")
    found = _summary(diary)
    row, few = found[1, "all"], found[2, "all"]
    assert row["difference_low"] < row["sentiment_difference"] < row["difference_high"]
    assert few["sentiment_difference"] == pytest.approx(0.25 - 0.575)
    assert few["difference_low"] is None
    assert few["difference_high"] is None


def test_one_author_s_posts_count_as_one_voice(new_diary: Any) -> None:
    """The same forty posts, by forty authors and by eight: fewer voices say less."""
    widths = []
    for authors in (40, 8):
        diary = new_diary()
        for i in range(40):
            mood = (i % authors % 4) / 4
            diary.post(f"a{i % authors}", 0, sentiment=mood, label="share" if i % authors % 8 < 6 else "sell")
        row = _summary(diary)[1, "all"]
        widths.append(row["difference_high"] - row["difference_low"])
    assert widths[1] > 1.5 * widths[0]


def test_unknown_authors_are_one_each(diary: Any) -> None:
    for i in range(12):
        diary.post(None, 0, sentiment=i / 12, label="sell" if i % 4 == 0 else "share")
    row = _summary(diary)[1, "weibo"]
    assert row["n_authors"] == 0
    assert row["difference_low"] < row["difference_high"]


def test_where_all_are_genuine_the_difference_is_zero_and_sure(diary: Any) -> None:
    for author, x in zip("abcdef", (0.25, -0.5, 0.75, 0.1, 0.2, 0.3), strict=True):
        diary.post(author, 0, sentiment=x)
    row = _summary(diary)[1, "all"]
    assert [row[name] for name in ("sentiment_difference", "difference_low", "difference_high")] == [0, 0, 0]


def test_a_day_without_feelings_has_none(diary: Any) -> None:
    diary.post("a", 0, sentiment=0.5, kind="repost", is_repost=True)
    row = _summary(diary)[1, "weibo"]
    assert [row[name] for name in ("n_feeling", "sentiment_all", "sentiment_genuine", "difference_low")] == [
        0,
        None,
        None,
        None,
    ]


def test_the_three_largest_campaigns_of_the_day(diary: Any) -> None:
    for i, n in enumerate([2, 4, 1, 2]):
        for hour in range(n):
            diary.post(f"a{hour}", 0, ADVERTS[i], hour=hour, post_id=f"{i}-{hour}")
    diary.post("late", 1, ADVERTS[2], post_id="2-late")
    diary.post("early", 0, ADVERTS[2], post_id="2-elsewhere", platform="qzone", hour=5)
    found = _summary(diary)
    assert found[1, "weibo"]["top_campaigns"] == ["weibo:1-0", "weibo:0-0", "weibo:3-0"]
    assert found[1, "all"]["top_campaigns"] == ["weibo:1-0", "weibo:0-0", "weibo:2-0"]  # ties by id
    assert found[1, "qzone"]["top_campaigns"] == []
    assert found[2, "weibo"]["top_campaigns"] == []  # one member on that day


def test_trust_is_that_of_the_day_s_authors_at_the_newest_date(diary: Any) -> None:
    scores = {"a": 0.2, "b": 0.4, "c": 0.9, "d": 0.6}
    for author in [*scores, "unscored"]:
        diary.post(author, 0)
    diary.post("a", 0, hour=13)  # an author counts once
    diary.post("d", 1)
    diary.post("unscored", 2)
    rows = [("weibo", "a", date(2015, 4, 1), 0.99), ("qzone", "d", date(2015, 5, 1), 0.1)]
    rows += [("weibo", name, date(2015, 5, 1), score) for name, score in scores.items() if name != "d"]
    names = ["platform", "author_id", "as_of", "trust_score"]
    trust = pa.table([pa.array(c) for c in zip(*rows, strict=True)], names)
    table = daily_summary(diary.posts, diary.features, diary.judgements, diary.members, trust)
    found = {
        (r["date"].day, r["platform"]): [r[q] for q in ("trust_p10", "trust_p50", "trust_p90")]
        for r in table.to_pylist()
    }
    assert found[1, "weibo"] == pytest.approx(np.quantile([0.2, 0.4, 0.9], [0.1, 0.5, 0.9]))
    assert found[2, "weibo"] == found[3, "all"] == [None] * 3


def test_how_far_a_day_s_engagement_is_spread(diary: Any) -> None:
    diary.post("a", 0, likes=3, comments=1)
    diary.post("a", 0, reposts=2)
    diary.post("b", 0, likes=2)
    diary.post("c", 0, platform="qzone", likes=8)
    diary.post("d", 1, likes=0)
    diary.post("e", 2)
    diary.post(None, 0, likes=99)
    found = {key: row["decentralisation_day"] for key, row in _summary(diary).items()}
    assert found[1, "weibo"] == pytest.approx(1 - (6 / 8) ** 2 - (2 / 8) ** 2)
    assert found[1, "all"] == pytest.approx(1 - (6 / 16) ** 2 - (2 / 16) ** 2 - (8 / 16) ** 2)
    assert (found[1, "qzone"], found[2, "weibo"], found[3, "weibo"]) == (0, None, None)


def test_nothing_gives_no_rows(diary: Any) -> None:
    found = daily_summary(diary.posts, diary.features, diary.judgements, diary.members, diary.trust(0))
    assert found.equals(schema("daily_summary").empty_table())


ROW = st.tuples(
    st.sampled_from(["a", "b", None]), st.integers(0, 2), st.sampled_from([*ADVERTS[:2], "早"]),
    st.sampled_from(["weibo", "qzone"]), st.sampled_from(["share", "sell"]), st.floats(-1, 1, width=32),
)  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(st.lists(ROW, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(new_diary: Any, rows: list[Any], dice: random.Random) -> None:
    diary = new_diary()
    for author, day, text, platform, label, sentiment in rows:
        diary.post(author, day, text, platform=platform, label=label, sentiment=sentiment)
    tables = (diary.posts, diary.features, diary.judgements, diary.members, diary.trust(3))
    mixed = [t.take(pa.array(dice.sample(range(len(t)), len(t)), pa.int64())) for t in tables]
    one, other = summary(*mixed), summary(*tables)
    assert one.daily_summary.equals(other.daily_summary)
    assert one.daily_feelings.equals(other.daily_feelings)


def test_parts_of_authors_add_up_to_the_whole(diary: Any) -> None:
    dice = random.Random(3)
    for i in range(300):
        more = {
            "topics": [f"话题{i % 7}"],
            "platform": dice.choice(["weibo", "qzone"]),
            "label": dice.choice(["share", "sell"]),
        }
        diary.post(f"a{i % 90}", i % 3, dice.choice(ADVERTS), sentiment=dice.uniform(-1, 1), **more)
    posts, features = diary.posts, diary.features
    judged = diary.judgements.select(["label", "is_broadcast"]).append_column(
        "campaign_id", diary.members["campaign_id"]
    )
    one = part_of_days(posts, features, judged)
    whole = summed([one.days], [one.named], [])
    of = np.array([int(author[1:]) % 4 for author in posts["author_id"].to_pylist()])
    tables = (posts, features, judged)
    parts = [part_of_days(*(table.filter(pa.array(of == k)) for table in tables)) for k in (2, 0, 3, 1)]
    named = pa.concat_tables(part.named for part in parts)
    odd = pc.equal(pc.bit_wise_and(named["date"], 1), 1)
    by_day = [named.filter(odd), named.filter(pc.invert(odd))]
    again = summed([part.days for part in parts], by_day, [])
    assert again.daily_summary.equals(whole.daily_summary)
    assert again.daily_feelings.equals(whole.daily_feelings)
    assert set(whole.daily_feelings["part"].to_pylist()) >= {"topic", "campaign"}
