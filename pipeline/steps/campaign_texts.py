"""The posts that may be in a campaign, taken in order and put aside, and the clustering of their texts.

Part of the campaigns step. Of each post only numbers are held; what is large (letters, band keys) goes to a shelf and is
read back piece by piece, so that memory does not grow with the length of the texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
from pipeline.steps.campaign_keys import Halves, Numbers, Rooms, number_buckets, number_equal, pack
from pipeline.steps.campaign_links import SEPARATOR_CODE, Floats, Leaders, Links
from pipeline.tables import CLASSES
from pipeline.text.codepoints import Ints, from_arrow
from pipeline.text.folding import fold_batch
from pipeline.text.sketch import N_BANDS, Keys, Words, sketch_batch
from pipeline.threads import in_order, one_ahead

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
_BATCH = 20_000  # posts taken at a time
_IN_CACHE = 4_000  # texts folded and sketched at a time: their letters stay in a core's cache
_PIECE = 100_000  # posts clustered at a time


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
    """Row-aligned: the posts taken, their campaigns, and the places they were given with; by text: that
    which founded its campaign, and its similarities."""

    posts: Posts
    facts: Facts
    place: Ints
    text: Numbers
    founder: Numbers
    similarity: Floats
    nearest: Floats


@dataclass(frozen=True)
class Texts:
    """Texts from number `start` on: letters of each with its end, packed; those letters; signature; band keys (texts, 18)."""

    start: int
    lengths: Ints
    letters: Halves
    signatures: Words
    keys: Keys

    @property
    def end(self) -> int:
        """The number after the last."""
        return self.start + len(self.lengths)


Lead = Callable[[Iterable[Texts], int], Links]  # all texts, in order, and how many they are


class Wordings:
    """Takes posts in order (`add`, once), then tells their campaigns (`find`)."""

    def __init__(self, shelf: Shelf, threads: int = 1) -> None:
        self._shelf = shelf
        self._threads = threads
        self._platforms: list[str] = []
        self._ends: list[tuple[int, int]] = [(0, 0)]  # posts and letters taken, batch by batch

    def add(self, pieces: Iterable[tuple[pa.Table, Ints]]) -> None:
        """All posts, piece after piece, each with the order of its rows: columns NEEDED, text_label, and `place`, an integer.

        Comments, messages and posts with fewer than 12 folded letters are not taken.
        """
        for columns in in_order(lambda batch: _sketched(batch[0].take(batch[1])), _batches(pieces), self._threads):
            self._put(columns)

    def find(self, lead: Lead | None = None) -> Found:
        """The campaigns of all posts added; `lead` clusters the texts, where not all of them are to be clustered here at once."""
        text_of, first = number_equal(self._shelf.read("hash", np.uint64))
        links = self._lead(text_of, first) if lead is None else lead(one_ahead(self._all(text_of, first)), len(first))
        column = self._shelf.read
        posts = Posts(
            column("at", np.int64), column("seen", np.int64), column("author", np.uint64), column("platform", np.uint16),
            column("marks", np.uint8), column("label", np.uint8),
        )  # fmt: skip
        found = facts(posts, links.founder[text_of], self._threads)
        place = column("place", np.int64)
        return Found(posts, found, place, text_of, links.founder, links.similarity, links.nearest)

    def _put(self, columns: Columns) -> None:
        names = columns.platforms
        self._platforms += [name for name in names if name not in self._platforms]
        number = np.array([self._platforms.index(name) for name in names], np.uint16)
        for name, values in columns.values.items():
            self._shelf.append(name, number[values] if name == "platform" else values)
        posts, letters = self._ends[-1]
        self._ends.append((posts + len(columns.values["hash"]), letters + len(columns.values["letters"])))

    def _lead(self, text_of: Numbers, first: Numbers) -> Links:
        """The clustering of the texts that share a bucket with another; the rest lead nobody."""
        signatures: Words = self._shelf.read("signature", np.uint64)[first]
        joined, n_places = self._buckets(first, signatures)
        links = Links.of_none(len(first))
        with ThreadPoolExecutor(self._threads) as pool:
            leaders = Leaders(links, int(joined.sum()), n_places, self._ends[-1][1], pool, self._threads)
            for letters, chosen, told, buckets in one_ahead(self._texts(text_of, first, joined)):
                leaders.add(letters, chosen, told, buckets, signatures[told])
        return links

    def _all(self, text_of: Numbers, first: Numbers) -> Iterator[Texts]:
        """All texts, some at a time."""
        for (posts, halves), (posts_end, halves_end) in self._pieces():
            chosen = first[text_of[posts:posts_end]] == np.arange(posts, posts_end)
            if chosen.any():
                letters: Halves = self._shelf.read("letters", np.uint16, halves, halves_end)
                lengths = np.diff(np.flatnonzero(letters == SEPARATOR_CODE), prepend=-1)
                keys = [self._shelf.read(f"key{band}", np.uint32, posts, posts_end)[chosen] for band in range(N_BANDS)]
                yield Texts(
                    int(text_of[posts:posts_end][chosen][0]), lengths[chosen], letters[np.repeat(chosen, lengths)],
                    self._shelf.read("signature", np.uint64, posts, posts_end)[chosen], np.stack(keys, axis=1),
                )  # fmt: skip

    def _texts(
        self, text_of: Numbers, first: Numbers, joined: NDArray[np.bool_]
    ) -> Iterator[tuple[Halves, NDArray[np.bool_], Numbers, Rooms]]:
        """Texts that are `joined`, some at a time: letters of some posts, which of these are theirs, numbers, buckets."""
        for (posts, halves), (posts_end, halves_end) in self._pieces():
            text = text_of[posts:posts_end]
            chosen = joined[text] & (first[text] == np.arange(posts, posts_end))
            if not chosen.any():
                continue
            told = text[chosen]
            low, high = int(told[0]), int(told[-1]) + 1
            read = [self._shelf.read(f"bucket{band}", np.uint32, low, high)[told - low] for band in range(N_BANDS)]
            yield self._shelf.read("letters", np.uint16, halves, halves_end), chosen, told, np.stack(read, axis=1)

    def _buckets(self, first: Numbers, signatures: Words) -> tuple[NDArray[np.bool_], int]:
        """Which texts share a bucket; how many places all rooms take. Buckets are put aside in place of the keys."""
        n_places, joined = 0, np.zeros(len(first), np.bool_)

        def work(band: int) -> tuple[Rooms, int]:
            return number_buckets(self._shelf.read(f"key{band}", np.uint32)[first], signatures)

        for band, (buckets, places) in enumerate(in_order(work, range(N_BANDS), min(self._threads, 2))):
            inside = buckets > 0
            joined |= inside
            self._shelf.append(f"bucket{band}", np.where(inside, buckets + np.uint32(n_places), buckets))
            self._shelf.drop(f"key{band}")
            n_places += places
        return joined, n_places

    def _pieces(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Runs of batches of some _PIECE posts: where each begins and ends, in posts and letters."""
        edges = [self._ends[0]]
        for end in self._ends[1:]:
            if end[0] - edges[-1][0] >= _PIECE or end is self._ends[-1]:
                edges.append(end)
        return list(pairwise(edges))


