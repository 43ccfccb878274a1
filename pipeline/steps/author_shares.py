"""Author features of the whole history up to a date, from days alone. Part of the trust step."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.local_time import months
from pipeline.order import Ints, tally
from pipeline.steps.author_life import NEVER, Floats, Lives, ratio

EXIT_DAYS = 60
STOCK_DAYS, LEAST_STOCK = 30, 3
# feature -> the count of which it is the mean per post
_PER_POST = {
    "sell_share": "n_sell", "recruit_share": "n_recruit", "bait_share": "n_bait", "news_share": "n_news",
    "own_bait_share": "n_own_bait",
    "commerce_share": "n_commercial", "contact_share": "n_contact", "stock_share": "n_stock", "flood_share": "n_campaign",
    "link_rate": "n_links", "tokens_per_post": "n_tokens",
}  # fmt: skip


def history_features(life: Lives, repeats_unknown: NDArray[np.bool_]) -> dict[str, Floats]:
    """Per author what all days up to `as_of` tell; NaN where it cannot be known.

    `repeats_unknown`: the authors of whom every source drops repeats.
    """
    n = life.total("n_posts")
    last_post = life.last(life.active)
    return {
        **{name: ratio(life.total(count), n) for name, count in _PER_POST.items()},
        "own_repeat_share": np.where(repeats_unknown, np.nan, ratio(life.total("n_own_repeats"), n)),
        "echo_share": np.where(repeats_unknown, np.nan, ratio(life.total("n_echoed_grams"), life.total("n_grams"))),
        "posts_per_active_day": ratio(n, tally(life.author, life.active, len(life))),
        "engagement_mean": ratio(life.total("engagement"), life.total("n_engagement")),
        "sentiment_mean": ratio(life.total("sentiment_ppm"), n * 1_000_000),
        "own_broadcast_share": ratio(life.total("own_broadcast_ppm"), n * 1_000_000),
        "silent_days": (life.as_of - last_post).astype(np.float64),
        "days_since_sale": _since_sale(life),
        "stock_to_recruit_lift": _stock_lift(life),
    }


def migration_month(life: Lives) -> pa.Array:
    """The first month, YYYY-MM, in which half of the commercial posts or more link to a shop platform; NULL where none is."""
    month = months(life.day)
    low, width = (int(month.min()), int(np.ptp(month)) + 1) if len(month) else (0, 1)
    cell = life.author * width + month - low
    distinct, at = np.unique(cell, return_inverse=True)
    sold, to_shop = (tally(at, life.counts[name], len(distinct)) for name in ("n_commercial", "n_store"))
    moved = distinct[(sold > 0) & (2 * to_shop >= sold)]
    first = np.full(len(life), NEVER)
    np.minimum.at(first, moved // width, moved % width + low)
    names = np.datetime_as_string(np.where(first < NEVER, first, 0).astype("datetime64[M]"))
    return pa.array(names, pa.string(), mask=first == NEVER)


def exited(life: Lives) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who has sold nothing for 60 days, and of whom that can be said: those whose selling had set in."""
    sold = life.last(life.counts["n_commercial"] > 0)
    return life.as_of - sold >= EXIT_DAYS, life.onset < NEVER


def _since_sale(life: Lives) -> Floats:
    sold = life.last(life.counts["n_commercial"] > 0)
    return np.where(sold > -NEVER, life.as_of - sold, np.nan)


def _stock_lift(life: Lives) -> Floats:
    """P(a recruiting post in the 30 days after a day of stock pressure) / P(one in the 30 days after any day).

    Only days whose 30 days are over count, from the author's first day on; NaN under 3 such days of stock pressure, or
    where no recruiting post followed any day.
    """
    recruits, stock = life.counts["n_recruit"] > 0, life.counts["n_stock"] > 0
    start, end = life.first(np.ones(len(life.day), bool)), life.as_of - STOCK_DAYS
    owner, day = life.author[recruits], life.day[recruits]
    # A recruiting day r is what follows the days r - 30 to r - 1; what an earlier one covers already is not counted twice.
    earlier = np.where(np.diff(owner, prepend=-1) == 0, np.roll(day, 1), -NEVER)
    low = np.maximum(np.maximum(day - STOCK_DAYS, earlier), start[owner])
    followed = tally(owner, np.maximum(np.minimum(day - 1, end) - low + 1, 0), len(life))
    told = stock & (life.day <= end)
    hit = told & _followed(life, owner, day)
    n_stock = tally(life.author, told, len(life))
    any_day = ratio(followed, np.maximum(end - start + 1, 0))
    after_stock = ratio(tally(life.author, hit, len(life)), n_stock)
    return np.where((n_stock >= LEAST_STOCK) & (any_day > 0), after_stock / np.where(any_day > 0, any_day, 1), np.nan)


def _followed(life: Lives, owner: Ints, day: Ints) -> NDArray[np.bool_]:
    """Of each day of a life: does one of these days (by owner, ascending) of the same author follow within 30 days."""
    low = int(life.day.min(initial=life.as_of))
    span = life.as_of - low + STOCK_DAYS + 2
    places, own = owner * span + day - low, life.author * span + life.day - low
    nth = np.searchsorted(places, own, side="right")
    following = np.append(places, np.iinfo(np.int64).max)[nth]
    return np.asarray(following - own <= STOCK_DAYS)
