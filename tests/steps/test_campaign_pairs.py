"""Which texts hang together, against plain Python."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.steps.campaign_keys import MOST_KEPT, MOST_PAIRED, pack
from pipeline.steps.campaign_pairs import ALONE, bind, group, near_pairs, similarities
from pipeline.text.codepoints import from_arrow
from pipeline.text.sketch import MOST_BITS, grams

KEYS = arrays.arrays(np.uint32, st.integers(0, 160), elements=st.sampled_from([0, 3, 1 << 22, 2**32 - 1]))
SIGNATURES = np.array([0, 1, 2**22 - 1, 2**64 - 1, 0xFFFFFF << 40], np.uint64)
SOME = [MOST_KEPT, MOST_KEPT + 1, MOST_PAIRED, MOST_PAIRED + 1]


def _near(a: int, b: int) -> bool:
    return (a ^ b).bit_count() <= MOST_BITS


@settings(deadline=None)
@given(st.one_of(KEYS, st.sampled_from(SOME).map(lambda n: np.zeros(n, np.uint32))), st.integers(0, 2**32 - 1))
def test_pairs_of_small_keys_are_all_that_are_near_and_large_keys_are_bound(keys: np.ndarray, seed: int) -> None:
    dice = np.random.default_rng(seed)
    texts = np.sort(dice.integers(0, 3 * len(keys) + 1, len(keys))).astype(np.int32)
    signatures = dice.choice(SIGNATURES[: 1 + seed % 5], 3 * len(keys) + 1)[texts]
    pairs, bound = near_pairs(keys, texts, signatures)
    small, large, of_key = set(), set(), defaultdict(list)
    for key, text, signature in zip(keys.tolist(), texts.tolist(), signatures.tolist(), strict=True):
        of_key[key].append((text, signature))
    for rows in of_key.values():
        many = len(rows) > MOST_PAIRED
        near = [i for i, a in enumerate(rows) if many or any(_near(a[1], b[1]) for j, b in enumerate(rows) if i != j)]
        if len(near) > MOST_KEPT:
            large |= {(rows[i][0], rows[near[0]][0]) for i in near[1:]}
        else:
            told = [rows[i] for i in near]
            small |= {
                (b[0], a[0]) for i, a in enumerate(told) for b in told[i + 1 :] if _near(a[1], b[1]) and a[0] != b[0]
            }
    assert {(int(a), int(b)) for a, b in pairs} == small
    assert {(int(a), int(b)) for a, b in bound} == large


TEXT = st.text("春夏秋冬山𠮷", min_size=3, max_size=14)


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=6), st.lists(TEXT, min_size=1, max_size=6))
def test_a_pair_is_as_similar_as_its_sets_of_grams(later: list[str], earlier: list[str]) -> None:
    pairs = np.array([(i, j) for i in range(len(later)) for j in range(len(earlier))], np.int64)
    found = similarities(_packed(later), _packed(earlier), pairs)
    sets = [[{text[k : k + 3] for k in range(len(text) - 2)} for text in texts] for texts in (later, earlier)]
    exact = np.array([len(sets[0][i] & sets[1][j]) / len(sets[0][i] | sets[1][j]) for i, j in pairs])
    assert found.tolist() == np.where(exact >= 0.7, exact, 0).tolist()
    assert grams(from_arrow(pa.array(later)))[1].tolist() == [len(s) for s in sets[0]]


def _packed(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    batch = from_arrow(pa.array(texts))
    lengths = [len(text.encode("utf-16-le")) // 2 + 1 for text in texts]
    return pack(batch.codes, batch.starts, np.ones(len(texts), bool)), np.concatenate(([0], np.cumsum(lengths)))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=25), st.integers(1, 5))
def test_what_hangs_together_is_in_one_group(pairs: list[tuple[int, int]], n_groups: int) -> None:
    leads = np.arange(30, dtype=np.int32)
    for start in (0, 10, 20):  # some pairs at a time
        bind(leads, np.array(pairs[start : start + 10], np.int32).reshape(-1, 2))
    of = {text: {text} for text in range(30)}
    for a, b in pairs:
        joined = of[a] | of[b]
        of |= dict.fromkeys(joined, joined)
    groups = group(leads, n_groups)
    assert all((groups[text] == ALONE) == (len(mine) == 1) for text, mine in of.items())
    assert all(len({int(groups[text]) for text in mine}) == 1 for mine in of.values())
    sizes = sorted({min(mine): len(mine) for mine in of.values() if len(mine) > 1}.values(), reverse=True)
    held = np.bincount(groups[groups != ALONE], minlength=n_groups)
    assert len(held) == n_groups
    assert held.max() - held.min() <= max(sizes, default=0)
