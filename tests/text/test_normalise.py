from __future__ import annotations

import sys
import time
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from pipeline.text.codepoints import TextBatch, from_arrow, from_list
from pipeline.text.normalise import RULES, normalise, normalise_texts
from tests.tiny import POSTS, strings


def _fold(text: str) -> str:
    return normalise_texts(strings(text))[0].as_py()


def _signs(text: str) -> dict[str, int]:
    """The rules that say of `text` that something is disguised, and how often."""
    counts = normalise(from_list([text])).rule_counts
    assert tuple(counts) == RULES
    return {rule: int(n[0]) for rule, n in counts.items() if n[0]}


@pytest.mark.parametrize(
    ("phenomenon", "text", "folded", "signs"),
    [
        ("plain words stay", "今天去看海，真好！", "今天去看海,真好!", {}),
        ("zero width space inside a cue", "微\u200b信", "微信", {"zero_width": 1}),
        ("byte order mark at the start", "\ufeff早上好", "早上好", {"zero_width": 1}),
        ("soft hyphen", "代\u00ad理", "代理", {"zero_width": 1}),
        ("Hangul filler, which shows as nothing", "代\u3164理\uffa0", "代理", {"zero_width": 2}),
        ("variation selector of a supplement", "代\U000e0101理", "代理", {"zero_width": 1}),
        ("emoji with its selector", "❤\ufe0f你", "❤你", {"zero_width": 1}),
        ("keycap digits", "1\ufe0f\u20e33\ufe0f\u20e3", "13", {"zero_width": 4}),
        ("full width letters and digits", "加Ｖｘ１３８", "加vx138", {"full_width": 5}),
        ("full width punctuation is ordinary Chinese", "好！？：（对）", "好!?:(对)", {}),
        ("circled digits", "①⑩", "110", {"enclosed": 2}),
        ("digits in brackets", "⑴群", "(1)群", {"enclosed": 1}),
        ("negative circled and dingbat digits", "❶➀➓⓿", "11100", {"enclosed": 4}),
        ("squared letters", "🅰🆅🄱🅥", "avbv", {"enclosed": 4}),
        ("mathematical letters", "𝕏𝘃𝟙", "xv1", {"enclosed": 3}),
        ("letterlike letters", "ℂℍℛ", "chr", {"enclosed": 3}),
        ("signs of measure are no disguise", "25℃ 产品™ №5 ℡", "25°c 产品tm no5 tel", {}),
        ("an information sign is no disguise", "ℹ通知", "i通知", {}),
        ("flags are letters, but no disguise", "🇨🇳加油", "cn加油", {}),
        ("seven-segment digits", "🯱🯳🯸", "138", {}),
        ("units fold to several letters", "买5㎏苹果㎡", "买5kg苹果m2", {}),
        ("traditional to simplified", "臺灣代購後來", "台湾代购后来", {"traditional": 5}),
        ("Kangxi radicals and compatibility forms end up simplified too", "⾞⾴金備", "车页金备", None),
        ("names with one form in both scripts stay", "王小明", "王小明", {}),
        ("upper case", "WeChat ÀÉ Ω", "wechat àé ω", {}),
        ("odd spaces and control characters become spaces", "a\u3000b\xa0c\td\x00e\u2028f", "a b c d e f", {}),
        ("line breaks stay", "一\n二", "一\n二", {}),
        ("a ligature of eighteen letters", "ﷺ", "صلى الله عليه وسلم", {}),
        ("emoji stay", "🔥👍🏻", "🔥👍🏻", {}),
    ],
)  # fmt: skip
def test_folding(phenomenon: str, text: str, folded: str, signs: dict[str, int] | None) -> None:
    assert _fold(text) == folded, phenomenon
    if signs is not None:
        assert _signs(text) == signs, phenomenon


@pytest.fixture(scope="module")
def characters() -> list[str]:
    """Every character of Unicode that a string array can hold, but the separator."""
    return [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000 and c != 0x1E]


def test_folding_twice_changes_nothing_for_any_character(characters: list[str]) -> None:
    once = normalise_texts(pa.array(characters))
    assert normalise_texts(once).equals(once)


