"""Labelled posts: the gold files of a data folder and the project's own posts, in one shape."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from pipeline.errors import PermanentError, one_line
from pipeline.tables import CLASSES
from pipeline.text.contacts import redact

CONFIDENCE = {"1": 0.5, "2": 0.8, "3": 1.0}  # weight of a reading by its stated confidence
OWN_FOLD = -1  # own posts are in every training set and in no test
TRAIN_ONLY = -2  # less k: trained on but where fold k is measured, never measured on
OWN_WEIGHT = 3.0  # they ask what is rare among public posts and easily confused
DISPUTED = "disputed"  # two readings differ


@dataclass(frozen=True)
class Labels:
    """Row-aligned columns; texts have their contacts replaced. label -1 is DISPUTED."""

    texts: pa.Array
    label: NDArray[np.int64]  # index into tables.CLASSES
    author: NDArray[np.object_]
    fold: NDArray[np.int64]
    stratum: NDArray[np.object_]
    dataset: NDArray[np.object_]
    row: NDArray[np.object_]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.label)

    @property
    def measured(self) -> NDArray[np.bool_]:
        """The rows of posts_gold/train.csv, which stand in a fold."""
        return np.asarray(self.fold >= 0)

    def outside(self, k: int) -> NDArray[np.bool_]:
        """The rows to train on where fold `k` is measured."""
        return np.asarray((self.fold != k) & (self.fold != TRAIN_ONLY - k))

    def take(self, keep: NDArray[np.bool_]) -> Labels:
        """The rows where `keep` is True."""
        texts = self.texts.filter(pa.array(keep))
        rest = {f.name: getattr(self, f.name)[keep] for f in fields(self) if f.name != "texts"}
        return Labels(texts, **rest)


def read_labelled(path: Path) -> pa.Table:
    """A CSV with text and label, every column a string. Raises PermanentError, without the texts, for any other."""
    options = pa_csv.ParseOptions(newlines_in_values=True)
    try:
        with path.open(encoding="utf-8-sig") as file:
            names = file.readline().strip().split(",")
        convert = pa_csv.ConvertOptions(column_types={name: pa.string() for name in names}, strings_can_be_null=False)
        table = pa_csv.read_csv(path, parse_options=options, convert_options=convert)
    except (OSError, ValueError) as error:  # Arrow's and Unicode's errors are ValueErrors
        why = re.sub(r"(got \d+):.*", r"\1", one_line(error, 160))  # Arrow goes on with the row itself
        raise PermanentError(f"labels {path}: {why}; expected a CSV with text,label; check --data") from error
    _check(path, table)
    return table


def _check(path: Path, table: pa.Table) -> None:
    missing = sorted({"text", "label"} - set(table.column_names))
    if missing:
        raise PermanentError(f"labels {path}: no column {missing[0]}; expected a CSV with text,label; check --data")
    strange = set(table["label"].to_pylist()) - {*CLASSES, DISPUTED}
    folds = set(table["fold"].to_pylist()) - set("01234") if "fold" in table.column_names else set()
    for column, bad, good in (("label", strange, f"{', '.join(CLASSES)} or {DISPUTED}"), ("fold", folds, "0 to 4")):
        if bad:
            got = one_line(sorted(bad)[0], 40)
            raise PermanentError(f"labels {path}: got {column} {got!r}; expected {good}; mend the file")


def _column(table: pa.Table, name: str, default: str = "") -> NDArray[np.object_]:
    if name not in table.column_names:
        return np.full(len(table), default, object)
    return np.array(table[name].to_pylist(), object)


def _labels(table: pa.Table, authors: NDArray[np.object_], fold: NDArray[np.int64]) -> Labels:
    index = pc.index_in(table["label"].combine_chunks(), pa.array(CLASSES)).fill_null(-1)
    texts, _ = redact(table["text"].combine_chunks())
    weight = np.array([CONFIDENCE.get(c, 1.0) for c in _column(table, "conf", "3").tolist()])
    return Labels(
        texts, index.to_numpy(zero_copy_only=False).astype(np.int64), authors, fold, _column(table, "stratum"),
        _column(table, "dataset"), _column(table, "row"), weight,
    )  # fmt: skip


def gold(path: Path) -> Labels:
    """posts_gold/train.csv or dev.csv. A row without an author is its own author."""
    table = read_labelled(path)
    authors = _column(table, "author_id")
    lone = authors == ""
    authors[lone] = [f"row {i}" for i in np.flatnonzero(lone).tolist()]
    return _labels(table, authors, _column(table, "fold", "0").astype(np.int64))


def own(corpora: Path) -> Labels:
    """The project's own labelled posts, corpora/posts/*.csv; a voice counts as an author."""
    tables = [read_labelled(path) for path in sorted((corpora / "posts").glob("*.csv"))]
    if not tables:
        raise PermanentError(f"labels {corpora}/posts: no *.csv; expected the project's own posts; set --corpora")
    table = pa.concat_tables([t.select(["text", "label"]).append_column("voice", _voices(t)) for t in tables])
    rows = _labels(table, _column(table, "voice"), np.full(len(table), OWN_FOLD, np.int64))
    return replace(rows, weight=np.full(len(rows), OWN_WEIGHT))


def _voices(table: pa.Table) -> pa.Array:
    return pa.array(_column(table, "voice").tolist(), pa.string())


def concat(parts: list[Labels]) -> Labels:
    """The rows of all parts."""
    rest = {f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Labels) if f.name != "texts"}
    return Labels(pa.concat_arrays([p.texts for p in parts]), **rest)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, for recipe.toml; raises PermanentError naming what is missing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PermanentError(
            f"training data {path}: {error.strerror}; see corpora/README.md for where it is"
        ) from error
