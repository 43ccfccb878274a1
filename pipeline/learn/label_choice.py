"""Which posts are most worth a reader's time: those the judge is unsure of, those on which text and context disagree, and
those with words it has never met. Pure: columns in, row numbers and whys out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.text.linear import LinearModel
from pipeline.text.reading import Reader
from pipeline.text.segment import Tokens

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
WHYS = ("uncertain", "disputed", "new words")
LEAST_AUTHORS = 3  # a word that fewer use may be a name or a slip
_BETWEEN = "\x1f"


def uncertain(probability: Floats) -> Ints:
    """All rows, the nearest to the threshold (0.5) first."""
    return np.argsort(np.abs(probability - 0.5), kind="stable")


def disputed(by_text: Floats, with_context: Floats) -> Ints:
    """Rows whose two probabilities lie on different sides of 0.5, the farthest apart first."""
    rows = np.flatnonzero((by_text >= 0.5) != (with_context >= 0.5))
    return rows[np.argsort(-np.abs(by_text - with_context)[rows], kind="stable")]


def new_words(texts: pa.ChunkedArray, authors: pa.ChunkedArray, reader: Reader, model: LinearModel) -> Ints:
    """Rows with words that neither the dictionary nor the model knows but LEAST_AUTHORS authors use, the most such first.

    A word counts by the logarithm of its authors; a row without an author is an author of its own.
    """
    reading = reader.read(texts)
    tokens = reading.tokens
    sizes = tokens.ends - tokens.starts
    at = np.flatnonzero((tokens.ids < 0) & (sizes >= 2) & reading.wordy)
    if not len(at):
        return np.zeros(0, np.int64)
    words = _spelled(tokens, at, reading.folded.batch.codes)
    row = np.repeat(np.arange(len(reading)), np.diff(tokens.offsets))[at]
    known = pc.is_in(words, value_set=model.entries["text"].combine_chunks().cast(pa.string()))
    odd = pc.match_substring_regex(words, r"^[0-9a-z._%+-]+$")  # numbers, handles and parts of links
    keep = ~np.asarray(pc.or_(known, odd))
    codes = words.filter(pa.array(keep)).dictionary_encode()
    if not len(codes):
        return np.zeros(0, np.int64)
    return _by_worth(codes.indices.to_numpy().astype(np.int64), row[keep], _author_codes(authors), len(reading))


def _spelled(tokens: Tokens, at: Ints, codes: NDArray[np.uint32]) -> pa.Array:
    pieces = [codes[a:b].tobytes().decode("utf-32-le") for a, b in zip(tokens.starts[at], tokens.ends[at], strict=True)]
    return pa.array(pieces, pa.string())


def _author_codes(authors: pa.ChunkedArray) -> Ints:
    codes = authors.combine_chunks().dictionary_encode().indices
    numbers = pc.fill_null(codes, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(numbers < 0, -1 - np.arange(len(numbers)), numbers)


def _by_worth(word: Ints, row: Ints, author: Ints, n_rows: int) -> Ints:
    """Rows by the sum over their distinct words of log(authors of the word), greatest first."""
    used = np.unique(np.stack([word, author[row]], axis=1), axis=0)
    n_authors = np.bincount(used[:, 0])
    pairs = np.unique(np.stack([row, word], axis=1), axis=0)
    spread = n_authors[pairs[:, 1]]
    worth = np.bincount(pairs[:, 0], np.where(spread >= LEAST_AUTHORS, np.log(spread), 0.0), n_rows)
    rows = np.flatnonzero(worth > 0)
    return rows[np.argsort(-worth[rows], kind="stable")]


@dataclass(frozen=True)
class Choice:
    """Row numbers, in the order to be read, and why each was chosen: one of WHYS."""

    rows: list[int]
    whys: list[str]


def choose(ranked: Sequence[Ints], groups: Sequence[Sequence[str | None]], done: set[str], most: int) -> Choice:
    """At most `most` rows: one of each list in turn, in the order of WHYS; of each group (columns of `groups`, where not NULL) one.

    The first column of `groups` is the text_hash; those in `done` are passed over.
    """
    taken = [set(done), *(set() for _ in groups[1:])]
    choice, lists = Choice([], []), [iter(rows.tolist()) for rows in ranked]
    open_lists = dict(zip(WHYS, lists, strict=True))
    while open_lists and len(choice.rows) < most:
        for why in [*open_lists]:
            for row in open_lists[why]:
                keys = [group[row] for group in groups]
                if not any(key in seen for key, seen in zip(keys, taken, strict=True) if key is not None):
                    for key, seen in zip(keys, taken, strict=True):
                        seen.add(key) if key is not None else None
                    choice.rows.append(row)
                    choice.whys.append(why)
                    break
            else:
                del open_lists[why]
            if len(choice.rows) == most:
                break
    return choice
