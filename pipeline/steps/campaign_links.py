"""Which text follows which: leader clustering of folded texts, in compiled kernels. Part of the campaigns step.

Texts come in the canonical order of their first posts. A text joins the campaign of the most similar exemplar before it,
if their Jaccard similarity is LEAST_SIMILARITY or more, and else founds a campaign of its own. Exemplars are the
founder and up to seven members that are as similar to the founder as that, but under NEW_WORDING to every exemplar
found for them: so a wording that drifts stays found. It cannot chain: 1 - J is a metric, so a member lies within 0.3
of an exemplar and that within 0.3 of the founder, and no member is less than 0.4 similar to the founder.

Only exemplars that share a band key with the text are compared, and of each key the MOST_KEPT that were joined or
founded last: a key that a slogan gives to a hundred thousand posts costs each of them no more than that. What is
compared is first bounded from above, by the signatures (by chance, see MOST_BITS) and by a map of 384 bits, one for each
3-gram by its hash: two texts share no more 3-grams than bits, but for those that fell together in each. All that is
one line of memory for each exemplar, by which four of five pairs of posts that share a key without being copies are told
so; the rest is counted. Lines and rooms lie scattered over more memory than any cache holds, so they are read in loops
without a branch on what is read: the machine then waits for many at a time.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.steps.campaign_grams import MAP, drawn_in, high, jaccard, low, mark, pair
from pipeline.steps.campaign_keys import MOST_KEPT, Halves, Numbers, Rooms, bits
from pipeline.steps.campaign_rooms import changed, enter, listed, use
from pipeline.text.codepoints import Ints
from pipeline.text.compiled import kernel
from pipeline.text.folding import fixed
from pipeline.text.sketch import MOST_BITS, N_BANDS, Words

LEAST_SIMILARITY = 0.7  # the threshold at which duplication was measured on spam and on honest posts (0.6 joins topics)
NEW_WORDING = 0.9
MOST_EXEMPLARS = 8
SEPARATOR_CODE = 0x1E
BLOCK = 4_096  # texts compared side by side
_LAST_TURN = 1 << 20  # beyond the turns of all rivals of a text
_LINE = 2 + MAP  # words
_LATELY = 1_024  # exemplars of one text, told apart by the last bits of their numbers

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Links:
    """By text number. founder: the text that founded its campaign; similarity: to that; nearest: to the nearest exemplar
    there was.
    """

    founder: Numbers
    similarity: Floats
    nearest: Floats

    @staticmethod
    def of_none(n_texts: int) -> Links:
        """As if each text led itself."""
        return Links(np.arange(n_texts, dtype=np.int32), np.ones(n_texts, np.float32), np.ones(n_texts, np.float32))


class Leaders:
    """The clustering of all texts: `add` them in order.

    A block of texts at a time is first compared, on all threads, with the exemplars there were before the block; then one
    after another joins or founds, compared besides with the exemplars that are new since then. Where its best exemplar
    has been pushed out of their buckets meanwhile, it is compared anew. So what comes out is what comes out one by one.

    n_texts: how many will be added; n_places: that the rooms of all buckets take; n_halves: no fewer than the letters with
    their ends. Room for a text is taken from the machine only once it is written on.
    """

    def __init__(self, links: Links, n_texts: int, n_places: int, n_halves: int, pool: Executor, threads: int) -> None:
        self._links, self._threads, self._pool = links, threads, pool
        self._used = np.zeros(1, np.int64)  # exemplars
        self._known = (
            np.empty((n_texts, 3), np.int32),  # of each exemplar: text, founder, exemplars of its family
            _lines(n_texts),
            np.zeros(n_texts + 1, np.int64),  # where its letters begin
            np.empty(n_halves, np.uint16),  # letters of all exemplars
            np.zeros(n_places + 1, np.int32),  # of each bucket: how many exemplars it holds, then they; 0: none
        )
        self._desks = [_Desk() for _ in range(threads + 1)]

    def add(
        self, letters: Halves, chosen: NDArray[np.bool_], numbers: Numbers, buckets: Rooms, signatures: Words
    ) -> None:
        """The next texts: those `chosen` of `letters` (packed); their numbers, buckets (texts, 18) and signatures."""
        ends = np.flatnonzero(letters == SEPARATOR_CODE)
        rows = np.flatnonzero(chosen)
        starts = np.concatenate(([0], ends[:-1] + 1))[rows]
        for desk in self._desks:
            desk.lay(int((ends[rows] - starts).max(initial=1)))
        texts = (starts, ends[rows], numbers, buckets, signatures)
        for at in range(0, len(numbers), BLOCK):
            self._lead(fixed(letters), tuple(column[at : at + BLOCK] for column in texts))

    def _lead(self, letters: Halves, texts: tuple[NDArray[Any], ...]) -> None:
        n = len(texts[0])
        told = (np.empty((n, 2), np.int64), np.empty((n, MAP), np.uint64), np.empty(n, np.int32), np.empty((n, 2)))
        step = -(-n // self._threads)

        def propose(number: int) -> None:
            mine = slice(number * step, (number + 1) * step)
            read: list[Any] = [fixed(column[mine]) for column in texts]
            _propose(*[letters, *read, *self._desks[number].tools, *self._known, *(column[mine] for column in told)])

        for _ in self._pool.map(propose, range(self._threads)):
            pass
        links = self._links
        written: list[Any] = [self._used, links.founder, links.similarity, links.nearest]
        _settle(*[letters, *map(fixed, texts), *self._desks[-1].tools, *self._known, *told, *written])


def _lines(n: int) -> Words:
    """Of each exemplar: signature; 3-grams that share a bit, and all; map. On the bounds of the machine's lines of memory."""
    room = np.empty((n + 1) * _LINE, np.uint64)
    skipped = -room.ctypes.data // room.itemsize % _LINE
    return room[skipped : skipped + n * _LINE].reshape(n, _LINE)


