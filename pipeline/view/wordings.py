"""Words of campaigns for a terminal: one wording as a change of another, and a timeline of small bars."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import one_line
from pipeline.local_time import DAY, HOUR, OFFSET
from pipeline.text.codepoints import Ints

if TYPE_CHECKING:
    from rich.text import Text

SHOWN_CHARS = 500  # of a wording
AROUND = 10  # characters kept on each side of a change
_SHORTEST = 2  # a run of fewer equal characters between two changes belongs to them
_HOURLY = 3 * DAY  # a campaign that lasts no longer is shown hour by hour
_BARS = "▁▂▃▄▅▆▇█"
_NONE = "·"
_MARKS = {"went": "[-{}-]", "came": "{{+{}+}}", "stayed": "{}"}
_STYLES = {"went": "red", "came": "green", "stayed": ""}


def plain(text: object, limit: int = SHOWN_CHARS) -> Text:
    """Words as they are: no markup; control, bidi and zero-width characters as their codes."""
    from rich.text import Text

    return Text(one_line(text, limit))


def difference(first: str, other: str) -> Text:
    """The wording `other` as a change of `first`: [-what went-], {+what came+}, and of the rest what stands around."""
    from rich.text import Text

    shown = Text()
    for kind, words in pieces(first, other):
        shown.append(_MARKS[kind].format(words), _STYLES[kind])
    return shown


def pieces(first: str, other: str) -> Iterator[tuple[str, str]]:
    """`other` as a change of `first`, piece by piece: what "went", what "came", and of what "stayed" that beside them."""
    changes = list(_changes(one_line(first, SHOWN_CHARS), one_line(other, SHOWN_CHARS)))
    for place, (gone, came, same) in enumerate(changes):
        around = _around(same, after=bool(gone or came), before=place + 1 < len(changes))
        yield from ((kind, words) for kind, words in (("went", gone), ("came", came), ("stayed", around)) if words)


def _changes(first: str, other: str) -> Iterator[tuple[str, str, str]]:
    """What went, what came, and what stayed after it, one change after another; the first may be no change."""
    gone, came, same = "", "", ""
    for what, a, b, c, d in SequenceMatcher(None, first, other, autojunk=False).get_opcodes():
        if what == "equal" and (b - a >= _SHORTEST or b == len(first)):
            same = first[a:b]
            continue
        if same:
            yield gone, came, same
            gone, came, same = "", "", ""
        gone, came = gone + first[a:b], came + other[c:d]
    yield gone, came, same


def _around(same: str, *, after: bool, before: bool) -> str:
    """Of words that stayed those next to a change."""
    head, tail = AROUND if after else 0, AROUND if before else 0
    if not (after or before) or len(same) <= head + tail + 1:
        return same if after or before else f"{same[: 2 * AROUND]}…" if len(same) > 2 * AROUND else same
    return f"{same[:head]}…{same[len(same) - tail :]}"


def timeline(times: Ints, most: int) -> tuple[str, str]:
    """Bars of equal steps of time, `most` or fewer, and the length of a step. times: UTC microseconds, at least one.

    A step of few posts has a low bar, none has a point; the steps are whole hours or local days.
    """
    counts, step = counts_by_time(times, most)
    heights = -(-counts * len(_BARS) // counts.max())
    bars = "".join(_BARS[height - 1] if height else _NONE for height in heights.tolist())
    return bars, step


def counts_by_time(times: Ints, most: int) -> tuple[Ints, str]:
    """Posts in each of `most` or fewer equal steps of whole hours or local days, and the length of a step in words."""
    unit, name = (HOUR, "hour") if times.max() - times.min() <= _HOURLY else (DAY, "day")
    step = (times + OFFSET) // unit
    step -= step.min()
    wide = -(-(int(step.max()) + 1) // most)
    return np.bincount(step // wide), name if wide == 1 else f"{wide} {name}s"
