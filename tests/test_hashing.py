from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hashing import bytes_of, hash_rows, leading, word_of

STRINGS = st.lists(st.one_of(st.none(), st.text(max_size=30), st.text("ab\x00", max_size=20)), max_size=10)
FACTOR, MASK = 0xC6A4A7935BD1E995, 2**64 - 1


def murmur(data: bytes, seed: int) -> int:
    """MurmurHash64A as published."""
    found = seed ^ (len(data) * FACTOR & MASK)
    whole = len(data) // 8 * 8
    for at in range(0, whole, 8):
        word = int.from_bytes(data[at : at + 8], "little") * FACTOR & MASK
        word = (word ^ word >> 47) * FACTOR & MASK
        found = (found ^ word) * FACTOR & MASK
    if data[whole:]:
        found = (found ^ int.from_bytes(data[whole:], "little")) * FACTOR & MASK
    found = (found ^ found >> 47) * FACTOR & MASK
    return found ^ found >> 47


def column(values: list[str | None]) -> pa.ChunkedArray:
    """In two chunks, each a slice of something longer."""
    half = len(values) // 2
    chunks = [pa.array(["x", *part, "y"], pa.string()).slice(1, len(part)) for part in (values[:half], values[half:])]
    return pa.chunked_array(chunks)


@given(STRINGS)
def test_a_hash_is_murmurs_of_the_bytes_each_key_seeding_the_next(values: list[str | None]) -> None:
    known = [value or "" for value in values]
    table = pa.table({"a": column(known), "b": column(known[::-1])})
    expected = [murmur(b.encode(), murmur(a.encode(), 0)) for a, b in zip(known, known[::-1], strict=True)]
    assert hash_rows(table, ["a", "b"]).tolist() == expected


def test_hashes_are_the_same_for_ever() -> None:
    """Rows stand where their hash says: another function would break every lake that is divided."""
    table = pa.table({"platform": ["weibo", "qzone"], "post_id": ["4999999999999999", "x-早"]})
    assert hash_rows(table, ["platform", "post_id"]).tolist() == [0xAA5396FC5514524A, 0xF39C6CB582753E4B]


def test_null_equals_null_and_nothing_else() -> None:
    one, other, empty = hash_rows(pa.table({"a": pa.array([None, None, ""], pa.string())}), ["a"]).tolist()
    assert one == other != empty


def test_leading_bits_divide_evenly_and_halves_split_in_two() -> None:
    hashes = hash_rows(pa.table({"a": [str(i) for i in range(4000)]}), ["a"])
    eighths, quarters = leading(hashes, 8), leading(hashes, 4)
    assert (eighths // 2 == quarters).all()
    assert all(400 < (eighths == part).sum() < 600 for part in range(8))
    assert set(leading(hashes, 1).tolist()) == {0}


@given(STRINGS)
def test_words_and_length_sort_as_the_bytes_do(values: list[str | None]) -> None:
    known = [value or "" for value in values]
    content, bounds = bytes_of(column(known).combine_chunks())
    rows = np.arange(len(known))
    keys = [word_of(content, bounds, number, rows).tolist() for number in range(16)]
    order = sorted(range(len(known)), key=lambda i: [*(key[i] for key in keys), bounds[i + 1] - bounds[i]])
    assert [known[i].encode() for i in order] == sorted(value.encode() for value in known)
