"""The clustering of texts in parts that share no memory: side by side on this machine, or on all that see the lake.

The band keys of all texts stand in Parquet, a folder for each bucket: a range of the key's values. Three rounds of parts,
each part a function of files:

    pairs    of a bucket: the pairs of texts that share a key and are near by their signatures
    verify   of a stretch of texts: their pairs with earlier ones, those of Jaccard 0.7 or more, counted exactly
    lead     of a group of texts that hang together (pipeline.steps.campaign_pairs): the leader clustering, in order

In between one machine numbers the texts and finds the groups: four bytes a text. What comes out is what the clustering of
all texts at once gives. A part holds the keys of one bucket, or the letters of two stretches, or one group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.errors import XinrenError
from pipeline.stages.campaign_room import Room
from pipeline.steps.campaign_keys import Halves, Numbers, number_buckets
from pipeline.steps.campaign_links import Leaders, Links
from pipeline.steps.campaign_pairs import bind, group, near_pairs, similarities
from pipeline.steps.campaign_texts import Texts
from pipeline.text.codepoints import Ints
from pipeline.text.sketch import N_BANDS, Words
from pipeline.threads import in_order

_LOW = 2**32 - 1
_KEYS = [f"key{band}" for band in range(N_BANDS)]


@dataclass(frozen=True)
class Part:
    """One of the parts of a round. bounds: where each stretch of texts begins, and the last ends."""

    room: str
    round: str
    number: int
    buckets: int
    bounds: tuple[int, ...]


Spread = Callable[[Sequence[Part]], None]  # does the parts of a round, wherever it likes, and returns once all are done


def do_part(part: Part) -> None:
    """Do one part. Doing it again changes nothing."""
    {"pairs": _pairs, "verify": _verify, "lead": _lead}[part.round](Room(part.room), part)


def side_by_side(threads: int) -> Spread:
    """Parts on so many threads of this process."""

    def spread(parts: Sequence[Part]) -> None:
        for _ in in_order(do_part, parts, threads):
            pass

    return spread


def lead_in_parts(uri: str, parts: int, texts: Iterable[Texts], n_texts: int, spread: Spread) -> Links:
    """The clustering of so many `texts`, which come in order, through files under `uri`: `parts` of each round, or fewer.

    Nothing may stand there, and no other run may write there: a part that a failed run left may still be done.
    """
    if n_texts == 0:
        return Links.of_none(0)
    room = Room(uri)
    try:
        bounds = _write(room, parts, texts, n_texts)
        stretches = len(bounds) - 1

        def do(round_: str, n: int) -> None:
            spread([Part(uri, round_, number, parts, bounds) for number in range(n)])

        do("pairs", parts)
        do("verify", stretches)
        n_groups = _write_groups(room, parts, bounds)
        do("lead", n_groups)
        return _links(room, n_groups, n_texts)
    finally:
        with suppress(XinrenError):  # what stays is deleted by the next writer
            room.clear()


def _write(room: Room, parts: int, texts: Iterable[Texts], n_texts: int) -> tuple[int, ...]:
    """The texts in stretches, and their band keys by bucket; where the stretches begin."""
    bounds, held = [0], list[Texts]()
    for some in texts:
        held.append(some)
        if held[-1].end - bounds[-1] >= -(-n_texts // parts) or held[-1].end == n_texts:
            _write_stretch(room, len(bounds) - 1, parts, held)
            bounds.append(held[-1].end)
            held = []
    return tuple(bounds)


def _write_stretch(room: Room, stretch: int, parts: int, held: list[Texts]) -> None:
    keys = np.concatenate([some.keys for some in held])
    signatures = np.concatenate([some.signatures for some in held])
    lengths = np.concatenate([some.lengths for some in held])
    letters = np.concatenate([some.letters for some in held])
    offsets = np.concatenate(([0], np.cumsum(lengths))) * letters.itemsize
    packed = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(letters)]
    )
    columns = {name: keys[:, band] for band, name in enumerate(_KEYS)}
    room.write(f"texts/{stretch:05}", {"signature": signatures, "letters": packed, **columns})
    bucket = (keys.ravel().astype(np.uint64) * np.uint64(parts)) >> np.uint64(32)
    order = np.argsort(bucket, kind="stable")
    edges = np.searchsorted(bucket[order], np.arange(parts + 1))
    number = held[0].start + order // N_BANDS
    for b, (start, end) in enumerate(pairwise(edges.tolist())):
        rows, texts = order[start:end], number[start:end].astype(np.int32)
        told = {"key": keys.ravel()[rows], "text": texts, "signature": signatures[rows // N_BANDS]}
        room.write(f"keys/bucket={b:05}/{stretch:05}", told)


def _pairs(room: Room, part: Part) -> None:
    names = [f"keys/bucket={part.number:05}/{stretch:05}" for stretch in range(len(part.bounds) - 1)]
    rows = pa.concat_tables([room.read(name) for name in names])
    key, text, signature = (rows[name].to_numpy() for name in ("key", "text", "signature"))
    del rows
    near, bound = near_pairs(key, text, signature)
    words = np.unique((near[:, 0].astype(np.int64) << 32) | near[:, 1])
    del near
    columns = {"later": words >> 32, "earlier": words & _LOW}
    room.write(f"near/{part.number:05}", {name: values.astype(np.int32) for name, values in columns.items()})
    room.write(f"bound/{part.number:05}", {"later": bound[:, 0], "earlier": bound[:, 1]})


def _verify(room: Room, part: Part) -> None:
    first, end = part.bounds[part.number], part.bounds[part.number + 1]
    mine = [("later", ">=", first), ("later", "<", end)]
    rows = pa.concat_tables([room.read(f"near/{bucket:05}", filters=mine) for bucket in range(part.buckets)])
    words = (rows["earlier"].to_numpy().astype(np.int64) << 32) | rows["later"].to_numpy()
    words = np.unique(words)
    earlier, later = words >> 32, words & _LOW
    chosen, score = np.unique(later), np.zeros(len(words))
    letters = _letters(room, part.number, chosen - first)
    for stretch, (low, high) in enumerate(pairwise(np.searchsorted(earlier, part.bounds).tolist())):
        if low == high:
            continue
        theirs = np.unique(earlier[low:high])
        pool = _letters(room, stretch, theirs - part.bounds[stretch])
        pairs = np.stack([np.searchsorted(chosen, later[low:high]), np.searchsorted(theirs, earlier[low:high])], axis=1)
        order = np.argsort(pairs[:, 0], kind="stable")
        score[low + order] = similarities(letters, pool, pairs[order])
    kept = score > 0
    columns = {"later": later[kept], "earlier": earlier[kept], "similarity": score[kept]}
    room.write(f"pairs/{part.number:05}", columns)


def _letters(room: Room, stretch: int, rows: Ints) -> tuple[Halves, Ints]:
    """The packed letters of some texts of a stretch, and where each begins, and the last ends."""
    return _unpacked(room.read(f"texts/{stretch:05}", ["letters"])["letters"].take(pa.array(rows)))


def _unpacked(column: pa.ChunkedArray) -> tuple[Halves, Ints]:
    array = column.combine_chunks().cast(pa.large_binary())
    offsets = np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array) + 1] // 2
    data = array.buffers()[2]
    letters = np.frombuffer(data, np.uint16) if data is not None else np.empty(0, np.uint16)
    return letters[offsets[0] : offsets[-1]], offsets - offsets[0]


def _write_groups(room: Room, parts: int, bounds: tuple[int, ...]) -> int:
    """The group of each text, from all verified pairs and those of large keys; how many there are."""
    leads = np.arange(bounds[-1], dtype=np.int32)
    names = [f"pairs/{i:05}" for i in range(len(bounds) - 1)] + [f"bound/{bucket:05}" for bucket in range(parts)]
    for name in names:
        rows = room.read(name, ["later", "earlier"])
        bind(leads, np.stack([rows[c].to_numpy().astype(np.int32) for c in ("later", "earlier")], axis=1))
    groups = group(leads, parts)
    for stretch, (start, end) in enumerate(pairwise(bounds)):
        room.write(f"groups/{stretch:05}", {"group": groups[start:end]})
    return parts


def _lead(room: Room, part: Part) -> None:
    rows = [_rows_of(room, stretch, part.number) for stretch in range(len(part.bounds) - 1)]
    numbers = np.concatenate([start + mine for start, mine in zip(part.bounds, rows, strict=False)])
    links = _led(room, rows, len(numbers)) if len(numbers) else Links.of_none(0)
    columns = {"text": numbers, "founder": numbers[links.founder], "similarity": links.similarity}
    room.write(f"links/{part.number:05}", columns | {"nearest": links.nearest})


def _rows_of(room: Room, stretch: int, number: int) -> Ints:
    return np.flatnonzero(room.read(f"groups/{stretch:05}")["group"].to_numpy() == number)


def _led(room: Room, rows: list[Ints], n: int) -> Links:
    """The clustering of the texts that stand in these rows of each stretch."""
    signatures: Words = _column(room, rows, "signature")
    buckets, n_places = np.zeros((n, N_BANDS), np.uint32), 0
    for band, name in enumerate(_KEYS):
        found, places = number_buckets(_column(room, rows, name), signatures)
        buckets[:, band] = np.where(found > 0, found + np.uint32(n_places), found)
        n_places += places
    links, at = Links.of_none(n), 0
    with ThreadPoolExecutor(1) as pool:
        leaders = Leaders(links, n, n_places, _n_halves(room, rows), pool, 1)
        for stretch, mine in enumerate(rows):
            if len(mine):
                letters, _ = _letters(room, stretch, mine)
                some = slice(at, at + len(mine))
                numbers: Numbers = np.arange(some.start, some.stop, dtype=np.int32)
                leaders.add(letters, np.ones(len(mine), bool), numbers, buckets[some], signatures[some])
                at = some.stop
    return links


def _column(room: Room, rows: list[Ints], name: str) -> NDArray[Any]:
    parts = [room.read(f"texts/{i:05}", [name])[name].to_numpy()[mine] for i, mine in enumerate(rows) if len(mine)]
    return np.concatenate(parts)


def _n_halves(room: Room, rows: list[Ints]) -> int:
    """Letters with their ends of the texts in these rows."""
    return sum(len(_letters(room, stretch, mine)[0]) for stretch, mine in enumerate(rows) if len(mine))


def _links(room: Room, n_groups: int, n_texts: int) -> Links:
    links = Links.of_none(n_texts)
    for number in range(n_groups):
        rows = room.read(f"links/{number:05}")
        text = rows["text"].to_numpy()
        for name in ("founder", "similarity", "nearest"):
            getattr(links, name)[text] = rows[name].to_numpy()
    return links
