"""Trust as of many days: the dates of a range, and one run over all of them."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import replace
from datetime import date, timedelta

from pipeline.errors import UsageError, one_line
from pipeline.run import Counts, Run
from pipeline.stages.trust import trust

MONTH, MONTH_DAYS = "month", "30"
MOST = 10_000  # dates: more are a slip of the hand


def dates_of(first: str | None, last: str | None, every: str | None) -> list[date]:
    """The days `first`, `first` + `every` days, ... up to `last`; with `every` = month the last day of each month between.

    Raises UsageError for words that are no such thing.
    """
    if first is None or last is None:
        raise UsageError(
            "trust: got --every, --from or --to alone; expected --from DATE --to DATE [--every DAYS|month]"
        )
    start, end = (_day(name, text) for name, text in (("from", first), ("to", last)))
    if start > end:
        raise UsageError(f"trust --from {start} --to {end}: got a range that ends before it begins; swap them")
    if every == MONTH:
        found = _month_ends(start, end)
    else:
        step = _step(every or MONTH_DAYS)
        found = [start + timedelta(days=days) for days in range(0, (end - start).days + 1, step)]
    if not 0 < len(found) <= MOST:
        raise UsageError(f"trust: got {len(found):,} dates; expected 1 to {MOST:,}; change --from, --to or --every")
    return found


def backfill(run: Run, dates: list[date]) -> Counts:
    """Stage trust as of each of the dates; each gives the files that a run of it alone gives."""
    counts: Counts = {}
    written = 0
    for as_of in dates:
        counts = trust(replace(run, settings=run.settings.model_copy(update={"as_of": as_of})))
        written += counts["author_trust"]
    return counts | {"author_trust": written, "dates": len(dates)}


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"trust --{name}: got {one_line(text, 40)}; expected a date such as 2026-01-31") from None


def _step(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 5 and int(text)):
        raise UsageError(f"trust --every: got {one_line(text, 40)}; expected a number of days, or {MONTH}")
    return int(text)


def _month_ends(start: date, end: date) -> list[date]:
    found, at = [], start.replace(day=1)
    while at <= end:
        last = at.replace(day=monthrange(at.year, at.month)[1])
        if start <= last <= end:
            found.append(last)
        at = last + timedelta(days=1)
    return found
