"""Rows of any dialect -> raw_posts and rejects: text is turned into values here, once for all sources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.hashing import bytes_of
from pipeline.sources import markup
from pipeline.sources.columns import by_value
from pipeline.sources.counts import parse_counts
from pipeline.sources.ids import DerivedIds, clean_ids, without_zero
from pipeline.sources.records import Records
from pipeline.sources.rejects import Reject, detail
from pipeline.sources.spots import find_spots
from pipeline.sources.times import SPACE, Times, parse_times
from pipeline.tables import BOOL, INT, KINDS, PRECISIONS, SCHEMA_VERSION, SMALL, TABLES, TIME, complete, empty

MAX_TEXT = 1_000_000  # characters; the longest articles have some 100,000
PLATFORM = r"^[a-z][a-z0-9_]{0,31}$"
ID_FORMS = ("id", "creator_hash")
DIALECT_REASONS = (  # what a dialect's column reject_reason may say of a row
    "deleted_post",
    "no_record",
    "chat_message",
    "unread_comments",
)
_COUNTS = ("likes", "comments", "reposts", "views", "collects")
_IDS = ("post_id", "author_id", "parent_id", "root_id")
_PLAIN = (  # columns that need no more than their type
    "author_name", "lang", "app", "url", "followers", "following", "author_posts", "verified", "author_created_at",
    "community", "source_keyword", "source_dedups", "modified_at", "post_id_derived",
)  # fmt: skip
_BLANK = SPACE + "\v\f\u2028\u2029\u200b\u200c\u200d\u2060\u00ad"  # a text of these alone shows nothing
_BLANK_BYTES = np.array(sorted({character.encode()[0] for character in _BLANK}), np.uint8)
_TRUE = ("true", "1", "yes", "y", "是", "t")
_FALSE = ("false", "0", "no", "n", "否", "f")
_TYPES = {column.name: column.type for table in ("raw_authors", "raw_posts") for column in TABLES[table]}


@dataclass(frozen=True)
class Origin:
    """Where rows come from: their dialect and file, and when the file was gathered unless a row says so itself."""

    source: str
    source_file: str
    batch_id: str
    gathered_at: datetime

    def scalars(self) -> dict[str, pa.Scalar]:
        """The columns that are one value for the whole file."""
        texts = {"source": self.source, "source_file": self.source_file, "batch_id": self.batch_id}
        columns = {name: pa.scalar(value, pa.string()) for name, value in texts.items()}
        return {**columns, "gathered_at": pa.scalar(self.gathered_at, TIME)}


@dataclass(frozen=True)
class Problem:
    """Rows that are rejected for one reason, and the column that shows why."""

    reason: str
    rows: NDArray[np.bool_]
    shown: pa.Array


@dataclass(frozen=True)
class Draft:
    """Rows whose values are known and whose post_id may still be wanted; `exported` is what a derived id is made of."""

    columns: dict[str, pa.Array]
    exported: list[pa.Array]
    n_rows: int
    rejects: list[Reject]


def build(rows: Records, origin: Origin, ids: DerivedIds) -> tuple[pa.Table, list[Reject]]:
    """raw_posts of the rows that can be read, rejects of the others; `rows` holds columns of raw_posts, as text."""
    return finish(draft(rows, origin), ids)


def draft(rows: Records, origin: Origin) -> Draft:
    """All but the derived ids: what hangs on no other row, so that batches can be worked on side by side."""
    if not len(rows):
        return Draft({}, [], 0, [])
    rows = rows.with_columns({name: markup.clean(column) for name, column in rows.columns.items()})
    columns, problems = _values(rows, origin)
    bad = reduce(np.logical_or, (problem.rows for problem in problems))
    exported = [text_of(rows, name) for name in ("posted_at", "text")]
    n_kept = len(rows) - int(bad.sum())
    if n_kept < len(rows):
        kept = pa.array(~bad)
        columns = {name: column.filter(kept) for name, column in columns.items()}
        exported = [column.filter(kept) for column in exported]
    for name, value in origin.scalars().items():
        columns.setdefault(name, pa.repeat(value, n_kept))
    columns["schema_version"] = pa.repeat(pa.scalar(SCHEMA_VERSION, SMALL), n_kept)
    return Draft(columns, exported, n_kept, rejected(rows, problems))


def finish(draft: Draft, ids: DerivedIds) -> tuple[pa.Table, list[Reject]]:
    """The draft's rows as raw_posts, with derived ids where they have none, and its rejects. In the order of the file."""
    if not draft.columns:
        return empty("raw_posts"), draft.rejects
    columns = dict(draft.columns)
    columns["post_id"] = _with_derived(columns, draft.exported, ids)
    return complete(columns, "raw_posts", draft.n_rows), draft.rejects


