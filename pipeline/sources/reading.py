"""One file read from end to end in bounded memory: stretch by stretch in the order of its rows, batches side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pyarrow as pa

from pipeline.settings import Settings
from pipeline.sources.ids import DerivedIds
from pipeline.sources.profiles import build_authors
from pipeline.sources.records import AUTHORS, Form, Plan, Records, Source
from pipeline.sources.rejects import Reject, reject_table
from pipeline.sources.rows import Draft, Origin, draft, finish
from pipeline.tables import concat, empty
from pipeline.threads import in_order

TABLES = ("raw_posts", "raw_authors", "rejects")
Stretch = dict[str, pa.Table]  # rows of each of TABLES, by source_row


class OtherSeamError(Exception):
    """Raised where the last row that was gathered before is another one now: the file had been cut short in it."""


@dataclass(frozen=True)
class _Parcel:
    """Rows of a dialect to be worked on; every row below `complete` has come before or with it."""

    rows: Records
    complete: int


@dataclass(frozen=True)
class _Worked:
    parcel: _Parcel
    posts: Draft
    authors: tuple[pa.Table, list[Reject]]


@dataclass
class Reading:
    """A file that is being read. `n_rows` counts the rows met so far; rows up to `skip` are read and not handed on."""

    form: Form
    source: Source
    settings: Settings
    origin: Origin
    threads: int = 1
    skip: int = 0
    is_same: Callable[[Stretch], bool] | None = None  # of what came of row `skip`
    n_rows: int = 0
    _held: dict[str, list[pa.Table]] = field(default_factory=dict)
    _rejects: list[Reject] = field(default_factory=list)  # of rows not handed on yet
    _complete: int = 1  # all rows below it have been read
    _from: int = 1  # the first row that has not been handed on

    def stretches(self) -> Iterator[Stretch]:
        """All rows. Raises RefusedFileError where the file as a whole turns out to be unreadable."""
        ids = DerivedIds()
        for worked in in_order(partial(_worked, origin=self.origin), self._parcels(), self.threads):
            if worked.parcel.complete > self._from:
                yield from self._handed_on(worked.parcel.complete)
            posts, rejects = finish(worked.posts, ids)
            authors, more = worked.authors
            self._held.setdefault("raw_posts", []).append(posts)
            self._held.setdefault("raw_authors", []).append(authors)
            self._rejects += rejects + more
        yield from self._handed_on(self.n_rows + 1)

    def _parcels(self) -> Iterator[_Parcel]:
        plan = Plan(
            self.settings.batch_rows,
            lambda names: self.source.recognises(names, self.settings),
            self.source.headers,
            self.source.fit,
        )
        for rows in self.source.drafts(self._watched(self.form.records(plan)), self.settings):
            yield _Parcel(rows, self._complete)

    def _watched(self, batches: Iterable[Records]) -> Iterator[Records]:
        """The batches, counted on their way and with the name of their file; the reader's own rejects kept."""
        last = 0
        for batch in batches:
            if last == self.n_rows:  # rows are numbered without gaps, though batches of several tables interleave
                self._complete = self.n_rows + 1
            last = max(last, int(batch.source_rows.max(initial=0)), *(r.source_row or 0 for r in batch.rejects), 0)
            self.n_rows += len(batch) + len(batch.rejects)
            self._rejects += batch.rejects
            yield replace(batch, file_name=self.origin.source_file)

    def _handed_on(self, complete: int) -> Iterator[Stretch]:
        """What is held of rows below `complete`, in the order of the file; the rest stays."""
        start, self._from = self._from, complete
        stretch = {name: empty(name) for name in TABLES}
        for name, tables in self._held.items():
            stretch[name], rest = _split(_sorted(tables, name), complete)
            self._held[name] = [rest] if len(rest) else []
        done = [reject for reject in self._rejects if (reject.source_row or 0) < complete]
        self._rejects = [reject for reject in self._rejects if (reject.source_row or 0) >= complete]
        stretch["rejects"] = reject_table(done, self.origin.scalars())
        if start <= self.skip < complete and self.is_same is not None:
            seam = {name: _split(_split(rows, self.skip)[1], self.skip + 1)[0] for name, rows in stretch.items()}
            if not self.is_same(seam):
                raise OtherSeamError
        yield {name: _split(rows, self.skip + 1)[1] for name, rows in stretch.items()}


def _sorted(tables: list[pa.Table], name: str) -> pa.Table:
    rows = tables[0] if len(tables) == 1 else concat(tables, name)
    numbers = rows["source_row"].to_numpy()
    return rows if (numbers[1:] >= numbers[:-1]).all() else rows.sort_by("source_row")


def _split(rows: pa.Table, number: int) -> tuple[pa.Table, pa.Table]:
    """The rows before row `number` of the file, and those from it on; `rows` are sorted."""
    at = int(np.searchsorted(rows["source_row"].to_numpy(), number))
    return rows.slice(0, at), rows.slice(at)


def _worked(parcel: _Parcel, *, origin: Origin) -> _Worked:
    if parcel.rows.target == AUTHORS:
        return _Worked(parcel, Draft({}, [], 0, []), build_authors(parcel.rows, origin))
    return _Worked(parcel, draft(parcel.rows, origin), (empty("raw_authors"), []))
