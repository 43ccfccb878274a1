"""JSON Lines and JSON lists: one object is one row. Numbers stay the text they were written as."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.sources import encodings, framing
from pipeline.sources.json_kernel import Flat, flat_objects
from pipeline.sources.json_lines import MAX_LINE, Lines, lines_of
from pipeline.sources.records import Names, Plan, Records, text_array
from pipeline.sources.rejects import RAW_BYTES, RefusedFileError, Reject, detail

_SPACE = " \t\r\n"
_SPACES = re.compile(f"[{_SPACE}]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|["\[\]{},]', re.DOTALL)
MAX_PORTION = 1 << 22  # characters of a batch
_SAMPLE = 50  # records whose keys make the names: exporters leave out keys that have no value
_LINE_ENDS = ("", ",")  # a comma after each line: written as if for a list
_BROKEN = object()


@dataclass(frozen=True)
class JsonLines:
    """A file of one JSON object per line."""

    path: Path
    encoding: str
    names: Names

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every line that is not blank, in batches."""
        seen = 0
        for lines in lines_of(encodings.text_chunks(self.path, self.encoding)):
            for start in range(0, len(lines), plan.batch_rows):
                yield _of_lines(lines.slice(start, start + plan.batch_rows), self.names, seen + start + 1)
            seen += len(lines)

    def framed(self) -> int | None:
        """Lines that are not blank."""
        return framing.count_json_lines(encodings.text_chunks(self.path, self.encoding))


def _of_lines(lines: Lines, names: Names, first: int) -> Records:
    """The objects of these lines, the first of them row `first` of the file."""
    if lines.oversized:
        said = detail("too_large", f"a line of more than {MAX_LINE >> 20} MB")
        return Records(names, np.empty(0, np.int64), {}, lines.text, (Reject(first, "too_large", said, lines.text(0)),))
    flat, decoder = flat_objects(lines), _decoder()
    others = np.flatnonzero(~flat.is_flat)
    read = {
        line: _whole_value(decoder, lines.text(line)) for line in others.tolist()
    }  # per line that nests, or is no JSON
    nested = {line: item for line, item in read.items() if isinstance(item, dict)}
    rejects = tuple(
        Reject(first + line, "bad_json", _complaint(item, lines.text(line)), lines.text(line))
        for line, item in read.items() if line not in nested
    )  # fmt: skip
    good = np.concatenate([np.flatnonzero(flat.is_flat), np.fromiter(nested, np.int64, len(nested))])
    order = np.argsort(good)
    columns = _together(flat, list(nested.values()), order) if nested else flat.columns
    return Records(names, good[order] + first, columns, lambda number: lines.text(number - first), rejects)


def _together(flat: Flat, nested: list[dict[str, Any]], order: NDArray[np.int64]) -> dict[str, pa.Array]:
    """The columns of flat and of nested objects, their rows put in order."""
    n_flat = int(flat.is_flat.sum())
    keys = dict.fromkeys([*flat.columns, *(name for item in nested for name in item)])
    nothing = pa.nulls(n_flat, pa.string())
    return {
        key: pa.concat_arrays([flat.columns.get(key, nothing), text_array([item.get(key) for item in nested])]).take(
            pa.array(order)
        )
        for key in keys
    }


def _whole_value(decoder: json.JSONDecoder, text: str) -> Any:
    value, end = _value(decoder, text, 0)
    return value if text[end:].strip(_SPACE) in _LINE_ENDS else _BROKEN


