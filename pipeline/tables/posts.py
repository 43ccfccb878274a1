"""Tables with a row per post, or per campaign of posts."""

from __future__ import annotations

from pipeline.tables.columns import (
    AUTHOR,
    BANDS,
    BOOL,
    CLASSES,
    CONTENT,
    COUNTS,
    DOUBLE,
    EMOTIONS,
    FLOAT,
    INT,
    LISTS,
    PLATFORM,
    POST_ID,
    POSTED_AT,
    PROFILE,
    REASONS,
    SENTIMENTS,
    SMALL,
    TEXT,
    TEXTS,
    TIME,
    VERSION,
    Column,
    key,
)

POSTS = [
    PLATFORM, POST_ID, AUTHOR, POSTED_AT, *CONTENT[:4], CONTENT[5],
    key("text", TEXT, "newest text; contacts replaced by placeholders such as 〔微信号〕 unless keep_contacts is set"),
    key("text_own", TEXT, "the author's own words: a repost without its //@ chain and quote"),
    key("text_normalised", TEXT, "text folded: NFKC, simplified, lower case, no zero-width characters"), *COUNTS,
    Column("counts_censored", BOOL, "a count was capped by the platform"), *PROFILE, *LISTS,
    key("is_repost", BOOL, "the post passes on another's post"),
    key("is_auto_share", BOOL, "the text has the form apps write by themselves"),
    Column("source_keywords", TEXTS, "search words that found it, sorted"),
    Column("contact_hashes", TEXTS, "keyed hashes of the contact handles in the text (32 hex, distinct, sorted), whatever the channel; NULL"
           " without any"),
    Column("emoticons_dropped", BOOL, "the exporter of the newest text drops [emoticons]: their number is unknown, never 0"),
    Column("source_dedups", BOOL, "every source of it drops repeats"), Column("text_truncated", BOOL, "the text is cut"),
    key("first_seen_at", TIME, "earliest gathered_at"), key("last_seen_at", TIME, "latest gathered_at"),
    key("versions", SMALL, "distinct gatherings merged into this row (count)"), VERSION,
]  # fmt: skip

PROBABILITIES = [Column(f"p_{c}", FLOAT, f"probability that the post is {c}, by its text alone") for c in CLASSES]
FEELINGS = [
    Column("sentiment", FLOAT, "p_positive - p_negative, -1 to 1"),
    Column("sentiment_label", TEXT, "negative, neutral or positive: the likeliest"),
    *[Column(f"p_{s}", FLOAT, f"probability that the feeling is {s}") for s in SENTIMENTS],
    *[
        Column(
            f"emotion_{e}",
            FLOAT,
            f"probability of the emotion {e}; what the five leave of 1 is none; NULL without such a model",
        )
        for e in EMOTIONS
        if e != "neutral"
    ],
    Column(
        "intensity",
        FLOAT,
        "strength of the feeling that a reader would see, whichever its side: 0 none, 1/3 mild, 2/3 clear, 1 strong (a mean,"
        " hence seldom near either end); NULL without such a model",
    ),
    Column("snownlp_sentiment", FLOAT, "SnowNLP's trained table over jieba tokens, 0-1, for comparison"),
]
SNOWNLP_EXACT = Column(
    "snownlp_exact",
    DOUBLE,
    "SnowNLP(text).sentiments of the library's own segmenter, 0-1, where the setting snownlp_exact asks",
)
TEXT_COUNTS = [
    Column(name, SMALL, doc)
    for name, doc in {
        "n_chars": "characters of the normalised text (count)",
        "n_tokens": "jieba tokens with a letter, digit or character in them (count)",
        "n_emoticons": "emoji and [emoticons] (count; emoji alone where posts.emoticons_dropped)",
        "n_links": "links (count)",
        "n_mentions": "@names (count)",
        "n_topics": "#topics# (count)",
        "contact_cues": "contact handles and contact phrases (count)",
        "obfuscation_cues": "signs of disguise: enclosed, mathematical or full-width letters and digits, split characters (count)",
    }.items()
]
POST_FEATURES = [
    PLATFORM, POST_ID, AUTHOR, POSTED_AT, *PROBABILITIES, Column("text_label", TEXT, "likeliest class by text, p_recruit weighed 2.7"),
    *FEELINGS, SNOWNLP_EXACT, *TEXT_COUNTS, Column("stock_cues", SMALL, "seller's stock-pressure phrases (count)"),
    Column("first_person_per_100", FLOAT, "first-person words per 100 tokens"),
    Column("affect_per_100", FLOAT, "words of feeling per 100 tokens"),
    Column("topic", TEXT, "what the post speaks of most, of 15 topics by the words of corpora/lexicon/topics.toml; NULL for none"),
    Column("sketch", BANDS, "18 band keys of a MinHash of character 3-grams; NULL for short posts"),
    Column("tokens", TEXTS, "jieba tokens, where the setting store_tokens asks for them"),
    key("text_judge_version", TEXT, "version of the text judge"), key("sentiment_version", TEXT, "version of the sentiment model"),
    VERSION,
]  # fmt: skip

