"""Two plots beside a card, as SVG of a few lines: the precision-recall curve and the calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.learn.metrics import BINS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SIDE, LEFT, TOP = 300, 52, 34  # of the square plot and its place, in pixels
STEPS = 120  # points that a curve is drawn through
FILES = ("precision_recall.svg", "calibration.svg")
_STYLE = "font-family:sans-serif;font-size:11px;fill:#333"


def write_plots(folder: Path, truth: Bools, score: Floats, natural: Bools) -> None:
    """Both plots into `folder`: the curve over all posts and over the `natural` ones, the calibration over these."""
    from sklearn.metrics import precision_recall_curve

    curves = []
    for name, rows in (("all", np.ones(len(truth), bool)), ("random stratum", natural)):
        precision, recall, _ = precision_recall_curve(truth[rows], score[rows])
        curves.append((f"{name}, {truth[rows].mean():.0%} broadcast", recall[::-1], precision[::-1]))
    (folder / FILES[0]).write_text(precision_recall(curves), "utf-8")
    (folder / FILES[1]).write_text(calibration(truth[natural], score[natural]), "utf-8")


def precision_recall(curves: list[tuple[str, Floats, Floats]]) -> str:
    """An SVG of the curves (name, recall ascending, precision)."""
    parts = []
    for number, (name, recall, precision) in enumerate(curves):
        at = np.linspace(0, 1, STEPS)
        y = precision[np.searchsorted(recall, at, side="left").clip(max=len(recall) - 1)]
        parts += [_line(at, y, number), _legend(name, number)]
    return _frame("Broadcast against share", "recall", "precision", parts)


def calibration(truth: Bools, score: Floats) -> str:
    """An SVG: of the posts in each tenth of the score, the share that broadcast; the area of a dot is their number."""
    bins = np.minimum((score * BINS).astype(int), BINS - 1)
    parts = ['<path d="M{} {}L{} {}" stroke="#bbb" stroke-dasharray="4"/>'.format(*_xy(0, 0), *_xy(1, 1))]
    for b in np.unique(bins).tolist():
        here = bins == b
        x, y = _xy(float(score[here].mean()), float(truth[here].mean()))
        radius = 2 + 12 * np.sqrt(here.mean())
        said = f"{here.sum()} posts: said {score[here].mean():.2f}, were {truth[here].mean():.2f}"
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="#1f6f8b" fill-opacity=".6"><title>{said}</title></circle>'
        )
    return _frame("Calibration, random stratum", "probability said", "share that broadcast", parts)


def _xy(x: float, y: float) -> tuple[float, float]:
    return round(LEFT + x * SIDE, 1), round(TOP + (1 - y) * SIDE, 1)


def _line(x: Floats, y: Floats, number: int) -> str:
    points = " ".join("{},{}".format(*_xy(a, b)) for a, b in zip(x.tolist(), y.tolist(), strict=True))
    return f'<polyline points="{points}" fill="none" stroke="{("#1f6f8b", "#c8553d")[number % 2]}" stroke-width="2"/>'


def _legend(name: str, number: int) -> str:
    y = TOP + SIDE - 30 + 16 * number
    color = ("#1f6f8b", "#c8553d")[number % 2]
    return f'<rect x="{LEFT + 10}" y="{y - 8}" width="10" height="10" fill="{color}"/>' + _text(LEFT + 26, y + 1, name)


def _text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}" style="{_STYLE}"{more}>{words}</text>'


def _frame(title: str, below: str, beside: str, parts: list[str]) -> str:
    """Axes from 0 to 1 with a grid of fifths, the title, and the parts."""
    width, height = LEFT + SIDE + 20, TOP + SIDE + 46
    grid = []
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        x, y = _xy(tick, tick)
        grid += [f'<path d="M{x} {TOP}V{TOP + SIDE}M{LEFT} {y}H{LEFT + SIDE}" stroke="#e4e4e4"/>']
        grid += [_text(x, TOP + SIDE + 16, f"{tick:g}", ' text-anchor="middle"')]
        grid += [_text(LEFT - 6, y + 4, f"{tick:g}", ' text-anchor="end"')]
    middle = TOP + SIDE / 2
    words = [
        _text(LEFT, 20, title, ' font-weight="bold"'),
        _text(LEFT + SIDE / 2, TOP + SIDE + 36, below, ' text-anchor="middle"'),
        _text(14, middle, beside, f' text-anchor="middle" transform="rotate(-90 14 {middle})"'),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    back = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([head, back, *grid, *words, *parts, "</svg>"]) + "\n"
