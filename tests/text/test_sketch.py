from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.tables import BANDS
from pipeline.text.codepoints import from_arrow
from pipeline.text.folding import fold, fold_batch
from pipeline.text.sketch import MOST_BITS, N_BANDS, ROWS, SHORTEST, jaccard, sketch_batch, sketches, text_hashes

LETTERS = "今天下午茶点心面膜代理招收加盟好友分享孩子学校回家路上买菜做饭天气不错abc"
TEXTS = st.lists(st.one_of(st.none(), st.text(LETTERS + "，。!1 @[]〔〕😀", max_size=60)), max_size=12)
WORD, HALF = (1 << 64) - 1, (1 << 32) - 1


def strings(*texts: str | None) -> pa.Array:
    return pa.array(texts, pa.string())


def test_a_short_greeting_has_no_sketch() -> None:
    found = sketches(strings("大家早上好今天也要加油", "大家早上好今天也要加油哦", None, "早！" * 30))
    assert found.type == BANDS
    assert found.is_valid().to_pylist() == [False, True, False, False]


def test_copies_that_differ_in_number_link_and_marks_have_one_sketch() -> None:
    one = sketches(strings("源头工厂招代理，首批12盒起，详情 http://t.cn/xyz"))
    other = sketches(strings("源头工厂招代理！！首批30盒起~~详情 http://t.cn/abc [威武]"))
    assert one.equals(other)


def _mix(x: int) -> int:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    return (x ^ (x >> 27)) * 0x94D049BB133111EB & WORD


def _by_hand(folded: str) -> tuple[list[int], int]:
    """The band keys and the signature in plain Python: a minimum of products for each permutation."""
    grams = {(ord(a) << 42) | (ord(b) << 21) | ord(c) for a, b, c in zip(folded, folded[1:], folded[2:], strict=False)}
    stream = [(i + 1) * 0x9E3779B97F4A7C15 & WORD for i in range(N_BANDS * ROWS)]
    factors = [((x := _mix(s)) ^ (x >> 31)) >> 32 | 1 for s in stream]
    minima = [min((_mix(g) >> 32) * f & HALF for g in grams) for f in factors]
    keys = []
    for band in range(N_BANDS):
        key = (band + 1) * 0x9E3779B97F4A7C15 & WORD
        for least in minima[band * ROWS : (band + 1) * ROWS]:
            key = (key ^ least) * 0xBF58476D1CE4E5B9 & WORD
            key ^= key >> 29
        keys.append(key >> 32)
    return keys, sum(((least * 0x9E3779B1 & HALF) >> 31) << k for k, least in enumerate(minima[:64]))


@settings(max_examples=30)
@given(st.text(LETTERS + "𠀀", min_size=8, max_size=60))
def test_a_sketch_is_minima_of_permuted_3_grams(text: str) -> None:
    found = sketch_batch(fold_batch(from_arrow(strings(text))))
    folded = fold(strings(text)).to_pylist()[0]
    if len(folded) < SHORTEST:
        assert not found.keys.any()
        assert not found.signatures.any()
    else:
        assert (found.keys[0].tolist(), int(found.signatures[0])) == _by_hand(folded)


@settings(max_examples=50)
@given(TEXTS, TEXTS)
def test_a_sketch_depends_on_its_own_text_alone(some: list[str | None], more: list[str | None]) -> None:
    together = sketches(strings(*some, *more))
    assert together.equals(pa.concat_arrays([sketches(strings(*some)), sketches(strings(*more))]))


@settings(max_examples=50)
@given(TEXTS)
def test_hashes_are_equal_for_equal_texts_alone(texts: list[str | None]) -> None:
    hashes = text_hashes(from_arrow(strings(*texts))).tolist()
    plain = [text or "" for text in texts]
    assert len(set(hashes)) == len(set(plain))
    assert [hashes[plain.index(text)] for text in plain] == hashes


def _set_jaccard(a: str, b: str) -> float:
    x, y = ({t[i : i + 3] for i in range(len(t) - 2)} for t in fold(strings(a, b)).to_pylist())
    return len(x & y) / len(x | y) if x | y else 0.0


@settings(max_examples=50)
@given(st.lists(st.tuples(st.text(LETTERS[:8], max_size=12), st.text(LETTERS[:8], max_size=12)), max_size=8))
def test_jaccard_is_that_of_the_sets_of_3_grams(pairs: list[tuple[str, str]]) -> None:
    found = jaccard(strings(*[a for a, _ in pairs]), strings(*[b for _, b in pairs]))
    assert found.tolist() == [_set_jaccard(a, b) for a, b in pairs]


def test_pairs_above_the_threshold_share_a_band_and_strangers_rarely_do() -> None:
    dice = random.Random(7)
    originals = ["".join(dice.choices(LETTERS, k=60)) for _ in range(2000)]
    copies = ["".join(dice.choice(LETTERS) if dice.random() < 0.04 else c for c in text) for text in originals]
    similarity = jaccard(strings(*originals), strings(*copies))
    barely = (similarity >= 0.7) & (similarity < 0.74)
    one, other = (sketch_batch(fold_batch(from_arrow(strings(*texts)))) for texts in (originals, copies))
    shared = (one.keys == other.keys).any(axis=1)
    assert barely.sum() > 150
    assert shared[barely].mean() >= 0.98  # 0.995 is expected, and 150 are few
    assert shared[similarity >= 0.7].mean() >= 0.99
    assert (one.keys == np.roll(other.keys, 1, axis=0)).any(axis=1).mean() <= 0.005
    bits = np.bitwise_count(one.signatures ^ other.signatures)
    assert bits[similarity >= 0.7].max() <= MOST_BITS
    assert np.abs(bits[barely].mean() - 32 * (1 - similarity[barely].mean())) < 1  # (1 - J) / 2 of 64 bits


def test_sketches_of_real_posts_are_fast_enough(shared: Path) -> None:
    texts = pq.read_table(shared / "datasets/weibo_2014/posts.parquet")["content"].cast(pa.string())
    sketches(texts)
    begin = time.perf_counter()
    found = sketches(texts)
    assert len(found) == len(texts)
    assert len(texts) / (time.perf_counter() - begin) > 50_000  # measured 900,000 posts/s on a core of its own
