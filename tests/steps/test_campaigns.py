from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.steps import campaign_links
from pipeline.steps.campaigns import campaigns
from pipeline.tables import CLASSES
from pipeline.text.folding import fold
from pipeline.text.sketch import sketches

START = datetime(2015, 2, 28, 16, tzinfo=UTC)  # the diary's first local midnight
ADVERT = "本厂直供玻尿酸面膜，招全国代理，一件代发不压货，想赚零花钱的宝妈快来问我"
VARIANT = "本厂直供玻尿酸面膜，招全国代理，一件代发不压货，想赚零花钱的姐妹快来问我"
DIARY = "今天带女儿去动物园看长颈鹿，她高兴得一路上都在唱歌，晚上回家倒头就睡"
RUN = "沿着河堤慢跑了一圈，桥下有人在拉二胡，听了好一会儿才走"
OWN = "本月第三批新款到店，老顾客进门先喝茶，尺码不全先到先得"
PHRASES = [
    "早上六点起床去江边跑步", "孩子的数学作业又写到很晚", "楼下新开的面馆味道一般", "招代理零门槛在家就能做",
    "首批拿货送价值千元大礼包", "最近在读一本讲明朝的书", "团队长手把手带你出单", "今天公司年会抽到了电饭锅",
    "面膜用了三周皮肤确实软了", "地铁上遇到小学同学好巧", "月入过万不是梦想是选择", "猫把阳台的花盆又打翻了",
]  # fmt: skip


def _write(diary: Any, texts: list[str], authors: list[str | None] | None = None) -> Any:
    for hour, text in enumerate(texts):
        diary.post(authors[hour] if authors else f"a{hour}", 0, text, hour=hour)
    return diary


def _found(diary: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    summary, members = campaigns(diary.posts, diary.features)
    return summary.to_pylist(), members.to_pylist()


def test_a_flood_is_one_campaign_of_its_first_post(diary: Any) -> None:
    _write(diary, [ADVERT, DIARY, VARIANT, ADVERT], ["a", "b", "c", "a"])
    summary, members = _found(diary)
    assert summary == [
        {
            "campaign_id": "weibo:p00000", "n_posts": 3, "n_authors": 2, "n_platforms": 1, "span_hours": 3.0,
            "first_at": START, "last_at": START + timedelta(hours=3), "exemplar": ADVERT, "peak_per_hour": 1,
            "kind": "flood", "is_template": False, "first_author_id": "a", "active_days": 1, "author_overlap": 0.0,
            "overlap_campaign_id": None, **dict.fromkeys(f"{c}_ratio" for c in CLASSES),
        }
    ]  # fmt: skip
    before = {m["post_id"]: (m["n_posts_before"], m["n_authors_before"]) for m in members}
    assert before == {"p00000": (0, 0), "p00002": (1, 1), "p00003": (2, 2)}
    assert [m["author_id"] for m in members] == ["a", "a", "c"]  # sorted by author
    assert members[0]["similarity"] == members[1]["similarity"] == 1
    assert 0.7 <= members[2]["similarity"] == members[2]["exemplar_similarity"] < 1


@pytest.mark.parametrize(
    ("kind", "marks", "authors"),
    [
        ("template", {"is_auto_share": True}, ["a", "b", "c"]),
        ("repost", {"is_repost": True}, ["a", "b", "c"]),
        ("same_author", {}, ["a", "a", "a"]),
        ("same_author", {"is_repost": True}, ["a", "a", "a"]),  # who repeats decides before how
        ("flood", {}, ["a", "b", "b"]),
        ("flood", {}, ["a", None, "a"]),  # an unknown author need not be the same one
    ],
)
def test_the_kind_of_a_campaign(diary: Any, kind: str, marks: dict[str, bool], authors: list[str | None]) -> None:
    for hour, author in enumerate(authors):
        diary.post(author, 0, ADVERT, hour=hour, **(marks if hour else {}))  # most, not all, are marked
    [campaign] = _found(diary)[0]
    assert (campaign["kind"], campaign["is_template"]) == (kind, kind == "template")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("我刚刚在跑步软件里打卡啦，今天跑了五公里，快来和我一起运动吧", "template"),
        ("抱歉，这条内容因为违反社区的约定已被删除", "template"),
        ("根据有关的法律法规，这条内容现在已被屏蔽删除", "template"),
        ("小荷今天也在舞台上发光，快来为TA应援吧，名次就靠大家了", "template"),
        ("我永远支持小荷，我们一起拿下新人榜的第一名，冲冲冲", "template"),
        ("寻找走失的老人，穿灰色上衣，请看到的好心人帮忙扩散", "chain"),
        ("关注我们并转发这条消息，抽三位朋友送最新款的水杯一个", "chain"),
        ("“一个人走夜路，唱歌给自己听，也算是有人陪着了吧。”晚安", "quote"),
        ("愿你走过山河万里，仍觉得人间值得。——老街旧书摊", "quote"),
        ("今天的面膜到货了，要的姐妹赶紧来拿，晚了就没有了", "flood"),
        ("换了转换插头以后终于能充电了，谢谢隔壁的大姐", "flood"),
    ],
)
def test_the_kind_of_a_wording(diary: Any, text: str, kind: str) -> None:
    assert [c["kind"] for c in _found(_write(diary, [text, text]))[0]] == [kind]


