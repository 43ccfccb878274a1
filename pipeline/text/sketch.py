"""Near duplicates: the folded text, its MinHash sketch, and the exact Jaccard similarity of two texts.

Two posts are copies by the sets of character 3-grams of their folded texts. The sketch only proposes pairs: with 16
bands of 3 permutations a pair of similarity J shares a band with probability 1 - (1 - J^3)^16, which is 0.9988 at 0.7,
0.88 at 0.5 and 0.12 at 0.2 (Broder 1997; banding as in Leskovec et al., Mining of Massive Datasets, 3.4). Whoever links
posts verifies exactly, with `jaccard` or on `grams`.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.tables import BANDS
from pipeline.text.codepoints import Ints, TextBatch, from_arrow

N_BANDS, ROWS = 16, 3
SHORTEST = 12  # folded characters; below it greetings and single words would pass for copies of each other
_CHUNK = 131_072  # characters per pass: their 3-grams stay in the processor's cache, and long posts cannot fill memory
_GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, the increment of splitmix64 (Steele, Lea, Flood 2014)
_WORD = (1 << 64) - 1

# What copies differ in. A 〔placeholder〕 has at most 6 characters, an [emoticon] 8, an @name 15 (Weibo's limit), so
# that no whole text folds to nothing behind one @ or in brackets. Two passes: in one, RE2 leaves its fast path.
_MENTION = r"@[^\s:,.!?#@，。！？：、；（）()【】《》〔]{1,15}"
_DROPPED = rf"〔[^〔〕]{{1,6}}〕|\[[^\[\]\s]{{1,8}}\]|(?:https?://|www\.)[!-~]*|{_MENTION}"
_NO_LETTERS = r"[^\pL]+"

Grams = NDArray[np.uint64]


def fold(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The letters of normalised texts, without placeholders, links, [emoticons], @names, digits, marks and space.

    NULL stays NULL. Words written against an @name without a mark or space are lost with it, up to 15 characters.
    """
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    return pc.replace_substring_regex(pc.replace_substring_regex(texts, _DROPPED, ""), _NO_LETTERS, "")


def sketches(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """16 band keys per normalised text, type tables.BANDS; NULL where the folded text has fewer than 12 characters.

    A row depends on its own text alone. A shared key means, but for a chance of 2^-32, three equal minima; the band's
    number is mixed in, so keys of different bands do not meet and all keys of a table may be compared in one heap.
    """
    folded = fold(texts)
    long = pc.fill_null(pc.greater_equal(pc.utf8_length(folded), SHORTEST), False)
    kept = folded.filter(long)
    firsts = np.flatnonzero(np.diff(np.cumsum(pc.utf8_length(kept)) // _CHUNK, prepend=-1)).tolist()
    parts = [_band_keys(from_arrow(kept[i:j])) for i, j in pairwise([*firsts, len(kept)])]
    present = long.to_numpy(zero_copy_only=False)
    keys = np.zeros((len(folded), N_BANDS), np.uint32)
    keys[present] = np.concatenate([keys[:0], *parts])
    return pa.FixedSizeListArray.from_arrays(pa.array(keys.ravel()), type=BANDS, mask=pa.array(~present))


def grams(batch: TextBatch) -> tuple[Grams, Ints]:
    """The distinct character 3-grams of each text, sorted within the text, and how many each text has.

    A 3-gram is its three code points of 21 bits each, so equal numbers are equal 3-grams; texts under 3 characters have
    none.
    """
    found, counts = _all_grams(batch)
    rows = np.repeat(np.arange(len(batch)), counts)
    order = np.lexsort((found, rows))
    found, rows = found[order], rows[order]
    new = np.ones(len(found), bool)
    new[1:] = (found[1:] != found[:-1]) | (rows[1:] != rows[:-1])
    return found[new], np.bincount(rows[new], minlength=len(batch))


def jaccard(texts_a: pa.Array, texts_b: pa.Array) -> NDArray[np.float64]:
    """Exact Jaccard similarity of the 3-gram sets of the folded texts, pair by pair; 0 where neither has a 3-gram."""
    n = len(texts_a)
    (in_a, n_a), (in_b, n_b) = (grams(from_arrow(fold(texts))) for texts in (texts_a, texts_b))
    pairs = np.concatenate([np.repeat(np.arange(n), n_a), np.repeat(np.arange(n), n_b)])
    both = np.concatenate([in_a, in_b])
    order = np.lexsort((both, pairs))
    both, pairs = both[order], pairs[order]
    twice = (both[1:] == both[:-1]) & (pairs[1:] == pairs[:-1])  # each side's grams are distinct: twice is once in each
    shared = np.bincount(pairs[1:][twice], minlength=n)
    return np.asarray(shared / np.maximum(n_a + n_b - shared, 1))


def _all_grams(batch: TextBatch) -> tuple[Grams, Ints]:
    """Every 3-gram of every text in order, repeats included, and how many each text has."""
    counts = np.maximum(batch.lengths - 2, 0)
    ends = np.cumsum(counts)
    at = np.arange(counts.sum()) + np.repeat(batch.starts[:-1] - (ends - counts), counts)
    codes = batch.codes.astype(np.uint64)
    return (codes[at] << np.uint64(42)) | (codes[at + 1] << np.uint64(21)) | codes[at + 2], counts


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64: a bijection in which every bit of the result hangs on every bit of `x`."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


_STREAM = _mix(np.array([(i + 1) * _GOLDEN & _WORD for i in range(2 * N_BANDS * ROWS)], np.uint64))
_FACTORS, _BAND_SEEDS = _STREAM[: N_BANDS * ROWS] | np.uint64(1), _STREAM[N_BANDS * ROWS :]


def _band_keys(batch: TextBatch) -> NDArray[np.uint32]:
    """Band keys, shape (texts, 16), of folded texts that all have a 3-gram."""
    found, counts = _all_grams(batch)
    hashed = _mix(found)
    starts = np.cumsum(counts) - counts
    keys = np.empty((len(batch), N_BANDS), np.uint32)
    for band in range(N_BANDS):  # over the bands, not the posts
        key: NDArray[np.uint64] = np.full(len(batch), _BAND_SEEDS[band], np.uint64)
        for factor in _FACTORS[band * ROWS : (band + 1) * ROWS]:
            # Multiplying mixed values by an odd number reorders them: one cheap permutation of 64-bit numbers each.
            key = _mix(key ^ np.minimum.reduceat(hashed * factor, starts))
        keys[:, band] = key >> np.uint64(32)
    return keys
