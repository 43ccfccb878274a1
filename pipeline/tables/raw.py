"""The restricted zone: what was gathered, what was refused, the account of every file, and where feeds go on."""

from __future__ import annotations

from pipeline.tables.columns import (
    BATCH,
    BOOL,
    CONTENT,
    COUNTS,
    INT,
    LISTS,
    PLATFORM,
    POST_ID,
    POSTED_AT,
    PROFILE,
    PROVENANCE,
    RAW_AUTHOR,
    TEXT,
    TEXTS,
    TIME,
    VERSION,
    Column,
    key,
)

RAW_POSTS = [
    PLATFORM, POST_ID, key("post_id_derived", BOOL, "post_id was made by xinren"), RAW_AUTHOR,
    Column("author_id_form", TEXT, "id, or creator_hash: author_id is already sha256(user id), 16 hex"),
    Column("author_name", TEXT, "display name as exported (restricted zone)"),
    key("text", TEXT, "the text as exported, markup turned to text"), POSTED_AT, *CONTENT, *COUNTS,
    Column("counts_censored", BOOL, "a count was capped by the platform (100万+)"), *PROFILE, *LISTS,
    Column("source_keyword", TEXT, "search word that found it"), *PROVENANCE,
    key("source_row", INT, "row in the file, from 1 (header not counted)"),
    Column("source_dedups", BOOL, "the exporter drops repeated posts: repeat ratios are NULL, never 0"),
    Column("text_truncated", BOOL, "the exporter cut the text"),
    Column("modified_at", TIME, "when the source last saw the post change"), *BATCH, VERSION,
]  # fmt: skip

RAW_AUTHORS = [
    PLATFORM, key("author_id", TEXT, "the platform's author id as exported (restricted zone)"),
    Column("author_id_form", TEXT, "id, or creator_hash"), Column("author_name", TEXT, "display name as exported"), *PROFILE,
    Column("description", TEXT, "the author's own words about themselves"), Column("location", TEXT, "place as exported"),
    *PROVENANCE, Column("source_row", INT, "row in the file, from 1 (header not counted)"), *BATCH,
]  # fmt: skip

REJECTS = [
    *PROVENANCE, Column("source_row", INT, "row in the file, from 1; NULL where the file as a whole was refused"),
    key("reason", TEXT, "a code of pipeline.sources.rejects.REASONS"), Column("detail", TEXT, "got, expected, next step"),
    Column("raw", TEXT, "the row as read, cut at 4 kB (restricted zone)"), *BATCH,
]  # fmt: skip

SOURCE_CURSORS = [
    key("feed_key", TEXT, "16 hex of the feed's kind and URL without user and password"),
    key("feed_kind", TEXT, "how it is asked, a key of pipeline.sources.live.FETCHES"),
    key("feed", TEXT, "the feed's URL without user, password and query: the source_file of its rows"),
    key("position", TEXT, "where to go on, as a JSON object of texts: ids, keys of rows, ETag"),
    key("gathered_at", TIME, "when the data it stands after was gathered"),
    key("batch_id", TEXT, "the batch it stands after; data and cursor are changed by one commit"),
]  # fmt: skip

GATHERED_FILES = [
    *PROVENANCE, *BATCH, key("n_bytes", INT, "size of the file in bytes"),
    key("n_rows", INT, "rows the reader met, each of them in raw_posts, raw_authors or rejects"),
    Column("n_rows_framed", INT, "rows by an independent count of the file's records; NULL where it cannot be framed"),
    key("n_posts", INT, "rows that became raw_posts"), key("n_authors", INT, "rows that became raw_authors"),
    key("n_rejects", INT, "rows that became rejects"),
    Column("grown_from", TEXT, "batch_id of a file gathered before, whose bytes are the beginning of this one's"),
    Column("n_rows_before", INT, "rows of that file, which are not among this one's n_rows"),
    Column("replaced_by", TEXT, "batch_id of the file that holds all its rows now: it had been cut short in the last one"),
    Column("members", TEXTS, "of an archive: batch_id of each file in it that was gathered, from it or before"),
]  # fmt: skip
