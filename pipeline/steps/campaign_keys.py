"""Which posts have one text, and which texts are worth comparing: those that share a band key. Part of the campaigns step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.text.codepoints import Codes, Ints
from pipeline.text.compiled import kernel
from pipeline.text.folding import fixed
from pipeline.text.sketch import MOST_BITS, Keys, Words

MOST_KEPT = 32  # exemplars of one key that are compared with a text: those that were joined or founded last
_MOST_PAIRED = 64  # texts of one key that are compared two by two before the clustering

Numbers = NDArray[np.int32]
Halves = NDArray[np.uint16]
Rooms = NDArray[np.uint32]


def number_texts(hashes: Words) -> tuple[Numbers, Numbers]:
    """For each post, in order, the number of its text, and for each text its first post. Texts are numbered by those."""
    text_of = np.empty(len(hashes), np.int32)
    first = np.empty(len(hashes), np.int32)
    n = _number(fixed(hashes), fixed(np.argsort(hashes)), text_of, first)
    return text_of, first[:n].copy()


def number_buckets(keys: Keys, signatures: Words) -> tuple[Rooms, int]:
    """For each text where the room of its bucket in one band begins, from 1 on, or 0; and the places all rooms take.

    A bucket holds the texts of one key. Its room has a place for a number and for each of its texts, MOST_KEPT of them
    at most. Left out are texts whose signature is like no other's there, for they can neither join nor be joined.
    """
    packed = (keys.astype(np.uint64) << np.uint64(32)) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    buckets = np.zeros(len(keys), np.uint32)
    return buckets, _bucket(fixed(packed), fixed(signatures), buckets) - 1


def pack(codes: Codes, starts: Ints, kept: NDArray[np.bool_]) -> Halves:
    """The texts `kept` of a batch as UTF-16, each ended by the separator: half the memory, and exact."""
    out = np.empty(2 * len(codes), np.uint16)
    return out[: _pack(fixed(codes), fixed(starts), fixed(kept), out)].copy()


@kernel
def bits(word: np.uint64) -> np.uint64:
    """How many bits of a 64-bit word are set (Warren, Hacker's Delight, 5-1)."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


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
def _bucket(packed: Words, signatures: Words, buckets: Rooms) -> int:
    at, base = 0, 1
    near = np.empty(_MOST_PAIRED, np.bool_)
    mine = np.empty(_MOST_PAIRED, np.uint64)
    while at < len(packed):
        stop, key = at + 1, packed[at] >> np.uint64(32)
        while stop < len(packed) and packed[stop] >> np.uint64(32) == key:
            stop += 1
        n, used = stop - at, 0
        for i in range(min(n, _MOST_PAIRED) if n > 1 else 0):
            near[i] = n > _MOST_PAIRED
            mine[i] = signatures[np.uint32(packed[at + i])]
        if 1 < n <= _MOST_PAIRED:
            for i in range(1, n):
                for j in range(i):
                    if bits(mine[i] ^ mine[j]) <= MOST_BITS:
                        near[i] = near[j] = True
        if n > 1:
            for i in range(n):
                if n > _MOST_PAIRED or near[i]:
                    buckets[np.uint32(packed[at + i])] = base
                    used += 1
        if used:
            base += 1 + min(used, MOST_KEPT)
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
