"""Rooms: of each bucket the exemplars that stand in it, the one joined or founded last first. Part of the campaigns step.

All rooms lie in one array: at a bucket's number how many it holds, behind that the exemplars; bucket 0 is none.
"""

from __future__ import annotations

import numpy as np

from pipeline.steps.campaign_keys import MOST_KEPT, Numbers, Rooms
from pipeline.text.compiled import kernel
from pipeline.text.sketch import N_BANDS


@kernel
def listed(rooms: Numbers, buckets: Rooms, rivals: Numbers) -> int:
    """List all exemplars of the buckets, some more than once; how many."""
    held, listed, n = rivals[1], rivals[2], 0
    for band in range(N_BANDS):  # how many each room holds: all rooms are on their way before the first is walked
        held[band] = rooms[buckets[band]]
    for band in range(N_BANDS):
        room = np.int64(buckets[band])
        for place in range(room + 1, room + 1 + held[band]):
            listed[n] = rooms[place]
            n += 1
    return n


@kernel
def changed(n: int, listed: Numbers, known: int, best: int) -> tuple[bool, bool]:
    """Whether among the first `n` listed is an exemplar from `known` on; whether `best` is, if it is one."""
    news, there = False, best < 0
    for place in range(n):
        news |= listed[place] >= known
        there |= listed[place] == best
    return news, there


@kernel
def use(exemplar: int, buckets: Rooms, rooms: Numbers) -> None:
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
def enter(exemplar: int, buckets: Rooms, rooms: Numbers) -> None:
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
