"""The days of a lake for its report: broadcasting by platform, and feeling of all posts beside that of genuine ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.order import floats, numbers
from pipeline.steps.author_life import Floats
from pipeline.store import Lake
from pipeline.text.codepoints import Ints
from pipeline.view.charts import Chart, lines_by_day

PLATFORMS = 6  # drawn: those of most posts
MOST_POINTS = 120
MEANT_POSTS = 40  # in a step on average, so that shares are not noise; steps grow for it
LEAST_POSTS = 5  # in a step for a point
LEAST_STEPS = 8  # however few the posts are
NEWEST = 92  # days of the chart by single days
MOST_DAYS = 3 * 366  # drawn at all: the newest
_STEPS = (1, 2, 3, 7, 14, 28, 56, 91, 182)
_COLUMNS = ["date", "platform", "n_posts", "broadcast_share", "n_feeling", "n_genuine", "sentiment_all",
            "sentiment_genuine", "difference_low", "difference_high"]  # fmt: skip


@dataclass(frozen=True)
class Days:
    """What the report shows of days. notes: what the reader must know of the charts, in words."""

    broadcast: Chart | None
    feeling: list[Chart]
    notes: list[str]


@dataclass(frozen=True)
class _Steps:
    """Equal steps of days: the first day of each, and how many days it has."""

    first: Ints
    wide: int

    def mean(self, rows: pa.Table, value: str, weight: str) -> Floats:
        """Mean of daily means by the posts they are of; NaN below LEAST_POSTS posts."""
        day, n, means = numbers(rows["date"], 0), floats(rows[weight]), floats(rows[value])
        n = np.where(np.isnan(means), 0.0, np.nan_to_num(n))
        step = (day - self.first[0]) // self.wide
        total = np.bincount(step, n, len(self.first))
        added = np.bincount(step, np.nan_to_num(means) * n, len(self.first))
        return np.where(total >= LEAST_POSTS, added / np.maximum(total, 1.0), np.nan)


def days_of(lake: Lake) -> Days:
    """Charts of daily_summary; none where it has no rows."""
    rows = lake.read("daily_summary", _COLUMNS)
    if not len(rows):
        return Days(None, [], [])
    last = pc.max(rows["date"].cast(pa.int32())).as_py()
    first = pc.min(rows["date"].cast(pa.int32())).as_py()
    rows = _since(rows, last - MOST_DAYS + 1)
    notes = [f"Earlier days than the newest {MOST_DAYS:,} are not drawn."] if last - first >= MOST_DAYS else []
    steps = _steps(_of(rows, "all"), MEANT_POSTS)
    broadcast, left = _broadcast(rows, steps)
    feeling, more = _feelings(_of(rows, "all"), steps, last)
    a_point = "a local day" if steps.wide == 1 else f"{steps.wide} local days"
    notes = [f"A point: {a_point}, with {LEAST_POSTS} posts or more.", *notes, *more]
    return Days(broadcast, feeling, [*notes, f"Not drawn, for few posts: {left}."] if left else notes)


def _since(rows: pa.Table, day: int) -> pa.Table:
    return rows.filter(pc.greater_equal(rows["date"].cast(pa.int32()), day))


def _of(rows: pa.Table, platform: str) -> pa.Table:
    return rows.filter(pc.equal(rows["platform"], platform))


def _steps(rows: pa.Table, meant: int) -> _Steps:
    day = numbers(rows["date"], 0)
    first, last = int(day.min()), int(day.max())
    n, posts = last - first + 1, max(pc.sum(rows["n_posts"]).as_py(), 1)
    wanted = min(max(n / MOST_POINTS, n * meant / posts), max(n / LEAST_STEPS, 1))
    wide = next((step for step in _STEPS if step >= wanted), _STEPS[-1])
    return _Steps(np.arange(first, last + 1, wide), wide)


def _broadcast(rows: pa.Table, steps: _Steps) -> tuple[Chart, str]:
    """Share of broadcasting by platform, those of most posts first and the whole last; platforms left out, in words."""
    counts = rows.group_by("platform").aggregate([("n_posts", "sum")])
    order = counts.sort_by([("n_posts_sum", "descending"), ("platform", "ascending")])["platform"].to_pylist()
    names = [name for name in order if name != "all"]
    curves: list[tuple[str, int, Floats]] = [
        (name, style, steps.mean(_of(rows, name), "broadcast_share", "n_posts"))
        for style, name in enumerate(names[:PLATFORMS], 1)
    ]
    if len(names) > 1:
        curves.append(("all", 0, steps.mean(_of(rows, "all"), "broadcast_share", "n_posts")))
    chart = lines_by_day("Share of posts that broadcast, by platform", steps.first, curves, (0.0, 1.0, ".0%"))
    drawn = {line.name for line in chart.lines}
    left = [name for name in names if name not in drawn]
    more = f" and {len(left) - PLATFORMS} more" if len(left) > PLATFORMS else ""
    return chart, ", ".join(left[:PLATFORMS]) + more


def _feelings(rows: pa.Table, steps: _Steps, last: int) -> tuple[list[Chart], list[str]]:
    """Feeling over all days, and over the newest by single days where they have an interval."""
    if steps.wide == 1:
        return [_feeling(rows, steps, "Mean feeling, all and genuine posts")], []
    charts = [_feeling(rows, steps, f"Mean feeling, all and genuine posts, by {steps.wide} days")]
    newest = _since(rows, last - NEWEST + 1)
    if not pc.any(pc.is_valid(newest["difference_low"])).as_py():
        return charts, [
            f"None of the newest {NEWEST} days has genuine posts by authors enough for an interval, so no band is drawn."
        ]
    daily = _Steps(np.arange(int(numbers(newest["date"], 0).min()), last + 1), 1)
    return [*charts, _feeling(newest, daily, f"Mean feeling of the newest {NEWEST} days, day by day")], []


def _feeling(rows: pa.Table, steps: _Steps, title: str) -> Chart:
    felt = steps.mean(rows, "sentiment_all", "n_feeling")
    genuine = steps.mean(rows, "sentiment_genuine", "n_genuine")
    band = _interval(rows, steps, felt) if steps.wide == 1 else None
    ends: list[Any] = [felt, genuine, *(band or ())]
    largest = float(np.nanmax(np.abs(np.concatenate(ends)), initial=0.0)) if len(steps.first) else 0.0
    reach = next(top for top in (0.2, 0.4, 0.6, 1.0) if largest <= top or top == 1.0)
    curves = [("all posts", 0, felt), ("genuine posts", 1, genuine)]
    return lines_by_day(title, steps.first, curves, (-reach, reach, "+.1f"), band)


def _interval(rows: pa.Table, steps: _Steps, felt: Floats) -> tuple[Floats, Floats]:
    """95% bounds of the mean of genuine posts, taken as that of all and the bounds of the difference."""
    at = numbers(rows["date"], 0) - steps.first[0]
    bounds = []
    for name in ("difference_low", "difference_high"):
        bound = np.full(len(steps.first), np.nan)
        bound[at] = floats(rows[name])
        bounds.append(felt + bound)
    return bounds[0], bounds[1]
