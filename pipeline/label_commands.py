"""What `xinren labels` and `xinren corpora` do, after their words are understood."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipeline.errors import UsageError, one_line
from pipeline.settings import Settings

SHOWN = 10  # disputed or unreadable records named; the others are counted


def export(settings: Settings, form: str, out: str | None, most: int, *, with_guess: bool) -> int:
    """Write the posts most worth labelling."""
    from pipeline.learn.label_export import FORMATS
    from pipeline.learn.label_export import export as export_labels

    target = Path(out or f"to_label{FORMATS.get(form, '')}")
    choice = export_labels(settings, target, form, most, with_guess=with_guess)
    whys = ", ".join(f"{n:,} {why}" for why, n in Counter(choice.whys).items())
    print(f"{len(choice.rows):,} posts to label ({whys or 'all are labelled'}): {one_line(target)}")
    print("when they are labelled: xinren labels import FILE")
    return 0


def import_(settings: Settings, files: list[str], out: str | None, names: list[str]) -> int:
    """Add what a tool exported to a file of readings, and say what became of every record."""
    from pipeline.learn.label_import import import_files

    target = Path(out) if out else Path(settings.corpora) / "labels" / "imported.csv"
    report = import_files([Path(file) for file in files], target, dict(_named(item) for item in names))
    counts = report.counts
    kinds = ("labelled", "unlabelled", "cancelled", "unreadable")
    rest = ", ".join(f"{counts[kind]:,} {kind}" for kind in kinds if counts[kind])
    print(f"{counts['records']:,} records: {rest or 'none'}")
    print(f"{counts['new']:,} readings new, {counts['known']:,} known before: {one_line(target)}")
    if counts["edited"]:
        print(f"{counts['edited']:,} texts were changed in the tool; their labels go to the posts as exported")
    if report.unknown:
        told = ", ".join(f"{name} {n:,}" for name, n in report.unknown.most_common(SHOWN))
        print(f"no class of ours, kept and not trained on: {told}; say what they mean: --map NAME=LABEL")
    _some("texts whose readings differ (they count as disputed):", report.disputed)
    _some("records with neither text nor text_hash:", report.unreadable)
    if counts["usable"]:
        train = f"xinren train judge --data DIR --lake {settings.lake} --labels {target}"
        print(f"train on them: {one_line(train)}")
    return 0


def _some(what: str, items: list[str]) -> None:
    if items:
        more = f"; and {len(items) - SHOWN:,} more" if len(items) > SHOWN else ""
        print(f"{len(items):,} {what} {one_line('; '.join(items[:SHOWN]), 1000)}{more}")


def _named(item: str) -> tuple[str, str]:
    name, sign, label = item.rpartition("=")
    if not (name and sign and label):
        raise UsageError(f"--map: got {one_line(item, 80)}; expected NAME=LABEL, such as 招募=recruit")
    return name, label


def list_sets(settings: Settings) -> int:
    """The public data sets of the registry."""
    from pipeline.public_data import read_registry

    corpora = Path(settings.corpora)
    for entry in read_registry(corpora).sets.values():
        home = corpora / "public" / entry.name
        there = sum((home / path).exists() for path in (*entry.files, *entry.folders))
        n = len(entry.files) + len(entry.folders)
        parts = "folders" if entry.folders else "files"
        state = f"{there} of {n} {parts} here" if n else "not fetched by xinren"
        print(f"{entry.name}: {entry.what}")
        print(f"  {entry.folder_at_host or entry.by_hand}\n  licence: {entry.licence}; {state}")
    return 0


def fetch(settings: Settings, name: str) -> int:
    """Download a public data set, its licence said first."""
    from pipeline.public_data import fetch as fetch_set
    from pipeline.public_data import read_registry

    entry = read_registry(Path(settings.corpora)).sets.get(name)
    if entry is not None and (entry.files or entry.folders):
        print(f"{name}: licence: {entry.licence}; the texts are real people's words, keep them to yourself", flush=True)
    print(f"every hash is as registered: {one_line(fetch_set(Path(settings.corpora), name))}")
    return 0
