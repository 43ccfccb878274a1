"""The laws of a lake that speak of rows, as SQL over the columns named in COLUMNS. Each query returns what breaks its law.

A query gives the columns `where`, `got` and `expected`, one row for each breach. Times are integers (UTC microseconds),
and `file` is the number of the row's data file in the table `files` (number, part_platform, part_month, stem).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

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


_ROWS_ACCOUNTED = """
    WITH met AS (
        SELECT batch_id, count(DISTINCT coalesce(source_row, 0)) AS n -- a refused file is one row without a number
        FROM (SELECT batch_id, source_row FROM raw_posts UNION ALL SELECT batch_id, source_row FROM rejects) GROUP BY ALL)
    SELECT source_file, coalesce(n, 0) || ' in raw_posts and rejects, ' || n_authors || ' in raw_authors', n_rows || ' rows'
    FROM (SELECT *, n_rows - coalesce(len(members), 0) AS own FROM gathered_files) LEFT JOIN met USING (batch_id)
    WHERE own NOT BETWEEN coalesce(n, 0) AND coalesce(n, 0) + n_authors
"""
_MEMBERS_GATHERED = """
    SELECT source_file, 'member ' || m, 'its file in gathered_files'
    FROM (SELECT source_file, unnest(members) AS m FROM gathered_files) WHERE m NOT IN (SELECT batch_id FROM gathered_files)
"""
_GROWN = """
    SELECT g.source_file, g.n_rows_before || ' rows before', coalesce((e.n_rows + coalesce(e.n_rows_before, 0))::VARCHAR, 'no')
           || ' rows in ' || coalesce(e.source_file, 'no file') || ', which is smaller'
    FROM gathered_files g LEFT JOIN gathered_files e ON g.grown_from = e.batch_id
    WHERE g.grown_from IS NOT NULL AND NOT coalesce(
        e.n_bytes < g.n_bytes AND e.n_rows + coalesce(e.n_rows_before, 0) = g.n_rows_before, false)
"""
_REPLACED = """
    SELECT source_file, n_rows || ' rows, replaced by ' || replaced_by, 'no row, and a file that has them'
    FROM gathered_files WHERE replaced_by IS NOT NULL
    AND (n_rows > 0 OR replaced_by NOT IN (SELECT batch_id FROM gathered_files))
"""
_ROWS_FRAMED = """
    SELECT source_file, n_rows || ' rows', n_rows_framed || ' by the independent count'
    FROM gathered_files WHERE n_rows_framed <> n_rows
"""
_ROWS_COUNTED = """
    SELECT source_file, coalesce(n, 0) || ' rows', <count> || ' by gathered_files.<count>'
    FROM gathered_files LEFT JOIN (SELECT batch_id, count(*) AS n FROM <table> GROUP BY ALL) USING (batch_id)
    WHERE coalesce(n, 0) <> <count>
"""
_BATCH_KNOWN = """
    SELECT 'batch ' || batch_id, count(*) || ' rows', 'its file in gathered_files'
    FROM <table> ANTI JOIN gathered_files USING (batch_id) GROUP BY batch_id
"""
_CURSOR_FOLLOWS = """
    SELECT feed, 'batch ' || batch_id, 'one in gathered_files'
    FROM source_cursors ANTI JOIN gathered_files USING (batch_id)
"""
_UNIQUE = """
    SELECT <key>, count(*) || ' rows', '1' FROM <table> GROUP BY ALL HAVING count(*) > 1
"""
_SAME_KEYS = """
    SELECT DISTINCT platform || ':' || post_id, 'no row', 'a row, as in <other>'
    FROM <other> ANTI JOIN <table> USING (platform, post_id)
"""
_SAME_FACTS = """
    SELECT t.platform || ':' || t.post_id, 'another author or time', 'as in posts' FROM <table> t JOIN posts p
    USING (platform, post_id)
    WHERE t.author_id IS DISTINCT FROM p.author_id OR t.posted_at IS DISTINCT FROM p.posted_at
