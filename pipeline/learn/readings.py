"""Readings: what somebody said of a text, keyed by the hash of the text. A file of readings holds no text.

`text_hash` is t and the first 16 hex digits of the SHA-256 of the text as the judge reads it: contacts replaced, folded, runs
of white space one space. The t keeps a spreadsheet from taking a hash such as 12345e67 for a number.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import PermanentError, one_line
from pipeline.tables import CLASSES
from pipeline.text.contacts import redact
from pipeline.text.normalise import normalise_texts

DISPUTED = "disputed"  # the readings of a text differ
LABELS = (*CLASSES, DISPUTED)  # a reader may say that it cannot be told
_HASH = re.compile(r"t[0-9a-f]{16}")


def text_hashes(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The text_hash of each text; NULL as the empty text."""
    redacted, _ = redact(texts)
    plain = pc.utf8_trim_whitespace(pc.replace_substring_regex(normalise_texts(redacted), r"\s+", " "))
    # One by one: hashlib takes no columns, and a million texts take a second.
    return pa.array([f"t{hashlib.sha256(text.encode()).hexdigest()[:16]}" for text in plain.to_pylist()], pa.string())


def is_text_hash(value: str) -> bool:
    """Whether `value` has the form of a text_hash."""
    return _HASH.fullmatch(value) is not None


@dataclass(frozen=True)
class Reading:
    """One reader's word on one text. `label` is empty where what was `given` is the name of no class."""

    text_hash: str
    post: str = ""  # <platform>:<post_id> where the post came from a lake
    label: str = ""
    given: str = ""  # the label as the tool wrote it
    annotator: str = ""
    tool: str = ""
    at: str = ""  # when, as the tool wrote it

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same reading when a file is imported again."""
        return self.text_hash, self.annotator, self.given


_COLUMNS = tuple(field.name for field in fields(Reading))


def read_readings(path: Path) -> list[Reading]:
    """The readings of a CSV that `write_readings` wrote, or of a Parquet file such as corpora/labels/posts_gold.parquet.

    Raises PermanentError for a file that is neither.
    """
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            rows = table.select([name for name in _COLUMNS if name in table.column_names]).to_pylist()
        else:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = [{name: row.get(name) or "" for name in _COLUMNS} for row in csv.DictReader(file)]
        readings = [Reading(**{name: str(value or "") for name, value in row.items()}) for row in rows]
    except (OSError, ValueError, csv.Error, TypeError) as error:
        raise PermanentError(f"labels {one_line(path)}: {one_line(error, 160)}; expected a file of readings") from error
    for number, reading in enumerate(readings, 1):
        if not is_text_hash(reading.text_hash) or reading.label not in ("", *LABELS):
            got = one_line(f"{reading.text_hash} {reading.label}", 60)
            raise PermanentError(
                f"labels {one_line(path)}: row {number}: got {got!r}; expected a text_hash and one of"
                f" {', '.join(LABELS)}; mend the file"
            )
    return readings


def write_readings(path: Path, readings: Iterable[Reading]) -> None:
    """All of them, sorted, as a CSV: whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_COLUMNS)
            writer.writerows(astuple(reading) for reading in sorted(readings, key=astuple))
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def merged(old: list[Reading], new: list[Reading]) -> tuple[list[Reading], int]:
    """All readings, each once, and how many of `new` were not there. What is newly known of an old one is added to it."""
    by_key = {reading.key: reading for reading in old}
    before = len(by_key)
    for reading in new:
        known = by_key.get(reading.key)
        by_key[reading.key] = reading if known is None else _fuller(known, reading)
    return list(by_key.values()), len(by_key) - before


def _fuller(old: Reading, new: Reading) -> Reading:
    """`old` with what `new` knows better: a label where there was none, and the later time."""
    filled = {name: getattr(old, name) or getattr(new, name) for name in ("post", "tool")}
    return replace(old, label=new.label or old.label, at=max(old.at, new.at), **filled)


def verdicts(readings: Iterable[Reading]) -> dict[str, str]:
    """For each text with a known label that label, DISPUTED where readers differ. A reader's later word replaces an earlier.

    Of two words of one reader with the same time, or none, neither is later: they differ as those of two readers do.
    """
    latest: dict[tuple[str, str], list[Reading]] = {}
    for reading in readings:
        if reading.label:
            key = reading.text_hash, reading.annotator
            held = latest.get(key, [])
            newest = held[0].at if held else ""
            if not held or reading.at > newest:
                latest[key] = [reading]
            elif reading.at == newest:
                held.append(reading)
    said: dict[str, set[str]] = {}
    for (text_hash, _), words in latest.items():
        said.setdefault(text_hash, set()).update(word.label for word in words)
    return {text: labels.pop() if len(labels) == 1 else DISPUTED for text, labels in said.items()}