def test_class_mix_counts_labelled_members(diary: Any) -> None:
    for hour, label in enumerate(["sell", "sell", "recruit", None]):
        diary.post("a", 0, ADVERT, hour=hour, text_label=label)
    [campaign] = _found(diary)[0]
    assert [round(campaign[f"{c}_ratio"], 3) for c in CLASSES] == [0, 0.667, 0.333, 0, 0, 0]


def test_overlap_is_the_largest_share_of_authors_in_one_other_campaign_of_several(diary: Any) -> None:
    for hour, (text, authors) in enumerate([(ADVERT, "abcd"), (DIARY, "abcx"), (RUN, "dy"), (OWN, "bb")]):
        for author in authors:
            diary.post(author, 0, text, hour=hour)
    found = {c["exemplar"]: (c["author_overlap"], c["overlap_campaign_id"]) for c in _found(diary)[0]}
    first, second = "weibo:p00000", "weibo:p00004"
    assert found == {ADVERT: (0.75, second), DIARY: (0.75, first), RUN: (0.5, first), OWN: (None, None)}


def test_days_are_local_and_counted_once(diary: Any) -> None:
    for hour in (0, 1, 23, 24, 49):
        diary.post("a", 0, ADVERT, hour=hour)
    [campaign] = _found(diary)[0]
    assert campaign["active_days"] == 3


@pytest.mark.parametrize("kind", ["comment", "message"])
def test_talk_is_no_campaign(diary: Any, kind: str) -> None:
    _write(diary, [ADVERT])
    for hour in range(3):
        diary.post("b", 1, ADVERT, hour=hour, kind=kind)
    assert _found(diary) == ([], [])


def test_short_greetings_are_no_campaign(diary: Any) -> None:
    assert _found(_write(diary, ["大家早上好！今天加油", "大家早上好！今天加油"])) == ([], [])


def test_a_wording_that_drifts_does_not_join_strangers(diary: Any) -> None:
    steps = [ADVERT[:i] + DIARY[:i] + ADVERT[i:] for i in range(0, 36, 3)]
    _write(diary, [text[:40] for text in steps])
    members = _found(diary)[1]
    assert "weibo:p00000" in {m["campaign_id"] for m in members}
    assert "weibo:p00000" not in {m["campaign_id"] for m in members if m["post_id"] > "p00004"}


def test_undated_members_come_last_and_count_for_no_one(diary: Any) -> None:
    diary.post("a", None, ADVERT, post_id="a0")
    diary.post("b", 3, ADVERT, post_id="b0")
    diary.post("c", 4, ADVERT, post_id="c0")
    summary, members = _found(diary)
    assert summary[0]["campaign_id"] == "weibo:b0"
    assert summary[0]["span_hours"] == 24
    assert {m["post_id"]: m["n_posts_before"] for m in members} == {"a0": 0, "b0": 0, "c0": 1}


def test_a_campaign_without_dates_has_no_times(diary: Any) -> None:
    diary.post("a", None, ADVERT)
    diary.post("b", None, ADVERT)
    [campaign] = _found(diary)[0]
    assert [campaign[name] for name in ("first_at", "last_at", "span_hours", "peak_per_hour")] == [None] * 4


def test_peak_is_counted_by_the_clock_hour_and_platforms_are_told_apart(diary: Any) -> None:
    for minute, platform in [(50, "weibo"), (59, "qzone"), (61, "weibo"), (62, "weibo"), (100, "qzone")]:
        diary.post("same id, other person", 0, ADVERT, hour=minute / 60, platform=platform)
    [campaign] = _found(diary)[0]
    assert (campaign["peak_per_hour"], campaign["n_platforms"], campaign["n_authors"]) == (3, 2, 2)


