"""What labelling tools write, as records: Label Studio (JSON, JSON-MIN, CSV), doccano in every shape it had, plain CSV.

doccano: text or data; labels, label, annotations or entities; names, numbers, [start, end, name] or objects; what was imported
beside the text at the top, or under meta or metadata. Label Studio: annotations (once completions) with a result; its
predictions, which it exports as bare numbers, are nobody's word and are passed over.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import PermanentError, UsageError, one_line
from pipeline.sources.csv_rows import DELIMITERS
from pipeline.sources.encodings import encoding_of, whole_text
from pipeline.sources.rejects import RefusedFileError

_TEXT = ("text", "data", "content", "文本", "内容")
_LABELS = ("label", "labels", "annotations", "entities", "cats", "标签")
_ANNOTATOR = ("annotator", "completed_by", "user", "username", "created_username")
_TIME = ("updated_at", "created_at", "at")
# Where an object holds the name of a label. Not under text: that is the span which was marked, or a free remark.
_NAMES = ("label", "labels", "choices", "taxonomy", "name")
_SPACES = re.compile(r"\s*")
_FORMULA = re.compile(r"[=+\-@＝＋－＠]")
_MOST = 60  # characters of a label as given that are kept


@dataclass(frozen=True)
class Record:
    """One annotator's labels of one text. `number` counts the file's records from 1; `cancelled` ones were skipped."""

    number: int
    text: str | None
    text_hash: str
    post: str
    labels: tuple[str, ...]
    annotator: str = ""
    at: str = ""
    tool: str = ""
    cancelled: bool = False


def records(path: Path) -> Iterator[Record]:
    """The records of a file. Raises UsageError where there is none, PermanentError where it is no such file."""
    if not path.is_file():
        raise UsageError(f"labels import {one_line(path)}: no such file; expected an export of a labelling tool")
    try:
        text = whole_text(path, encoding_of(path)).lstrip("\ufeff \r\n\t")
        rows = list(_json_rows(text)) if text[:1] in ("{", "[") else list(_csv_rows(text))
    except RefusedFileError as refused:
        raise PermanentError(f"labels import {one_line(path)}: {refused.detail}") from refused
    except (ValueError, csv.Error, RecursionError, OSError) as error:
        raise PermanentError(
            f"labels import {one_line(path)}: {one_line(error, 160)}; expected JSON, JSONL or CSV; nothing was imported"
        ) from error
    for number, row in enumerate(rows, 1):
        yield from _records(number, row)


def _json_rows(text: str) -> Iterator[Any]:
    """Objects one after another, or in lists."""
    decoder, at = json.JSONDecoder(strict=False), 0
    while (at := _SPACES.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # it matches everywhere
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError as error:
            raise ValueError(f"line {text.count(chr(10), 0, at) + 1}: no JSON ({one_line(error, 80)})") from error
        yield from value if isinstance(value, list) else [value]


def _csv_rows(text: str) -> Iterator[dict[str, Any]]:
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    names = rows.fieldnames or []
    if not ({*_LABELS} & {*names} and {*_TEXT, "text_hash"} & {*names}):
        raise ValueError(f"columns {', '.join(names)}; expected label and text or text_hash")
    yield from rows


def _records(number: int, row: Any) -> Iterator[Record]:
    if not isinstance(row, dict):
        yield Record(number, None, "", "", ())
    elif isinstance(row.get("data"), dict):
        yield from _label_studio(number, row)
    else:
        yield _flat(number, row)


def _label_studio(number: int, task: dict[str, Any]) -> Iterator[Record]:
    """A record per annotation of a task; one without labels where there is none."""
    text, text_hash, post = _text(task["data"])
    found = task.get("annotations", task.get("completions"))
    annotations = [a for a in found if isinstance(a, dict)] if isinstance(found, list) else []
    for a in annotations:
        result = a.get("result")
        values = [part.get("value") for part in result if isinstance(part, dict)] if isinstance(result, list) else []
        labels = tuple(name for value in values for name in _names(value))
        yield Record(
            number, text, text_hash, post, labels, _annotator(a), _first(a, _TIME), "label-studio",
            cancelled=bool(a.get("was_cancelled")),
        )  # fmt: skip
    if not annotations:
        yield Record(number, text, text_hash, post, (), tool="label-studio")


def _flat(number: int, row: dict[str, Any]) -> Record:
    """doccano, Label Studio's JSON-MIN, or a row of CSV."""
    text, text_hash, post = _text(row)
    labels = tuple(name for key in _LABELS for name in _names(row.get(key)))
    nested = row.get("annotations")
    annotator = _annotator(row)
    if not annotator and isinstance(nested, list) and nested and isinstance(nested[0], dict):
        annotator = _annotator(nested[0])
    tool = "label-studio" if "annotation_id" in row else "doccano" if "id" in row else "table"
    return Record(number, text, text_hash, post, labels, annotator, _first(row, _TIME), tool)


def _text(row: dict[str, Any]) -> tuple[str | None, str, str]:
    """Text, text_hash and post of a record: beside each other, or the latter two under meta or metadata."""
    meta = row.get("meta") or row.get("metadata") or {}
    if isinstance(meta, str):
        try:
            meta = json.loads(meta)
        except ValueError:
            meta = {}
    places = [row, meta if isinstance(meta, dict) else {}]
    text = next((row[key] for key in _TEXT if isinstance(row.get(key), str)), None)
    text_hash, post = (next((str(p[key]) for p in places if p.get(key)), "") for key in ("text_hash", "post"))
    return text, text_hash.strip(), "" if _FORMULA.match(post.strip()) else post.strip()


def _names(value: Any) -> Iterator[str]:
    """The names of labels in whatever holds them."""
    if isinstance(value, str):
        yield from _from_string(value)
    elif isinstance(value, bool | float) or value is None:
        return
    elif isinstance(value, int):
        yield str(value)
    elif isinstance(value, dict):
        key = next((name for name in _NAMES if name in value), None)
        yield from _names(value[key]) if key else ()
    elif isinstance(value, list):
        is_span = len(value) >= 3 and all(isinstance(end, int) for end in value[:2])
        for item in value[2:3] if is_span else value:
            yield from _names(item)


def _from_string(value: str) -> Iterator[str]:
    """A cell of CSV may hold JSON, or names with # between them."""
    value = value.strip()
    if value[:1] in ("{", "["):
        try:
            yield from _names(json.loads(value))
            return
        except (ValueError, RecursionError):
            pass
    for name in value.split("#"):
        if safe := one_line(name, _MOST):
            yield f"'{safe}" if _FORMULA.match(safe) else safe


def _annotator(row: dict[str, Any]) -> str:
    """Who said it: a number or short name of the tool's. What is a person's address is hashed."""
    value = next((row[key] for key in _ANNOTATOR if row.get(key) not in (None, "", {})), "")
    if isinstance(value, dict):
        value = value.get("id") or value.get("email") or value.get("username") or ""
    name = one_line(value, _MOST)
    return hashlib.sha256(name.encode()).hexdigest()[:8] if "@" in name or _FORMULA.match(name) else name


def _first(row: dict[str, Any], keys: tuple[str, ...]) -> str:
    value = one_line(next((row[key] for key in keys if row.get(key)), ""), 40)
    return "" if _FORMULA.match(value) else value
