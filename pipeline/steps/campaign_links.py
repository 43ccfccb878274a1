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

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.steps.campaign_grams import MAP, drawn_in, mark, pair
from pipeline.steps.campaign_keys import MOST_KEPT, Halves, Numbers, Rooms
from pipeline.steps.campaign_nearest import LATELY, LEAST_SIMILARITY, nearest_of, once, to_founder
from pipeline.steps.campaign_rooms import changed, enter, listed, use
from pipeline.text.codepoints import Ints
from pipeline.text.compiled import kernel
from pipeline.text.folding import fixed
from pipeline.text.sketch import N_BANDS, Words

NEW_WORDING = 0.9
MOST_EXEMPLARS = 8
SEPARATOR_CODE = 0x1E
BLOCK = 4_096  # texts whose rooms are listed at one time
_PART = 512  # of them, compared one after another on one thread
_LINE = 2 + MAP  # words

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

    Of a block of texts the exemplars in their rooms are first listed, on all threads, while nothing changes them. Then the
    block is compared with these on the threads that the one before it leaves, of which meanwhile one text after another
    joins or founds, compared besides with the exemplars that are new since its own block was listed. Where its best
    exemplar has been pushed out of their buckets by then, it is compared anew; one that was pushed out never returns. So
    what comes out is what comes out one by one.

    n_texts: how many will be added; n_places: that the rooms of all buckets take; n_halves: no fewer than the letters with
    their ends. Room for a text is taken from the machine only once it is written on.
    """

    def __init__(self, links: Links, n_texts: int, n_places: int, n_halves: int, pool: Executor, threads: int) -> None:
        self._links, self._pool = links, pool
        self._used = np.zeros(1, np.int64)  # exemplars
        self._known = (
            np.empty((n_texts, 3), np.int32),  # of each exemplar: text, founder, exemplars of its family
            _lines(n_texts),
            np.zeros(n_texts + 1, np.int64),  # where its letters begin
            np.empty(n_halves, np.uint16),  # letters of all exemplars
        )
        self._rooms = np.zeros(
            n_places + 1, np.int32
        )  # of each bucket: how many exemplars it holds, then they; 0: none
        self._desks: list[_Desk] = []  # those that nobody sits at
        for _ in range(threads):
            self._desks.append(_Desk())

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
        self._letters = fixed(letters)
        before: _Block | None = None
        for at in range(0, len(numbers), BLOCK):
            block = _Block(tuple(column[at : at + BLOCK] for column in texts), int(self._used[0]))
            self._all([partial(self._list, part) for part in block.parts])
            self._all([*self._settling(before), *(partial(self._compare, part) for part in block.parts)])
            before = block
        self._all(self._settling(before))

    def _all(self, works: list[Callable[[], None]]) -> None:
        """Do so many things side by side, the first of them first."""
        for done in [self._pool.submit(work) for work in works]:
            done.result()

    def _settling(self, block: _Block | None) -> list[Callable[[], None]]:
        return [] if block is None else [partial(self._settle, block)]

    @contextmanager
    def _desk(self) -> Iterator[tuple[NDArray[Any], ...]]:
        desk = self._desks.pop()
        try:
            yield desk.tools
        finally:
            self._desks.append(desk)

    def _list(self, part: _Part) -> None:
        numbers, buckets = part.texts[2:4]
        part.listed = np.empty(len(numbers) * N_BANDS * MOST_KEPT, np.int32)
        with self._desk() as tools:
            read: list[Any] = [fixed(numbers), fixed(buckets), *tools[2:], self._rooms]
            _list(*[*read, part.listed, part.bounds])
        part.listed = part.listed[: part.bounds[-1]].copy()

    def _compare(self, part: _Part) -> None:
        with self._desk() as tools:
            starts, ends, _, _, signatures = (fixed(column) for column in part.texts)
            read: list[Any] = [self._letters, starts, ends, signatures, tools[0], tools[1], tools[3], *self._known]
            _compare(*[*read, fixed(part.listed), part.bounds, *part.told])
        part.listed = part.listed[:0]

    def _settle(self, block: _Block) -> None:
        links = self._links
        written: list[Any] = [self._used, links.founder, links.similarity, links.nearest]
        with self._desk() as tools:
            read: list[Any] = [fixed(column) for column in block.texts]
            _settle(*[self._letters, *read, *tools, *self._known, self._rooms, block.known, *block.told, *written])


class _Block:
    """Texts whose rooms are listed at one time, when there were `known` exemplars; what is told of them, in parts.

    told, row-aligned: 3-grams and how many of them share a bit; map; nearest exemplar; similarity to that and to the
    founder there.
    """

    def __init__(self, texts: tuple[NDArray[Any], ...], known: int) -> None:
        n = len(texts[0])
        self.texts, self.known = texts, known
        self.told = (np.empty((n, 2), np.int64), np.empty((n, MAP), np.uint64), np.empty(n, np.int32), np.empty((n, 2)))
        self.parts = [_Part(self, slice(at, at + _PART)) for at in range(0, n, _PART)]


class _Part:
    """Some texts of a block; `listed`, `bounds`: the exemplars in the rooms of each."""

    def __init__(self, block: _Block, rows: slice) -> None:
        self.texts = tuple(column[rows] for column in block.texts)
        self.told = tuple(column[rows] for column in block.told)
        self.listed = np.empty(0, np.int32)
        self.bounds = np.zeros(len(self.texts[0]) + 1, np.int64)


def _lines(n: int) -> Words:
    """Of each exemplar: signature; 3-grams that share a bit, and all; map. On the bounds of the machine's lines of memory."""
    room = np.empty((n + 1) * _LINE, np.uint64)
    skipped = -room.ctypes.data // room.itemsize % _LINE
    return room[skipped : skipped + n * _LINE].reshape(n, _LINE)


