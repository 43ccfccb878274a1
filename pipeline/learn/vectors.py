"""Word vectors from public posts: words that stand among the same words lie near each other.

Singular vectors of the positive pointwise mutual information of words within WINDOW of each other (Levy, Goldberg and
Dagan 2015). A fit sees them as DIMENSIONS more columns that are sums over the words of a text; being sums, what they weigh
folds into the words' own weights, and a model that is served knows nothing of vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.text.reading import Reader

MOST_WORDS = 30_000
WINDOW = 5
DIMENSIONS = 128
SMOOTHING = 0.75  # power of a neighbour's count, so that rare ones are not near everything
ROUNDS = 3  # of the randomised decomposition
DECIMALS = 4  # so that another machine's rounding moves no weight
_BATCH = 20_000
CONSTANTS = {"vector_words": MOST_WORDS, "vector_window": WINDOW, "vector_dimensions": DIMENSIONS}


@dataclass(frozen=True)
class Vectors:
    """Of each word of the segmenter, by its number, the row of `values` (words by DIMENSIONS, of length 1); -1 for none."""

    row: NDArray[np.int64]
    values: NDArray[np.float32]

    def of_entries(self, reader: Reader, kinds: list[str], texts: list[str], n: int) -> sp.csr_matrix:
        """`n` entries by DIMENSIONS: the vectors of those that are words and have one; the first entries are these."""
        number = {word: i for i, word in enumerate(reader.segmenter.words)}
        at = [i for i, (kind, text) in enumerate(zip(kinds, texts, strict=True)) if kind == "word" and text in number]
        row = self.row[[number[texts[i]] for i in at]] if at else np.zeros(0, np.int64)
        out = np.zeros((n, self.values.shape[1]), np.float32)
        out[np.array(at, np.int64)[row >= 0]] = self.values[row[row >= 0]]
        return sp.csr_matrix(out)


def word_vectors(texts: pa.Array, reader: Reader, *, seed: int) -> Vectors:
    """The vectors of the MOST_WORDS most frequent words of the `texts`."""
    words, text = _words(texts, reader)
    often = np.bincount(words[words >= 0], minlength=len(reader.segmenter.words))
    top = np.argsort(-often, kind="stable")[:MOST_WORDS]
    row = np.full(len(often), -1)
    row[top[often[top] > 0]] = np.arange(int((often[top] > 0).sum()))
    near = _near(np.where(words >= 0, row[np.maximum(words, 0)], -1), text, int(row.max()) + 1)
    return Vectors(row, _decomposed(_information(near), seed))


def _words(texts: pa.Array, reader: Reader) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The number of each word of the texts, in their order, -1 for one not in the dictionary; and the text it stands in."""
    parts = list(_cut(texts, reader))
    return np.concatenate([words for words, _ in parts]), np.concatenate([text for _, text in parts])


def _cut(texts: pa.Array, reader: Reader) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    for start in range(0, max(len(texts), 1), _BATCH):
        tokens = reader.read(texts.slice(start, _BATCH)).tokens
        n = len(tokens.offsets) - 1
        yield tokens.ids.astype(np.int64), start + np.repeat(np.arange(n), np.diff(tokens.offsets))


def _near(words: NDArray[np.int64], text: NDArray[np.int64], n: int) -> sp.csr_matrix:
    """How often two words stand near each other in a text, a neighbour at distance d counting 1/d."""
    near = sp.csr_matrix((n, n))
    for d in range(1, WINDOW + 1):
        one, other = words[:-d], words[d:]
        both = (one >= 0) & (other >= 0) & (text[:-d] == text[d:])
        pairs = (np.full(int(both.sum()), 1 / d), (one[both], other[both]))
        near = near + sp.coo_matrix(pairs, shape=(n, n)).tocsr()
    return near + near.T


def _information(near: sp.csr_matrix) -> sp.csr_matrix:
    """The positive pointwise mutual information of each pair."""
    often = np.asarray(near.sum(axis=1)).ravel()
    usual = often**SMOOTHING / (often**SMOOTHING).sum()
    pairs = near.tocoo()
    value = np.log(pairs.data / (often[pairs.row] * usual[pairs.col]))
    keep = value > 0
    return sp.csr_matrix((value[keep], (pairs.row[keep], pairs.col[keep])), shape=near.shape)


def _decomposed(information: sp.csr_matrix, seed: int) -> NDArray[np.float32]:
    from sklearn.utils.extmath import randomized_svd

    size = min(DIMENSIONS, min(information.shape) - 1)
    if size < 1:
        return np.zeros((information.shape[0], 1), np.float32)
    left, strength, _ = randomized_svd(information, size, n_iter=ROUNDS, random_state=seed)
    values = left * np.sqrt(strength)
    values /= np.linalg.norm(values, axis=1, keepdims=True) + 1e-9
    return np.asarray(values.round(DECIMALS), np.float32)
