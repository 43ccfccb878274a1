"""JSON documents: records lie where the dialect says (record_paths), in one document or in many.

A row is a record, numbered in the order in which the records begin in the file; a stretch in brackets that is no JSON
is one row too, and a reject.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from pipeline.settings import Settings
from pipeline.sources import encodings
from pipeline.sources.json_framing import IsRecord, count_line_records, count_text_records
from pipeline.sources.json_values import JsonValue, has_lines_of_json, small_text, values_of_lines, values_of_text
from pipeline.sources.record_paths import ROOT, Found, RecordPath, TooDeepError, names_of, walk
from pipeline.sources.records import Names, Plan, Records, Source, text_array
from pipeline.sources.rejects import RAW_BYTES, RefusedFileError, Reject, detail

_SAMPLE = 50  # values whose keys make the names


@dataclass(frozen=True)
class JsonDocuments:
    """A file of JSON values."""

    path: Path
    encoding: str
    paths: tuple[RecordPath, ...] = ()
    root: str = ROOT  # where the document lies in each value
    whole_names: Names = ()  # of the values as they are, where they are known

    def select(self, source: Source, _settings: Settings) -> JsonDocuments:
        """The same file, read at the paths of this source."""
        return replace(self, paths=tuple(path.under(self.root) for path in source.paths))

    def under(self, root: str) -> JsonDocuments:
        """The same file, its documents those at this location of each value."""
        return replace(self, root=root, whole_names=self.names)

    @cached_property
    def names(self) -> Names:
        """Every `location.key` in the first values, such as `$.weibo[].text`; none where the file is too large."""
        if self.whole_names:
            inside = (name.removeprefix(self.root) for name in self.whole_names if name.startswith(self.root))
            return tuple(ROOT + rest for rest in inside if rest[:1] in (".", "["))
        try:
            return names_of(value.value for value in islice(self._values(), _SAMPLE))
        except RefusedFileError:
            return ()

    @cached_property
    def _has_lines(self) -> bool:
        return has_lines_of_json(self.path, self.encoding)

    def _values(self) -> Iterator[JsonValue]:
        return (values_of_lines if self._has_lines else values_of_text)(self.path, self.encoding)

    def records(self, plan: Plan) -> Iterator[Records]:
        """The records at the paths, in batches of one path each."""
        batch = _Batch(self.root)
        for value in self._values():  # per document, and per record in it: JSON nests as it likes
            batch.add(value, self.paths)
            if len(batch) >= plan.batch_rows:
                yield from batch.records()
                batch = _Batch(self.root, batch.n_rows)
        yield from batch.records()

    def framed(self) -> int | None:
        """Rows by an independent walk over the text; None where a document is no sound JSON."""
        is_record = _any_of(self.paths)
        if self._has_lines:
            return count_line_records(encodings.lines(self.path, self.encoding, "\n"), is_record)
        return count_text_records(small_text(self.path, self.encoding), is_record)


def open_json_documents(path: Path, encoding: str) -> JsonDocuments:
    """The file as JSON documents."""
    return JsonDocuments(path, encoding)


def _any_of(paths: tuple[RecordPath, ...]) -> IsRecord:
    return lambda location, keys: any(path.holds(location, keys) for path in paths)


@dataclass
class _Batch:
    """Records by their paths; `n_rows` counts from the start of the file."""

    root: str
    n_rows: int = 0
    found: dict[RecordPath, dict[int, Found]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rejects) + sum(map(len, self.found.values()))

    def add(self, value: JsonValue, paths: tuple[RecordPath, ...]) -> None:
        if not value.is_sound:
            self._reject("bad_json", f"text that is no JSON: {value.text[:80]}", value.text)
            return
        try:
            records = list(walk(value.value, paths, value.n_open, self.root))
        except TooDeepError:
            self._reject("bad_json", "brackets too deep", value.text)
            return
        for record in records:
            self.n_rows += 1
            self.found.setdefault(record.path, {})[self.n_rows] = record
        if not records and not value.n_open:  # else a reject of what is broken follows
            self._reject("no_record", value.text[:80], value.text)

    def _reject(self, reason: str, got: str, text: str) -> None:
        self.n_rows += 1
        self.rejects.append(Reject(self.n_rows, reason, detail(reason, got), text[:RAW_BYTES]))

    def records(self) -> Iterator[Records]:
        if self.rejects:
            yield Records((), np.empty(0, np.int64), {}, lambda _: "", tuple(self.rejects))
        for path, found in self.found.items():
            more = [key for one in found.values() for key in one.value] if path.has_more else []
            names = tuple(dict.fromkeys((*path.columns, *more)))
            columns = {name: text_array([one.column(name) for one in found.values()]) for name in names}
            numbers = np.fromiter(found, np.int64, len(found))
            yield Records(names, numbers, columns, _raw_of(found), table=path.table)


def _raw_of(found: dict[int, Found]) -> Callable[[int], str]:
    """The record of a row as JSON text again; its numbers are written as texts."""
    return lambda number: json.dumps(found[number].value, ensure_ascii=False)
