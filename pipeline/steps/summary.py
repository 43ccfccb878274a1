"""One row per local day and platform, and one for `all`: how much broadcasting, and how people felt without it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.local_time import dates, local_days
from pipeline.order import Ints, flags, floats, match_rows, numbers, sort_rows, take_rows, tally
from pipeline.tables import SCHEMA_VERSION, TEXTS, complete, empty

ALL = "all"
FEELING_KINDS = ("post", "note", "article")
MOST_CAMPAIGNS = 3
TRUST_QUANTILES = {"trust_p10": 0.1, "trust_p50": 0.5, "trust_p90": 0.9}
_TWO_SIDED = 1.959963984540054  # 97.5th percentile of the normal distribution: a 95% interval
_PPM = 1_000_000
_KEYS = ("platform", "post_id")
_DAY = ["date", "platform"]
_SUMS = ["n_posts", "n_broadcast", "n_recruit", "n_all", "ppm_all", "square_all", "n_own", "ppm_own", "square_own"]
_NO_SCORES = pa.schema([("platform", pa.string()), ("date", pa.int64()), ("trust_score", pa.float64())]).empty_table()
Floats = NDArray[np.float64]


def daily_summary(
    posts: pa.Table, features: pa.Table, judgements: pa.Table, members: pa.Table, trust: pa.Table
) -> pa.Table:
    """Table daily_summary: the local days that have a dated post, by date and platform; platform `all` sums them up.

    Posts are all kinds but comments; n_authors counts known ones. Sentiment is that of posts, notes and articles in the
    author's own words (no reposts, nothing app-made). Campaigns are the day's largest by members on that day, of any
    kind, at least two. Trust is the newest as_of of the table given.
    """
    features, judgements, member = (
        take_rows(table, match_rows(posts, table, _KEYS)) for table in (features, judgements, members)
    )
    names = ["label", "is_broadcast"]
    judged = judgements.select(names).append_column("campaign_id", member["campaign_id"])
    newest = trust.filter(pc.equal(trust["as_of"], pc.max(trust["as_of"])))
    counted = ~flags(pc.equal(posts["kind"], "comment")) & posts["posted_at"].is_valid().to_numpy()
    return summed([part_of_days(posts, features, judged)], [author_scores(_days(posts, counted), newest)])


@dataclass(frozen=True)
class Part:
    """What some posts add to the days: sums per platform and day, and their posts in campaigns. Parts add up."""

    sums: pa.Table  # platform, date (days since 1970) and SUMS
    campaigns: pa.Table  # date, platform, campaign_id, n


def part_of_days(posts: pa.Table, features: pa.Table, judgements: pa.Table) -> Part:
    """The part of some posts, from row-aligned tables (`judgements` with campaign_id); comments and undated posts left out."""
    counted = pc.and_(pc.is_valid(posts["posted_at"]), pc.not_equal(pc.fill_null(posts["kind"], ""), "comment"))
    rows = pa.table({
        **{name: posts[name] for name in ("platform", "posted_at", "kind", "is_repost", "is_auto_share")},
        "sentiment": features["sentiment"], **{name: judgements[name] for name in ("label", "is_broadcast", "campaign_id")},
    }).filter(counted)  # fmt: skip
    rows = rows.append_column("date", pa.array(local_days(numbers(rows["posted_at"], 0))))
    return Part(_sums(rows), _in_campaigns(rows))


def _sums(rows: pa.Table) -> pa.Table:
    """Counts, and sums of sentiment in whole millionths, of each platform and day."""
    value = floats(rows["sentiment"])
    own = ~flags(rows["is_repost"]) & ~flags(rows["is_auto_share"]) & ~np.isnan(value)
    own &= flags(pc.is_in(rows["kind"], pa.array(FEELING_KINDS)))
    genuine = own & flags(pc.equal(rows["label"], "share"))
    ppm, square = np.rint(np.nan_to_num(value) * _PPM), np.rint(np.nan_to_num(value) ** 2 * _PPM)
    columns = {
        "n_posts": np.ones(len(rows)), "n_broadcast": flags(rows["is_broadcast"]),
        "n_recruit": flags(pc.equal(rows["label"], "recruit")), "n_all": own, "ppm_all": np.where(own, ppm, 0),
        "square_all": np.where(own, square, 0), "n_own": genuine, "ppm_own": np.where(genuine, ppm, 0),
        "square_own": np.where(genuine, square, 0),
    }  # fmt: skip
    table = pa.table({name: pa.array(values.astype(np.int64)) for name, values in columns.items()})
    for key in _DAY:
        table = table.append_column(key, rows[key])
    return _added(table, _DAY, list(columns))


def _in_campaigns(rows: pa.Table) -> pa.Table:
    joined = rows.select([*_DAY, "campaign_id"]).filter(pc.is_valid(rows["campaign_id"]))
    joined = joined.append_column("n", pa.array(np.ones(len(joined), np.int64)))
    return _added(joined, [*_DAY, "campaign_id"], ["n"])


def author_scores(days: pa.Table, trust: pa.Table) -> pa.Table:
    """platform, date and trust_score (NULL where there is none) of each known author's day with a post.

    days: rows of author_days, at least platform, author_id, date and n_posts; trust: rows of author_trust as of one day,
    of at least these authors.
    """
    posted = days.select(["platform", "author_id", "date"]).filter(pc.greater(days["n_posts"], 0))
    score = take_rows(trust.select(["trust_score"]), match_rows(posted, trust, ["platform", "author_id"]))
    date = pa.array(numbers(posted["date"], 0))
    return pa.table({"platform": posted["platform"], "date": date, "trust_score": score["trust_score"]})


def summed(parts: Iterable[Part], scores: Iterable[pa.Table]) -> pa.Table:
    """Table daily_summary of all `parts` of the posts and of the `author_scores` of all authors."""
    nothing = part_of_days(*(empty(table) for table in ("posts", "post_features", "post_judgements")))
    found = [nothing, *parts]
    sums = _scoped([part.sums for part in found], _SUMS)
    n = len(sums)
    f = {name: numbers(sums[name], 0) for name in _SUMS}
    columns: dict[str, Any] = {
        "date": dates(numbers(sums["date"], 0)),
        "platform": sums["platform"],
        "n_posts": sums["n_posts"],
        "broadcast_share": pa.array(f["n_broadcast"] / np.maximum(f["n_posts"], 1)),
        "recruit_share": pa.array(f["n_recruit"] / np.maximum(f["n_posts"], 1)),
        **_feelings(f),
        **_authors(sums, pa.concat_tables([_NO_SCORES, *scores])),
        "top_campaigns": _top_campaigns(sums, [part.campaigns for part in found]),
        "schema_version": pa.array(np.full(n, SCHEMA_VERSION, np.int32)),
    }
    return complete(columns, "daily_summary", n)


def _scoped(tables: list[pa.Table], names: list[str], more: Sequence[str] = ()) -> pa.Table:
    """Sums by day and platform (and what else is named), and by day for platform `all`, in that order."""
    keys = [*_DAY, *more]
    platforms = _added(pa.concat_tables(tables), keys, names)
    all_ = platforms.set_column(
        platforms.column_names.index("platform"), "platform", pa.array([ALL] * len(platforms), pa.string())
    )
    return sort_rows(pa.concat_tables([_added(all_, keys, names), platforms]), keys)


def _added(table: pa.Table, keys: list[str], names: list[str]) -> pa.Table:
    sums = table.group_by(keys).aggregate([(name, "sum") for name in names])
    return sums.rename_columns([*keys, *names]).select([*keys, *names])


def _days(posts: pa.Table, counted: NDArray[np.bool_]) -> pa.Table:
    """The days of authors with a post, as author_days has them."""
    rows = posts.select(["platform", "author_id", "posted_at"]).filter(pa.array(counted))
    rows = rows.filter(pc.is_valid(rows["author_id"]))
    rows = rows.append_column("date", dates(local_days(numbers(rows["posted_at"], 0))))
    found = rows.group_by(["platform", "author_id", "date"]).aggregate([([], "count_all")])
    return found.rename_columns(["platform", "author_id", "date", "n_posts"])


def _feelings(f: dict[str, Ints]) -> dict[str, pa.Array]:
    """Mean sentiment of all own words and of the genuine ones, and their difference with a 95% interval.

    The genuine posts are part of all, so the interval is that of a ratio estimate (delta method, Cochran 1977, 6.4) and
    not of two independent means. It takes posts as independent draws, which an author's posts are not, and is too
    narrow below some thirty genuine posts; it is NULL under two.
    """
    n_all, n_own = f["n_all"], f["n_own"]
    mean_all, squares_all = _moments(n_all, f["ppm_all"], f["square_all"])
    mean_own, squares_own = _moments(n_own, f["ppm_own"], f["square_own"])
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


def _moments(count: Ints, ppm: Ints, square_ppm: Ints) -> tuple[Floats, Floats]:
    """Mean (NaN for none) and sum of squared deviations, from sums in millionths."""
    some = np.maximum(count, 1)
    mean, square = ppm / some / _PPM, square_ppm / some / _PPM
    return np.where(count > 0, mean, np.nan), some * np.maximum(square - mean**2, 0)


def _authors(sums: pa.Table, scores: pa.Table) -> dict[str, pa.Array]:
    """How many known authors posted, and quantiles of their trust (linear between neighbours; NULL without any)."""
    n = len(sums)
    group = np.concatenate([
        match_days(scores["date"], pa.array([ALL] * len(scores), pa.string()), sums),
        match_days(scores["date"], scores["platform"], sums),
    ])  # fmt: skip
    score = np.tile(floats(scores["trust_score"]), 2)
    columns = {"n_authors": pa.array(tally(group, None, n))}
    group, score = group[~np.isnan(score)], score[~np.isnan(score)]
    rank = np.empty(len(score), np.int64)
    rank[np.argsort(score)] = np.arange(len(score))
    by_score = np.argsort(group * max(len(score), 1) + rank)
    scored = tally(group, None, n)
    return columns | _quantiles(score[by_score], np.cumsum(scored) - scored, scored)


def match_days(date: pa.ChunkedArray, platform: pa.ChunkedArray, sums: pa.Table) -> Ints:
    """The row of `sums` (sorted by date and platform) of each date and platform; every one of them has one."""
    names = pc.unique(sums["platform"])
    of_sums, of_rows = (numbers(pc.index_in(column, value_set=names), 0) for column in (sums["platform"], platform))
    place = numbers(sums["date"], 0) * len(names) + of_sums
    order = np.argsort(place)
    return order[np.searchsorted(place[order], numbers(date, 0) * len(names) + of_rows)]


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


def _top_campaigns(sums: pa.Table, parts: list[pa.Table]) -> pa.Array:
    """Ids of each day's campaigns of two or more members on that day, largest first, then by id; at most three."""
    found = _scoped(parts, ["n"], ["campaign_id"])
    found = found.filter(pc.greater(found["n"], 1))
    day, size = match_days(found["date"], found["platform"], sums), numbers(found["n"], 0)
    order = np.lexsort((np.arange(len(found)), -size, day))  # by id already
    rank = np.arange(len(order)) - np.searchsorted(day[order], day[order])
    top = order[rank < MOST_CAMPAIGNS]
    offsets = np.concatenate(([0], np.cumsum(tally(day[top], None, len(sums))))).astype(np.int32)
    ids = found["campaign_id"].take(pa.array(top)).combine_chunks()
    return pa.ListArray.from_arrays(pa.array(offsets), ids).cast(TEXTS)


def _nullable(values: Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
