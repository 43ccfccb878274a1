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

from pipeline.sources import encodings, framing
from pipeline.sources.records import Names, Plan, Records, text_array
from pipeline.sources.rejects import Reject, detail

_SPACE = " \t\r\n"
_SPACES = re.compile(f"[{_SPACE}]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|["\[\]{},]', re.DOTALL)
_SAMPLE = 50  # records whose keys make the names: exporters leave out keys that have no value
_BROKEN = object()


@dataclass(frozen=True)
class JsonLines:
    """A file of one JSON object per line."""

    path: Path
    encoding: str
    names: Names

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every line that is not blank, in batches."""
        return _batches(_line_items(self.path, self.encoding), self.names, plan.batch_rows)

    def framed(self) -> int | None:
        """Lines that are not blank."""
        return framing.count_json_lines(encodings.lines(self.path, self.encoding, "\n"))


@dataclass(frozen=True)
class JsonList:
    """A file that is one JSON list of objects; what stands after a break in the list is one bad row."""

    path: Path
    encoding: str
    names: Names

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every item of the list, in batches."""
        return _batches(_list_items(encodings.whole_text(self.path, self.encoding)), self.names, plan.batch_rows)

    def framed(self) -> int | None:
        """Items of the list; None where its brackets do not match."""
        return framing.count_json_items(encodings.whole_text(self.path, self.encoding))


def open_json_lines(path: Path, encoding: str) -> JsonLines:
    """The file as JSON Lines; names are empty where its first lines are no objects."""
    return JsonLines(path, encoding, _names(_line_items(path, encoding)))


def open_json_list(path: Path, encoding: str) -> JsonList:
    """The file as a JSON list; names are empty where its first items are no objects."""
    return JsonList(path, encoding, _names(_list_items(encodings.whole_text(path, encoding))))


def _names(items: Iterable[tuple[Any, str]]) -> Names:
    objects = (item for item, _ in islice(items, _SAMPLE) if isinstance(item, dict))
    return tuple(dict.fromkeys(name for item in objects for name in item))


def _decoder() -> json.JSONDecoder:
    # Text keeps a long id exact and a rounded one (4.45457E+15) visible; control characters in strings are let pass.
    return json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)


def _line_items(path: Path, encoding: str) -> Iterator[tuple[Any, str]]:
    decoder = _decoder()
    for line in encodings.lines(path, encoding, "\n"):  # per line: a text format is parsed row by row
        text = line.strip(_SPACE + "\ufeff")
        if text:
            value, end = _value(decoder, text, 0)
            yield (value if end == len(text) else _BROKEN), text


def _list_items(text: str) -> Iterator[tuple[Any, str]]:
    """Items of the list with their text. An item that is no JSON ends where the brackets around it say."""
    decoder, is_sound = _decoder(), True
    at = _skip(text, text.index("[") + 1)
    closed = text[at : at + 1] == "]"
    while not closed:
        value, end = _value(decoder, text, at) if is_sound else (_BROKEN, at)
        after = _skip(text, end)
        is_sound = value is not _BROKEN and text[after : after + 1] in ("", ",", "]")
        if not is_sound:  # from here on cut each item out first: an error costs json the length of the text before it
            after = _item_end(text, at)
            item = text[at:after].rstrip(_SPACE)
            value, end = _value(decoder, item, 0)
            value = value if end == len(item) else _BROKEN
        yield value, text[at:after]
        closed = text[after : after + 1] != ","
        at = _skip(text, after + 1) if not closed else after
    rest = text[at + 1 :].strip(_SPACE + "\ufeff")
    if rest:
        yield _BROKEN, rest


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


def _batches(items: Iterable[tuple[Any, str]], names: Names, size: int) -> Iterator[Records]:
    numbered = enumerate(items, 1)
    while batch := list(islice(numbered, size)):
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
