from __future__ import annotations

import re
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text.codepoints import from_arrow, from_list
from pipeline.text.contacts import PLACEHOLDERS, redact, redact_batch
from pipeline.text.normalise import normalise
from tests.tiny import POSTS, strings

WECHAT, QQ, PHONE, MAIL = (PLACEHOLDERS[kind] for kind in ("wechat", "qq", "phone", "mail"))


def _redacted(text: str) -> str:
    return redact(strings(text))[0][0].as_py()


@pytest.mark.parametrize(
    ("phenomenon", "text", "shown"),
    [
        ("plain", "想要的加我微信:lili8899哦", f"想要的加我微信:{WECHAT}哦"),
        ("full width colon, capitals", "微信号：Lili_8899", f"微信号：{WECHAT}"),
        ("letters alone, after a colon", "微信：Lilylovesyou", f"微信：{WECHAT}"),
        ("on the next line", "微信：\nlili8899", f"微信：\n{WECHAT}"),
        ("v for 微", "订货v信lucky2014ok", f"订货v信{WECHAT}"),
        ("vx in full width", "加ＶＸ：mama_2015", f"加ＶＸ：{WECHAT}"),
        ("vx_", "vx_lili8899", f"vx_{WECHAT}"),
        ("加v", "加V lili8899", f"加V {WECHAT}"),
        ("a lone v and a colon", "v：lili8899", f"v：{WECHAT}"),
        ("look-alike 薇", "加薇信lili8899了解", f"加薇信{WECHAT}了解"),
        ("heart for 信", "薇❤lili8899", f"薇❤{WECHAT}"),
        ("v and heart", "V❤lili8899", f"V❤{WECHAT}"),
        ("v芯", "V芯 lili_8899", f"V芯 {WECHAT}"),
        ("plus for 加", "➕薇 lili8899", f"➕薇 {WECHAT}"),
        ("微 alone", "私聊加微lili8899", f"私聊加微{WECHAT}"),
        ("a sign inside the cue", "微.信：lili8899", f"微.信：{WECHAT}"),
        ("zero width space inside the cue", "微\u200b信 lili8899", f"微\u200b信 {WECHAT}"),
        ("taken apart", "微亻言：lili8899", f"微亻言：{WECHAT}"),
        ("nickname", "绿泡泡：lili8899", f"绿泡泡：{WECHAT}"),
        ("traditional", "請加微信號：lili8899", f"請加微信號：{WECHAT}"),
        ("after a Latin word", "Cindy微信：lili8899", f"Cindy微信：{WECHAT}"),
        ("English", "WeChat ID: lili8899", f"WeChat ID: {WECHAT}"),
        ("a handle spelt out", "微信 l i l i 8 8 9 9", f"微信 {WECHAT}"),
        ("pointing hands", "加微信👉👉lili8899", f"加微信👉👉{WECHAT}"),
        ("a number for a WeChat id", "微信号12345678", f"微信号{WECHAT}"),
        ("a number of fifteen digits", "微信号123456789012345", f"微信号{WECHAT}"),
        ("QQ", "QQ：12345678，随时在", f"QQ：{QQ}，随时在"),
        ("QQ with a leading zero", "QQ：012345678", f"QQ：{QQ}"),
        ("QQ group", "QQ群87654321", f"QQ群{QQ}"),
        ("扣扣", "扣扣2345 6789", f"扣扣{QQ}"),
        ("penguin", "企鹅群 87654321", f"企鹅群 {QQ}"),
        ("加q", "加Q 8-7-6-5-4-3-2-1", f"加Q {QQ}"),
        ("circled digits", "加扣①②③④⑤⑥〇⑧", f"加扣{QQ}"),
        ("both channels", "微信/QQ：87654321", None),
        ("one number for both", "微信或QQ同号87654321", None),
        ("mobile", "电话13800001111", f"电话{PHONE}"),
        ("mobile in groups", "138 0000 1111", PHONE),
        ("mobile with dots", "138.0000.1111", PHONE),
        ("mobile in full width", "１３８００００１１１１", PHONE),
        ("mobile in mixed digits", "①③⑧00001111", PHONE),
        ("country code", "+86 13800001111", PHONE),
        ("mobile after tel", "tel13800001111", f"tel{PHONE}"),
        ("mobile after v", "详情v13800001111", f"详情v{PHONE}"),
        ("mobile after a dash", "联系电话-13800001111", f"联系电话-{PHONE}"),
        ("mobile before vx", "13800001111vx同号", f"{PHONE}vx同号"),
        ("mail", "邮箱zhangsan@qq.com。", f"邮箱{MAIL}。"),
        ("mail of a university", "zhang.san@mail.jiangda.edu.cn", MAIL),
        ("mail in full width", "ａ＠ｑｑ．ｃｏｍ", MAIL),
        ("mail after 微信", "微信：zhangsan@qq.com", f"微信：{MAIL}"),
    ],
)
def test_a_handle_is_replaced(phenomenon: str, text: str, shown: str | None) -> None:
    got, counts = redact(strings(text))
    assert counts.tolist() == [1], phenomenon
    if shown is None:
        assert not re.search(r"\d", got[0].as_py())
    else:
        assert got[0].as_py() == shown


