from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.identity import canonical_ids
from pipeline.steps.clean import own_words, posts
from pipeline.tables import schema
from tests.tiny import raw_posts, reader, strings

KEY = b"a key for tests only, 32 bytes.."
HANDLE, NUMBER, NAME, AUTHOR = "qinghe8899", "87654321", "山里阿禾", "1234567890"


def _posts(*rows: dict[str, Any], **how: Any) -> list[dict[str, Any]]:
    found = posts(raw_posts(*rows), key=KEY, lexicon=reader().lexicon, **how)
    assert found.schema.equals(schema("posts"))
    return found.to_pylist()


def _post(**row: Any) -> dict[str, Any]:
    [post] = _posts(row)
    return post


@pytest.mark.parametrize(
    ("text", "own", "is_repost"),
    [
        ("下班路上看到彩虹", "下班路上看到彩虹", False),
        ("说得太对了//@山里阿禾:早起的人有福", "说得太对了", True),
        ("同意 // @甲:对//@乙:也对\n第二行", "同意", True),
        ("//@甲:只有别人的话", "", True),
        ("转发微博", "", True),
        ("轉發微博。", "", True),
        (" Repost！", "", True),
        ("\n\t转发", "", True),
        ("repost", "", True),
        ("微博转发", "微博转发", False),
        ("转发微博有礼", "转发微博有礼", False),
        ("看 http://example.com/@home 这里", "看 http://example.com/@home 这里", False),
        ("@阿禾 你来看", "@阿禾 你来看", False),
        ("", "", False),
    ],
)
def test_own_words_of_a_repost(text: str, own: str, is_repost: bool) -> None:
    post = _post(text=text)
    assert (post["text_own"], post["is_repost"]) == (own, is_repost)
    assert own_words(strings(text)).to_pylist() == [own]


def test_own_words_stand_in_the_order_of_their_texts() -> None:
    texts = ["", "转发微博", None, "真好", "好//@甲:坏", "Repost "]
    assert own_words(strings(*texts)).to_pylist() == ["", "", None, "真好", "好", ""]
    assert own_words(strings("前", *texts).slice(1)).to_pylist() == ["", "", None, "真好", "好", ""]


def test_equal_topics_lose_their_handles_each() -> None:
    topics = [["加微信abc12345", "早安"], None, [], ["早安", "加微信abc12345", "加微信abc12345"]]
    rows = [{"post_id": str(i), "text": "早", "topics": some} for i, some in enumerate(topics)]
    found = [post["topics"] for post in _posts(*rows)]
    hidden = "加微信〔微信号〕"
    assert found == [[hidden, "早安"], None, [], ["早安", hidden, hidden]]


def test_what_the_source_calls_a_repost_is_one() -> None:
    assert _post(text="真好", kind="repost")["is_repost"] is True
    assert _post(text="真好", kind=None)["kind"] == "post"


def test_a_contact_is_one_hash_however_it_is_spelt() -> None:
    texts = [
        f"加微信：{HANDLE}", f"微信 {HANDLE.upper()}", "电话 13800138000", "加微信 138-0013-8000", "+86 13800138000 欢迎", "今天下雨了",
        f"微信：{HANDLE}、linxi7788", f"微信 {HANDLE} 或者加微信 {HANDLE}",
    ]  # fmt: skip
    one, same, phone, spelt, abroad, none, both, twice = (_post(text=text)["contact_hashes"] for text in texts)
    assert one == same == twice
    assert phone == spelt == abroad
    assert none is None
    assert len(both) == 2
    assert set(one) < set(both)
    assert both == sorted(both)
    assert [len(hashed) for hashed in (*one, *phone)] == [32, 32]
    assert _post(text=texts[0], platform="qzone")["contact_hashes"] == one  # the same on every platform
    [kept] = _posts({"text": texts[0]}, keep_contacts=True)
    assert kept["contact_hashes"] == one
    other = posts(raw_posts({"text": texts[0]}), key=b"another key for tests, 32 bytes.", lexicon=reader().lexicon)
    assert other["contact_hashes"].to_pylist() != [one]


