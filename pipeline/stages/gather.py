"""Stage gather: files -> raw_posts, raw_authors, rejects, gathered_files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import TransientError
from pipeline.run import Counts, Run
from pipeline.sources import Earlier, InputFile, OtherSeamError, gather_into
from pipeline.sources.archives import MAX_DEPTH, MAX_MEMBERS, Refused, is_archive, unpack
from pipeline.sources.framing import count_members
from pipeline.sources.inputs import Left, look
from pipeline.sources.reading import TABLES
from pipeline.sources.rejects import RefusedFileError, Reject, reject_table
from pipeline.sources.remote import fetched
from pipeline.sources.rows import Origin
from pipeline.stages.inbox import Inbox
from pipeline.stages.known_files import KnownFile, KnownFiles
from pipeline.tables import INT, TEXTS, complete

ARCHIVE = "archive"  # the source of an archive's own row of gathered_files
_ELSEWHERE = {"gathered_at", "batch_id", "source", "source_file"}  # what the same row has of its file
log = logging.getLogger(__name__)


def gather(run: Run) -> Counts:
    """inputs, inbox, feeds -> raw_posts, raw_authors, rejects, gathered_files: each file once, known by the hash of its bytes.

    Of a file whose beginning was gathered before, the rows after it are new.
    """
    work = _Gathering(run)
    found, left = look(run.settings.inputs)
    inbox = Inbox(run)
    files = [*((item, None) for item in found), *((item, inbox) for item in inbox.files)]
    for one in (*left, *inbox.left):
        work.leave(one)
    for number, (item, of) in enumerate(files, start=1):
        work.take(item, of)
        run.say("gather", number, len(files))
    if run.settings.feeds:
        from pipeline.stages.live import gather_feeds

        gather_feeds(work)
    return work.counts


@dataclass
class _Gathering:
    """One run of the stage."""

    run: Run
    counts: Counts = field(default_factory=lambda: dict.fromkeys(
        ("files", "files_known", "files_grown", "files_left", "rows", "raw_posts", "raw_authors", "rejects"), 0
    ))  # fmt: skip

    def __post_init__(self) -> None:
        self.known = KnownFiles(self.run)
        self._scratches = 0

    def leave(self, left: Left) -> None:
        """A file that is not gathered now."""
        self.counts["files_left"] += 1
        log.warning("file %s: %s", left.name, left.why)

    def take(self, item: InputFile, inbox: Inbox | None) -> None:
        """One input, from wherever it is; a file of the inbox that changes meanwhile waits for the next run."""
        try:
            with fetched(item, self.scratch, self.run.settings) as here:
                batch = self.gather(here, 0)
        except TransientError as error:
            if inbox is None:
                raise
            self.leave(Left(item.name, f"{error}; left for the next run"))
            return
        if inbox is not None and self.known[batch].is_refused:
            inbox.refuse(item, batch)

    def scratch(self) -> Path:
        """An empty file that goes with the run."""
        self._scratches += 1
        return self.run.tx.scratch(f"input-{self._scratches}")

    def gather(self, item: InputFile, depth: int) -> str:
        """A file or archive on this machine, unless it is known; returns its batch_id."""
        try:
            batch, beginnings = self.known.look(item.path, item.name)
            packed = batch not in self.known and is_archive(item.path)
        except OSError as error:
            raise TransientError(f"file {item.name}: {error.strerror}; check the file and run again") from error
        if batch in self.known:
            self.counts["files_known"] += 1
            log.info("file %s: gathered before; nothing is new", item.name)
        elif packed:
            self._archive(item, batch, depth)
        else:
            self._file(item, batch, beginnings)
        return batch

    def _file(self, item: InputFile, batch: str, beginnings: list[KnownFile]) -> None:
        earlier = next((file for file in beginnings if not file.is_refused), None)
        replaced = [file for file in beginnings if file.is_refused]
        while True:
            try:
                row = self._gathered(item, batch, earlier)
                break
            except OtherSeamError:
                assert earlier is not None
                replaced.append(earlier)
                earlier = self.known[earlier.row["grown_from"]] if earlier.row["grown_from"] else None
        for file in replaced:
            self._retire(file, batch)
        self._account(row)
        self.counts["files"] += 1
        if row["grown_from"].is_valid()[0].as_py() or replaced:
            self.counts["files_grown"] += 1
            log.info("file %s: grown since it was gathered; %d rows are new", item.name, row["n_rows"][0].as_py())

    def _gathered(self, item: InputFile, batch: str, earlier: KnownFile | None) -> pa.Table:
        """The file's rows into their parts; its row of gathered_files."""
        parts = _Parts(self.run, self._day(item), batch)
        before = None if earlier is None else Earlier(earlier.batch_id, earlier.n_rows, self._is_same(earlier))
        try:
            row = gather_into(parts, item, self.run.settings, batch_id=batch, earlier=before, threads=self.run.threads)
        except BaseException:
            parts.clear()
            raise
        parts.close()
        return row

    def _day(self, item: InputFile) -> str:
        try:
            at = item.modified_at or item.path.stat().st_mtime
        except OSError as error:
            raise TransientError(f"file {item.name}: {error.strerror}; check the file and run again") from error
        return (
            (self.run.settings.gathered_at or datetime.fromtimestamp(int(at), UTC)).astimezone(UTC).date().isoformat()
        )

    def _is_same(self, file: KnownFile) -> Callable[[dict[str, pa.Table]], bool]:
        """Whether the rows that came of the last row of a known file are those in the lake."""

        def same(now: dict[str, pa.Table]) -> bool:
            last = pc.field("source_row") == file.n_rows
            return all(
                _told(self.run.tx.read(name, only=lambda f: f.stem == file.batch_id, filter=last)).equals(_told(rows))
                for name, rows in now.items()
            )

        return same

    def _retire(self, file: KnownFile, batch: str) -> None:
        """Take the rows of a file out of the lake: they are all in the batch that has taken its place."""
        for name in TABLES:
            self.run.tx.drop(name, {"part_gathered": file.day}, file.batch_id)
        self._account(file.replaced_by(batch).as_table(), count=False)

    def _account(self, row: pa.Table, *, count: bool = True) -> None:
        file = KnownFile(row.to_pylist()[0])
        self.known.add(file)
        self.run.tx.put("gathered_files", {"part_gathered": file.day}, file.batch_id, row)
        if count:
            self.counts["rows"] += file.row["n_rows"] - len(file.row["members"] or ())
            self.counts["rejects"] += file.row["n_rejects"]
            self.counts["raw_posts"] += file.row["n_posts"]
            self.counts["raw_authors"] += file.row["n_authors"]

    def _archive(self, item: InputFile, batch: str, depth: int) -> None:
        """The files in an archive, each as if it lay beside the others; what is refused of it as rows of its own."""
        at = self.run.settings.gathered_at or datetime.fromtimestamp(
            int(item.modified_at or item.path.stat().st_mtime), UTC
        )
        item = replace(item, modified_at=item.modified_at or item.path.stat().st_mtime)
        origin, members, rejects = Origin(ARCHIVE, item.name, batch, at), [], []
        try:
            if depth >= MAX_DEPTH:
                raise RefusedFileError("nested_archive", f"archives {depth + 1} deep")
            for member in unpack(item, self.scratch):
                if isinstance(member, Refused):
                    rejects.append(Reject(member.number, member.reason, member.detail, member.name))
                else:
                    members.append(self.gather(member, depth + 1))
            framed = count_members(item.path) if len(members) + len(rejects) <= MAX_MEMBERS else None
        except RefusedFileError as refused:
            members, framed, rejects = [], None, [Reject(None, refused.reason, refused.detail)]
        self.counts["files"] += 1
        rows = reject_table(rejects, origin.scalars())
        self.run.tx.put("rejects", {"part_gathered": self._day(item)}, batch, rows)
        self._account(_archive_row(origin, item, members, len(rows), framed))


