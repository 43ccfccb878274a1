from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from pipeline.errors import PermanentError
from pipeline.text.codepoints import TextBatch, from_arrow
from pipeline.text.ngrams import LONGEST_WORD, weigh
from pipeline.text.segment import Segmenter, Tokens, segment_texts
from pipeline.text.vocabulary import Vocabulary
from tests.tiny import DIARY, POSTS, RECRUITING, SELLING, cut, strings

BLANK = {chr(c) for c in range(0x21)} | {"\u3000"}


def _cut(texts: list[str | None]) -> tuple[TextBatch, Tokens]:
    return cut(*segment_texts([(text or "").replace("\x1e", " ") for text in texts]))


def _grams(text: str, n: int) -> list[tuple[int, str]]:
    """Where each n-gram that neither begins nor ends with white space stands, and the n-gram; one character at a time."""
    each = ((i, text[i : i + n]) for i in range(len(text) - n + 1))
    return [(i, gram) for i, gram in each if gram[0] not in BLANK and gram[-1] not in BLANK]


def _analyse(text: str) -> list[str]:
    """What a text is made of, for scikit-learn: n-grams and words, told apart."""
    grams = [f"char {gram}" for n in range(1, 5) for _, gram in _grams(text, n)]
    return grams + [f"word {w}" for w in segment_texts([text])[0] if set(w) - BLANK and len(w) <= LONGEST_WORD]


@settings(deadline=None, max_examples=40)
@given(POSTS)
def test_counts_are_scikit_learns(texts: list[str | None]) -> None:
    from sklearn.feature_extraction.text import CountVectorizer

    texts = [*texts, RECRUITING, DIARY]
    plain = [(text or "").replace("\x1e", " ") for text in texts]
    oracle = CountVectorizer(analyzer=_analyse).fit(plain)
    names = oracle.get_feature_names_out().tolist()
    kinds, spelt = zip(*(name.split(" ", 1) for name in names), strict=True)
    ours = Vocabulary(kinds, spelt).counts(*_cut(texts)).matrix()
    assert (ours != oracle.transform(plain)).nnz == 0
    assert ours.dtype == np.float32


def test_weights_are_scikit_learns_sublinear_term_frequencies() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [RECRUITING, SELLING * 3, DIARY, "哈哈哈哈哈", "", "嗯"]
    oracle = TfidfVectorizer(analyzer=_analyse, use_idf=False, sublinear_tf=True).fit(texts[:4])
    kinds, spelt = zip(*(name.split(" ", 1) for name in oracle.get_feature_names_out()), strict=True)
    ours = weigh(Vocabulary(kinds, spelt).counts(*_cut(list(texts))).matrix())
    assert np.abs((ours - oracle.transform(texts)).toarray()).max() < 1e-6
    assert ours.dtype == np.float32


@settings(deadline=None)
@given(POSTS, POSTS)
def test_counts_and_weights_of_a_text_are_the_same_in_any_batch(some: list[str | None], more: list[str | None]) -> None:
    spelt = ["微信", "招代理", "一", "面膜", "我", "今天", "开心", "。"]
    vocabulary = Vocabulary(["char"] * 8 + ["word"] * 8, spelt * 2)

    def rows(texts: list[str | None]) -> tuple[bytes, bytes]:
        counts = vocabulary.counts(*_cut(texts)).matrix()
        return counts.toarray().tobytes(), weigh(counts).toarray().tobytes()

    whole, one, other = rows(some + more), rows(some), rows(more)
    assert whole == (one[0] + other[0], one[1] + other[1])


def test_nothing_is_known_to_an_empty_vocabulary() -> None:
    counts = Vocabulary([], []).counts(*_cut([RECRUITING, None])).matrix()
    assert counts.shape == (2, 0)
    assert weigh(counts).shape == (2, 0)


def test_two_entries_with_one_key_are_refused_in_one_line() -> None:
    with pytest.raises(PermanentError, match="two entries share a key") as told:
        Vocabulary(["word", "char", "word"], ["代理", "代理", "代理"])
    assert "\n" not in str(told.value)


def test_tokens_know_their_entries() -> None:
    counts = Vocabulary(["word", "char", "word"], ["面膜", "今", "我"]).counts(
        *cut(["我", "买", "面膜"], [], ["面膜", " "])
    )
    assert counts.token_entries.tolist() == [2, -1, 0, 0, -1]


def test_a_character_beyond_the_first_planes_is_counted_like_any_other() -> None:
    vocabulary = Vocabulary(["char", "char", "char"], ["🧧", "\U0002a6d6", "🧧\U0002a6d6"])
    found = vocabulary.counts(*cut(["🧧", "\U0002a6d6", "🧧"])).matrix()
    assert found.toarray().tolist() == [[2, 1, 1]]


def test_words_are_counted_alike_whoever_numbered_them(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("招全国代理\n一件代发\n", "utf-8")
    texts = [RECRUITING, "诚招全国代理，一件代发！", DIARY, None, "🧧，代理", "\u4dbf代理"]
    spelt = ["代理", "招全国代理", "一件代发", "全国", "，", "！", "🧧", "我", "\u4dbf"]
    vocabulary = Vocabulary(["word"] * len(spelt), spelt)
    for segmenter in (Segmenter(), Segmenter(tmp_path / "words.txt"), Segmenter()):
        batch = from_arrow(strings(*texts))
        tokens = segmenter.cut(batch)
        nameless = Tokens(np.full(len(tokens), -1, np.int32), tokens.starts, tokens.ends, tokens.offsets)
        want = Vocabulary(["word"] * len(spelt), spelt).counts(batch, nameless)
        for _ in range(2):  # the second time the words are known by their numbers
            ours = vocabulary.counts(batch, tokens)
            assert ours.token_entries.tolist() == want.token_entries.tolist()
            assert (ours.matrix() != want.matrix()).nnz == 0


def test_threads_may_ask_one_vocabulary() -> None:
    texts, segmenter = [RECRUITING, SELLING, DIARY, "早"], Segmenter()
    spelt = ["代理", "面膜", "我", "今天", "，", "早"]
    batch = from_arrow(strings(*texts))
    want = Vocabulary(["word"] * 6, spelt).counts(batch, segmenter.cut(batch)).matrix().toarray()
    vocabulary = Vocabulary(["word"] * 6, spelt)
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda _: vocabulary.counts(batch, segmenter.cut(batch)).matrix().toarray(), range(40))
    assert all((counts == want).all() for counts in found)
