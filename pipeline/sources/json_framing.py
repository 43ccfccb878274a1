"""How many records the JSON of a file holds, by a walk over its characters: framing for `json_documents`.

The walk checks the grammar itself, keeps nothing but locations and keys, and shares no code with the parser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from pipeline.sources.record_paths import MAX_DEPTH, ROOT

IsRecord = Callable[[str, Collection[str]], bool]  # (location, keys of the object there) -> is it a record?
_WHITE = r"[ \t\r\n]*+"
_STRING = r'"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"'
_SCALAR = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null|NaN|-?Infinity"
_TOKEN = re.compile(rf"{_WHITE}(?:([{{}}\[\],:])|({_STRING})|({_SCALAR}))")
_MEMBER = re.compile(rf"{_WHITE}({_STRING}){_WHITE}:{_WHITE}(?:{_STRING}|{_SCALAR})")  # the commonest tokens at once
_OPENING = re.compile(r"[{\[]")
_SPACE = " \t\r\n\ufeff"


class UnsoundError(Exception):
    """Raised where the text is no JSON."""


class AmbiguousError(Exception):
    """Raised where an object has a key twice: which of the values counts is the parser's choice."""


def count_line_records(lines: Iterable[str], is_record: IsRecord) -> int | None:
    """Rows of JSON Lines: the records of each line, at least one; None where a key stands twice in an object."""
    total = 0
    for line in lines:  # per line: a text format is read row by row
        text = line.strip(_SPACE)
        if text:
            try:
                found, end = _count(text, 0, is_record)
                total += max(found, 1) if end == len(text) else 1
            except UnsoundError:
                total += 1
            except AmbiguousError:
                return None
    return total


def count_text_records(text: str, is_record: IsRecord) -> int | None:
    """Rows of the values in a text: the records of each, at least one; None where one is no sound JSON."""
    total, opening = 0, _OPENING.search(text)
    while opening:
        try:
            found, end = _count(text, opening.start(), is_record)
        except (UnsoundError, AmbiguousError):
            return None
        total, opening = total + max(found, 1), _OPENING.search(text, end)
    return total


def count_columns(text: str) -> int | None:
    """Rows of an object of columns by the commas of its parts, which must agree; of columns, index and data those of data. None
    where they do not, or the brackets do not match.
    """
    depth, name, counts, has_any = 0, "", dict[str, int](), set[str]()
    for token in _TOKEN.finditer(text):  # per token
        mark, string, _ = token.groups()
        if mark and mark in "}]":
            depth -= 1
        elif depth == 2 and mark == ",":
            counts[name] += 1
        elif depth == 2 and mark != ":":
            has_any.add(name)
        if depth == 1 and string:
            name = json.loads(string, strict=False)
            counts[name] = 0
        depth += bool(mark and mark in "{[")
    rows = {count + 1 if part in has_any else 0 for part, count in counts.items()}
    if counts.keys() <= {"columns", "index", "data"} and "data" in counts:
        rows = {counts["data"] + ("data" in has_any)}
    return rows.pop() if depth == 0 and len(rows) == 1 else None


@dataclass
class _Open:
    """Brackets not closed yet. `wants` says what may come next, in the letters of _count."""

    location: str
    is_object: bool
    wants: str
    keys: set[str] = field(default_factory=set)
    key: str = ""

    def child(self) -> str:
        is_named = self.is_object and not self.key.isdecimal()  # an object keyed by row number is a list
        return f"{self.location}.{self.key}" if is_named else f"{self.location}[]"


def _count(text: str, start: int, is_record: IsRecord) -> tuple[int, int]:
    """Records of the value at `start`, and its end.

    What is wanted next: k a key or the end, K a key, : a colon, v a value, e a value or the end of the list, c a comma
    or the end.
    """
    found, stack, at = 0, list[_Open](), start
    while True:  # per token
        if stack and stack[-1].wants in "kK" and (member := _MEMBER.match(text, at)):
            _name(stack[-1], member[1])
            stack[-1].wants, at = "c", member.end()
        token = _TOKEN.match(text, at)
        if token is None:
            raise UnsoundError
        mark, string, scalar = token.groups()
        at, top = token.end(), stack[-1] if stack else None
        wants = top.wants if top else "v"
        if string and wants in "kK" and top:
            _name(top, string)
        elif (string or scalar) and wants in "ve":
            if top is None:
                return 0, at
            top.wants = "c"
        elif mark and mark in "{[" and wants in "ve":
            if len(stack) == MAX_DEPTH:
                raise UnsoundError
            if top:
                top.wants = "c"
            stack.append(_Open(top.child() if top else ROOT, mark == "{", "k" if mark == "{" else "e"))
        elif mark == ":" and wants == ":" and top:
            top.wants = "v"
        elif mark == "," and wants == "c" and top:
            top.wants = "K" if top.is_object else "v"
        elif top and mark == ("}" if top.is_object else "]") and wants in "kec":
            closed = stack.pop()
            found += closed.is_object and is_record(closed.location, closed.keys)
            if not stack:
                return found, at
        else:
            raise UnsoundError


def _name(top: _Open, string: str) -> None:
    key = str(json.loads(string, strict=False)) if "\\" in string else string[1:-1]
    if key in top.keys:
        raise AmbiguousError
    top.keys.add(key)
    top.key, top.wants = key, ":"