@pytest.mark.parametrize(
    ("text", "shown", "alone"),
    [
        ("微信：lili8899 QQ：12345678", "微信：〔微信号〕 QQ：〔QQ号〕", ["微信：lili8899", "QQ：12345678"]),
        ("微信：lili8899 qq 12345678", "微信：〔微信号〕 qq 〔QQ号〕", ["微信：lili8899", "QQ：12345678"]),
        ("vx：lili8899 vx：kate7766", "vx：〔微信号〕 vx：〔微信号〕", ["微信：lili8899", "微信：kate7766"]),
        ("加微信 lili8899 tel:13800138000", "加微信 〔微信号〕 tel:〔手机号〕", ["微信：lili8899", "13800138000"]),
        ("wx lili8899 / tel 13800138000", None, ["微信：lili8899", "13800138000"]),
        ("微信lili8899 13800138000", None, ["微信：lili8899", "13800138000"]),
        ("QQ：12345678 13800138000", None, ["QQ：12345678", "13800138000"]),
        ("wx:lili8899 new arrivals", None, ["微信：lili8899"]),
        ("微信：l i l i 8 8 9 9", "微信：〔微信号〕", ["微信：lili8899"]),
        ("微信 13800 138000", None, ["13800138000"]),
    ],
)
def test_handles_behind_one_another_are_each_found_and_none_is_left(
    text: str, shown: str | None, alone: list[str]
) -> None:
    post = _post(text=text)
    assert post["contact_hashes"] == sorted(h for one in alone for h in _post(text=one)["contact_hashes"])
    assert shown is None or post["text"] == shown
    assert not any(piece in post["text"] for piece in ("lili", "kate", "1380", "8899"))


def test_app_made_texts_are_told() -> None:
    assert _post(text="我刚刚在跑鹿App完成了5.20公里跑步，用时31分钟，一起来运动吧")["is_auto_share"] is True
    assert _post(text="今天跑了五公里，膝盖有点疼")["is_auto_share"] is False


def test_text_normalised_is_the_folded_text_after_handles_went() -> None:
    post = _post(text="加Ｖ信：ＱｉｎｇＨｅ8899，臺灣代購")
    assert post["text"] == "加Ｖ信：〔微信号〕，臺灣代購"
    assert post["text_normalised"] == "加v信:〔微信号〕,台湾代购"


RAW = {
    "text": f"招代理，加微信{HANDLE}或QQ {NUMBER} @{NAME}//@乙:电话13900001111", "author_id": AUTHOR, "author_name": NAME,
    "mentions": [NAME, "乙"], "topics": [f"加微信{HANDLE}", "面膜"], "community": f"代购QQ群{NUMBER}",
    "url": f"https://weibo.com/{AUTHOR}/Hx1", "source_keyword": "面膜",
}  # fmt: skip


def test_no_raw_author_id_name_or_handle_is_in_any_column() -> None:
    post = _post(**RAW)
    outside_text = {name: value for name, value in post.items() if not name.startswith("text")}
    assert not re.search(f"{AUTHOR}|{NAME}", str(outside_text))
    assert not re.search(f"{HANDLE}|{NUMBER}|13900001111|{AUTHOR}", str(post))
    assert post["topics"] == ["加微信〔微信号〕", "面膜"]
    assert post["community"] == "代购QQ群〔QQ号〕"


def test_handles_stay_where_the_setting_says_so_and_author_ids_never() -> None:
    [post] = _posts(RAW, keep_contacts=True)
    assert post["text"] == RAW["text"]
    assert post["topics"] == RAW["topics"]
    assert post["community"] == RAW["community"]
    assert HANDLE in post["text_normalised"]
    assert AUTHOR not in str(post)


def test_a_user_id_and_its_creator_hash_are_one_author() -> None:
    hashed = canonical_ids(strings("weibo"), strings(AUTHOR), strings("id"))[0].as_py()
    found = _posts(
        {"post_id": "p1", "author_id": AUTHOR, "author_id_form": "id"},
        {"post_id": "p2", "author_id": hashed, "author_id_form": "creator_hash"},
        {"post_id": "p3", "author_id": AUTHOR, "author_id_form": None},
        {"post_id": "p4", "author_id": "7654321", "author_id_form": "id"},
        {"post_id": "p5", "author_id": None},
    )
    by_id = {post["post_id"]: post["author_id"] for post in found}
    assert by_id["p1"] == by_id["p2"] == by_id["p3"] != by_id["p4"]
    assert re.fullmatch("[0-9a-f]{32}", by_id["p1"])
    assert by_id["p5"] is None


