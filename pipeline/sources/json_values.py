"""The JSON values that a text file holds, one after another: JSON Lines, one document, several, or such in a program's
text (`const data = {...};`, `callback({...})`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.sources import encodings
from pipeline.sources.rejects import RefusedFileError

MAX_BYTES = 1 << 28  # of a file whose lines are no values: it is read as a whole
_SPACE = " \t\r\n\ufeff"
_OPENING = re.compile(r"[{\[]")
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{},]', re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|["\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class JsonValue:
    """A value with its text; `is_sound` tells whether the text was JSON, else `value` is None. Of a document that breaks
    off, `value` is what stands before the break: `n_open` brackets of it, each the last thing in the one around it, were
    not closed, and what they hold themselves is not whole.
    """

    value: Any
    text: str
    is_sound: bool = True
    n_open: int = 0


def has_lines_of_json(path: Path, encoding: str) -> bool:
    """Whether the file is read line by line: one of its first two lines is a whole object."""
    some = (text for line in encodings.lines(path, encoding, "\n") if (text := line.strip(_SPACE)))
    return any(text.startswith("{") and _decoded(text).is_sound for text in islice(some, 2))


def values_of_lines(path: Path, encoding: str) -> Iterator[JsonValue]:
    """A value per line that is not blank."""
    for line in encodings.lines(path, encoding, "\n"):  # per line: a text format is parsed row by row
        text = line.strip(_SPACE)
        if text:
            yield _decoded(text)


def values_of_text(path: Path, encoding: str) -> Iterator[JsonValue]:
    """Every object and list that is not inside another; what stands between them is a program's text. What stands in
    brackets and is no JSON is one value that is not sound, after the items of its lists before the break. Raises
    RefusedFileError where the file is too large.
    """
    text, was_sound = small_text(path, encoding), True
    opening = _OPENING.search(text)
    while opening:
        start, end = opening.start(), None
        if was_sound:
            value, end = _value(text, start)
        if end is None:  # from here on cut each value out first: an error costs json the length of the text before it
            was_sound, end = False, _closing(text, start)
            yield from _cut_out(text[start:end])
        else:
            yield JsonValue(value, text[start:end])
        opening = _OPENING.search(text, end)


def _cut_out(piece: str) -> Iterator[JsonValue]:
    value = _decoded(piece)
    before = None if value.is_sound else _before_break(piece)
    if before:
        yield before
        value = JsonValue(None, piece[len(before.text) :], is_sound=False)
    yield value


def small_text(path: Path, encoding: str) -> str:
    """All of the file. Raises RefusedFileError where it has more than MAX_BYTES."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise RefusedFileError("too_large_document", f"{size} bytes, at most {MAX_BYTES}")
    return encodings.whole_text(path, encoding)


def whole_object(text: str) -> dict[str, Any] | None:
    """The one object that a text is; None where it is anything else."""
    value = _decoded(text.strip(_SPACE)).value
    return value if isinstance(value, dict) else None


# Text keeps a long id exact and a rounded one (4.45457E+15) visible; control characters in strings are let pass.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)


def _decoded(text: str) -> JsonValue:
    value, end = _value(text, 0)
    return JsonValue(value, text) if end == len(text) else JsonValue(None, text, is_sound=False)


def _value(text: str, start: int) -> tuple[Any, int | None]:
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, None


def _before_break(text: str) -> JsonValue | None:
    """What of the document stands before the last comma of a list before the break, the brackets closed; None
    where there is no such comma.
    """
    try:
        _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        cut, stack = _last_item(text, error.pos)
    except RecursionError:
        return None
    if not cut:
        return None
    value, end = _value(text[:cut] + "".join("]" if mark == "[" else "}" for mark in reversed(stack)), 0)
    return None if end is None else JsonValue(value, text[:cut], n_open=len(stack))


def _last_item(text: str, end: int) -> tuple[int, list[str]]:
    """The place of the last comma of a list before `end`, and the brackets open there; 0 where there is none."""
    cut, open_there, stack = 0, list[str](), list[str]()
    for token in _STRUCTURE.finditer(text, 0, end):  # per token
        mark = token.group()
        if mark in "[{":
            stack.append(mark)
        elif mark in "]}" and stack:
            stack.pop()
        elif mark == "," and stack and stack[-1] == "[":
            cut, open_there = token.start(), stack.copy()
    return cut, open_there


def _closing(text: str, start: int) -> int:
    """The end of the brackets that open at `start`; the end of the text where they never close."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        mark = token.group()
        if mark == '"':
            break
        depth += (mark in "[{") - (mark in "]}")
        if depth == 0:
            return token.end()
    return len(text)
