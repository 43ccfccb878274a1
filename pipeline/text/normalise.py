"""Fold a text to one spelling, keeping for every folded character the place it came from.

Rules, each by code point so that offsets stay exact (no recomposition across code points):
zero-width characters go; NFKC, plus the enclosed digits and letters it leaves (❶ ➀ 🅰); traditional to simplified by
OpenCC's single characters; lower case; control characters and odd spaces become a space. Counts of the first three
rules are signs of disguise.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.text.codepoints import SEPARATOR, Codes, Ints, TextBatch, from_arrow, to_arrow
from pipeline.text.compiled import kernel
from pipeline.text.kept_arrays import kept

# Characters that show nothing: soft hyphen, joiners, fillers of Hangul, direction marks, variation selectors, tags.
_INVISIBLE = (
    (0x00AD, 0x00AE), (0x034F, 0x0350), (0x061C, 0x061D), (0x115F, 0x1161), (0x17B4, 0x17B6), (0x180B, 0x180F),
    (0x200B, 0x2010), (0x202A, 0x202F), (0x2060, 0x2070), (0x20E3, 0x20E4), (0x3164, 0x3165), (0xFE00, 0xFE10),
    (0xFEFF, 0xFF00), (0xFFA0, 0xFFA1), (0xFFF9, 0xFFFC), (0xE0000, 0xE01F0),
)  # fmt: skip
_WIDTH, _RULE, _VALUE, _MOST = 21, 24, 0x1FFFFF, 7  # see _Table; ﷺ folds to more than 7, and says so in `several`
RULES = ("zero_width", "full_width", "enclosed", "traditional")
_NONE, _ZERO_WIDTH, _FULL_WIDTH, _ENCLOSED, _TRADITIONAL = range(5)

# Blocks in which NFKC or lower() changes a character met in Chinese posts, or which hold odd spaces. Left out: cased
# scripts beyond Latin, Greek, Cyrillic and Deseret, Arabic mathematics, musical notes.
_RANGES = (
    (0x0000, 0x3400), (0xA640, 0xABC0), (0xF900, 0xFFF0), (0x10400, 0x10430), (0x1D400, 0x1D800), (0x1F100, 0x1F260),
    (0x1FBF0, 0x1FBFA), (0x2F800, 0x2FA20),
)  # fmt: skip
_CJK = ((0x3400, 0xA000), (0xF900, 0xFB00))


@dataclass(frozen=True)
class Normalised:
    """The folded batch; for each of its code points the position in the original's `joined`; counts per rule and text."""

    batch: TextBatch
    source: Ints
    rule_counts: dict[str, Ints]

    def span(self, start: Ints, end: Ints) -> tuple[Ints, Ints]:
        """Half-open spans of the folded `joined` as half-open spans of the original's `joined` (empty stays empty)."""
        first = self.source[start]
        last = self.source[np.maximum(end - 1, start)] + 1
        return first, np.where(end > start, last, first)


@dataclass(frozen=True)
class _Table:
    """Per code point one number: bits 0-20 what it becomes, or its place in `several`; 21-23 how many; 24-26 the rule."""

    single: NDArray[np.uint32]
    several: NDArray[np.uint32]


def _enclosed() -> Iterator[tuple[int, str]]:
    """Enclosed digits and letters without a compatibility mapping in Unicode: ❶-❿ ➀-➉ ➊-➓, 🄌 ⓿, 🅐-🅩, 🅰-🆉."""
    for first in (0x2776, 0x2780, 0x278A):
        yield from ((first + i, str(i + 1)) for i in range(10))
    for first in (0x1F150, 0x1F170):
        yield from ((first + i, chr(97 + i)) for i in range(26))
    yield from ((0x24FF, "0"), (0x1F10B, "0"), (0x1F10C, "0"))


def _fold_one(char: str) -> str:
    if unicodedata.category(char) in ("Cc", "Zs", "Zl", "Zp") and char not in "\n" + SEPARATOR:
        return " "
    return unicodedata.normalize("NFKC", char).lower()


@lru_cache(maxsize=1)
def _table() -> _Table:
    """The table, kept or made: OpenCC and Unicode's own tables take a tenth of a second to ask."""
    tables = (version("opencc-pyo3"), unicodedata.unidata_version)
    made_from = [Path(__file__).read_bytes(), *(table.encode() for table in tables)]
    return _Table(**kept("folds", made_from, ["single", "several"], lambda: vars(_made())))


def _made() -> _Table:
    single = np.arange(0x110000, dtype=np.uint32) | np.uint32(1 << _WIDTH)
    several: list[int] = []
    for code, (folded, why) in _folds().items():
        value = len(several) if len(folded) > 1 else ord(folded or "\0")
        single[code] = value | min(len(folded), _MOST) << _WIDTH | why << _RULE
        several += ([len(folded)] if len(folded) >= _MOST else []) + (
            [ord(c) for c in folded] if len(folded) > 1 else []
        )
    return _Table(single, np.array(several, np.uint32))


