"""Where data enters: files of any known dialect -> raw_posts, raw_authors and rejects.

A new dialect is a module with a `Source`, a line in SOURCES and a fixture in tests/data. What a file is shows in
its contents alone; what cannot be read is a reject, never an exception.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from os import stat_result
from pathlib import Path

import pyarrow as pa

from pipeline.errors import TransientError, one_line
from pipeline.settings import Settings
from pipeline.sources import mediacrawler, native, weibo_search
from pipeline.sources.forms import open_forms
from pipeline.sources.ids import DerivedIds
from pipeline.sources.inputs import InputFile, find_inputs
from pipeline.sources.profiles import build_authors
from pipeline.sources.records import AUTHORS, Form, Plan, Records, Selective, Source
from pipeline.sources.rejects import REASONS, RefusedFileError, Reject, reject_table
from pipeline.sources.rows import Origin, build
from pipeline.tables import INT, complete, concat

__all__ = ["REASONS", "SOURCES", "Gathered", "InputFile", "batch_id_of", "find_inputs", "gather_file"]

SOURCES: dict[str, Source] = {  # the first that knows a file's columns reads it
    "weibo_search": weibo_search.SOURCE,
    "mediacrawler": mediacrawler.SOURCE,
    "native": native.SOURCE,
}
UNKNOWN = "unknown"  # the source of a file that no dialect knows


@dataclass(frozen=True)
class Gathered:
    """What one file gave: tables raw_posts, raw_authors, rejects, and one row of gathered_files.

    The law: the distinct source_row of posts, authors and rejects are the n_rows rows of the file (a refused file is
    one row, NULL), and n_rows_framed, counted without the parser, is the same number. Where no row gives two posts,
    n_rows = n_posts + n_authors + n_rejects; weibo-search rows with a comment may.
    """

    posts: pa.Table
    authors: pa.Table
    rejects: pa.Table
    file: pa.Table


def batch_id_of(path: Path) -> str:
    """First 16 hex of SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def gather_file(input_file: InputFile, settings: Settings) -> Gathered:
    """The posts and rejects of one file, the same for the same bytes, settings and time of modification.

    Raises TransientError where the file cannot be opened or changes meanwhile.
    """
    try:
        before = input_file.path.stat()
        gathered = _gather(input_file, settings, before)
        after = input_file.path.stat()
    except OSError as error:
        raise TransientError(f"file {input_file.name}: {one_line(error, 200)}; check the file and run again") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise TransientError(f"file {input_file.name}: changed while it was read; run again when its exporter is done")
    return gathered


@dataclass
class _Reading:
    """What has been read of a file so far."""

    n_rows: int = 0
    posts: list[pa.Table] = field(default_factory=list)
    authors: list[pa.Table] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def watched(self, batches: Iterable[Records], file_name: str) -> Iterator[Records]:
        """The batches, counted on their way and with the name of their file; the reader's own rejects kept."""
        for batch in batches:
            self.n_rows += len(batch) + len(batch.rejects)
            self.rejects += batch.rejects
            yield replace(batch, file_name=file_name)


def _gather(input_file: InputFile, settings: Settings, stat: stat_result) -> Gathered:
    gathered_at = settings.gathered_at or datetime.fromtimestamp(int(stat.st_mtime), UTC)
    batch_id = batch_id_of(input_file.path)
    name, n_framed = UNKNOWN, None
    try:
        name, form = _recognise(input_file.path, settings)
        origin = Origin(name, input_file.name, batch_id, gathered_at)
        reading = _read(form, SOURCES[name], settings, origin)
        n_framed = form.framed()
    except RefusedFileError as refused:
        origin = Origin(name, input_file.name, batch_id, gathered_at)
        reading = _Reading(1, rejects=[Reject(None, refused.reason, refused.detail)])
    return _gathered(reading, origin, n_framed, stat.st_size)


def _recognise(path: Path, settings: Settings) -> tuple[str, Form]:
    """The dialect of a file and the form to read it in. Raises RefusedFileError where there is none."""
    forms = open_forms(path)
    for form in forms:
        for name, source in SOURCES.items():
            if source.recognises(form.names, settings):
                return name, form.select(source, settings) if isinstance(form, Selective) else form
    raise native.refusal(forms[0].names, settings)


def _read(form: Form, source: Source, settings: Settings, origin: Origin) -> _Reading:
    reading, ids = _Reading(), DerivedIds()
    plan = Plan(settings.batch_rows, lambda names: source.recognises(names, settings), source.headers)
    batches = reading.watched(form.records(plan), origin.source_file)
    for draft in source.drafts(batches, settings):
        is_author = draft.target == AUTHORS
        table, rejects = build_authors(draft, origin) if is_author else build(draft, origin, ids)
        (reading.authors if is_author else reading.posts).append(table)
        reading.rejects += rejects
    return reading


def _gathered(reading: _Reading, origin: Origin, n_framed: int | None, n_bytes: int) -> Gathered:
    posts = concat(reading.posts, "raw_posts").sort_by("source_row")
    authors = concat(reading.authors, "raw_authors").sort_by("source_row")
    rejects = reject_table(reading.rejects, origin.scalars())
    counts = {
        "n_bytes": n_bytes, "n_rows": reading.n_rows, "n_rows_framed": n_framed, "n_posts": len(posts), "n_authors": len(authors),
        "n_rejects": len(rejects),
    }  # fmt: skip
    columns = {name: pa.array([value], INT) for name, value in counts.items()}
    columns |= {name: pa.repeat(value, 1) for name, value in origin.scalars().items()}
    return Gathered(posts, authors, rejects, complete(columns, "gathered_files", 1))
