"""Programs of a small backtracking machine: a graph of rows of six numbers, written by pattern_compiler.

A row holds what to do, the row that follows, and up to four operands. Everything a character can decide early is decided
beforehand: for every row the classes with which a match can go on from it (`first`), and from these, for every choice, the
branches worth trying at a class. The machine itself (pattern_kernel) tries branches in the order in which `re` would.

    row         operands
    MATCH
    SET         set
    WORD        where its classes begin in `words`, how many
    REPEAT      set, least, most, set of `first` behind it; greedy, as are
    POSSESSIVE  set, least, most; nothing is given back
    LAZY        set, least, most
    SWITCH      its hash table of lists of rows by class, the mask of that table, the list for all other classes
    CHECK       set, how far back, whether negated: a look-around of one character
    LOOK        its body, how far back, whether negated, set of `first` of the body
    ATOMIC      its body
    DONE        ends a body
    GROUP       0 where group 1 begins, 1 where it ends
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.text.pattern_alphabet import Alphabet

MATCH, SET, WORD, REPEAT, POSSESSIVE, LAZY, SWITCH, CHECK, LOOK, ATOMIC, DONE, GROUP = range(12)
WITH_SET = (SET, REPEAT, LAZY, POSSESSIVE, CHECK)  # rows whose first operand is a set


@dataclass
class Program:
    """The rows of all expressions; `branches` of the SWITCH rows in order of preference; the masks of all sets."""

    alphabet: Alphabet
    rows: list[list[int]] = field(default_factory=list)
    words: list[int] = field(default_factory=list)  # the classes of all literal strings, one behind the other
    branches: dict[int, list[int]] = field(default_factory=dict)
    sets: dict[int, int] = field(default_factory=dict)  # mask -> number
    masks: list[int] = field(default_factory=list)  # of the sets, by number
    firsts: dict[int, int] = field(default_factory=dict)
    lead: int = 1  # how far look-behinds look at most

    def __post_init__(self) -> None:
        self.add(MATCH, 0)  # row 0 ends lists of rows; nothing leads to it

    @property
    def anything(self) -> int:
        """The mask of all classes, that of "no character" among them."""
        return (1 << self.alphabet.size) - 1

    def add(self, op: int, then: int, *operands: int) -> int:
        """A row; its number."""
        self.rows.append([op, then, *operands, *[0] * (4 - len(operands))])
        return len(self.rows) - 1

    def number(self, mask: int) -> int:
        """The number of a set."""
        if mask not in self.sets:
            self.sets[mask] = len(self.sets)
            self.masks.append(mask)
        return self.sets[mask]

    def switch(self, branches: list[int]) -> int:
        """A choice between rows, the preferred first."""
        at = self.add(SWITCH, 0)
        self.branches[at] = branches
        return at

    def finish(self) -> None:
        """Tell repeats with which classes a match can go on behind them, and look-arounds with which theirs can begin."""
        for row in self.rows:
            if row[0] in (REPEAT, LOOK):
                row[5] = self.number(self.first(row[1] if row[0] == REPEAT else row[2]))

    def first(self, at: int) -> int:
        """The classes at which a match can go on from row `at`; a superset, for look-arounds are judged by one character."""
        if at not in self.firsts:
            self.firsts[at] = self._first(at)
        return self.firsts[at]

    def _first(self, at: int) -> int:
        op, then, a, b, negated, _ = self.rows[at]
        if op in (MATCH, DONE):  # what follows an atomic group shall not choose what it matches
            return self.anything
        if op == SWITCH:
            mask = 0
            for branch in self.branches[at]:
                mask |= self.first(branch)
            return mask
        if op in (SET, WORD):
            return self.masks[a] if op == SET else 1 << self.words[a]
        if op in (REPEAT, LAZY, POSSESSIVE):
            return self.masks[a] | (0 if b else self.first(then))
        behind = self.first(a if op == ATOMIC else then)
        if op == CHECK and not b:
            return behind & (~self.masks[a] if negated else self.masks[a])
        return behind & self.first(a) if op == LOOK and not b and not negated else behind
