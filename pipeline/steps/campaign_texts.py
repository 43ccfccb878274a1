"""The posts that may be in a campaign, taken in order and put aside, and the clustering of their texts.

Part of the campaigns step. Of each post only numbers are held; what is large (letters, band keys) goes to a shelf and is
read back piece by piece, so that memory does not grow with the length of the texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.hashing import hash_rows
from pipeline.order import flags, numbers
from pipeline.steps.campaign_facts import AUTO, NO_LABEL, REPOST, UNDATED, Bytes, Facts, Posts, facts
from pipeline.steps.campaign_links import Floats, Halves, Leaders, Numbers, number_buckets, number_texts, pack
from pipeline.tables import CLASSES
from pipeline.text.codepoints import Ints, from_arrow
from pipeline.text.folding import fold_batch
from pipeline.text.sketch import N_BANDS, Words, sketch_batch
from pipeline.threads import in_order

NO_BROADCAST = ("comment", "message")  # talk: greetings and thanks repeat without anyone broadcasting
NEEDED = [
    "platform",
    "author_id",
    "posted_at",
    "kind",
    "text_normalised",
    "is_repost",
    "is_auto_share",
    "first_seen_at",
]
_BATCH = 20_000  # posts folded at a time
_PIECE = 50_000  # posts clustered at a time


class Shelf:
    """Columns of numbers put aside in memory. A stage may keep them in files instead."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = {}

    def append(self, name: str, values: NDArray[Any]) -> None:
        """Put `values` after those of the column that are there."""
        self._parts.setdefault(name, []).append(values)

    def read(self, name: str, dtype: Any, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Values start to stop of the column."""
        parts = self._parts.get(name, [])
        if len(parts) != 1:
            self._parts[name] = parts = [np.concatenate([np.empty(0, dtype), *parts])]
        return parts[0][start:stop]

    def drop(self, name: str) -> None:
        """Forget the column."""
        self._parts.pop(name, None)


@dataclass(frozen=True)
class Found:
    """Row-aligned: the posts taken, their campaigns, and the places they were given with; by text: its similarities."""

    posts: Posts
    facts: Facts
    place: Ints
    text: Numbers
    similarity: Floats
    nearest: Floats


class Wordings:
    """Takes posts in order (`add`), then tells their campaigns (`find`)."""

    def __init__(self, shelf: Shelf, threads: int = 1) -> None:
        self._shelf = shelf
        self._threads = threads
        self._platforms: list[str] = []
        self._ends: list[tuple[int, int]] = [(0, 0)]  # posts and letters taken, batch by batch

    def add(self, rows: pa.Table) -> None:
        """Posts that come after all posts added before: columns NEEDED, text_label, and `place`, an integer.

        Comments, messages and posts with fewer than 12 folded letters are not taken.
        """
        talk = pc.fill_null(pc.is_in(rows["kind"], pa.array(NO_BROADCAST)), False)
        rows = rows.filter(pc.invert(talk))
        batches = (rows.slice(start, _BATCH).combine_chunks() for start in range(0, len(rows), _BATCH))
        for columns in in_order(_sketched, batches, self._threads):
            self._put(columns)

    def find(self) -> Found:
        """The campaigns of all posts added."""
        text_of, first = number_texts(self._shelf.read("hash", np.uint64))
        leaders = self._lead(text_of, first)
        column = self._shelf.read
        posts = Posts(
            column("at", np.int64), column("seen", np.int64), column("author", np.uint64), column("platform", np.uint16),
            column("marks", np.uint8), column("label", np.uint8),
        )  # fmt: skip
        found = facts(posts, leaders.founder[text_of])
        return Found(posts, found, column("place", np.int64), text_of, leaders.similarity, leaders.nearest)

    def _put(self, columns: Columns) -> None:
        names = columns.platforms
        self._platforms += [name for name in names if name not in self._platforms]
        number = np.array([self._platforms.index(name) for name in names], np.uint16)
        for name, values in columns.values.items():
            self._shelf.append(name, number[values] if name == "platform" else values)
        posts, letters = self._ends[-1]
        self._ends.append((posts + len(columns.values["hash"]), letters + len(columns.values["letters"])))

    def _lead(self, text_of: Numbers, first: Numbers) -> Leaders:
        """The clustering of the texts that share a bucket with another; the rest lead nobody."""
        signatures: Words = self._shelf.read("signature", np.uint64)[first]
        base, joined, entries = 0, np.zeros(len(first), np.bool_), 0

        def work(band: int) -> tuple[Numbers, int]:
            return number_buckets(self._shelf.read(f"key{band}", np.uint32)[first], signatures)

        for band, (buckets, n) in enumerate(in_order(work, range(N_BANDS), min(self._threads, 2))):
            inside = buckets >= 0
            joined |= inside
            entries += int(inside.sum())
            self._shelf.append(f"bucket{band}", np.where(inside, buckets + np.int32(base), buckets))
            self._shelf.drop(f"key{band}")
            base += n
        leaders = Leaders(len(first), base, entries, self._ends[-1][1])
        for (posts, halves), (posts_end, halves_end) in self._pieces():
            text = text_of[posts:posts_end]
            new = first[text] == np.arange(posts, posts_end)
            if not (new & joined[text]).any():
                continue
            low, high = int(text[new].min()), int(text[new].max()) + 1
            buckets = np.stack([self._shelf.read(f"bucket{b}", np.int32, low, high) for b in range(N_BANDS)], axis=1)
            letters: Halves = self._shelf.read("letters", np.uint16, halves, halves_end)
            told = text[new & joined[text]]
            leaders.add(letters, new & joined[text], told, buckets[told - low], signatures[told])
        return leaders

    def _pieces(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Runs of batches of some _PIECE posts: where each begins and ends, in posts and letters."""
        edges = [self._ends[0]]
        for end in self._ends[1:]:
            if end[0] - edges[-1][0] >= _PIECE or end is self._ends[-1]:
                edges.append(end)
        return list(pairwise(edges))


@dataclass(frozen=True)
class Columns:
    """What is put aside of some posts; `platform` numbers the names of `platforms`."""

    values: dict[str, NDArray[Any]]
    platforms: list[str]


def _sketched(rows: pa.Table) -> Columns:
    folded = fold_batch(from_arrow(rows["text_normalised"]))
    sketch = sketch_batch(folded)
    long = sketch.long
    platform = rows["platform"].combine_chunks().dictionary_encode()
    told: dict[str, NDArray[Any]] = {
        "hash": sketch.hashes, "signature": sketch.signatures, "at": numbers(rows["posted_at"], UNDATED),
        "seen": numbers(rows["first_seen_at"], UNDATED), "author": _authors(rows),
        "platform": numbers(platform.indices, 0), "marks": _marks(rows), "label": _labels(rows),
        "place": numbers(rows["place"], -1), **{f"key{band}": sketch.keys[:, band] for band in range(N_BANDS)},
    }  # fmt: skip
    columns = {name: values[long] for name, values in told.items()}
    return Columns(columns | {"letters": pack(folded.codes, folded.starts, long)}, platform.dictionary.to_pylist())


def _authors(rows: pa.Table) -> Words:
    """A hash of platform and author, 0 where the author is unknown."""
    hashes = np.maximum(hash_rows(rows, ["platform", "author_id"]), 1)
    return np.where(rows["author_id"].is_valid().to_numpy(), hashes, 0).astype(np.uint64)


def _marks(rows: pa.Table) -> Bytes:
    return (AUTO * flags(rows["is_auto_share"]) + REPOST * flags(rows["is_repost"])).astype(np.uint8)


def _labels(rows: pa.Table) -> Bytes:
    return numbers(pc.index_in(rows["text_label"], pa.array(CLASSES)), NO_LABEL).astype(np.uint8)
