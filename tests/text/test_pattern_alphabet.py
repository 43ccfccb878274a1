from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text import pattern_alphabet
from pipeline.text.pattern_alphabet import (
    LIMIT,
    PatternError,
    Ranges,
    alphabet_of,
    category,
    classes_of,
    complement,
    union,
)

CODE = st.one_of(st.integers(0x20, 0x60), st.integers(0, LIMIT - 1))
RANGES = st.lists(
    st.builds(lambda low, size: (low, min(low + size, LIMIT)), CODE, st.integers(1, 40)), min_size=1, max_size=4
).map(union)
SETS = st.lists(st.one_of(RANGES, CODE.map(pattern_alphabet.literal), RANGES.map(complement)), min_size=1, max_size=6)


def _holds(ranges: Ranges, code: int) -> bool:
    return any(low <= code < high for low, high in ranges)


@given(SETS, st.lists(CODE, min_size=1, max_size=20))
def test_a_code_point_is_in_a_set_exactly_if_its_class_is(sets: list[Ranges], codes: list[int]) -> None:
    alphabet = alphabet_of(sets)
    edges = [
        code for ranges in sets for pair in ranges for bound in pair for code in (bound - 1, bound) if 0 <= code < LIMIT
    ]
    for ranges in sets:
        mask = alphabet.mask(ranges)
        for code in codes + edges:
            assert (mask >> int(alphabet.classes[code]) & 1) == _holds(ranges, code)


@given(SETS)
def test_an_alphabet_is_as_coarse_as_its_sets_allow(sets: list[Ranges]) -> None:
    alphabet = alphabet_of(sets)
    masks = [alphabet.mask(ranges) for ranges in sets]
    signs = {tuple(mask >> cls & 1 for mask in masks) for cls in range(1, alphabet.size)}
    assert len(signs) == alphabet.size - 1  # no two classes lie in the same sets
    assert not any(mask & 1 for mask in masks)  # none holds "no character"


@given(RANGES)
def test_a_complement_holds_what_a_set_does_not(ranges: Ranges) -> None:
    assert complement(complement(ranges)) == ranges
    assert union((*ranges, *complement(ranges))) == ((0, LIMIT),)


@pytest.mark.parametrize(("name", "spelt"), [("DIGIT", r"\d"), ("SPACE", r"\s"), ("WORD", r"\w"), ("NOT_WORD", r"\W")])
def test_a_category_is_that_of_re(name: str, spelt: str) -> None:
    ranges = category(f"CATEGORY_{name}")
    sample = [*range(0x3000), *range(0xFE00, 0x10000), *range(0x1D7C0, 0x1D800), sys.maxunicode]
    assert [c for c in sample if _holds(ranges, c)] == [c for c in sample if re.match(spelt, chr(c))]


@given(st.sets(st.integers(0, 200)))
def test_classes_of_a_mask_are_its_bits(bits: set[int]) -> None:
    assert classes_of(sum(1 << bit for bit in bits)) == sorted(bits)


def test_too_many_kinds_of_characters_are_refused() -> None:
    with pytest.raises(PatternError, match="70001 kinds of characters"):
        alphabet_of(pattern_alphabet.literal(code) for code in range(69_999))
    assert alphabet_of(pattern_alphabet.literal(code) for code in range(60_000)).classes.dtype == np.uint16
