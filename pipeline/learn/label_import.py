"""Import what a labelling tool exported into a file of readings, and say what became of every record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from pipeline.errors import UsageError, one_line
from pipeline.learn.label_files import Record, records
from pipeline.learn.readings import (
    DISPUTED,
    LABELS,
    Reading,
    is_text_hash,
    merged,
    read_readings,
    text_hashes,
    verdicts,
    write_readings,
)


@dataclass
class Report:
    """What became of the records: counts, and what a person must decide."""

    counts: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)  # names that are no class -> readings
    disputed: list[str] = field(default_factory=list)  # "text_hash: label, label" of texts in these files
    unreadable: list[str] = field(default_factory=list)  # "file record 3"


def import_files(files: list[Path], target: Path, names: dict[str, str]) -> Report:
    """Add the readings of `files` to `target`; `names` says which class a tool's label means. Nothing is taken out.

    Raises UsageError or PermanentError for a file that cannot be read; then nothing is written.
    """
    wrong = next((label for label in names.values() if label not in LABELS), None)
    if wrong is not None:
        raise UsageError(f"--map: got {one_line(wrong, 40)}; expected NAME=LABEL, LABEL one of {', '.join(LABELS)}")
    report, found = Report(), []
    for path in files:
        found += list(_readings(path, names, report))
    old = read_readings(target) if target.exists() else []
    everything, added = merged(old, found)
    renamed = [Reading(**{**vars(r), "label": names[r.given]}) if r.given in names else r for r in everything]
    report.counts["usable"] = len(verdicts(renamed))
    report.counts["new"], report.counts["known"] = added, len({r.key for r in found}) - added
    here = {r.key for r in found}
    report.unknown.update(r.given for r in renamed if not r.label and r.key in here)
    report.disputed = _disputes(renamed, {r.text_hash for r in found})
    if renamed != old:
        write_readings(target, renamed)
    return report


def _readings(path: Path, names: dict[str, str], report: Report) -> Iterator[Reading]:
    """A reading for each label of each record; the others are counted."""
    rows = list(records(path))
    texts = text_hashes(pa.array([row.text or "" for row in rows], pa.string())).to_pylist()
    for row, computed in zip(rows, texts, strict=True):  # per record: what tools write is nested
        text_hash = row.text_hash if is_text_hash(row.text_hash) else computed if row.text else ""
        report.counts["records"] += 1
        if not text_hash:
            report.counts["unreadable"] += 1
            report.unreadable.append(f"{path.name} record {row.number}")
        elif row.cancelled or not row.labels:
            report.counts["cancelled" if row.cancelled else "unlabelled"] += 1
        else:
            report.counts["labelled"] += 1
            report.counts["edited"] += int(bool(row.text) and computed != text_hash)
            yield from (_reading(row, text_hash, given, names) for given in dict.fromkeys(row.labels))


def _reading(row: Record, text_hash: str, given: str, names: dict[str, str]) -> Reading:
    label = names.get(given, given.lower())
    known = label if label in LABELS else ""
    return Reading(text_hash, one_line(row.post, 200), known, given, row.annotator, row.tool, row.at)


def _disputes(readings: list[Reading], here: set[str]) -> list[str]:
    said = verdicts(readings)
    labels: dict[str, set[str]] = {}
    for reading in readings:
        if reading.text_hash in here and said.get(reading.text_hash) == DISPUTED and reading.label:
            labels.setdefault(reading.text_hash, set()).add(reading.label)
    return [f"{text_hash}: {', '.join(sorted(found))}" for text_hash, found in sorted(labels.items())]
