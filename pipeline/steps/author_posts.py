"""Author features that need the posts themselves: their times, apps and snapshots of the profile. Part of the trust step."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import entr

from pipeline.local_time import HOUR, local_days, local_hours
from pipeline.order import Ints, flags, floats, numbers, sorted_rows, tally
from pipeline.steps.author_life import Floats, Lives, medians, ratio

WEEK, QUARTER = 7, 90
PROFILE = ("followers", "following", "author_posts")
ANSWERS = ("likes", "comments", "reposts")  # what engagement is the sum of
NIGHT = 7  # the hours before it
UNTIMED = ("day", "approximate")  # precisions of posts that tell nothing of hours
LEAST_GAPS, LEAST_ANSWERED = 4, 5


def post_features_of(life: Lives, rows: pa.Table, author: Ints) -> dict[str, Floats]:
    """Per author what the times, apps and profiles of `rows` tell, the number of each row's author beside it."""
    written = ~flags(pc.equal(rows["kind"], "comment"))
    timed = written & ~flags(pc.is_in(rows["posted_at_precision"], pa.array(UNTIMED)))
    at = numbers(rows["posted_at"], 0)
    order = np.lexsort((at[timed], author[timed]))
    owner, at = author[timed][order], at[timed][order]
    profile = _newest_profile(rows, author, len(life))
    untold = (tally(author[written], None, len(life)) > 0) & (tally(owner, None, len(life)) == 0)
    return {
        **_gaps(owner, at, len(life)),
        **_hours(owner, at, len(life)),
        "posts_per_hour_max_W7": np.where(untold, np.nan, _busiest_hour(life, owner, at)),
        **_apps(rows, author, len(life)),
        **_answers(life, rows.filter(pa.array(written)), author[written], profile["followers"]),
        **profile,
    }


def _gaps(owner: Ints, at: Ints, n: int) -> dict[str, Floats]:
    """Of the hours between one post and the next: median, sd / mean, burstiness, and the sd of log2(1 + hours); needs 4 gaps.

    Both sds are divided by n. Where all posts are of one moment, sd / mean is unknown.
    """
    same = owner[1:] == owner[:-1]
    gap, owner = np.diff(at)[same], owner[1:][same]
    hours = gap / HOUR
    count = tally(owner, None, n)
    mean, sd = _moments(owner, hours, count)
    found = {
        "gap_median_h": medians(owner, gap, n, LEAST_GAPS) / HOUR,
        "gap_log_sd": _moments(owner, np.log2(1 + hours), count)[1],
        "gap_cv": ratio(sd, mean),
        "burstiness": ratio(sd - mean, sd + mean),
    }
    return {name: np.where(count >= LEAST_GAPS, values, np.nan) for name, values in found.items()}


def _hours(owner: Ints, at: Ints, n: int) -> dict[str, Floats]:
    """Entropy of the local hours of posting, in bits, and the share before 7 o'clock."""
    posts = tally(owner * 24 + local_hours(at), None, n * 24).reshape(n, 24)
    share = ratio(posts, posts.sum(axis=1, keepdims=True))
    return {"hour_entropy": entr(share).sum(axis=1) / np.log(2), "night_share": share[:, :NIGHT].sum(axis=1)}


def _moments(owner: Ints, values: Floats, count: Ints) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each owner's values."""
    mean = ratio(np.bincount(owner, values, len(count)), count)
    return mean, np.sqrt(ratio(np.bincount(owner, (values - mean[owner]) ** 2, len(count)), count))


def _answers(life: Lives, rows: pa.Table, author: Ints, followers: Floats) -> dict[str, Floats]:
    """What others gave back for the author's own posts, of which 5 with known counts are needed (onset_lift: 5 on either side).

    onset_lift compares the 90 days from t_c on with the 90 days before it, as far as `as_of` lets us see.
    """
    counts = np.stack([numbers(rows[name], -1) for name in ANSWERS])
    told = (counts >= 0).any(axis=0)
    owner, value = author[told], np.maximum(counts, 0).sum(axis=0)[told]
    since = local_days(numbers(rows["posted_at"], 0)[told]) - life.onset[owner]

    def median(low: int, high: int) -> Floats:
        some = (since >= low) & (since < high)
        return medians(owner[some], value[some], len(life), LEAST_ANSWERED)

    before, comments = median(-QUARTER, 0), counts[ANSWERS.index("comments")]
    n = tally(author[comments >= 0], None, len(life))
    heard = ratio(tally(author, np.maximum(comments, 0), len(life)), n)
    return {
        "comments_per_post": np.where(n >= LEAST_ANSWERED, heard, np.nan),
        "engagement_per_kfollower": 1000 * medians(owner, value, len(life), LEAST_ANSWERED) / np.maximum(followers, 1),
        "onset_lift": ratio(median(0, QUARTER), np.nan_to_num(before)),
    }


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
