"""Topics, mentions and links in texts, found in their UTF-8 bytes by one compiled pass.

The same as `markup.find_all` with TOPIC, MENTION and LINK, which say what is meant: a test compares the two.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.hashing import bytes_of
from pipeline.sources.columns import marked
from pipeline.tables import TEXTS
from pipeline.text.compiled import kernel

Ints = NDArray[np.int64]
KINDS = ("topics", "mentions", "links")
_WORD, _SPACE, _LINKED, _LOCAL = 1, 2, 4, 8
_MARKS = b"#@h"  # how each kind begins
_LONGEST_TOPIC, _LONGEST_NAME = 60, 30
_SUFFIXES = tuple(np.frombuffer(suffix.encode(), np.uint8) for suffix in ("[话题]", "[超话]"))


def find_spots(texts: pa.Array) -> dict[str, pa.Array]:
    """Per text its topics, mentions and links, each a list<string>; empty where there are none."""
    content, bounds = bytes_of(texts)
    places = marked(content, bounds, _MARKS)
    room = np.bincount(content[places], minlength=256)[list(_MARKS)]
    spans = [np.empty((n, 2), np.int64) for n in room]
    counts = [np.zeros(len(texts) + 1, np.int64) for _ in KINDS]
    _find(content, bounds, places, _classes(), *_SUFFIXES, *spans, *counts)
    return {name: _lists(content, spans[i][: counts[i].sum()], np.cumsum(counts[i])) for i, name in enumerate(KINDS)}


def _lists(content: NDArray[np.uint8], spans: Ints, offsets: Ints) -> pa.Array:
    return pa.ListArray.from_arrays(
        pa.array(offsets.astype(np.int32)), slices(content, spans[:, 0], spans[:, 1]), type=TEXTS
    )


def slices(content: NDArray[np.uint8], starts: Ints, ends: Ints) -> pa.Array:
    """content[starts[i]:ends[i]], whole characters of UTF-8, of each i as a string array."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(ends - starts, out=offsets[1:])
    data = np.empty(int(offsets[-1]), np.uint8)
    _copy(content, starts, offsets, data)
    texts = pa.LargeStringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(data))
    return texts.cast(pa.string())


@cache
def _classes() -> NDArray[np.uint8]:
    """For each code point whether it is a word character or white space, as `re` says, or may stand in a link."""
    every, found = "".join(map(chr, range(sys.maxunicode + 1))), np.zeros(sys.maxunicode + 1, np.uint8)
    patterns = {
        _WORD: r"\w+", _SPACE: r"\s+", _LINKED: r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+", _LOCAL: r"[A-Za-z0-9._%+-]+",
    }  # fmt: skip
    for bit, pattern in patterns.items():
        for run in re.finditer(pattern, every):  # per run of such characters: some 800
            found[run.start() : run.end()] |= bit
    return found


@kernel
def _char(content: Any, at: Any) -> Any:
    """The code point at a byte and the byte after it."""
    first = np.int64(content[at])
    if first < 0x80:
        return first, at + 1
    if first < 0xE0:
        return ((first & 0x1F) << 6) | (content[at + 1] & 0x3F), at + 2
    if first < 0xF0:
        return ((first & 0x0F) << 12) | ((content[at + 1] & 0x3F) << 6) | (content[at + 2] & 0x3F), at + 3
    high = ((first & 0x07) << 18) | ((content[at + 1] & 0x3F) << 12)
    return high | ((content[at + 2] & 0x3F) << 6) | (content[at + 3] & 0x3F), at + 4


@kernel
def _ends_with(content: Any, start: Any, end: Any, suffix: Any) -> bool:
    if end - start < len(suffix):
        return False
    same = True
    for i in range(len(suffix)):
        same &= content[end - len(suffix) + i] == suffix[i]
    return same


