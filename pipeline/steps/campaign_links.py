"""Which text follows which: leader clustering of folded texts, in compiled kernels. Part of the campaigns step.

Texts come in the canonical order of their first posts. A text joins the campaign of the most similar exemplar before it,
if their Jaccard similarity is LEAST_SIMILARITY or more, and else founds a campaign of its own. Exemplars are the
founder and up to seven members that are as similar to the founder as that, but under NEW_WORDING to every exemplar
found for them: so a wording that drifts stays found. It cannot chain: 1 - J is a metric, so a member lies within 0.3
of an exemplar and that within 0.3 of the founder, and no member is less than 0.4 similar to the founder.

Only exemplars that share a band key with the text are compared, and of each key the MOST_KEPT that were joined or
founded last: a key that a slogan gives to a hundred thousand posts costs each of them no more than that. What is
compared is first bounded from above, by the signatures (by chance, see MOST_BITS) and by a map of 512 bits, one for each
3-gram by its hash: two texts share no more 3-grams than bits, but for those that fell together in each. Of five
pairs of posts that share a key without being copies four are told so from one line of memory; the rest is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.steps.campaign_grams import MAP, drawn_in, high, jaccard, low, mark, pair
from pipeline.steps.campaign_keys import MOST_KEPT, Halves, Numbers, Rooms, bits
from pipeline.text.codepoints import Ints
from pipeline.text.compiled import kernel
from pipeline.text.folding import fixed
from pipeline.text.sketch import MOST_BITS, N_BANDS, Words

LEAST_SIMILARITY = 0.7  # the threshold at which duplication was measured on spam and on honest posts (0.6 joins topics)
NEW_WORDING = 0.9
MOST_EXEMPLARS = 8
SEPARATOR_CODE = 0x1E

Floats = NDArray[np.float32]


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
    """The clustering of one share of the texts: `add` them in order. It writes on their links and rooms, and on no others'.

    n_texts: how many will be added; n_halves: no fewer than their letters with their ends. Room for a text is taken from
    the machine only once it is written on.
    """

    def __init__(self, links: Links, rooms: Numbers, n_texts: int, n_halves: int) -> None:
        self._links = links
        self._rooms = rooms  # of each bucket: how many exemplars it holds, then they; 0 is the room of none
        self._used = np.zeros(2, np.int64)  # exemplars, halves
        self._exemplars = np.empty((n_texts, 3), np.int32)  # text, founder, exemplars of its family
        # Signature; 3-grams that share a bit of the map, and all; the text last compared with it, and letters; place in
        # the pool.
        self._cards = np.empty((n_texts, 4), np.uint64)
        self._maps, self._pool = np.empty((n_texts, MAP), np.uint64), np.empty(n_halves, np.uint16)

    def add(
        self, letters: Halves, chosen: NDArray[np.bool_], numbers: Numbers, buckets: Rooms, signatures: Words
    ) -> None:
        """The next texts: those `chosen` of `letters` (packed); their numbers, buckets (texts, 18) and signatures."""
        starts = np.concatenate(([0], np.flatnonzero(letters == SEPARATOR_CODE) + 1))
        longest = int(np.diff(starts).max(initial=1))
        slots = 1 << max(6, (6 * longest).bit_length())
        links = self._links
        _lead(
            fixed(letters), fixed(starts), fixed(np.flatnonzero(chosen)), fixed(numbers), fixed(buckets),
            fixed(signatures), np.empty(slots, np.uint64), np.zeros((slots, 2), np.int32), links.founder, links.similarity,
            links.nearest, self._used, self._exemplars, self._cards, self._maps, self._pool, self._rooms,
        )  # fmt: skip


@kernel
def _rivals(
    rooms: Numbers, buckets: Rooms, signature: np.uint64, size: int, stamp: int, cards: Words, rivals: Numbers
) -> int:
    """Write the exemplars that may be as similar as LEAST_SIMILARITY, each once; how many there are.

    In loops without a branch on what they read, so that the machine waits for many places of memory at a time.
    """
    n = kept = 0
    for bucket in buckets:
        room = np.int64(bucket)
        for place in range(room + 1, room + 1 + rooms[room]):
            rivals[n] = rooms[place]
            n += 1
    for place in range(n):
        rival = rivals[place]
        theirs = low(cards[rival, 1])
        near = bits(signature ^ cards[rival, 0]) <= MOST_BITS
        near &= high(cards[rival, 2]) != stamp
        near &= theirs >= LEAST_SIMILARITY * size
        near &= size >= LEAST_SIMILARITY * theirs
        cards[rival, 2] = pair(stamp, low(cards[rival, 2]))
        rivals[kept] = rival
        kept += int(near)
    return kept


@kernel
def _lead(
    halves: Halves, starts: Ints, rows: Ints, numbers: Numbers, buckets: Rooms, signatures: Words, grams: Words,
    stamps: Numbers, founder: Numbers, similarity: Floats, nearest: Floats, used: Ints, exemplars: Numbers, cards: Words,
    maps: Words, pool: Halves, rooms: Numbers,
) -> None:  # fmt: skip
    drawn = np.empty(MAP, np.uint64)
    rivals, shared = np.empty(N_BANDS * MOST_KEPT, np.int32), np.empty(N_BANDS * MOST_KEPT, np.int64)
    for i in range(len(numbers)):
        text, stamp, turn = numbers[i], numbers[i] + 1, 0
        start, end = starts[rows[i]], starts[rows[i] + 1] - 1
        mask = 63
        while mask < 3 * (end - start):
            mask = 2 * mask + 1
        size = mark(halves, start, end, stamp, mask, grams, stamps, drawn)
        together = size - drawn_in(drawn)  # 3-grams that fell on the bit of another
        best, best_score = -1, 0.0
        n = _rivals(rooms, buckets[i], signatures[i], size, stamp, cards, rivals)
        likeliest = 0
        for place in range(n):
            shared[place] = min(together, high(cards[rivals[place], 1]))
            for word in range(MAP):
                shared[place] += int(np.int64(bits(drawn[word] & maps[rivals[place], word])))
            if shared[place] > shared[likeliest]:
                likeliest = place
        if n > 1:  # the sooner a similar one is found, the more of the others need no counting
            rivals[0], rivals[likeliest] = rivals[likeliest], rivals[0]
            shared[0], shared[likeliest] = shared[likeliest], shared[0]
        for place in range(n):
            rival = rivals[place]
            theirs = low(cards[rival, 1])
            least = max(best_score, LEAST_SIMILARITY)
            if shared[place] < least / (1 + least) * (size + theirs) - 1e-9:
                continue
            turn += 1
            score = jaccard(pool, cards[rival], size, least, stamp, turn, mask, grams, stamps)
            if score > best_score or (score == best_score and rival < best):
                best, best_score = rival, score
        leads = best < 0 or best_score < LEAST_SIMILARITY
        if not leads:
            first = exemplars[best, 1]
            score = best_score
            if first != best:
                score = jaccard(pool, cards[first], size, 0.0, stamp, turn + 1, mask, grams, stamps)
            founder[text], similarity[text], nearest[text] = exemplars[first, 0], score, best_score
            _use(best, buckets[i], rooms)
            if best_score >= NEW_WORDING or score < LEAST_SIMILARITY or exemplars[first, 2] >= MOST_EXEMPLARS:
                continue
        new = used[0]
        used[0] += 1
        exemplars[new, 0], exemplars[new, 1], exemplars[new, 2] = text, new, 0
        if not leads:
            exemplars[new, 1] = first
        exemplars[exemplars[new, 1], 2] += 1
        cards[new, 0], cards[new, 1] = signatures[i], pair(together, size)
        cards[new, 2], cards[new, 3] = end - start, used[1]
        maps[new] = drawn
        for at in range(start, end):
            pool[used[1]] = halves[at]
            used[1] += 1
        _enter(new, buckets[i], rooms)


@kernel
def _use(exemplar: int, buckets: Rooms, rooms: Numbers) -> None:
    """Put the exemplar first in each of the buckets in which it stands."""
    for bucket in buckets:
        room = np.int64(bucket)
        for place in range(room + 1, room + 1 + rooms[room]):
            if rooms[place] == exemplar:
                for later in range(place, room + 1, -1):
                    rooms[later] = rooms[later - 1]
                rooms[room + 1] = exemplar
                break


@kernel
def _enter(exemplar: int, buckets: Rooms, rooms: Numbers) -> None:
    """Put a new exemplar first in each of the buckets; from a full one the exemplar used longest ago goes."""
    for bucket in buckets:
        room = np.int64(bucket)
        if room == 0:
            continue
        if rooms[room] < MOST_KEPT:
            rooms[room] += 1
        for place in range(room + rooms[room], room + 1, -1):
            rooms[place] = rooms[place - 1]
        rooms[room + 1] = exemplar
