"""Many regular expressions over many texts at once: what `re` finds, text by text, at machine speed and without the GIL.

Expressions are those of `re` without references to groups, conditions, case folding, and repeats of what can be empty;
what is not understood is refused at once. Every match is the one that `pattern.finditer(joined, starts[i], starts[i + 1])`
finds: look-behinds see what stands before a text, a text's SEPARATOR is its last character, and `$` stands behind it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.text.codepoints import Ints, TextBatch
from pipeline.text.pattern_alphabet import Ranges
from pipeline.text.pattern_kernel import scan
from pipeline.text.pattern_tables import Expressions, load_tables, make_tables

Counts = NDArray[np.int32]
# Choices taken back for one place, and choices open at once, before `re` goes on with a text in the machine's stead.
PATIENCE, DEPTH = 1 << 20, 1 << 15


@dataclass(frozen=True)
class Matches:
    """Half-open spans in a batch's `joined`, by expression and place; the span of group 1, or -1 where it took no part."""

    starts: Ints
    ends: Ints
    number: Ints
    group_starts: Ints
    group_ends: Ints


@dataclass(frozen=True)
class Found:
    """Matches, matches per text and expression, characters per text and kind; empty what was not asked for."""

    matches: Matches
    counts: Counts
    kinds: Counts


class Patterns:
    """Expressions compiled together. It never changes, and may be used by several threads at once."""

    def __init__(
        self,
        expressions: Sequence[tuple[str, str | re.Pattern[str]]],
        *,
        kinds: tuple[Ranges, ...] = (),
        group: bool = False,
        sample: str = "",
        keep: bool = False,
    ) -> None:
        """expressions: names and expressions, none of which matches the empty string. kinds: sets of characters, apart
        from each other, to be counted beside. group: matches tell the place of group 1. sample: text that shows which
        characters are common; it changes the speed and never the matches. keep: whether the user's cache folder keeps the
        tables, for expressions that many runs use.

        Raises PatternError, a ValueError, naming the expression that `re` or the machine refuses.
        """
        sources = [
            (name, text, 0) if isinstance(text, str) else (name, text.pattern, text.flags) for name, text in expressions
        ]
        self.made_from = Expressions(tuple(sources), kinds, group, sample)
        self.tables = load_tables(self.made_from) if keep else make_tables(self.made_from)

    def __len__(self) -> int:
        return len(self.made_from.sources)

    @cached_property
    def compiled(self) -> list[re.Pattern[str]]:
        """The expressions as `re` compiles them; needed only where the machine gives up."""
        return [re.compile(text, flags) for _, text, flags in self.made_from.sources]

    def find(self, batch: TextBatch, wanted: list[int] | None = None) -> Matches:
        """Every match of the expressions (those numbered in `wanted`, if given)."""
        return self.scan(batch, wanted, matches=True).matches

    def scan(
        self,
        batch: TextBatch,
        wanted: list[int] | None = None,
        *,
        matches: bool = False,
        counts: bool = False,
        kinds: bool = False,
    ) -> Found:
        """In one pass whatever is asked for."""
        active = self.tables.offsets
        if wanted is not None:
            active = np.full(len(self), -1, np.int32)
            active[wanted] = self.tables.offsets[wanted]
        times = np.zeros((len(batch) if counts else 0, len(self)), np.int32)
        forms = np.zeros((len(batch) if kinds else 0, len(self.made_from.kinds) + 1), np.int32)
        hits, given_up = self._run(batch, active, times, forms, matches)
        if len(given_up):
            rest = self._by_re(batch, given_up)
            if matches:
                hits = np.concatenate([hits, rest])
                hits = hits[np.argsort(hits[:, 0], kind="stable")]
            if counts:
                np.add.at(times, (batch.row_of(rest[:, 0]), rest[:, 2]), 1)
        # A pass goes from place to place; small numbers are sorted by radix.
        hits = hits[np.argsort(hits[:, 2].astype(np.min_scalar_type(len(self))), kind="stable")]
        return Found(Matches(*np.ascontiguousarray(hits.T)), times, forms[:, :-1])

    def _run(self, batch: TextBatch, active: Counts, times: Counts, forms: Counts, matches: bool) -> tuple[Ints, Ints]:
        """The machine over the batch: matches, and where it gave up."""
        codes, starts = np.require(batch.codes, np.uint32, ["C", "W"]), np.require(batch.starts, np.int64, ["C", "W"])
        tables, lead = self.tables, int(self.tables.lead[0])
        longest = lead + int(np.diff(starts).max(initial=0)) + 2
        text, places = np.empty(longest, np.uint16), np.empty(longest, np.uint32)
        seen, free = np.full(len(tables.alone), -1, np.int64), np.zeros(len(self), np.int64)
        stack = np.empty(3 * DEPTH, np.uint32)
        hits = np.empty((len(codes) // 16 + 64 if matches else 0, 5), np.int64)
        given_up, found, row = np.empty((len(self) + 1, 3), np.int64), np.zeros(2, np.int64), 0
        while True:
            row = scan(
                codes, starts, row, tables.classes, tables.alone, tables.tables, tables.pairs, tables.keys,
                tables.values, tables.lists, tables.rows, tables.words, tables.sets, active, tables.kinds, lead, PATIENCE,
                text, places, seen, stack, free, times, forms, hits, given_up, found,
            )  # fmt: skip
            if row == len(batch):
                return hits[: found[0]], given_up[: found[1]]
            hits, given_up = (np.concatenate([array, np.empty_like(array)]) for array in (hits, given_up))

    def _by_re(self, batch: TextBatch, given_up: Ints) -> Ints:
        """The matches that `re` finds from where the machine gave up; a loop over such places, which honest texts lack."""
        found = []
        for row, number, start in given_up.tolist():
            for match in self.compiled[number].finditer(batch.joined, start, int(batch.starts[row + 1])):
                group = match.span(1) if self.made_from.group and match.re.groups else (-1, -1)
                found.append((*match.span(), number, *group))
        return np.array(found, np.int64).reshape(-1, 5)
