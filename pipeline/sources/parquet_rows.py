"""Parquet files: columns as text, so that one meaning serves every form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.sources import framing
from pipeline.sources.records import ITEM_END, Names, Plan, Records
from pipeline.sources.rejects import RefusedFileError

MAGIC = b"PAR1"
_DAMAGED = (pa.ArrowException, OSError, ValueError, OverflowError)
_EXACT = float(2**53)  # the largest range of whole numbers that a float holds exactly


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file."""

    path: Path
    names: Names

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every row, in batches. Raises RefusedFileError for damaged files and for columns that have no text."""
        seen = 0
        for batch in _record_batches(self.path, plan.batch_rows):
            columns = {name: _text(name, column) for name, column in zip(self.names, batch.columns, strict=True)}
            rows = np.arange(seen + 1, seen + len(batch) + 1)
            yield Records(self.names, rows, columns, _raw_of(columns, seen))
            seen += len(batch)
        if seen != self.framed():
            raise RefusedFileError("broken_parquet", f"{seen} rows, expected {self.framed()} by the footer")

    def framed(self) -> int | None:
        """Rows by the footer."""
        return framing.count_parquet(self.path)


def open_parquet(path: Path) -> ParquetFile:
    """The file; raises RefusedFileError where its footer cannot be read."""
    try:
        return ParquetFile(path, tuple(pq.read_schema(path).names))
    except _DAMAGED as error:
        raise RefusedFileError("broken_parquet", error) from error


def _record_batches(path: Path, size: int) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):  # one by one, or Arrow keeps what it has read of all of them
                # One thread: what is made of the batches keeps the others busy, and small batches gain nothing from more.
                for batch in file.iter_batches(size, row_groups=[group], use_threads=False):
                    batch.validate(full=True)  # damaged pages may decode to text that is no UTF-8
                    yield batch
    except _DAMAGED as error:
        raise RefusedFileError("broken_parquet", error) from error


def _text(name: str, column: pa.Array) -> pa.Array:
    try:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            items = column.cast(pa.list_(pa.string()))
            ended = pc.binary_join(items, ITEM_END)
            return pc.binary_join_element_wise(ended, "", ITEM_END)
        if pa.types.is_floating(column.type):
            column = _without_fractions(column)
        if pa.types.is_timestamp(column.type) and column.type.tz == "UTC":  # Arrow writes one with a zone in 1 µs
            plain = column.cast(pa.timestamp(column.type.unit)).cast(pa.string())
            return pc.binary_join_element_wise(plain, "Z", "")
        return column.cast(pa.string())
    except (pa.ArrowException, ValueError) as error:
        raise RefusedFileError("bad_column", f"column {name} of type {column.type}") from error


def _without_fractions(column: pa.Array) -> pa.Array:
    """Whole numbers where all are: pandas makes floats of ids and counts that have gaps."""
    numbers = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
    values = numbers.drop_null().to_numpy(zero_copy_only=False)
    is_whole = ((np.abs(values) < _EXACT) & (values == np.trunc(values))).all()
    return numbers.cast(pa.int64()) if is_whole else numbers


def _raw_of(columns: dict[str, pa.Array], start: int) -> Any:
    def raw(number: int) -> str:
        row = {name: column[number - 1 - start].as_py() for name, column in columns.items()}
        return json.dumps(row, ensure_ascii=False)

    return raw
