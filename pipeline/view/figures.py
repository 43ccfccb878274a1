"""Figures of an evaluation, as tables in the terminal."""

from __future__ import annotations

from pipeline.learn.cards import (
    COMPARISON_HEAD,
    KIND_HEAD,
    MAIN_GROUPS,
    RATE_HEAD,
    SLICE_HEAD,
    comparison_rows,
    kind_rows,
    slice_rows,
)
from pipeline.learn.evaluation import Evaluation

WIDTH = 150  # a table is read as a table or not at all: a narrow terminal breaks its lines


def print_evaluation(found: Evaluation) -> None:
    """The judge and the baseline with intervals of the gain; the slices; the kinds of the probe."""
    _print(COMPARISON_HEAD, comparison_rows(found.comparisons))
    _print(SLICE_HEAD, slice_rows(found.slices, *MAIN_GROUPS))
    _print(RATE_HEAD, slice_rows(found.slices, "class", "base rate"))
    _print(KIND_HEAD, kind_rows(found.kinds))


def _print(head: list[str], rows: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(*head, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*row, end_section=row[1] == "gain, 95%")
    console = Console()
    console.width = max(console.width, WIDTH)
    console.print(table)
