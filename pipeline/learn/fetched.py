"""Posts of the public sets whose columns the registry names, read from the files that `xinren corpora fetch` got.

No such set is needed: one that is not there is said in a line, training goes on without it, and the recipe says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from pipeline.errors import PermanentError, one_line
from pipeline.public_data import DataSet, read_registry
from pipeline.sources.forms import open_forms
from pipeline.sources.records import Plan, Records
from pipeline.sources.rejects import RefusedFileError
from pipeline.sources.titles import titled

ABSENT = "absent"  # what a recipe says of a set that is not there
SCHEMA = pa.schema([(name, pa.string()) for name in ("dataset", "author", "text")])
_PLAN = Plan(batch_rows=10_000, is_header=lambda _: False)


def fetched_sets(corpora: Path) -> dict[str, str]:
    """Of each set whose columns the registry names: the SHA-256 of its files' paths and hashes, or ABSENT."""
    return {name: _state(corpora, entry) for name, entry in _entries(corpora).items()}


def fetched_posts(corpora: Path, say: Callable[[str], None] = lambda _: None) -> pa.Table:
    """dataset, author (NULL where unknown) and text, the title above it as in a gathered note.

    Raises PermanentError for a file that is not the registry's or has not its columns.
    """
    entries, states = _entries(corpora), fetched_sets(corpora)
    if absent := [name for name, state in states.items() if state == ABSENT]:
        say(
            f"public posts {', '.join(absent)}: not in {corpora / 'public'}; trained without them, and the recipe says so;"
            " `xinren corpora fetch NAME` gets one"
        )
    parts = [SCHEMA.empty_table()]
    for entry in (entries[name] for name in entries if name not in absent):
        for path, digest in entry.files.items():
            home = corpora / "public" / entry.name
            parts += [_posts(rows, entry) for rows in _records(home / path, entry, digest)]
    return pa.concat_tables(parts)


def _entries(corpora: Path) -> dict[str, DataSet]:
    if not (corpora / "registry.toml").is_file():
        return {}
    return {name: entry for name, entry in read_registry(corpora).sets.items() if entry.columns}


def _state(corpora: Path, entry: DataSet) -> str:
    if not all((corpora / "public" / entry.name / path).is_file() for path in entry.files):
        return ABSENT
    return hashlib.sha256("".join(f"{path}\n{digest}\n" for path, digest in entry.files.items()).encode()).hexdigest()


def _records(path: Path, entry: DataSet, digest: str) -> Iterator[Records]:
    """The rows of a CSV, a JSON list or JSON Lines."""
    where = f"public posts {one_line(path)}"
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != digest:
            raise PermanentError(f"{where}: its SHA-256 is not {digest}; `xinren corpora fetch {entry.name}` again")
    try:
        form = next((form for form in open_forms(path) if entry.columns["text"] in form.names), None)
    except RefusedFileError as error:
        raise PermanentError(f"{where}: {error.detail}; the registry is wrong") from error
    if form is None:
        raise PermanentError(f"{where}: no column {entry.columns['text']!r}; the registry is wrong")
    yield from form.records(_PLAN)


def _posts(rows: Records, entry: DataSet) -> pa.Table:
    title, text, author = (rows.first(entry.columns.get(name, "")) for name in ("title", "text", "author"))
    return pa.table([rows.constant(entry.name), author, titled(title, text)], SCHEMA)
