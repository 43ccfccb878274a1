from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from pipeline.errors import PermanentError
from pipeline.text.codepoints import TextBatch, from_arrow
from pipeline.text.linear import text_keys
from pipeline.text.ngrams import LONGEST_WORD, Occurrences, Vocabulary, char_keys, occurrences, weigh, word_keys
from pipeline.text.segment import segment_texts
from tests.tiny import DIARY, POSTS, RECRUITING, SELLING, strings

BLANK = {chr(c) for c in range(0x21)} | {"\u3000"}


def _read(texts: list[str | None]) -> tuple[TextBatch, list[list[str]], Occurrences]:
    batch = from_arrow(strings(*texts))
    plain = [(text or "").replace("\x1e", " ") for text in texts]
    tokens = segment_texts(plain)
    return batch, tokens, occurrences(batch, pa.array(tokens, pa.list_(pa.string())))


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
    batch = from_arrow(strings(*texts))
    found = char_keys(batch)
    every: list[tuple[int, str]] = []
    for n, (keys, at) in enumerate(found, start=1):
        want = [
            (int(batch.starts[row]) + i, gram)
            for row, text in enumerate(texts)
            for i, gram in _grams((text or "").replace("\x1e", " "), n)
        ]
        assert at.tolist() == [i for i, _ in want]
        every += [(key, gram) for key, (_, gram) in zip(keys.tolist(), want, strict=True)]
    assert len(found) == 4
    assert _one_to_one([key for key, _ in every], [gram for _, gram in every])


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
    _, _, found = _read(texts)
    plain = [(text or "").replace("\x1e", " ") for text in texts]
    oracle = CountVectorizer(analyzer=_analyse).fit(plain)
    names = oracle.get_feature_names_out().tolist()
    kinds, spelt = zip(*(name.split(" ", 1) for name in names), strict=True)
    ours = Vocabulary(text_keys(list(kinds), list(spelt))).counts(found)
    assert (ours != oracle.transform(plain)).nnz == 0
    assert ours.dtype == np.float32


def test_weights_are_scikit_learns_sublinear_term_frequencies() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [RECRUITING, SELLING * 3, DIARY, "哈哈哈哈哈", "", "嗯"]
    _, _, found = _read(list(texts))
    oracle = TfidfVectorizer(analyzer=_analyse, use_idf=False, sublinear_tf=True).fit(texts[:4])
    kinds, spelt = zip(*(name.split(" ", 1) for name in oracle.get_feature_names_out()), strict=True)
    ours = weigh(Vocabulary(text_keys(list(kinds), list(spelt))).counts(found))
    assert np.abs((ours - oracle.transform(texts)).toarray()).max() < 1e-6
    assert ours.dtype == np.float32


@settings(deadline=None)
@given(POSTS, POSTS)
def test_counts_and_weights_of_a_text_are_the_same_in_any_batch(some: list[str | None], more: list[str | None]) -> None:
    spelt = ["微信", "招代理", "一", "面膜", "我", "今天", "开心", "。"]
    vocabulary = Vocabulary(text_keys(["char"] * 8 + ["word"] * 8, spelt * 2))

    def rows(texts: list[str | None]) -> tuple[bytes, bytes]:
        counts = vocabulary.counts(_read(texts)[2])
        return counts.toarray().tobytes(), weigh(counts).toarray().tobytes()

    whole, one, other = rows(some + more), rows(some), rows(more)
    assert whole == (one[0] + other[0], one[1] + other[1])


def test_nothing_is_known_to_an_empty_vocabulary() -> None:
    _, _, found = _read([RECRUITING, None])
    counts = Vocabulary(np.zeros(0, np.uint64)).counts(found)
    assert counts.shape == (2, 0)
    assert weigh(counts).shape == (2, 0)


def test_two_entries_with_one_key_are_refused_in_one_line() -> None:
    with pytest.raises(PermanentError, match="two entries share a key") as told:
        Vocabulary(text_keys(["word", "char", "word"], ["代理", "代理", "代理"]))
    assert "\n" not in str(told.value)


def test_a_word_has_one_key_wherever_it_stands() -> None:
    keys = word_keys(strings("代理", "面膜", "代理", ""))
    assert keys[0] == keys[2]
    assert len(set(keys.tolist())) == 3


def test_a_word_over_the_limit_is_left_out_and_takes_no_time() -> None:
    long = "a" * 1_000_000
    assert segment_texts([long]) == [[long]]
    batch = from_arrow(strings(long, "b" * LONGEST_WORD))
    tokens = pa.array([[long], ["b" * LONGEST_WORD]], pa.list_(pa.string()))
    begin = time.process_time()
    found = occurrences(batch, tokens)
    assert time.process_time() - begin < 5  # 0.5 s; letter by letter through the whole word, 12 s
    assert found.rows[found.n_chars :].tolist() == [1]
