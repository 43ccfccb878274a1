"""Equal hashes and shared keys, against plain Python."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.steps.campaign_keys import MOST_KEPT, number_buckets, number_equal
from pipeline.text.sketch import MOST_BITS

CLASHING = st.sampled_from([0, 1, 2, 1 << 32, (1 << 32) + 1, (7 << 61) + 5, 2**64 - 1, 2**64 - 2])  # in the upper half
HASHES = st.one_of(CLASHING, st.integers(0, 2**64 - 1))


@settings(deadline=None)
@given(st.lists(HASHES, max_size=60))
def test_values_are_numbered_by_their_first_places(hashes: list[int]) -> None:
    number_of, first = number_equal(np.array(hashes, np.uint64))
    values = list(dict.fromkeys(hashes))
    assert number_of.tolist() == [values.index(value) for value in hashes]
    assert first.tolist() == [hashes.index(value) for value in values]


KEYS = arrays.arrays(np.uint32, st.integers(0, 90), elements=st.sampled_from([0, 3, 2048, 1 << 22, 2**32 - 1]))


@settings(deadline=None)
@given(KEYS, st.integers(0, 2**32 - 1))
def test_a_bucket_holds_the_texts_of_a_key_that_are_like_another_there(keys: np.ndarray, seed: int) -> None:
    signatures = np.random.default_rng(seed).choice(
        np.array([0, 1, 2**22 - 1, 2**64 - 1, 0xFFFFFF << 40], np.uint64), len(keys)
    )
    buckets, n_places = number_buckets(keys, signatures)
    of_key = defaultdict(list)
    for text, key in enumerate(keys.tolist()):
        of_key[key].append(text)
    rooms = {}
    for texts in of_key.values():
        near = [a for a in texts if len(texts) > 64 or any(_alike(signatures, a, b) for b in texts if b != a)]
        assert {int(buckets[text]) for text in texts if text not in near} <= {0}
        assert len({int(buckets[text]) for text in near}) <= 1
        if near:
            rooms[int(buckets[near[0]])] = 1 + min(len(near), MOST_KEPT)
    assert [*np.cumsum([1, *(size for _, size in sorted(rooms.items()))])] == [*sorted(rooms), n_places + 1]


def _alike(signatures: np.ndarray, a: int, b: int) -> bool:
    return (int(signatures[a]) ^ int(signatures[b])).bit_count() <= MOST_BITS
