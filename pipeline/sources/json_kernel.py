"""Lines of JSON cut into keys and values at machine speed, where the line is one flat object: most exports are nothing else.

What is taken here, Python's json would read alike. Whatever is not plain (nested values, escapes in keys, anything odd) is
left to it: `is_flat` is False for such a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.sources.json_escapes import ESCAPED, FALSE, NULL, NUMBER, PLAIN, TRUE, fill, hex_at
from pipeline.sources.json_lines import Bytes, Ints, Lines
from pipeline.text.compiled import kernel

_MOST_KEYS = 256


@dataclass(frozen=True)
class Flat:
    """The flat objects among some lines: `columns` has a value, or NULL, for each of them, in their order."""

    is_flat: NDArray[np.bool_]
    columns: dict[str, pa.Array]


def flat_objects(lines: Lines) -> Flat:
    """What can be read here of these lines."""
    inside = lines.data[lines.starts[0] : lines.ends[-1]]
    room = int(np.count_nonzero(inside == ord(":"))) + 1
    fields, keys = np.empty((room, 5), np.int64), np.empty((_MOST_KEYS, 2), np.int64)
    is_flat = np.zeros(len(lines), bool)
    n, n_keys = _tokenise(lines.data, lines.starts, lines.ends, fields, keys, is_flat)
    fields = fields[:n]
    number = np.cumsum(is_flat) - 1
    places = np.full((n_keys, int(is_flat.sum())), -1)
    places[fields[:, 1], number[fields[:, 0]]] = np.arange(n)  # of a key that stands twice the last value counts
    met = np.flatnonzero((places >= 0).any(axis=1))  # other keys stand only where an object turned out not to be flat
    names = {lines.data[start:end].tobytes().decode(): k for k, (start, end) in zip(met, keys[met], strict=True)}
    return Flat(is_flat, {name: _column(lines.data, fields, places[k]) for name, k in names.items()})


def _column(data: Bytes, fields: Ints, places: Ints) -> pa.Array:
    """The values at these places of `fields` as a string array; NULL for -1."""
    kinds = np.where(places >= 0, fields[places, 4], NULL)
    starts, ends = fields[places, 2], fields[places, 3]
    offsets = np.empty(len(places) + 1, np.int32)
    texts = np.empty(int((ends - starts)[kinds != NULL].sum()), np.uint8)
    size = fill(data, starts, ends, kinds, offsets, texts)
    missing = kinds == NULL
    mask = pa.array(~missing).buffers()[1] if missing.any() else None
    return pa.StringArray.from_buffers(
        len(places), pa.py_buffer(offsets), pa.py_buffer(texts[:size].copy()), mask, int(missing.sum())
    )


@kernel
def _space(data: Any, at: Any, end: Any) -> Any:
    while at < end and data[at] in (32, 9, 13):
        at += 1
    return at


@kernel
def _string(data: Any, at: Any, end: Any) -> Any:
    """Of a string whose quote stands before `at`: where its closing quote is (-1: nowhere), and whether all escapes in it
    are ones that `fill` reads; 0 none, 1 some, 2 others.
    """
    kind = 0
    while at < end and data[at] != 34:
        if data[at] == 92:
            kind = max(kind, 1)
            at += 1
            if at >= end:
                return -1, 2
            byte = data[at]
            if byte == 117:
                if at + 4 >= end or hex_at(data, at + 1) < 0:
                    return -1, 2
                at += 4
            elif byte not in (34, 92, 47, 98, 102, 110, 114, 116):
                return -1, 2
        at += 1
    return (at, kind) if at < end else (-1, 2)


@kernel
def _number(data: Any, at: Any, end: Any) -> Any:
    """Where a number that begins here ends; `at` itself where none does."""
    start = at
    if at < end and data[at] == 45:
        at += 1
    if at >= end or not 48 <= data[at] <= 57:
        return start
    if data[at] == 48:
        at += 1
    else:
        while at < end and 48 <= data[at] <= 57:
            at += 1
    if at + 1 < end and data[at] == 46 and 48 <= data[at + 1] <= 57:
        at += 1
        while at < end and 48 <= data[at] <= 57:
            at += 1
    if at < end and data[at] in (69, 101):
        place = at + 1
        if place < end and data[place] in (43, 45):
            place += 1
        if place < end and 48 <= data[place] <= 57:
            at = place
            while at < end and 48 <= data[at] <= 57:
                at += 1
    return at


@kernel
def _word(data: Any, at: Any, end: Any) -> Any:
    """true, false or null: its kind and length; (-1, 0) for none."""
    if at + 4 <= end and data[at] == 116 and data[at + 1] == 114 and data[at + 2] == 117 and data[at + 3] == 101:
        return TRUE, 4
    if at + 4 <= end and data[at] == 110 and data[at + 1] == 117 and data[at + 2] == 108 and data[at + 3] == 108:
        return NULL, 4
    if (
        at + 5 <= end and data[at] == 102 and data[at + 1] == 97 and data[at + 2] == 108 and data[at + 3] == 115
        and data[at + 4] == 101
    ):  # fmt: skip
        return FALSE, 5
    return -1, 0


@kernel
def _key(data: Any, start: Any, end: Any, keys: Any, n_keys: Any, guess: Any) -> Any:
    """The number of a key; n_keys for a new one. The one after the last is tried first."""
    for k in range(-1, n_keys):
        number = guess if k < 0 else k
        if number < n_keys and keys[number, 1] - keys[number, 0] == end - start:
            same = True
            for i in range(end - start):
                if data[keys[number, 0] + i] != data[start + i]:
                    same = False
                    break
            if same:
                return number
    return n_keys


@kernel
def _tokenise(data: Any, starts: Any, ends: Any, fields: Any, keys: Any, is_flat: Any) -> Any:
    """Fields (line, key, start, end, kind) of the flat objects, and how many keys there are."""
    n = n_keys = 0
    for line in range(len(starts)):
        at, end, begun, key = starts[line], ends[line], n, -1
        if data[at] != 123:
            continue
        at = _space(data, at + 1, end)
        good = at < end and data[at] == 125 and at + 1 == end
        while not good:
            if at >= end or data[at] != 34:
                break
            close, escapes = _string(data, at + 1, end)
            if close < 0 or escapes:
                break
            key = _key(data, at + 1, close, keys, n_keys, key + 1)
            if key == n_keys:
                if n_keys == len(keys):
                    break
                keys[key, 0], keys[key, 1] = at + 1, close
                n_keys += 1
            at = _space(data, close + 1, end)
            if at >= end or data[at] != 58:
                break
            at = _space(data, at + 1, end)
            if at >= end:
                break
            if data[at] == 34:
                start = at + 1
                stop, escapes = _string(data, start, end)
                if stop < 0:
                    break
                kind, at = ESCAPED if escapes else PLAIN, stop + 1
            else:
                start, kind = at, NUMBER
                stop = at = _number(data, at, end)
                if start == stop:
                    kind, length = _word(data, at, end)
                    if kind < 0:
                        break
                    stop = at = at + length
            fields[n, 0], fields[n, 1], fields[n, 2], fields[n, 3], fields[n, 4] = line, key, start, stop, kind
            n += 1
            at = _space(data, at, end)
            if at >= end:
                break
            if data[at] == 125:
                good = at + 1 == end
                if not good:
                    break
            elif data[at] == 44:
                at = _space(data, at + 1, end)
            else:
                break
        is_flat[line] = good
        if not good:
            n = begun
    return n, n_keys
