"""Labelled posts of a lake: readings joined by the hash of the text with the posts they are about."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import PermanentError
from pipeline.learn import labels
from pipeline.learn.labels import OWN_FOLD, Labels
from pipeline.learn.readings import DISPUTED, read_readings, text_hashes, verdicts
from pipeline.store import Lake
from pipeline.tables import CLASSES
from pipeline.text.contacts import redact

GOLD = ("train.csv", "dev.csv")
LAKE = "lake"  # the data set of these posts


def read_posts(files: tuple[Path, ...], lake: str, data: Path, say: Callable[[str], None]) -> Labels:
    """The posts of the lake whose texts have a verdict in `files`; each text once. They are trained on, never measured on.

    Left out, and said: disputed texts, texts of posts_gold (they have labels, and some are measured on), texts that are
    not in the lake. Raises PermanentError where none is left.
    """
    verdict = verdicts(reading for path in files for reading in read_readings(path))
    gold = {text for name in GOLD for text in _hashes_of(data / "posts_gold" / name)}
    wanted = {text: label for text, label in verdict.items() if label != DISPUTED and text not in gold}
    found = _in_lake(Lake.open(lake), wanted)
    n_disputed = sum(label == DISPUTED for label in verdict.values())
    say(
        f"labels: {len(found)} texts of lake {lake}; left out: {n_disputed} disputed,"
        f" {len(verdict) - n_disputed - len(wanted)} of posts_gold, {len(wanted) - len(found)} not in the lake"
    )
    if not len(found):
        raise PermanentError(
            f"labels: no labelled text is in lake {lake}; expected the lake they come from; set --lake"
        )
    return _labels(found, wanted)


def _hashes_of(path: Path) -> list[str]:
    return list(text_hashes(labels.gold(path).texts).to_pylist())


def _in_lake(lake: Lake, wanted: dict[str, str]) -> pa.Table:
    """author_id, text and text_hash of the wanted texts, file by file; of equal texts the first in the lake's order."""
    hashes = pa.array(sorted(wanted), pa.string())
    parts = [pa.table({name: pa.array([], pa.string()) for name in ("author_id", "text", "text_hash")})]
    for file in lake.data_files("posts"):
        rows = lake.read("posts", ["author_id", "text"], only=partial(operator.eq, file))
        rows = rows.append_column("text_hash", text_hashes(rows["text"]))
        rows = rows.filter(pc.is_in(rows["text_hash"], value_set=hashes))
        parts.append(rows.select(parts[0].column_names).cast(parts[0].schema))
    found = pa.concat_tables(parts)
    _, first = np.unique(np.array(found["text_hash"].to_pylist(), str), return_index=True)
    return found.take(pa.array(first))


def _labels(found: pa.Table, wanted: dict[str, str]) -> Labels:
    n = len(found)
    author = np.array([f"lake {a}" if a else f"text {h}" for a, h in zip(*_columns(found), strict=True)], object)
    label = np.array([CLASSES.index(wanted[text]) for text in found["text_hash"].to_pylist()], np.int64)
    texts, _ = redact(found["text"])
    empty = np.full(n, "", object)
    return Labels(
        texts, label, author, np.full(n, OWN_FOLD, np.int64), empty, np.full(n, LAKE, object), empty, np.ones(n)
    )


def _columns(found: pa.Table) -> tuple[list[str | None], list[str]]:
    return found["author_id"].to_pylist(), found["text_hash"].to_pylist()


def texts_hash(rows: Labels) -> str:
    """SHA-256 of texts and labels in their order, for recipe.toml: they stand in no file of their own."""
    lines = "".join(f"{label}\x1f{text}\x1e" for label, text in zip(rows.label, rows.texts.to_pylist(), strict=True))
    return hashlib.sha256(lines.encode()).hexdigest()
