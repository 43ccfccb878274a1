"""Which texts hang together, found a bucket of band keys at a time: so they can be clustered apart. Part of the campaigns step.

Two texts can only meet in the clustering if they share a band key and are near by their signatures. Where MOST_KEPT texts
of a key or fewer may meet, no exemplar is ever pushed out, and a text of similarity under LEAST_SIMILARITY changes nothing
for another: only pairs that are verified hang together. Of a larger key all texts do, since each may push out another's
exemplar. Texts that do not hang together, directly or through others, never bear on each other, so each group of them
clustered for itself gives what all give at once.

Why pairs alone do not settle a larger key: it may hold a hundred thousand copies of one slogan, whose pairs are five thousand
million; compared are exemplars alone, and who is one is known only in order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.steps.campaign_grams import MAP, jaccard, mark
from pipeline.steps.campaign_keys import MOST_KEPT, MOST_PAIRED, Halves, Numbers, bits, shared_keys
from pipeline.steps.campaign_nearest import LEAST_SIMILARITY
from pipeline.text.codepoints import Ints
from pipeline.text.compiled import kernel
from pipeline.text.folding import fixed
from pipeline.text.sketch import MOST_BITS, Keys, Words

ALONE = 2**16 - 1  # the group of a text that hangs together with none

Doubles = NDArray[np.float64]
Groups = NDArray[np.uint16]


def near_pairs(keys: Keys, texts: Numbers, signatures: Words) -> tuple[Numbers, Numbers]:
    """Of the texts of some band keys, row-aligned and ascending within a key, those that may meet: (pairs, 2) each, the
    later text first.

    The first are pairs to be verified; those of the second, of large keys, hang together as they are.
    """
    packed = shared_keys(keys)
    rows = packed.astype(np.uint32)
    columns = fixed(packed), fixed(texts[rows]), fixed(signatures[rows])
    none = np.empty((0, 2), np.int32)
    n_pairs, n_bound = _near(*columns, none, none)
    pairs, bound = np.empty((n_pairs, 2), np.int32), np.empty((n_bound, 2), np.int32)
    _near(*columns, pairs, bound)
    return pairs, bound


def similarities(later: tuple[Halves, Ints], earlier: tuple[Halves, Ints], pairs: Ints) -> Doubles:
    """Jaccard similarity of each of the `pairs` (n, 2) of a text of `later` and one of `earlier`, by their places there;
    0 where it is below LEAST_SIMILARITY.

    The texts are packed letters and where each begins, and the last ends; pairs of one later text stand together.
    """
    longest = max((int(np.diff(starts).max(initial=1)) for _, starts in (later, earlier)), default=1)
    slots = 1 << max(6, (8 * longest).bit_length())
    found = np.empty(len(pairs), np.float64)
    tools = np.empty(slots, np.uint64), np.zeros(slots, np.int32)
    read: list[Any] = [fixed(column) for column in (*later, *earlier, pairs)]
    _verify(*[*read, *tools, found])
    return found


def bind(leads: Numbers, pairs: Numbers) -> None:
    """Note that the texts of each pair hang together: `leads` names for each text an earlier one, or itself (Tarjan 1975)."""
    _bind(leads, fixed(pairs))


def group(leads: Numbers, n_groups: int) -> Groups:
    """A group for each text, ALONE for one that hangs together with none.

    What hangs together is in one group: the largest first, each into the group that has the fewest texts.
    """
    _settle(leads)
    sizes = np.bincount(leads, minlength=len(leads))
    heads = np.flatnonzero(sizes > 1)
    heads = heads[np.argsort(-sizes[heads], kind="stable")]
    groups = np.full(len(leads), ALONE, np.uint16)
    _share(fixed(heads), fixed(sizes), np.zeros(n_groups, np.int64), groups)
    return groups[leads]


@kernel
def _near(packed: Words, texts: Numbers, signatures: Words, pairs: Numbers, bound: Numbers) -> tuple[int, int]:
    """How many pairs of either kind; they are written where there is room."""
    at, n_pairs, n_bound = 0, 0, 0
    near = np.empty(MOST_PAIRED, np.bool_)
    while at < len(packed):
        stop = at + 1
        while stop < len(packed) and packed[stop] >> np.uint64(32) == packed[at] >> np.uint64(32):
            stop += 1
        n = stop - at
        used = n
        if n <= MOST_PAIRED:
            near[:n] = False
            for i in range(1, n):
                for j in range(i):
                    if bits(signatures[at + i] ^ signatures[at + j]) <= MOST_BITS:
                        near[i] = near[j] = True
            used = int(near[:n].sum())
        first = -1
        for i in range(n):
            if n <= MOST_PAIRED and not near[i]:
                continue
            if used > MOST_KEPT:
                if first >= 0:
                    if n_bound < len(bound):
                        bound[n_bound, 0], bound[n_bound, 1] = texts[at + i], first
                    n_bound += 1
                else:
                    first = texts[at + i]
                continue
            for j in range(i):
                near_by = bits(signatures[at + i] ^ signatures[at + j]) <= MOST_BITS
                if near_by and texts[at + i] != texts[at + j]:  # keys of two bands may be equal by chance
                    if n_pairs < len(pairs):
                        pairs[n_pairs, 0], pairs[n_pairs, 1] = texts[at + i], texts[at + j]
                    n_pairs += 1
        at = stop
    return n_pairs, n_bound


@kernel
def _verify(
    letters: Halves, starts: Ints, pool: Halves, places: Ints, pairs: Ints, grams: Words, turns: Numbers, found: Doubles
) -> None:
    drawn = np.empty(MAP, np.uint64)
    theirs = np.empty(len(places) - 1, np.int64)
    for text in range(len(theirs)):
        theirs[text] = mark(pool, places[text], places[text + 1] - 1, grams, turns, drawn)
    marked, size, start, end, turn = -1, 0, 0, 0, 0
    for i in range(len(pairs)):
        if pairs[i, 0] != marked:
            marked, turn = pairs[i, 0], 0
            start, end = starts[marked], starts[marked + 1] - 1
            size = mark(letters, start, end, grams, turns, drawn)
        turn += 1
        from_, to = places[pairs[i, 1]], places[pairs[i, 1] + 1] - 1
        their_size = theirs[pairs[i, 1]]
        score = jaccard(pool, from_, to, their_size, size, LEAST_SIMILARITY, turn, end - start, grams, turns)
        found[i] = score if score >= LEAST_SIMILARITY else 0.0


@kernel
def _lead(leads: Numbers, text: int) -> int:
    while leads[text] != text:
        leads[text] = leads[leads[text]]
        text = leads[text]
    return text


@kernel
def _bind(leads: Numbers, pairs: Numbers) -> None:
    for i in range(len(pairs)):
        a, b = _lead(leads, pairs[i, 0]), _lead(leads, pairs[i, 1])
        leads[max(a, b)] = min(a, b)


@kernel
def _settle(leads: Numbers) -> None:
    for text in range(len(leads)):
        leads[text] = _lead(leads, text)


@kernel
def _share(heads: Ints, sizes: Ints, held: Ints, groups: Groups) -> None:
    for head in heads:
        least = int(np.argmin(held))
        held[least] += sizes[head]
        groups[head] = least
