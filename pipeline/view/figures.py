"""Figures of an evaluation, as a table in the terminal."""

from __future__ import annotations

from pipeline.learn.cards import COMPARISON_HEAD, comparison_rows
from pipeline.learn.judge import Comparison

WIDTH = 120  # the table is read as a table or not at all: a narrow terminal breaks its lines


def print_comparisons(comparisons: list[Comparison]) -> None:
    """The judge and the baseline, place by place, with intervals of the gain."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(*COMPARISON_HEAD, box=SIMPLE_HEAD, pad_edge=False)
    for row in comparison_rows(comparisons):
        table.add_row(*row, end_section=row[1] == "gain, 95%")
    console = Console()
    console.width = max(console.width, WIDTH)
    console.print(table)
