"""The most similar exemplar of a text, bounded first and counted only then. Compiled kernels, part of the campaigns step.

What is compared is first bounded from above, by the signatures (by chance, see MOST_BITS) and by a map of 384 bits, one
for each 3-gram by its hash: two texts share no more 3-grams than bits, but for those that fell together in each. All that
is one line of memory for each exemplar, by which four of five pairs of posts that share a key without being copies are
told so; the rest is counted. Lines and rooms lie scattered over more memory than any cache holds, so they are read in
loops without a branch on what is read: the machine then waits for many at a time.
"""

from __future__ import annotations

import numpy as np

from pipeline.steps.campaign_grams import MAP, high, jaccard, low, mark, pair
from pipeline.steps.campaign_keys import Halves, Numbers, bits
from pipeline.text.codepoints import Ints
from pipeline.text.compiled import kernel
from pipeline.text.sketch import MOST_BITS, Words

LEAST_SIMILARITY = 0.7  # the threshold at which duplication was measured on spam and on honest posts (0.6 joins topics)
LATELY = 1_024  # exemplars of one text, told apart by the last bits of their numbers
_LAST_TURN = 1 << 20  # beyond the turns of all rivals of a text


@kernel
def once(n: int, least_number: int, stamp: int, lately: Words, listed: Numbers, rivals: Numbers) -> int:
    """Of the first `n` listed, those from `least_number` on, once each or nearly; how many.

    stamp: another at each call with one table `lately`.
    """
    distinct = 0
    for place in range(n):
        rival = listed[place]
        word = pair(stamp, rival)
        rivals[distinct] = rival
        distinct += int((lately[rival % LATELY] != word) & (rival >= least_number))
        lately[rival % LATELY] = word
    return distinct


@kernel
def _likely(
    distinct: int, signature: np.uint64, size: int, together: int, drawn: Words, lines: Words, rivals: Numbers
) -> int:
    """Of so many rivals, those that may be similar enough, and the most 3-grams they may share with the text; how many."""
    kept = 0
    for place in range(distinct):
        rivals[1, place] = low(lines[rivals[0, place], 1])
    for place in range(distinct):
        rival, theirs = rivals[0, place], rivals[1, place]
        shared = min(together, high(lines[rival, 1]))
        for word_at in range(MAP):
            shared += int(np.int64(bits(drawn[word_at] & lines[rival, 2 + word_at])))
        near = bits(signature ^ lines[rival, 0]) <= MOST_BITS
        near &= shared >= LEAST_SIMILARITY / (1 + LEAST_SIMILARITY) * (size + theirs) - 1e-9
        near &= (theirs >= LEAST_SIMILARITY * size) & (size >= LEAST_SIMILARITY * theirs)
        rivals[0, kept], rivals[1, kept] = rival, shared
        kept += int(near)
    return kept


@kernel
def nearest_of(
    halves: Halves, start: int, end: int, n: int, signature: np.uint64, size: int, together: int, drawn: Words, best: int,
    best_score: float, marked: bool, grams: Words, turns: Numbers, rivals: Numbers, lines: Words, places: Ints,
    pool: Halves,
) -> tuple[int, float, bool]:  # fmt: skip
    """The most similar of `best` and the first `n` rivals, or -1; whether the text is in the table now."""
    n = _likely(n, signature, size, together, drawn, lines, rivals)
    likeliest, touched = 0, 0
    for place in range(n):  # one letter in 32 is read of each: all their lines of memory are on their way at once
        for at in range(places[rivals[0, place]], places[rivals[0, place] + 1], 32):
            touched += pool[at]
        if rivals[1, place] > rivals[1, likeliest]:
            likeliest = place
    rivals[2, 0] = touched
    for turn in range(n):  # the likeliest first: the sooner a similar one is found, the fewer others need counting
        place = likeliest if turn == 0 else 0 if turn == likeliest else turn
        rival = rivals[0, place]
        theirs, least = low(lines[rival, 1]), max(best_score, LEAST_SIMILARITY)
        if rivals[1, place] < least / (1 + least) * (size + theirs) - 1e-9:
            continue
        if not marked:
            mark(halves, start, end, grams, turns, drawn)
            marked = True
        from_, to = places[rival], places[rival + 1]
        score = jaccard(pool, from_, to, theirs, size, least, turn + 1, end - start, grams, turns)
        if score >= LEAST_SIMILARITY and (score > best_score or (score == best_score and rival < best)):
            best, best_score = rival, score
    return best, best_score, marked


@kernel
def to_founder(
    founder: int, size: int, letters_of: int, grams: Words, turns: Numbers, lines: Words, places: Ints, pool: Halves
) -> float:
    """Similarity of the text in the table to that exemplar."""
    theirs = low(lines[founder, 1])
    start, end = places[founder], places[founder + 1]
    return jaccard(pool, start, end, theirs, size, 0.0, _LAST_TURN, letters_of, grams, turns)
