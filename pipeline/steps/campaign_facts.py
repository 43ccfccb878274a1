"""What is known of each campaign and of each member, from the posts in order and the campaign each is in.

Part of the campaigns step: integers in compiled kernels, so that no sum hangs on an order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.local_time import DAY, HOUR, OFFSET
from pipeline.steps.campaign_keys import Numbers, number_equal
from pipeline.tables import CLASSES
from pipeline.text.codepoints import Ints
from pipeline.text.compiled import kernel
from pipeline.text.folding import fixed
from pipeline.text.sketch import Words
from pipeline.threads import in_order

UNDATED = -(2**63)
AUTO, REPOST = 1, 2  # bits of a post's marks
NO_LABEL = len(CLASSES)
MOST_JOINED = 64  # an author of more campaigns than that tells nothing of any two of them
_GOLDEN = 0x9E3779B97F4A7C15
_PIECE = 1 << 16  # members looked at together

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Posts:
    """The posts that may be in a campaign, in order; row-aligned."""

    at: Ints  # posted_at, UNDATED for none
    seen: Ints  # first_seen_at
    author: Words  # hash of platform and author; 0 unknown
    platform: NDArray[np.uint16]  # number of the platform
    marks: Bytes
    label: Bytes  # place of text_label in CLASSES; NO_LABEL for none


@dataclass(frozen=True)
class Facts:
    """By post: its campaign (-1 none) and what came before it. By campaign, in order of the first members: the rest."""

    campaign: Numbers
    posts_before: Numbers
    authors_before: Numbers
    order: Numbers  # the members, campaign by campaign, in order
    bounds: Ints  # where each campaign begins and ends in `order`
    first_at: Ints
    last_at: Ints
    n_authors: Numbers  # known ones
    n_unknown: Numbers  # members without a known author
    n_platforms: Numbers
    n_days: Numbers
    peak: Numbers
    marked: Numbers  # (campaigns, 2): app-made, reposts
    labels: Numbers  # (campaigns, classes and NO_LABEL)
    n_shared: Numbers  # most authors it has in common with one other campaign of several authors
    other: Numbers  # that campaign; -1 none

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @property
    def n_posts(self) -> Ints:
        """Members of each campaign."""
        return np.diff(self.bounds)

    @property
    def heads(self) -> Numbers:
        """The first member of each campaign."""
        return self.order[self.bounds[:-1]]


def facts(posts: Posts, founder: Numbers, threads: int = 1) -> Facts:
    """The facts of all groups of two or more posts with one `founder`: for each post a number that rises with the order
    of the groups' first posts.
    """
    sizes = np.bincount(founder, minlength=1)
    number = np.where(sizes > 1, np.cumsum(sizes > 1) - 1, -1).astype(np.int32)
    campaign = number[founder]
    bounds = np.concatenate(([0], np.cumsum(sizes[sizes > 1]))).astype(np.int64)
    order = np.empty(bounds[-1], np.int32)
    _order(fixed(campaign), bounds[:-1].copy(), order)
    n = len(bounds) - 1
    before, told = np.zeros((2, len(campaign)), np.int32), np.zeros((7, n), np.int32)
    times, labels = np.full((2, n), UNDATED), np.zeros((n, len(CLASSES) + 1), np.int32)
    newcomer = np.zeros(len(order), np.bool_)
    slots = 1 << max(4, int(2 * np.diff(bounds).max(initial=1)).bit_length())
    columns = (posts.at, posts.author, posts.platform, posts.marks, posts.label)
    desks = [
        (np.empty(slots, np.uint64), np.zeros(slots, np.int32), np.zeros(1 << 16, np.int32)) for _ in range(threads)
    ]

    def work(piece: tuple[int, int]) -> None:
        first, stop = piece
        members = order[bounds[first] : bounds[stop]]
        # Their columns in one piece, taken without a branch: so the machine waits for many places of memory at a time.
        mine = np.zeros((2, len(members)), np.int32)
        part: list[Any] = [fixed(column[members]) for column in columns]
        desk = desks.pop()
        _tell(*[first, stop, fixed(bounds), *part, *desk, mine, told, times, labels, newcomer])
        desks.append(desk)
        before[:, members] = mine

    edges = [*np.unique(np.searchsorted(bounds, np.arange(0, len(order), _PIECE))).tolist(), n]
    for _ in in_order(work, pairwise(edges), threads):
        pass
    found = Facts(
        campaign, before[0], before[1], order, bounds, times[0], times[1], told[0], told[1], told[2], told[3], told[4],
        told[5:7].T, labels, told[0], told[0],
    )  # fmt: skip
    shared, other = _overlaps(posts, found, newcomer, threads)
    return replace(found, n_shared=shared, other=other)


def _overlaps(posts: Posts, found: Facts, newcomer: NDArray[np.bool_], threads: int) -> tuple[Numbers, Numbers]:
    """For each campaign of several authors: most authors it has in common with one other, and which (the earliest)."""
    members = found.order[np.flatnonzero(newcomer & np.repeat(found.n_authors > 1, found.n_posts))]
    campaign, (author, first) = found.campaign[members], number_equal(posts.author[members])
    bounds = np.concatenate(([0], np.cumsum(np.bincount(author, minlength=len(first)))))
    joined = np.empty(len(members), np.int32)
    _join(fixed(campaign), fixed(author), bounds[:-1].copy(), joined)
    shared, other = np.zeros(len(found), np.int32), np.full(len(found), -1, np.int32)
    columns: list[Any] = [fixed(column) for column in (campaign, author, joined, bounds)]
    edges = np.searchsorted(campaign, np.append(campaign[:: max(1, -(-len(members) // threads))], len(found)))

    def work(part: tuple[int, int]) -> None:
        counts = np.zeros((1 << max(4, len(found).bit_length()), 3), np.int32)
        _overlap(*[*part, *columns, counts, shared, other])

    for _ in in_order(work, pairwise(edges.tolist()), threads):
        pass
    return shared, other


@kernel
def _order(campaign: Numbers, at: Ints, order: Numbers) -> None:
    for post in range(len(campaign)):
        if campaign[post] >= 0:
            order[at[campaign[post]]] = post
            at[campaign[post]] += 1


@kernel
def _tell(
    first: int, stop: int, bounds: Ints, at: Ints, author: Words, platform: NDArray[np.uint16], marks: Bytes, label: Bytes,
    slots: Words, stamps: Numbers, platforms: Numbers, before: Numbers, told: Numbers, times: Ints, labels: Numbers,
    newcomer: NDArray[np.bool_],
) -> None:  # fmt: skip
    """For the campaigns from `first` to `stop`; at to label, and before: of their members."""
    for c in range(first, stop):
        mask = 15
        while mask < 2 * (bounds[c + 1] - bounds[c]):
            mask = 2 * mask + 1
        day, hour, in_hour, n_authors = UNDATED, UNDATED, 0, 0
        for place in range(bounds[c], bounds[c + 1]):
            post = place - bounds[first]
            if at[post] != UNDATED:
                before[0, post], before[1, post] = place - bounds[c], n_authors
                times[0, c] = at[post] if place == bounds[c] else times[0, c]
                times[1, c] = at[post]
                in_hour = in_hour + 1 if at[post] // HOUR == hour else 1
                hour = at[post] // HOUR
                told[3, c] += (at[post] + OFFSET) // DAY != day
                day = (at[post] + OFFSET) // DAY
                told[4, c] = max(told[4, c], in_hour)
            told[5, c] += marks[post] & AUTO
            told[6, c] += (marks[post] & REPOST) >> 1
            labels[c, label[post]] += 1
            if platforms[platform[post]] != c + 1:
                platforms[platform[post]] = c + 1
                told[2, c] += 1
            if author[post] == 0:
                told[1, c] += 1
                continue
            slot = ((author[post] * np.uint64(_GOLDEN)) >> np.uint64(32)) & np.uint64(mask)
            while stamps[slot] == c + 1 and slots[slot] != author[post]:
                slot = (slot + np.uint64(1)) & np.uint64(mask)
            if stamps[slot] != c + 1:
                stamps[slot], slots[slot] = c + 1, author[post]
                newcomer[place] = True
                n_authors += 1
        told[0, c] = n_authors


@kernel
def _join(campaign: Numbers, author: Numbers, at: Ints, joined: Numbers) -> None:
    """Write the campaigns author by author, each author's from `at` on."""
    for pair in range(len(campaign)):
        joined[at[author[pair]]] = campaign[pair]
        at[author[pair]] += 1


