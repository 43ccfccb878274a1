"""Every table that crosses a file or a step: its columns, their types, and what they mean.

Timestamps are UTC microseconds; calendar days and months are Asia/Shanghai; ids are strings; ratios are 0-1; NULL means
"cannot be known from this source", never 0. A column means one thing everywhere it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from pipeline.errors import SchemaError

SCHEMA_VERSION = 1

TIME = pa.timestamp("us", tz="UTC")
TEXT, INT, SMALL, FLOAT, DOUBLE, BOOL, DATE = (
    pa.string(), pa.int64(), pa.int32(), pa.float32(), pa.float64(), pa.bool_(), pa.date32(),
)  # fmt: skip
TEXTS = pa.list_(pa.field("element", pa.string()))
HOURS = pa.list_(pa.field("element", pa.int32()), 24)
BANDS = pa.list_(pa.field("element", pa.uint32()), 16)
REASON = pa.struct(
    [("kind", TEXT), ("span_start", SMALL), ("span_end", SMALL), ("text", TEXT), ("weight", FLOAT)],
)
REASONS = pa.list_(pa.field("element", REASON))

CLASSES = ("share", "sell", "recruit", "bait", "news", "auto")
BROADCAST = ("sell", "recruit", "bait")
SENTIMENTS = ("negative", "neutral", "positive")
KINDS = ("post", "repost", "comment", "note", "article", "review", "message")
PRECISIONS = ("second", "minute", "day", "approximate")
RESTRICTED = ("raw_posts", "raw_authors", "rejects", "gathered_files")


@dataclass(frozen=True)
class Column:
    """One column: what it is called, its Arrow type, what it means, and whether NULL is allowed."""

    name: str
    type: pa.DataType
    doc: str
    required: bool = False

    def field(self) -> pa.Field:
        """The Arrow field, its documentation in the metadata."""
        return pa.field(self.name, self.type, nullable=not self.required, metadata={"doc": self.doc})


def _key(name: str, type_: pa.DataType, doc: str) -> Column:
    return Column(name, type_, doc, required=True)


def _ints(docs: dict[str, str]) -> list[Column]:
    return [Column(name, INT, doc) for name, doc in docs.items()]


PLATFORM = _key("platform", TEXT, "where it was posted, an ASCII slug: weibo, wechat_moments, qzone, xiaohongshu, ...")
POST_ID = _key("post_id", TEXT, "the platform's id, or x-<hash> where the source has none (post_id_derived)")
RAW_AUTHOR = Column("author_id", TEXT, "the platform's author id as exported (restricted zone)")
AUTHOR = Column("author_id", TEXT, "keyed hash of the author: HMAC-SHA256(key, platform, canonical id), 32 hex; NULL unknown")
AUTHOR_KEY = _key("author_id", TEXT, "keyed hash of the author: HMAC-SHA256(key, platform, canonical id), 32 hex")
POSTED_AT = Column("posted_at", TIME, "when it was posted; NULL where the source does not say")
VERSION = Column("schema_version", SMALL, "version of this table's schema", required=True)
COUNTS = _ints({
    "likes": "likes (count, newest snapshot)", "comments": "comments (count, newest snapshot)",
    "reposts": "reposts or shares (count, newest snapshot)", "views": "views or plays (count, newest snapshot)",
    "collects": "bookmarks (count, newest snapshot)",
})  # fmt: skip
PROFILE = [
    Column("followers", INT, "the author's followers (count, snapshot)"),
    Column("following", INT, "accounts the author follows (count, snapshot)"),
    Column("author_posts", INT, "posts the author ever made, as the platform states (count, snapshot)"),
    Column("verified", BOOL, "verified by the platform"),
    Column("author_created_at", TIME, "when the account was registered"),
]
PROVENANCE = [
    _key("source", TEXT, "the dialect that read it, a key of pipeline.sources.SOURCES"),
    _key("source_file", TEXT, "file it was read from, relative to the input that named it"),
]
BATCH = [
    _key("gathered_at", TIME, "when it was gathered: the row's own word, the setting, or the file's modification time"),
    _key("batch_id", TEXT, "first 16 hex of SHA-256 of the file's bytes"),
]
CONTENT = [
    Column("posted_at_precision", TEXT, "second, minute, day or approximate; NULL where posted_at is"),
    Column("kind", TEXT, "post, repost, comment, note, article, review or message"),
    Column("parent_id", TEXT, "post this one answers or reposts"),
    Column("root_id", TEXT, "first post of the thread"),
    Column("lang", TEXT, "language tag as the source states it"),
    Column("app", TEXT, "client or device it was posted from"),
    Column("url", TEXT, "address of the post"),
]
LISTS = [
    Column("community", TEXT, "group, tieba or circle"),
    Column("topics", TEXTS, "hashtags, without #"),
    Column("mentions", TEXTS, "names mentioned with @, without @"),
    Column("links", TEXTS, "links in the post"),
]

RAW_POSTS = [
    PLATFORM, POST_ID, _key("post_id_derived", BOOL, "post_id was made by xinren"), RAW_AUTHOR,
    Column("author_id_form", TEXT, "id, or creator_hash: author_id is already sha256(user id), 16 hex"),
    Column("author_name", TEXT, "display name as exported (restricted zone)"),
    _key("text", TEXT, "the text as exported, markup turned to text"), POSTED_AT, *CONTENT, *COUNTS,
    Column("counts_censored", BOOL, "a count was capped by the platform (100万+)"), *PROFILE, *LISTS,
    Column("source_keyword", TEXT, "search word that found it"), *PROVENANCE,
    _key("source_row", INT, "row in the file, from 1 (header not counted)"),
    Column("source_dedups", BOOL, "the exporter drops repeated posts: repeat ratios are NULL, never 0"),
    Column("text_truncated", BOOL, "the exporter cut the text"),
    Column("modified_at", TIME, "when the source last saw the post change"), *BATCH, VERSION,
]  # fmt: skip

RAW_AUTHORS = [
    PLATFORM, _key("author_id", TEXT, "the platform's author id as exported (restricted zone)"),
    Column("author_id_form", TEXT, "id, or creator_hash"), Column("author_name", TEXT, "display name as exported"), *PROFILE,
    Column("description", TEXT, "the author's own words about themselves"), Column("location", TEXT, "place as exported"),
    *PROVENANCE, *BATCH,
]  # fmt: skip

REJECTS = [
    *PROVENANCE, Column("source_row", INT, "row in the file, from 1; NULL where the file as a whole was refused"),
    _key("reason", TEXT, "a code of pipeline.sources.rejects.REASONS"), Column("detail", TEXT, "got, expected, next step"),
    Column("raw", TEXT, "the row as read, cut at 4 kB (restricted zone)"), *BATCH,
]  # fmt: skip

GATHERED_FILES = [
    *PROVENANCE, *BATCH, _key("n_bytes", INT, "size of the file in bytes"),
    _key("n_rows", INT, "rows the reader met, each of them in raw_posts, raw_authors or rejects"),
    Column("n_rows_framed", INT, "rows by an independent count of the file's records; NULL where it cannot be framed"),
    _key("n_posts", INT, "rows that became raw_posts"), _key("n_authors", INT, "rows that became raw_authors"),
    _key("n_rejects", INT, "rows that became rejects"),
]  # fmt: skip

POSTS = [
    PLATFORM, POST_ID, AUTHOR, POSTED_AT, *CONTENT[:4], CONTENT[5],
    _key("text", TEXT, "newest text; contacts replaced by placeholders such as 〔微信号〕 unless keep_contacts is set"),
    _key("text_own", TEXT, "the author's own words: a repost without its //@ chain and quote"),
    _key("text_normalised", TEXT, "text folded: NFKC, simplified, lower case, no zero-width characters"), *COUNTS,
    Column("counts_censored", BOOL, "a count was capped by the platform"), *PROFILE, *LISTS,
    _key("is_repost", BOOL, "the post passes on another's post"),
    _key("is_auto_share", BOOL, "the text has the form apps write by themselves"),
    Column("source_keywords", TEXTS, "search words that found it, sorted"),
    Column("source_dedups", BOOL, "every source of it drops repeats"), Column("text_truncated", BOOL, "the text is cut"),
    _key("first_seen_at", TIME, "earliest gathered_at"), _key("last_seen_at", TIME, "latest gathered_at"),
    _key("versions", SMALL, "distinct gatherings merged into this row (count)"), VERSION,
]  # fmt: skip

PROBABILITIES = [Column(f"p_{c}", FLOAT, f"probability that the post is {c}, by its text alone") for c in CLASSES]
FEELINGS = [
    Column("sentiment", FLOAT, "p_positive - p_negative, -1 to 1"),
    Column("sentiment_label", TEXT, "negative, neutral or positive: the likeliest"),
    *[Column(f"p_{s}", FLOAT, f"probability that the feeling is {s}") for s in SENTIMENTS],
    Column("snownlp_sentiment", FLOAT, "SnowNLP's trained table over jieba tokens, 0-1, for comparison"),
]
TEXT_COUNTS = [
    Column(name, SMALL, doc)
    for name, doc in {
        "n_chars": "characters of the normalised text (count)",
        "n_tokens": "jieba tokens with a letter, digit or character in them (count)",
        "n_emoticons": "emoji and [emoticons] (count)",
        "n_links": "links (count)",
        "n_mentions": "@names (count)",
        "n_topics": "#topics# (count)",
        "contact_cues": "contact handles and contact phrases (count)",
        "obfuscation_cues": "signs of disguise: enclosed, mathematical or full-width letters and digits, split characters (count)",
    }.items()
]
POST_FEATURES = [
    PLATFORM, POST_ID, AUTHOR, POSTED_AT, *PROBABILITIES, Column("text_label", TEXT, "the likeliest class by text alone"),
    *FEELINGS, *TEXT_COUNTS, Column("stock_cues", SMALL, "seller's stock-pressure phrases (count)"),
    Column("first_person_per_100", FLOAT, "first-person words per 100 tokens"),
    Column("affect_per_100", FLOAT, "words of feeling per 100 tokens"),
    Column("sketch", BANDS, "16 band keys of a MinHash of character 3-grams; NULL for short posts"),
    Column("tokens", TEXTS, "jieba tokens, where the setting store_tokens asks for them"),
    _key("text_judge_version", TEXT, "version of the text judge"), _key("sentiment_version", TEXT, "version of the sentiment model"),
    VERSION,
]  # fmt: skip

CAMPAIGN_MEMBERS = [
    _key("campaign_id", TEXT, "campaign the post belongs to: <platform>:<post_id> of its first member"),
    PLATFORM, POST_ID, AUTHOR, POSTED_AT,
    _key("similarity", FLOAT, "Jaccard similarity to the campaign's first member, 0-1"),
    _key("n_posts_before", INT, "members known before this post (count)"),
    _key("n_authors_before", INT, "distinct authors of the members known before this post (count)"),
]  # fmt: skip
CAMPAIGNS = [
    _key("campaign_id", TEXT, "<platform>:<post_id> of the first member"),
    _key("n_posts", INT, "members (count)"), _key("n_authors", INT, "distinct authors (count)"),
    _key("n_platforms", SMALL, "platforms (count)"), Column("first_at", TIME, "first member's posted_at"),
    Column("last_at", TIME, "last member's posted_at"), Column("span_hours", FLOAT, "hours from first to last"),
    _key("exemplar", TEXT, "text of the first member, contacts replaced"),
    Column("peak_per_hour", SMALL, "most members in any clock hour (count)"),
    _key("kind", TEXT, "same_author, flood, template or repost"), _key("is_template", BOOL, "the text is app-made"),
]  # fmt: skip

POST_JUDGEMENTS = [
    PLATFORM, POST_ID, AUTHOR, POSTED_AT, _key("label", TEXT, "share, sell, recruit, bait, news or auto"),
    _key("broadcast_probability", FLOAT, "probability of broadcasting, by text, campaign so far and the author's past"),
    _key("is_broadcast", BOOL, "broadcast_probability reaches the threshold for the base_rate setting"),
    Column("reasons", REASONS, "why it was flagged; spans are code points of posts.text, half open; empty if not flagged"),
    _key("context_basis", TEXT, "none (no author known), undated, or dated (the author's earlier posts were used)"),
    Column("author_posts_before", INT, "the author's earlier posts used as context (count)"),
    Column("campaign_id", TEXT, "the campaign it belongs to"), _key("judge_version", TEXT, "version of the judge"), VERSION,
]  # fmt: skip

DAY_COUNTS = {
    "n_posts": "posts", "n_reposts": "reposts", "n_comments": "comments", **{f"n_{c}": f"posts judged {c}" for c in CLASSES},
    "n_broadcast": "posts judged broadcasting", "n_commercial": "posts with p(sell) + p(recruit) of at least 0.5",
    "n_campaign": "posts in a campaign that had two or more authors by then, this one included",
    "n_own_repeats": "posts that repeat the author's own earlier post",
    "n_mentions": "@names", "n_links": "links", "n_emoticons": "emoticons", "n_tokens": "tokens", "n_stock": "stock-pressure posts",
    "n_contact": "posts with a contact cue", "broadcast_ppm": "sum of broadcast_probability, millionths",
    "sentiment_ppm": "sum of sentiment, millionths", "sentiment_sq_ppm": "sum of squared sentiment, millionths",
    "first_person": "first-person words, hundredths per 100 tokens, summed over posts",
    "affect": "words of feeling, hundredths per 100 tokens, summed over posts",
    "engagement": "likes + comments + reposts where known", "n_engagement": "posts whose engagement is known",
    "peak_hour": "sum over posts of posts by the author in the same clock hour (so peak_hour / n_posts >= 1)",
}  # fmt: skip
AUTHOR_DAYS = [
    PLATFORM, AUTHOR_KEY, _key("date", DATE, "local day"),
    *[_key(name, INT, f"{doc} (count or integer sum for the day)") for name, doc in DAY_COUNTS.items()],
    _key("by_hour", HOURS, "posts in each local hour of the day (count)"), VERSION,
]  # fmt: skip

COMPONENTS = {
    "paving": "years of genuine posting before selling", "originality": "own words, not repeats or app texts",
    "reciprocity": "talk with others: mentions and comments", "commitment": "steady presence over many days",
    "restraint": "a low share of selling", "recruitment": "abuse: recruiting agents", "flooding": "abuse: repeats, bursts, floods, bait",
    "drift": "abuse: a move from sharing to selling",
}  # fmt: skip
AUTHOR_FEATURES = {
    "paving_days": "days from the first post to the first sustained selling (t_c), or to as_of when there is none",
    "paving_active_days": "distinct days with a non-commercial post before t_c",
    "paving_density": "paving_active_days / paving_days", "paving_posts": "non-commercial posts before t_c",
    "first_person_per_100tok": "mean per post", "affect_words_per_100tok": "mean per post", "emoticon_cnt": "mean per post",
    "repost_share": "reposts / posts", "auto_share": "posts judged auto / posts", "broadcast_mean": "mean broadcast_probability",
    "sent_sd_W90": "standard deviation of sentiment, 90 days", "active_day_ratio_W90": "days with a post / 90",
    "hour_entropy": "entropy of the hour of posting, bits, 0-4.585", "gap_cv": "sd / mean of gaps between active days",
    "burstiness": "(sd - mean) / (sd + mean) of gaps between active days, -1 to 1",
    "mention_rate": "mentions per post", "engagement_per_kfollower": "1000 * mean engagement / max(followers, 1)",
    "onset_lift": "mean engagement 90 days after t_c / before", "agency_share_W90": "recruit / (recruit + sell), 90 days",
    "commerce_share_W90": "commercial posts / posts, 90 days", "recruit_share_W90": "recruiting posts / posts, 90 days",
    "broadcast_share_W90": "broadcasting posts / posts, 90 days",
    "own_dup_W7": "own repeats / posts, 7 days; NULL if source drops repeats",
    "posts_per_hour_max_W7": "most posts in one clock hour, 7 days", "campaign_share_W30": "posts in floods / posts, 30 days",
    "camp_authors_W30": "most distinct authors in a campaign the author joined, 30 days",
    "camp_span_h": "longest span of such a campaign, hours",
    "profit_drift": "Theil-Sen slope of monthly commerce share per 30 days, 365 days",
}  # fmt: skip
AUTHOR_TRUST = [
    PLATFORM, AUTHOR_KEY, _key("as_of", DATE, "only posts up to the end of this local day were used"),
    _key("known_at", TIME, "only posts gathered up to then were used"), _key("n_posts", INT, "dated posts used (count)"),
    Column("history_days", INT, "days from first to last post used, plus one"),
    Column("left_censored", BOOL, "the first post lies within 7 days of the first post of the source's window"),
    Column("right_censored", BOOL, "no sustained selling yet: paving_days may still grow"),
    *[Column(name, DOUBLE, doc) for name, doc in AUTHOR_FEATURES.items()],
    Column("shift_month", TEXT, "month of the largest CUSUM step in commerce share, YYYY-MM; NULL under 6 months"),
    *[Column(name, DOUBLE, f"component 0-1: {doc}") for name, doc in COMPONENTS.items()],
    Column("spam_author_probability", DOUBLE, "learned probability that the account is a spammer; NULL under 5 posts"),
    _key("trust_score", DOUBLE, "earned trust 0-1: the prior without evidence, up by evidence, down by abuse"),
    _key("trust_low", DOUBLE, "lower end of its 80% interval"), _key("trust_high", DOUBLE, "upper end of its 80% interval"),
    Column("trust_percentile", DOUBLE, "share of the platform's authors in this table with a lower score"),
    Column("trust_reasons", TEXTS, "why, in words"), _key("trust_version", TEXT, "version of the trust model"), VERSION,
]  # fmt: skip

DAILY_SUMMARY = [
    _key("date", DATE, "local day"), PLATFORM, _key("n_posts", INT, "posts (count)"), _key("n_authors", INT, "authors (count)"),
    Column("broadcast_share", DOUBLE, "broadcasting posts / posts"), Column("recruit_share", DOUBLE, "recruiting posts / posts"),
    Column("n_feeling", INT, "posts of kind post, note, article in own words (count)"),
    Column("n_genuine", INT, "of them, judged share (count)"),
    Column("sentiment_all", DOUBLE, "mean sentiment of n_feeling posts"),
    Column("sentiment_genuine", DOUBLE, "mean sentiment of n_genuine posts"),
    Column("sentiment_difference", DOUBLE, "sentiment_genuine - sentiment_all"),
    Column("difference_low", DOUBLE, "lower end of its 95% interval"), Column("difference_high", DOUBLE, "upper end"),
    Column("top_campaigns", TEXTS, "ids of the day's largest campaigns, at most 3"),
    Column("trust_p10", DOUBLE, "10th percentile of the day's authors' trust_score"),
    Column("trust_p50", DOUBLE, "median of it"), Column("trust_p90", DOUBLE, "90th percentile of it"), VERSION,
]  # fmt: skip

POST_INDEX = [
    PLATFORM, POST_ID, _key("month", TEXT, "part_month of the post's row in posts"),
    _key("bucket", SMALL, "bucket of the post's row in posts"),
    _key("batch_ids", TEXTS, "batches that hold a version of the post, sorted"),
]  # fmt: skip

TABLES: dict[str, list[Column]] = {
    "raw_posts": RAW_POSTS, "raw_authors": RAW_AUTHORS, "rejects": REJECTS, "gathered_files": GATHERED_FILES,
    "posts": POSTS, "post_index": POST_INDEX, "post_features": POST_FEATURES, "campaigns": CAMPAIGNS,
    "campaign_members": CAMPAIGN_MEMBERS, "post_judgements": POST_JUDGEMENTS, "author_days": AUTHOR_DAYS,
    "author_trust": AUTHOR_TRUST, "daily_summary": DAILY_SUMMARY,
}  # fmt: skip


def schema(name: str) -> pa.Schema:
    """The Arrow schema of table `name`, each field with its documentation in the metadata."""
    return pa.schema([c.field() for c in TABLES[name]], metadata={"table": name, "schema_version": str(SCHEMA_VERSION)})


def conform(table: pa.Table, name: str) -> pa.Table:
    """`table` with exactly the columns, order and types of schema `name`, in one chunk per column.

    Raises SchemaError for missing, unexpected or uncastable columns, and for NULL where a value is required.
    """
    want = schema(name)
    have = set(table.column_names)
    missing = [f.name for f in want if f.name not in have]
    extra = sorted(have - set(want.names))
    if missing or extra:
        raise SchemaError(f"table {name}: missing columns {missing}, unexpected columns {extra}")
    try:
        out = table.select(want.names).cast(want).combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SchemaError(f"table {name}: {error}") from error
    nulls = [f.name for f in want if not f.nullable and out[f.name].null_count]
    if nulls:
        raise SchemaError(f"table {name}: NULL in required columns {nulls}")
    return out


def empty(name: str) -> pa.Table:
    """Table `name` without rows."""
    return schema(name).empty_table()


def complete(columns: dict[str, pa.Array | pa.ChunkedArray], name: str, n_rows: int) -> pa.Table:
    """Table `name` from some of its columns; the others NULL. Raises SchemaError as `conform` does."""
    want = schema(name)
    data = {f.name: columns.get(f.name, pa.nulls(n_rows, f.type)) for f in want}
    extra = sorted(set(columns) - set(data))
    if extra:
        raise SchemaError(f"table {name}: unexpected columns {extra}")
    return conform(pa.table(data), name)


def concat(tables: Iterable[pa.Table], name: str) -> pa.Table:
    """The rows of several tables of schema `name`, one after another, in one chunk."""
    return pa.concat_tables([empty(name), *tables]).combine_chunks()