"""
_VERSIONS = """
    SELECT platform || ':' || post_id, versions, n || ' batches in raw_posts'
    FROM posts JOIN (SELECT platform, post_id, count(DISTINCT batch_id) AS n FROM raw_posts GROUP BY ALL)
    USING (platform, post_id) WHERE versions <> n
"""
_IN_PLACE = """
    SELECT coalesce(t.platform || ':' || <id>, '?'), t.platform || ' ' || <month>, part_platform || ' ' || part_month
    FROM <table> t JOIN files ON t.file = files.number WHERE t.platform <> part_platform OR <month> <> part_month
"""
_INDEXED = """
    SELECT platform || ':' || post_id, i.month || ' ' || i.bucket, f.part_month || ' ' || f.stem
    FROM post_index i JOIN posts USING (platform, post_id) JOIN files f ON posts.file = f.number
    WHERE i.month <> f.part_month OR i.bucket::VARCHAR <> f.stem
"""
_INDEXED_BATCHES = """
    SELECT platform || ':' || post_id, batch_ids::VARCHAR, b::VARCHAR
    FROM post_index JOIN (SELECT platform, post_id, list_sort(list(DISTINCT batch_id)) AS b FROM raw_posts GROUP BY ALL)
    USING (platform, post_id) WHERE batch_ids <> b
"""
_DAYS_ADD_UP = """
    WITH judged AS (SELECT platform, author_id, <day> AS day, count(*) AS n FROM post_judgements
                    WHERE author_id IS NOT NULL AND posted_at IS NOT NULL GROUP BY ALL),
         days AS (SELECT platform, author_id, date - DATE '1970-01-01' AS day, sum(n_posts + n_comments) AS n
                  FROM author_days GROUP BY ALL)
    SELECT platform || ' ' || author_id || ' ' || (DATE '1970-01-01' + day::INTEGER), coalesce(days.n, 0),
           coalesce(judged.n, 0) || ' dated posts in post_judgements'
    FROM judged FULL JOIN days USING (platform, author_id, day) WHERE coalesce(days.n, 0) <> coalesce(judged.n, 0)
"""
_MONTHS_ADD_UP = """
    WITH days AS (SELECT platform, author_id, date_trunc('month', date)::DATE AS month, sum(n_posts + n_comments) AS n
                  FROM author_days GROUP BY ALL),
         months AS (SELECT platform, author_id, month, n_posts + n_comments AS n FROM author_months)
    SELECT platform || ' ' || author_id || ' ' || month, coalesce(months.n, 0), coalesce(days.n, 0) || ' by author_days'
    FROM months FULL JOIN days USING (platform, author_id, month) WHERE coalesce(months.n, 0) <> coalesce(days.n, 0)
"""
_COHORTS_COUNT = """
    WITH met AS (SELECT platform, month, count(*) FILTER (n_posts > 0) AS n, count(*) FILTER (n_recruit > 0) AS r
                 FROM author_months GROUP BY ALL)
    SELECT platform || ' ' || month, n_authors || ', of them ' || n_recruiters || ' recruiters', n || ' and ' || r || ' by author_months'
    FROM author_cohorts FULL JOIN met USING (platform, month) WHERE n_authors IS DISTINCT FROM n OR n_recruiters IS DISTINCT FROM r
"""
_PLATFORMS_ADD_UP = """
    SELECT date::VARCHAR, coalesce(n, 0) || ' posts', coalesce(own, 0) || ' on its platforms'
    FROM (SELECT date, sum(n_posts) FILTER (platform = 'all') AS n, sum(n_posts) FILTER (platform <> 'all') AS own
          FROM daily_summary GROUP BY date) WHERE n IS DISTINCT FROM own
