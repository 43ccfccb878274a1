"""All of it -> daily_summary, daily_feelings: the days as a person asks for them.

Everything is a sum over posts by day, platform and group of authors (summary_parts.py), so parts may come in any order.
"""

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
from pipeline.steps.summary_days import feeling_columns, match_days, over_groups
from pipeline.steps.summary_feelings import feelings_by_name
from pipeline.steps.summary_groups import Floats
from pipeline.steps.summary_parts import ALL, CAMPAIGN, DAY, SUMS, added, nothing, part_of_days, together
from pipeline.steps.summary_swings import swing_columns
from pipeline.tables import SCHEMA_VERSION, TEXTS, complete

MOST_CAMPAIGNS = 3
TRUST_QUANTILES = {"trust_p10": 0.1, "trust_p50": 0.5, "trust_p90": 0.9}
_KEYS = ("platform", "post_id")
_NO_SCORES = pa.schema(
    [("platform", pa.string()), ("date", pa.int64()), ("engagement", pa.int64()), ("trust_score", pa.float64())]
).empty_table()


@dataclass(frozen=True)
class Summary:
    """The two tables of the stage."""

    daily_summary: pa.Table
    daily_feelings: pa.Table


def daily_summary(
    posts: pa.Table, features: pa.Table, judgements: pa.Table, members: pa.Table, trust: pa.Table
) -> pa.Table:
    """Table daily_summary: the local days that have a dated post, by date and platform; platform `all` sums them up."""
    return summary(posts, features, judgements, members, trust).daily_summary


def summary(posts: pa.Table, features: pa.Table, judgements: pa.Table, members: pa.Table, trust: pa.Table) -> Summary:
    """daily_summary, and daily_feelings: the same days by topic, keyword and campaign.

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
    part = part_of_days(posts, features, judged)
    return summed([part.days], [part.named], [author_scores(_days(posts, counted), newest)])


def author_scores(days: pa.Table, trust: pa.Table) -> pa.Table:
    """platform, date, engagement and trust_score (NULL where there is none) of each known author's day with a post.

    days: rows of author_days, at least platform, author_id, date, n_posts and engagement; trust: rows of author_trust as of one day,
    of at least these authors.
    """
    posted = days.select(["platform", "author_id", "date", "engagement"]).filter(pc.greater(days["n_posts"], 0))
    score = take_rows(trust.select(["trust_score"]), match_rows(posted, trust, ["platform", "author_id"]))
    date = pa.array(numbers(posted["date"], 0))
    columns = {"platform": posted["platform"], "date": date, "engagement": posted["engagement"]}
    return pa.table(columns | {"trust_score": score["trust_score"]})


def summed(days: Sequence[pa.Table], named: Iterable[pa.Table], scores: Iterable[pa.Table]) -> Summary:
    """Both tables: of the `days` of all parts of the posts, of all that they have `named` (whole days at a time, asked for after
    the days were added up), and of the `author_scores` of all authors."""
    own = added([nothing().days, *days], DAY)
    groups = sort_rows(pa.concat_tables([together(own, DAY), own]), [*DAY, "group"])
    sums, bounds = over_groups(groups, DAY)
    feelings = feelings_by_name(named, sums)
    f = {name: numbers(sums[name], 0) for name in SUMS}
    columns: dict[str, Any] = {
        "date": dates(numbers(sums["date"], 0)),
        "platform": sums["platform"],
        "n_posts": sums["n_posts"],
        "broadcast_share": pa.array(f["n_broadcast"] / np.maximum(f["n_posts"], 1)),
        "recruit_share": pa.array(f["n_recruit"] / np.maximum(f["n_posts"], 1)),
        **feeling_columns(sums, groups, bounds),
        **swing_columns(sums, groups, bounds),
        **_authors(sums, pa.concat_tables([_NO_SCORES, *scores])),
        "top_campaigns": _top_campaigns(sums, feelings),
        "schema_version": pa.array(np.full(len(sums), SCHEMA_VERSION, np.int32)),
    }
    return Summary(complete(columns, "daily_summary", len(sums)), feelings)


def _days(posts: pa.Table, counted: NDArray[np.bool_]) -> pa.Table:
    """The days of authors with a post, as author_days has them."""
    rows = posts.filter(pa.array(counted & posts["author_id"].is_valid().to_numpy()))
    engagement = np.sum([numbers(rows[name], 0) for name in ("likes", "comments", "reposts")], axis=0)
    rows = rows.select(["platform", "author_id", "posted_at"]).append_column("engagement", pa.array(engagement))
    rows = rows.append_column("date", dates(local_days(numbers(rows["posted_at"], 0))))
    found = rows.group_by(["platform", "author_id", "date"]).aggregate([([], "count_all"), ("engagement", "sum")])
    return found.rename_columns(["platform", "author_id", "date", "n_posts", "engagement"])


def _authors(sums: pa.Table, scores: pa.Table) -> dict[str, pa.Array]:
    """How many known authors posted, how their engagement is spread, and quantiles of their trust (linear between neighbours;
    NULL without any)."""
    n = len(sums)
    group = np.concatenate([
        match_days(scores["date"], pa.array([ALL] * len(scores), pa.string()), sums),
        match_days(scores["date"], scores["platform"], sums),
    ])  # fmt: skip
    score = np.tile(floats(scores["trust_score"]), 2)
    columns = {
        "n_authors": pa.array(tally(group, None, n)),
        "decentralisation_day": _spread(group, np.tile(numbers(scores["engagement"], 0), 2), n),
    }
    group, score = group[~np.isnan(score)], score[~np.isnan(score)]
    rank = np.empty(len(score), np.int64)
    rank[np.argsort(score)] = np.arange(len(score))
    by_score = np.argsort(group * max(len(score), 1) + rank)
    scored = tally(group, None, n)
    return columns | _quantiles(score[by_score], np.cumsum(scored) - scored, scored)


def _spread(group: Ints, engagement: Ints, n: int) -> pa.Array:
    """1 - sum of squared shares of each group's engagement; NULL where there is none. Summed from small to large: any order."""
    order = np.lexsort((engagement, group))
    group, size = group[order], engagement[order].astype(np.float64)
    whole = np.bincount(group, size, n)
    squares = np.bincount(group, (size / np.maximum(whole, 1)[group]) ** 2, n)
    return pa.array(1 - squares, mask=whole == 0)


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


def _top_campaigns(sums: pa.Table, feelings: pa.Table) -> pa.Array:
    """Ids of each day's campaigns, largest first, then by id; at most three."""
    found = feelings.filter(pc.equal(feelings["part"], CAMPAIGN))
    day, size = match_days(found["date"], found["platform"], sums), numbers(found["n_posts"], 0)
    order = np.lexsort((np.arange(len(found)), -size, day))  # by id already
    rank = np.arange(len(order)) - np.searchsorted(day[order], day[order])
    top = order[rank < MOST_CAMPAIGNS]
    offsets = np.concatenate(([0], np.cumsum(tally(day[top], None, len(sums))))).astype(np.int32)
    ids = found["name"].take(pa.array(top)).combine_chunks()
    return pa.ListArray.from_arrays(pa.array(offsets), ids).cast(TEXTS)