def _values(rows: Records, origin: Origin) -> tuple[dict[str, pa.Array], list[Problem]]:
    text = markup.to_text(text_of(rows, "text"))
    gathered, unread = gathered_at(rows, origin)
    posted = parse_times(text_of(rows, "posted_at"), gathered.cast(pa.int64()).to_numpy())
    platform = platform_of(rows)
    ids, lost = _ids(rows)
    problems = [  # in the order in which they are told: the first that holds for a row is its reason
        *_said(rows, text),
        Problem("too_large", _too_large(text), text),
        Problem("empty_text", _shows_nothing(text), text),
        Problem("bad_platform", ~flags(by_value(platform, is_slug)), platform),
        *[Problem("mangled_id", flags(lost[name]), ids[name]) for name in _IDS if name in lost],
        Problem("bad_time", flags(posted.unread), text_of(rows, "posted_at")),
        Problem("bad_time", flags(unread), text_of(rows, "gathered_at")),
    ]
    columns = {
        **{name: plain(rows, name) for name in _PLAIN},
        **_counts(rows), **_lists(rows, text), **_timing(rows, posted), **ids,
        "platform": platform, "text": text, "gathered_at": gathered, "source_row": pa.array(rows.source_rows),
        "kind": _one_of(rows, "kind", KINDS, "post"), "author_id_form": id_form(rows, ids["author_id"]),
        "text_truncated": pc.coalesce(plain(rows, "text_truncated"), markup.is_truncated(text)),
    }  # fmt: skip
    return columns, problems


def _said(rows: Records, text: pa.Array) -> list[Problem]:
    """What the dialect itself says against a row."""
    if "reject_reason" not in rows.columns:
        return []
    said = text_of(rows, "reject_reason")
    return [Problem(reason, flags(pc.equal(said, reason)), text) for reason in DIALECT_REASONS]


def _too_large(text: pa.Array) -> NDArray[np.bool_]:
    """Longer than MAX_TEXT characters; bytes are looked at first, since nearly no text has as many."""
    if pc.max(pc.binary_length(text)).as_py() <= MAX_TEXT:
        return np.zeros(len(text), bool)
    return flags(pc.greater(pc.utf8_length(text), MAX_TEXT))


def _shows_nothing(text: pa.Array) -> NDArray[np.bool_]:
    """Texts of nothing but blanks; only what is empty or begins with the byte of one need be trimmed."""
    content, bounds = bytes_of(text)
    blank: NDArray[np.bool_] = bounds[1:] == bounds[:-1]
    filled = np.flatnonzero(~blank)
    places = filled[np.isin(content[bounds[filled]], _BLANK_BYTES)]
    blank[places] = flags(pc.equal(pc.utf8_trim(text.take(pa.array(places)), characters=_BLANK), ""))
    return blank


def text_of(rows: Records, name: str) -> pa.Array:
    """The column as exported; empty where there is none."""
    if name not in rows.columns:
        return rows.constant("")
    return pc.fill_null(rows.columns[name], "")


def platform_of(rows: Records) -> pa.Array:
    """The platform, in lower case."""
    return by_value(text_of(rows, "platform"), lambda texts: pc.utf8_lower(pc.utf8_trim(texts, characters=SPACE)))


def is_slug(platforms: pa.Array) -> pa.Array:
    """Which platforms have a name that a path can hold."""
    return pc.match_substring_regex(platforms, PLATFORM)


def gathered_at(rows: Records, origin: Origin) -> tuple[pa.Array, pa.Array]:
    """When each row was gathered: its own word, else the file's; and whether its own word could not be read."""
    stated = origin.scalars()["gathered_at"]
    if "gathered_at" not in rows.columns:
        return pa.repeat(stated, len(rows)), pa.repeat(False, len(rows))
    times = parse_times(text_of(rows, "gathered_at"), None)
    return pc.fill_null(times.at, stated), times.unread


def id_form(rows: Records, author_id: pa.Array) -> pa.Array:
    """author_id_form: a value of ID_FORMS where there is an id."""
    return pc.if_else(pc.is_valid(author_id), _one_of(rows, "author_id_form", ID_FORMS, "id"), None)


