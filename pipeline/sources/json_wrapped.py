"""Records in an envelope: a document under some key of another, rows of a flat dialect in a list that is not the file itself.

APIs, database tools and people who save answers wrap what exporters write ({"data": {"list": [...]}}, {"RECORDS": [...]}).
A file that no source knows as it stands is shown to them again from each place in it, the shallowest first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pipeline.settings import Settings
from pipeline.sources.json_documents import JsonDocuments
from pipeline.sources.record_paths import ROOT, RecordPath
from pipeline.sources.records import Names, Source

MAX_PLACES = 24  # of a file that are looked at, and how deep they may lie
MAX_STEPS = 4
_ITEM = "[]"


@dataclass(frozen=True)
class JsonRows(JsonDocuments):
    """A file of JSON values seen as tables, each the objects at one location; `place` is the one by which a dialect is
    known. ROOT among the names says that these are no native rows, which are not looked for inside other documents.
    """

    tables: dict[str, Names] = field(default_factory=dict)
    place: str = ROOT

    @property
    def names(self) -> Names:  # of one table alone
        """The keys of the objects at the location, and ROOT."""
        return (ROOT, *self.tables[self.place])

    def select(self, source: Source, settings: Settings) -> JsonRows:
        """The same file, of which this source knows some tables; of those in one another the outer one."""
        known = [place for place, names in self.tables.items() if source.recognises((ROOT, *names), settings)]
        return replace(self, paths=tuple(RecordPath("", place, self.tables[place], has_more=True) for place in known))


def open_wrapped(documents: JsonDocuments) -> Iterator[JsonDocuments]:
    """The file from each place in it: as a document, then as rows."""
    tables = _tables(documents.names)
    for root in _roots(tables):
        yield documents.under(root)
    for place in tables:
        yield JsonRows(documents.path, documents.encoding, tables=tables, place=place)


def _tables(names: Names) -> dict[str, Names]:
    """The keys of the objects at each location, the shallowest first."""
    keys: dict[str, list[str]] = {}
    for name in names:
        place, _, key = name.rpartition(".")
        keys.setdefault(place, []).append(key)
    near = sorted((place for place in keys if _depth(place) <= MAX_STEPS), key=_depth)
    return {place: tuple(keys[place]) for place in near[:MAX_PLACES]}


def _roots(tables: dict[str, Names]) -> list[str]:
    """Where a document may begin: objects, and the lists that hold them."""
    places = (one for place in tables for one in (place.removesuffix(_ITEM), place))
    return [place for place in dict.fromkeys(places) if place != ROOT]


def _depth(place: str) -> int:
    return place.count(".") + place.count(_ITEM)
