"""Which text follows which: leader clustering of folded texts, in compiled kernels. Part of the campaigns step.

Texts come in the canonical order of their first posts. A text joins the campaign of the most similar exemplar before it,
if their Jaccard similarity is LEAST_SIMILARITY or more, and else founds a campaign of its own. Exemplars are the
founder and up to seven members that are as similar to the founder as that, but under NEW_WORDING to every exemplar
found for them: so a wording that drifts stays found. It cannot chain: 1 - J is a metric, so a member lies within 0.3
of an exemplar and that within 0.3 of the founder, and no member is less than 0.4 similar to the founder.

Only exemplars that share a band key with the text are compared, and of each key the MOST_KEPT that were joined or
founded last: a key that a slogan gives to a hundred thousand posts costs each of them no more than that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.text.codepoints import Codes, Ints
from pipeline.text.compiled import kernel
from pipeline.text.folding import fixed
from pipeline.text.sketch import MOST_BITS, N_BANDS, Keys, Words

LEAST_SIMILARITY = 0.7  # the threshold at which duplication was measured on spam and on honest posts (0.6 joins topics)
NEW_WORDING = 0.9
MOST_EXEMPLARS = 8
MOST_KEPT = 32
_MOST_PAIRED = 64  # texts of one key that are compared two by two before the clustering
SEPARATOR_CODE = 0x1E
_GOLDEN = 0x9E3779B97F4A7C15

Numbers = NDArray[np.int32]
Halves = NDArray[np.uint16]
Floats = NDArray[np.float32]


def number_texts(hashes: Words) -> tuple[Numbers, Numbers]:
    """For each post, in order, the number of its text, and for each text its first post. Texts are numbered by those."""
    text_of = np.empty(len(hashes), np.int32)
    first = np.empty(len(hashes), np.int32)
    n = _number(fixed(hashes), fixed(np.argsort(hashes)), text_of, first)
    return text_of, first[:n].copy()


def number_buckets(keys: Keys, signatures: Words) -> tuple[Numbers, int]:
    """For each text the number of its bucket in one band, or -1; and how many buckets there are.

    A bucket holds the texts of one key. Left out are those whose signature is like no other's there, for they can
    neither join nor be joined.
    """
    packed = (keys.astype(np.uint64) << np.uint64(32)) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    buckets = np.full(len(keys), -1, np.int32)
    return buckets, _bucket(fixed(packed), fixed(signatures), buckets)


def pack(codes: Codes, starts: Ints, kept: NDArray[np.bool_]) -> Halves:
    """The texts `kept` of a batch as UTF-16, each ended by the separator: half the memory, and exact."""
    out = np.empty(2 * len(codes), np.uint16)
    return out[: _pack(fixed(codes), fixed(starts), fixed(kept), out)].copy()


@dataclass
class Leaders:
    """The clustering so far: `add` texts in order, then read the arrays by text number.

    founder: the text that founded the campaign of each; similarity: to the founder; nearest: to the nearest exemplar
    there was. Room for a text is taken from the machine only once it is written on.
    """

    n_texts: int
    n_buckets: int
    n_entries: int  # texts in buckets, counted once for each bucket
    n_halves: int  # letters of all texts to be added, with their ends
    founder: Numbers = field(init=False)
    similarity: Floats = field(init=False)
    nearest: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.founder = np.arange(self.n_texts, dtype=np.int32)
        self.similarity, self.nearest = np.ones(self.n_texts, np.float32), np.ones(self.n_texts, np.float32)
        self._used = np.zeros(3, np.int64)  # exemplars, nodes, halves
        self._exemplars = np.empty((self.n_texts + 1, 4), np.int32)  # text, founder, 3-grams, exemplars of its family
        self._signatures, self._seen = np.empty(self.n_texts, np.uint64), np.zeros(self.n_texts, np.int32)
        self._starts, self._pool = np.zeros(self.n_texts + 1, np.int64), np.empty(self.n_halves, np.uint16)
        self._heads, self._filled = np.zeros(self.n_buckets, np.int32), np.zeros(self.n_buckets, np.uint8)
        self._nodes = np.empty((self.n_entries + 1, 2), np.int32)  # exemplar, next node; 0 is none

    def add(
        self, letters: Halves, chosen: NDArray[np.bool_], numbers: Numbers, buckets: Numbers, signatures: Words
    ) -> None:
        """The next texts: those `chosen` of `letters` (packed); their numbers, buckets (texts, 18) and signatures."""
        starts = np.concatenate(([0], np.flatnonzero(letters == SEPARATOR_CODE) + 1))
        longest = int(np.diff(starts).max(initial=1))
        slots = 1 << max(6, (6 * longest).bit_length())
        _lead(
            fixed(letters), fixed(starts), fixed(np.flatnonzero(chosen)), fixed(numbers), fixed(buckets),
            fixed(signatures), np.empty(slots, np.uint64), np.zeros((slots, 2), np.int32), self.founder, self.similarity,
            self.nearest, self._used, self._exemplars, self._signatures, self._seen, self._starts, self._pool, self._heads,
            self._filled, self._nodes,
        )  # fmt: skip


@kernel
def _number(hashes: Words, order: Ints, text_of: Numbers, first: Numbers) -> int:
    n, at = 0, 0
    while at < len(order):
        stop, earliest = at, order[at]
        while stop < len(order) and hashes[order[stop]] == hashes[order[at]]:
            earliest = min(earliest, order[stop])
            stop += 1
        for place in range(at, stop):
            text_of[order[place]] = earliest
        at = stop
    for post in range(len(text_of)):
        earliest = text_of[post]
        if earliest == post:
            first[n] = post
            text_of[post] = n
            n += 1
        else:
            text_of[post] = text_of[earliest]  # which has its number by now
    return n


@kernel
def _bits(word: np.uint64) -> np.uint64:
    """How many bits of a 64-bit word are set (Warren, Hacker's Delight, 5-1)."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@kernel
def _bucket(packed: Words, signatures: Words, buckets: Numbers) -> int:
    at, base = 0, 0
    near = np.empty(_MOST_PAIRED, np.bool_)
    mine = np.empty(_MOST_PAIRED, np.uint64)
    while at < len(packed):
        stop, key = at + 1, packed[at] >> np.uint64(32)
        while stop < len(packed) and packed[stop] >> np.uint64(32) == key:
            stop += 1
        n, used = stop - at, False
        for i in range(min(n, _MOST_PAIRED)):
            near[i] = n > _MOST_PAIRED
            mine[i] = signatures[np.uint32(packed[at + i])]
        if 1 < n <= _MOST_PAIRED:
            for i in range(1, n):
                for j in range(i):
                    if _bits(mine[i] ^ mine[j]) <= MOST_BITS:
                        near[i] = near[j] = True
        if n > 1:
            for i in range(n):
                if n > _MOST_PAIRED or near[i]:
                    buckets[np.uint32(packed[at + i])] = base
                    used = True
        base += used
        at = stop
    return base


@kernel
def _pack(codes: Codes, starts: Ints, kept: NDArray[np.bool_], out: Halves) -> int:
    written = 0
    for text in range(len(kept)):
        if not kept[text]:
            continue
        for at in range(starts[text], starts[text + 1]):
            code = codes[at]
            if code >= 0x10000:
                out[written] = 0xD800 + ((code - 0x10000) >> 10)
                written += 1
                code = 0xDC00 + ((code - 0x10000) & 0x3FF)
            out[written] = code
            written += 1
    return written


@kernel
def _letter(halves: Halves, at: int) -> np.uint64:
    """The letter that begins there; those of the planes beyond the first take two places."""
    unit = np.uint64(halves[at])
    if unit < 0xD800 or unit >= 0xDC00:
        return unit
    return (
        np.uint64(0x10000)
        + ((unit - np.uint64(0xD800)) << np.uint64(10))
        + np.uint64(halves[at + 1])
        - np.uint64(0xDC00)
    )


@kernel
def _slot(gram: np.uint64, stamp: int, mask: int, grams: Words, stamps: Numbers) -> np.uint64:
    """Where the 3-gram stands in the table of the text `stamp`, or where it would."""
    at = ((gram * np.uint64(_GOLDEN)) >> np.uint64(32)) & np.uint64(mask)
    while stamps[at, 0] == stamp and grams[at] != gram:
        at = (at + np.uint64(1)) & np.uint64(mask)
    return at


@kernel
def _mark(halves: Halves, start: int, end: int, stamp: int, mask: int, grams: Words, stamps: Numbers) -> int:
    """Enter the text's 3-grams into the table; how many distinct ones there are."""
    n, gram, letters = 0, np.uint64(0), 0
    at = start
    while at < end:
        letter = _letter(halves, at)
        at += 2 if letter >= 0x10000 else 1
        gram = ((gram << np.uint64(21)) | letter) & np.uint64((1 << 63) - 1)
        letters += 1
        if letters > 2:
            slot = _slot(gram, stamp, mask, grams, stamps)
            if stamps[slot, 0] != stamp:
                stamps[slot, 0], stamps[slot, 1], grams[slot] = stamp, 0, gram
                n += 1
    return n


@kernel
def _similarity(
    pool: Halves, start: int, end: int, theirs: int, size: int, least: float, stamp: int, turn: int, mask: int,
    grams: Words, stamps: Numbers,
) -> float:  # fmt: skip
    """Jaccard similarity of the text in the pool to the one in the table; 0 where it is seen early to be below `least`.

    `turn` is another at each call for one text.
    """
    n, gram, letters = 0, np.uint64(0), 0
    # At least so many must be shared; of the others, and of 3-grams that come again, the rest may be missed.
    may_miss = end - start - 2 - int(np.ceil(least / (1 + least) * (size + theirs) - 1e-9))
    at = start
    while at < end:
        letter = _letter(pool, at)
        at += 2 if letter >= 0x10000 else 1
        gram = ((gram << np.uint64(21)) | letter) & np.uint64((1 << 63) - 1)
        letters += 1
        if letters > 2:
            slot = _slot(gram, stamp, mask, grams, stamps)
            if stamps[slot, 0] == stamp:
                n += stamps[slot, 1] != turn
                stamps[slot, 1] = turn
            else:
                may_miss -= 1
                if may_miss < 0:
                    return 0.0
    return n / (size + theirs - n)


@kernel
def _lead(
    halves: Halves, starts: Ints, rows: Ints, numbers: Numbers, buckets: Numbers, signatures: Words, grams: Words,
    stamps: Numbers, founder: Numbers, similarity: Floats, nearest: Floats, used: Ints, exemplars: Numbers, exemplar_signatures: Words,
    seen: Numbers, pool_starts: Ints, pool: Halves, heads: Numbers, filled: NDArray[np.uint8], nodes: Numbers,
) -> None:  # fmt: skip
    for i in range(len(numbers)):
        text, stamp, turn = numbers[i], numbers[i] + 1, 0
        start, end = starts[rows[i]], starts[rows[i] + 1] - 1
        mask = 63
        while mask < 3 * (end - start):
            mask = 2 * mask + 1
        size = _mark(halves, start, end, stamp, mask, grams, stamps)
        best, best_score = -1, 0.0
        for band in range(N_BANDS):
            node = heads[buckets[i, band]] if buckets[i, band] >= 0 else 0
            while node != 0:
                rival = nodes[node, 0]
                node = nodes[node, 1]
                if seen[rival] == stamp:
                    continue
                seen[rival] = stamp
                theirs = exemplars[rival, 2]
                if min(size, theirs) < LEAST_SIMILARITY * max(size, theirs):
                    continue
                if _bits(signatures[i] ^ exemplar_signatures[rival]) > MOST_BITS:
                    continue
                turn += 1
                score = _similarity(
                    pool, pool_starts[rival], pool_starts[rival + 1] - 1, theirs, size, LEAST_SIMILARITY, stamp, turn,
                    mask, grams, stamps,
                )  # fmt: skip
                if score > best_score or (score == best_score and rival < best):
                    best, best_score = rival, score
        leads = best < 0 or best_score < LEAST_SIMILARITY
        if not leads:
            first = exemplars[best, 1]
            score = best_score
            if first != best:
                score = _similarity(
                    pool, pool_starts[first], pool_starts[first + 1] - 1, exemplars[first, 2], size, 0.0, stamp, turn + 1,
                    mask, grams, stamps,
                )  # fmt: skip
            founder[text], similarity[text], nearest[text] = exemplars[first, 0], score, best_score
            _use(best, buckets[i], heads, nodes)
            if best_score >= NEW_WORDING or score < LEAST_SIMILARITY or exemplars[first, 3] >= MOST_EXEMPLARS:
                continue
        new = used[0]
        used[0] += 1
        exemplars[new, 0], exemplars[new, 1], exemplars[new, 2], exemplars[new, 3] = text, new, size, 0
        if not leads:
            exemplars[new, 1] = first
        exemplars[exemplars[new, 1], 3] += 1
        exemplar_signatures[new] = signatures[i]
        pool_starts[new] = used[2]
        for at in range(start, end + 1):
            pool[used[2]] = halves[at]
            used[2] += 1
        pool_starts[new + 1] = used[2]
        _enter(new, buckets[i], heads, filled, nodes, used)


@kernel
def _use(exemplar: int, buckets: Numbers, heads: Numbers, nodes: Numbers) -> None:
    """Put the exemplar first in each of the buckets in which it stands."""
    for bucket in buckets:
        before, node = 0, heads[bucket] if bucket >= 0 else 0
        while node != 0 and nodes[node, 0] != exemplar:
            before, node = node, nodes[node, 1]
        if node != 0 and before != 0:
            nodes[before, 1], nodes[node, 1] = nodes[node, 1], heads[bucket]
            heads[bucket] = node


@kernel
def _enter(
    exemplar: int, buckets: Numbers, heads: Numbers, filled: NDArray[np.uint8], nodes: Numbers, used: Ints
) -> None:
    """Put a new exemplar first in each of the buckets; from a full one the exemplar used longest ago goes."""
    for bucket in buckets:
        if bucket < 0:
            continue
        if filled[bucket] < MOST_KEPT:
            filled[bucket] += 1
            used[1] += 1
            new = used[1]
        else:
            before, new = 0, heads[bucket]
            while nodes[new, 1] != 0:
                before, new = new, nodes[new, 1]
            nodes[before, 1] = 0
        nodes[new, 0], nodes[new, 1] = exemplar, heads[bucket]
        heads[bucket] = new
