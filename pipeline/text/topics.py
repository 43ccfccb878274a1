"""What a text is about: which of the lexicon's topics its words speak of most."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.errors import PermanentError, one_line
from pipeline.tables import TOPICS
from pipeline.text.codepoints import Ints
from pipeline.text.compiled import kernel

_UNIT = 10  # weights count in tenths, so that sums are whole and hang on no order
Small = NDArray[np.int32]


@dataclass(frozen=True)
class Topics:
    """Words of topics with their weights in tenths; `topic` is the number of each word's in tables.TOPICS."""

    words: tuple[str, ...]
    topic: Ints
    weight: Ints
    version: str

    def over(self, entries: Ints, n_entries: int) -> EntryTopics:
        """The same for a vocabulary in which `entries` are those of the words."""
        topic, weight = np.full(n_entries + 1, -1), np.zeros(n_entries + 1, np.int64)
        topic[entries], weight[entries] = self.topic, self.weight
        return EntryTopics(topic, weight)


@dataclass(frozen=True)
class EntryTopics:
    """Of each entry of a vocabulary the topic (-1 none) and its weight; the last element is that of an unknown word."""

    topic: Ints
    weight: Ints

    def of(self, token_entries: Small, offsets: Ints) -> pa.Array:
        """The topic of each text, whose tokens are [offsets[i]:offsets[i+1]]: the largest sum of weights, of equals the first
        in TOPICS; NULL where no word speaks of any."""
        sums = np.zeros((len(offsets) - 1, len(TOPICS)), np.int64)
        _sum(token_entries, offsets, self.topic, self.weight, sums)
        names = pa.array(TOPICS, pa.string())
        return names.take(pa.array(sums.argmax(axis=1), mask=sums.max(axis=1) == 0))


@kernel
def _sum(token_entries: Small, offsets: Ints, topic: Ints, weight: Ints, sums: Ints) -> None:
    """Add the weight of each token to its text's sum of its topic."""
    for row in range(len(sums)):
        for token in range(offsets[row], offsets[row + 1]):
            entry = token_entries[token]
            if topic[entry] >= 0:
                sums[row, topic[entry]] += weight[entry]


def load_topics(folder: Path) -> Topics:
    """topics.toml of the lexicon in `folder`. Raises PermanentError saying what is wrong with it."""
    path = folder / "topics.toml"
    try:
        raw = path.read_bytes()
        tables = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        raise PermanentError(f"lexicon {path}: {error.strerror}; expected a TOML file; set --corpora") from error
    except ValueError as error:
        raise PermanentError(f"lexicon {path}: {one_line(error)}; expected TOML") from error
    if tuple(tables) != TOPICS:
        got = one_line(", ".join(tables))
        raise PermanentError(f"lexicon {path}: got topics {got}; expected {', '.join(TOPICS)}, in this order")
    pairs = [(word, number, weight) for number, name in enumerate(TOPICS) for word, weight in _words(tables[name])]
    words = tuple(word for word, _, _ in pairs)
    wrong = [word for word, _, weight in pairs if not (isinstance(weight, int | float) and 0 < weight < 100)]
    wrong += sorted({word for word in words if words.count(word) > 1})
    if wrong:
        raise PermanentError(
            f"lexicon {path}: word {one_line(wrong[0])}; expected each word once, with a weight between 0 and 100"
        )
    weights = np.array([round(weight * _UNIT) for _, _, weight in pairs], np.int64)
    return Topics(words, np.array([number for _, number, _ in pairs]), weights, hashlib.sha256(raw).hexdigest()[:12])


def _words(table: object) -> list[tuple[str, float]]:
    return [*table.items()] if isinstance(table, dict) else [("?", 0)]
