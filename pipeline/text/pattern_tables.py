"""What the machine reads: alphabet, rows, sets, and for every class which branches can begin or go on with it.

Made from expressions in half a second for the lexicon, so it is kept in the user's cache folder.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field, fields
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]  # the parser of `re` itself, so that there is no second grammar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.text import pattern_alphabet, pattern_compiler, pattern_prefixes, pattern_program
from pipeline.text.kept_arrays import kept
from pipeline.text.pattern_alphabet import FREE, NOTHING, PatternError, Ranges, alphabet_of, classes_of
from pipeline.text.pattern_compiler import Compiler, check_flags, sets_of
from pipeline.text.pattern_prefixes import TOLD, Needs, Prefix, Prefixes, branches_of, cells
from pipeline.text.pattern_program import LOOK, MATCH, REPEAT, WITH_SET, Program

GOLDEN = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio, odd: Knuth's multiplicative hashing
PAIR_BITS = 18  # of a hashed pair of classes; 32 kB hold a bit for each
_SOURCES = (pattern_alphabet, pattern_compiler, pattern_prefixes, pattern_program)


@dataclass(frozen=True)
class Expressions:
    """What tables are made from. `sources`: name, expression and flags of `re`. `kinds`: sets of characters to be counted,
    apart from each other. `group`: the place of group 1 is wanted. `sample`: text that shows what is common."""

    sources: tuple[tuple[str, str, int], ...]
    kinds: tuple[Ranges, ...]
    group: bool
    sample: str


@dataclass(frozen=True)
class Tables:
    """Arrays only. `tables`: for each class where its slots in `keys` and `values` begin, and their mask; `pairs`: a bit
    for each hash of a pair of classes that has a list; `rows`: eight numbers a row; `sets`: one bit per class. `offsets`:
    per expression how many characters before the place of its prefix a match begins; `lead`: one number, how far
    look-behinds look."""

    classes: NDArray[np.uint16]
    alone: NDArray[np.uint32]
    tables: NDArray[np.uint32]
    pairs: NDArray[np.uint64]
    keys: NDArray[np.uint16]
    values: NDArray[np.uint32]
    lists: NDArray[np.uint32]
    rows: NDArray[np.uint32]
    words: NDArray[np.uint16]
    sets: NDArray[np.uint32]
    kinds: NDArray[np.uint8]
    offsets: NDArray[np.int32]
    lead: NDArray[np.int32]


def load_tables(made_from: Expressions) -> Tables:
    """The tables, kept or made. Raises PatternError naming the expression that `re` or the machine refuses."""
    modules = [Path(str(module.__file__)).read_bytes() for module in (*_SOURCES, sys.modules[__name__])]
    arrays = kept(
        "patterns",
        [*modules, sys.version.encode(), repr(made_from).encode("utf-8", "surrogatepass")],
        [field.name for field in fields(Tables)],
        lambda: vars(make_tables(made_from)),
    )
    return Tables(**arrays)


def make_tables(made_from: Expressions) -> Tables:
    """The tables."""
    named = [(name, _named(name, _parsed, text, flags)) for name, text, flags in made_from.sources]
    sets = [found for _, tree in named for found in sets_of(tree, tree.state.flags)]
    program = Program(alphabet_of([*sets, *made_from.kinds]))
    branches, offsets = _branches(named, program, made_from)
    program.finish()
    lists, edges, size = Lists(), Edges(), program.alphabet.size
    starts = starts_of(branches, program, lists, edges)
    fill_switches(program, lists, edges)
    kinds = np.full(size, len(made_from.kinds), np.uint8)
    for number, kind in enumerate(made_from.kinds):
        kinds[classes_of(program.alphabet.mask(kind))] = number
    return Tables(
        program.alphabet.classes, np.array(starts.alone, np.uint32), np.array(starts.tables, np.uint32).ravel(),
        _pair_bits(starts.pairs), np.array(edges.keys, np.uint16), np.array(edges.values, np.uint32),
        np.array(lists.flat, np.uint32), _rows(program), np.array(program.words, np.uint16), _bits(program), kinds,
        np.array(offsets, np.int32), np.array([program.lead], np.int32),
    )  # fmt: skip


def _named(name: str, work: Any, *arguments: Any) -> Any:
    try:
        return work(*arguments)
    except (PatternError, re.error, OverflowError) as error:
        raise PatternError(f"{name}: {error}") from error
    except RecursionError:
        raise PatternError(f"{name}: nested too deep") from None


def _parsed(text: str, flags: int) -> Any:
    tree = _parser.parse(text, flags)
    check_flags(tree.state.flags)
    if not tree.getwidth()[0]:
        raise PatternError("it matches the empty string; let it match at least one character")
    return tree


def _branches(named: list[tuple[str, Any]], program: Program, made_from: Expressions) -> tuple[list[Branch], list[int]]:
    """Every branch, its rows written into the program; and per expression behind how many characters its prefixes stand."""
    alphabet = program.alphabet
    codes = np.frombuffer(made_from.sample.encode("utf-32-le", "surrogatepass"), np.uint32)
    weights = np.bincount(alphabet.classes[codes], minlength=alphabet.size).astype(np.float64) + 1
    prefixes, needs, found, offsets = Prefixes(program), Needs(alphabet, weights), [], []
    for number, (name, tree) in enumerate(named):
        parts = branches_of(tree)
        rows = _named(name, _compiled, tree, parts, program, made_from.group)
        offset, strings = _best(prefixes, rows)
        offsets.append(offset)
        needed = [needs.of(part, tree.state.flags, offset + TOLD + 1) for part in parts]
        found += [Branch(number, *rest) for rest in zip(rows, strings, needed, strict=True)]
    return found, offsets


def _compiled(tree: Any, branches: list[Any], program: Program, group: bool) -> list[int]:
    """The first row of each branch of an expression."""
    compiler = Compiler(program, tree.state.flags, group, begun=len(program.rows))
    end = program.add(MATCH, 0)
    return [compiler.sequence(branch, end) for branch in branches]


def _best(prefixes: Prefixes, rows: list[int]) -> tuple[int, list[list[Prefix]]]:
    """Behind how many characters the branches of an expression are best told, and their prefixes there."""
    anywhere: list[Prefix] = [((), prefixes.program.anything)]
    at_first = [prefixes.of(row, 0) or anywhere for row in rows]
    if anywhere in at_first:
        behind = [prefixes.of(row, 1) or anywhere for row in rows]
        if anywhere not in behind:
            return 1, behind
    return 0, at_first


@dataclass(frozen=True)
class Branch:
    """A branch of an expression: its first row, its prefixes, and what it needs behind them."""

    expression: int
    row: int
    prefixes: list[Prefix]
    needs: tuple[int, ...]


@dataclass
class Lists:
    """Lists of numbers above 0, ended by 0, each kept once; the empty one stands at 0."""

    flat: list[int] = field(default_factory=lambda: [0])
    _at: dict[tuple[int, ...], int] = field(default_factory=lambda: {(): 0})

    def place(self, numbers: tuple[int, ...]) -> int:
        """Where the list begins."""
        if numbers not in self._at:
            self._at[numbers] = len(self.flat)
            self.flat += [*numbers, 0]
        return self._at[numbers]


@dataclass
class Edges:
    """Small hash tables side by side, one per owner: class -> place of a list. `keys` and `values` are their slots, a
    power of two per table, at most half of them used; 0xFFFF is a free one."""

    keys: list[int] = field(default_factory=list)
    values: list[int] = field(default_factory=list)

    def table(self, found: dict[int, int]) -> tuple[int, int]:
        """The table of these edges: where it begins, and the mask of its slots."""
        begin, size = len(self.keys), 1 << (2 * len(found)).bit_length() if found else 1
        keys, values = [FREE] * size, [0] * size
        for cls, value in found.items():
            slot = cls & size - 1
            while keys[slot] != FREE:
                slot = slot + 1 & size - 1
            keys[slot], values[slot] = cls, value
        self.keys += keys
        self.values += values
        return begin, size - 1


@dataclass(frozen=True)
class Starts:
    """Per class: the list of the branches that begin with it whatever follows, and the table of those that ask what
    does. A list holds four numbers for each branch, by expression and preference: expression + 1, row, the list of what
    it needs, and what may stand third: 0 for anything, a class, or the number of classes + that of a set."""

    alone: list[int]
    tables: list[tuple[int, int]]
    pairs: list[int]  # every pair of classes that has a list, as first * size + second


def starts_of(branches: list[Branch], program: Program, lists: Lists, edges: Edges) -> Starts:
    """Where which branches can begin."""
    size = program.alphabet.size
    begun: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
    for number, branch in enumerate(branches):
        for string, then in branch.prefixes:
            begun[string][number] = then

    def third(mask: int) -> int:
        if mask == program.anything:
            return 0
        return mask.bit_length() - 1 if mask.bit_count() == 1 and mask != NOTHING else size + program.number(mask)

    def place(*strings: tuple[int, ...]) -> int:
        every = {number: then for string in strings for number, then in begun.get(string, {}).items()}
        chosen = [(branches[number], third(every[number])) for number in sorted(every)]
        return lists.place(
            tuple(x for b, then in chosen for x in (b.expression + 1, b.row, lists.place(b.needs), then))
        )

    second: dict[int, dict[int, int]] = defaultdict(dict)
    for string in begun:
        if len(string) == TOLD:
            second[string[0]][string[1]] = place((), string[:1], string)
    tables = [edges.table(second[cls]) for cls in range(size)]
    pairs = [first * size + cls for first, found in second.items() for cls in found]
    return Starts([place((), (cls,)) for cls in range(size)], tables, pairs)


def fill_switches(program: Program, lists: Lists, edges: Edges) -> None:
    """Give every SWITCH row the table of its lists of rows, by class, and the list for all other classes."""
    for at, branches in program.branches.items():
        found = cells([(branch, program.first(branch)) for branch in branches], program.anything)
        usual = max(found, key=lambda cell: cell[0].bit_count())
        others = {cls: lists.place(tuple(rows)) for mask, rows in found if mask != usual[0] for cls in classes_of(mask)}
        program.rows[at][2:5] = *edges.table(others), lists.place(tuple(usual[1]))


def _pair_bits(pairs: list[int]) -> NDArray[np.uint64]:
    """A bit for every pair of classes with which something begins, at the place to which it is hashed."""
    bits = np.zeros(1 << PAIR_BITS, np.uint8)
    bits[(np.array(pairs, np.uint64) * np.uint64(GOLDEN)) >> np.uint64(64 - PAIR_BITS)] = 1
    return np.packbits(bits, bitorder="little").view(np.uint64)


def _width(program: Program) -> int:
    return program.alphabet.size // 32 + 1


def _bits(program: Program) -> NDArray[np.uint32]:
    """The sets one behind the other, one bit per class."""
    data = b"".join(mask.to_bytes(4 * _width(program), "little") for mask in program.masks)
    return np.frombuffer(data, np.uint32).copy()


def _rows(program: Program) -> NDArray[np.uint32]:
    """The rows, eight numbers each; sets by the place of their bits."""
    rows = np.zeros((len(program.rows), 8), np.int64)
    rows[:, :6] = program.rows
    rows[np.isin(rows[:, 0], WITH_SET), 2] *= _width(program)
    rows[np.isin(rows[:, 0], (REPEAT, LOOK)), 5] *= _width(program)
    return rows.astype(np.uint32).ravel()