def _folds() -> dict[int, tuple[str, int]]:
    """Every character that changes: what it becomes (folding that again changes nothing) and by which rule."""
    from opencc_pyo3 import OpenCC

    folds: dict[int, tuple[str, int]] = {}
    for low, high in _RANGES:
        for code in range(low, high):
            folded = _fold_one(chr(code))
            if folded != chr(code):
                folds[code] = (folded, _kind(code, folded))
    cjk = [chr(c) for low, high in _CJK for c in range(low, high)]
    simplified = OpenCC("t2s").convert("\n".join(folds.get(ord(c), (c, 0))[0] for c in cjk)).split("\n")
    folds |= {ord(c): (s, _TRADITIONAL) for c, s in zip(cjk, simplified, strict=True) if s != c}
    folds |= {code: (folded, _ENCLOSED) for code, folded in _enclosed()}
    folds |= {0x1F1E6 + i: (chr(97 + i), _NONE) for i in range(26)}  # flags are letters, but no disguise
    folds[0x2139] = ("i", _NONE)  # ℹ, an emoji
    folds |= {code: ("", _ZERO_WIDTH) for low, high in _INVISIBLE for code in range(low, high)}
    return {code: ("".join(folds.get(ord(c), (c,))[0] for c in to), why) for code, (to, why) in folds.items()}


def _kind(code: int, folded: str) -> int:
    if 0xFF10 <= code <= 0xFF5A and chr(code).isalnum():
        return _FULL_WIDTH  # letters and digits only: ，！？ are ordinary Chinese punctuation
    if 0x2460 <= code <= 0x24FF or 0x1D400 <= code < 0x1D800 or 0x1F100 <= code < 0x1F200:
        return _ENCLOSED
    letterlike = 0x2100 <= code < 0x2150 and len(folded) == 1 and folded.isascii()  # ℂ 𝕏, not ℃ ™ № ℡
    return _ENCLOSED if letterlike else _NONE


def renormalise(batch: TextBatch, before: Normalised, original: TextBatch, rows: Ints) -> Normalised:
    """`normalise(batch)`, where only the texts `rows` differ from those of `original`, whose folded texts are `before`."""
    some = batch.take(rows)
    changed = normalise(some)
    place = np.full(len(batch), -1, np.int64)
    place[rows] = np.arange(len(rows))
    sizes = np.diff(before.batch.starts)
    sizes[rows] = np.diff(changed.batch.starts)
    starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    folded, source = np.empty(starts[-1], np.uint32), np.empty(starts[-1], np.int64)
    _splice(
        place, starts, folded, source, before.batch.codes, before.batch.starts, before.source,
        batch.starts - original.starts, changed.batch.codes, changed.batch.starts, changed.source,
        batch.starts[rows] - some.starts[:-1],
    )  # fmt: skip
    counts = {name: values.copy() for name, values in before.rule_counts.items()}
    for name, values in changed.rule_counts.items():
        counts[name][rows] = values
    return Normalised(TextBatch(folded, starts), source, counts)


@kernel
def _splice(
    place: Ints, starts: Ints, folded: Codes, source: Ints, codes: Codes, old: Ints, came: Ints, moved: Ints,
    new_codes: Codes, new: Ints, new_came: Ints, new_moved: Ints,
) -> None:  # fmt: skip
    """Each text from the old batch, or where it has a place in the new one from there; sources move with their texts."""
    for row in range(len(place)):
        k = place[row]
        if k < 0:
            for i in range(np.uint64(starts[row + 1] - starts[row])):
                folded[np.uint64(starts[row]) + i] = codes[np.uint64(old[row]) + i]
                source[np.uint64(starts[row]) + i] = came[np.uint64(old[row]) + i] + moved[row]
        else:
            for i in range(np.uint64(starts[row + 1] - starts[row])):
                folded[np.uint64(starts[row]) + i] = new_codes[np.uint64(new[k]) + i]
                source[np.uint64(starts[row]) + i] = new_came[np.uint64(new[k]) + i] + new_moved[k]


def normalise(batch: TextBatch) -> Normalised:
    """The folded texts, row for row."""
    table = _table()
    size = _folded_size(batch.codes, table.single, table.several)
    folded, source = np.empty(size, np.uint32), np.empty(size, np.int64)
    starts, counts = np.zeros(len(batch) + 1, np.int64), np.zeros((len(RULES) + 1, len(batch)), np.int64)
    _fold_codes(batch.codes, batch.starts, table.single, table.several, folded, source, starts, counts)
    return Normalised(TextBatch(folded, starts), source, {name: counts[i + 1] for i, name in enumerate(RULES)})


@kernel
def _folded_size(codes: Codes, single: Codes, several: Codes) -> int:
    size = 0
    for i in range(len(codes)):
        entry = single[codes[i]]
        width = (entry >> _WIDTH) & _MOST
        size += several[entry & _VALUE] if width == _MOST else width
    return size


@kernel
def _fold_codes(
    codes: Codes, starts: Ints, single: Codes, several: Codes, folded: Codes, source: Ints, ends: Ints, counts: Any
) -> None:
    """Fill `folded`, `source`, `ends` (where each text begins and the last ends) and `counts`, rules by texts."""
    at = 0
    for row in range(len(starts) - 1):
        for i in range(starts[row], starts[row + 1]):
            entry = single[codes[i]]
            width = np.int64((entry >> _WIDTH) & _MOST)
            rule = entry >> _RULE
            if rule:
                counts[rule, row] += 1
            if width == 1:
                folded[at] = entry & _VALUE
                source[at] = i
                at += 1
                continue
            first = np.int64(entry & _VALUE)
            if width == _MOST:
                width = np.int64(several[first])
                first += 1
            for k in range(width):
                folded[at] = several[first + k]
                source[at] = i
                at += 1
        ends[row + 1] = at


def normalise_texts(texts: pa.Array) -> pa.Array:
    """The folded texts as a string array."""
    return to_arrow(normalise(from_arrow(texts)).batch)
