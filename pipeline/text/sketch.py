"""Near duplicates: the MinHash sketch of a folded text, and the exact Jaccard similarity of two.

Two posts are copies by the sets of character 3-grams of their folded texts (pipeline.text.folding). The sketch only
proposes pairs: with 18 bands of 4 permutations a pair of similarity J shares a band with probability 1 - (1 - J^4)^18,
which is 0.993 at 0.7, 0.9999 at 0.8, 0.37 at 0.4 and 0.03 at 0.2 (Broder 1997; banding as in Leskovec et al., Mining of
Massive Datasets, 3.4). Four permutations and not three, because posts about one thing are 0.02 to 0.2 similar by
chance, and among millions of posts such strangers would meet in every band. Whoever links posts verifies exactly, with
`jaccard` or on `grams`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.tables import BANDS
from pipeline.text.codepoints import Codes, Ints, TextBatch, from_arrow
from pipeline.text.compiled import kernel
from pipeline.text.folding import fixed, fold, fold_batch

N_BANDS, ROWS = 18, 4
SHORTEST = 12  # folded letters; below it greetings and single words would pass for copies of each other
# Two texts of similarity J differ in each of the 64 bits of their signatures with probability (1 - J) / 2: at 0.7 in more
# than 21 with probability 5e-5, at 0.05 in at most 21 with probability 0.01 (Li and Koenig 2010, b-bit minwise hashing).
MOST_BITS = 21
_GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, the increment of splitmix64 (Steele, Lea, Flood 2014)
_MIX_1, _MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB  # the multipliers of its finaliser
_WORD = (1 << 64) - 1

Words = NDArray[np.uint64]
Keys = NDArray[np.uint32]


@dataclass(frozen=True)
class Sketch:
    """Of each folded text: its letters, a 64-bit hash of it, band keys (texts, 18) and signature; 0 where it is short."""

    lengths: Ints
    hashes: Words
    keys: Keys
    signatures: Words

    @property
    def long(self) -> NDArray[np.bool_]:
        """Which texts have SHORTEST letters or more; the others have no sketch."""
        return self.lengths >= SHORTEST


def sketch_batch(folded: TextBatch) -> Sketch:
    """The sketches of folded texts (fold_batch), row for row. A row depends on its own text alone.

    A shared key means, but for a chance of 2^-32, four equal minima; the band's number is mixed in, so keys of different
    bands do not meet and all keys of a table may be compared in one heap. Two texts in a million million million have one
    hash by chance.
    """
    n = len(folded)
    keys, signatures = np.zeros((n, N_BANDS), np.uint32), np.zeros(n, np.uint64)
    _sketch(fixed(folded.codes), fixed(folded.starts), _factors(), keys, signatures)
    return Sketch(folded.lengths, text_hashes(folded), keys, signatures)


def sketches(texts: pa.Array | pa.ChunkedArray | TextBatch) -> pa.Array:
    """18 band keys per normalised text, type tables.BANDS; NULL where the folded text has fewer than 12 letters."""
    found = sketch_batch(fold_batch(texts if isinstance(texts, TextBatch) else from_arrow(texts)))
    return pa.FixedSizeListArray.from_arrays(pa.array(found.keys.ravel()), type=BANDS, mask=pa.array(~found.long))


def text_hashes(batch: TextBatch) -> Words:
    """A 64-bit hash of each text, the same on every machine."""
    hashes = np.empty(len(batch), np.uint64)
    _hash(fixed(batch.codes), fixed(batch.starts), hashes)
    return hashes


def grams(batch: TextBatch) -> tuple[Words, Ints]:
    """The distinct character 3-grams of each text, sorted within the text, and how many each text has.

    A 3-gram is its three code points of 21 bits each, so equal numbers are equal 3-grams; texts under 3 characters have
    none.
    """
    counts = np.maximum(batch.lengths - 2, 0)
    ends = np.cumsum(counts)
    at = np.arange(counts.sum()) + np.repeat(batch.starts[:-1] - (ends - counts), counts)
    codes = batch.codes.astype(np.uint64)
    found = (codes[at] << np.uint64(42)) | (codes[at + 1] << np.uint64(21)) | codes[at + 2]
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


@lru_cache(maxsize=1)
def _factors() -> Keys:
    """An odd 32-bit factor for each permutation: the top halves of the first numbers of splitmix64 from seed 0."""
    x = np.array([(i + 1) * _GOLDEN & _WORD for i in range(N_BANDS * ROWS)], np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_MIX_1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_MIX_2)
    x ^= x >> np.uint64(31)
    return np.asarray(fixed((x >> np.uint64(32)).astype(np.uint32) | np.uint32(1)))


@kernel
def _sketch(codes: Codes, starts: Ints, factors: Keys, keys: Keys, signatures: Words) -> None:
    """Multiplying mixed 3-grams by an odd number modulo 2^32 reorders them: a permutation for a product and a minimum."""
    minima = np.empty(N_BANDS * ROWS, np.uint32)
    for text in range(len(starts) - 1):
        start, end = starts[text], starts[text + 1] - 1
        if end - start < SHORTEST:
            continue
        minima[:] = 0xFFFFFFFF
        for at in range(start, end - 2):
            gram = (np.uint64(codes[at]) << np.uint64(42)) | (np.uint64(codes[at + 1]) << np.uint64(21))
            gram |= np.uint64(codes[at + 2])
            gram = (gram ^ (gram >> np.uint64(30))) * np.uint64(_MIX_1)
            gram = (gram ^ (gram >> np.uint64(27))) * np.uint64(_MIX_2)
            mixed = np.uint32(gram >> np.uint64(32))
            for k in range(N_BANDS * ROWS):
                minima[k] = min(minima[k], np.uint32(mixed * factors[k]))
        for band in range(N_BANDS):
            key = np.uint64(band + 1) * np.uint64(_GOLDEN)
            for k in range(band * ROWS, band * ROWS + ROWS):
                key = (key ^ np.uint64(minima[k])) * np.uint64(_MIX_1)
                key ^= key >> np.uint64(29)
            keys[text, band] = np.uint32(key >> np.uint64(32))
        bits = np.uint64(0)
        for k in range(64):
            bits |= (np.uint64(minima[k] * np.uint32(0x9E3779B1)) >> np.uint64(31) & np.uint64(1)) << np.uint64(k)
        signatures[text] = bits


@kernel
def _hash(codes: Codes, starts: Ints, hashes: Words) -> None:
    for text in range(len(starts) - 1):
        word = np.uint64(_GOLDEN)
        for at in range(starts[text], starts[text + 1] - 1):
            word = (word ^ np.uint64(codes[at])) * np.uint64(_MIX_1)
            word ^= word >> np.uint64(32)
        hashes[text] = (word ^ (word >> np.uint64(29))) * np.uint64(_MIX_2)
