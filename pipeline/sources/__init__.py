"""Where data enters: files of any known dialect -> raw_posts, raw_authors and rejects.

A new dialect is a module with a `Source`, a line in SOURCES and a fixture in tests/data. What a file is shows in
its contents alone; what cannot be read is a reject, never an exception.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from pipeline.errors import TransientError, one_line
from pipeline.settings import Settings
from pipeline.sources import (
    labelled_texts,
    mastodon,
    mediacrawler,
    native,
    qzone,
    qzone_sheets,
    shop_reviews,
    web_feeds,
    wechat_articles,
    wechat_chats,
    wechat_moments,
    weibo_crawler,
    weibo_responses,
    weibo_search,
    weibo_spider,
    weibo_tweets,
)
from pipeline.sources.forms import open_forms
from pipeline.sources.inputs import InputFile, find_inputs
from pipeline.sources.reading import TABLES, OtherSeamError, Reading, Stretch
from pipeline.sources.records import Form, Selective, Source
from pipeline.sources.rejects import REASONS, RefusedFileError, Reject, reject_table
from pipeline.sources.rows import Origin
from pipeline.tables import INT, complete, concat

__all__ = [
    "REASONS", "SOURCES", "Earlier", "Gathered", "InputFile", "OtherSeamError", "batch_id_of", "find_inputs",
    "gather_file", "gather_into",
]  # fmt: skip

SOURCES: dict[str, Source] = {  # the first that knows a file's columns reads it
    "weibo_search": weibo_search.SOURCE,
    "weibo_crawler": weibo_crawler.SOURCE,
    "weibo_spider": weibo_spider.SOURCE,
    "weibo_tweets": weibo_tweets.SOURCE,
    "weibo_responses": weibo_responses.SOURCE,
    "mediacrawler": mediacrawler.SOURCE,
    "mastodon": mastodon.SOURCE,
    "wechat_moments": wechat_moments.SOURCE,
    "wechat_chats": wechat_chats.SOURCE,
    "wechat_articles": wechat_articles.SOURCE,
    "qzone": qzone.SOURCE,
    "qzone_sheets": qzone_sheets.SOURCE,
    "shop_reviews": shop_reviews.SOURCE,
    "web_feeds": web_feeds.SOURCE,
    "labelled_texts": labelled_texts.SOURCE,
    "native": native.SOURCE,
}
UNKNOWN = "unknown"  # the source of a file that no dialect knows


class Sink(Protocol):
    """Where the rows of a file go, some at a time."""

    def add(self, table: str, rows: pa.Table) -> None:
        """The next rows of raw_posts, raw_authors or rejects."""

    def clear(self) -> None:
        """Forget all rows: the file turned out to be unreadable."""


class Gathered:
    """What one file gave: tables raw_posts, raw_authors, rejects, and one row of gathered_files. A sink that keeps it all.

    The law: the distinct source_row of posts, authors and rejects are the n_rows rows of the file (a refused file is
    one row, NULL), and n_rows_framed, counted without the parser, is the same number. Where no row gives two posts,
    n_rows = n_posts + n_authors + n_rejects; weibo-search rows with a comment may.
    """

    def __init__(self) -> None:
        self._held: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
        self.file = pa.table({})

    def add(self, table: str, rows: pa.Table) -> None:
        """The next rows of a table."""
        self._held[table].append(rows)

    def clear(self) -> None:
        """Forget all rows."""
        self._held = {name: [] for name in TABLES}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Gathered):
            return NotImplemented
        mine, theirs = ((g.posts, g.authors, g.rejects, g.file) for g in (self, other))
        return all(one.equals(two) for one, two in zip(mine, theirs, strict=True))

    __hash__ = None  # type: ignore[assignment]  # compared by what it holds

    @property
    def posts(self) -> pa.Table:
        """Table raw_posts."""
        return concat(self._held["raw_posts"], "raw_posts")

    @property
    def authors(self) -> pa.Table:
        """Table raw_authors."""
        return concat(self._held["raw_authors"], "raw_authors")

    @property
    def rejects(self) -> pa.Table:
        """Table rejects."""
        return concat(self._held["rejects"], "rejects")


def batch_id_of(path: Path) -> str:
    """First 16 hex of SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def gather_file(input_file: InputFile, settings: Settings) -> Gathered:
    """The posts and rejects of one file, the same for the same bytes, settings and time of modification.

    Raises TransientError where the file cannot be opened or changes meanwhile.
    """
    found = Gathered()
    found.file = gather_into(found, input_file, settings)
    return found


