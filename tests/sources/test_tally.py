from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.tally import Tally

HASH = st.integers(0, 5) | st.integers(0, 2**64 - 1) | st.integers(0, 5).map(lambda n: n << 40)


@given(st.lists(st.lists(HASH, max_size=20), max_size=5))
def test_counts_are_those_of_a_counter(batches):
    tally, counter = Tally(), Counter()
    for batch in batches:
        want = []
        for one in batch:
            counter[one] += 1
            want.append(counter[one])
        assert tally.add(np.array(batch, np.uint64)).tolist() == want


def test_counts_stay_as_the_table_grows():
    tally, hashes = Tally(), np.random.default_rng(3).integers(0, 2**63, 20_000).astype(np.uint64)
    assert set(tally.add(hashes).tolist()) == {1}
    assert set(tally.add(hashes[::-1]).tolist()) == {2}
