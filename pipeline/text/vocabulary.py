"""The n-grams and words a model knows, as hash tables, and how often each text holds them.

What a text asks for is gathered first and looked up afterwards, each loop without a branch that hangs on the text: mispredicted
branches took half of the time. A dictionary word is hashed once in a process, then known by its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from pipeline.errors import PermanentError
from pipeline.text.codepoints import Bytes, Codes, Ints, TextBatch
from pipeline.text.compiled import kernel
from pipeline.text.ngrams import LONGEST, START, Keys, Small, Strings, absorb, coded, text_keys, word_key
from pipeline.text.prefetch import prefetch
from pipeline.text.segment import Tokens

if TYPE_CHECKING:
    import scipy.sparse as sp  # training only: importing it takes a tenth of a second

_VALUE = np.uint64((1 << 22) - 1)
_TAG = ~_VALUE
_MOST_ENTRIES = (1 << 22) - 1
_BIT = np.uint64(44)
_ZERO, _ONE, _THREE, _SEVEN, _LONGEST = (np.uint64(n) for n in (0, 1, 3, 7, LONGEST))
_AHEAD = np.uint64(8)  # keys
_UNASKED = -2  # of a word's number: not hashed yet


@dataclass(frozen=True)
class Counts:
    """Sparse rows: text i holds entries[indptr[i]:indptr[i+1]], each `times` often: characters, longer n-grams, words, each
    in the order they first stand there. `token_entries` is the entry of each token, -1 where it is none."""

    indptr: Ints
    entries: Small
    times: Small
    token_entries: Small
    n_entries: int

    def matrix(self) -> sp.csr_matrix:
        """Texts by entries, float32."""
        from scipy.sparse import csr_matrix

        cells = (self.times.astype(np.float32), self.entries.astype(np.int64), self.indptr)
        matrix = csr_matrix(cells, shape=(len(self.indptr) - 1, self.n_entries))
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
        batch, is_word = coded(kinds, texts)
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
        self._lone = np.full(
            0x20000, _UNASKED, np.int32
        )  # words of one character, punctuation above all: most have no number
        self._of_ids: WeakKeyDictionary[Any, Small] = WeakKeyDictionary()

    def __len__(self) -> int:
        return self.size

    def counts(self, batch: TextBatch, tokens: Tokens) -> Counts:
        """How often each text of a folded batch holds each entry."""
        most = LONGEST * len(batch.codes) + len(tokens)
        entries, times = np.empty(most, np.int32), np.empty(most, np.int32)
        indptr, token_entries = np.zeros(len(batch) + 1, np.int64), np.empty(len(tokens), np.int32)
        n = _count(
            batch.codes, batch.starts, tokens.ids, tokens.starts, tokens.ends, tokens.offsets,
            self.slots, self.maybe, self.single, self._entries_of_ids(tokens), self._lone, np.zeros(self.size, np.int32),
            indptr, entries, times, token_entries,
        )  # fmt: skip
        return Counts(indptr, entries[:n], times[:n], token_entries, self.size)

    def _entries_of_ids(self, tokens: Tokens) -> Small:
        """The entry of each word by the number its segmenter gives it, as far as asked for yet: threads may fill it side by
        side, for all of them write the same. Empty where the segmenter is not known."""
        if tokens.cutter is None:
            return np.empty(0, np.int32)
        known = self._of_ids.get(tokens.cutter)
        if known is None:
            known = self._of_ids.setdefault(tokens.cutter, np.full(tokens.cutter.n_words, _UNASKED, np.int32))
        return known


@kernel
def _fill(keys: Keys, slots: Keys, maybe: Bytes) -> None:
    for entry in range(len(keys)):
        key = keys[entry]
        slot = np.int64(key & np.uint64(len(slots) - 1))
        while slots[slot] != START:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = (key & _TAG) | np.uint64(entry + 1)
        bit = np.int64(key >> _BIT)
        maybe[bit >> 3] |= np.uint8(1 << (bit & 7))


@kernel
def entry_of(key: Any, slots: Keys) -> Any:
    """The entry of a key, -1 for none."""
    mask = np.uint64(len(slots) - 1)
    slot = key & mask
    while True:
        found = slots[slot]
        if found == START:
            return np.int64(-1)
        if (found ^ key) & _TAG == START:
            return np.int64(found & _VALUE) - 1
        slot = (slot + _ONE) & mask


@kernel
def gather_keys(codes: Codes, start: Any, end: Any, maybe: Bytes, single: Codes, keys: Keys, places: Codes) -> Any:
    """The keys of the n-grams of codes[start:end] that may be entries, and 4 * where each begins in the text + its length - 1;
    how many. Those of one character are left out, where `single` answers for them. An n-gram with white space at an end is
    no entry."""
    n = _ZERO
    i = start
    while i < end:
        key = absorb(START, codes[i])
        if codes[i] >= len(single):
            bit = key >> _BIT
            keys[n], places[n] = key, (i - start) << np.uint64(2)
            n += np.uint64(maybe[bit >> _THREE] >> np.uint8(bit & _SEVEN)) & _ONE
        last = min(i + _LONGEST, end)
        j = i + _ONE
        while j < last:
            key = absorb(key, codes[j])
            bit = key >> _BIT
            keys[n], places[n] = key, ((i - start) << np.uint64(2)) + (j - i)
            n += np.uint64(maybe[bit >> _THREE] >> np.uint8(bit & _SEVEN)) & _ONE
            j += _ONE
        i += _ONE
    return n


@kernel
def _word_entry(codes: Codes, start: int, end: int, slots: Keys, maybe: Bytes) -> Any:
    key = word_key(codes, start, end)
    bit = key >> _BIT
    if key == START or np.uint64(maybe[bit >> _THREE] >> np.uint8(bit & _SEVEN)) & _ONE == _ZERO:
        return np.int32(-1)
    return np.int32(entry_of(key, slots))


@kernel
def _count(
    codes: Codes, starts: Ints, ids: Small, token_starts: Ints, token_ends: Ints, offsets: Ints, slots: Keys, maybe: Bytes,
    single: Codes, of_ids: Small, lone: Small, seen: Small, indptr: Ints, entries: Small, times: Small, token_entries: Small,
) -> Any:  # fmt: skip
    """Fill indptr, entries, times and token_entries; how many cells. `seen`: zeros, as many as entries; left so."""
    longest = 0
    for row in range(len(starts) - 1):
        longest = max(longest, starts[row + 1] - starts[row])
    keys, places = np.empty(LONGEST * longest, np.uint64), np.empty(LONGEST * longest, np.uint32)
    found = np.empty(LONGEST * longest + longest, np.int32)
    at, mask = _ZERO, np.uint64(len(slots) - 1)
    for row in range(len(starts) - 1):
        start, end = np.uint64(starts[row]), np.uint64(starts[row + 1]) - _ONE
        n = _ZERO
        i = start
        while i < end:
            entry = np.int32(single[codes[i]] if codes[i] < len(single) else 0) - 1
            found[n] = entry
            n += np.uint64(entry >= 0)
            i += _ONE
        m, i = gather_keys(codes, start, end, maybe, single, keys, places), _ZERO
        while i < m:
            prefetch(slots, keys[min(i + _AHEAD, m - _ONE)] & mask)
            entry = entry_of(keys[i], slots)
            found[n] = entry
            n += np.uint64(entry >= 0)
            i += _ONE
        i, last = np.uint64(offsets[row]), np.uint64(offsets[row + 1])
        while i < last:
            number, first = ids[i], np.uint64(token_starts[i])
            if 0 <= number < len(of_ids):
                entry = of_ids[np.uint64(number)]
                if entry == _UNASKED:
                    entry = _word_entry(codes, token_starts[i], token_ends[i], slots, maybe)
                    of_ids[np.uint64(number)] = entry
            elif np.uint64(token_ends[i]) == first + _ONE and codes[first] < len(lone):
                entry = lone[codes[first]]
                if entry == _UNASKED:
                    entry = _word_entry(codes, token_starts[i], token_ends[i], slots, maybe)
                    lone[codes[first]] = entry
            else:
                entry = _word_entry(codes, token_starts[i], token_ends[i], slots, maybe)
            token_entries[i] = entry
            found[n] = entry
            n += np.uint64(entry >= 0)
            i += _ONE
        begin, i = at, _ZERO
        while i < n:
            number = np.uint64(found[i])
            entries[at] = found[i]
            at += np.uint64(seen[number] == 0)
            seen[number] += 1
            i += _ONE
        i = begin
        while i < at:
            number = np.uint64(entries[i])
            times[i] = seen[number]
            seen[number] = 0
            i += _ONE
        indptr[row + 1] = at
    return at
