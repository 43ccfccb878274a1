"""Regular expressions to programs, from the tree that the parser of `re` makes, so that there is no second grammar.

Counted repeats of more than one character are written out; anchors become checks of the characters beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from re import RegexFlag
from typing import Any

from pipeline.text.pattern_alphabet import (
    NOTHING,
    PatternError,
    Ranges,
    category,
    complement,
    literal,
    members,
)
from pipeline.text.pattern_program import (
    ATOMIC,
    CHECK,
    DONE,
    GROUP,
    LAZY,
    LOOK,
    POSSESSIVE,
    REPEAT,
    SET,
    WORD,
    Program,
)

NEWLINE, WORD_CHARACTER = literal(0x0A), "CATEGORY_WORD"
MOST_ROWS = 20_000  # of one expression; a counted repeat of a long body, nested, would fill the memory
ENDLESS = 1 << 30  # "no upper bound" of a repeat
REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_FLAGS = RegexFlag.UNICODE | RegexFlag.VERBOSE | RegexFlag.DOTALL | RegexFlag.MULTILINE


def single(op: str, arg: Any, flags: int) -> Ranges | None:
    """The set that an item of a tree stands for; None for an item that is no single character."""
    if op == "LITERAL":
        return literal(arg)
    if op == "NOT_LITERAL":
        return complement(literal(arg))
    if op == "IN":
        return members(arg)
    if op == "ANY":
        return complement(() if flags & RegexFlag.DOTALL else NEWLINE)
    return None


def sets_of(tree: Any, flags: int) -> list[Ranges]:
    """Every set of characters that a program of this tree will ask for."""
    found: list[Ranges] = []
    for code, arg in tree:
        op = str(code)
        one = single(op, arg, flags)
        if one is not None:
            found.append(one)
        elif op == "AT":
            found += [category(WORD_CHARACTER)] if "BOUNDARY" in str(arg) else [NEWLINE]
        for below in _below(op, arg):
            found += sets_of(below, flags)
    return found


def _below(op: str, arg: Any) -> list[Any]:
    if op == "BRANCH":
        return list(arg[1])
    if op == "SUBPATTERN":
        return [arg[3]]
    if op in REPEATS:
        return [arg[2]]
    if op in ("ASSERT", "ASSERT_NOT"):
        return [arg[1]]
    return [arg] if op == "ATOMIC_GROUP" else []


def check_flags(flags: int, *, mended: bool = False) -> None:
    """Raises PatternError where an expression asks for flags that change what a character matches."""
    if flags & ~_FLAGS or mended:
        raise PatternError("a flag; no flags but (?s), (?m), (?x) for a whole expression; write both cases out")


@dataclass
class Compiler:
    """Writes one expression into a program. Rows are made from the end: each knows the row that follows it."""

    program: Program
    flags: int
    group: bool  # whether the place of group 1 is wanted
    inside: int = 0  # how many repeats and look-arounds stand around the item at hand
    behind: int = 0  # how far the look-behinds around it have gone back
    begun: int = 0  # rows before this expression

    def sequence(self, items: Any, then: int) -> int:
        """The rows of a sequence that goes on at `then`; the number of the first."""
        run: list[int] = []
        for code, arg in reversed(list(items)):
            if str(code) == "LITERAL":
                run.append(arg)
                continue
            then = self.item(str(code), arg, self.word(run, then))
            run = []
        return self.word(run, then)

    def word(self, backwards: list[int], then: int) -> int:
        """The rows of a literal string, given from its end."""
        program = self.program
        classes = [int(program.alphabet.classes[code]) for code in reversed(backwards)]
        if len(classes) < 2:
            return program.add(SET, then, program.number(1 << classes[0])) if classes else then
        program.words += classes
        return program.add(WORD, then, len(program.words) - len(classes), len(classes))

    def item(self, op: str, arg: Any, then: int) -> int:
        """The rows of one item. Raises PatternError."""
        program = self.program
        if len(program.rows) - self.begun > MOST_ROWS:
            raise PatternError(f"more than {MOST_ROWS} rows; repeat fewer times, or fewer characters")
        one = single(op, arg, self.flags)
        if one is not None:
            return program.add(SET, then, self.set(one))
        if op not in _MAKERS:
            raise PatternError(_UNKNOWN.get(op, op.lower()))
        return _MAKERS[op](self, arg, then)

    def set(self, ranges: Ranges) -> int:
        """The number of a set of characters."""
        return self.program.number(self.program.alphabet.mask(ranges))

    def subpattern(self, group: int | None, added: int, removed: int, body: Any, *, then: int) -> int:
        """A group; where group 1 is wanted, its two ends as rows."""
        check_flags(0, mended=bool(added or removed))
        if not self.group or group != 1:
            return self.sequence(body, then)
        if self.inside:
            raise PatternError("group 1 inside a repeat or look-around; write (?:...)")
        return self.program.add(GROUP, self.sequence(body, self.program.add(GROUP, then, 1)), 0)

    def within(self, body: Any, then: int) -> int:
        """The rows of a body that may be run more than once or not at all."""
        self.inside += 1
        start = self.sequence(body, then)
        self.inside -= 1
        return start

    def repeat(self, kind: int, low: int, high: Any, body: Any, *, then: int) -> int:
        """A repeat: one row if its body is one character, else its body as often as it may stand."""
        program, most = self.program, ENDLESS if str(high) == "MAXREPEAT" else int(high)
        one = single(str(body[0][0]), body[0][1], self.flags) if len(body) == 1 else None
        if one is not None:
            return program.add(kind, then, self.set(one), low, most) if most else then
        if kind == POSSESSIVE:  # `re` of Python 3.11.7 passes over matches of these
            raise PatternError("a possessive repeat of a group; write (?>(?:...)*)")
        if most > 1 and most != low and body.getwidth()[0] == 0:
            raise PatternError("a repeat of what can be empty; make its body match at least one character")
        start = then
        if most == ENDLESS:
            start = program.switch([])
            self.choose(kind, start, self.within(body, start), then)
        for _ in range(0 if most == ENDLESS else most - low):
            again, start = self.within(body, start), program.switch([])
            self.choose(kind, start, again, then)
        for _ in range(low):
            start = self.within(body, start)
        return start

    def choose(self, kind: int, switch: int, again: int, then: int) -> None:
        """What a repeat prefers: once more, or to go on."""
        self.program.branches[switch] = [again, then] if kind == REPEAT else [then, again]

    def look(self, direction: int, body: Any, *, negated: bool, then: int) -> int:
        """A look-ahead or look-behind; of a single character it is one row."""
        low, high = body.getwidth()
        if direction < 0 and low != high:
            raise PatternError("a look-behind of variable width")
        back = low if direction < 0 else 0
        one = single(str(body[0][0]), body[0][1], self.flags) if len(body) == 1 else None
        if one is not None:
            self.program.lead = max(self.program.lead, self.behind + back)
            return self.program.add(CHECK, then, self.set(one), back, negated)
        self.behind += back
        self.program.lead = max(self.program.lead, self.behind)
        start = self.within(body, self.program.add(DONE, 0))
        self.behind -= back
        return self.program.add(LOOK, then, start, back, negated)

    def atomic(self, body: Any, then: int) -> int:
        """A group whose first match stands."""
        return self.program.add(ATOMIC, then, self.within(body, self.program.add(DONE, then)))

    def place(self, where: str, then: int) -> int:
        """An anchor, as checks of the characters beside it."""
        program, nothing = self.program, self.program.number(NOTHING)
        if "BOUNDARY" in where:
            return self.boundary("NON_BOUNDARY" in where, then)
        back = int("BEGINNING" in where)
        if self.flags & RegexFlag.MULTILINE and not where.endswith("STRING"):
            return program.add(CHECK, then, program.number(NOTHING | self.newline()), back, 0)
        alone = program.add(CHECK, then, nothing, back, 0)
        if where != "AT_END":
            return alone
        last = program.add(SET, program.add(CHECK, program.add(DONE, 0), nothing, 0, 0), program.number(self.newline()))
        return program.switch([alone, program.add(LOOK, then, last, 0, 0)])

    def newline(self) -> int:
        """The mask of the line feed."""
        return self.program.alphabet.mask(NEWLINE)

    def boundary(self, same: bool, then: int) -> int:
        """A border between a word and what is none; if `same`, no such border."""
        program, word = self.program, self.program.number(self.program.alphabet.mask(category(WORD_CHARACTER)))
        branches = []
        for before in (0, 1):
            ahead = program.add(CHECK, then, word, 0, before if same else 1 - before)
            branches.append(program.add(CHECK, ahead, word, 1, before))
        return program.switch(branches)


_MAKERS: dict[str, Callable[[Compiler, Any, int], int]] = {
    "BRANCH": lambda c, arg, then: c.program.switch([c.sequence(branch, then) for branch in arg[1]]),
    "SUBPATTERN": lambda c, arg, then: c.subpattern(*arg, then=then),
    "ASSERT": lambda c, arg, then: c.look(*arg, negated=False, then=then),
    "ASSERT_NOT": lambda c, arg, then: c.look(*arg, negated=True, then=then),
    "ATOMIC_GROUP": lambda c, arg, then: c.atomic(arg, then),
    "AT": lambda c, arg, then: c.place(str(arg), then),
    "FAILURE": lambda c, *_: c.program.switch([]),
    "MAX_REPEAT": lambda c, arg, then: c.repeat(REPEAT, *arg, then=then),
    "MIN_REPEAT": lambda c, arg, then: c.repeat(LAZY, *arg, then=then),
    "POSSESSIVE_REPEAT": lambda c, arg, then: c.repeat(POSSESSIVE, *arg, then=then),
}
_UNKNOWN = {"GROUPREF": "a reference to a group", "GROUPREF_EXISTS": "a condition"}
