"""Texts out of label tools: doccano in each of its shapes, Label Studio as JSON, JSON-MIN and CSV.

The labels are no posts: `xinren labels import` reads those. A task's number counts in its project alone, so ids are
derived from the texts, unless the task's data brings the columns of raw_posts along.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import Facts, Names, Records, Source

_TEXT = ("text", "data", "content", "sentence")
_CARRIED = (
    "platform",
    "post_id",
    "author_id",
    "author_id_form",
    "author_name",
    "posted_at",
    "kind",
    "parent_id",
    "url",
)
_WITH_TEXT = frozenset(
    ("entities", "relations", "annotations", "labels", "Comments", "annotation_id", "annotator", "lead_time", "cats")
)
_WITH_ID = frozenset(("label", "sentiment", "meta", "metadata", "annotation_approver"))
_COLUMNS = tuple(f"data.{name}" for name in (*_TEXT, "微博正文", "comment", "review", *_CARRIED))
_PATHS = tuple(
    RecordPath("task", place, _COLUMNS, frozenset(("data",)), frozenset((known, "data")))
    for place in ("$[]", "$") for known in ("annotations", "predictions", "completions", "total_annotations")
)  # fmt: skip


def _is_flat(names: Sequence[str]) -> bool:
    there = frozenset(names)
    if "text" in there:
        return bool(there & _WITH_TEXT) or ("id" in there and bool(there & _WITH_ID))
    return "data" in there and bool(there & {"label", "labels"})


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether rows have a text and labels beside it, or are tasks of Label Studio."""
    return _is_flat(names) or fits(names, _PATHS)


def drafts(batches: Iterable[Records], settings: Settings) -> Iterator[Records]:
    """A post per labelled text."""
    for rows in batches:
        prefix = "data." if rows.table == "task" else ""
        texts: Names = tuple(name for name in _COLUMNS if name[5:] not in _CARRIED) if prefix else _TEXT
        columns = {name: rows.first(prefix + name) for name in _CARRIED if prefix + name in rows.columns}
        columns["platform"] = pc.coalesce(
            columns.get("platform", rows.constant(None)), rows.constant(settings.default_platform)
        )
        yield rows.with_columns(columns | {"text": rows.first(*texts)})


FACTS = Facts(
    "doccano, Label Studio",
    "doccano 1.0 to 1.8: text and labels, data and label, annotations; Label Studio 0.x and 1.x",
    "JSON Lines, JSON, CSV",
    "text, and columns of raw_posts that a task carries",
    (
        "JSON Lines named .json", "keys that changed from version to version", "numbers of tasks count in their project: ids are derived",
        "labels are read by xinren labels import",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=_PATHS, facts=FACTS)
