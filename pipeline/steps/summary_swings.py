"""How the mean feeling moved from one local day to the next, and how much of it campaigns made.

Of a day's posts in own words leave out those in campaigns, then the other broadcasting, then nothing is left but the rest. What
leaving out changes in the mean is what campaigns, and broadcasting, lend the day. The swing is the change of the whole mean;
its parts are the changes of what campaigns lend, of what broadcasting lends, and of the mean of the rest: they add up to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.order import Ints, numbers
from pipeline.steps.summary_days import matrix, mean, nullable
from pipeline.steps.summary_groups import Floats, swings, widened

_OF_SWING = ("n_all", "ppm_all", "n_campaign", "ppm_campaign")


@dataclass(frozen=True)
class _Means:
    """A day's mean of all, of what is outside campaigns, and of the rest; NaN for none."""

    all: Floats
    outside: Floats
    rest: Floats


def swing_columns(sums: pa.Table, groups: pa.Table, bounds: Ints) -> dict[str, pa.Array]:
    """Swing and parts of each row, against the row of the local day before on the same platform.

    NULL where that day has no row, or either day no post of the kinds compared; the interval also below LEAST_AUTHORS authors
    on either day.
    """
    means, before = _means(sums), _days_before(sums)
    change = {
        "sentiment_swing": _changed(means.all, before), "swing_campaigns": _changed(means.all - means.outside, before),
        "swing_broadcast": _changed(means.outside - means.rest, before), "swing_rest": _changed(means.rest, before),
    }  # fmt: skip
    whole = ~np.isnan(change["swing_rest"])
    for name in ("swing_campaigns", "swing_broadcast", "swing_rest"):
        change[name] = np.where(whole, change[name], np.nan)
    low, high = _interval(change["swing_campaigns"], sums, groups, bounds, before)
    return {
        "n_feeling_campaigns": sums["n_campaign"], "n_feeling_broadcast": sums["n_loud"], "sentiment_rest": nullable(means.rest),
        **{name: nullable(values) for name, values in change.items()},
        "swing_campaigns_low": nullable(low), "swing_campaigns_high": nullable(high),
    }  # fmt: skip


def _means(sums: pa.Table) -> _Means:
    n, ppm = ({kind: numbers(sums[f"{of}_{kind}"], 0) for kind in ("all", "campaign", "loud")} for of in ("n", "ppm"))
    n_outside, ppm_outside = n["all"] - n["campaign"], ppm["all"] - ppm["campaign"]
    rest = mean(ppm_outside - ppm["loud"], n_outside - n["loud"])
    return _Means(mean(ppm["all"], n["all"]), mean(ppm_outside, n_outside), rest)


def _days_before(sums: pa.Table) -> Ints:
    """The row of the day before on the same platform; -1 for none."""
    date = numbers(sums["date"], 0)
    platform = numbers(sums["platform"].combine_chunks().dictionary_encode().indices, 0)
    order = np.lexsort((date, platform))
    follows = (np.diff(date[order]) == 1) & (np.diff(platform[order]) == 0)
    before = np.full(len(sums), -1)
    before[order[1:]] = np.where(follows, order[:-1], -1)
    return before


def _changed(values: Floats, before: Ints) -> Floats:
    return np.where(before >= 0, values - values[before], np.nan) if len(values) else values


def _interval(estimate: Floats, sums: pa.Table, groups: pa.Table, bounds: Ints, before: Ints) -> tuple[Floats, Floats]:
    """95% bounds of what campaigns made, over the authors of both days."""
    found = swings(matrix(groups, _OF_SWING), numbers(groups["group"], 0), bounds, before)
    authors = numbers(sums["authors_all"], 0)
    both = np.where(before >= 0, np.minimum(authors, authors[before]), 0) if len(authors) else authors
    return widened(estimate, found, both)
