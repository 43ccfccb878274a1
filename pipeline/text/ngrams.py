"""Character n-grams and words as 64-bit keys, and how often each text holds those of a vocabulary.

A key is a hash of the n-gram's code points (or of a word's), so that a vocabulary is a hash table and nothing is spelt out.
Two different n-grams of a vocabulary never share a key (`Vocabulary` refuses it); a stranger meets one by
chance with probability 2**-64 times the vocabulary's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.errors import PermanentError
from pipeline.text.codepoints import Bytes, Codes, Ints, TextBatch, from_arrow
from pipeline.text.compiled import kernel
from pipeline.text.segment import Tokens

Keys = NDArray[np.uint64]
Small = NDArray[np.int32]
LONGEST = 4
LONGEST_WORD = 64  # code points; jieba makes one token of any run of letters, and hashing goes letter by letter
_START = np.uint64(0)
_WORD = np.uint64(0x5851F42D4C957F2D)  # sets words apart from character n-grams of the same text
_STEP = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, as in SplitMix64
_MIX = np.uint64(0xBF58476D1CE4E5B9)  # SplitMix64's first multiplier
_VALUE = np.uint64((1 << 22) - 1)
_TAG = ~_VALUE
_MOST_ENTRIES = (1 << 22) - 1
_BIT = np.uint64(44)
_ONE, _HALF, _REST = np.uint64(1), np.uint64(29), np.uint64(32)


@kernel
def _absorb(state: Any, code: Any) -> Any:
    """The key of an n-gram one code point longer."""
    mixed = (state ^ (np.uint64(code) + _ONE)) * _STEP
    mixed ^= mixed >> _HALF
    mixed *= _MIX
    return mixed ^ (mixed >> _REST)


@kernel
def _is_blank(code: Any) -> Any:
    return code <= 0x20 or code == 0x3000


@kernel
def _word_key(codes: Codes, start: int, end: int) -> Any:
    """The key of a word; 0 for a blank one and for one over LONGEST_WORD."""
    if end - start > LONGEST_WORD:
        return _START
    state, blank = _WORD, True
    for i in range(start, end):
        code = codes[i]
        blank = blank and (code == 0x20 or (0x09 <= code <= 0x0D and code != 0x0B))
        state = _absorb(state, code)
    return _START if blank else state


@kernel
def _text_keys(codes: Codes, starts: Ints, is_word: NDArray[np.bool_], keys: Keys) -> None:
    for row in range(len(starts) - 1):
        state = _WORD if is_word[row] else _START
        for i in range(starts[row], starts[row + 1] - 1):
            state = _absorb(state, codes[i])
        keys[row] = state


Strings: TypeAlias = "pa.Array | pa.ChunkedArray | Sequence[str]"


def _coded(kinds: Strings, texts: Strings) -> tuple[TextBatch, NDArray[np.bool_]]:
    strings = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else pa.array(texts, pa.string())
    names = kinds if isinstance(kinds, pa.Array | pa.ChunkedArray) else pa.array(kinds, pa.string())
    return from_arrow(strings), pc.equal(names, "word").to_numpy(zero_copy_only=False)


def text_keys(kinds: Strings, texts: Strings) -> Keys:
    """The key of each entry: of the character n-gram or, where its kind is `word`, of the word."""
    batch, is_word = _coded(kinds, texts)
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
            state = _START
            for j in range(i, min(i + LONGEST, end)):
                state = _absorb(state, codes[j])
                if not (_is_blank(codes[i]) or _is_blank(codes[j])):
                    keys[at], rows[at], begins[at], ends[at] = state, row, i, j + 1
                    at += 1
    n_chars = at
    for row in range(len(starts) - 1):
        for token in range(offsets[row], offsets[row + 1]):
            key = _word_key(codes, token_starts[token], token_ends[token])
            if key != _START:
                keys[at], rows[at], begins[at], ends[at] = key, row, token_starts[token], token_ends[token]
                at += 1
    return n_chars, at


@dataclass(frozen=True)
class Counts:
    """Sparse rows: text i holds entries[indptr[i]:indptr[i+1]], each `times` often, in the order they first stand there
    (n-grams, then words). `token_entries` is the entry of each token, -1 where it is none."""

    indptr: Ints
    entries: Small
    times: Small
    token_entries: Small
    n_entries: int

    def matrix(self) -> sp.csr_matrix:
        """Texts by entries, float32."""
        cells = (self.times.astype(np.float32), self.entries.astype(np.int64), self.indptr)
        matrix = sp.csr_matrix(cells, shape=(len(self.indptr) - 1, self.n_entries))
        matrix.sort_indices()
        return matrix


class Vocabulary:
    """The n-grams and words a model knows; column i of its matrices is entry i. None begins or ends with white space.

    Three tables, so that the processor's cache answers most questions: `single` has the entry + 1 of one-character
    n-grams below U+20000, `maybe` one bit per 20 bits of key (no bit, no entry), and `slots`, a hash table with open
    addressing, of each key the upper 42 bits and below them the entry + 1.
    """

    def __init__(self, kinds: Strings, texts: Strings) -> None:
        """kinds: `char` or `word`. Raises PermanentError where two entries are the same or share a key."""
        self.size = len(texts)
        batch, is_word = _coded(kinds, texts)
        self.keys = text_keys(kinds, texts)
        if len(np.unique(self.keys)) < self.size or bool((self.keys == 0).any()):
            raise PermanentError(
                "vocabulary: two entries share a key; got a damaged or edited table; restore the model folder"
            )
        if self.size >= _MOST_ENTRIES:
            raise PermanentError(f"vocabulary: got {self.size:,} entries; expected fewer than {_MOST_ENTRIES:,}")
        bits = max(4, int(3 * self.size).bit_length())  # at most a third of the slots is taken
        self.slots, self.maybe = np.zeros(1 << bits, np.uint64), np.zeros(1 << 17, np.uint8)
        self.single = np.zeros(0x20000, np.uint32)
        _fill(self.keys, self.slots, self.maybe)
        one = np.flatnonzero(~is_word & (batch.lengths == 1))
        codes = batch.codes[batch.starts[one]]
        self.single[codes[codes < 0x20000]] = one[codes < 0x20000] + 1

    def __len__(self) -> int:
        return self.size

    def counts(self, batch: TextBatch, tokens: Tokens) -> Counts:
        """How often each text of a folded batch holds each entry."""
        most = LONGEST * len(batch.codes) + len(tokens)
        entries, times = np.empty(most, np.int32), np.empty(most, np.int32)
        indptr, token_entries = np.zeros(len(batch) + 1, np.int64), np.empty(len(tokens), np.int32)
        seen = np.zeros(self.size, np.int32)
        n = _count(
            batch.codes, batch.starts, tokens.starts, tokens.ends, tokens.offsets, self.slots, self.maybe, self.single,
            seen, indptr, entries, times, token_entries,
        )  # fmt: skip
        return Counts(indptr, entries[:n], times[:n], token_entries, self.size)

    def entries_of(self, keys: Keys) -> Small:
        """The entry of each key, -1 for none."""
        found = np.empty(len(keys), np.int32)
        _entries(keys, self.slots, self.maybe, found)
        return found


@kernel
def _fill(keys: Keys, slots: Keys, maybe: Bytes) -> None:
    for entry in range(len(keys)):
        key = keys[entry]
        slot = np.int64(key & np.uint64(len(slots) - 1))
        while slots[slot] != _START:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = (key & _TAG) | np.uint64(entry + 1)
        bit = np.int64(key >> _BIT)
        maybe[bit >> 3] |= np.uint8(1 << (bit & 7))


@kernel
def _entry(key: Any, slots: Keys, maybe: Bytes) -> Any:
    """The entry of a key, -1 for none."""
    bit = np.int64(key >> _BIT)
    if maybe[bit >> 3] >> (bit & 7) & 1 == 0:
        return -1
    slot = np.int64(key & np.uint64(len(slots) - 1))
    while slots[slot] != _START:
        if (slots[slot] ^ key) & _TAG == _START:
            return np.int64(slots[slot] & _VALUE) - 1
        slot = (slot + 1) & (len(slots) - 1)
    return -1


@kernel
def _entries(keys: Keys, slots: Keys, maybe: Bytes, found: Small) -> None:
    for i in range(len(keys)):
        found[i] = _entry(keys[i], slots, maybe)


@kernel
def _count(
    codes: Codes, starts: Ints, token_starts: Ints, token_ends: Ints, offsets: Ints, slots: Keys, maybe: Bytes,
    single: Codes, seen: Small, indptr: Ints, entries: Small, times: Small, token_entries: Small,
) -> int:  # fmt: skip
    """Fill indptr, entries, times and token_entries; how many cells. `seen`: zeros, as many as entries; left so.

    An n-gram across the end of a text holds the separator and so is no entry; nor is one with white space at an end.
    """
    at = 0
    for row in range(len(starts) - 1):
        begin, end = at, starts[row + 1] - 1
        for i in range(starts[row], end):
            state = _absorb(_START, codes[i])
            entry = np.int64(single[codes[i]]) - 1 if codes[i] < len(single) else _entry(state, slots, maybe)
            if entry >= 0:
                entries[at] = entry
                at += seen[entry] == 0
                seen[entry] += 1
            for j in range(i + 1, min(i + LONGEST, end)):
                state = _absorb(state, codes[j])
                entry = _entry(state, slots, maybe)
                if entry >= 0:
                    entries[at] = entry
                    at += seen[entry] == 0
                    seen[entry] += 1
        for token in range(offsets[row], offsets[row + 1]):
            key = _word_key(codes, token_starts[token], token_ends[token])
            entry = _entry(key, slots, maybe) if key != _START else -1
            token_entries[token] = entry
            if entry >= 0:
                entries[at] = entry
                at += seen[entry] == 0
                seen[entry] += 1
        for k in range(begin, at):
            times[k] = seen[entries[k]]
            seen[entries[k]] = 0
        indptr[row + 1] = at
    return at


def weigh(counts: sp.csr_matrix) -> sp.csr_matrix:
    """Rows of 1 + ln(count), scaled to length 1 (sublinear tf with L2 norm, as TfidfVectorizer without idf)."""
    out = counts.copy()
    out.data = 1 + np.log(out.data)
    norms = np.sqrt(np.asarray(out.multiply(out).sum(axis=1), np.float32)).ravel()
    out.data /= np.repeat(np.maximum(norms, 1e-12), np.diff(out.indptr)).astype(np.float32)
    return out
