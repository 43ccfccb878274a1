"""Rows as their file gave them, in columns of text: what every form of file yields and every dialect works on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.settings import Settings
from pipeline.sources.record_paths import RecordPath
from pipeline.sources.rejects import Reject

Ints = NDArray[np.int64]
Names = tuple[str, ...]
Fit = Callable[[Names, Sequence[str]], Names | None]  # (header, cells of a row) -> the names of these cells
POSTS, AUTHORS = "raw_posts", "raw_authors"
ITEM_END = "\x1f"  # UNIT SEPARATOR ends each item of a list that is written as one text
_LONE_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


@dataclass(frozen=True)
class Records:
    """A stretch of rows: the names they stand under (the CSV header, or the keys of a JSON file's first records), their
    numbers in the file, a string array per column that is there, and the rows that are no records.
    """

    names: Names
    source_rows: Ints
    columns: dict[str, pa.Array]
    raw: Callable[[int], str]  # source_row -> the row as read
    rejects: tuple[Reject, ...] = ()
    table: str = ""  # the RecordPath.table or database table they are from, where the file holds several kinds
    file_name: str = ""  # for dialects whose author stands in the name of the file alone
    target: str = POSTS  # what a dialect's draft becomes: raw_posts or raw_authors

    def __len__(self) -> int:
        return len(self.source_rows)

    def first(self, *names: str) -> pa.Array:
        """Row by row the first of these columns that is there and holds something; NULL where none does."""
        nothing = pa.nulls(len(self), pa.string())
        found = [
            pc.if_else(pc.equal(self.columns[n], ""), nothing, self.columns[n]) for n in names if n in self.columns
        ]
        return reduce(pc.coalesce, found, nothing)

    def constant(self, value: str | None) -> pa.Array:
        """`value` for every row."""
        return pa.repeat(pa.scalar(value, pa.string()), len(self))

    def with_columns(self, columns: dict[str, pa.Array], target: str = POSTS) -> Records:
        """The same rows with these columns instead, to become rows of `target`."""
        return replace(self, columns=columns, rejects=(), target=target)

    def take(self, places: Ints) -> Records:
        """The rows at these places."""
        columns = {name: column.take(pa.array(places)) for name, column in self.columns.items()}
        return replace(self, source_rows=self.source_rows[places], columns=columns, rejects=())


@dataclass(frozen=True)
class Plan:
    """How to read a file: rows per batch; which cells are a header again; the headers the exporter ever wrote; and how
    to find the names for the cells of a row that has more or fewer than the header.
    """

    batch_rows: int
    is_header: Callable[[Names], bool]
    headers: tuple[Names, ...] = ()
    fit: Fit | None = None


class Form(Protocol):
    """One way to write records into a file (CSV, JSON Lines, a JSON list, Parquet), opened on one file."""

    @property
    def names(self) -> Names:
        """The header, or the names seen in the first records."""

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every row, in batches; rows are numbered from 1, a header not counted."""

    def framed(self) -> int | None:
        """The number of rows by `framing`; None where the file cannot be framed."""


@runtime_checkable
class Selective(Protocol):
    """A form that holds more than one dialect reads: what is read of it depends on the source."""

    def select(self, source: Source, settings: Settings) -> Form:
        """The same file, read as the source wants it."""


@dataclass(frozen=True)
class Facts:
    """What the table of sources in pipeline/sources/README.md says of a dialect."""

    exporter: str  # its name, such as owner/repository
    versions: str  # what years or headers of it are read
    forms: str  # CSV, JSON, ...
    fields: str  # what is mapped, in words or names of raw_posts
    quirks: tuple[str, ...]  # what it does that a reader must survive, a clause each


@dataclass(frozen=True)
class Source:
    """A dialect: how it is known by its column names, and what its rows mean in the columns of raw_posts.

    `drafts` gives columns named as in raw_posts or raw_authors, values still text as exported; `rows` and `profiles` turn
    them into values. Of `headers`, the exporter's headers over the years, a longer one stands for rows that a newer version
    appended; `fit` is for exporters whose rows differ in more than that.
    """

    recognises: Callable[[Sequence[str], Settings], bool]
    drafts: Callable[[Iterable[Records], Settings], Iterator[Records]]
    headers: tuple[Names, ...] = ()
    paths: tuple[RecordPath, ...] = ()  # of JSON documents; `recognises` then asks record_paths.fits
    fit: Fit | None = None
    facts: Facts | None = None


def text_array(values: Sequence[object]) -> pa.Array:
    """The values as text: NULL stays, items of a list end with ITEM_END, lone surrogates become U+FFFD."""
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowException, UnicodeEncodeError, TypeError):
        return pa.array([_text(value) for value in values], pa.string())  # per value: their types differ


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "".join(f"{_text(item)}{ITEM_END}" for item in value if item is not None)
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return text.translate(_LONE_SURROGATES)
