"""The 3-grams of packed texts (campaign_keys.pack): entered into a table, drawn as a map of bits, and counted in another text.

Compiled kernels, part of the campaigns step. A pair is two numbers in one word.
"""

from __future__ import annotations

import numpy as np

from pipeline.steps.campaign_keys import Halves, Numbers, bits
from pipeline.text.compiled import kernel
from pipeline.text.sketch import Words

MAP = 6  # words of a map
_GOLDEN = 0x9E3779B97F4A7C15
_GRAM = (1 << 63) - 1  # three letters of 21 bits
_AT_A_TIME = 16  # 3-grams looked up before it is asked whether too many were missed


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
def _slot(gram: np.uint64, mixed: np.uint64, mask: np.uint64, grams: Words) -> np.uint64:
    """Where the 3-gram stands in the table, or where it would."""
    at = (mixed >> np.uint64(32)) & mask
    while grams[at] != 0 and grams[at] != gram:
        at = (at + np.uint64(1)) & mask
    return at


@kernel
def _mask(letters: int) -> np.uint64:
    """The part of the table that a text of so many letters uses."""
    mask = 63
    while mask < 4 * letters:
        mask = 2 * mask + 1
    return np.uint64(mask)


@kernel
def mark(halves: Halves, start: int, end: int, grams: Words, turns: Numbers, drawn: Words) -> int:
    """Enter the text's 3-grams, and no others, into the table and the map `drawn`; how many distinct ones there are.

    The table has 8 slots or more for each letter.
    """
    mask, n, gram, letters = _mask(end - start), 0, np.uint64(0), 0
    at = start
    drawn[:] = 0
    grams[: mask + np.uint64(1)] = 0
    while at < end:
        letter = _letter(halves, at)
        at += 2 if letter >= 0x10000 else 1
        gram = ((gram << np.uint64(21)) | letter) & np.uint64(_GRAM)
        letters += 1
        if letters > 2:
            mixed = gram * np.uint64(_GOLDEN)
            slot = _slot(gram, mixed, mask, grams)
            if grams[slot] == 0:
                grams[slot], turns[slot] = gram, 0
                word = ((mixed >> np.uint64(32)) * np.uint64(MAP)) >> np.uint64(32)
                drawn[word] |= np.uint64(1) << ((mixed >> np.uint64(26)) & np.uint64(63))
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
    pool: Halves, start: int, end: int, theirs: int, size: int, least: float, turn: int, letters_of: int, grams: Words,
    turns: Numbers,
) -> float:  # fmt: skip
    """Jaccard similarity of the text from `start` to `end` in the pool, of `theirs` 3-grams, to the one in the table, of
    `size`; 0 where it is seen early to be below `least`.

    `turn` is another at each call for one text, which has `letters_of` letters.
    """
    mask = _mask(letters_of)
    # At least so many must be shared; of the others, and of 3-grams that come again, the rest may be missed.
    may_miss = end - start - 2 - int(np.ceil(least / (1 + least) * (size + theirs) - 1e-9))
    if theirs == end - start - 2:  # none comes again, and each letter has one place
        shared = theirs - _missed(pool, start, end, may_miss, mask, grams)
    else:
        shared = _shared(pool, start, end, may_miss, turn, mask, grams, turns)
    return shared / (size + theirs - shared) if shared > 0 else 0.0


@kernel
def _missed(pool: Halves, start: int, end: int, may_miss: int, mask: np.uint64, grams: Words) -> int:
    """How many 3-grams of a text of distinct ones are not in the table; all of them, where more than `may_miss` are not."""
    gram, missed = (np.uint64(pool[start]) << np.uint64(21)) | np.uint64(pool[start + 1]), 0
    for first in range(start + 2, end, _AT_A_TIME):
        for at in range(first, min(first + _AT_A_TIME, end)):
            gram = ((gram << np.uint64(21)) | np.uint64(pool[at])) & np.uint64(_GRAM)
            missed += int(grams[_slot(gram, gram * np.uint64(_GOLDEN), mask, grams)] != gram)
        if missed > may_miss:
            return end - start - 2
    return missed


@kernel
def _shared(
    pool: Halves, start: int, end: int, may_miss: int, turn: int, mask: np.uint64, grams: Words, turns: Numbers
) -> int:
    """How many distinct 3-grams of a text are in the table; 0 where more than `may_miss` places hold one that is not."""
    n, gram, letters = 0, np.uint64(0), 0
    at = start
    while at < end:
        letter = _letter(pool, at)
        at += 2 if letter >= 0x10000 else 1
        gram = ((gram << np.uint64(21)) | letter) & np.uint64(_GRAM)
        letters += 1
        if letters > 2:
            slot = _slot(gram, gram * np.uint64(_GOLDEN), mask, grams)
            if grams[slot] == gram:
                n += int(turns[slot] != turn)
                turns[slot] = turn
            else:
                may_miss -= 1
                if may_miss < 0:
                    return 0
    return n