class _Desk:
    """What one thread compares with: a table of 3-grams, lists of exemplars, those that were lately listed."""

    def __init__(self) -> None:
        self._rivals = np.empty((3, N_BANDS * MOST_KEPT), np.int32)
        self._lately = np.zeros(_LATELY, np.uint64)
        self.lay(1)

    def lay(self, longest: int) -> None:
        """Make the table large enough for a text of so many letters, and clear it."""
        slots = 1 << max(6, (8 * longest).bit_length())
        self.tools = (np.empty(slots, np.uint64), np.zeros(slots, np.int32), self._lately, self._rivals)


@kernel
def _rivals_of(
    n: int, least_number: int, stamp: int, signature: np.uint64, size: int, together: int, drawn: Words, lately: Words,
    lines: Words, rivals: Numbers,
) -> int:  # fmt: skip
    """Of the first `n` listed, those from `least_number` on that may be similar enough, once each or nearly, and the most
    3-grams they may share with the text; how many.
    """
    distinct = kept = 0
    for place in range(n):
        rival = rivals[2, place]
        word = pair(stamp, rival)
        rivals[0, distinct] = rival
        distinct += int((lately[rival % _LATELY] != word) & (rival >= least_number))
        lately[rival % _LATELY] = word
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
def _nearest(
    halves: Halves, start: int, end: int, n: int, signature: np.uint64, stamp: int, least_number: int, size: int,
    together: int, drawn: Words, best: int, best_score: float, marked: bool, grams: Words, turns: Numbers, lately: Words,
    rivals: Numbers, lines: Words, places: Ints, pool: Halves,
) -> tuple[int, float, bool]:  # fmt: skip
    """The most similar of `best` and those of the `n` listed from `least_number` on, or -1; whether the text is in the
    table now.
    """
    n = _rivals_of(n, least_number, stamp, signature, size, together, drawn, lately, lines, rivals)
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
def _to_founder(
    founder: int, size: int, letters_of: int, grams: Words, turns: Numbers, lines: Words, places: Ints, pool: Halves
) -> float:
    """Similarity of the text in the table to that exemplar."""
    theirs = low(lines[founder, 1])
    start, end = places[founder], places[founder + 1]
    return jaccard(pool, start, end, theirs, size, 0.0, _LAST_TURN, letters_of, grams, turns)


