from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.text.codepoints import TextBatch, from_arrow, from_list
from pipeline.text.segment import Segmenter, Tokens, segment_ids, segment_texts
from tests.text.jieba_oracle import jieba_itself, jieba_over
from tests.tiny import CORPORA, POSTS, strings

WORDS = CORPORA / "lexicon" / "words.txt"
OFFER = "面膜一件代发，零囤货"
POSTS_BY_HAND = [
    "今天带女儿去动物园看长颈鹿，她高兴得一路上都在唱歌",
    "加薇❤lili8899 了解，Ｖ信同号！！http://t.cn/RzQ81kd",
    "哈哈哈哈哈哈哈哈笑死我了23333",
    "#早安# 愿你眼里有光[太阳] @小鱼儿 转发微博//@阿禾:不错",
    "臺灣代購 直郵 $58.5 50% C++ AT&T",
    "第一行\r\n第二行\t\u3000第三行\x1e完",
    "龘靐齉爩𠮷野家😀👨‍👩‍👧",
    "版本a.34S店去a.4S店b%4S店",  # a word of the dictionary ends what would go on as a decimal number
    "",
]
# Characters on which jieba turns: its regular expressions' borders, both sides of \d and \s, rare and common Chinese ones.
CHARS = (
    "的一是了我招代理微信哈在人有来他这上着个地到大里说就去子得也和那要下看天时过出小么起你都把好还多没为又可家学只以主会样年想"
    "㐀䶵一\u9fa5龦\u9fd5\u9fd6龘靐齉爩鿿豈兀𠀀𠮷𪚥々〇"
    "abzABZ019+#&._%-*/=@!?,:;()[]{}|~^$<>\\\"'`"
    "２Ａａ．％－＋＃٣߁१①½²三"
    " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000\u200b\u2060\ufeff"
    "\x00\x7f，。！？、：；“”（）《》【】…—·～￥😀👍🏻👨\u200d👩❤\ufe0f🇨🇳"
)
PIECES = (
    "\r\n", "3.14", "50%", "1.5.2%", ".5", "5.", "a.b", "a1.2b", "AT&T", "C++", "c#", "T恤", "4S店", "IP地址", "--", "%%",
    "http://t.cn/a.b?c=%20", "江湖骗子专骗老实人", "儿媳妇", "我们中出了一个叛徒", "招代", "一件代发", "哈哈哈", "[泪]", "//@",
    "中华人民共和国中央人民政府", "２０１９年", "γ射线",
)  # fmt: skip
TEXTS = st.lists(
    st.one_of(st.sampled_from(CHARS), st.sampled_from(PIECES), st.text(CHARS[:60], max_size=8)), max_size=30
).map("".join)


def strings_of(tokens: Tokens, batch: TextBatch) -> list[str]:
    return [batch.joined[a:b] for a, b in zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)]


@pytest.fixture(scope="module")
def plain() -> Segmenter:
    return Segmenter()


@pytest.fixture(scope="module")
def numbers(plain: Segmenter) -> dict[str, int]:
    return {word: i for i, word in enumerate(plain.words)}


@pytest.mark.parametrize("text", POSTS_BY_HAND)
def test_tokens_are_jiebas(text: str) -> None:
    assert segment_texts([text]) == [jieba_itself()(text)]


@given(POSTS)
@example(["招代" * 40, "的" * 30, "江湖骗子专骗老实人儿媳妇们"])
def test_tokens_are_jiebas_for_any_posts(texts: list[str | None]) -> None:
    plain = [text or "" for text in texts]
    assert segment_texts(plain) == [jieba_itself()(text) for text in plain]


@settings(max_examples=1000)
@given(TEXTS)
def test_tokens_are_jiebas_for_any_characters(text: str) -> None:
    assert segment_texts([text]) == [jieba_itself()(text)]


@given(st.text(st.characters(), max_size=60))
def test_tokens_are_jiebas_for_any_character_of_unicode(text: str) -> None:
    assert segment_texts([text]) == [jieba_itself()(text)]


def test_every_character_counts_as_it_does_in_jiebas_regular_expressions() -> None:
    """Between two Chinese characters that make no word, and between a digit with its dot and a percent sign."""
    codes = [*range(0xD800), *range(0xE000, 0x10000), *range(0x10000, 0xE0000, 331)]
    cells = [f"卄{chr(code)}丐a1.{chr(code)}%" for code in codes]
    texts = ["".join(cells[i : i + 100]) for i in range(0, len(cells), 100)]
    assert segment_texts(texts) == [jieba_itself()(text) for text in texts]


def test_the_words_of_the_dictionary_one_by_one_and_in_a_row_are_cut_as_jieba_cuts_them(plain: Segmenter) -> None:
    rng = np.random.default_rng(5)
    words = [plain.words[i] for i in rng.integers(0, len(plain.words), 20_000)]
    rows = ["".join(words[i : i + 20]) for i in range(0, len(words), 20)]
    texts = words[:5_000] + rows
    assert segment_texts(texts) == [jieba_itself()(text) for text in texts]


def test_chances_that_tie_are_decided_as_in_jieba() -> None:
    """Characters that the model does not know in some state: the chances of whole paths are then the same huge number."""
    from jieba.finalseg import emit_P

    han = [chr(code) for code in range(0x4E00, 0x9FD6)]
    known = {char: "".join(state for state in "BMES" if char in emit_P[state]) for char in han}
    kinds = [[char for char in han if known[char] == states] for states in sorted({*known.values()})]
    draw = Random(3)
    texts = ["".join(draw.choice(draw.choice(kinds)) for _ in range(draw.randint(2, 9))) for _ in range(20_000)]
    assert segment_texts(texts) == [jieba_itself()(text) for text in texts]


