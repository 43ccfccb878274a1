"""The 3-grams of packed texts (campaign_keys.pack): entered into a table, drawn as a map of bits, and counted in another text.

Compiled kernels, part of the campaigns step. A pair is two numbers in one word.
"""

from __future__ import annotations

import numpy as np

from pipeline.steps.campaign_keys import Halves, Numbers, bits
from pipeline.text.compiled import kernel
from pipeline.text.sketch import Words

MAP = 8  # words of a map
_GOLDEN = 0x9E3779B97F4A7C15


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
def _slot(gram: np.uint64, mixed: np.uint64, stamp: int, mask: int, grams: Words, stamps: Numbers) -> np.uint64:
    """Where the 3-gram stands in the table of the text `stamp`, or where it would."""
    at = (mixed >> np.uint64(32)) & np.uint64(mask)
    while stamps[at, 0] == stamp and grams[at] != gram:
        at = (at + np.uint64(1)) & np.uint64(mask)
    return at


@kernel
def _mask(letters: int) -> int:
    """The part of the table that a text of so many letters uses."""
    mask = 63
    while mask < 3 * letters:
        mask = 2 * mask + 1
    return mask


@kernel
def mark(halves: Halves, start: int, end: int, stamp: int, grams: Words, stamps: Numbers, drawn: Words) -> int:
    """Enter the text's 3-grams into the table and the map `drawn`; how many distinct ones there are.

    `stamp` is another for each text of a table, which has 6 slots or more for each letter.
    """
    mask, n, gram, letters = _mask(end - start), 0, np.uint64(0), 0
    at = start
    drawn[:] = 0
    while at < end:
        letter = _letter(halves, at)
        at += 2 if letter >= 0x10000 else 1
        gram = ((gram << np.uint64(21)) | letter) & np.uint64((1 << 63) - 1)
        letters += 1
        if letters > 2:
            mixed = gram * np.uint64(_GOLDEN)
            slot = _slot(gram, mixed, stamp, mask, grams, stamps)
            if stamps[slot, 0] != stamp:
                stamps[slot, 0], stamps[slot, 1], grams[slot] = stamp, 0, gram
                drawn[mixed >> np.uint64(61)] |= np.uint64(1) << ((mixed >> np.uint64(55)) & np.uint64(63))
                n += 1
    return n


@kernel
def low(pair: np.uint64) -> int:
    """The second number of a pair, below 2^32."""
    return int(np.int64(pair & np.uint64(0xFFFFFFFF)))


@kernel
def high(pair: np.uint64) -> int:
    """The first number of a pair, below 2^32."""
    return int(np.int64(pair >> np.uint64(32)))


@kernel
def pair(high: int, low: int) -> np.uint64:
    """Two numbers in one word."""
    return (np.uint64(high) << np.uint64(32)) | np.uint64(low)


@kernel
def drawn_in(drawn: Words) -> int:
    """Bits set in a map."""
    n = 0
    for word in drawn:
        n += int(np.int64(bits(word)))  # signed: with an unsigned number the sum would be a float
    return n


@kernel
def jaccard(
    pool: Halves,
    card: Words,
    size: int,
    least: float,
    stamp: int,
    turn: int,
    letters_of: int,
    grams: Words,
    stamps: Numbers,
) -> float:
    """Jaccard similarity of the exemplar of a card to the text in the table; 0 where it is seen early to be below `least`.

    `turn` is another at each call for one text, which has `letters_of` letters.
    """
    mask = _mask(letters_of)
    theirs, start = low(card[1]), int(np.int64(card[3]))
    end = start + low(card[2])
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
            slot = _slot(gram, gram * np.uint64(_GOLDEN), stamp, mask, grams, stamps)
            if stamps[slot, 0] == stamp:
                n += stamps[slot, 1] != turn
                stamps[slot, 1] = turn
            else:
                may_miss -= 1
                if may_miss < 0:
                    return 0.0
    return n / (size + theirs - n)
