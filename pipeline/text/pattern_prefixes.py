"""What can be known of a match beforehand: its first two characters, and characters that must follow.

An expression that is a choice at its top is taken apart: each branch has a program of its own, and only those are run at a
place whose first two characters stand there, in their order, if the third can follow them and the text goes on to hold a
class that the rest of the branch needs. Of the 62 characters of a short post (the mean of 6,000) this leaves 35 branches by
two characters, 23 by three, and 8 that have what they need; 3 match.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.text.pattern_alphabet import Alphabet, classes_of
from pipeline.text.pattern_compiler import REPEATS, single
from pipeline.text.pattern_program import (
    ATOMIC,
    CHECK,
    LAZY,
    LOOK,
    MATCH,
    POSSESSIVE,
    REPEAT,
    SET,
    SWITCH,
    WORD,
    Program,
)

TOLD = 2  # characters by which beginnings are told
WIDE = 50  # classes; a larger set at the first place tells too little (letters, digits and - are 37)
NEEDED = 32  # classes; to look for more takes longer than to run the branch
_TAKING = (SET, WORD, REPEAT, LAZY, POSSESSIVE)
_ACCEPT = (-1, 0)

Leaf = tuple[int, int]  # a row that takes a character, and how many it has taken
State = frozenset[tuple[Leaf, int]]  # leaves with the classes each can take
Prefix = tuple[tuple[int, ...], int]  # classes, and the mask of those that may follow


def branches_of(tree: Any) -> list[Any]:
    """The alternatives of a tree that is a choice at its top, in order of preference; else the tree itself."""
    if len(tree) == 1:
        op, arg = tree[0]
        if str(op) == "BRANCH":
            return [below for branch in arg[1] for below in branches_of(branch)]
        if str(op) == "SUBPATTERN" and arg[0] is None and not arg[1] and not arg[2]:
            return branches_of(arg[3])
    return [tree]


@dataclass
class Prefixes:
    """The first classes of what a program can match; look-aheads of one character count, others are passed over."""

    program: Program
    _known: dict[tuple[State, int], list[Prefix]] = field(default_factory=dict)

    def of(self, start: int, skip: int) -> list[Prefix] | None:
        """The prefixes behind the first `skip` characters of which every match from `start` has one.

        One of less than TOLD classes stands for all that begin so; None if a match may be no longer than what is skipped.
        """
        state = self._state(start)
        for _ in range(skip):
            if any(leaf == _ACCEPT for leaf, _ in state):
                return None
            state = self._after(leaf for leaf, _ in state)
        return self._strings(state, TOLD)

    def _strings(self, state: State, depth: int) -> list[Prefix]:
        key = (state, depth)
        if key not in self._known:
            self._known[key] = self._enumerate(dict(state), depth)
        return self._known[key]

    def _enumerate(self, state: dict[Leaf, int], depth: int) -> list[Prefix]:
        every = 0
        for mask in state.values():
            every |= mask
        if _ACCEPT in state or (depth and every.bit_count() > WIDE):
            return [((), self.program.anything)]
        if not depth:
            return [((), every)]
        found = []
        for mask, leaves in cells(list(state.items()), every):
            below = self._strings(self._after(leaves), depth - 1)
            found += [((first, *rest), then) for first in classes_of(mask) for rest, then in below]
        return found

    def _state(self, at: int) -> State:
        out: dict[Leaf, int] = {}
        self._close(at, self.program.anything, out)
        return frozenset(out.items())

    def _after(self, leaves: Iterable[Leaf]) -> State:
        """What can be taken once one of these leaves has taken a character."""
        out: dict[Leaf, int] = {}
        for at, taken in leaves:
            op, then, _, length, *_ = self.program.rows[at]
            if op == SET or (op == WORD and taken + 1 == length):
                self._close(then, self.program.anything, out)
            else:
                self._leaf(at, taken + 1, self.program.anything, out)
        return frozenset(out.items())

    def _leaf(self, at: int, taken: int, mask: int, out: dict[Leaf, int]) -> None:
        op, then, a, low, high, _ = self.program.rows[at]
        takes = 1 << self.program.words[a + taken] if op == WORD else self.program.masks[a]
        if op in (REPEAT, LAZY, POSSESSIVE):
            if taken >= low:
                self._close(then, mask, out)
            takes = takes if taken < high else 0
        if takes & mask:
            out[at, taken] = out.get((at, taken), 0) | takes & mask

    def _close(self, at: int, mask: int, out: dict[Leaf, int]) -> None:
        program = self.program
        op, then, a, back, negated, _ = program.rows[at]
        if op == MATCH:
            out[_ACCEPT] = mask
        elif op == SWITCH:
            for branch in program.branches[at]:
                self._close(branch, mask, out)
        elif op in _TAKING:
            self._leaf(at, 0, mask, out)
        elif op == CHECK and not back:
            self._close(then, mask & (~program.masks[a] if negated else program.masks[a]), out)
        elif op == LOOK and not back and not negated:
            self._close(then, mask & program.first(a), out)
        else:
            self._close(a if op == ATOMIC else then, mask, out)


def cells(parts: list[tuple[Any, int]], every: int) -> list[tuple[int, list[Any]]]:
    """`every` cut into masks whose classes lie in the same parts; with each the names of those parts, in order."""
    out: list[tuple[int, list[Any]]] = [(every, [])]
    for name, mask in parts:
        cut = []
        for cell, names in out:
            if cell & mask:
                cut.append((cell & mask, [*names, name]))
            if cell & ~mask:
                cut.append((cell & ~mask, names))
        out = cut
    return out


@dataclass(frozen=True)
class Needs:
    """What every match of a sequence holds. `weights`: per class how common it is, by which the rarest choice is made."""

    alphabet: Alphabet
    weights: NDArray[np.float64]
    _known: dict[int, float] = field(default_factory=dict)

    def of(self, items: Any, flags: int, certain: int) -> tuple[int, ...]:
        """Classes one of which every match holds behind its first `certain` characters; none if there is no such choice."""
        mask = self._sequence(items, flags, certain)
        return tuple(classes_of(mask)) if mask else ()

    def _weight(self, mask: int) -> float:
        if mask not in self._known:
            self._known[mask] = float(self.weights[classes_of(mask)].sum())
        return self._known[mask]

    def _sequence(self, items: Any, flags: int, certain: int) -> int:
        """The mask of those classes; 0 for none."""
        choices = []
        for code, arg in items:
            mask, width = self._item(str(code), arg, flags, certain)
            certain = max(0, certain - width)
            if mask and mask.bit_count() <= NEEDED:
                choices.append(mask)
        return min(choices, key=self._weight) if len(choices) > 1 else sum(choices)

    def _item(self, op: str, arg: Any, flags: int, certain: int) -> tuple[int, int]:
        """Of one item, and the characters it takes at least."""
        one = single(op, arg, flags)
        if one is not None:
            return 0 if certain else self.alphabet.mask(one), 1
        if op == "BRANCH":
            masks = [self._sequence(branch, flags, certain) for branch in arg[1]]
            every = 0
            for mask in masks:
                every |= mask
            return every if all(masks) else 0, min(branch.getwidth()[0] for branch in arg[1])
        if op in REPEATS:
            low, _, body = arg
            return self._sequence(body, flags, certain) if low else 0, low * body.getwidth()[0]
        if op in ("SUBPATTERN", "ATOMIC_GROUP"):
            body = arg[3] if op == "SUBPATTERN" else arg
            return self._sequence(body, flags, certain), body.getwidth()[0]
        return 0, 0  # a look-around, an anchor
