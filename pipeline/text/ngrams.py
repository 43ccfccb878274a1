"""Character n-grams and words as 64-bit keys.

A key is a hash of the n-gram's code points (or of a word's), so that a vocabulary (vocabulary.py) is a hash table and nothing
is spelt out. Two different n-grams of a vocabulary never share a key (`Vocabulary` refuses it); a stranger meets one by
chance with probability 2**-64 times the vocabulary's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.text.codepoints import Codes, Ints, TextBatch, from_arrow
from pipeline.text.compiled import kernel
from pipeline.text.segment import Tokens

if TYPE_CHECKING:
    import scipy.sparse as sp  # training only: importing it takes a tenth of a second

Keys = NDArray[np.uint64]
Small = NDArray[np.int32]
LONGEST = 4
LONGEST_WORD = 64  # code points; jieba makes one token of any run of letters, and hashing goes letter by letter
START = np.uint64(0)
WORD = np.uint64(0x5851F42D4C957F2D)  # sets words apart from character n-grams of the same text
_STEP = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, as in SplitMix64
_MIX = np.uint64(0xBF58476D1CE4E5B9)  # SplitMix64's first multiplier
_ONE, _HALF, _REST = np.uint64(1), np.uint64(29), np.uint64(32)


@kernel
def absorb(state: Any, code: Any) -> Any:
    """The key of an n-gram one code point longer."""
    mixed = (state ^ (np.uint64(code) + _ONE)) * _STEP
    mixed ^= mixed >> _HALF
    mixed *= _MIX
    return mixed ^ (mixed >> _REST)


@kernel
def _is_blank(code: Any) -> Any:
    return code <= 0x20 or code == 0x3000


@kernel
def word_key(codes: Codes, start: int, end: int) -> Any:
    """The key of a word; 0 for a blank one and for one over LONGEST_WORD."""
    if end - start > LONGEST_WORD:
        return START
    state, blank = WORD, True
    for i in range(start, end):
        code = codes[i]
        blank = blank and (code == 0x20 or (0x09 <= code <= 0x0D and code != 0x0B))
        state = absorb(state, code)
    return START if blank else state


@kernel
def _text_keys(codes: Codes, starts: Ints, is_word: NDArray[np.bool_], keys: Keys) -> None:
    for row in range(len(starts) - 1):
        state = WORD if is_word[row] else START
        for i in range(starts[row], starts[row + 1] - 1):
            state = absorb(state, codes[i])
        keys[row] = state


Strings: TypeAlias = "pa.Array | pa.ChunkedArray | Sequence[str]"


def coded(kinds: Strings, texts: Strings) -> tuple[TextBatch, NDArray[np.bool_]]:
    """Entries as a batch, and which of them are words."""
    strings = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else pa.array(texts, pa.string())
    names = kinds if isinstance(kinds, pa.Array | pa.ChunkedArray) else pa.array(kinds, pa.string())
    return from_arrow(strings), pc.equal(names, "word").to_numpy(zero_copy_only=False)


def text_keys(kinds: Strings, texts: Strings) -> Keys:
    """The key of each entry: of the character n-gram or, where its kind is `word`, of the word."""
    batch, is_word = coded(kinds, texts)
    keys = np.empty(len(batch), np.uint64)
    _text_keys(batch.codes, batch.starts, is_word, keys)
    return keys


@dataclass(frozen=True)
class Occurrences:
    """Every n-gram and word of a batch: its key, its text's number, and where it begins and ends in `codes`.

    The first `n_chars` are character n-grams, the others words.
    """

    keys: Keys
    rows: Small
    starts: Ints
    ends: Ints
    n_rows: int
    n_chars: int


def occurrences(batch: TextBatch, tokens: Tokens) -> Occurrences:
    """All character 1-4-grams inside the texts of `batch`, but for those that begin or end with white space, and all its
    words, without blank ones and those over LONGEST_WORD. Training chooses a vocabulary from them."""
    most = LONGEST * len(batch.codes) + len(tokens)
    keys, rows = np.empty(most, np.uint64), np.empty(most, np.int32)
    starts, ends = np.empty(most, np.int64), np.empty(most, np.int64)
    cuts = (tokens.starts, tokens.ends, tokens.offsets)
    n_chars, n = _occurrences(batch.codes, batch.starts, *cuts, keys, rows, starts, ends)
    return Occurrences(keys[:n], rows[:n], starts[:n], ends[:n], len(batch), n_chars)


@kernel
def _occurrences(
    codes: Codes, starts: Ints, token_starts: Ints, token_ends: Ints, offsets: Ints,
    keys: Keys, rows: Small, begins: Ints, ends: Ints,
) -> tuple[int, int]:  # fmt: skip
    at = 0
    for row in range(len(starts) - 1):
        end = starts[row + 1] - 1
        for i in range(starts[row], end):
            state = START
            for j in range(i, min(i + LONGEST, end)):
                state = absorb(state, codes[j])
                if not (_is_blank(codes[i]) or _is_blank(codes[j])):
                    keys[at], rows[at], begins[at], ends[at] = state, row, i, j + 1
                    at += 1
    n_chars = at
    for row in range(len(starts) - 1):
        for token in range(offsets[row], offsets[row + 1]):
            key = word_key(codes, token_starts[token], token_ends[token])
            if key != START:
                keys[at], rows[at], begins[at], ends[at] = key, row, token_starts[token], token_ends[token]
                at += 1
    return n_chars, at


def weigh(counts: sp.csr_matrix) -> sp.csr_matrix:
    """Rows of 1 + ln(count), scaled to length 1 (sublinear tf with L2 norm, as TfidfVectorizer without idf)."""
    out = counts.copy()
    out.data = 1 + np.log(out.data)
    norms = np.sqrt(np.asarray(out.multiply(out).sum(axis=1), np.float32)).ravel()
    out.data /= np.repeat(np.maximum(norms, 1e-12), np.diff(out.indptr)).astype(np.float32)
    return out
