from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SchemaError
from pipeline.learn.trust import NOT_LEARNED
from pipeline.steps.author_across import FEATURES as ACROSS
from pipeline.steps.author_life import lives
from pipeline.steps.trust import author_trust, components, interval, trust_score
from pipeline.tables import AUTHOR_FEATURES, COMPONENTS, schema
from pipeline.trust_model import TrustModel

KNOWN_AT = datetime(2016, 1, 1, tzinfo=UTC)
ADVERT = "本厂直供玻尿酸面膜，招全国代理，一件代发不压货，想赚零花钱的宝妈快来问我"
OTHER_ADVERT = "宝宝爬行垫团购最后一天，海绵加厚不怕摔，要的妈妈赶紧私我拼单包邮到家"
APP = "我刚刚在跑步软件里完成了一次晨跑，全程五公里，快来和我一起运动吧"
TALES = ("带女儿去看长颈鹿", "晚饭做了红烧茄子", "加班到十点坐过了站", "茉莉终于开了一朵")  # too short to be campaigns


def _row(table: pa.Table, author: str) -> dict[str, Any]:
    [row] = [r for r in table.to_pylist() if r["author_id"] == author]
    return row


def _paved_seller(diary: Any) -> None:
    """A post every 4 days for 400 days, the last 5 of 101 selling (days 384 to 400); talks with people."""
    for day in range(0, 401, 4):
        selling = day >= 384
        diary.post("seller", day, TALES[day // 4 % 4], hour=day // 4 % 2 * 6 + 10, label="sell" if selling else "share",
                   n_mentions=0 if selling else 1, n_emoticons=1, sentiment=0.5 if day % 8 else -0.5, followers=2000,
                   likes=30 if selling else 10 if day >= 200 else 50, first_person_per_100=5.0, affect_per_100=2.0)  # fmt: skip


def test_a_paved_seller_by_hand(diary: Any) -> None:
    _paved_seller(diary)
    row = _row(diary.trust(400), "seller")
    assert (row["n_posts"], row["history_days"], row["right_censored"], row["left_censored"]) == (101, 401, False, True)
    days = [d for d in range(311, 401) if d % 4 == 0]  # the posts of the last 90 days, 312 to 400
    mean = np.array([0.5 if d % 8 else -0.5 for d in days])
    expected = {
        "paving_days": 384, "paving_active_days": 96, "paving_density": 96 / 384, "paving_posts": 96,
        "first_person_per_100tok": 5, "affect_words_per_100tok": 2, "emoticon_cnt": 1, "mention_rate": 96 / 101,
        "sent_sd_W90": mean.std(), "active_day_ratio_W90": len(days) / 90, "gap_cv": 6 / 96, "burstiness": (6 - 96) / (6 + 96),
        "hour_entropy": -(51 / 101 * np.log2(51 / 101) + 50 / 101 * np.log2(50 / 101)),
        "engagement_per_kfollower": 1000 * 30 / 2000, "onset_lift": 3,
        "agency_share_W90": 0, "commerce_share_W90": 5 / len(days), "recruit_share_W90": 0,
        "broadcast_share_W90": 5 / len(days), "own_dup_W7": 0, "posts_per_hour_max_W7": 1, "campaign_share_W30": 0,
        "camp_authors_W30": 0, "camp_span_h": None, "profit_drift": row["profit_drift"],
        "repost_share": 0, "auto_share": 0, "broadcast_mean": (96 * 0.1 + 5 * 0.9) / 101,
        "own_broadcast_share": (96 * 0.1 + 5 * 0.9) / 101, "own_bait_share": 0,
        "sell_share": 5 / 101, "recruit_share": 0, "bait_share": 0, "news_share": 0, "commerce_share": 5 / 101,
        "contact_share": 0, "stock_share": 0, "flood_share": 0, "own_repeat_share": 0, "echo_share": 0,
        "link_rate": 0, "tokens_per_post": 0, "comments_per_post": None, "posts_per_active_day": 1, "night_share": 0,
        "silent_days": 0, "days_since_sale": 0,
        "engagement_mean": (50 * 50 + 46 * 10 + 5 * 30) / 101, "sentiment_mean": (50 - 51) * 0.5 / 101,
        "stock_to_recruit_lift": None, "gap_median_h": 96, "gap_log_sd": (np.log2(103) - np.log2(91)) / 2,
        "accessory_index": 0, "recruit_headcount": None, "recruit_entryfee": None, "recruit_teampay": None,
        "daigou_hit": 0, "price_gap_hit": 0, "topic_focus": None, "topic_continuity": None,
        "platform_cnt": None, "platform_entropy": None, "feed_share_1h": None,
        "app_entropy": None, "top_app_share": None, "followers": 2000, "following": None, "author_posts": None,
    }  # fmt: skip
    assert set(expected) == set(AUTHOR_FEATURES)
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert row["trust_reasons"] == [
        "384 days of sharing (96 with a post) before the first sale", "a post on 23 of the last 90 days",
        "names others 10 times in 10 posts",
    ]  # fmt: skip


def _agent(diary: Any, author: str = "agent") -> None:
    """Two months of recruiting every day, the same text every other day."""
    for day in range(340, 401):
        diary.post(author, day, ADVERT if day % 2 else TALES[day % 4], label="recruit" if day % 2 else "sell")


def test_an_agent_by_hand(diary: Any) -> None:
    _agent(diary)
    row = _row(diary.trust(400), "agent")
    assert [row[name] for name in ("paving_days", "paving_active_days", "paving_density", "n_posts")] == [
        0,
        0,
        None,
        61,
    ]
    assert row["agency_share_W90"] == row["recruit_share_W90"] == pytest.approx(30 / 61)
    assert row["commerce_share_W90"] == 1
    assert row["own_dup_W7"] == pytest.approx(3 / 7)  # days 394 to 400 hold the text on 395, 397, 399
    assert row["camp_span_h"] == pytest.approx((399 - 341) * 24)
    assert row["trust_score"] < 0.2
    assert row["trust_reasons"][:2] == [
        "recruits in 49% of posts since 2016-02",
        "repeats itself in 43% of posts in 7 days",
    ]


def test_four_accounts_that_flood_by_hand(diary: Any) -> None:
    for account in "abcd":
        for i in range(10):
            text = (ADVERT, OTHER_ADVERT)[i % 2] if i < 4 else TALES[i % 4]
            diary.post(account, 100 + i, text, hour=ord(account) - 90, label="bait" if i < 4 else "share")
    row = _row(diary.trust(115), "c")
    assert [row[name] for name in ("campaign_share_W30", "camp_authors_W30")] == [0.4, 4]
    assert row["camp_span_h"] == 48 + 3  # the longer of the two: days 100 to 102, accounts three hours apart
    assert "4 of 10 posts in 2 floods" in row["trust_reasons"]
    assert row["own_dup_W7"] is None or row["own_dup_W7"] == 0  # nothing was repeated in the last week
    assert _row(diary.trust(131), "c")["campaign_share_W30"] == pytest.approx(2 / 8)  # days 102 to 131 are left


def test_someone_whose_running_app_posts_is_no_flooder(diary: Any) -> None:
    for day in range(100):
        diary.post("runner", day, APP, is_auto_share=True, label="auto")
        diary.post("another runner", day, APP, is_auto_share=True, label="auto")
        diary.post("runner", day, TALES[day % 4], hour=20)
    row = _row(diary.trust(100), "runner")
    assert [row[name] for name in ("campaign_share_W30", "camp_authors_W30", "own_dup_W7", "flooding")] == [0, 0, 0, 0]
    assert row["originality"] == 0.5
    assert row["trust_score"] > 0.6


def test_trust_ranks_a_paved_seller_above_a_silent_account_above_an_agent(diary: Any) -> None:
    _paved_seller(diary)
    _agent(diary)
    diary.post("silent", 300, TALES[0])
    scores = {r["author_id"]: r["trust_score"] for r in diary.trust(400).to_pylist()}
    assert scores["seller"] > 0.7 > scores["silent"] == 0.5 > scores["agent"]


def test_the_percentile_counts_among_the_model_s_reference_accounts_of_the_platform(diary: Any) -> None:
    _paved_seller(diary)
    _agent(diary)
    diary.post("silent", 300, TALES[0])
    diary.post("elsewhere", 300, TALES[0], platform="qzone")
    model = replace(MODEL, reference={"weibo": (0.3, 0.4, 0.5, 0.6)})
    found = {r["author_id"]: r["trust_percentile"] for r in diary.trust(400, model).to_pylist()}
    assert found == {"agent": 0, "silent": 0.5, "seller": 1, "elsewhere": None}
    assert set(diary.trust(400)["trust_percentile"].to_pylist()) == {None}  # without a model nothing to count in


@pytest.mark.parametrize("n", [0, 1, 4])
def test_under_five_posts_everything_is_unknown_and_the_score_is_the_prior(diary: Any, n: int) -> None:
    diary.post("a", 0, "你也来啦", kind="comment")
    for day in range(n):
        diary.post("a", day, TALES[day], label="recruit")
    row = _row(diary.trust(10), "a")
    assert [row[name] for name in [*AUTHOR_FEATURES, *COMPONENTS]] == [None] * (len(AUTHOR_FEATURES) + len(COMPONENTS))
    assert row["trust_score"] == 0.5
    assert (row["trust_low"], row["trust_high"]) == pytest.approx((0.1, 0.9))
    assert row["trust_reasons"] == [f"{n} posts in all: too few to judge by"]
    assert (row["history_days"], row["right_censored"]) == ((n, n < 3) if n else (None, None))


def test_repeats_are_unknown_where_every_source_drops_them(diary: Any) -> None:
    for day in range(6):
        diary.post("all dropped", day, ADVERT, source_dedups=True)
        diary.post("some dropped", day, ADVERT, source_dedups=day > 0)
    table = diary.trust(6)
    assert _row(table, "all dropped")["own_dup_W7"] is None
    assert _row(table, "some dropped")["own_dup_W7"] == pytest.approx(5 / 6)


def test_own_repeats_are_a_share_of_own_posts(diary: Any) -> None:
    for day in range(6):
        diary.post("a", day, ADVERT)
        diary.post("a", day, TALES[day % 4], kind="repost", is_repost=True)
        diary.post("a", day, APP, is_auto_share=True)
    row = _row(diary.trust(6), "a")
    assert row["own_dup_W7"] == pytest.approx(5 / 6)
    assert row["own_repeat_share"] == pytest.approx(5 / 18)


def test_emoticons_are_unknown_where_the_exporter_drops_them(diary: Any) -> None:
    for day in range(6):
        diary.post("all dropped", day, emoticons_dropped=True)
        diary.post("some dropped", day, n_emoticons=day, emoticons_dropped=day > 2)
    table = diary.trust(6)
    assert _row(table, "all dropped")["emoticon_cnt"] is None
    assert _row(table, "some dropped")["emoticon_cnt"] == pytest.approx((0 + 1 + 2) / 3)


def test_an_interest_that_is_left_for_selling_by_hand(diary: Any) -> None:
    for day in range(400, 440, 10):
        diary.post("a", day, topic="food")
    for day in (440, 450, 460, 470, 480):
        diary.post("a", day, topic="travel")
    diary.post("a", 100, topic="money")  # before the year, and before the 180 days
    for i in range(6):
        diary.post("a", 500 + i, label="sell", topic="looks")  # selling is no interest
        diary.post("a", 501 + i, topic="food" if i < 3 else "home")
    row = _row(diary.trust(520), "a")
    share = np.array([4 + 3, 5, 3]) / 15
    assert row["topic_focus"] == pytest.approx(1 + (share * np.log(share)).sum() / np.log(15))
    assert row["topic_continuity"] == pytest.approx(4 * 3 / np.sqrt((16 + 25) * (9 + 9)))
    assert _row(diary.trust(504), "a")["topic_continuity"] is None  # four with a topic after
    for day in range(5):
        diary.post("one thing", day, topic="sport")
        diary.post("four", day, topic="sport" if day else None)
    assert (_row(diary.trust(9), "one thing")["topic_focus"], _row(diary.trust(9), "four")["topic_focus"]) == (1, None)


def test_one_contact_on_many_platforms_by_hand(diary: Any) -> None:
    for day in range(5):
        diary.post("a", day, contact_hashes=["x"] if day < 3 else None)
        diary.post("other", day, platform="qzone", contact_hashes=["x", "y"] if day == 1 else None)
        diary.post("stranger", day, platform="douyin", contact_hashes=["z"])
        diary.post("plain", day)
    diary.post("later", 7, platform="xiaohongshu", contact_hashes=["x"])
    diary.post(None, 2, platform="tieba", contact_hashes=["x"])  # nobody known
    diary.post("plain", 3, kind="comment", platform="douban", contact_hashes=["x"])  # a warning, say
    diary.post("plain", 3, kind="repost", is_repost=True, platform="douban", contact_hashes=["x"])
    found = {r["author_id"]: (r["platform_cnt"], r["platform_entropy"]) for r in diary.trust(6).to_pylist()}
    bits = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert found["a"] == (2, pytest.approx(bits))
    assert found["other"] == (2, pytest.approx(-(0.6 * np.log2(0.6) + 0.4 * np.log2(0.4))))  # x thrice and once, y once
    assert found["stranger"] == (1, 0)
    assert found["plain"] == (None, None)
    assert _row(diary.trust(7), "a")["platform_cnt"] == 3


def test_posts_whose_hour_is_not_known_tell_nothing_of_hours(diary: Any) -> None:
    names = ("hour_entropy", "night_share", "posts_per_hour_max_W7", "gap_cv", "burstiness", "gap_median_h")
    for day in range(6):
        diary.post("dated", day, hour=0, posted_at_precision="day")
        diary.post("timed", day, hour=6 + day)
        diary.post("mixed", day, hour=6 + day)
        diary.post("mixed", day, hour=0, posted_at_precision="approximate")
    dated, timed, mixed = (_row(diary.trust(6), name) for name in ("dated", "timed", "mixed"))
    assert [dated[name] for name in names] == [None] * len(names)
    assert [mixed[name] for name in names] == [timed[name] for name in names]
    assert None not in [timed[name] for name in names]
    assert dated["trust_score"] is not None


def test_the_share_of_a_feed_in_its_hour_by_hand(diary: Any) -> None:
    for minute in range(8):
        diary.post("a", 40, hour=9 + minute / 60, community="宝妈群")
    for i, author in enumerate(["b", "b", None, "c"]):
        diary.post(author, 40, hour=9.5 + i / 60, community="宝妈群")
        diary.post(author, 40, hour=11 + i / 60, community="宝妈群")  # four posts are no busy hour
        diary.post(author, 40, hour=9.5, community="宝妈群", platform="qzone")  # of that name elsewhere
    diary.post("a", 40, hour=9.9, community="宝妈群", kind="comment")
    for name in ("b", "c"):
        for day in range(5):
            diary.post(name, day)
    assert _row(diary.trust(41), "a")["feed_share_1h"] == pytest.approx(8 / 12)
    rows = [r for r in diary.trust(41).to_pylist() if r["author_id"] == "b" and r["platform"] == "weibo"]
    assert [r["feed_share_1h"] for r in rows] == [pytest.approx(2 / 12)]
    assert _row(diary.trust(70), "a")["feed_share_1h"] is None  # 30 days on


def test_selling_sets_in_where_three_commercial_posts_fall_within_thirty_days(diary: Any) -> None:
    for day in [0, 1, 2, 3, 10, 39, 40, 68]:  # 10 to 40 are 31 local days, 39 to 68 are 30
        diary.post("a", day, TALES[day % 4], label="sell" if day >= 10 else "share")
    row = _row(diary.trust(80), "a")
    assert row["paving_days"] == 39
    assert not row["right_censored"]


def test_two_commercial_posts_are_no_sustained_selling(diary: Any) -> None:
    for day in [0, 1, 2, 3, 10, 39]:
        diary.post("a", day, TALES[day % 4], label="sell" if day >= 10 else "share")
    row = _row(diary.trust(80), "a")
    assert (row["paving_days"], row["right_censored"]) == (80, True)
    assert row["trust_reasons"] == []


def test_a_life_begun_inside_the_window_is_not_left_censored(diary: Any) -> None:
    for author, first in [("old", 0), ("week", 7), ("new", 8)]:
        for day in range(5):
            diary.post(author, first + day, TALES[day % 4])
    assert [_row(diary.trust(30), a)["left_censored"] for a in ("old", "week", "new")] == [True, True, False]


def test_drift_is_the_theil_sen_slope_and_the_month_it_broke(diary: Any) -> None:
    selling = {
        0: 0,
        1: 0,
        2: 1,
        3: 0,
        5: 6,
        6: 8,
        7: 7,
        8: 9,
        9: 8,
    }  # of 10 posts in each month from March; none in August
    starts = [(date(2015 + (2 + m) // 12, (2 + m) % 12 + 1, 1) - date(2015, 3, 1)).days for m in range(11)]
    for month, n in selling.items():
        for i in range(10):
            diary.post("a", starts[month] + i, TALES[i % 4], label="sell" if i < n else "share")
    from scipy.stats import theilslopes

    row = _row(diary.trust(starts[10] - 1), "a")
    slope = theilslopes([n / 10 for n in selling.values()], [starts[m] / 30 for m in selling])[0]
    assert row["profit_drift"] == pytest.approx(slope)
    assert row["shift_month"] == "2015-08"
    assert row["drift"] == pytest.approx(min(12 * slope, 1))


def test_five_months_tell_no_drift_and_an_even_share_no_shift(diary: Any) -> None:
    for day in range(0, 300, 10):
        diary.post("even", day, TALES[day % 4])
    for day in range(0, 150, 10):
        diary.post("short", day + 160, TALES[day % 4])
    even, short = (_row(diary.trust(301), author) for author in ("even", "short"))
    assert (even["profit_drift"], even["shift_month"]) == (0, None)
    assert (short["profit_drift"], short["shift_month"]) == (None, None)


def test_followers_are_those_of_the_newest_snapshot(diary: Any) -> None:
    for day in range(5):
        diary.post("a", day, likes=10, followers=[500, None, 100, 300, 200][day],
                   last_seen_at=datetime(2015, 5, [9, 9, 20, 9, 9][day], tzinfo=UTC))  # fmt: skip
    assert _row(diary.trust(9), "a")["engagement_per_kfollower"] == pytest.approx(1000 * 10 / 100)


def test_gaps_are_those_between_posts_not_between_days(diary: Any) -> None:
    for day, hour in [(0, 9), (0, 10), (0, 12), (1, 12), (1, 13)]:  # gaps of 1, 2, 24 and 1 hours
        diary.post("a", day, hour=hour)
    diary.post("a", 0, hour=11, kind="comment")
    for author, day in [("few", day) for day in (0, 0, 3, 9)] + [("at once", 0)] * 5:
        diary.post(author, day)
    gaps = np.array([1, 2, 24, 1])
    row = _row(diary.trust(9), "a")
    assert row["gap_cv"] == pytest.approx(gaps.std() / gaps.mean())
    assert row["burstiness"] == pytest.approx((gaps.std() - gaps.mean()) / (gaps.std() + gaps.mean()))
    assert row["gap_median_h"] == 1.5
    for author in ("few", "at once"):
        assert [_row(diary.trust(9), author)[name] for name in ("gap_cv", "burstiness")] == [None, None]


def test_comments_per_post_are_those_received(diary: Any) -> None:
    for day, comments in enumerate([4, None, 0, 2, 1, 3]):
        diary.post("a", day, comments=comments)
        diary.post("a", day, "谢谢", kind="comment", comments=99)
        diary.post("few", day, comments=comments if day < 5 else None)
    assert _row(diary.trust(9), "a")["comments_per_post"] == 2
    assert _row(diary.trust(9), "few")["comments_per_post"] is None  # known of four posts


def test_engagement_is_a_median_and_its_lift_that_of_ninety_days(diary: Any) -> None:
    quiet = [1, 2, 3, 4, 900]  # a post that went everywhere moves no median
    for day, likes in enumerate([777, 777, *quiet]):  # the first two lie 91 and 92 days before selling sets in
        diary.post("a", day if day < 2 else day * 10, likes=likes, followers=1500)
    for i, likes in enumerate([8, 10, 9, 12, 700, None]):
        diary.post("a", 92 + i, likes=likes, label="sell", followers=1500)
    diary.post("a", 182, likes=777, followers=1500)
    row = _row(diary.trust(182), "a")
    everything = [777, 777, *quiet, 8, 10, 9, 12, 700, 777]
    assert row["engagement_per_kfollower"] == pytest.approx(1000 * np.median(everything) / 1500)
    assert row["onset_lift"] == pytest.approx(10 / 3)
    assert _row(diary.trust(95), "a")["onset_lift"] is None  # four posts after


def test_the_busiest_hour_does_not_care_where_the_clock_stands(diary: Any) -> None:
    for day in range(4):
        diary.post("a", day, TALES[day])
    for minute in (45, 55, 65, 104, 105):  # 12:45 to 13:44 hold four of them, 13:45 is an hour after the first
        diary.post("a", 9, TALES[0], hour=12 + minute / 60)
    diary.post("a", 9, TALES[0], hour=13, kind="comment")
    assert _row(diary.trust(9), "a")["posts_per_hour_max_W7"] == 4
    assert _row(diary.trust(16), "a")["posts_per_hour_max_W7"] == 0


def test_apps_are_told_apart_where_they_are_stated(diary: Any) -> None:
    for day, app in enumerate(["iPad", "iPad", "iPad", "网页版", None, ""]):
        diary.post("a", day, TALES[day % 4], app=app)
    row = _row(diary.trust(9), "a")
    assert row["top_app_share"] == 0.75
    assert row["app_entropy"] == pytest.approx(-(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25)))


def test_recruiting_after_stock_pressure_by_hand(diary: Any) -> None:
    for day in (0, 40, 80, 120):
        diary.post("a", day, TALES[0], stock_cues=1, label="sell")
    for day in (45, 50, 85, 200):
        diary.post("a", day, TALES[1], label="recruit")
    # Days 0 to 170 are over 30 days past. Recruiting follows days 15-44 (45), 45-49 (50), 55-84 (85) and 170 (200).
    assert _row(diary.trust(200), "a")["stock_to_recruit_lift"] == pytest.approx((2 / 4) / (66 / 171))
    assert _row(diary.trust(109), "a")["stock_to_recruit_lift"] is None  # the third day of pressure is 29 days old


def test_an_agency_without_a_product_by_hand(diary: Any) -> None:
    texts = [
        "招代理，推荐一个人奖五十",
        "代理费只要300，首批款另算",
        "团队业绩有分红",
        "面膜25ml一盒，含有蜂蜜，招代理",
        "诚招代理",
    ]
    for day, text in enumerate(texts):
        diary.post("a", day, text, label="recruit")
    diary.post("a", 6, "日本直邮，专柜价要820，我这里半价", label="sell")
    diary.post("b", 6, "代购又涨价了，专柜价要820")
    for day in range(5):
        diary.post("b", day, TALES[day % 4])
    names = (
        "accessory_index",
        "recruit_headcount",
        "recruit_entryfee",
        "recruit_teampay",
        "daigou_hit",
        "price_gap_hit",
    )
    row = _row(diary.trust(9), "a")
    assert [row[name] for name in names] == pytest.approx([5 / 6 * (1 - 1 / 5), 1 / 5, 1 / 5, 1 / 5, 1, 1])
    assert [_row(diary.trust(9), "b")[name] for name in names] == [None, None, None, None, 0, 0]  # talk is no trade


def test_bait_and_broadcasting_passed_on_are_not_one_s_own(diary: Any) -> None:
    for day in range(10):
        own = day < 4
        diary.post("a", day, TALES[day % 4], label="bait", is_repost=not own, is_auto_share=day == 3)
    row = _row(diary.trust(9), "a")
    assert (row["bait_share"], row["own_bait_share"]) == (1, 0.3)
    assert row["broadcast_mean"] == pytest.approx(0.9)
    assert row["own_broadcast_share"] == pytest.approx(0.27)
    assert row["restraint"] == pytest.approx(0.73)
    assert row["flooding"] == pytest.approx(0.3 / 0.8)


def test_a_recent_share_is_settled_by_ten_posts_of_the_whole_history(diary: Any) -> None:
    for day in range(100):
        diary.post("a", day, TALES[day % 4])
    for day in (300, 310):
        diary.post("a", day, TALES[day % 4], label="recruit", broadcast_probability=0)
    row = _row(diary.trust(310), "a")
    assert row["recruit_share_W90"] == 1
    share = (2 + 10 * 2 / 102) / (2 + 10)
    assert row["recruitment"] == pytest.approx(share / (share + 0.1))
    assert row["restraint"] == pytest.approx(1 - share)


def test_the_month_in_which_selling_moved_to_a_shop_platform(diary: Any) -> None:
    shop = ["https://shop123.weidian.com/item.html?itemID=9"]
    for day, links in [(1, None), (2, None), (35, shop), (36, None), (37, None), (65, shop), (66, ["http://t.cn/Ab1"])]:
        diary.post("a", day, TALES[day % 4], label="sell", links=links)
    diary.post("a", 36, TALES[0], links=shop)  # no selling
    assert _row(diary.trust(64), "a")["migration_month"] is None  # April: one of three
    assert _row(diary.trust(70), "a")["migration_month"] == "2015-05"


def test_an_exit_is_sixty_days_without_a_sale(diary: Any) -> None:
    for day in range(6):
        diary.post("seller", day, TALES[day % 4], label="sell" if day < 4 else "share")
        diary.post("sharer", day, TALES[day % 4])
    assert [_row(diary.trust(day), "seller")["exited"] for day in (10, 62, 63)] == [False, False, True]
    assert _row(diary.trust(63), "sharer")["exited"] is None


def test_no_author_no_rows(diary: Any) -> None:
    assert diary.trust(10).equals(schema("author_trust").empty_table())
    diary.post("later", 20)
    assert len(diary.trust(10)) == 0


def test_words_name_at_most_four_reasons_the_worst_first(diary: Any) -> None:
    for day in range(200):
        diary.post("b", day, TALES[day % 4], n_mentions=1)
    for i in range(40):
        for account in "ab":
            diary.post(account, 201, ADVERT + "！" * i, hour=12 + i / 60, label="recruit", n_mentions=1)
    reasons = _row(diary.trust(201), "b")["trust_reasons"]
    assert reasons == [
        "recruits in 71% of posts since 2015-09", "40 of 68 posts in 1 flood", "repeats itself in 87% of posts in 7 days",
        "40 posts within one hour",
    ]  # fmt: skip


# The laws


# Few authors and days, so that most examples hold authors with features, floods and posts on both sides of a date.
WRITTEN = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "a", None]), st.one_of(st.integers(0, 40), st.none()), st.integers(0, 23),
        st.sampled_from([ADVERT, ADVERT + "最后一天", OTHER_ADVERT, *TALES]),
        st.sampled_from(["share", "sell", "recruit"]), st.sampled_from(["post", "comment"]), st.integers(0, 3),
    ),
    max_size=50,
)  # fmt: skip
DENSE = WRITTEN.filter(lambda written: len(written) > 12)


