"""Which texts a regular expression can match at all: those that hold one of the anchors that every match needs.

From the parsed pattern comes a set of characters and pairs of characters, one of which is in every match: a sequence needs
each of its parts, a choice one of its branches. Looking for them is an array lookup, and most cues then run over a few
texts in a hundred. Anchors only save time: what is found is the same without them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.text.codepoints import Codes, Ints, TextBatch

try:
    from re import _parser  # type: ignore[attr-defined]  # the parser of `re` itself, so that there is no second grammar
except ImportError:  # another interpreter keeps it elsewhere: no anchors, every text is tried
    _parser = None

Anchors = frozenset[str]  # of one or two characters
MOST = 4000  # anchors of one pattern; a larger class (any letter, say) tells nothing
WORD = 64  # patterns per word of bits
SLOTS = 1 << 18  # anchors share slots by hash, which may let a text pass that holds none
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def anchors_of(pattern: str, frequency: Counter[str]) -> Anchors | None:
    """Anchors of which every match holds at least one, the rarest choice by `frequency`; None where there is none."""
    return None if _parser is None else _of_sequence(_parser.parse(pattern), frequency)


def _of_sequence(items: Any, frequency: Counter[str]) -> Anchors | None:
    choices = list(_pairs([_single(str(op), arg) for op, arg in items]))
    choices += [anchors for op, arg in items if (anchors := _of_item(str(op), arg, frequency)) is not None]
    return min(choices, key=lambda anchors: sum(frequency[a] + 1 for a in anchors), default=None)


def _pairs(singles: list[Anchors | None]) -> Iterator[Anchors]:
    for first, second in pairwise(singles):
        if first and second and len(first) * len(second) <= MOST:
            yield frozenset(a + b for a in first for b in second)


def _single(op: str, arg: Any) -> Anchors | None:
    if op == "LITERAL":
        return frozenset((chr(arg),))
    return _of_class(arg) if op == "IN" else None


def _of_item(op: str, arg: Any, frequency: Counter[str]) -> Anchors | None:
    if op in ("LITERAL", "IN"):
        return _single(op, arg)
    if op == "BRANCH":
        return _of_branches(arg[1], frequency)
    if op == "SUBPATTERN":
        return _of_sequence(arg[3], frequency)
    if op == "ATOMIC_GROUP":
        return _of_sequence(arg, frequency)
    if op in _REPEATS and arg[0] >= 1:
        return _of_sequence(arg[2], frequency)
    return None  # optional, a look-around, any character: needs nothing


def _of_class(members: list[tuple[Any, Any]]) -> Anchors | None:
    out: set[str] = set()
    for op, arg in members:
        if str(op) == "LITERAL":
            out.add(chr(arg))
        elif str(op) == "RANGE" and arg[1] - arg[0] < MOST:
            out.update(chr(code) for code in range(arg[0], arg[1] + 1))
        else:
            return None
    return frozenset(out)


def _of_branches(branches: list[Any], frequency: Counter[str]) -> Anchors | None:
    union: set[str] = set()
    for branch in branches:
        anchors = _of_sequence(branch, frequency)
        if anchors is None:
            return None
        union |= anchors
    return frozenset(union) if len(union) <= MOST else None


def _slots(first: Codes, second: Codes | int) -> NDArray[np.uint32]:
    mixed = first * np.uint32(0x9E3779B1) + np.asarray(second, np.uint32) * np.uint32(0x85EBCA77)  # odd, as in xxHash
    return (mixed >> np.uint32(14)) % np.uint32(SLOTS)


class AnchorIndex:
    """For several patterns at once: which texts can hold a match of each."""

    def __init__(self, patterns: list[re.Pattern[str]], sample: str) -> None:
        """`sample`: a text in which the chosen anchors shall be rare; it never changes what is found."""
        frequency = Counter(sample) + Counter(a + b for a, b in pairwise(sample))
        self._bits = np.zeros((SLOTS, -(-len(patterns) // WORD)), np.uint64)
        self._always = np.zeros(len(patterns), bool)
        for i, pattern in enumerate(patterns):
            anchors = anchors_of(pattern.pattern, frequency)
            self._always[i] = not anchors
            for anchor in anchors or ():
                codes = np.array([[ord(c)] for c in anchor], np.uint32)
                slot = _slots(codes[0], codes[1] if len(anchor) == 2 else 0)
                self._bits[slot, i // WORD] |= np.uint64(1 << i % WORD)

    def candidates(self, batch: TextBatch) -> list[Ints]:
        """For each pattern the numbers of the texts that may hold a match, ascending."""
        codes = batch.codes
        seen = self._bits[_slots(codes, 0)]
        seen[:-1] |= self._bits[_slots(codes[:-1], codes[1:])]
        each = np.bitwise_or.reduceat(seen, batch.starts[:-1], axis=0) if len(batch) else seen
        everything = np.arange(len(batch))
        return [
            everything if always else np.flatnonzero(each[:, i // WORD] & np.uint64(1 << i % WORD))
            for i, always in enumerate(self._always)
        ]