def _batches(pieces: Iterable[tuple[pa.Table, Ints]]) -> Iterator[tuple[pa.Table, pa.Array]]:
    """Of each piece the rows that are no talk, some at a time in their order."""
    for piece, order in pieces:
        rows = piece.select([*NEEDED, "text_label", "place"]).combine_chunks()
        talk = flags(pc.is_in(rows["kind"], pa.array(NO_BROADCAST)))
        chosen = order[~talk[order]]
        yield from ((rows, pa.array(chosen[at : at + _BATCH])) for at in range(0, len(chosen), _BATCH))


@dataclass(frozen=True)
class Columns:
    """What is put aside of some posts; `platform` numbers the names of `platforms`."""

    values: dict[str, NDArray[Any]]
    platforms: list[str]


def _sketched(rows: pa.Table) -> Columns:
    texts, platform = rows["text_normalised"], rows["platform"].combine_chunks().dictionary_encode()
    parts = [_of_texts(texts.slice(start, _IN_CACHE)) for start in range(0, len(rows), _IN_CACHE)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    told: dict[str, NDArray[Any]] = {
        "at": numbers(rows["posted_at"], UNDATED), "seen": numbers(rows["first_seen_at"], UNDATED),
        "author": _authors(rows), "platform": numbers(platform.indices, 0), "marks": _marks(rows), "label": _labels(rows),
        "place": numbers(rows["place"], -1),
    }  # fmt: skip
    long = columns.pop("long")
    return Columns(columns | {name: values[long] for name, values in told.items()}, platform.dictionary.to_pylist())


def _of_texts(texts: pa.ChunkedArray) -> dict[str, NDArray[Any]]:
    """What is put aside of the long ones of some texts, and which these are."""
    folded = fold_batch(from_arrow(texts))
    sketch = sketch_batch(folded)
    long = sketch.long
    keys = {f"key{band}": sketch.keys[long, band] for band in range(N_BANDS)}
    letters = pack(folded.codes, folded.starts, long)
    return {"long": long, "hash": sketch.hashes[long], "signature": sketch.signatures[long], "letters": letters} | keys


def _authors(rows: pa.Table) -> Words:
    """A hash of platform and author, 0 where the author is unknown."""
    hashes = np.maximum(hash_rows(rows, ["platform", "author_id"]), 1)
    return np.where(rows["author_id"].is_valid().to_numpy(), hashes, 0).astype(np.uint64)


def _marks(rows: pa.Table) -> Bytes:
    return (AUTO * flags(rows["is_auto_share"]) + REPOST * flags(rows["is_repost"])).astype(np.uint8)


def _labels(rows: pa.Table) -> Bytes:
    return numbers(pc.index_in(rows["text_label"], pa.array(CLASSES)), NO_LABEL).astype(np.uint8)