def _diary(new_diary: Any, written: list[Any]) -> Any:
    diary = new_diary()
    for author, day, hour, text, label, kind, n in written:
        diary.post(author, day, text, hour=hour, label=label, kind=kind, likes=n, n_mentions=n, followers=n or None,
                   is_repost=n == 3, source_dedups=n == 2, sentiment=n / 3, comments=n, topic=[None, "food", "work", "food"][n],
                   contact_hashes=[[], ["x"], ["x", "y"], ["z"]][n] or None, community="群" if n else None,
                   emoticons_dropped=n == 1, n_emoticons=n)  # fmt: skip
    return diary


@settings(deadline=None, max_examples=60)
@given(DENSE, st.integers(10, 35))
def test_deleting_everything_later_changes_no_row(new_diary: Any, written: list[Any], day: int) -> None:
    diary = _diary(new_diary, written)
    end = datetime(2015, 2, 28, 16, tzinfo=UTC) + timedelta(days=day + 1)
    earlier = new_diary([row for row in diary.rows if row["posted_at"] is None or row["posted_at"] < end])
    assert diary.trust(day).equals(earlier.trust(day))


@settings(deadline=None, max_examples=25)
@given(WRITTEN, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(new_diary: Any, written: list[Any], dice: random.Random) -> None:
    diary = _diary(new_diary, written)
    tables = (diary.days, diary.members, diary.posts)
    mixed = [t.take(pa.array(dice.sample(range(len(t)), len(t)), pa.int64())) for t in tables]
    as_of = date(2015, 3, 1) + timedelta(days=30)
    assert author_trust(*mixed, as_of=as_of, known_at=KNOWN_AT, model=MODEL).equals(diary.trust(30, MODEL))


def test_what_others_do_tomorrow_changes_nothing_today(diary: Any, new_diary: Any) -> None:
    for day in range(6):
        diary.post("a", day, ADVERT if day == 5 else TALES[day % 4], followers=100, likes=1)
    today = new_diary(list(diary.rows)).trust(5)
    for author in "ab":
        diary.post(author, 6, ADVERT, followers=9999, source_dedups=True)
    assert diary.trust(5).equals(today)
    assert _row(today, "a")["camp_authors_W30"] == 0  # one post is no campaign yet


@settings(deadline=None, max_examples=25)
@given(WRITTEN)
def test_an_author_s_features_do_not_hang_on_the_others(new_diary: Any, written: list[Any]) -> None:
    alone = [w for w in written if w[0] == "a" and w[3] in TALES]  # no campaigns: those are about others
    crowd = [w for w in written if w[0] != "a"]
    own = [name for name in AUTHOR_FEATURES if name not in ACROSS]  # a feed and a contact are others' as well
    names = [*own, *COMPONENTS, "trust_score", "trust_low", "trust_high", "spam_author_probability"]
    one = _diary(new_diary, alone).trust(30, MODEL)
    many = _diary(new_diary, alone + crowd).trust(30, MODEL)
    many = many.filter(pa.compute.equal(many["author_id"], "a"))
    assert one.select(names).equals(many.select(names))


@settings(deadline=None)
@given(st.floats(0, 1), st.integers(0, 10_000), st.integers(5, 10_000))
def test_the_interval_holds_the_score_and_narrows_with_posts(score: float, n: int, more: int) -> None:
    (low, less), (high, higher) = interval(np.array([score, score]), np.array([n, n + more]))
    assert 0 <= low <= score <= high <= 1
    if 0.1 < score < 0.9:
        assert higher - less < high - low


PARTS = st.fixed_dictionaries({name: st.floats(0, 1) for name in COMPONENTS})


@settings(deadline=None)
@given(PARTS, st.sampled_from(sorted(COMPONENTS)), st.floats(0, 1), st.integers(5, 500))
def test_virtue_never_lowers_and_abuse_never_raises_trust(
    parts: dict[str, float], name: str, other: float, n: int
) -> None:
    low, high = sorted((parts[name], other))
    both = {key: np.array([value, value]) for key, value in parts.items()} | {name: np.array([low, high])}
    less, more = trust_score(both, np.array([n, n]))
    if name in ("recruitment", "flooding", "drift"):
        assert more <= less
    else:
        assert more >= less
    assert 0 <= min(less, more) <= max(less, more) <= 1


def test_without_evidence_even_the_best_stay_at_the_prior() -> None:
    best = {name: np.array([0.0 if name in ("recruitment", "flooding", "drift") else 1.0]) for name in COMPONENTS}
    assert trust_score(best, np.array([4]))[0] == 0.5
    assert trust_score(best, np.array([20]))[0] == pytest.approx(0.75)


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_components_lie_between_0_and_1(diary: Any, name: str) -> None:
    _paved_seller(diary)
    _agent(diary)
    values = diary.trust(400)[name].drop_null().to_numpy()
    assert ((values >= 0) & (values <= 1)).all()
    assert len(values) == 2 or name == "drift"


# The learned model


MODEL = TrustModel(
    version="trust-test",
    features=("recruit_share_W90", "paving_days"),
    logged=(False, True),
    fills=(0.25, 9.0),
    means=(0.1, 2.0),
    scales=(0.5, 4.0),
    coefficients=(3.0, -1.0),
    intercept=-0.5,
)


def test_the_model_s_probability_is_the_logistic_formula(diary: Any) -> None:
    _agent(diary)
    _paved_seller(diary)
    table = diary.trust(400, MODEL)
    for row in table.to_pylist():
        z = -0.5 + 3 * (row["recruit_share_W90"] - 0.1) / 0.5 - (np.log1p(row["paving_days"]) - 2) / 4
        assert row["spam_author_probability"] == pytest.approx(1 / (1 + np.exp(-z)))
        assert row["trust_version"] == "trust-test"
    assert diary.trust(400)["trust_version"].to_pylist() == ["components-3"] * 2


@settings(deadline=None, max_examples=25)
@given(DENSE)
def test_nothing_that_is_learned_from_moves_while_an_author_is_silent(new_diary: Any, written: list[Any]) -> None:
    learned = ["author_id", *(name for name in AUTHOR_FEATURES if name not in NOT_LEARNED)]
    diary = _diary(new_diary, written)
    assert diary.trust(40).select(learned).equals(diary.trust(500).select(learned))


def test_the_model_fills_what_is_unknown_and_is_silent_under_five_posts(diary: Any) -> None:
    nan = np.array([np.nan])
    filled = MODEL.probability({"recruit_share_W90": np.array([0.25]), "paving_days": np.array([9.0])})
    assert MODEL.probability({"recruit_share_W90": nan, "paving_days": nan}) == filled
    diary.post("a", 0)
    assert diary.trust(0, MODEL)["spam_author_probability"].to_pylist() == [None]


def test_a_model_of_other_features_or_ragged_lists_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"no columns \['paving_days'\]"):
        MODEL.probability({"recruit_share_W90": np.array([0.25])})
    with pytest.raises(SchemaError, match="expected one each"):
        TrustModel("broken", ("a", "b"), (False,), (0.0,), (0.0,), (1.0,), (1.0,), 0.0)


def test_components_of_lives_without_authors_are_empty(diary: Any) -> None:
    life = lives(diary.days, date(2015, 3, 1))
    features = {name: np.zeros(0) for name in AUTHOR_FEATURES}
    assert {len(values) for values in components(life, features).values()} == {0}


def test_bait_alone_costs_trust(diary: Any) -> None:
    for day in range(0, 60, 2):
        diary.post("filler", day, TALES[day // 2 % 4], label="bait")
        diary.post("plain", day, TALES[day // 2 % 4])
    filler, plain = (_row(diary.trust(60), name) for name in ("filler", "plain"))
    assert filler["flooding"] == pytest.approx(1 / 1.5)
    assert plain["flooding"] == 0
    assert filler["trust_score"] < 0.5 < plain["trust_score"]
