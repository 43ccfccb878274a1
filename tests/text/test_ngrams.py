from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings

from pipeline.errors import PermanentError
from pipeline.text.codepoints import TextBatch
from pipeline.text.ngrams import LONGEST_WORD, Occurrences, Vocabulary, occurrences, text_keys, weigh
from pipeline.text.segment import Tokens, segment_texts
from tests.tiny import DIARY, POSTS, RECRUITING, SELLING, cut

BLANK = {chr(c) for c in range(0x21)} | {"\u3000"}


def _cut(texts: list[str | None]) -> tuple[TextBatch, Tokens]:
    return cut(*segment_texts([(text or "").replace("\x1e", " ") for text in texts]))


def _read(texts: list[str | None]) -> tuple[TextBatch, list[list[str]], Occurrences]:
    tokens = segment_texts([(text or "").replace("\x1e", " ") for text in texts])
    batch, cuts = cut(*tokens)
    return batch, tokens, occurrences(batch, cuts)


def _grams(text: str, n: int) -> list[tuple[int, str]]:
    """Where each n-gram that neither begins nor ends with white space stands, and the n-gram; one character at a time."""
    each = ((i, text[i : i + n]) for i in range(len(text) - n + 1))
    return [(i, gram) for i, gram in each if gram[0] not in BLANK and gram[-1] not in BLANK]


def _analyse(text: str) -> list[str]:
    """What a text is made of, for scikit-learn: n-grams and words, told apart."""
    grams = [f"char {gram}" for n in range(1, 5) for _, gram in _grams(text, n)]
    return grams + [f"word {w}" for w in segment_texts([text])[0] if set(w) - BLANK and len(w) <= LONGEST_WORD]


def _one_to_one(keys: list[int], names: list[str]) -> bool:
    """Equal keys for equal names, different keys for different names."""
    return len(set(zip(keys, names, strict=True))) == len(set(keys)) == len(set(names))


@settings(deadline=None)
@given(POSTS)
def test_character_ngrams_are_those_of_each_text(texts: list[str | None]) -> None:
    batch, _, found = _read(texts)
    want = sorted(
        (row, int(batch.starts[row]) + i, gram)
        for row, text in enumerate(texts)
        for n in range(1, 5)
        for i, gram in _grams((text or "").replace("\x1e", " "), n)
    )
    n = found.n_chars
    places = zip(found.rows[:n].tolist(), found.starts[:n].tolist(), found.ends[:n].tolist(), strict=True)
    ours = [(row, start, batch.joined[start:end]) for row, start, end in places]
    assert sorted(ours) == want
    assert _one_to_one(found.keys[:n].tolist(), [gram for _, _, gram in ours])


@settings(deadline=None)
@given(POSTS)
def test_words_are_the_tokens_of_each_text_that_are_not_blank(texts: list[str | None]) -> None:
    batch, tokens, found = _read(texts)
    want = [(row, w) for row, words in enumerate(tokens) for w in words if set(w) - {" ", "\n", "\t", "\r", "\f"}]
    words = slice(found.n_chars, None)
    assert found.rows[words].tolist() == [row for row, _ in want]
    places = zip(found.starts[words].tolist(), found.ends[words].tolist(), strict=True)
    assert [batch.joined[s:e] for s, e in places] == [w for _, w in want]
    assert _one_to_one(found.keys[words].tolist(), [w for _, w in want])
    assert not set(found.keys[words].tolist()) & set(found.keys[: found.n_chars].tolist())


@settings(deadline=None)
@given(POSTS)
def test_every_occurrence_lies_inside_its_text(texts: list[str | None]) -> None:
    batch, _, found = _read(texts)
    assert (batch.starts[found.rows] <= found.starts).all()
    assert (found.ends <= batch.starts[found.rows + 1] - 1).all()
    assert found.n_rows == len(texts)


def test_the_key_of_an_entry_is_that_of_its_occurrences() -> None:
    _, _, found = _read([RECRUITING])
    keys = set(found.keys.tolist())
    assert set(text_keys(["char", "word", "char"], ["一件代发", "代理", "零囤"]).tolist()) <= keys
    assert text_keys(["word"], ["零囤"]).tolist()[0] not in keys


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


def test_a_word_over_the_limit_is_left_out_and_takes_no_time() -> None:
    long = "a" * 1_000_000
    assert segment_texts([long]) == [[long]]
    batch, tokens = cut([long], ["b" * LONGEST_WORD])
    begin = time.process_time()
    found = occurrences(batch, tokens)
    assert time.process_time() - begin < 5  # 0.5 s; letter by letter through the whole word, 12 s
    assert found.rows[found.n_chars :].tolist() == [1]
