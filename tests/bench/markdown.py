"""Numbers and tables as Markdown."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

AT_LEAST = "times"  # the unit of goals that are reached from above


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; columns after the first two stand to the right where they hold numbers."""
    numeric = [all(re.match(r"[\d*]|$", row[i]) for row in rows) and i > 0 for i in range(len(head))]
    lines = [head, ["---:" if right else "---" for right in numeric], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def between(values: Sequence[float | None]) -> str:
    """The median, and in brackets min and max where there are several."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    middle = number(statistics.median(known))
    return middle if len(known) == 1 else f"{middle} ({number(min(known))}-{number(max(known))})"


def spread(found: dict[str, float]) -> str:
    """A ratio with what it was at least and at most, where there were several rounds."""
    if found["min"] == found["max"]:
        return number(found["median"])
    return f"{number(found['median'])} ({number(found['min'])}-{number(found['max'])})"


def number(value: float) -> str:
    """Three digits that count, no exponent."""
    if value and abs(value) < 100:
        return f"{float(f'{value:.3g}'):g}"
    return f"{float(f'{value:.3g}'):,.0f}"


def yes(answer: bool) -> str:
    """A word for a truth."""
    return "yes" if answer else "**no**"