@kernel
def _propose(
    halves: Halves, starts: Ints, ends: Ints, numbers: Numbers, buckets: Rooms, signatures: Words, grams: Words,
    turns: Numbers, lately: Words, rivals: Numbers, exemplars: Numbers, lines: Words, places: Ints, pool: Halves,
    rooms: Numbers, sizes: Ints, drawn: Words, best: Numbers, scores: Doubles,
) -> None:  # fmt: skip
    """Of each text: its 3-grams and how many of them share a bit, its map, the nearest exemplar, similarity to that and
    to the founder there.
    """
    for i in range(len(numbers)):
        start, end, stamp = starts[i], ends[i], numbers[i] + 1
        size = mark(halves, start, end, grams, turns, drawn[i])
        together = size - drawn_in(drawn[i])
        sizes[i, 0], sizes[i, 1] = size, together
        n = listed(rooms, buckets[i], rivals)
        best[i], scores[i, 0], _ = _nearest(
            halves, start, end, n, signatures[i], stamp, 0, size, together, drawn[i], -1, 0.0, True, grams, turns, lately,
            rivals, lines, places, pool,
        )  # fmt: skip
        scores[i, 1] = scores[i, 0]
        if best[i] >= 0 and exemplars[best[i], 1] != best[i]:
            first = exemplars[best[i], 1]
            scores[i, 1] = _to_founder(first, size, end - start, grams, turns, lines, places, pool)


@kernel
def _settle(
    halves: Halves, starts: Ints, ends: Ints, numbers: Numbers, buckets: Rooms, signatures: Words, grams: Words,
    turns: Numbers, lately: Words, rivals: Numbers, exemplars: Numbers, lines: Words, places: Ints, pool: Halves,
    rooms: Numbers, sizes: Ints, drawn: Words, proposed: Numbers, scores: Doubles, used: Ints, founder: Numbers,
    similarity: Floats, nearest: Floats,
) -> None:  # fmt: skip
    """Each text in turn joins or founds."""
    known = used[0]
    for i in range(len(numbers)):
        start, end, stamp, size, marked = starts[i], ends[i], numbers[i] + 1, sizes[i, 0], False
        best, score = int(np.int64(proposed[i])), float(scores[i, 0])
        n = listed(rooms, buckets[i], rivals)
        news, there = changed(n, rivals[2], known, best)
        if news or not there:
            if not there:
                best, score = -1, 0.0
            best, score, marked = _nearest(
                halves, start, end, n, signatures[i], stamp, known if there else 0, size, sizes[i, 1], drawn[i], best,
                score, False, grams, turns, lately, rivals, lines, places, pool,
            )  # fmt: skip
        if best >= 0:
            first = exemplars[best, 1]
            to_first = score
            if best == proposed[i]:
                to_first = scores[i, 1]
            elif first != best:
                if not marked:
                    mark(halves, start, end, grams, turns, drawn[i])
                to_first = _to_founder(first, size, end - start, grams, turns, lines, places, pool)
            founder[numbers[i]], similarity[numbers[i]], nearest[numbers[i]] = exemplars[first, 0], to_first, score
            use(best, buckets[i], rooms)
            if score >= NEW_WORDING or to_first < LEAST_SIMILARITY or exemplars[first, 2] >= MOST_EXEMPLARS:
                continue
        new = used[0]
        used[0] += 1
        exemplars[new, 0], exemplars[new, 1], exemplars[new, 2] = numbers[i], first if best >= 0 else new, 0
        exemplars[exemplars[new, 1], 2] += 1
        lines[new, 0], lines[new, 1] = signatures[i], pair(sizes[i, 1], size)
        lines[new, 2:] = drawn[i]
        places[new + 1] = places[new] + end - start
        pool[places[new] : places[new + 1]] = halves[start:end]
        enter(new, buckets[i], rooms)
