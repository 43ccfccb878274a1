"""Why a row or a whole file could not be read: fixed codes, and the rows of the table `rejects`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipeline.errors import one_line
from pipeline.tables import complete

RAW_BYTES = 4096  # a reject keeps enough of its row to be found again, not a whole book

REASONS: dict[str, str] = {
    # the file as a whole: one reject without a row number
    "empty_file": "the file holds nothing; gather it again or remove it",
    "not_text": "the file is no text, Parquet, SQLite or XLSX; unpack or convert it to CSV, JSON, JSON Lines or Parquet",
    "unreadable_encoding": "the bytes are not UTF-8, GB18030 or UTF-16 with a BOM throughout; save the file as UTF-8",
    "broken_parquet": "the Parquet file is damaged or incomplete; write it again",
    "broken_sqlite": "the SQLite database is damaged or no database; export it again",
    "broken_workbook": "the workbook is damaged or none that a spreadsheet writes; export it again or save it as CSV",
    "broken_feed": "the XML is damaged or no feed; fetch it again",
    "unsafe_xml": "the XML declares entities of its own or nests without end, as no feed does; do not use it",
    "open_database": "the database is still being written; close its crawler or run PRAGMA wal_checkpoint(TRUNCATE)",
    "too_large_cell": "a cell of the database is larger than any post; remove that row",
    "bad_column": "a column's type has no meaning as text, number, time or list; change the column's type",
    "no_text_column": "the columns are known but none holds the text; add a column named text",
    "unknown_columns": "a native file has columns that raw_posts lacks; rename or map them with the setting columns",
    "ambiguous_columns": "two columns stand for the same one; keep one of them",
    "too_large_document": "one JSON document of this size does not fit; split it or write JSON Lines",
    "unknown_dialect": "no source knows these columns; rename them to those of raw_posts or set columns",
    # a file in an archive: one reject with its place there
    "unsafe_member": "a file of the archive has a path out of it or is a link; pack the file itself",
    "locked_member": "the file in the archive is encrypted; unpack it with its password first",
    "archive_bomb": "the archive unpacks to far more than it holds; unpack it by hand if it is trusted",
    "nested_archive": "archives in archives in archives are not unpacked; unpack the outer one first",
    "broken_archive": "the archive is damaged or incomplete; pack or fetch it again",
    # one row
    "bad_json": "the record is not a JSON object; mend or remove it",
    "unknown_table": "no source knows a table with these columns; export it as CSV with columns of raw_posts if it is needed",
    "no_record": "nothing in it is a post or an author of this dialect; nothing to do",
    "bad_row": "the row has more or fewer cells than the header; mend its quotes and separators",
    "repeated_header": "the header again, not a post; nothing to do",
    "empty_text": "the post has no text, such as a picture alone; nothing to do",
    "too_large": "the text is longer than any post; look for a missing quote before it",
    "bad_platform": "the platform is no ASCII slug such as weibo; rename it",
    "mangled_id": "a spreadsheet rounded the id, which is lost; export again and keep ids as text",
    "no_author_id": "a profile without the author's id belongs to nobody; export it again with ids",
    "deleted_post": "the platform shows a notice where the post was; nothing to do",
    "unread_comments": "the comments in the cell are no list of comments; the post is kept, export again for its comments",
    "chat_message": "a message of a chat is no post; set messages = true to gather chats as kind message",
    "bad_time": "the time cannot be read; write it like 2026-01-31 08:00:00",
}


class RefusedFileError(Exception):
    """Raised inside this package where a file as a whole cannot be read; it becomes one reject, never a crash."""

    def __init__(self, reason: str, got: object) -> None:
        super().__init__(f"{reason}: {got}")
        self.reason = reason
        self.detail = detail(reason, got)


@dataclass(frozen=True)
class Reject:
    """One row (or, without a row number, one file) that could not be read."""

    source_row: int | None
    reason: str
    detail: str
    raw: str | None = None


def detail(reason: str, got: object) -> str:
    """One line: what was got, what it means and the next step."""
    return one_line(f"got {str(got)[:160]}; {REASONS[reason]}")


def cut(raw: str) -> str:
    """`raw` as valid UTF-8 of at most 4 kB, never ending inside a character."""
    return raw[:RAW_BYTES].encode("utf-8", "replace")[:RAW_BYTES].decode("utf-8", "ignore")


def reject_table(rejects: Sequence[Reject], provenance: Mapping[str, pa.Scalar]) -> pa.Table:
    """The table `rejects` in order of source_row; `provenance` holds source, source_file, gathered_at and batch_id."""
    ordered = sorted(rejects, key=lambda reject: reject.source_row or 0)
    raws = [None if reject.raw is None else cut(reject.raw) for reject in ordered]
    columns = {
        "source_row": pa.array([reject.source_row for reject in ordered], pa.int64()),
        "reason": pa.array([reject.reason for reject in ordered], pa.string()),
        "detail": pa.array([reject.detail for reject in ordered], pa.string()),
        "raw": pa.array(raws, pa.string()),
        **{name: pa.repeat(value, len(ordered)) for name, value in provenance.items()},
    }
    return complete(columns, "rejects", len(ordered))
