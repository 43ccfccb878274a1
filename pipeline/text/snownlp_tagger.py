"""SnowNLP's own segmenter as arrays and a kernel: the tags b, m, e, s of each character of a run of Chinese characters.

The model is SnowNLP 0.12.3's `seg.marshal.3`: counts of tagged characters, of pairs and of triples, interpolated (TnT, Brants
2000) over characters instead of words. What the library works out for each character anew is worked out once here, by the same
operations in the same order and `math.log`, so that chances and therefore ties come out the same: a triple's log chance where
the triple was seen, else its pair's, else its last character's.
"""

from __future__ import annotations

import gzip
import marshal
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.text.codepoints import Codes, Ints
from pipeline.text.compiled import kernel
from pipeline.text.kept_arrays import Arrays, kept
from pipeline.text.ngrams import Small
from pipeline.text.snownlp_table import library_folder

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
FIRST, LAST = 0x4E00, 0x9FA5  # what SnowNLP takes for Chinese
TAGS = ("b", "m", "e", "s")
_CODES = {"BOS": 0} | {tag: i for i, tag in enumerate(TAGS)}
B, M, E, S = range(4)


@dataclass(frozen=True)
class Tagger:
    """Log chances. A character is a number, 0 what stands before a run; one never seen is -1.

    `pairs` are sorted by both characters: those whose first is c are pair_bounds[c]:pair_bounds[c+1], their second
    characters `pair_next`. Of pair p the chances in which it differs from `single` are pair_values[pair_cells[p]:
    pair_cells[p+1]], for the tags 4 * first + second of pair_tags. Triples likewise, by their pair; tags 16, 4, 1.
    """

    numbers: Small  # of each code point from FIRST
    single: Floats  # characters by tags
    pair_bounds: Ints
    pair_next: Small
    pair_cells: Ints
    pair_tags: Bytes
    pair_values: Floats
    triple_bounds: Ints
    triple_next: Small
    triple_cells: Ints
    triple_tags: Bytes
    triple_values: Floats

    @property
    def arrays(self) -> tuple[Any, ...]:
        """All of it, as the kernel takes it."""
        return tuple(getattr(self, name) for name in _NAMES)


_NAMES = list(Tagger.__annotations__)


@lru_cache(maxsize=1)
def tagger() -> Tagger:
    """The model inside the installed snownlp package, from the cache once it was made (half a minute)."""
    trained = library_folder() / "seg" / "seg.marshal.3"
    made_from = [Path(__file__).read_bytes(), trained.read_bytes()]
    return Tagger(**kept("snownlp_tagger", made_from, _NAMES, lambda: _made(trained)))


def _made(trained: Path) -> Arrays:
    with gzip.open(trained) as file:
        model = marshal.loads(file.read())  # noqa: S302 - a file of the installed package, as trusted as its code
    seen = sorted({character for character, _ in model["uni"]["d"] if _is_chinese(character)})
    number = {"": 0} | {character: i for i, character in enumerate(seen, 1)}
    chances = _Chances(model)
    single = np.full((len(number), 4), -np.inf)
    for character, tag in model["uni"]["d"]:
        if character in number and tag in TAGS:
            single[number[character], _CODES[tag]] = _log(chances.single((character, tag)))
    numbers = np.full(LAST - FIRST + 1, -1, np.int32)
    numbers[[ord(character) - FIRST for character in seen]] = np.arange(1, len(seen) + 1)
    pairs = _cells(model["bi"]["d"], number, chances.pair)
    triples = _cells(model["tri"]["d"], number, chances.triple)
    return {"numbers": numbers, "single": single, **_named("pair", pairs, len(number)), **_triples(pairs, triples)}


class _Chances:
    """The library's `log_prob` before its logarithm."""

    def __init__(self, model: dict[str, Any]) -> None:
        self.one, self.two, self.three = (model[name]["d"] for name in ("uni", "bi", "tri"))
        self.total, self.weights = model["uni"]["total"], (model["l1"], model["l2"], model["l3"])

    def single(self, last: Any) -> float:
        """Of a tagged character, whatever stands before it."""
        return float(self.weights[0] * (float(self.one.get(last, 0)) / self.total))

    def pair(self, before: Any, last: Any) -> float:
        """Of a tagged character after another."""
        return self.single(last) + _divided(self.weights[1] * self.two.get((before, last), 0), self.one.get(before, 0))

    def triple(self, first: Any, before: Any, last: Any) -> float:
        """Of a tagged character after two others."""
        seen = self.weights[2] * self.three.get((first, before, last), 0)
        return self.pair(before, last) + _divided(seen, self.two.get((first, before), 0))


def _divided(above: float, below: float) -> float:
    return 0 if below == 0 else float(above) / below


def _log(chance: float) -> float:
    return float("-inf") if chance == 0 else math.log(chance)


def _is_chinese(character: str) -> bool:
    return len(character) == 1 and FIRST <= ord(character) <= LAST