"""
_SWINGS_ADD_UP = """
    SELECT date || ' ' || platform, (swing_campaigns + swing_broadcast + swing_rest)::VARCHAR, sentiment_swing::VARCHAR
    FROM daily_summary WHERE abs(swing_campaigns + swing_broadcast + swing_rest - sentiment_swing) > 1e-9
"""
_NAMED_IN_DAYS = """
    SELECT f.date || ' ' || f.platform || ' ' || part || ' ' || name, f.n_posts || ' posts', coalesce(s.n_posts, 0) || ' at most'
    FROM daily_feelings f LEFT JOIN daily_summary s USING (date, platform) WHERE f.n_posts > coalesce(s.n_posts, 0)
"""
_COHORTS_BEGIN = """
    SELECT platform, sum(<count>_new), n || ' distinct authors' FROM author_cohorts
    JOIN (SELECT platform, count(DISTINCT author_id) AS n FROM author_months WHERE <told> > 0 GROUP BY ALL) USING (platform)
    GROUP BY platform, n HAVING sum(<count>_new) <> n
"""
_CAMPAIGN_POSTS = """
    SELECT campaign_id, coalesce(n_posts, 0), coalesce(n, 0) || ' rows in campaign_members'
    FROM campaigns FULL JOIN (SELECT campaign_id, count(*) AS n FROM campaign_members GROUP BY ALL) USING (campaign_id)
    WHERE coalesce(n_posts, 0) <> coalesce(n, 0)
"""
_LINKED = """
    SELECT platform || ':' || post_id, exemplar_similarity, 'at least 0.7' FROM campaign_members
    WHERE exemplar_similarity < 0.6999
"""
_ALIASED = """
    SELECT alias_id, a.campaign_id, 'a campaign' FROM campaign_aliases a ANTI JOIN campaigns USING (campaign_id)
"""
_ALIAS_GONE = """
    SELECT alias_id, 'a campaign of today', 'an id of before' FROM campaign_aliases
    SEMI JOIN (SELECT campaign_id AS alias_id FROM campaigns) USING (alias_id)
"""
_MEMBERS_KNOWN = """
    SELECT platform || ':' || post_id, 'no row in posts', 'a post'
    FROM campaign_members ANTI JOIN posts USING (platform, post_id)
"""
_AUTHOR_HASHED = """
    SELECT platform || ' ' || left(author_id, 4) || '…', length(author_id) || ' characters', '32 hex digits'
    FROM <table> WHERE NOT regexp_full_match(author_id, '[0-9a-f]{32}')
"""
_AUTHOR_NOT_RAW = """
    SELECT DISTINCT platform || ' ' || left(author_id, 4) || '…', 'an id of raw_posts or raw_authors', 'its keyed hash'
    FROM <table> SEMI JOIN (SELECT author_id FROM raw_posts UNION SELECT author_id FROM raw_authors) USING (author_id)
"""
_RATIO = """
    SELECT platform || ':' || <id>, least(<columns>) || ' to ' || greatest(<columns>), '0 to 1 in <columns>'
    FROM <table> WHERE least(<columns>) < 0 OR greatest(<columns>) > 1 -- NULL counts as nothing, NaN as more than all
"""
_LABEL = """
    SELECT platform || ':' || post_id, label || ', is_broadcast ' || is_broadcast, 'true for <names> alone'
    FROM post_judgements WHERE is_broadcast <> (label IN <broadcast>)