@dataclass(frozen=True)
class Earlier:
    """A file gathered before whose bytes are the beginning of another's: of that one, rows after `n_rows` are new.

    `is_same` tells of the rows that came of row `n_rows` whether they are what came of it before; they may not be, where
    the earlier file ended in the middle of a row.
    """

    batch_id: str
    n_rows: int
    is_same: Callable[[Stretch], bool]


def gather_into(
    sink: Sink,
    input_file: InputFile,
    settings: Settings,
    *,
    batch_id: str = "",
    earlier: Earlier | None = None,
    threads: int = 1,
) -> pa.Table:
    """Hand the rows of a file to the sink, in its order, and return its row of gathered_files.

    Raises TransientError where the file cannot be opened or changes meanwhile, OtherSeamError where what was gathered
    `earlier` was cut short in the middle of its last row.
    """
    try:
        before = input_file.path.stat()
        gathered_at = settings.gathered_at or datetime.fromtimestamp(
            int(input_file.modified_at or before.st_mtime), UTC
        )
        origin = Origin(UNKNOWN, input_file.name, batch_id or batch_id_of(input_file.path), gathered_at)
        counts = _gather(sink, input_file.path, settings, origin, threads, earlier)
        after = input_file.path.stat()
    except OSError as error:
        raise TransientError(f"file {input_file.name}: {one_line(error, 200)}; check the file and run again") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise TransientError(f"file {input_file.name}: changed while it was read; run again when its exporter is done")
    return _account(counts, before.st_size)


@dataclass
class _Counts:
    """What has been handed on of a file."""

    origin: Origin
    n_rows: int = 0
    n_framed: int | None = None
    tables: Counter[str] = field(default_factory=Counter)
    earlier: Earlier | None = None


def _gather(
    sink: Sink, path: Path, settings: Settings, origin: Origin, threads: int, earlier: Earlier | None
) -> _Counts:
    counts, skip = _Counts(origin, earlier=earlier), earlier.n_rows if earlier else 0
    try:
        name, form = _recognise(path, settings)
        counts.origin = replace(origin, source=name)
        reading = Reading(
            form, SOURCES[name], settings, counts.origin, threads, skip, earlier.is_same if earlier else None
        )
        for stretch in reading.stretches():
            for table, rows in stretch.items():
                sink.add(table, rows)
                counts.tables[table] += len(rows)
        framed = form.framed()
        counts.n_rows, counts.n_framed = reading.n_rows - skip, None if framed is None else framed - skip
    except RefusedFileError as refused:
        sink.clear()
        sink.add("rejects", reject_table([Reject(None, refused.reason, refused.detail)], counts.origin.scalars()))
        counts = _Counts(counts.origin, 1, None, Counter(rejects=1))
    return counts


def _recognise(path: Path, settings: Settings) -> tuple[str, Form]:
    """The dialect of a file and the form to read it in. Raises RefusedFileError where there is none."""
    names: tuple[str, ...] | None = None
    for form in open_forms(path):
        names = form.names if names is None else names
        for name, source in SOURCES.items():
            if source.recognises(form.names, settings):
                return name, form.select(source, settings) if isinstance(form, Selective) else form
    raise native.refusal(names or (), settings)


def _account(counts: _Counts, n_bytes: int) -> pa.Table:
    """The file's row of gathered_files."""
    tables = {f"n_{name.removeprefix('raw_')}": counts.tables[name] for name in TABLES}
    numbers = {"n_bytes": n_bytes, "n_rows": counts.n_rows, "n_rows_framed": counts.n_framed, **tables}
    columns = {name: pa.array([value], INT) for name, value in numbers.items()}
    columns |= {name: pa.repeat(value, 1) for name, value in counts.origin.scalars().items()}
    if counts.earlier:
        columns["grown_from"] = pa.array([counts.earlier.batch_id])
        columns["n_rows_before"] = pa.array([counts.earlier.n_rows], INT)
    return complete(columns, "gathered_files", 1)
