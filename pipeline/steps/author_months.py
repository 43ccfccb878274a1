"""What each author did month by month, and the platform's recruiters by month. Part of the trust step.

Months are summed from author_days alone, a file of days at a time; nothing here asks when a post was gathered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.local_time import dates
from pipeline.order import firsts, floats, numbers, run_ids, sort_rows, tally
from pipeline.steps.author_life import Floats, ratio
from pipeline.tables import MONTH_COUNTS, SCHEMA_VERSION, STORES, complete

LEAST_POSTS = 5  # below, trust of the month is NULL
HALF_EVIDENCE = 20
_AUTHOR = ["platform", "author_id"]
_LIVES = [*_AUTHOR, "month", "n_posts", "n_recruit", "n_commercial"]


def author_months(days: pa.Table) -> pa.Table:
    """Table author_months of days of one month: one row per platform and author, sorted by them."""
    rows = sort_rows(days, [*_AUTHOR, "date"])
    author = run_ids(rows, _AUTHOR)
    head = firsts(author)
    n = len(head)
    counts = {name: tally(author, numbers(rows[name], 0), n) for name in MONTH_COUNTS}
    posts = counts["n_posts"]
    shares = {
        "commerce_share": ratio(counts["n_commercial"], posts),
        "agency_share": ratio(counts["n_recruit"], counts["n_recruit"] + counts["n_sell"]),
        "store_share": ratio(counts["n_store"], counts["n_commercial"]),
        **{f"store_domain_share_{name}": ratio(counts[f"n_store_{name}"], counts["n_commercial"]) for name in STORES},
        "trust": month_trust(counts),
    }
    month = numbers(rows["date"], 0)[head].astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]")
    columns: dict[str, Any] = {name: rows[name].take(pa.array(head)) for name in _AUTHOR}
    columns["month"] = dates(month.astype(np.int64))
    columns["n_days"] = pa.array(tally(author, numbers(rows["n_posts"], 0) > 0, n))
    columns |= {name: pa.array(values) for name, values in counts.items()}
    columns |= {name: pa.array(values, mask=np.isnan(values)) for name, values in shares.items()}
    columns["schema_version"] = pa.array(np.full(n, SCHEMA_VERSION, np.int32))
    return complete(columns, "author_months", n)


def month_trust(counts: dict[str, Any]) -> Floats:
    """trust_score's form over one month: what a month can show, without paving, commitment and drift.

    (0.5 + 0.5 * e * virtue) * (1 - e * abuse), e = n_posts / (n_posts + 20). virtue: 0.4 * (1 - s)
    + 0.3 * (1 - (own repeats + app texts) / posts) + 0.3 * m / (m + 0.5) with s the larger of the commerce share and the mean
    broadcast_probability, reposts and app texts counting 0, and m mentions and comments per post.
    abuse: 1 - (1 - r / (r + 0.1))(1 - own repeats)(1 - floods)(1 - b / (b + 0.5))(1 - c / (c + 0.5)) with the recruiting
    share r, the own bait share b and the echo share c. NaN under 5 posts.
    """
    n = counts["n_posts"]
    share = {name: np.nan_to_num(ratio(values, n)) for name, values in counts.items()}
    talk = share["n_mentions"] + share["n_comments"]
    own = 1 - np.minimum(share["n_own_repeats"] + share["n_auto"], 1)
    sold = np.maximum(share["n_commercial"], share["own_broadcast_ppm"] / 1_000_000)
    virtue = 0.4 * (1 - sold) + 0.3 * own + 0.3 * talk / (talk + 0.5)
    echo = np.nan_to_num(ratio(counts["n_echoed_grams"], counts["n_grams"]))
    calm = (1 - share["n_own_repeats"]) * (1 - share["n_campaign"])
    innocence = 0.1 / (share["n_recruit"] + 0.1) * calm * (0.5 / (share["n_own_bait"] + 0.5)) * (0.5 / (echo + 0.5))
    evidence = n / (n + HALF_EVIDENCE)
    found = (0.5 + 0.5 * evidence * virtue) * (1 - evidence * (1 - innocence))
    return np.where(n >= LEAST_POSTS, found, np.nan)


def cohort_counts(months: pa.Table) -> pa.Table:
    """What some authors' months (all of theirs) add to author_cohorts: counts per platform and month, which add up."""
    rows = sort_rows(months.select(_LIVES), [*_AUTHOR, "month"])
    author = run_ids(rows, _AUTHOR)
    posts, recruits, sales = (floats(rows[name]) > 0 for name in ("n_posts", "n_recruit", "n_commercial"))
    n = int(author[-1]) + 1 if len(author) else 0
    row = np.arange(len(rows))
    first_post, first_recruit, last_sale = np.full(n, len(rows)), np.full(n, len(rows)), np.full(n, -1)
    np.minimum.at(first_post, author[posts], row[posts])
    np.minimum.at(first_recruit, author[recruits], row[recruits])
    np.maximum.at(last_sale, author[sales], row[sales])
    recruiter = first_recruit < len(rows)
    told = {
        "n_authors": posts,
        "n_authors_new": posts & (row == first_post[author]),
        "n_recruiters": recruits,
        "n_recruiters_new": recruits & (row == first_recruit[author]),
        "n_recruiters_exit": recruiter[author] & (row == last_sale[author]),
    }
    table = pa.table(
        {"platform": rows["platform"], "month": rows["month"]}
        | {name: pa.array(values.astype(np.int64)) for name, values in told.items()}
    )
    return _summed(table)


def author_cohorts(parts: Sequence[pa.Table]) -> pa.Table:
    """Table author_cohorts of the counts of disjoint authors; exits are NULL in a platform's last two months."""
    rows = sort_rows(_summed(pa.concat_tables(parts)), ["platform", "month"]) if parts else None
    if rows is None or not len(rows):
        return complete({}, "author_cohorts", 0)
    month = numbers(rows["month"], 0).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    platform = run_ids(rows, ["platform"])
    newest = np.full(int(platform[-1]) + 1, -(2**40))
    np.maximum.at(newest, platform, month)
    columns: dict[str, Any] = {name: rows[name] for name in rows.column_names}
    exits = numbers(rows["n_recruiters_exit"], 0)
    columns["n_recruiters_exit"] = pa.array(exits, mask=month > newest[platform] - 2)
    columns["schema_version"] = pa.array(np.full(len(rows), SCHEMA_VERSION, np.int32))
    return complete(columns, "author_cohorts", len(rows))


def _summed(rows: pa.Table) -> pa.Table:
    names = [name for name in rows.column_names if name.startswith("n_")]
    found = rows.group_by(["platform", "month"], use_threads=False).aggregate([(name, "sum") for name in names])
    found = found.rename_columns([name.removesuffix("_sum") for name in found.column_names])
    return found.select(["platform", "month", *names]).filter(pc.is_valid(found["platform"]))
