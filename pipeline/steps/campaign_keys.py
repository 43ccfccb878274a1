"""Which posts have one text, and which texts are worth comparing: those that share a band key. Part of the campaigns step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.text.codepoints import Codes, Ints
from pipeline.text.compiled import kernel
from pipeline.text.folding import fixed
from pipeline.text.sketch import MOST_BITS, Keys, Words

MOST_KEPT = 32  # exemplars of one key that are compared with a text: those that were joined or founded last
MOST_PAIRED = 64  # texts of one key that are compared two by two before the clustering

Numbers = NDArray[np.int32]
Halves = NDArray[np.uint16]
Rooms = NDArray[np.uint32]


def number_equal(hashes: Words) -> tuple[Numbers, Numbers]:
    """For each hash, in order, the number of its value, and for each value its first place. Values are numbered by those."""
    number_of = np.empty(len(hashes), np.int32)
    first = np.empty(len(hashes), np.int32)
    n = _number(fixed(hashes), _sorted((hashes >> np.uint64(32)).astype(np.uint32)), number_of, first)
    return number_of, first[:n].copy()


def number_buckets(keys: Keys, signatures: Words) -> tuple[Rooms, int]:
    """For each text where the room of its bucket in one band begins, from 1 on, or 0; and the places all rooms take.

    A bucket holds the texts of one key. Its room has a place for a number and for each of its texts, MOST_KEPT of them
    at most. Left out are texts whose signature is like no other's there, for they can neither join nor be joined.
    """
    packed = shared_keys(keys)
    texts = packed.astype(np.uint32)
    rooms, buckets = np.zeros(len(texts), np.uint32), np.zeros(len(keys), np.uint32)
    n_places = _bucket(packed, signatures[texts], rooms) - 1
    buckets[texts] = rooms
    return buckets, n_places


def shared_keys(keys: Keys) -> Words:
    """Each key that stands at two places or more, above its place, in order."""
    packed = _sorted(keys)
    return packed[: _shared(packed)]


def _sorted(keys: Keys) -> Words:
    """Each key above its place, in order: by counting (three passes of 11 bits), which takes as long for each of many as
    of few."""
    packed, spare = np.empty((2, len(keys)), np.uint64)
    _sort(fixed(keys), packed, spare)
    return packed


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
def _sort(keys: Keys, packed: Words, spare: Words) -> None:
    counts = np.zeros((3, 2048), np.int64)
    for i in range(len(keys)):
        for turn in range(3):
            counts[turn, (keys[i] >> np.uint32(11 * turn)) & np.uint32(2047)] += 1
    for turn in range(3):
        at = 0
        for part in range(2048):
            at, counts[turn, part] = at + counts[turn, part], at
    for i in range(len(keys)):
        digit = keys[i] & np.uint32(2047)
        packed[counts[0, digit]] = (np.uint64(keys[i]) << np.uint64(32)) | np.uint64(i)
        counts[0, digit] += 1
    for word in packed:
        digit = np.uint32(word >> np.uint64(43)) & np.uint32(2047)
        spare[counts[1, digit]] = word
        counts[1, digit] += 1
    for word in spare:
        digit = np.uint32(word >> np.uint64(54))
        packed[counts[2, digit]] = word
        counts[2, digit] += 1


@kernel
def _number(hashes: Words, packed: Words, number_of: Numbers, first: Numbers) -> int:
    """packed: the upper half of each hash above its place, sorted; overwritten."""
    n, at = 0, 0
    while at < len(packed):
        stop, firsts = at, at
        while stop < len(packed) and packed[stop] >> np.uint64(32) == packed[at] >> np.uint64(32):
            # Of the values with this upper half, one nearly always, the first places are kept from `at` on.
            place, earlier = np.uint32(packed[stop]), at
            while earlier < firsts and hashes[np.uint32(packed[earlier])] != hashes[place]:
                earlier += 1
            if earlier == firsts:
                packed[firsts] = packed[stop]
                firsts += 1
            number_of[place] = np.uint32(packed[earlier])
            stop += 1
        at = stop
    for at in range(len(number_of)):
        earliest = number_of[at]
        if earliest == at:
            first[n] = at
            number_of[at] = n
            n += 1
        else:
            number_of[at] = number_of[earliest]  # which has its number by now
    return n


@kernel
def _shared(packed: Words) -> int:
    """Keep, at the beginning, those whose key another has too; how many. Without a branch on what is read."""
    n, last = 0, len(packed) - 1
    before = False
    for i in range(len(packed)):
        word = packed[i]
        after = (i < last) & (packed[min(i + 1, last)] >> np.uint64(32) == word >> np.uint64(32))
        packed[n] = word
        n += int(before | after)
        before = after
    return n


@kernel
def _bucket(packed: Words, signatures: Words, rooms: Rooms) -> int:
    """signatures, rooms: aligned with `packed`."""
    at, base = 0, 1
    near = np.empty(MOST_PAIRED, np.bool_)
    while at < len(packed):
        stop, used = at + 1, 0
        while stop < len(packed) and packed[stop] >> np.uint64(32) == packed[at] >> np.uint64(32):
            stop += 1
        n = stop - at
        near[: min(n, MOST_PAIRED)] = n > MOST_PAIRED
        for i in range(1, n if n <= MOST_PAIRED else 0):
            for j in range(i):
                if bits(signatures[at + i] ^ signatures[at + j]) <= MOST_BITS:
                    near[i] = near[j] = True
        for i in range(n):
            if n > MOST_PAIRED or near[i]:
                rooms[at + i] = base
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