def test_the_exemplar_is_cut(diary: Any) -> None:
    long = "".join(f"第{i}天打卡{PHRASES[i % 12]}" for i in range(80))
    assert [c["exemplar"] for c in _found(_write(diary, [long, long]))[0]] == [long[:500]]


def test_no_posts_give_empty_tables(diary: Any) -> None:
    assert _found(diary) == ([], [])


def _oracle(diary: Any, *, by_sketch: bool) -> dict[str, tuple[str, float, float]]:
    """Leader clustering by brute force in plain Python: campaign, similarity to its founder and to the nearest exemplar.

    With by_sketch only exemplars that share a band key are tried, as the law of the sketch allows.
    """
    folded = fold(diary.posts["text_normalised"])
    keys = sketches(diary.posts["text_normalised"]).to_pylist()
    never = datetime.max.replace(tzinfo=UTC)
    rows = sorted(
        zip(diary.rows, folded.to_pylist(), keys, strict=True),
        key=lambda r: (r[0]["posted_at"] or never, r[0]["platform"], r[0]["post_id"]),
    )
    exemplars: list[
        tuple[str, set[str], set[int]]
    ] = []  # campaign, 3-grams, band keys; a campaign's first is its founder
    seen: dict[str, tuple[str, float, float]] = {}
    found = {}
    for row, text, own in rows:
        if own is None:
            continue
        if text not in seen:
            grams = {text[i : i + 3] for i in range(len(text) - 2)}
            near = [x for x in exemplars if not by_sketch or x[2] & set(own)]
            scored = [(_jaccard(grams, g), name) for name, g, _ in near]
            best, name = max(scored, key=lambda s: s[0], default=(0.0, ""))  # the first of the greatest
            if best < 0.7:
                best, name = 1.0, f"{row['platform']}:{row['post_id']}"
                exemplars.append((name, grams, set(own)))
                seen[text] = (name, 1.0, 1.0)
            else:
                family = [x for x in exemplars if x[0] == name]
                to_founder = _jaccard(grams, family[0][1])
                if best < 0.9 and to_founder >= 0.7 and len(family) < 8:
                    exemplars.append((name, grams, set(own)))
                seen[text] = (name, np.float32(to_founder), np.float32(best))
        found[row["post_id"]] = seen[text]
    size = Counter(name for name, _, _ in found.values())
    return {post: told for post, told in found.items() if size[told[0]] > 1}


def _jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)


def _links(diary: Any) -> dict[str, tuple[str, float, float]]:
    return {
        m["post_id"]: (m["campaign_id"], np.float32(m["similarity"]), np.float32(m["exemplar_similarity"]))
        for m in _found(diary)[1]
    }