CAMPAIGN_MEMBERS = [
    key("campaign_id", TEXT, "campaign the post belongs to: <platform>:<post_id> of its first member"),
    PLATFORM, POST_ID, AUTHOR, POSTED_AT,
    key("similarity", FLOAT, "Jaccard similarity to the campaign's first member, 0-1"),
    Column("exemplar_similarity", FLOAT, "Jaccard similarity to the nearest exemplar of the campaign before it, 0.7-1; why it is in"),
    key("n_posts_before", INT, "members known before this post (count)"),
    key("n_authors_before", INT, "distinct authors of the members known before this post (count)"),
]  # fmt: skip
CAMPAIGNS = [
    key("campaign_id", TEXT, "<platform>:<post_id> of the first member"),
    key("n_posts", INT, "members (count)"), key("n_authors", INT, "distinct authors (count)"),
    key("n_platforms", SMALL, "platforms (count)"), Column("first_at", TIME, "first member's posted_at"),
    Column("last_at", TIME, "last member's posted_at"), Column("span_hours", FLOAT, "hours from first to last"),
    key("exemplar", TEXT, "text of the first member, contacts replaced"),
    Column("peak_per_hour", SMALL, "most members in any clock hour (count)"),
    key("kind", TEXT, "template, same_author, repost, chain, quote or flood: the first of these that fits"),
    key("is_template", BOOL, "the text is app-made"),
    Column("first_author_id", TEXT, "first mover: author_id of the first member; NULL unknown"),
    Column("active_days", SMALL, "local days with a member (count)"),
    Column("author_overlap", FLOAT, "largest share of its authors that are in one other campaign of several authors; NULL under 2 authors"),
    Column("overlap_campaign_id", TEXT, "that campaign; NULL where none shares an author"),
    *[Column(f"{c}_ratio", FLOAT, f"members whose text_label is {c} / members with a text_label") for c in CLASSES],
]  # fmt: skip
CAMPAIGN_ALIASES = [
    key("alias_id", TEXT, "id the campaign had, or may have had, before an earlier post of it was gathered: <platform>:<post_id>"),
    key("campaign_id", TEXT, "id it has now"),
    key("replaced_at", TIME, "first_seen_at of the earlier post"),
]  # fmt: skip

POST_JUDGEMENTS = [
    PLATFORM, POST_ID, AUTHOR, POSTED_AT, key("label", TEXT, "likeliest of six by text and past, on is_broadcast's side"),
    key("broadcast_probability", FLOAT, "probability of broadcasting, by text, campaign so far and the author's past"),
    key("is_broadcast", BOOL, "broadcast_probability reaches the threshold for the base_rate setting"),
    Column("reasons", REASONS, "why it was flagged; spans: code points of posts.text, half open, NULL for campaign, habit, pace, app"),
    key("context_basis", TEXT, "none (no author known), dated (the author's earlier posts were used) or undated (the other undated ones)"),
    Column("author_posts_before", INT, "the author's earlier posts used as context (count); 0 for an undated post"),
    Column("campaign_id", TEXT, "the campaign it belongs to"), key("judge_version", TEXT, "version of the judge"), VERSION,
]  # fmt: skip

POST_INDEX = [
    PLATFORM, POST_ID, key("month", TEXT, "part_month of the post's row in posts"),
    key("bucket", SMALL, "bucket of the post's row in posts"),
    key("batch_ids", TEXTS, "batches that hold a version of the post, sorted"),
]  # fmt: skip
