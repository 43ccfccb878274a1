from __future__ import annotations

import time

from hypothesis import given, settings

from pipeline.text.codepoints import TextBatch
from pipeline.text.ngrams import LONGEST_WORD, Occurrences, occurrences, text_keys
from pipeline.text.segment import segment_texts
from tests.tiny import POSTS, RECRUITING, cut

BLANK = {chr(c) for c in range(0x21)} | {"\u3000"}


def _read(texts: list[str | None]) -> tuple[TextBatch, list[list[str]], Occurrences]:
    tokens = segment_texts([(text or "").replace("\x1e", " ") for text in texts])
    batch, cuts = cut(*tokens)
    return batch, tokens, occurrences(batch, cuts)


def _grams(text: str, n: int) -> list[tuple[int, str]]:
    """Where each n-gram that neither begins nor ends with white space stands, and the n-gram; one character at a time."""
    each = ((i, text[i : i + n]) for i in range(len(text) - n + 1))
    return [(i, gram) for i, gram in each if gram[0] not in BLANK and gram[-1] not in BLANK]


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


def test_a_word_over_the_limit_is_left_out_and_takes_no_time() -> None:
    long = "a" * 1_000_000
    assert segment_texts([long]) == [[long]]
    batch, tokens = cut([long], ["b" * LONGEST_WORD])
    begin = time.process_time()
    found = occurrences(batch, tokens)
    assert time.process_time() - begin < 5  # 0.5 s; letter by letter through the whole word, 12 s
    assert found.rows[found.n_chars :].tolist() == [1]
