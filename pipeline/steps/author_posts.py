"""Author features that need the posts themselves: their times, apps and snapshots of the profile. Part of the trust step."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import entr

from pipeline.local_time import HOUR, local_days
from pipeline.order import Ints, flags, floats, numbers, sorted_rows, tally
from pipeline.steps.author_life import Floats, Lives, ratio

WEEK = 7
PROFILE = ("followers", "following", "author_posts")
LEAST_GAPS = 4


def post_features_of(life: Lives, rows: pa.Table, author: Ints) -> dict[str, Floats]:
    """Per author what the times, apps and profiles of `rows` tell, the number of each row's author beside it."""
    written = ~flags(pc.equal(rows["kind"], "comment"))
    at = numbers(rows["posted_at"], 0)
    order = np.lexsort((at[written], author[written]))
    owner, at = author[written][order], at[written][order]
    return {
        **_gaps(owner, at, len(life)),
        "posts_per_hour_max_W7": _busiest_hour(life, owner, at),
        **_apps(rows, author, len(life)),
        **_newest_profile(rows, author, len(life)),
    }


def _gaps(owner: Ints, at: Ints, n: int) -> dict[str, Floats]:
    """Median hours between one post and the next, and the standard deviation of log2(1 + hours): needs 4 gaps."""
    same = owner[1:] == owner[:-1]
    hours, owner = (np.diff(at) / HOUR)[same], owner[1:][same]
    count = tally(owner, None, n)
    order = np.lexsort((hours, owner))
    starts = np.cumsum(count) - count
    known = count >= LEAST_GAPS
    low, high = ((starts + np.maximum(count - 1, 0) // 2)[known], (starts + count // 2)[known])
    median, spread = np.full(n, np.nan), np.full(n, np.nan)
    median[known] = (hours[order][low] + hours[order][high]) / 2
    logged = np.log2(1 + hours)
    mean = ratio(np.bincount(owner, logged, n), count)
    squares = np.bincount(owner, (logged - mean[owner]) ** 2, n)
    spread[known] = np.sqrt(squares[known] / count[known])
    return {"gap_median_h": median, "gap_log_sd": spread}


def _busiest_hour(life: Lives, owner: Ints, at: Ints) -> Floats:
    """Most posts within any 60 minutes of the last 7 days (post times ascending by owner)."""
    recent = local_days(at) > life.as_of - WEEK
    owner, at = owner[recent], at[recent]
    most = np.zeros(len(life))
    if len(at):
        low = int(at.min())
        place = owner * (int(at.max()) - low + HOUR + 1) + at - low
        within = np.searchsorted(place, place + HOUR) - np.arange(len(place))
        np.maximum.at(most, owner, within)
    return most


def _apps(rows: pa.Table, author: Ints, n: int) -> dict[str, Floats]:
    """Entropy of the apps posted from, in bits, and the share of the commonest; NaN where none is stated."""
    stated = np.flatnonzero(flags(pc.not_equal(rows["app"], "")))
    app = rows["app"].combine_chunks().take(pa.array(stated)).dictionary_encode()
    width = max(len(app.dictionary), 1)
    pairs, counts = np.unique(author[stated] * width + numbers(app.indices, 0), return_counts=True)
    owner, total = pairs // width, tally(author[stated], None, n)
    share = counts / total[owner] if len(owner) else np.zeros(0)
    most = np.zeros(n)
    np.maximum.at(most, owner, share)
    bits = np.bincount(owner, entr(share), n) / np.log(2)
    return {
        name: np.where(total > 0, values, np.nan) for name, values in (("app_entropy", bits), ("top_app_share", most))
    }


def _newest_profile(rows: pa.Table, author: Ints, n: int) -> dict[str, Floats]:
    """What the newest snapshot states of the account's followers, followed accounts and posts; NaN where none does."""
    stated = {name: rows[name].is_valid().to_numpy() for name in PROFILE}
    some = np.flatnonzero(np.any(list(stated.values()), axis=0))
    keys = rows.select(["last_seen_at", "posted_at", "post_id"]).append_column("author", pa.array(author))
    order = some[sorted_rows(keys.take(pa.array(some)), ["author", "last_seen_at", "posted_at", "post_id"])]
    found = {}
    for name in PROFILE:
        of_name = order[stated[name][order]]
        last = of_name[np.diff(author[of_name], append=n) > 0]
        found[name] = np.full(n, np.nan)
        found[name][author[last]] = floats(rows[name].take(pa.array(last)))
    return found
