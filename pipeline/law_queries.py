"""The queries of the laws: each finds what breaks one; `<names>` in angle brackets are filled in by pipeline.laws.

A query gives which row, what it holds and what was expected, as text.
"""

from __future__ import annotations

ROWS_ACCOUNTED = """
    WITH met AS (
        SELECT batch_id, count(DISTINCT coalesce(source_row, 0)) AS n -- a refused file is one row without a number
        FROM (SELECT batch_id, source_row FROM raw_posts UNION ALL SELECT batch_id, source_row FROM rejects) GROUP BY ALL)
    SELECT source_file, coalesce(n, 0) || ' in raw_posts and rejects, ' || n_authors || ' in raw_authors', n_rows || ' rows'
    FROM (SELECT *, n_rows - coalesce(len(members), 0) AS own FROM gathered_files) LEFT JOIN met USING (batch_id)
    WHERE own NOT BETWEEN coalesce(n, 0) AND coalesce(n, 0) + n_authors
"""
MEMBERS_GATHERED = """
    SELECT source_file, 'member ' || m, 'its file in gathered_files'
    FROM (SELECT source_file, unnest(members) AS m FROM gathered_files) WHERE m NOT IN (SELECT batch_id FROM gathered_files)
"""
GROWN = """
    SELECT g.source_file, g.n_rows_before || ' rows before', coalesce((e.n_rows + coalesce(e.n_rows_before, 0))::VARCHAR, 'no')
           || ' rows in ' || coalesce(e.source_file, 'no file') || ', which is smaller'
    FROM gathered_files g LEFT JOIN gathered_files e ON g.grown_from = e.batch_id
    WHERE g.grown_from IS NOT NULL AND NOT coalesce(
        e.n_bytes < g.n_bytes AND e.n_rows + coalesce(e.n_rows_before, 0) = g.n_rows_before, false)
"""
REPLACED = """
    SELECT source_file, n_rows || ' rows, replaced by ' || replaced_by, 'no row, and a file that has them'
    FROM gathered_files WHERE replaced_by IS NOT NULL
    AND (n_rows > 0 OR replaced_by NOT IN (SELECT batch_id FROM gathered_files))
"""
ROWS_FRAMED = """
    SELECT source_file, n_rows || ' rows', n_rows_framed || ' by the independent count'
    FROM gathered_files WHERE n_rows_framed <> n_rows
"""
ROWS_COUNTED = """
    SELECT source_file, coalesce(n, 0) || ' rows', <count> || ' by gathered_files.<count>'
    FROM gathered_files LEFT JOIN (SELECT batch_id, count(*) AS n FROM <table> GROUP BY ALL) USING (batch_id)
    WHERE coalesce(n, 0) <> <count>
"""
BATCH_KNOWN = """
    SELECT 'batch ' || batch_id, count(*) || ' rows', 'its file in gathered_files'
    FROM <table> ANTI JOIN gathered_files USING (batch_id) GROUP BY batch_id
"""
CURSOR_FOLLOWS = """
    SELECT feed, 'batch ' || batch_id, 'one in gathered_files'
    FROM source_cursors ANTI JOIN gathered_files USING (batch_id)
"""
UNIQUE = """
    SELECT <key>, count(*) || ' rows', '1' FROM <table> GROUP BY ALL HAVING count(*) > 1
"""
SAME_KEYS = """
    SELECT DISTINCT platform || ':' || post_id, 'no row', 'a row, as in <other>'
    FROM <other> ANTI JOIN <table> USING (platform, post_id)
"""
SAME_FACTS = """
    SELECT t.platform || ':' || t.post_id, 'another author or time', 'as in posts' FROM <table> t JOIN posts p
    USING (platform, post_id)
    WHERE t.author_id IS DISTINCT FROM p.author_id OR t.posted_at IS DISTINCT FROM p.posted_at
"""
VERSIONS = """
    SELECT platform || ':' || post_id, versions, n || ' batches in raw_posts'
    FROM posts JOIN (SELECT platform, post_id, count(DISTINCT batch_id) AS n FROM raw_posts GROUP BY ALL)
    USING (platform, post_id) WHERE versions <> n
"""
IN_PLACE = """
    SELECT coalesce(t.platform || ':' || <id>, '?'), t.platform || ' ' || <month>, part_platform || ' ' || part_month
    FROM <table> t JOIN files ON t.file = files.number WHERE t.platform <> part_platform OR <month> <> part_month
"""
INDEXED = """
    SELECT platform || ':' || post_id, i.month || ' ' || i.bucket, f.part_month || ' ' || f.stem
    FROM post_index i JOIN posts USING (platform, post_id) JOIN files f ON posts.file = f.number
    WHERE i.month <> f.part_month OR i.bucket::VARCHAR <> f.stem
"""
INDEXED_BATCHES = """
    SELECT platform || ':' || post_id, batch_ids::VARCHAR, b::VARCHAR
    FROM post_index JOIN (SELECT platform, post_id, list_sort(list(DISTINCT batch_id)) AS b FROM raw_posts GROUP BY ALL)
    USING (platform, post_id) WHERE batch_ids <> b
"""
DAYS_ADD_UP = """
    WITH judged AS (SELECT platform, author_id, <day> AS day, count(*) AS n FROM post_judgements
                    WHERE author_id IS NOT NULL AND posted_at IS NOT NULL GROUP BY ALL),
         days AS (SELECT platform, author_id, date - DATE '1970-01-01' AS day, sum(n_posts + n_comments) AS n
                  FROM author_days GROUP BY ALL)
    SELECT platform || ' ' || author_id || ' ' || (DATE '1970-01-01' + day::INTEGER), coalesce(days.n, 0),
           coalesce(judged.n, 0) || ' dated posts in post_judgements'
    FROM judged FULL JOIN days USING (platform, author_id, day) WHERE coalesce(days.n, 0) <> coalesce(judged.n, 0)
"""
MONTHS_ADD_UP = """
    WITH days AS (SELECT platform, author_id, date_trunc('month', date)::DATE AS month, sum(n_posts + n_comments) AS n
                  FROM author_days GROUP BY ALL),
         months AS (SELECT platform, author_id, month, n_posts + n_comments AS n FROM author_months)
    SELECT platform || ' ' || author_id || ' ' || month, coalesce(months.n, 0), coalesce(days.n, 0) || ' by author_days'
    FROM months FULL JOIN days USING (platform, author_id, month) WHERE coalesce(months.n, 0) <> coalesce(days.n, 0)
"""
COHORTS_COUNT = """
    WITH met AS (SELECT platform, month, count(*) FILTER (n_posts > 0) AS n, count(*) FILTER (n_recruit > 0) AS r
                 FROM author_months GROUP BY ALL)
    SELECT platform || ' ' || month, n_authors || ', of them ' || n_recruiters || ' recruiters', n || ' and ' || r || ' by author_months'
    FROM author_cohorts FULL JOIN met USING (platform, month) WHERE n_authors IS DISTINCT FROM n OR n_recruiters IS DISTINCT FROM r
"""
PLATFORMS_ADD_UP = """
    SELECT date::VARCHAR, coalesce(n, 0) || ' posts', coalesce(own, 0) || ' on its platforms'
    FROM (SELECT date, sum(n_posts) FILTER (platform = 'all') AS n, sum(n_posts) FILTER (platform <> 'all') AS own
          FROM daily_summary GROUP BY date) WHERE n IS DISTINCT FROM own
"""
SWINGS_ADD_UP = """
    SELECT date || ' ' || platform, (swing_campaigns + swing_broadcast + swing_rest)::VARCHAR, sentiment_swing::VARCHAR
    FROM daily_summary WHERE abs(swing_campaigns + swing_broadcast + swing_rest - sentiment_swing) > 1e-9
"""
NAMED_IN_DAYS = """
    SELECT f.date || ' ' || f.platform || ' ' || part || ' ' || name, f.n_posts || ' posts', coalesce(s.n_posts, 0) || ' at most'
    FROM daily_feelings f LEFT JOIN daily_summary s USING (date, platform) WHERE f.n_posts > coalesce(s.n_posts, 0)
"""
COHORTS_BEGIN = """
    SELECT platform, sum(<count>_new), n || ' distinct authors' FROM author_cohorts
    JOIN (SELECT platform, count(DISTINCT author_id) AS n FROM author_months WHERE <told> > 0 GROUP BY ALL) USING (platform)
    GROUP BY platform, n HAVING sum(<count>_new) <> n
"""
CAMPAIGN_POSTS = """
    SELECT campaign_id, coalesce(n_posts, 0), coalesce(n, 0) || ' rows in campaign_members'
    FROM campaigns FULL JOIN (SELECT campaign_id, count(*) AS n FROM campaign_members GROUP BY ALL) USING (campaign_id)
    WHERE coalesce(n_posts, 0) <> coalesce(n, 0)
"""
LINKED = """
    SELECT platform || ':' || post_id, exemplar_similarity, 'at least 0.7' FROM campaign_members
    WHERE exemplar_similarity < 0.6999
"""
ALIASED = """
    SELECT alias_id, a.campaign_id, 'a campaign' FROM campaign_aliases a ANTI JOIN campaigns USING (campaign_id)
"""
ALIAS_GONE = """
    SELECT alias_id, 'a campaign of today', 'an id of before' FROM campaign_aliases
    SEMI JOIN (SELECT campaign_id AS alias_id FROM campaigns) USING (alias_id)
"""
MEMBERS_KNOWN = """
    SELECT platform || ':' || post_id, 'no row in posts', 'a post'
    FROM campaign_members ANTI JOIN posts USING (platform, post_id)
"""
AUTHOR_HASHED = """
    SELECT platform || ' ' || left(author_id, 4) || '…', length(author_id) || ' characters', '32 hex digits'
    FROM <table> WHERE NOT regexp_full_match(author_id, '[0-9a-f]{32}')
"""
AUTHOR_NOT_RAW = """
    SELECT DISTINCT platform || ' ' || left(author_id, 4) || '…', 'an id of raw_posts or raw_authors', 'its keyed hash'
    FROM <table> SEMI JOIN (SELECT author_id FROM raw_posts UNION SELECT author_id FROM raw_authors) USING (author_id)
"""
RATIO = """
    SELECT platform || ':' || <id>, least(<columns>) || ' to ' || greatest(<columns>), '0 to 1 in <columns>'
    FROM <table> WHERE least(<columns>) < 0 OR greatest(<columns>) > 1 -- NULL counts as nothing, NaN as more than all
"""
LABEL = """
    SELECT platform || ':' || post_id, label || ', is_broadcast ' || is_broadcast, 'true for <names> alone'
    FROM post_judgements WHERE is_broadcast <> (label IN <broadcast>)
"""
