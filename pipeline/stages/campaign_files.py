"""What the stage campaigns reads a piece at a time, and puts aside: posts by file and row, columns of numbers in files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import partitions
from pipeline.order import Ints, sorted_rows
from pipeline.run import Run, beside
from pipeline.spill import Spill
from pipeline.steps.campaign_texts import Shelf
from pipeline.steps.campaigns import IN_ORDER
from pipeline.storage import explained
from pipeline.store import DataFile
from pipeline.threads import one_ahead

AT_A_TIME = 300_000  # posts read at once
SORTED = 500_000  # posts of a month that are sorted at once
ROW_BITS = 32  # of a post's place: the number of its file, before its row
Files = list[tuple[int, DataFile]]


class FileShelf(Shelf):
    """Columns of numbers, each in a file of its own; `scratch` makes an empty file of a name."""

    def __init__(self, scratch: Callable[[str], Path]) -> None:
        super().__init__()
        self._scratch = scratch
        self._paths: dict[str, Path] = {}

    def append(self, name: str, values: NDArray[Any]) -> None:
        """Put `values` after those of the column that are there."""
        if name not in self._paths:
            self._paths[name] = self._scratch(f"campaigns-{name}")
        path = self._paths[name]
        with explained(str(path.parent), "set numbers aside"), path.open("ab") as file:
            values.tofile(file)

    def read(self, name: str, dtype: Any, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Values start to stop of the column."""
        if name not in self._paths:
            return np.empty(0, dtype)
        count = -1 if stop is None else stop - start
        with explained(str(self._paths[name].parent), "read numbers set aside"):
            return np.fromfile(self._paths[name], dtype, count, offset=start * np.dtype(dtype).itemsize)

    def drop(self, name: str) -> None:
        """Forget the column."""
        if name in self._paths:
            self._paths.pop(name).unlink()


def post_files(run: Run) -> Files:
    """The files of posts, numbered in the order of their months."""
    return list(enumerate(sorted(run.tx.data_files("posts"), key=lambda file: (file.keys["part_month"], file.path))))


def by_month(files: Files) -> list[Files]:
    """The files of each month, months in order."""
    months: dict[str, Files] = {}
    for numbered in files:
        months.setdefault(numbered[1].keys["part_month"], []).append(numbered)
    return list(months.values())


def posts_in_order(run: Run, files: Files, columns: list[str]) -> Iterator[tuple[pa.Table, Ints]]:
    """All posts, some at a time, and their order for campaigns: `columns`, text_label and `place`.

    Months are in order, and a month is sorted; one too large to be sorted at once is cut into slices first, each of
    them before the next. While one is worked on the next is read and sorted on another thread.
    """
    return one_ahead(_pieces(run, files, columns))


def _pieces(run: Run, files: Files, columns: list[str]) -> Iterator[tuple[pa.Table, Ints]]:
    wanted = list(dict.fromkeys(["post_id", *IN_ORDER, *columns]))
    for group in _grouped(by_month(files)):
        pieces = [_read(run, group, wanted)] if _n_rows(group) <= SORTED else _slices(run, group, wanted)
        yield from ((rows, sorted_rows(rows, IN_ORDER)) for rows in pieces)


def _slices(run: Run, files: Files, columns: list[str]) -> Iterator[pa.Table]:
    keys = run.tx.rows_of("posts", [file for _, file in files], IN_ORDER)
    part = np.empty(len(keys), np.int64)
    part[sorted_rows(keys, IN_ORDER)] = np.arange(len(keys)) // AT_A_TIME
    del keys
    spill, done = None, 0
    for group in _grouped([[numbered] for numbered in files]):
        rows = _read(run, group, columns)
        spill = spill or Spill(run.tx.scratch, f"campaigns-{files[0][0]}", rows.schema)
        spill.scatter(rows, part[done : done + len(rows)])
        done += len(rows)
    if spill is not None:
        yield from (spill.take(number) for number in spill.parts())


def _read(run: Run, files: Files, columns: list[str]) -> pa.Table:
    """Columns of the posts in the files, in their order, with text_label and their places."""
    posts = run.tx.rows_of("posts", [file for _, file in files], columns)
    there = {partitions.place(file): file for file in run.tx.data_files("post_features")}
    read = [there[where] for _, file in files if (where := partitions.place(file)) in there]
    labels = beside(run, posts, read, "post_features", ["text_label"])
    places = [(number << ROW_BITS) + np.arange(file.rows) for number, file in files]
    return posts.append_column("text_label", labels["text_label"]).append_column(
        "place", pa.array(np.concatenate(places))
    )


def _n_rows(files: Files) -> int:
    return sum(file.rows for _, file in files)


def _grouped(parts: Iterable[Files]) -> Iterator[Files]:
    """Parts one after another in groups of AT_A_TIME posts or fewer; a larger part is a group of its own."""
    group: Files = []
    for part in parts:
        if group and _n_rows(group) + _n_rows(part) > AT_A_TIME:
            yield group
            group = []
        group = group + part
    if group:
        yield group


def rows_at(run: Run, files: Files, columns: list[str], places: Ints) -> Iterator[tuple[slice, Files, pa.Table]]:
    """The rows of posts at `places`, ascending, some files at a time: which places, in which files, and the rows."""
    number = places >> ROW_BITS
    used = set(np.unique(number).tolist())
    for group in _grouped([[numbered] for numbered in files if numbered[0] in used]):
        low, high = np.searchsorted(number, [group[0][0], group[-1][0] + 1]).tolist()
        start = np.zeros(group[-1][0] + 1, np.int64)
        start[[n for n, _ in group]] = np.cumsum([0, *(file.rows for _, file in group)])[:-1]
        at = start[number[low:high]] + (places[low:high] & ((1 << ROW_BITS) - 1))
        rows = run.tx.rows_of("posts", [file for _, file in group], columns)
        yield slice(low, high), group, rows.take(pa.array(at))
