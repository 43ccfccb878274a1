"""Where a dialect's records lie in a JSON document, and how they are found there.

A location is written like `$.data.cards[].mblog`: `$` is the document, `.name` the value of a key, `[]` an item of a
list, or the value of a key that is a number. A dialect names the locations of its records; an object inside another, such
as the post that a repost quotes, is a record of its own where its location is named too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

ROOT = "$"
ABOVE, HOLDER = "^", "<"
MAX_DEPTH = 64  # brackets open at once; no exporter comes near it, a hostile file would
_MAX_LOOKS = 20_000  # objects of a document, and names in all, that are looked at to know a dialect
_SPECIAL = {r"\*\*": ".*", r"\*": r"[^.\[\]]*"}


class TooDeepError(Exception):
    """Raised where a document nests deeper than MAX_DEPTH."""


@dataclass(frozen=True)
class RecordPath:
    """One kind of record: the objects at `path` that have all keys of `needs`. The dialect is known by an object there
    that has those of `known_by` as well.

    In `path`, `*` stands for any key and `**` for any way down (`**.mblog`). `table` is what Records.table says of
    them. Of `columns`, a name is a key of the record, `user.id` a key of an object in it, `tags[].name` a list of the
    items' keys; `^.id` looks in the record around it (`^.^.id` in the one around that), `<.user.id` in the object that
    holds its list, and `$.user.id` in the document.
    With `has_more` the other keys of a record are columns too.
    """

    table: str
    path: str
    columns: tuple[str, ...]
    needs: frozenset[str] = frozenset()
    known_by: frozenset[str] = frozenset()
    has_more: bool = False

    def under(self, root: str) -> RecordPath:
        """The same where the document lies at `root` of another."""
        return replace(self, path=root + self.path[1:]) if self.path.startswith(ROOT) else self

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = re.split(r"(\*\*|\*)", self.path)
        return re.compile("".join(_SPECIAL.get(re.escape(part), re.escape(part)) for part in parts), re.DOTALL)

    def lies_at(self, location: str) -> bool:
        """Whether `path` describes the location."""
        return self._pattern.fullmatch(location) is not None

    def holds(self, location: str, keys: Collection[str]) -> bool:
        """Whether an object with these keys at this location is such a record."""
        return self.needs.issubset(keys) and self.lies_at(location)


@dataclass(frozen=True)
class Found:
    """A record in its document: `above` is the record around it."""

    path: RecordPath
    value: dict[str, Any]
    above: Found | None
    root: Any
    holder: Any = None

    def column(self, name: str) -> Any:
        """The value of a column of the path; None where there is none."""
        return self._at(_steps(name))

    def _at(self, steps: tuple[str, ...]) -> Any:
        if steps[0] == ABOVE:
            return self.above._at(steps[1:]) if self.above and len(steps) > 1 else None
        if steps[0] in (ROOT, HOLDER):
            return _down(self.root if steps[0] == ROOT else self.holder, steps[1:])
        return _down(self.value, steps)


def walk(whole: Any, paths: tuple[RecordPath, ...], n_open: int = 0, start: str = ROOT) -> Iterator[Found]:
    """The records of a value, each before those inside it; of one that broke off (JsonValue.n_open), the whole ones. Where
    `$` of a column looks is the value at `start`. Raises TooDeepError, then possibly after some records.
    """
    candidates: dict[str, list[RecordPath]] = {}
    stack: list[tuple[str, Any, Found | None, int, int, Any, Any]] = [(ROOT, whole, None, 1, n_open, whole, None)]
    while stack:  # per object and list: JSON nests as it likes
        location, value, above, depth, broken, root, holder = stack.pop()
        if depth > MAX_DEPTH:
            raise TooDeepError
        root = value if location == start else root
        if isinstance(value, dict):
            if location not in candidates:
                candidates[location] = [path for path in paths if path.lies_at(location)]
            path = next((path for path in candidates[location] if path.needs.issubset(value)), None)
            if path is not None:
                above = Found(path, value, above, root, holder)
                if not broken:
                    yield above
        holder = value if isinstance(value, dict) else holder
        children = [(place, child, above, depth + 1, 0, root, holder) for place, child in _children(location, value)]
        if broken and children:
            children[-1] = (*children[-1][:4], broken - 1, root, holder)
        stack += reversed(children)


def names_of(documents: Iterable[Any]) -> tuple[str, ...]:
    """Every `location.key` of some documents, in order, up to a limit: what a dialect is known by."""
    names: dict[str, None] = {}
    for document in documents:
        stack = [(ROOT, document)]
        for _ in range(_MAX_LOOKS):
            location, value = stack.pop()
            if isinstance(value, dict):
                names |= dict.fromkeys(f"{location}.{key}" for key in value)
            stack += reversed(_children(location, value))
            if not stack:
                break
        if len(names) > _MAX_LOOKS:
            break
    return tuple(names)


def fits(names: Iterable[str], paths: tuple[RecordPath, ...]) -> bool:
    """Whether records of one of the paths may be in a file with these names."""
    keys: dict[str, set[str]] = {}
    for name in names:
        location, dot, key = name.rpartition(".")
        if dot and location.startswith(ROOT):
            keys.setdefault(location, set()).add(key)
    return any(
        path.known_by.issubset(found) and path.holds(location, found)
        for location, found in keys.items()
        for path in paths
    )


def _children(location: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(_inside(location, key), child) for key, child in value.items() if isinstance(child, (dict, list))]
    if isinstance(value, list):
        return [(f"{location}[]", child) for child in value if isinstance(child, (dict, list))]
    return []


def _inside(location: str, key: str) -> str:
    """The location of a key's value; objects keyed by row number or id are lists ({"0": {..}, "1": {..}})."""
    return f"{location}[]" if key.isdecimal() else f"{location}.{key}"


@cache
def _steps(name: str) -> tuple[str, ...]:
    return tuple(name.split("."))


def _down(value: Any, steps: tuple[str, ...]) -> Any:
    for place, step in enumerate(steps):
        if not isinstance(value, dict):
            return None
        value = value.get(step.removesuffix("[]"))
        if step.endswith("[]"):
            items = value if isinstance(value, list) else []
            return [_down(item, steps[place + 1 :]) for item in items]
    return value