@kernel
def _overlap(
    start: int, stop: int, campaign: Numbers, author: Numbers, joined: Numbers, bounds: Ints, counts: Numbers,
    shared: Numbers, other: Numbers,
) -> None:  # fmt: skip
    """For the pairs start to stop. campaign, author: the pairs by campaign; joined: the campaigns author by author, between `bounds`.

    counts: a table of the campaign counted for (and one more), the other one, and how often; as much of it is used as the
    campaign needs, so that it stays near, and all of it has a place of its own for each campaign.
    """
    at = start
    while at < stop:
        mine, end, met = campaign[at], at, 0
        while end < stop and campaign[end] == mine:
            n = bounds[author[end] + 1] - bounds[author[end]]
            met += n if n <= MOST_JOINED else 0
            end += 1
        mask = 15
        while mask < 2 * met and mask < len(counts) - 1:
            mask = 2 * mask + 1
        for pair in range(at, end):
            first, last = bounds[author[pair]], bounds[author[pair] + 1]
            for place in range(first, last if last - first <= MOST_JOINED else first):
                that = joined[place]
                slot = that & mask
                while counts[slot, 0] == mine + 1 and counts[slot, 1] != that:
                    slot = (slot + 1) & mask
                n = counts[slot, 2] + 1 if counts[slot, 0] == mine + 1 else 1
                counts[slot, 0], counts[slot, 1], counts[slot, 2] = mine + 1, that, n
                if that != mine and (n > shared[mine] or (n == shared[mine] and that < other[mine])):
                    shared[mine], other[mine] = n, that
        at = end
