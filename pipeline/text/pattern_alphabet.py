"""The characters a set of regular expressions tells apart: every code point belongs to one of some thousand classes.

Two code points that every literal and every set of every expression treats alike share a class, so that a set is one bit
per class and testing a character one lookup. Sets are kept as ranges of code points, and as masks over classes: Python
integers whose bit k speaks for class k. Class 0 stands for "no character here": before the first and behind the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.text.codepoints import Ints

Ranges = tuple[tuple[int, int], ...]  # half-open, ascending, apart
LIMIT = 0x110000
NOTHING = 1  # the mask of class 0
FREE = 0xFFFF  # no class: marks a free slot of a table of classes
_CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}


class PatternError(ValueError):
    """What an expression asks and the machine does not know."""


def literal(code: int) -> Ranges:
    """The set of one character."""
    return ((code, code + 1),)


def union(parts: Iterable[tuple[int, int]]) -> Ranges:
    """The ranges as one set."""
    out: list[tuple[int, int]] = []
    for low, high in sorted(parts):
        if out and low <= out[-1][1]:
            out[-1] = (out[-1][0], max(high, out[-1][1]))
        else:
            out.append((low, high))
    return tuple(out)


def complement(ranges: Ranges) -> Ranges:
    """Every code point outside the set."""
    bounds = [0, *(bound for pair in ranges for bound in pair), LIMIT]
    return tuple((low, high) for low, high in zip(bounds[::2], bounds[1::2], strict=True) if low < high)


@lru_cache(maxsize=8)
def category(name: str) -> Ranges:
    r"""The characters of a category as `re` spells it: CATEGORY_DIGIT, CATEGORY_NOT_WORD, ..."""
    kind = name.removeprefix("CATEGORY_").removeprefix("UNI_")
    if kind.startswith("NOT_"):
        return complement(category(kind.removeprefix("NOT_")))
    every = np.arange(LIMIT, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    return tuple(match.span() for match in re.finditer(f"{_CATEGORIES[kind]}+", every))


def members(parts: list[tuple[Any, Any]]) -> Ranges:
    """The set that `re` parsed as IN: literals, ranges, categories, perhaps negated."""
    inside: list[tuple[int, int]] = []
    negated = False
    for op, arg in parts:
        if str(op) == "LITERAL":
            inside += literal(arg)
        elif str(op) == "RANGE":
            inside.append((arg[0], arg[1] + 1))
        elif str(op) == "CATEGORY":
            inside += category(str(arg))
        else:
            negated = True
    return complement(union(inside)) if negated else union(inside)


@dataclass(frozen=True)
class Alphabet:
    """`classes` holds the class of every code point; `edges` and `of_segment` the same as runs of code points."""

    classes: NDArray[np.uint16]
    edges: Ints
    of_segment: Ints
    size: int  # classes, that of "no character" among them

    def mask(self, ranges: Ranges) -> int:
        """The classes of a set that the alphabet was made for."""
        if _alone(ranges):
            return 1 << int(self.classes[ranges[0][0]])
        inside = np.zeros(self.size, bool)
        for low, high in np.searchsorted(self.edges, np.array(ranges, np.int64).reshape(-1, 2)):
            inside[self.of_segment[low:high]] = True
        return int.from_bytes(np.packbits(inside, bitorder="little").tobytes(), "little")


def _alone(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][1] - ranges[0][0] == 1


def alphabet_of(sets: Iterable[Ranges]) -> Alphabet:
    """The coarsest alphabet in which every one of the sets is a set of classes. Raises PatternError beyond 65,534 classes."""
    distinct = dict.fromkeys(sets)
    edges = np.array(sorted({0, LIMIT, *(bound for ranges in distinct for pair in ranges for bound in pair)}), np.int64)
    several = [ranges for ranges in distinct if not _alone(ranges)]
    inside = np.zeros((len(edges) - 1, len(several)), bool)
    for column, ranges in enumerate(several):
        for low, high in np.searchsorted(edges, np.array(ranges, np.int64).reshape(-1, 2)):
            inside[low:high, column] = True
    which = np.zeros(len(edges) - 1, np.uint32)  # a character that is a set by itself is a class by itself
    alone = np.searchsorted(edges, [ranges[0][0] for ranges in distinct if _alone(ranges)])
    which[alone] = np.arange(1, len(alone) + 1)
    rows = np.concatenate([which.view(np.uint8).reshape(-1, 4), np.packbits(inside, axis=1)], axis=1)
    _, of_segment = np.unique(np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel(), return_inverse=True)
    size = int(of_segment.max()) + 2
    if size >= FREE:
        raise PatternError(f"{size} kinds of characters; fewer than {FREE}")
    classes = np.repeat((of_segment + 1).astype(np.uint16), np.diff(edges))
    return Alphabet(classes, edges, of_segment.astype(np.int64) + 1, size)


def classes_of(mask: int) -> list[int]:
    """The classes in a mask, ascending."""
    if mask.bit_count() < 8:  # most are one class
        found = []
        while mask:
            found.append(mask.bit_length() - 1)
            mask ^= 1 << found[-1]
        return found[::-1]
    data = np.frombuffer(mask.to_bytes(mask.bit_length() // 8 + 1, "little"), np.uint8)
    several: list[int] = np.flatnonzero(np.unpackbits(data, bitorder="little")).tolist()
    return several