def test_five_hundred_edited_texts_are_clustered_as_by_brute_force(diary: Any) -> None:
    dice = random.Random(11)
    bases = ["，".join(dice.sample(PHRASES, 4)) for _ in range(20)]
    for i in range(500):
        text = list(dice.choice(bases))
        for _ in range(dice.randrange(5)):
            text[dice.randrange(len(text))] = dice.choice("的了在是我好大小")
        diary.post(f"a{i % 40}", i // 10, "".join(text), hour=dice.random() * 24)
    assert _links(diary) == _oracle(diary, by_sketch=True)
    brute, links = _oracle(diary, by_sketch=False), _links(diary)
    assert 250 < len(brute) < 500
    assert sum(links.get(post, ("",))[0] == told[0] for post, told in brute.items()) / len(brute) > 0.97
    through = [m for m in _found(diary)[1] if m["similarity"] < 0.7]
    assert len(through) > 10  # found by a further exemplar
    assert min(m["similarity"] for m in through) >= 0.4


def test_what_is_found_hangs_neither_on_threads_nor_on_blocks(diary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(5)
    signs = "春夏秋冬山水花鸟风月江湖田园村镇"
    for i in range(2400):  # a slogan before a few words of many kinds: more exemplars share its keys than are kept
        text = list((ADVERT + DIARY)[:50] + "".join(random.Random(dice.randrange(1200)).choices(signs, k=16)))
        for _ in range(dice.randrange(5)):
            text[dice.randrange(48, 66)] = dice.choice(signs)
        diary.post(f"a{i % 7}", i // 180, "".join(text), hour=dice.random() * 24)
    found = []
    for block, threads in ((1, 1), (7, 2), (512, 3), (10_000, 1)):
        monkeypatch.setattr(campaign_links, "BLOCK", block)
        found.append(campaigns(diary.posts, diary.features, threads=threads))
    assert len(found[0][1]) > 300
    assert all(a.equals(b) for other in found[1:] for a, b in zip(found[0], other, strict=True))


def test_no_member_is_farther_from_the_founder_than_two_links_reach(diary: Any) -> None:
    for i in range(80):  # a wording that changes a letter at a time, and one that grows
        diary.post("a", 0, ADVERT[: 40 - i // 2] + DIARY[: i // 2], hour=i / 10)
        diary.post("a", 1, (ADVERT + DIARY + RUN)[: 20 + i], hour=i / 10)
    members = _found(diary)[1]
    assert len({m["campaign_id"] for m in members}) > 4
    assert min(m["exemplar_similarity"] for m in members) >= np.float32(0.7)
    assert min(m["similarity"] for m in members) >= np.float32(0.4)


EDITED = st.tuples(st.integers(0, 2), st.integers(0, 30), st.sampled_from(["", "新", "号外号外", "……", "第2批"]))
WRITTEN = st.lists(
    st.tuples(EDITED, st.sampled_from(["a", "b", None]), st.one_of(st.none(), st.integers(0, 3))), max_size=14
)


def _edited(new_diary: Any, written: list[Any]) -> Any:
    diary = new_diary()
    for (base, at, put_in), author, day in written:
        text = (ADVERT, DIARY, RUN)[base]
        diary.post(author, day, text[:at] + put_in + text[at:], hour=at % 3)
    return diary


@settings(deadline=None, max_examples=60)
@given(WRITTEN)
def test_campaigns_are_those_of_brute_force_over_shared_bands(new_diary: Any, written: list[Any]) -> None:
    diary = _edited(new_diary, written)
    assert _links(diary) == _oracle(diary, by_sketch=True)


@settings(deadline=None, max_examples=25)
@given(WRITTEN, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(new_diary: Any, written: list[Any], dice: random.Random) -> None:
    diary = _edited(new_diary, written)
    order = pa.array(dice.sample(range(len(diary.rows)), len(diary.rows)), pa.int64())
    there = campaigns(diary.posts, diary.features)
    back = campaigns(diary.posts.take(order), diary.features)
    assert all(a.equals(b) for a, b in zip(there, back, strict=True))


@settings(deadline=None, max_examples=25)
@given(WRITTEN, st.integers(0, 3))
def test_what_comes_later_changes_nothing_known_before(new_diary: Any, written: list[Any], last: int) -> None:
    diary = _edited(new_diary, written)
    end = START + timedelta(days=last + 1)
    earlier = new_diary([row for row in diary.rows if row["posted_at"] is None or row["posted_at"] < end])
    before = {m["post_id"]: m for m in _found(earlier)[1]}
    for member in _found(diary)[1]:
        if member["posted_at"] is not None and member["posted_at"] < end:
            # A first member has a row only once a second one is there; it says that nothing came before.
            expected = before.get(member["post_id"], member | {"n_posts_before": 0, "n_authors_before": 0})
            assert member == expected


def test_members_by_author_are_sorted_with_unknown_authors_last(diary: Any) -> None:
    _write(diary, [ADVERT] * 4, ["b", None, "a", "b"])
    _, members = campaigns(diary.posts, diary.features)
    assert members["author_id"].to_pylist() == ["a", "b", "b", None]
    assert pc.min(members["n_posts_before"]).as_py() == 0


def test_letters_of_two_places_and_words_said_again_are_counted_as_by_brute_force(diary: Any) -> None:
    """𠮷 and its like take two places of UTF-16; a text that says a phrase twice has fewer 3-grams than places for them."""
    dice = random.Random(3)
    for i in range(300):
        phrases = dice.choices(PHRASES[:5], k=4)
        text = list("，".join(phrases))
        for _ in range(dice.randrange(4)):
            text[dice.randrange(len(text))] = dice.choice("𠮷𡃁𨋢𩷶好的了")
        diary.post(f"a{i % 7}", i // 10, "".join(text), hour=dice.random() * 24)
    assert len(_oracle(diary, by_sketch=True)) > 150
    assert _links(diary) == _oracle(diary, by_sketch=True)
