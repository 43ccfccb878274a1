"""The laws of a lake that speak of rows, as SQL over the columns named in COLUMNS. Each query returns what breaks its law.

A query gives the columns `where`, `got` and `expected`, one row for each breach. Times are integers (UTC microseconds),
and `file` is the number of the row's data file in the table `files` (number, part_platform, part_month, stem).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from pipeline import law_queries as queries
from pipeline.local_time import DAY, OFFSET
from pipeline.tables import BROADCAST, CLASSES, COMPONENTS, EMOTIONS, RESTRICTED, SENTIMENTS

# The stage that writes each table. A table is due once its own stage or a later one has written anything.
STAGES: tuple[tuple[str, ...], ...] = (
    ("gathered_files", "raw_posts", "raw_authors", "rejects", "source_cursors"), ("posts", "post_index"), ("post_features",),
    ("campaigns", "campaign_members", "campaign_aliases"), ("post_judgements", "author_days"),
    ("author_trust", "author_months", "author_cohorts"), ("daily_summary", "daily_feelings"),
)  # fmt: skip

_POST = ("platform", "post_id", "author_id", "posted_at")
_CHANCES = (
    *(f"p_{name}" for name in (*CLASSES, *SENTIMENTS)),
    *(f"emotion_{name}" for name in EMOTIONS if name != "neutral"),
    "intensity",
)
COLUMNS: dict[str, tuple[str, ...]] = {
    "gathered_files": (
        "source_file",
        "batch_id",
        "n_rows",
        "n_rows_framed",
        "n_posts",
        "n_authors",
        "n_rejects",
        "n_bytes",
        "grown_from",
        "n_rows_before",
        "replaced_by",
        "members",
    ),
    "raw_posts": ("platform", "post_id", "author_id", "source_row", "batch_id"),
    "raw_authors": ("platform", "author_id", "batch_id"),
    "rejects": ("source_row", "batch_id"),
    "source_cursors": ("feed_key", "feed", "batch_id"),
    "posts": (*_POST, "versions"),
    "post_index": ("platform", "post_id", "month", "bucket", "batch_ids"),
    "post_features": (*_POST, *_CHANCES),
    "campaigns": ("campaign_id", "n_posts"),
    "campaign_members": (*_POST, "campaign_id", "similarity", "exemplar_similarity"),
    "campaign_aliases": ("alias_id", "campaign_id"),
    "post_judgements": (*_POST, "label", "broadcast_probability", "is_broadcast"),
    "author_days": ("platform", "author_id", "date", "n_posts", "n_comments"),
    "author_trust": ("platform", "author_id", "trust_score", "trust_low", "trust_high", *COMPONENTS),
    "author_months": (
        "platform",
        "author_id",
        "month",
        "n_posts",
        "n_comments",
        "n_recruit",
        "commerce_share",
        "agency_share",
        "trust",
    ),
    "author_cohorts": ("platform", "month", "n_authors", "n_authors_new", "n_recruiters", "n_recruiters_new"),
    "daily_summary": (
        "date",
        "platform",
        "n_posts",
        "sentiment_swing",
        "swing_campaigns",
        "swing_broadcast",
        "swing_rest",
    ),
    "daily_feelings": ("date", "platform", "part", "name", "n_posts"),
}
# The columns by which the rows of each data file are sorted, NULL last.
ORDER: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("posts", "post_features", "campaign_members", "post_judgements"), ("author_id", "posted_at", "post_id")),
    "author_days": ("author_id", "date"), "author_months": ("author_id",), "campaigns": ("campaign_id",), "campaign_aliases": ("alias_id",),
}  # fmt: skip


@dataclass(frozen=True)
class Law:
    """A law about `table`, and the query for what breaks it."""

    name: str
    table: str
    sql: str


def due(present: Set[str]) -> set[str]:
    """The tables that must be complete when those `present` have rows."""
    reached = [number for number, stage in enumerate(STAGES) if present & set(stage)]
    return {table for stage in STAGES[: max(reached, default=-1) + 1] for table in stage}


def _fill(sql: str, **names: str) -> str:
    for name, value in names.items():
        sql = sql.replace(f"<{name}>", value)
    return sql


_AUTHORED = [t for t in COLUMNS if t not in RESTRICTED and "author_id" in COLUMNS[t]]
_RATIOS = {
    "post_features": [*_CHANCES],
    "campaign_members": ["similarity", "exemplar_similarity"],
    "post_judgements": ["broadcast_probability"],
    "author_trust": ["trust_score", "trust_low", "trust_high", *COMPONENTS],
    "author_months": ["commerce_share", "agency_share", "trust"],
}
_DAY = f"floor((posted_at + {OFFSET}) / {DAY})::BIGINT"
_MONTH = f"coalesce(strftime(DATE '1970-01-01' + ({_DAY})::INTEGER, '%Y-%m'), 'undated')"


def _id(table: str) -> str:
    return "post_id" if "post_id" in COLUMNS[table] else "author_id"


LAWS: tuple[Law, ...] = (
    Law("every row read is kept", "gathered_files", queries.ROWS_ACCOUNTED),
    Law("rows read are the rows there were", "gathered_files", queries.ROWS_FRAMED),
    Law("members are files", "gathered_files", queries.MEMBERS_GATHERED),
    Law("a grown file goes on where it stopped", "gathered_files", queries.GROWN),
    Law("a cursor stands after its data", "source_cursors", queries.CURSOR_FOLLOWS),
    Law("a feed has one cursor", "source_cursors", _fill(queries.UNIQUE, table="source_cursors", key="feed_key")),
    Law("a replaced file has no rows", "gathered_files", queries.REPLACED),
    Law("a file is gathered once", "gathered_files", _fill(queries.UNIQUE, table="gathered_files", key="batch_id")),
    *(Law("rows are as many as gathered", t, _fill(queries.ROWS_COUNTED, table=t, count=n))
      for t, n in (("raw_posts", "n_posts"), ("raw_authors", "n_authors"), ("rejects", "n_rejects"))),
    *(Law("rows come from a gathered file", t, _fill(queries.BATCH_KNOWN, table=t)) for t in ("raw_posts", "raw_authors", "rejects")),
    *(Law("keys are the same", table, _fill(queries.SAME_KEYS, table=table, other=other))
      for one, two in (("raw_posts", "posts"), ("posts", "post_index"), ("posts", "post_features"), ("posts", "post_judgements"))
      for table, other in ((one, two), (two, one))),
    *(Law("a post has one row", t, _fill(queries.UNIQUE, table=t, key="platform || ':' || post_id"))
      for t in ("posts", "post_index", "post_features", "post_judgements")),
    *(Law("author and time agree", t, _fill(queries.SAME_FACTS, table=t))
      for t in ("post_features", "campaign_members", "post_judgements")),
    Law("versions are batches", "posts", queries.VERSIONS),
    *(Law("rows stand in their part", t, _fill(queries.IN_PLACE, table=t, id=_id(t), month=_MONTH))
      for t in ("posts", "post_features", "campaign_members", "post_judgements")),
    Law("rows stand in their part", "author_days",
        _fill(queries.IN_PLACE, table="author_days", id="author_id", month="strftime(date, '%Y-%m')")),
    Law("rows stand in their part", "author_months",
        _fill(queries.IN_PLACE, table="author_months", id="author_id", month="strftime(month, '%Y-%m')")),
    Law("months add up", "author_months", queries.MONTHS_ADD_UP),
    Law("an author's month has one row", "author_months",
        _fill(queries.UNIQUE, table="author_months", key="platform || ' ' || author_id || ' ' || month")),
    Law("cohorts count authors", "author_cohorts", queries.COHORTS_COUNT),
    *(Law("everybody begins once", "author_cohorts", _fill(queries.COHORTS_BEGIN, count=count, told=told))
      for count, told in (("n_authors", "n_posts"), ("n_recruiters", "n_recruit"))),
    Law("platforms add up", "daily_summary", queries.PLATFORMS_ADD_UP),
    Law("parts of a swing add up", "daily_summary", queries.SWINGS_ADD_UP),
    Law("a day's part is no more than the day", "daily_feelings", queries.NAMED_IN_DAYS),
    Law("the index knows the place", "post_index", queries.INDEXED),
    Law("the index knows the batches", "post_index", queries.INDEXED_BATCHES),
    Law("members are posts", "campaign_members", queries.MEMBERS_KNOWN),
    Law("members are counted", "campaigns", queries.CAMPAIGN_POSTS),
    Law("members are like an exemplar", "campaign_members", queries.LINKED),
    Law("an alias leads to a campaign", "campaign_aliases", queries.ALIASED),
    Law("an alias is an id of before", "campaign_aliases", queries.ALIAS_GONE),
    Law("an id has one row", "campaigns", _fill(queries.UNIQUE, table="campaigns", key="campaign_id")),
    Law("an id has one row", "campaign_aliases", _fill(queries.UNIQUE, table="campaign_aliases", key="alias_id")),
    Law("days add up", "author_days", _fill(queries.DAYS_ADD_UP, day=_DAY)),
    *(Law("author ids are hashed", t, _fill(queries.AUTHOR_HASHED, table=t)) for t in _AUTHORED),
    *(Law("no raw author id", t, _fill(queries.AUTHOR_NOT_RAW, table=t)) for t in _AUTHORED),
    *(Law("ratios lie in 0 to 1", t, _fill(queries.RATIO, table=t, id=_id(t), columns=", ".join(names))) for t, names in _RATIOS.items()),
    Law("the label agrees", "post_judgements", _fill(queries.LABEL, names=", ".join(BROADCAST), broadcast=str(BROADCAST))),
)  # fmt: skip

# Asked file by file, because texts are large: over `judged`, the rows of one data file, and `texts`, the posts of its part.
REASON_LAWS: tuple[Law, ...] = (
    Law("flagged posts have reasons, others none", "post_judgements", """
        SELECT platform || ':' || post_id, coalesce(len(reasons), 0) || ' reasons', if(is_broadcast, 'at least 1', '0')
        FROM judged WHERE is_broadcast <> (coalesce(len(reasons), 0) > 0)
    """),
    # Code points, half open. A reason without a span speaks of the campaign or the author's past.
    Law("reasons quote posts.text", "post_judgements", """
        SELECT platform || ':' || post_id, r.kind || ' ' || coalesce(r.span_start::VARCHAR, '?') || '-'
               || coalesce(r.span_end::VARCHAR, '?') || ' ' || coalesce(r.text, '?'), 'the text between them'
        FROM (SELECT platform, post_id, unnest(reasons) AS r FROM judged) LEFT JOIN texts USING (platform, post_id)
        WHERE (r.span_start IS NOT NULL OR r.span_end IS NOT NULL) AND NOT coalesce(
            0 <= r.span_start AND r.span_start < r.span_end AND r.span_end <= length(texts.text)
            AND substr(texts.text, r.span_start + 1, r.span_end - r.span_start) = r.text, false)
    """),
)  # fmt: skip