def plain(rows: Records, name: str) -> pa.Array:
    """The column in its type where that is text, a number, a time or a yes or no; NULL where nothing stands there."""
    type_ = _TYPES[name]
    if name not in rows.columns:
        return pa.nulls(len(rows), type_)
    if type_ == BOOL:
        return by_value(text_of(rows, name), _yes_or_no)
    text = pc.utf8_trim(text_of(rows, name), characters=SPACE)
    if type_ == INT:
        return parse_counts(text)[0]
    if type_ == TIME:
        return parse_times(text, None).at
    return pc.if_else(pc.equal(text, ""), None, text)


def _yes_or_no(text: pa.Array) -> pa.Array:
    lower = pc.utf8_lower(pc.utf8_trim(text, characters=SPACE))
    is_true = pc.is_in(lower, value_set=pa.array(_TRUE))
    return pc.if_else(pc.or_(is_true, pc.is_in(lower, value_set=pa.array(_FALSE))), is_true, None)


def _ids(rows: Records) -> tuple[dict[str, pa.Array], dict[str, pa.Array]]:
    cleaned = {name: clean_ids(text_of(rows, name)) for name in _IDS if name in rows.columns}
    nothing = pa.nulls(len(rows), pa.string())
    ids = {name: cleaned[name][0] if name in cleaned else nothing for name in _IDS}
    ids |= {name: without_zero(ids[name]) for name in ("parent_id", "root_id") if name in cleaned}
    return ids, {name: lost for name, (_, lost) in cleaned.items()}


def _counts(rows: Records) -> dict[str, pa.Array]:
    parsed = {name: parse_counts(text_of(rows, name)) for name in _COUNTS if name in rows.columns}
    said = plain(rows, "counts_censored")
    counts = {name: parsed[name][0] if name in parsed else pa.nulls(len(rows), INT) for name in _COUNTS}
    if not parsed:
        return {**counts, "counts_censored": said}
    capped = reduce(pc.or_kleene, (is_capped for _, is_capped in parsed.values()))
    known = reduce(pc.or_, (pc.is_valid(count) for count, _ in parsed.values()))
    capped = pc.if_else(known, pc.fill_null(capped, False), None)
    return {**counts, "counts_censored": pc.coalesce(said, capped)}


def _lists(rows: Records, text: pa.Array) -> dict[str, pa.Array]:
    found = find_spots(text)
    own = {name: markup.split_items(text_of(rows, name)) for name in found if name in rows.columns}
    return {name: markup.own_or_found(own[name], lists) if name in own else lists for name, lists in found.items()}


def _timing(rows: Records, posted: Times) -> dict[str, pa.Array]:
    said = _one_of(rows, "posted_at_precision", PRECISIONS, None)
    said = pc.if_else(pc.is_valid(posted.at), said, None)
    return {"posted_at": posted.at, "posted_at_precision": pc.coalesce(said, posted.precision)}


def _one_of(rows: Records, name: str, allowed: tuple[str, ...], default: str | None) -> pa.Array:
    if name not in rows.columns:
        return rows.constant(default)
    text = pc.utf8_trim(text_of(rows, name), characters=SPACE)
    return pc.if_else(pc.is_in(text, value_set=pa.array(allowed)), text, pa.scalar(default, pa.string()))


def _with_derived(columns: dict[str, pa.Array], exported: list[pa.Array], ids: DerivedIds) -> pa.Array:
    """post_id with derived ones where the source gives none; sets post_id_derived."""
    absent = pc.is_null(columns["post_id"])
    columns["post_id_derived"] = pc.or_(absent, pc.fill_null(columns["post_id_derived"], False))
    if not columns["post_id"].null_count:
        return columns["post_id"]
    author = pc.coalesce(columns["author_id"], columns["author_name"])
    parts = [part.filter(absent).to_pylist() for part in (columns["platform"], author, *exported)]
    derived = pa.array(ids.make(zip(*parts, strict=True)), pa.string())
    return pc.replace_with_mask(columns["post_id"], absent, derived)


def rejected(rows: Records, problems: list[Problem]) -> list[Reject]:
    """The rows that have a problem, each with its first."""
    found: dict[int, Reject] = {}
    for problem in problems:
        for place in np.flatnonzero(problem.rows):  # per rejected row
            number = int(rows.source_rows[place])
            shown = detail(problem.reason, repr(problem.shown[place].as_py())[:200])
            found.setdefault(number, Reject(number, problem.reason, shown, rows.raw(number)))
    return list(found.values())


def flags(values: pa.Array) -> NDArray[np.bool_]:
    """The values as a mask; NULL is False."""
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), bool)