@pytest.mark.parametrize(
    ("phenomenon", "text"),
    [
        ("Weibo's badge", "这家茶餐厅加V认证了"),
        ("fans of a badge", "微博v5，加v5"),
        ("English with numbers", "version 2019"),
        ("order number", "订单号202020138000011112222"),
        ("parcel number", "单号SF1380000111122"),
        ("price", "价格1399元，卖了50000元"),
        ("phone model after 微信", "微信iphone7上打不开"),
        ("phone model in two words", "微信 huawei p20 闪退"),
        ("edition", "微信windows10客户端，微信android2018版"),
        ("version number", "微信8.0.32.2300更新了"),
        ("date after 微信", "微信2019-08-07更新"),
        ("year after QQ", "qq2013版"),
        ("payment", "微信支付12345元，微信红包50000元"),
        ("count of songs", "QQ音乐听了100首歌"),
        ("English words after 微信", "微信公众号good morning"),
        ("vitamins", "维c1000mg，加维生素b12，vc+vitamin b12"),
        ("a name before a dash", "主演刘维- Julius_"),
        ("a wish", "微心愿2018happy"),
        ("digits of an address", "http://weibo.com/13800001111"),
        ("an invitation link", "https://t.me/+v84i4CRdTJkYjYx"),
        ("a moment", "2019-08-07 12:00:00"),
        ("a forum", "我的v2ex帐号"),
        ("a mention is not a mail address", "@小鱼.com 你好"),
    ],
)
def test_an_honest_look_alike_stays(phenomenon: str, text: str) -> None:
    assert _redacted(text) == text, phenomenon


def test_letters_without_sign_or_digit_stay_where_no_colon_leads_to_them() -> None:
    assert _redacted("代购微信zhangsan") == "代购微信zhangsan"  # known: else 微信hello would go as well


@pytest.mark.parametrize(
    ("text", "handles"),
    [
        ("QQ 12345678、87654321", ["12345678", "87654321"]),
        ("微信：lili8899 / lulu7788", ["lili8899", "lulu7788"]),
        ("微信：lili8899 / 13800001111", ["lili8899", "13800001111"]),
        ("微信13800001111或lili8899", ["13800001111", "lili8899"]),
        ("VX lili8899，QQ 87654321，电话 13800001111", ["lili8899", "87654321", "13800001111"]),
        ("微信lili8899或12345678或者87654321", ["lili8899", "12345678", "87654321"]),
    ],
)
def test_of_several_handles_none_is_left(text: str, handles: list[str]) -> None:
    shown = _redacted(text)
    assert not [handle for handle in handles if handle in shown]


CUES = (
    "微信",
    "薇信",
    "vx",
    "wx",
    "v信",
    "加v",
    "加微",
    "薇",
    "微信号",
    "qq",
    "QQ群",
    "扣扣",
    "加q",
    "企鹅",
    "ＶＸ",
    "微❤",
    "微信/qq",
)
GAPS = ("", " ", "：", ": ", "号：", "号 ", "➡", "、", "——", "是", "\n")  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(CUES),
    st.sampled_from(GAPS),
    st.from_regex(r"[0-9]{5,20}", fullmatch=True),
    st.sampled_from("吧，\n 。"),
)
def test_no_run_of_five_digits_behind_a_cue_survives(cue: str, gap: str, digits: str, after: str) -> None:
    assert not re.search(r"\d{5}", _redacted(f"详情{cue}{gap}{digits}{after}谢谢"))


def test_a_text_of_many_handles() -> None:
    text = "".join(f"第{i}位 微信：lili{i:04d} 电话139{i:08d} " for i in range(2_000))
    got, counts = redact(strings("你好", text, None))
    assert counts.tolist() == [0, 4_000, 0]
    assert got.to_pylist() == ["你好", "".join(f"第{i}位 微信：{WECHAT} 电话{PHONE} " for i in range(2_000)), None]


@settings(deadline=None)
@given(POSTS)
def test_replacing_twice_changes_nothing(texts: list[str | None]) -> None:
    once, _ = redact(strings(*texts))
    again, counts = redact(once)
    assert again.equals(once)
    assert not counts.any()