"""
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
    Law("every row read is kept", "gathered_files", _ROWS_ACCOUNTED),
    Law("rows read are the rows there were", "gathered_files", _ROWS_FRAMED),
    Law("members are files", "gathered_files", _MEMBERS_GATHERED),
    Law("a grown file goes on where it stopped", "gathered_files", _GROWN),
    Law("a cursor stands after its data", "source_cursors", _CURSOR_FOLLOWS),
    Law("a feed has one cursor", "source_cursors", _fill(_UNIQUE, table="source_cursors", key="feed_key")),
    Law("a replaced file has no rows", "gathered_files", _REPLACED),
    Law("a file is gathered once", "gathered_files", _fill(_UNIQUE, table="gathered_files", key="batch_id")),
    *(Law("rows are as many as gathered", t, _fill(_ROWS_COUNTED, table=t, count=n))
      for t, n in (("raw_posts", "n_posts"), ("raw_authors", "n_authors"), ("rejects", "n_rejects"))),
    *(Law("rows come from a gathered file", t, _fill(_BATCH_KNOWN, table=t)) for t in ("raw_posts", "raw_authors", "rejects")),
    *(Law("keys are the same", table, _fill(_SAME_KEYS, table=table, other=other))
      for one, two in (("raw_posts", "posts"), ("posts", "post_index"), ("posts", "post_features"), ("posts", "post_judgements"))
      for table, other in ((one, two), (two, one))),
    *(Law("a post has one row", t, _fill(_UNIQUE, table=t, key="platform || ':' || post_id"))
      for t in ("posts", "post_index", "post_features", "post_judgements")),
    *(Law("author and time agree", t, _fill(_SAME_FACTS, table=t))
      for t in ("post_features", "campaign_members", "post_judgements")),
    Law("versions are batches", "posts", _VERSIONS),
    *(Law("rows stand in their part", t, _fill(_IN_PLACE, table=t, id=_id(t), month=_MONTH))
      for t in ("posts", "post_features", "campaign_members", "post_judgements")),
    Law("rows stand in their part", "author_days",
        _fill(_IN_PLACE, table="author_days", id="author_id", month="strftime(date, '%Y-%m')")),
    Law("rows stand in their part", "author_months",
        _fill(_IN_PLACE, table="author_months", id="author_id", month="strftime(month, '%Y-%m')")),
    Law("months add up", "author_months", _MONTHS_ADD_UP),
    Law("an author's month has one row", "author_months",
        _fill(_UNIQUE, table="author_months", key="platform || ' ' || author_id || ' ' || month")),
    Law("cohorts count authors", "author_cohorts", _COHORTS_COUNT),
    *(Law("everybody begins once", "author_cohorts", _fill(_COHORTS_BEGIN, count=count, told=told))
      for count, told in (("n_authors", "n_posts"), ("n_recruiters", "n_recruit"))),
    Law("platforms add up", "daily_summary", _PLATFORMS_ADD_UP),
    Law("parts of a swing add up", "daily_summary", _SWINGS_ADD_UP),
    Law("a day's part is no more than the day", "daily_feelings", _NAMED_IN_DAYS),
    Law("the index knows the place", "post_index", _INDEXED),
    Law("the index knows the batches", "post_index", _INDEXED_BATCHES),
    Law("members are posts", "campaign_members", _MEMBERS_KNOWN),
    Law("members are counted", "campaigns", _CAMPAIGN_POSTS),
    Law("members are like an exemplar", "campaign_members", _LINKED),
    Law("an alias leads to a campaign", "campaign_aliases", _ALIASED),
    Law("an alias is an id of before", "campaign_aliases", _ALIAS_GONE),
    Law("an id has one row", "campaigns", _fill(_UNIQUE, table="campaigns", key="campaign_id")),
    Law("an id has one row", "campaign_aliases", _fill(_UNIQUE, table="campaign_aliases", key="alias_id")),
    Law("days add up", "author_days", _fill(_DAYS_ADD_UP, day=_DAY)),
    *(Law("author ids are hashed", t, _fill(_AUTHOR_HASHED, table=t)) for t in _AUTHORED),
    *(Law("no raw author id", t, _fill(_AUTHOR_NOT_RAW, table=t)) for t in _AUTHORED),
    *(Law("ratios lie in 0 to 1", t, _fill(_RATIO, table=t, id=_id(t), columns=", ".join(columns))) for t, columns in _RATIOS.items()),
    Law("the label agrees", "post_judgements", _fill(_LABEL, names=", ".join(BROADCAST), broadcast=str(BROADCAST))),
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
