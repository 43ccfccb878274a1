"""Swings planted in own posts, and the days by topic, keyword and campaign."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.steps.summary import summary

ADVERT = "本厂直供玻尿酸面膜，招全国代理，一件代发不压货，想赚零花钱的宝妈快来问我"
OTHER = "宝宝爬行垫团购最后一天，海绵加厚不怕摔，要的妈妈赶紧私我拼单包邮到家"
PARTS = ("swing_campaigns", "swing_broadcast", "swing_rest")


def tables(diary: Any) -> tuple[dict[tuple[int, str], dict[str, Any]], dict[tuple[int, str, str], dict[str, Any]]]:
    """Rows of daily_summary by day and platform, of daily_feelings (platform weibo) by day, part and name."""
    found = summary(diary.posts, diary.features, diary.judgements, diary.members, diary.trust(400))
    days = {(row["date"].day, row["platform"]): row for row in found.daily_summary.to_pylist()}
    named = {
        (row["date"].day, row["part"], row["name"]): row
        for row in found.daily_feelings.to_pylist()
        if row["platform"] == "weibo"
    }
    return days, named


def ordinary(diary: Any, day: int, mean: float, n: int = 40) -> None:
    """A day of n authors, one post each, whose moods have that mean."""
    for i in range(n):
        diary.post(f"u{i}", day, sentiment=mean + 0.4 * (i % 2) - 0.2)


def advertise(diary: Any, day: int, n: int, sentiment: float = 0.9, text: str = ADVERT, **more: Any) -> None:
    for i in range(n):
        diary.post(f"s{i}", day, text, hour=1 + i / 10, sentiment=sentiment, label="sell", **more)


def test_a_planted_campaign_is_the_whole_swing(diary: Any) -> None:
    ordinary(diary, 0, -0.1)
    ordinary(diary, 1, -0.1)
    advertise(diary, 1, 20)
    days, _ = tables(diary)
    first, row = days[1, "weibo"], days[2, "weibo"]
    assert [first[name] for name in ("sentiment_swing", *PARTS, "swing_campaigns_low")] == [None] * 5
    assert row["n_feeling_campaigns"] == 20
    assert row["sentiment_swing"] == pytest.approx((-0.1 * 40 + 0.9 * 20) / 60 + 0.1, abs=1e-6)
    assert [row[name] for name in PARTS] == pytest.approx([row["sentiment_swing"], 0, 0], abs=1e-6)
    assert 0 < row["swing_campaigns_low"] < row["swing_campaigns"] < row["swing_campaigns_high"]
    assert days[2, "all"]["swing_campaigns"] == row["swing_campaigns"]


def test_a_turn_of_mood_beside_a_campaign_is_told_apart(diary: Any) -> None:
    ordinary(diary, 0, 0.2)
    ordinary(diary, 1, -0.3)
    advertise(diary, 1, 10)
    for i in range(5):
        diary.post(f"b{i}", 1, sentiment=0.6, label="bait")  # broadcasting outside campaigns
    days, _ = tables(diary)
    row = days[2, "weibo"]
    outside = (-0.3 * 40 + 0.6 * 5) / 45
    whole = (-0.3 * 40 + 0.6 * 5 + 0.9 * 10) / 55
    assert [row[n] for n in PARTS] == pytest.approx([whole - outside, outside + 0.3, -0.5], abs=1e-6)
    assert sum(row[n] for n in PARTS) == pytest.approx(row["sentiment_swing"], abs=1e-12)
    assert [row["n_feeling_broadcast"], row["sentiment_rest"]] == [5, pytest.approx(-0.3, abs=1e-6)]


def test_a_campaign_that_ends_lets_the_mean_fall(diary: Any) -> None:
    ordinary(diary, 0, -0.1)
    advertise(diary, 0, 20)
    ordinary(diary, 1, -0.1)
    row = tables(diary)[0][2, "weibo"]
    assert row["swing_campaigns"] == pytest.approx(row["sentiment_swing"], abs=1e-6)
    assert row["swing_campaigns_high"] < 0


def test_the_interval_of_a_swing_covers_the_planted_one(new_diary: Any) -> None:
    """Forty worlds: ordinary moods by chance, a campaign of as many authors each time."""
    dice, covered = np.random.default_rng(4), 0
    truth = (-0.1 * 60 + 0.8 * 20) / 80 + 0.1
    for _ in range(40):
        diary = new_diary()
        for day in (0, 1):
            for _ in range(60):
                diary.post(f"u{dice.integers(10**9)}", day, sentiment=float(dice.uniform(-0.7, 0.5)))
        advertise(diary, 1, 20, 0.8)
        row = tables(diary)[0][2, "weibo"]
        covered += row["swing_campaigns_low"] <= truth <= row["swing_campaigns_high"]
    assert covered >= 34


def test_a_gap_of_days_is_no_swing_and_a_day_of_nothing_but_campaigns_has_no_parts(diary: Any) -> None:
    ordinary(diary, 0, 0.1)
    ordinary(diary, 2, 0.3)
    advertise(diary, 3, 20)
    days, _ = tables(diary)
    assert [days[3, "weibo"][name] for name in ("sentiment_swing", *PARTS)] == [None] * 4
    assert days[4, "weibo"]["sentiment_swing"] == pytest.approx(0.6, abs=1e-6)
    assert [days[4, "weibo"][name] for name in (*PARTS, "sentiment_rest", "swing_campaigns_low")] == [None] * 5


def test_days_of_a_platform_are_compared_with_its_own(diary: Any) -> None:
    ordinary(diary, 0, 0.1)
    ordinary(diary, 1, 0.3)
    for day, mood in ((0, 0.0), (1, -0.8)):
        diary.post("q", day, sentiment=mood, platform="qzone")
    days, _ = tables(diary)
    assert days[2, "weibo"]["sentiment_swing"] == pytest.approx(0.2, abs=1e-6)
    assert days[2, "qzone"]["sentiment_swing"] == pytest.approx(-0.8, abs=1e-6)
    assert days[2, "all"]["sentiment_swing"] == pytest.approx((0.2 * 40 - 0.8) / 41, abs=1e-6)


def test_a_day_by_topic_keyword_and_campaign_counted_by_hand(diary: Any) -> None:
    for i in range(12):
        topics = ["天气", "天气"] if i < 10 else ["少见"]  # a post that says it twice has it once
        diary.post(f"u{i}", 0, sentiment=0.5, topics=topics, source_keywords=["下雨"])
    advertise(diary, 0, 3, 1.0, topics=["天气"])
    advertise(diary, 0, 1, 1.0, OTHER)
    _, named = tables(diary)
    assert sorted(key[1:] for key in named) == [("campaign", "weibo:p00012"), ("keyword", "下雨"), ("topic", "天气")]
    topic, campaign = named[1, "topic", "天气"], named[1, "campaign", "weibo:p00012"]
    assert [topic[n] for n in ("n_posts", "n_authors", "n_feeling", "n_genuine")] == [13, 13, 13, 10]
    assert topic["broadcast_share"] == pytest.approx(3 / 13)
    assert [topic[n] for n in ("sentiment_all", "sentiment_genuine")] == pytest.approx([8 / 13, 0.5])
    assert topic["sentiment_difference"] == pytest.approx(0.5 - 8 / 13)
    assert topic["difference_low"] < topic["sentiment_difference"] < topic["difference_high"]
    assert topic["sentiment_lent"] == pytest.approx(10 / 16 - 2 / 3)
    assert [campaign[n] for n in ("n_posts", "n_genuine", "sentiment_genuine", "difference_low")] == [3, 0, None, None]
    assert campaign["sentiment_lent"] == pytest.approx(10 / 16 - 7 / 13)


def test_all_platforms_are_beside_all_of_the_day(diary: Any) -> None:
    for i in range(10):
        diary.post(f"u{i}", 0, sentiment=0.5, topics=["天气"])
        diary.post(f"u{i}", 0, sentiment=-0.5)
        diary.post(f"u{i}", 0, sentiment=-1.0, platform="qzone")
    found = summary(diary.posts, diary.features, diary.judgements, diary.members, diary.trust(400)).daily_feelings
    lent = {row["platform"]: row["sentiment_lent"] for row in found.to_pylist()}
    assert lent == {"weibo": pytest.approx(0.5), "all": pytest.approx(-1 / 3 + 0.75)}


def test_what_is_all_of_a_day_lends_it_nothing_that_can_be_told(diary: Any) -> None:
    for i in range(10):
        diary.post(f"u{i}", 0, sentiment=0.5, topics=["全部"])
    assert tables(diary)[1][1, "topic", "全部"]["sentiment_lent"] is None