@settings(deadline=None)
@given(POSTS, POSTS)
def test_a_text_is_replaced_the_same_in_any_batch(some: list[str | None], more: list[str | None]) -> None:
    together, counts = redact(strings(*some, *more))
    (one, a), (other, b) = redact(strings(*some)), redact(strings(*more))
    assert together.equals(pa.concat_arrays([one, other]))
    assert counts.tolist() == [*a.tolist(), *b.tolist()]


@settings(deadline=None)
@given(POSTS)
def test_every_character_that_stays_maps_to_itself(texts: list[str | None]) -> None:
    found = redact_batch(from_arrow(strings(*texts)))
    shown, original = found.batch.joined, found.original.joined
    assert len(found.first) == len(found.last) == len(shown)
    inside = np.zeros(len(shown), bool)
    for match in re.finditer("|".join(PLACEHOLDERS.values()), shown):
        inside[match.start() : match.end()] = True
    at = np.flatnonzero(~inside)
    assert [shown[i] for i in at] == [original[i] for i in found.first[at]]
    assert (found.last[at] == found.first[at] + 1).all()
    ends = np.cumsum([0, *(found.batch.lengths + 1)])
    assert found.first[ends[1:] - 1].tolist() == (found.original.starts[1:] - 1).tolist()


def test_a_placeholder_and_any_part_of_it_map_back_to_the_handle() -> None:
    found = redact_batch(from_list(["好的", "加薇\u200b信 lili8899哦，邮箱a@qq.com"]))
    for placeholder, handle in ((WECHAT, "lili8899"), (MAIL, "a@qq.com")):
        at = found.batch.joined.index(placeholder)
        for start, end in ((at, at + len(placeholder)), (at + 1, at + 2)):
            first, last = found.span(np.array([start]), np.array([end]))
            assert found.original.joined[first[0] : last[0]] == handle
    start, end = (np.array([found.batch.joined.index(c)]) for c in "加哦")
    first, last = found.span(start, end + 1)
    assert found.original.joined[first[0] : last[0]] == "加薇\u200b信 lili8899哦"


@pytest.mark.parametrize(
    "unit",
    ["vx", "1 ", "a", "a_", "v:", "a@", "1", "13", "138 0000 0000 ", "微信号加是为", "微信 .,", "vx 1", "加我", "微信: lili8899、"],
)  # fmt: skip
def test_hostile_texts_take_time_by_their_length(unit: str) -> None:
    text = strings((unit * 200_000)[:200_000])
    begin = time.process_time()
    redact(text)
    assert time.process_time() - begin < 2  # at most 0.2 s


def test_a_batch_without_handles_stays_what_it_is() -> None:
    batch = from_list(["早安", "", "今天3盒58元"])
    found = redact_batch(batch)
    assert found.batch is batch
    assert found.counts.tolist() == [0, 0, 0]
    assert found.first.tolist() == list(range(len(batch.codes)))
    start, end = np.array([0, 3, 5]), np.array([2, 3, 9])
    assert [x.tolist() for x in found.span(start, end)] == [start.tolist(), end.tolist()]


@settings(deadline=None)
@given(POSTS)
def test_spans_of_the_redacted_lead_to_the_first_and_last_character_they_cover(texts: list[str | None]) -> None:
    found = redact_batch(from_arrow(strings(*texts)))
    n = len(found.batch.codes)
    start = np.repeat(np.arange(n), 3)
    end = np.minimum(start + np.tile([0, 1, 7], n), n)
    first, last = found.span(start, end)
    assert first.tolist() == found.first[start].tolist()
    assert last.tolist() == [found.last[e - 1] if e > s else found.first[s] for s, e in zip(start, end, strict=True)]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.lists(
            st.sampled_from(["微信：lili8899", "早Ａ❶", "電話13912345678", "\u200b", "，", "\x1e", "好"]), max_size=5
        ),
        max_size=6,
    )
)
def test_what_is_redacted_folds_as_if_it_were_folded_anew(texts: list[list[str]]) -> None:
    original = from_arrow(strings(*map("".join, texts)))
    redacted = redact_batch(original)
    ours, want = redacted.folded, normalise(redacted.batch)
    assert ours.batch.joined == want.batch.joined
    assert ours.batch.starts.tolist() == want.batch.starts.tolist()
    assert ours.source.tolist() == want.source.tolist()
    for rule, counts in want.rule_counts.items():
        assert ours.rule_counts[rule].tolist() == counts.tolist()
    assert normalise(original).batch.joined == redacted.unredacted.batch.joined
