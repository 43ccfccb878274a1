"""Feelings in the terminal: day by day, of all posts and of genuine ones, and what campaigns made of the change; or one day by
platform, topic, keyword and campaign. Reads the lake only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import UsageError, one_line
from pipeline.settings import Settings
from pipeline.store import Lake
from pipeline.view.summary import titled, words_of

LARGEST = 8  # names of a part that are shown
PARTS = {"topic": "topics", "keyword": "search words", "campaign": "campaigns"}
_MEANS = ["n_feeling", "n_genuine", "sentiment_all", "sentiment_genuine"]
_DIFFERENCE = ["sentiment_difference", "difference_low", "difference_high"]
_SWING = ["sentiment_swing", "swing_campaigns", "swing_campaigns_low", "swing_campaigns_high"]
SPAN, WIDE = "95%", 120  # the head of an interval; columns of a terminal that has room for them
_HEAD = ("posts", "genuine", "feeling", "genuine's", "gap", SPAN)


def show_days(settings: Settings, most: int) -> None:
    """Print the newest `most` days of all platforms: both means, their difference, the swing and the campaigns' part of it."""
    lake = Lake.open(settings.lake)
    rows = lake.read("daily_summary", ["date", *_MEANS, *_DIFFERENCE, *_SWING], filter=pc.field("platform") == "all")
    n = len(rows)
    rows = rows.sort_by([("date", "ascending")]).slice(max(0, n - most))
    title = "Feeling by day, -1 to 1, of all posts and of genuine ones; its swing, and the part of that which campaigns made"
    shown = [
        (str(row["date"]), *_means(row), _signed(row["sentiment_swing"]), _signed(row["swing_campaigns"]), _span(row, "swing_campaigns"))
        for row in rows.to_pylist()
    ]  # fmt: skip
    _print(title, ("day", *_HEAD, "swing", "campaigns", SPAN), shown)
    said = f"{n:,} days, {len(rows):,} shown" if n > len(rows) else f"{n:,} days"
    print(f"{said}. Next: xinren summary --show DAY --lake {one_line(lake.root)}")


def show_day(settings: Settings, day: str) -> None:
    """Print one day by platform, then the topics, search words and campaigns that moved its feeling most.

    Raises UsageError for what is no day, or none of the lake's.
    """
    lake, at = Lake.open(settings.lake), _date(day)
    platforms = lake.read("daily_summary", ["platform", *_MEANS, *_DIFFERENCE], filter=pc.field("date") == at)
    if not len(platforms):
        raise UsageError(f"summary --show {day}: no posts of that day in lake {one_line(lake.root)}; {_known(lake)}")
    shown = [(words_of(row["platform"]), *_means(row)) for row in platforms.sort_by("platform").to_pylist()]
    _print(f"Feeling on {at}, by platform", ("platform", *_HEAD), shown)
    of_day = (pc.field("date") == at) & (pc.field("platform") == "all")
    rows = lake.read("daily_feelings", ["part", "name", "sentiment_lent", *_MEANS, *_DIFFERENCE], filter=of_day)
    for part, named in PARTS.items():
        _print_part(lake, part, named, rows.filter(pc.equal(rows["part"], part)))


def _print_part(lake: Lake, part: str, named: str, rows: pa.Table) -> None:
    if not len(rows):
        return
    rows = rows.append_column("size", pc.fill_null(pc.abs(rows["sentiment_lent"]), 0.0))
    largest = rows.sort_by([("size", "descending"), ("name", "ascending")]).slice(0, LARGEST)
    title = f"{len(rows):,} {named}; those that moved the day's feeling most, and by how much"
    said = _first_words(lake, largest["name"]) if part == "campaign" else {}
    shown = []
    for row in largest.to_pylist():
        name = f"{row['name']}: {said[row['name']]}" if row["name"] in said else row["name"]
        shown.append((_signed(row["sentiment_lent"]), *_means(row), words_of(name, 120)))
    _print(title, ("moved by", *_HEAD, part), shown, words=part)


def _first_words(lake: Lake, ids: pa.ChunkedArray) -> dict[str, str]:
    """What the first post of each campaign says."""
    rows = lake.read(
        "campaigns", ["campaign_id", "exemplar"], filter=pc.field("campaign_id").isin(ids.combine_chunks())
    )
    return dict(zip(rows["campaign_id"].to_pylist(), rows["exemplar"].to_pylist(), strict=True))


def _means(row: dict[str, Any]) -> tuple[str, ...]:
    counts = f"{row['n_feeling']:,}", f"{row['n_genuine']:,}"
    signed = (_signed(row[name]) for name in ("sentiment_all", "sentiment_genuine", "sentiment_difference"))
    return (*counts, *signed, _span(row, "difference"))


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


def _span(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "-" if low is None else f"{low:+.2f} to {high:+.2f}"


def _date(day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"summary --show: got {one_line(day, 40)}; expected a day such as 2026-03-01") from None


def _known(lake: Lake) -> str:
    days = lake.read("daily_summary", ["date"])["date"]
    known = pc.min_max(days).as_py()
    return (
        f"expected a day from {known['min']} to {known['max']}" if len(days) else "it has no day yet; run `xinren run`"
    )


def _print(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]], *, words: str = "") -> None:
    """A table; in a terminal narrower than WIDE without the intervals, and a line that says so."""
    from rich.console import Console

    console = Console()
    kept = [place for place, name in enumerate(head) if console.width >= WIDE or name != SPAN]
    table = titled(title, *(head[place] for place in kept), **({"words": words} if words else {}))
    for row in rows:
        table.add_row(*(row[place] for place in kept))
    console.print(table)
    if len(kept) < len(head):
        print(f"A terminal of {WIDE} columns or more shows the 95% intervals too.")