@kernel
def _topic(content: Any, at: Any, end: Any, classes: Any, one: Any, other: Any) -> Any:
    """Of a # at byte `at`: where the name ends and where to go on; (-1, 0) where it begins no topic."""
    place, length, last, is_word, word_end, words = at + 1, 0, 0, True, at + 1, 0
    while place < end:
        code, after = _char(content, place)
        kind = classes[code]
        if length == 0 and kind & _SPACE:
            return -1, 0
        if is_word and kind & _WORD:
            word_end, words = after, words + 1
        elif is_word:
            is_word = False
        if code in (35, 10, 13, 30) or length > _LONGEST_TOPIC + 4:
            break
        last = kind
        length += 1
        place = after
    if place < end and content[place] == 35 and length > 0 and not last & _SPACE:
        name_end, short = place, length
        has_suffix = _ends_with(content, at + 1, place, one) or _ends_with(content, at + 1, place, other)
        if has_suffix and length > 4:
            name_end, short = place - len(one), length - 4
        if short <= _LONGEST_TOPIC:
            return name_end, place + 1
    if 0 < words <= _LONGEST_NAME:
        if word_end >= end:
            return word_end, word_end
        code, _ = _char(content, word_end)
        if classes[code] & _SPACE or code in (35, 64):
            return word_end, word_end
    return -1, 0


@kernel
def _name(content: Any, at: Any, end: Any, classes: Any) -> Any:
    """Of an @ at byte `at`: where the name ends; `at` + 1 where there is none."""
    place, length = at + 1, 0
    while place < end and length < _LONGEST_NAME:
        code, after = _char(content, place)
        if not (classes[code] & _WORD or code in (0xB7, 45)):
            break
        place, length = after, length + 1
    return place


@kernel
def _link(content: Any, at: Any, end: Any, classes: Any) -> Any:
    """Of an h at byte `at`: where the link ends; -1 where there is none."""
    if end - at < 8 or content[at + 1] != 116 or content[at + 2] != 116 or content[at + 3] != 112:
        return -1
    place = at + 4
    if content[place] == 115:
        place += 1
    if end - place < 4 or content[place] != 58 or content[place + 1] != 47 or content[place + 2] != 47:
        return -1
    start = place = place + 3
    while place < end and content[place] < 0x80 and classes[content[place]] & _LINKED:
        place += 1
    return place if place > start else -1


@kernel
def _find(
    content: Any, bounds: Any, places: Any, classes: Any, one: Any, other: Any, topics: Any, names: Any, links: Any,
    n_topics: Any, n_names: Any, n_links: Any,
) -> None:  # fmt: skip
    """The spans of every kind in their order, and how many each row has, from place 1 on; `places` are those of the marks."""
    topic = name = link = row = 0
    next_topic = next_name = next_link = bounds[0]  # where each kind goes on: never in the row before
    for at in places:
        while bounds[row + 1] <= at:
            row += 1
        start, end, byte = bounds[row], bounds[row + 1], content[at]
        if byte == 35 and at >= next_topic:
            name_end, go_on = _topic(content, at, end, classes, one, other)
            if name_end >= 0:
                topics[topic, 0], topics[topic, 1] = at + 1, name_end
                topic, next_topic = topic + 1, go_on
                n_topics[row + 1] += 1
        elif byte == 64 and at >= next_name:
            before = content[at - 1] if at > start else np.uint8(0)
            name_end = _name(content, at, end, classes)
            if name_end > at + 1 and (before >= 0x80 or not classes[before] & _LOCAL):
                names[name, 0], names[name, 1] = at + 1, name_end
                name, next_name = name + 1, name_end
                n_names[row + 1] += 1
        elif byte == 104 and at >= next_link:
            link_end = _link(content, at, end, classes)
            if link_end >= 0:
                links[link, 0], links[link, 1] = at, link_end
                link, next_link = link + 1, link_end
                n_links[row + 1] += 1


@kernel
def _copy(content: Any, starts: Any, offsets: Any, data: Any) -> None:
    for i in range(len(starts)):
        to, start = offsets[i], starts[i]
        for k in range(offsets[i + 1] - to):
            data[to + k] = content[start + k]