def _archive_row(origin: Origin, item: InputFile, members: list[str], n_rejects: int, framed: int | None) -> pa.Table:
    numbers = {
        "n_bytes": item.path.stat().st_size, "n_rows": len(members) + n_rejects, "n_rows_framed": framed, "n_posts": 0,
        "n_authors": 0, "n_rejects": n_rejects,
    }  # fmt: skip
    columns = {name: pa.array([value], INT) for name, value in numbers.items()}
    columns |= {name: pa.repeat(value, 1) for name, value in origin.scalars().items()}
    return complete(columns | {"members": pa.array([members], TEXTS)}, "gathered_files", 1)


def _told(rows: pa.Table) -> pa.Table:
    """What a row says itself; a time counted back from when it was gathered is another at each gathering."""
    kept = [name for name in rows.column_names if name not in _ELSEWHERE]
    if "posted_at" in kept:
        vague = pc.equal(rows["posted_at_precision"], "approximate")
        there = pc.if_else(pc.fill_null(vague, False), None, rows["posted_at"])
        rows = rows.set_column(rows.column_names.index("posted_at"), "posted_at", there)
    return rows.select(kept).combine_chunks().replace_schema_metadata()


class _Parts:
    """The parts of the lake that the rows of one file go into."""

    def __init__(self, run: Run, day: str, batch: str) -> None:
        self._writers = {name: run.tx.writer(name, {"part_gathered": day}, batch) for name in TABLES}

    def add(self, table: str, rows: pa.Table) -> None:
        """The next rows of a table."""
        self._writers[table].add(rows)

    def clear(self) -> None:
        """Forget all rows."""
        for writer in self._writers.values():
            writer.clear()

    def close(self) -> None:
        """No more rows."""
        for writer in self._writers.values():
            writer.close()
