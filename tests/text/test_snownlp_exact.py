"""`snownlp_exact` against the library itself, to the last digit but three; its words against the library's, one by one."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text.codepoints import from_arrow
from pipeline.text.snownlp_exact import snownlp_exact, words_of
from tests.tiny import TEXT, strings

# Chinese runs of every length, characters the tagger never saw (龘, 靐), white space of every kind, what borders on Chinese.
PIECES = ("这家店", "的", "东西", "质量", "很差", "我", "失望", "好", "不错", "面膜", "龘", "靐齉", "一", "龥", "㐀", "龦", "，", " ",
          "\u3000", "\x1e", "\n", "\x85", "\u2028",
          "哈哈哈", "www.a.cn", "[泪]", "👍", "Ａ", "生活", "发展中国家", "乒乓球拍卖完了")  # fmt: skip
CHINESE = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=30)
MIXED = st.lists(st.one_of(st.sampled_from(PIECES), CHINESE), min_size=1, max_size=12).map("".join)
POSTS_BY_HAND = [
    "这家店的东西质量很差，太失望了", "推荐！味道好极了，孩子很喜欢", "龘靐齉", "的了是", "今天下雨", " ", "我", "，",
    "研究生命的起源和结婚的和尚未结婚的", "一" * 300, "x" * 80,
]  # fmt: skip


def itself(text: str) -> float:
    """The library's number; of an empty text, for which it raises ZeroDivisionError, its classifier's without words."""
    from snownlp import SnowNLP, sentiment

    return float(SnowNLP(text).sentiments if text else sentiment.classify(text))


def check(texts: list[str]) -> None:
    from snownlp import seg

    batch = from_arrow(strings(*texts))
    starts, ends, offsets = words_of(batch)
    words = [batch.joined[a:b] for a, b in zip(starts, ends, strict=True)]
    assert [words[a:b] for a, b in pairwise(offsets)] == [seg.seg(text) for text in texts]
    found = snownlp_exact(strings(*texts))
    assert found.tolist() == pytest.approx([itself(text) for text in texts], abs=1e-12, rel=0)


def test_texts_by_hand_are_cut_and_scored_as_by_the_library() -> None:
    check(POSTS_BY_HAND)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(MIXED, CHINESE, TEXT), max_size=6))
def test_any_texts_are(texts: list[str]) -> None:
    check(texts)


def test_real_posts_are(shared: object) -> None:
    texts = pq.read_table(f"{shared}/datasets/weibo_2014/posts.parquet", columns=["content"])["content"]
    check([text or "" for text in texts.slice(0, 300).to_pylist()])


def test_every_stop_word_and_every_long_word_of_the_table_is_known() -> None:
    from snownlp import normal, sentiment

    table = sentiment.classifier.classifier.d
    long = [word for one in table.values() for word in one.d if len(word) > 40 and word == "".join(word.split())]
    assert long
    check([*sorted(normal.stop), *long])


def test_an_empty_text_and_a_missing_one_have_the_chance_without_words() -> None:
    from snownlp import sentiment

    assert snownlp_exact(strings("", None)).tolist() == pytest.approx([sentiment.classify("")] * 2, abs=1e-12)
    assert snownlp_exact(pa.array([], pa.string())).tolist() == []


def test_a_text_s_number_does_not_hang_on_its_neighbours() -> None:
    alone = [snownlp_exact(strings(text))[0] for text in POSTS_BY_HAND]
    assert snownlp_exact(strings(*POSTS_BY_HAND)).tolist() == alone
