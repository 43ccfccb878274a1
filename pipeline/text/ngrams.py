"""Character n-grams and words as 64-bit keys, for whole batches of texts at once.

A key is a hash of the n-gram's code points (or of a word's), so that a vocabulary is a sorted array of keys and counting is
sorting: no Python per post. Two different n-grams of a vocabulary never share a key (`Vocabulary` refuses it); a
stranger meets one by chance with probability 2**-64 times the vocabulary's size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.errors import PermanentError
from pipeline.text.codepoints import Ints, TextBatch, from_arrow

Keys = NDArray[np.uint64]
LONGEST = 4
LONGEST_WORD = 64  # code points; jieba makes one token of any run of letters, and hashing goes letter by letter
_STEP = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, as in SplitMix64
_MIX = np.uint64(0xBF58476D1CE4E5B9)  # SplitMix64's first multiplier
_WORD = np.uint64(0x5851F42D4C957F2D)  # sets words apart from character n-grams of the same text


def _absorb(state: Keys, codes: Keys) -> Keys:
    mixed = (state ^ (codes + np.uint64(1))) * _STEP
    mixed ^= mixed >> np.uint64(29)
    mixed *= _MIX
    return np.asarray(mixed ^ (mixed >> np.uint64(32)))


def char_keys(batch: TextBatch) -> list[tuple[Keys, Ints]]:
    """For n = 1..4: the keys of all n-grams inside texts, and where each begins in `joined`. White space is skipped over
    only in that n-grams beginning or ending with it are left out."""
    codes = batch.codes.astype(np.uint64)
    blank = (codes <= 0x20) | (codes == 0x3000)
    breaks = np.concatenate(([0], np.cumsum(batch.codes == 0x1E)))
    state, out = np.zeros(len(codes), np.uint64), []
    for n in range(1, LONGEST + 1):
        count = max(len(codes) - n + 1, 0)
        state = _absorb(state[:count], codes[n - 1 : n - 1 + count])
        inside = breaks[n : n + count] == breaks[:count]
        at = np.flatnonzero(inside & ~blank[:count] & ~blank[n - 1 : n - 1 + count])
        out.append((state[at], at))
    return out


def word_keys(words: pa.Array) -> Keys:
    """The key of each word of a string array (computed once per distinct word)."""
    coded = pc.dictionary_encode(words)
    batch = from_arrow(coded.dictionary)
    state = np.full(len(batch), _WORD, np.uint64)
    codes, lengths = batch.codes.astype(np.uint64), batch.lengths
    for i in range(int(lengths.max(initial=0))):
        more = np.flatnonzero(lengths > i)
        state[more] = _absorb(state[more], codes[batch.starts[more] + i])
    return np.asarray(state[coded.indices.to_numpy(zero_copy_only=False)])


@dataclass(frozen=True)
class Occurrences:
    """Every n-gram and word of a batch: its key, its text's number, and where it begins and ends in `joined`.

    The first `n_chars` are character n-grams, the others words.
    """

    keys: Keys
    rows: NDArray[np.int32]
    starts: Ints
    ends: Ints
    n_rows: int
    n_chars: int


def occurrences(batch: TextBatch, tokens: pa.ListArray) -> Occurrences:
    """All character 1-4-grams and words of `batch`, without blank words and those over LONGEST_WORD.

    `tokens` are the texts' words: joined again they are the texts.
    """
    row = batch.rows()
    parts = [(keys, row[at], at, at + n) for n, (keys, at) in enumerate(char_keys(batch), start=1)]
    n_chars = sum(len(part[0]) for part in parts)
    parts.append(_words(batch, tokens))
    keys, rows, starts, ends = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Occurrences(keys, rows, starts, ends, len(batch), n_chars)


def _words(batch: TextBatch, tokens: pa.ListArray) -> tuple[Keys, NDArray[np.int32], Ints, Ints]:
    flat = tokens.flatten()
    lengths = pc.utf8_length(flat).to_numpy(zero_copy_only=False).astype(np.int64)
    per_row = np.diff(tokens.offsets.to_numpy())
    rows = np.repeat(np.arange(len(batch), dtype=np.int32), per_row)
    ends = np.cumsum(lengths) + rows  # one separator after each text before
    keep = pc.match_substring_regex(flat, r"[^\s]").to_numpy(zero_copy_only=False) & (lengths <= LONGEST_WORD)
    return word_keys(flat.filter(pa.array(keep))), rows[keep], (ends - lengths)[keep], ends[keep]


class Vocabulary:
    """The n-grams and words a model knows, by key; column i of its matrices is entry i."""

    def __init__(self, keys: Keys) -> None:
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]
        if len(keys) > 1 and bool((np.diff(self._sorted) == 0).any()):
            raise PermanentError(
                "vocabulary: two entries share a key; got a damaged or edited table; restore the model folder"
            )

    def __len__(self) -> int:
        return len(self._order)

    def lookup(self, keys: Keys) -> tuple[NDArray[np.bool_], Ints]:
        """Which keys are known, and the columns of those."""
        if not len(self):
            return np.zeros(len(keys), bool), np.zeros(0, np.int64)
        at = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        known = self._sorted[at] == keys
        return known, self._order[at[known]]

    def counts(self, found: Occurrences) -> sp.csr_matrix:
        """How often each text holds each entry, texts by entries, float32."""
        known, columns = self.lookup(found.keys)
        cells, times = np.unique(found.rows[known].astype(np.int64) * len(self) + columns, return_counts=True)
        rows, cols = np.divmod(cells, len(self))
        indptr = np.searchsorted(rows, np.arange(found.n_rows + 1))
        return sp.csr_matrix((times.astype(np.float32), cols, indptr), shape=(found.n_rows, len(self)))


def weigh(counts: sp.csr_matrix) -> sp.csr_matrix:
    """Rows of 1 + ln(count), scaled to length 1 (sublinear tf with L2 norm, as TfidfVectorizer without idf)."""
    out = counts.copy()
    out.data = 1 + np.log(out.data)
    norms = np.sqrt(np.asarray(out.multiply(out).sum(axis=1), np.float32)).ravel()
    out.data /= np.repeat(np.maximum(norms, 1e-12), np.diff(out.indptr)).astype(np.float32)
    return out
