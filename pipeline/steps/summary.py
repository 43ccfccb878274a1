"""One row per local day and platform, and one for `all`: how much broadcasting, and how people felt without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.local_time import dates, local_days
from pipeline.order import Ints, firsts, flags, floats, match_rows, numbers, run_ids, sort_rows, take_rows, tally
from pipeline.tables import SCHEMA_VERSION, TEXTS, complete

ALL = "all"
FEELING_KINDS = ("post", "note", "article")
MOST_CAMPAIGNS = 3
TRUST_QUANTILES = {"trust_p10": 0.1, "trust_p50": 0.5, "trust_p90": 0.9}
_TWO_SIDED = 1.959963984540054  # 97.5th percentile of the normal distribution: a 95% interval
_PPM = 1_000_000
_KEYS = ("platform", "post_id")
_DAY = ["date", "scope"]
Floats = NDArray[np.float64]


def daily_summary(
    posts: pa.Table, features: pa.Table, judgements: pa.Table, members: pa.Table, trust: pa.Table
) -> pa.Table:
    """Table daily_summary: the local days that have a dated post, by date and platform; platform `all` sums them up.

    Posts are all kinds but comments; n_authors counts known ones. Sentiment is that of posts, notes and articles in the
    author's own words (no reposts, nothing app-made). Campaigns are the day's largest by members on that day, of any
    kind, at least two. Trust is the newest as_of of the table given.
    """
    rows = _joined(posts, features, judgements)
    group = run_ids(rows, _DAY)
    head = firsts(group)
    n = len(head)
    n_posts = tally(group, None, n)
    columns: dict[str, Any] = {
        "date": rows["date"].take(pa.array(head)),
        "platform": rows["scope"].take(pa.array(head)),
        "n_posts": pa.array(n_posts),
        "broadcast_share": pa.array(tally(group, flags(rows["is_broadcast"]), n) / n_posts),
        "recruit_share": pa.array(tally(group, flags(pc.equal(rows["label"], "recruit")), n) / n_posts),
        **_feelings(rows, group, n),
        **_authors(rows, group, n, trust),
        "top_campaigns": _top_campaigns(rows, group, n, members),
        "schema_version": pa.array(np.full(n, SCHEMA_VERSION, np.int32)),
    }
    return complete(columns, "daily_summary", n)


def _joined(posts: pa.Table, features: pa.Table, judgements: pa.Table) -> pa.Table:
    """Dated posts with what is asked of them, each once under its platform and once under `all`, sorted by day."""
    rows = posts.filter(
        pc.and_(pc.is_valid(posts["posted_at"]), pc.not_equal(pc.fill_null(posts["kind"], ""), "comment"))
    )
    rows = rows.select([*_KEYS, "author_id", "posted_at", "kind", "is_repost", "is_auto_share"])
    rows = rows.append_column("date", dates(local_days(numbers(rows["posted_at"], 0))))
    sentiment = take_rows(features.select(["sentiment"]), match_rows(rows, features, _KEYS))["sentiment"]
    judged = take_rows(judgements.select(["label", "is_broadcast"]), match_rows(rows, judgements, _KEYS))
    rows = rows.append_column("sentiment", sentiment)
    rows = rows.append_column("label", judged["label"]).append_column("is_broadcast", judged["is_broadcast"])
    everything = rows.append_column("scope", pa.array([ALL] * len(rows), pa.string()))
    return sort_rows(pa.concat_tables([everything, rows.append_column("scope", rows["platform"])]), _DAY)


def _feelings(rows: pa.Table, group: Ints, n: int) -> dict[str, pa.Array]:
    """Mean sentiment of all own words and of the genuine ones, and their difference with a 95% interval.

    The genuine posts are part of all, so the interval is that of a ratio estimate (delta method, Cochran 1977, 6.4) and
    not of two independent means. It takes posts as independent draws, which an author's posts are not, and is too
    narrow below some thirty genuine posts; it is NULL under two.
    """
    value = floats(rows["sentiment"])
    own = ~flags(rows["is_repost"]) & ~flags(rows["is_auto_share"]) & ~np.isnan(value)
    own &= flags(pc.is_in(rows["kind"], pa.array(FEELING_KINDS)))
    genuine = own & flags(pc.equal(rows["label"], "share"))
    n_all, mean_all, squares_all = _moments(group[own], value[own], n)
    n_own, mean_own, squares_own = _moments(group[genuine], value[genuine], n)
    share = n_own / np.maximum(n_all, 1)
    difference = mean_own - mean_all
    # A post's influence on the difference is (x - mean_own) / share, where genuine, less (x - mean_all); the squares of
    # it add up to this, since the deviations within the genuine posts sum to zero.
    weight = np.where(share > 0, 1 / np.where(share > 0, share, 1), 0)
    squares = np.maximum(squares_all + squares_own * (weight**2 - 2 * weight), 0)
    reach = _TWO_SIDED * np.sqrt(squares / np.maximum(n_all * (n_all - 1), 1))
    told = n_own >= 2
    return {
        "n_feeling": pa.array(n_all),
        "n_genuine": pa.array(n_own),
        "sentiment_all": _nullable(mean_all),
        "sentiment_genuine": _nullable(mean_own),
        "sentiment_difference": _nullable(difference),
        "difference_low": _nullable(np.where(told, difference - reach, np.nan)),
        "difference_high": _nullable(np.where(told, difference + reach, np.nan)),
    }


def _moments(group: Ints, value: Floats, n: int) -> tuple[Ints, Floats, Floats]:
    """Number, mean (NaN for none) and sum of squared deviations per group, over values in whole millionths."""
    count = tally(group, None, n)
    ppm = np.rint(value * _PPM)
    some = np.maximum(count, 1)
    mean = tally(group, ppm, n) / some / _PPM
    square = tally(group, np.rint(value**2 * _PPM), n) / some / _PPM
    return count, np.where(count > 0, mean, np.nan), some * np.maximum(square - mean**2, 0)


def _authors(rows: pa.Table, group: Ints, n: int, trust: pa.Table) -> dict[str, pa.Array]:
    """How many known authors posted, and quantiles of their trust (linear between neighbours; NULL without any)."""
    order = [*_DAY, "platform", "author_id"]
    known = sort_rows(rows.append_column("group", pa.array(group)).filter(pc.is_valid(rows["author_id"])), order)
    known = known.take(pa.array(firsts(run_ids(known, order))))
    newest = trust.filter(pc.equal(trust["as_of"], pc.max(trust["as_of"])))
    score = floats(
        take_rows(newest.select(["trust_score"]), match_rows(known, newest, ["platform", "author_id"]))["trust_score"]
    )
    owner = numbers(known["group"], 0)
    columns = {"n_authors": pa.array(tally(owner, None, n))}
    owner, score = owner[~np.isnan(score)], score[~np.isnan(score)]
    by_score = np.lexsort((score, owner))
    scored = tally(owner, None, n)
    return columns | _quantiles(score[by_score], np.cumsum(scored) - scored, scored)


def _quantiles(values: Floats, start: Ints, count: Ints) -> dict[str, pa.Array]:
    """Quantiles of the runs of sorted `values` that begin at `start`."""
    padded = np.append(values, 0.0)
    columns = {}
    for name, share in TRUST_QUANTILES.items():
        at = share * np.maximum(count - 1, 0)
        low = np.floor(at).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(count - 1, 0))
        below, above = padded[start + low], padded[start + high]
        columns[name] = pa.array(below + (above - below) * (at - low), mask=count == 0)
    return columns


def _top_campaigns(rows: pa.Table, group: Ints, n: int, members: pa.Table) -> pa.Array:
    """Ids of each day's campaigns of two or more members on that day, largest first, then by id; at most three."""
    joined = rows.select(_KEYS).append_column("group", pa.array(group))
    joined = joined.append_column(
        "campaign_id", take_rows(members.select(["campaign_id"]), match_rows(rows, members, _KEYS))["campaign_id"]
    )
    joined = sort_rows(joined.filter(pc.is_valid(joined["campaign_id"])), ["group", "campaign_id"])
    run = run_ids(joined, ["group", "campaign_id"])
    heads = joined.take(pa.array(firsts(run)))
    size = tally(run, None, len(heads))
    owner = numbers(heads["group"], 0)
    order = np.lexsort((np.arange(len(heads)), -size, owner))
    order = order[size[order] > 1]
    rank = np.arange(len(order)) - np.searchsorted(owner[order], owner[order])
    top = order[rank < MOST_CAMPAIGNS]
    offsets = np.concatenate(([0], np.cumsum(tally(owner[top], None, n)))).astype(np.int32)
    ids = heads["campaign_id"].take(pa.array(top)).combine_chunks()
    return pa.ListArray.from_arrays(pa.array(offsets), ids).cast(TEXTS)


def _nullable(values: Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