def test_letters_digits_and_signs_fold_as_unicode_says(characters: list[str]) -> None:
    folded = normalise_texts(pa.array(characters)).to_pylist()
    asked = [(c, f) for c, f in zip(characters, folded, strict=True) if ord(c) < 0x3100 and f not in ("", " ")]
    enclosed = "❶❷❸❹❺❻❼❽❾❿➀➁➂➃➄➅➆➇➈➉➊➋➌➍➎➏➐➑➒➓⓿"
    radicals = [c for c, _ in asked if 0x2E80 <= ord(c) < 0x2FE0]  # those become simplified besides
    wrong = [
        c for c, f in asked if f != unicodedata.normalize("NFKC", c).lower() and c not in enclosed and c not in radicals
    ]
    assert wrong == []


@settings(deadline=None)
@given(POSTS)
def test_every_folded_character_comes_from_a_source_character_that_folds_to_it(texts: list[str | None]) -> None:
    batch = from_arrow(strings(*texts))
    found = normalise(batch)
    assert len(found.source) == len(found.batch.joined)
    assert (np.diff(found.source) >= 0).all()
    for char, at in zip(found.batch.joined, found.source.tolist(), strict=True):
        assert char == "\x1e" == batch.joined[at] or char in _fold(batch.joined[at])


@settings(deadline=None)
@given(POSTS)
def test_every_folded_span_maps_to_a_source_span_whose_folding_contains_it(texts: list[str | None]) -> None:
    batch = from_arrow(strings(*texts))
    found = normalise(batch)
    for row in range(len(batch)):
        low, high = found.batch.starts[row], found.batch.starts[row + 1] - 1
        spans = [(s, e) for s in range(low, high) for e in range(s + 1, high + 1)][:60]
        if spans:
            start, end = (np.array(side) for side in zip(*spans, strict=True))
            first, last = found.span(start, end)
            for s, e, f, t in zip(start, end, first, last, strict=True):
                assert batch.starts[row] <= f < t <= batch.starts[row + 1] - 1
                assert found.batch.joined[s:e] in _fold(batch.joined[f:t])


def test_an_empty_span_stays_empty() -> None:
    found = normalise(from_list(["㎏米", ""]))
    first, last = found.span(np.array([1, 3, 4]), np.array([1, 3, 4]))
    assert first.tolist() == last.tolist() == [0, 2, 3]


def test_a_unit_in_the_middle_keeps_the_places_of_what_follows() -> None:
    batch = from_list(["买5㎏苹果⑴加薇"])
    found = normalise(batch)
    at = found.batch.joined.index("加薇")
    first, last = found.span(np.array([at]), np.array([at + 2]))
    assert batch.joined[first[0] : last[0]] == "加薇"


def test_a_cue_with_invisible_characters_inside_maps_to_all_of_it() -> None:
    batch = from_list(["请加\u200bＶ\u200b信吧"])
    found = normalise(batch)
    first, last = found.span(np.array([1]), np.array([4]))  # 加v信
    assert batch.joined[first[0] : last[0]] == "加\u200bＶ\u200b信"


def _parts(batch: TextBatch) -> tuple[str, list[int], dict[str, list[int]]]:
    found = normalise(batch)
    return found.batch.joined, found.source.tolist(), {rule: n.tolist() for rule, n in found.rule_counts.items()}


@settings(deadline=None)
@given(POSTS, POSTS)
def test_a_text_folds_the_same_in_any_batch(some: list[str | None], more: list[str | None]) -> None:
    one, other = from_arrow(strings(*some)), from_arrow(strings(*more))
    joined, source, counts = _parts(from_arrow(strings(*some, *more)))
    a, b = _parts(one), _parts(other)
    assert joined == a[0] + b[0]
    assert source == a[1] + [at + len(one.joined) for at in b[1]]
    assert counts == {rule: a[2][rule] + b[2][rule] for rule in RULES}


def test_a_post_of_nothing_but_units_takes_no_longer_than_others(characters: list[str]) -> None:
    wide = "".join(c for c in characters if ord(c) > 0x7F and len(unicodedata.normalize("NFKC", c)) > 1)
    batch = from_list([wide * 100])
    assert len(batch.codes) > 100_000
    begin = time.process_time()
    normalise(batch)
    assert time.process_time() - begin < 1  # 0.02 s; work by distinct characters times length took 2 s
