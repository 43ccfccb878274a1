"""Feeds of the settings -> the tables of the stage gather, and for each the cursor after what came: table source_cursors.

What a feed gave is a file for the moment and gathered as files are. Its rows and its cursor are changed by the run's one
transaction: killed at any instant, a run leaves both or neither, and the next one goes on from there. A feed that fails
keeps no other from being gathered; its error is raised once all the rest is committed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from pipeline.errors import one_line
from pipeline.run import Counts, Run
from pipeline.sources import InputFile
from pipeline.sources.http import Http, Limits
from pipeline.sources.live import FETCHES, Feed, Fetch, Tools, parse_feeds
from pipeline.stages.known_files import KnownFiles
from pipeline.tables import complete

TABLE = "source_cursors"
_LIMITS = Limits(max_bytes=64 * 2**20, seconds=120)  # feeds of megabytes are rare, and are parsed as a whole
log = logging.getLogger(__name__)


class Gathering(Protocol):
    """What the stage gather does with one file."""

    run: Run
    counts: Counts
    known: KnownFiles

    def scratch(self) -> Path:
        """An empty file that goes with the run."""

    def gather(self, item: InputFile, depth: int) -> str:
        """Gather a file unless it is known; its batch_id."""


def gather_feeds(work: Gathering) -> None:
    """Every feed of the settings, from its cursor on. Raises UsageError where one is no feed, before any is asked."""
    run, feeds = work.run, parse_feeds(work.run.settings.feeds)
    if not feeds:
        return
    cursors = Cursors(run)
    work.counts |= {"feeds": len(feeds), "feeds_unchanged": 0, "feeds_failed": 0}
    with Http(allow_private=run.settings.allow_private_addresses, limits=_LIMITS) as http:
        tools = Tools(http, run.settings.feed_rows)
        for number, feed in enumerate(feeds, start=1):
            _gather_feed(work, feed, cursors, tools)
            run.say("feeds", number, len(feeds))


def _gather_feed(work: Gathering, feed: Feed, cursors: Cursors, tools: Tools) -> None:
    path, before = work.scratch(), cursors[feed]
    try:
        with path.open("w+b") as out:
            got = FETCHES[feed.kind](feed, before, out, tools)
        _keep(work, feed, cursors, got, path)
    finally:
        path.unlink(missing_ok=True)
    if got.failed is not None:
        work.counts["feeds_failed"] += 1
        work.run.failures.append(got.failed)
        log.warning("feed %s: %s", feed.name, one_line(got.failed))


def _keep(work: Gathering, feed: Feed, cursors: Cursors, got: Fetch, path: Path) -> None:
    """The rows that came into their tables, and the cursor after them."""
    if not got.records:
        work.counts["feeds_unchanged"] += got.failed is None
        cursors.move(feed, got.cursor)
        return
    modified_at = path.stat().st_mtime
    batch = work.gather(InputFile(path, feed.name, modified_at), 0)
    if work.known[
        batch
    ].is_refused:  # it would be skipped for good, and what was unreadable today may be whole tomorrow
        log.warning("feed %s: could not be read; see rejects of batch %s", feed.name, batch)
        return
    at = work.run.settings.gathered_at or datetime.fromtimestamp(int(modified_at), UTC)
    cursors.move(feed, got.cursor, batch, at)


@dataclass
class Cursors:
    """The cursors of the lake, by feed."""

    run: Run

    def __post_init__(self) -> None:
        self._rows = {row["feed_key"]: row for row in self.run.tx.read(TABLE).to_pylist()}  # per feed

    def __getitem__(self, feed: Feed) -> dict[str, str]:
        row = self._rows.get(feed.key)
        return {str(name): str(value) for name, value in json.loads(row["position"]).items()} if row else {}

    def move(self, feed: Feed, cursor: Mapping[str, str], batch: str = "", at: datetime | None = None) -> None:
        """Set a feed's cursor, after the data of `batch`, or after the same data as before."""
        old = self._rows.get(feed.key)
        row = self._row(feed, cursor, batch, at, old)
        if row is None or row == old:
            return
        for file in self.run.tx.data_files(TABLE):
            if file.stem == feed.key:
                self.run.tx.drop(TABLE, file.keys, file.stem)
        day = row["gathered_at"].astimezone(UTC).date().isoformat()
        columns = {name: pa.array([value]) for name, value in row.items()}
        self.run.tx.put(TABLE, {"part_gathered": day}, feed.key, complete(columns, TABLE, 1))
        self._rows[feed.key] = row

    def _row(
        self, feed: Feed, cursor: Mapping[str, str], batch: str, at: datetime | None, old: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        position = json.dumps(dict(cursor), ensure_ascii=False, sort_keys=False)
        if batch and at:
            data = {"gathered_at": at, "batch_id": batch}
        elif old:
            data = {name: old[name] for name in ("gathered_at", "batch_id")}
        else:
            return None  # there is no data yet that it could stand after
        return {"feed_key": feed.key, "feed_kind": feed.kind, "feed": feed.name, "position": position, **data}