def test_a_post_gathered_before_and_after_user_ids_went_has_one_author() -> None:
    hashed = canonical_ids(strings("weibo"), strings(AUTHOR), strings("id"))[0].as_py()
    old, new = {"day": 1, "author_id": AUTHOR, "author_id_form": "id"}, {"day": 2, "author_id": hashed}
    [both] = _posts(old, new | {"author_id_form": "creator_hash"})
    [first] = _posts(old)
    assert both["author_id"] == first["author_id"]


def test_mentions_keep_their_places_and_an_unknown_list_stays_unknown() -> None:
    names = [["甲", "乙", "甲"], None, [], ["乙"]]
    found = _posts(*({"post_id": f"p{i}", "mentions": one} for i, one in enumerate(names)))
    a, none, empty, b = (post["mentions"] for post in found)
    assert a[0] == a[2] != a[1]
    assert b == [a[1]]
    assert none is None
    assert empty == []


def test_another_key_gives_other_authors() -> None:
    table = raw_posts({"author_id": AUTHOR, "mentions": ["甲"]})
    one, other = (posts(table, key=key, lexicon=reader().lexicon).to_pylist()[0] for key in (KEY, KEY[::-1]))
    assert one["author_id"] != other["author_id"]
    assert one["mentions"] != other["mentions"]


def test_posts_are_sorted_by_author_time_and_id_with_unknown_last() -> None:
    at = [datetime(2026, 1, day, tzinfo=UTC) for day in (3, 1, 2)]
    rows = [{"post_id": f"p{i}", "author_id": "a", "posted_at": t} for i, t in enumerate(at)]
    rows += [
        {"post_id": "p8", "author_id": "a", "posted_at": None},
        {"post_id": "p9", "author_id": None, "posted_at": at[0]},
    ]
    assert [post["post_id"] for post in _posts(*rows)] == ["p1", "p2", "p0", "p8", "p9"]


def test_no_rows_give_no_posts() -> None:
    assert _posts() == []


ROW = st.fixed_dictionaries({
    "post_id": st.sampled_from(["p1", "p2", "p3"]), "day": st.integers(1, 3), "author_id": st.sampled_from([None, "1", "2"]),
    "author_id_form": st.sampled_from([None, "id"]), "text": st.sampled_from(["早", f"加微信{HANDLE}", "转发微博", "好//@甲:嗯"]),
    "mentions": st.sampled_from([None, [], ["甲"]]), "topics": st.sampled_from([None, [], ["面膜", f"加微信{HANDLE}"]]),
    "community": st.sampled_from([None, "吃喝群"]), "batch_id": st.sampled_from(["b1", "b2"]),
})  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(st.lists(ROW, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(rows: list[dict[str, Any]], dice: random.Random) -> None:
    rows = [row | {"source_row": i} for i, row in enumerate(rows)]
    order = list(rows)
    dice.shuffle(order)
    tables = [posts(raw_posts(*some), key=KEY, lexicon=reader().lexicon) for some in (rows, order)]
    assert tables[0].equals(tables[1])


@settings(deadline=None, max_examples=30)
@given(st.lists(ROW, max_size=5), st.lists(ROW, max_size=5))
def test_posts_gathered_apart_and_together_are_the_same(some: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    """A stage may merge one part of the posts at a time."""
    one = [row | {"source_row": i} for i, row in enumerate(some)]
    other = [row | {"source_row": i, "platform": "qzone"} for i, row in enumerate(more)]
    whole, a, b = (posts(raw_posts(*rows), key=KEY, lexicon=reader().lexicon) for rows in (one + other, one, other))
    keys = [(name, "ascending") for name in ("platform", "post_id")]
    assert pa.concat_tables([a, b]).sort_by(keys).combine_chunks().equals(whole.sort_by(keys).combine_chunks())
