"""Charts as geometry: what a template draws as inline SVG. Nothing here is markup; words are escaped where they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.steps.author_life import Floats
from pipeline.text.codepoints import Ints

WIDE, HIGH = 480, 220  # of a chart with axes, in the units of its viewBox
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 10, 24  # margins for the words of the axes
THIN, LOW = 480, 36  # of a strip without axes
TICKS = 4  # words on a time axis, and stretches of the other axes
_GAP = 1.0  # between two bars


@dataclass(frozen=True)
class Tick:
    """A word of an axis, and where it stands."""

    at: float
    word: str


@dataclass(frozen=True)
class Line:
    """A curve: its name, which of the page's styles it has, and its SVG path."""

    name: str
    style: int
    path: str


@dataclass(frozen=True)
class Bar:
    """A rectangle, and which of the page's styles it has."""

    x: float
    y: float
    width: float
    height: float
    style: int


@dataclass(frozen=True)
class Chart:
    """A chart with axes: ticks, a band behind its lines (an SVG path, '' for none), lines, bars."""

    title: str
    x: list[Tick]
    y: list[Tick]
    lines: list[Line]
    band: str
    bars: list[Bar]
    wide: int = WIDE
    high: int = HIGH


def lines_by_day(
    title: str,
    days: Ints,
    curves: Sequence[tuple[str, int, Floats]],
    scale: tuple[float, float, str],
    band: tuple[Floats, Floats] | None = None,
) -> Chart:
    """Curves over `days` (since 1970-01-01, ascending, one or more), NaN where a curve is broken; one of NaN alone is left out.

    scale: least and greatest value, and how its words are written; band: lower and upper ends, NaN for none.
    """
    least, most, form = scale
    x = _placed(days.astype(np.float64), (float(days[0]), float(days[-1])), (LEFT, WIDE - RIGHT))
    lines = [
        Line(name, style, _path(x, _height(values, least, most)))
        for name, style, values in curves
        if not np.isnan(values).all()
    ]
    shade = "" if band is None else _band(x, _height(band[0], least, most), _height(band[1], least, most))
    return Chart(title, _dates(days, x), _values(least, most, form), lines, shade, [])


def histogram(title: str, edges: Floats, layers: Sequence[Ints]) -> Chart:
    """Bars between `edges`, the counts of `layers` on top of each other."""
    counts = np.array(layers)
    most = float(-(-max(int(counts.sum(axis=0).max()), 1) // TICKS) * TICKS)  # so that every word is whole
    x = _placed(edges, (float(edges[0]), float(edges[-1])), (LEFT, WIDE - RIGHT))
    tops = _height(np.cumsum(counts, axis=0).astype(np.float64), 0, most)
    feet = np.vstack([np.full(len(edges) - 1, float(HIGH - BOTTOM)), tops[:-1]])
    bars = [
        Bar(_r(x[i] + _GAP / 2), _r(tops[k, i]), _r(x[i + 1] - x[i] - _GAP), _r(feet[k, i] - tops[k, i]), k)
        for k, i in zip(*(at.tolist() for at in np.nonzero(counts)), strict=True)
    ]
    words = [Tick(_r(x[i]), f"{edges[i]:.2f}") for i in range(0, len(edges), (len(edges) - 1) // TICKS)]
    return Chart(title, words, _values(0, most, ",.0f"), [], "", bars)


def strip(title: str, counts: Ints) -> Chart:
    """Counts as a strip of bars without axes; a count above 0 shows however small it is."""
    width = min(THIN / len(counts), 24.0)
    heights = np.where(counts > 0, np.maximum(counts * (LOW / counts.max()), 2.0), 0.0)
    gap = min(_GAP, width / 4)
    bars = [
        Bar(_r(i * width), _r(LOW - heights[i]), _r(width - gap), _r(heights[i]), 0)
        for i in np.flatnonzero(counts).tolist()
    ]
    return Chart(title, [], [], [], "", bars, THIN, LOW)


def shares(title: str, values: Floats) -> Chart:
    """Shares that add up to 1 as one bar of stretches, in the order and the styles of `values`."""
    ends = np.concatenate(([0.0], np.cumsum(values))) * THIN
    bars = [
        Bar(_r(ends[i]), 0.0, _r(ends[i + 1] - ends[i]), float(LOW), i) for i in np.flatnonzero(values > 0).tolist()
    ]
    return Chart(title, [], [], [], "", bars, THIN, LOW)


def _r(value: float) -> float:
    return round(float(value), 1)


def _placed(values: Floats, within: tuple[float, float], onto: tuple[float, float]) -> Floats:
    span = within[1] - within[0]
    share = (values - within[0]) / span if span else np.full(values.shape, 0.5)
    return onto[0] + share * (onto[1] - onto[0])


def _height(values: Floats, least: float, most: float) -> Floats:
    return _placed(np.clip(values, least, most), (least, most), (HIGH - BOTTOM, TOP))


def _values(least: float, most: float, form: str) -> list[Tick]:
    at = np.linspace(least, most, TICKS + 1)
    return [Tick(_r(y), format(value, form)) for value, y in zip(at, _height(at, least, most), strict=True)]


def _dates(days: Ints, x: Floats) -> list[Tick]:
    """Dates at equal distances, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(days) - 1, min(TICKS, len(days))).round().astype(np.int64))
    return [
        Tick(_r(x[i]), str(day))
        for i, day in zip(chosen.tolist(), days[chosen].astype("datetime64[D]").tolist(), strict=True)
    ]


def _runs(known: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end of each stretch of True."""
    turns = np.flatnonzero(np.diff(np.concatenate(([0], known.astype(np.int8), [0]))))
    return list(zip(turns[::2].tolist(), turns[1::2].tolist(), strict=True))


def _path(x: Floats, y: Floats) -> str:
    """Straight pieces through known points; a point between two unknown ones is a dot."""
    known = ~np.isnan(y)
    return "".join(_stretch(x[a:b], y[a:b]) + ("h0" if b - a == 1 else "") for a, b in _runs(known))


def _band(x: Floats, low: Floats, high: Floats) -> str:
    known = ~(np.isnan(low) | np.isnan(high))
    x_of, pieces = np.asarray(x), []
    for a, b in _runs(known):
        wide = 1.5 if b - a == 1 else 0.0  # the band of a lone day has a width to be seen
        across = np.concatenate((x_of[a:b] - wide, (x_of[a:b] + wide)[::-1]))
        pieces.append(_stretch(across, np.concatenate((low[a:b], high[a:b][::-1]))) + "Z")
    return "".join(pieces)


def _stretch(x: Floats, y: Floats) -> str:
    return "M" + "L".join(f"{_r(a)} {_r(b)}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