@dataclass(frozen=True)
class JsonList:
    """A file that is a JSON list of objects, or several one after another; what stands after a break is one bad row."""

    path: Path
    encoding: str
    names: Names

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every item of the list, in batches."""
        return _batches(_list_items(_pieces(self.path, self.encoding)), self.names, plan.batch_rows)

    def framed(self) -> int | None:
        """Items of the list; None where its brackets do not match."""
        return framing.count_json_items(encodings.text_chunks(self.path, self.encoding))


def open_json_lines(path: Path, encoding: str) -> JsonLines:
    """The file as JSON Lines; names are empty where its first lines are no objects."""
    first = (
        lines.text(line)
        for lines in lines_of(encodings.text_chunks(path, encoding, encodings.FIRST))
        for line in range(len(lines))
    )
    decoder = _decoder()
    return JsonLines(path, encoding, _names((_whole_value(decoder, text), text) for text in first))


def open_json_list(path: Path, encoding: str) -> JsonList:
    """The file as a JSON list; names are empty where its first items are no objects."""
    return JsonList(path, encoding, _names(_list_items(_pieces(path, encoding))))


def _pieces(path: Path, encoding: str) -> Iterator[str]:
    return (chunk.decode() for chunk in encodings.text_chunks(path, encoding))


def _names(items: Iterable[tuple[Any, str]]) -> Names:
    objects = (item for item, _ in islice(items, _SAMPLE) if isinstance(item, dict))
    return tuple(dict.fromkeys(name for item in objects for name in item))


def _decoder() -> json.JSONDecoder:
    # Text keeps a long id exact and a rounded one (4.45457E+15) visible; control characters in strings are let pass.
    return json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)


@dataclass
class _Window:
    """The part of a text that is looked at; it begins with the item that is read and grows until that is whole."""

    pieces: Iterator[str]
    text: str = ""

    def grow(self) -> bool:
        """Take one more piece; whether there was one. Raises RefusedFileError where an item has no end in sight."""
        if len(self.text) > MAX_LINE:
            raise RefusedFileError("too_large_document", f"an item of more than {MAX_LINE:,} characters")
        piece = next(self.pieces, "")
        self.text += piece
        return bool(piece)

    def drop(self, at: int) -> None:
        """Let go of what stands before `at` and of white space after that."""
        self.text = self.text[_skip(self.text, at) :]
        while not self.text and self.grow():
            self.text = self.text[_skip(self.text, 0) :]


def _list_items(pieces: Iterable[str]) -> Iterator[tuple[Any, str]]:
    """Items of the list, and of lists right after it, with their text. An item that is no JSON ends where the brackets around
    it say; what stands after the last list is one more.
    """
    decoder, is_sound, window = _decoder(), True, _Window(iter(pieces))
    while "[" not in window.text and window.grow():
        pass
    window.drop(window.text.index("["))
    while window.text[:1] == "[":
        window.drop(1)
        closed = window.text[:1] == "]"
        while not closed:
            value, after, was_sound = _item(decoder, window.text, is_sound)
            if after >= len(window.text) and window.grow():
                continue  # it may go on
            is_sound = was_sound
            yield value, window.text[:after]
            closed = window.text[after : after + 1] != ","
            window.drop(after if closed else after + 1)
        window.drop(1)
    while len(window.text) < RAW_BYTES and window.grow():
        pass
    rest = window.text[:RAW_BYTES].strip(_SPACE + "\ufeff")
    if rest:
        yield _BROKEN, rest


def _item(decoder: json.JSONDecoder, text: str, is_sound: bool) -> tuple[Any, int, bool]:
    """The item with which `text` begins, where the mark after it stands, and whether all was sound up to there."""
    value, end = _value(decoder, text, 0) if is_sound else (_BROKEN, 0)
    after = _skip(text, end)
    if value is not _BROKEN and text[after : after + 1] in ("", ",", "]"):
        return value, after, True
    after = _item_end(text, 0)  # from here on cut each item out first: an error costs json the length of the text
    item = text[:after].rstrip(_SPACE)
    value, end = _value(decoder, item, 0)
    return value if end == len(item) else _BROKEN, after, False


def _value(decoder: json.JSONDecoder, text: str, at: int) -> tuple[Any, int]:
    try:
        return decoder.raw_decode(text, at)
    except (ValueError, RecursionError):
        return _BROKEN, at


def _skip(text: str, at: int) -> int:
    found = _SPACES.match(text, at)
    return found.end() if found else at


def _item_end(text: str, at: int) -> int:
    """Where the comma or bracket stands that ends the item at `at`; the end of `text` where none does."""
    depth = 0
    for token in _TOKEN.finditer(text, at):
        mark = token.group()
        if mark == '"':
            break
        if depth == 0 and mark in ",]}":
            return token.start()
        depth += (mark in "[{") - (mark in "]}")
    return len(text)


def _portions(items: Iterator[tuple[int, tuple[Any, str]]], size: int) -> Iterator[list[tuple[int, tuple[Any, str]]]]:
    """So many items at a time, and not much more than MAX_PORTION characters of them."""
    batch, length = [], 0
    for item in items:  # per item: its length is its own
        batch.append(item)
        length += len(item[1][1])
        if len(batch) == size or length > MAX_PORTION:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def _batches(items: Iterable[tuple[Any, str]], names: Names, size: int) -> Iterator[Records]:
    for batch in _portions(enumerate(items, 1), size):
        good = {number: (item, raw) for number, (item, raw) in batch if isinstance(item, dict)}
        keys = dict.fromkeys(name for item, _ in good.values() for name in item)
        columns = {key: text_array([item.get(key) for item, _ in good.values()]) for key in keys}
        bad = [(number, item, raw) for number, (item, raw) in batch if not isinstance(item, dict)]
        rejects = tuple(Reject(number, "bad_json", _complaint(item, raw), raw) for number, item, raw in bad)
        yield Records(names, np.fromiter(good, np.int64, len(good)), columns, _raw_of(good), rejects)


def _raw_of(good: dict[int, tuple[Any, str]]) -> Any:
    return lambda number: good[number][1]


def _complaint(item: object, raw: str) -> str:
    return detail("bad_json", f"text that is no JSON: {raw[:80]}" if item is _BROKEN else f"{raw[:80]}, no object")
