from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text import folding
from pipeline.text.codepoints import from_arrow, to_arrow
from pipeline.text.compiled import CACHE_HOME
from pipeline.text.folding import fold, fold_batch

ALPHABET = "今天喝茶看雪好好abcdwwhttps019_-./:@[]〔〕 ，。!\n#😀丶ωあ𠀀"
TEXTS = st.text(ALPHABET, max_size=40)
PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            ["http://", "https://", "www.", "[", "]", "〔", "〕", "@", " ", "，", "t.cn/a1", "微信号", "ab12", "_"]
        ),
        st.text(ALPHABET, max_size=4),
    ),
    max_size=14,
).map("".join)
_SKIPPED = re.compile(
    r"〔[^〔〕]{1,6}〕|\[[^\[\] \t\n\v\f\r]{1,8}\]|(?:https?://|www\.)[!-~]*"
    r"|@[^\t\n\f\r :,.!?#@，。！？：、；（）()【】《》〔]{0,15}|(?P<word>(?:(?!https?://|www\.)[a-z0-9_-])+)"
)


def strings(*texts: str | None) -> pa.Array:
    return pa.array(texts, pa.string())


def one(text: str) -> str:
    return fold(strings(text)).to_pylist()[0]


def oracle(text: str) -> str:
    """The rules of the module by Python's re, letter by letter."""

    def kept(match: re.Match[str]) -> str:
        word = match["word"] or ""
        return "" if re.search("[a-z]", word) and re.search("[0-9]", word) else word

    letters = "".join(one(c) for c in _SKIPPED.sub(kept, text) if c not in "@[〔")
    return re.sub(r"(.)\1+", r"\1", letters)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("招代理，零门槛!!! 月入3万", "招代理零门槛月入万"),
        ("加我微信〔微信号〕领小样", "加我微信领小样"),
        ("看这里 http://t.cn/a1b2c3很划算", "看这里很划算"),
        ("今天好累[泪][泪]想睡觉😴", "今天好累想睡觉"),
        ("谢谢@小鱼儿_88: 一起吃面", "谢一起吃面"),
        ("货号xk2093现货", "货号现货"),
        ("iphone 7 plus", "iphoneplus"),
        ("好好好好好吃吃吃", "好吃"),
        ("今 天*下·雪-了", "今天下雪了"),
        ("今丶天灬下々雪ω了", "今天下雪了"),
        ("加薇芯看价格", "家微信看价格"),
        ("рареr", "paper"),  # Cyrillic р, а, р, е
    ],
)
def test_copies_fold_to_one_text(text: str, same: str) -> None:
    assert one(text) == one(same) != ""


def test_null_stays_null_and_empty_stays_empty() -> None:
    assert fold(strings(None, "", "！！", "雪")).to_pylist() == [None, "", "", one("雪")]


def test_different_sounds_stay_different() -> None:
    assert one("招代理") != one("招团长")
    assert len({one(c) for c in "山水风云雪月花鸟"}) == 8


def test_a_whole_advert_behind_one_at_sign_or_in_brackets_is_not_folded_away() -> None:
    advert = "新款面膜厂家直供一盒也能拿货想做代理的姐妹快来找我吧"
    assert len(one("@" + advert)) > 10
    assert one(f"[{advert}]") == one(f"〔{advert}〕") == one(advert)
    assert len(one(advert)) == len(advert)


@settings(max_examples=300)
@given(st.one_of(TEXTS, PIECES))
def test_fold_does_what_the_rules_say(text: str) -> None:
    assert one(text) == oracle(text)


@settings(max_examples=60)
@given(st.lists(PIECES, max_size=6))
def test_a_text_is_folded_by_itself(texts: list[str]) -> None:
    assert to_arrow(fold_batch(from_arrow(strings(*texts)))).to_pylist() == [one(text) for text in texts]


@settings(max_examples=60)
@given(PIECES)
def test_folding_again_changes_nothing(text: str) -> None:
    assert one(one(text)) == one(text)


def test_letters_are_made_once_and_then_come_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_HOME, str(tmp_path))
    made = folding._made(folding._sounds())
    folding._letters.cache_clear()
    first = folding._letters()
    folding._letters.cache_clear()
    monkeypatch.delattr(folding, "_made")
    again = folding._letters()
    assert np.array_equal(made, first)
    assert np.array_equal(made, again)
    assert chr(made[ord("薇")]) == chr(made[ord("微")])