def test_tokens_of_real_posts_are_jiebas(shared: Path) -> None:
    texts = pq.read_table(shared / "datasets/weibo_2014/posts.parquet", columns=["content"])["content"]
    posts = [text or "" for text in texts.slice(3_000, 2_000).to_pylist()]
    assert segment_texts(posts) == [jieba_itself()(text) for text in posts]


def test_lone_surrogates_stay_what_they_are() -> None:
    assert segment_texts(["好\ud83d\ude00a\udfff"]) == [jieba_itself()("好\ud83d\ude00a\udfff")]


def test_many_texts_at_once_are_cut_as_one_by_one(plain: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.text.segment._AT_ONCE", 3)
    assert plain.texts(POSTS_BY_HAND) == [tokens for text in POSTS_BY_HAND for tokens in plain.texts([text])]


@given(POSTS)
def test_numbers_and_positions_tell_the_same_as_the_strings(numbers: dict[str, int], texts: list[str | None]) -> None:
    column = pa.array(texts, pa.string())
    batch, tokens = from_arrow(column), segment_ids(column)
    found = strings_of(tokens, batch)
    lists = [found[a:b] for a, b in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)]
    assert lists == segment_texts([(text or "").replace("\x1e", " ") for text in texts])
    assert len(tokens) == len(found)
    assert tokens.ids.tolist() == [numbers.get(word, -1) for word in found]


def test_tokens_of_each_text_tile_it() -> None:
    batch = from_list(POSTS_BY_HAND)
    tokens = segment_ids(strings(*POSTS_BY_HAND))
    for i in range(len(batch)):
        a, b = tokens.offsets[i], tokens.offsets[i + 1]
        bounds = [int(batch.starts[i]), *tokens.ends[a:b].tolist()]
        assert tokens.starts[a:b].tolist() == bounds[:-1]
        assert bounds[-1] == batch.starts[i + 1] - 1


def test_types_are_those_that_kernels_are_compiled_for() -> None:
    tokens = segment_ids(strings("今天"))
    kinds = [str(a.dtype) for a in (tokens.ids, tokens.starts, tokens.ends, tokens.offsets)]
    assert kinds == ["int32", "int64", "int64", "int64"]


def test_a_string_array_gives_lists_row_for_row_and_null_none(plain: Segmenter) -> None:
    column = pa.chunked_array([strings("今天下雨"), strings(None, "回家")])
    found = plain.tokens(column)
    assert found.type == pa.list_(pa.field("element", pa.string()))
    assert found.to_pylist() == [["今天", "下雨"], [], ["回家"]]


@given(POSTS, st.integers(0, 3))
def test_lists_of_an_array_are_the_tokens_of_its_texts_wherever_it_begins(
    plain: Segmenter, texts: list[str | None], skip: int
) -> None:
    column = pa.array(texts, pa.large_string() if skip == 3 else pa.string())[skip:]
    found = plain.tokens(column)
    found.validate(full=True)
    assert found.to_pylist() == segment_texts([text or "" for text in texts[skip:]])
    batch = from_arrow(column)
    lists = plain.cut(batch).to_arrow(batch)
    lists.validate(full=True)
    assert lists.to_pylist() == segment_texts([(text or "").replace("\x1e", " ") for text in texts[skip:]])


def test_lists_of_an_empty_array_are_none(plain: Segmenter) -> None:
    assert plain.tokens(strings()).to_pylist() == []
    assert plain.texts([]) == []
    assert plain.tokens(strings(None, "")).to_pylist() == [[], []]
    assert plain.tokens(pa.nulls(2)).to_pylist() == [[], []]


def test_domain_words_stay_whole_in_their_own_segmenter_only() -> None:
    with_words = Segmenter(WORDS)
    assert "一件代发" in with_words.texts([OFFER])[0]
    assert "一件代发" not in segment_texts([OFFER])[0]


def test_tokens_with_the_domain_words_are_those_of_jieba_with_them() -> None:
    words = WORDS.read_bytes()
    texts = [*POSTS_BY_HAND, OFFER, *words.decode().split("\n"), words.decode()[:3000].replace("\n", "")]
    with jieba_over(words) as lcut:
        assert Segmenter(WORDS).texts(texts) == [lcut(text) for text in texts]


def test_two_threads_with_one_segmenter_find_what_one_finds(plain: Segmenter) -> None:
    batches = [from_list([f"{text}{i}" for text in POSTS_BY_HAND * 50]) for i in range(8)]
    alone = [plain.cut(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(plain.cut, batches))
    for one, other in zip(alone, together, strict=True):
        for name in ("ids", "starts", "ends", "offsets"):
            assert np.array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("piece", ["招代", "哈", "的我", "a1", ".", "5.", " ", "😀", "中国"])
def test_a_hundred_thousand_characters_of_one_kind_take_time_by_their_length(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    short = segment_texts([text[:1000]])[0]
    begin = time.process_time()
    [tokens] = segment_texts([text])
    assert time.process_time() - begin < 2  # 0.03 s; jieba's own way takes 100 s for 招代, by the square of the length
    assert "".join(tokens) == text
    assert short == jieba_itself()(text[:1000])


def test_a_long_text_leaves_no_memory_behind_and_takes_a_bounded_multiple_of_its_size() -> None:
    import tracemalloc

    text = "招代" * 500_000
    segment_ids(strings("热身"))
    column = strings(text)
    tracemalloc.start()
    try:
        tokens = segment_ids(column)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(tokens) == 500_000
    assert peak < 60 * len(text)


def test_importing_the_module_opens_no_dictionary() -> None:
    code = "import sys, pipeline.text.reading; sys.exit('jieba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
