from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.tables import BANDS
from pipeline.text import sketch
from pipeline.text.sketch import fold, jaccard, sketches

LETTERS = "今天下午茶点心面膜代理招收加盟好友分享孩子学校回家路上买菜做饭天气不错abc"
TEXTS = st.lists(st.one_of(st.none(), st.text(LETTERS + "，。!1 @[]〔〕😀", max_size=60)), max_size=12)


def strings(*texts: str | None) -> pa.Array:
    return pa.array(texts, pa.string())


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("招代理，零门槛!!! 月入3万", "招代理零门槛月入万"),
        ("加我微信〔微信号〕领小样", "加我微信领小样"),
        ("看这里 http://t.cn/a1b2c3很划算", "看这里很划算"),
        ("今天好累[泪][泪]想睡觉😴", "今天好累想睡觉"),
        ("谢谢@小鱼儿_88: 一起吃面", "谢谢一起吃面"),
        ("", ""),
        (None, None),
    ],
)
def test_fold_drops_what_copies_differ_in(text: str | None, folded: str | None) -> None:
    assert fold(strings(text)).to_pylist() == [folded]


def test_a_whole_advert_behind_one_at_sign_or_in_brackets_is_not_folded_away() -> None:
    advert = "新款面膜厂家直供一盒也能拿货想做代理的姐妹快来找我吧"
    assert len(fold(strings("@" + advert)).to_pylist()[0]) > 10
    assert fold(strings(f"[{advert}]")).to_pylist() == [advert]
    assert fold(strings(f"〔{advert}〕")).to_pylist() == [advert]


def test_a_short_greeting_has_no_sketch() -> None:
    found = sketches(strings("大家早上好今天也要加油", "大家早上好今天也要加油哦", None, "早！" * 30))
    assert found.type == BANDS
    assert found.is_valid().to_pylist() == [False, True, False, True]


def test_copies_that_differ_in_number_link_and_marks_have_one_sketch() -> None:
    one = sketches(strings("源头工厂招代理，首批12盒起，详情 http://t.cn/xyz"))
    other = sketches(strings("源头工厂招代理！！首批30盒起~~详情 http://t.cn/abc [威武]"))
    assert one.equals(other)


def test_band_keys_are_those_that_stored_sketches_hold() -> None:
    keys = sketches(strings("周末带孩子去公园放风筝，风很大"))[0].as_py()
    assert keys[:3] == [2801229549, 587224535, 949195299]


@settings(deadline=None, max_examples=50)
@given(TEXTS, TEXTS)
def test_a_sketch_depends_on_its_own_text_alone(some: list[str | None], more: list[str | None]) -> None:
    together = sketches(strings(*some, *more))
    assert together.equals(pa.concat_arrays([sketches(strings(*some)), sketches(strings(*more))]))


def test_chunks_give_the_same_sketches(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = strings(
        *[f"{'今天去菜市场买了新鲜的' if i % 2 else '晚上和同事一起加班到'}{LETTERS[i:]}" for i in range(20)]
    )
    whole = sketches(texts)
    monkeypatch.setattr(sketch, "_CHUNK", 100)
    assert sketches(texts).equals(whole)


def _set_jaccard(a: str, b: str) -> float:
    x, y = ({t[i : i + 3] for i in range(len(t) - 2)} for t in fold(strings(a, b)).to_pylist())
    return len(x & y) / len(x | y) if x | y else 0.0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.text(LETTERS[:8], max_size=12), st.text(LETTERS[:8], max_size=12)), max_size=8))
def test_jaccard_is_that_of_the_sets_of_3_grams(pairs: list[tuple[str, str]]) -> None:
    found = jaccard(strings(*[a for a, _ in pairs]), strings(*[b for _, b in pairs]))
    assert found.tolist() == [_set_jaccard(a, b) for a, b in pairs]


def test_pairs_above_the_threshold_share_a_band_and_strangers_rarely_do() -> None:
    dice = random.Random(7)
    originals = ["".join(dice.choices(LETTERS, k=60)) for _ in range(400)]
    copies = ["".join(dice.choice(LETTERS) if dice.random() < 0.04 else c for c in text) for text in originals]
    similar = jaccard(strings(*originals), strings(*copies)) >= 0.7
    one, other = (sketches(strings(*texts)).flatten().to_numpy().reshape(-1, 16) for texts in (originals, copies))
    assert similar.sum() > 150
    assert (one == other).any(axis=1)[similar].mean() >= 0.99
    strangers = (one == np.roll(other, 1, axis=0)).any(axis=1)
    assert strangers.mean() <= 0.02


def test_sketches_of_real_posts_are_fast_enough(shared: Path) -> None:
    texts = pq.read_table(shared / "datasets/weibo_2014/posts.parquet")["content"].cast(pa.string())
    sketches(texts)
    begin = time.perf_counter()
    found = sketches(texts)
    assert len(found) == len(texts)
    assert len(texts) / (time.perf_counter() - begin) > 10_000  # measured 160,000 posts/s