class _Desk:
    """What one thread compares with: a table of 3-grams, exemplars that were lately listed, lists of exemplars."""

    def __init__(self) -> None:
        self._rivals = np.empty((3, N_BANDS * MOST_KEPT), np.int32)
        self._lately = np.zeros(LATELY, np.uint64)
        self.lay(1)

    def lay(self, longest: int) -> None:
        """Make the table large enough for a text of so many letters, and clear it."""
        slots = 1 << max(6, (8 * longest).bit_length())
        self.tools = (np.empty(slots, np.uint64), np.zeros(slots, np.int32), self._lately, self._rivals)


@kernel
def _list(
    numbers: Numbers, buckets: Rooms, lately: Words, rivals: Numbers, rooms: Numbers, out: Numbers, bounds: Ints
) -> None:
    """The exemplars in the rooms of each text, once each or nearly: between its `bounds` in `out`."""
    for i in range(len(numbers)):
        n = listed(rooms, buckets[i], rivals)
        n = once(n, 0, 2 * numbers[i], lately, rivals[2], out[bounds[i] :])
        bounds[i + 1] = bounds[i] + n


@kernel
def _compare(
    halves: Halves, starts: Ints, ends: Ints, signatures: Words, grams: Words, turns: Numbers,
    rivals: Numbers, exemplars: Numbers, lines: Words, places: Ints, pool: Halves, listed: Numbers, bounds: Ints,
    sizes: Ints, drawn: Words, best: Numbers, scores: Doubles,
) -> None:  # fmt: skip
    """What is told of each text, from the exemplars listed for it. Of those nothing that is read here changes."""
    for i in range(len(starts)):
        start, end = starts[i], ends[i]
        size = mark(halves, start, end, grams, turns, drawn[i])
        together = size - drawn_in(drawn[i])
        sizes[i, 0], sizes[i, 1] = size, together
        n = bounds[i + 1] - bounds[i]
        rivals[0, :n] = listed[bounds[i] : bounds[i + 1]]
        best[i], scores[i, 0], _ = nearest_of(
            halves, start, end, n, signatures[i], size, together, drawn[i], -1, 0.0, True, grams, turns, rivals, lines,
            places, pool,
        )  # fmt: skip
        scores[i, 1] = scores[i, 0]
        if best[i] >= 0 and exemplars[best[i], 1] != best[i]:
            first = exemplars[best[i], 1]
            scores[i, 1] = to_founder(first, size, end - start, grams, turns, lines, places, pool)


@kernel
def _settle(
    halves: Halves, starts: Ints, ends: Ints, numbers: Numbers, buckets: Rooms, signatures: Words, grams: Words,
    turns: Numbers, lately: Words, rivals: Numbers, exemplars: Numbers, lines: Words, places: Ints, pool: Halves,
    rooms: Numbers, known: int, sizes: Ints, drawn: Words, proposed: Numbers, scores: Doubles, used: Ints, founder: Numbers,
    similarity: Floats, nearest: Floats,
) -> None:  # fmt: skip
    """Each text in turn joins or founds. known: exemplars there were when its block was listed."""
    for i in range(len(numbers)):
        start, end, size, marked = starts[i], ends[i], sizes[i, 0], False
        best, score = int(np.int64(proposed[i])), float(scores[i, 0])
        n = listed(rooms, buckets[i], rivals)
        news, there = changed(n, rivals[2], known, best)
        if news or not there:
            if not there:
                best, score = -1, 0.0
            n = once(n, known if there else 0, 2 * numbers[i] + 1, lately, rivals[2], rivals[0])
            best, score, marked = nearest_of(
                halves, start, end, n, signatures[i], size, sizes[i, 1], drawn[i], best, score, False, grams, turns,
                rivals, lines, places, pool,
            )  # fmt: skip
        if best >= 0:
            first = exemplars[best, 1]
            to_first = score
            if best == proposed[i]:
                to_first = scores[i, 1]
            elif first != best:
                if not marked:
                    mark(halves, start, end, grams, turns, drawn[i])
                to_first = to_founder(first, size, end - start, grams, turns, lines, places, pool)
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
