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
from pipeline.learn.sentiment_card import (
    CONFUSION_HEAD,
    EMOTION_HEAD,
    OWN_HEAD,
    POLARITY_HEAD,
    confusion_rows,
    emotion_rows,
    own_rows,
    polarity_rows,
    sentences,
)
from pipeline.learn.sentiment_figures import Figures

WIDTH = 150  # a table is read as a table or not at all: a narrow terminal breaks its lines


def print_evaluation(found: Evaluation) -> None:
    """The judge and the baseline with intervals of the gain; the slices; the kinds of the probe."""
    _print(COMPARISON_HEAD, comparison_rows(found.comparisons))
    _print(SLICE_HEAD, slice_rows(found.slices, *MAIN_GROUPS))
    _print(RATE_HEAD, slice_rows(found.slices, "class", "base rate"))
    _print(KIND_HEAD, kind_rows(found.kinds))


def print_sentiment(found: Figures) -> None:
    """Polarity per set beside SnowNLP, the confusion of the three sides, the emotions, the own posts, and what no table says."""
    _print(POLARITY_HEAD, polarity_rows(found))
    _print(CONFUSION_HEAD, confusion_rows(found))
    _print(EMOTION_HEAD, emotion_rows(found))
    _print(OWN_HEAD, own_rows(found))
    print("\n".join(sentences(found)))


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