@dataclass(frozen=True)
class _Cells:
    """Seen sequences of tagged characters, sorted: their characters by number, their tags as one number, log chances."""

    characters: Ints
    tags: Ints
    values: Floats

    @property
    def bounds(self) -> Ints:
        """Where each distinct sequence of characters begins, and the end."""
        differs = (self.characters[1:] != self.characters[:-1]).any(axis=1)
        return np.concatenate(([0], np.flatnonzero(differs) + 1, [len(self.tags)])).astype(np.int64)


def _cells(counts: dict[Any, int], number: dict[str, int], chance: Any) -> _Cells:
    inside = [key for key in counts if all(character in number for character, _ in key)]
    characters = np.array([[number[character] for character, _ in key] for key in inside], np.int64)
    tags = np.array([[_CODES[tag] for _, tag in key] for key in inside], np.int64)
    tags = tags @ (4 ** np.arange(tags.shape[1])[::-1])
    order = np.lexsort((tags, *characters.T[::-1]))
    values = np.array([_log(chance(*key)) for key in inside])
    return _Cells(characters[order], tags[order], values[order])


def _named(name: str, cells: _Cells, groups: int, group: Ints | None = None) -> Arrays:
    """The arrays of `cells`, whose sequences stand in `groups` by their first character, or by `group` where given."""
    bounds = cells.bounds
    begins = bounds[:-1]
    group = cells.characters[begins, 0] if group is None else group
    return {
        f"{name}_bounds": np.searchsorted(group, np.arange(groups + 1)),
        f"{name}_next": cells.characters[begins, -1].astype(np.int32), f"{name}_cells": bounds,
        f"{name}_tags": cells.tags.astype(np.uint8), f"{name}_values": cells.values,
    }  # fmt: skip


def _triples(pairs: _Cells, triples: _Cells) -> Arrays:
    """Triples by the number of their pair: every pair that begins a triple was counted, that of two beginnings too."""
    many = int(max(pairs.characters.max(initial=0), triples.characters.max(initial=0))) + 1
    first_two = triples.characters[triples.bounds[:-1], :2] @ [many, 1]
    known = pairs.characters[pairs.bounds[:-1]] @ [many, 1]
    return _named("triple", triples, len(known), np.searchsorted(known, first_two))


@kernel
def _found(keys: Small, low: Any, high: Any, key: Any) -> Any:
    """The place of `key` in the sorted keys[low:high]; -1 for none."""
    end = high
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < end and keys[low] == key else -1


@kernel
def tag_run(
    codes: Codes, start: int, end: int, model: Any, score: Floats, new: Floats, chance: Floats, back: Bytes, tags: Bytes,
) -> None:  # fmt: skip
    """Write to tags[:end-start] the tags of the Chinese run codes[start:end]; score, new: 16, chance: 64, back: 16 a character.

    As the library: states in the order it holds them, the first of equals wins; a character never seen keeps the last of the
    states that it could have come from.
    """
    numbers, single = model[0], model[1]
    pair_bounds, pair_next, pair_cells, pair_tags, pair_values = model[2], model[3], model[4], model[5], model[6]
    triple_bounds, triple_next, triple_cells = model[7], model[8], model[9]
    triple_tags, triple_values = model[10], model[11]
    score[:] = -np.inf
    score[0] = 0.0
    before = np.int64(0)
    pair = np.int64(_found(pair_next, pair_bounds[0], pair_bounds[1], 0))  # two beginnings
    firsts, seconds = 1, 1  # states there are; those that are none have no chance and are never chosen
    for at in range(end - start):
        character = np.int64(numbers[codes[start + at] - FIRST])
        place = 16 * at
        if character < 0:
            for cell in range(16):
                new[cell] = score[4 * (firsts - 1) + (cell >> 2)]
                back[place + cell] = firsts - 1
            pair = np.int64(-1)
        else:
            for cell in range(64):
                chance[cell] = single[character, cell & 3]
            next_pair = np.int64(-1)
            if before >= 0:
                next_pair = _found(pair_next, pair_bounds[before], pair_bounds[before + 1], character)
            if next_pair >= 0:
                for i in range(pair_cells[next_pair], pair_cells[next_pair + 1]):
                    for first in range(4):
                        chance[16 * first + pair_tags[i]] = pair_values[i]
            if pair >= 0:
                triple = _found(triple_next, triple_bounds[pair], triple_bounds[pair + 1], character)
                if triple >= 0:
                    for i in range(triple_cells[triple], triple_cells[triple + 1]):
                        chance[triple_tags[i]] = triple_values[i]
            for cell in range(16):
                second = cell >> 2
                best, chosen = score[second] + chance[cell], np.uint8(0)
                for first in range(1, 4):
                    found = score[4 * first + second] + chance[16 * first + cell]
                    chosen = np.uint8(first) if found > best else chosen
                    best = found if found > best else best
                new[cell] = best
                back[place + cell] = chosen
            pair = next_pair
        score[:] = new
        before = character
        firsts, seconds = seconds, 4
    second, last = 0, 0
    for tag in range(4):
        for one in range(firsts):
            if score[4 * one + tag] > score[4 * second + last]:
                second, last = one, tag
    for at in range(end - start - 1, -1, -1):
        tags[at] = last
        second, last = back[16 * at + 4 * second + last], second
