"""What tables are made of: Arrow types, a column with its meaning, and the columns that several tables share."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

SCHEMA_VERSION = 1

TIME = pa.timestamp("us", tz="UTC")
TEXT, INT, SMALL, FLOAT, DOUBLE, BOOL, DATE = (
    pa.string(), pa.int64(), pa.int32(), pa.float32(), pa.float64(), pa.bool_(), pa.date32(),
)  # fmt: skip
TEXTS = pa.list_(pa.field("element", pa.string()))
HOURS = pa.list_(pa.field("element", pa.int32()), 24)
BANDS = pa.list_(pa.field("element", pa.uint32()), 18)
REASON = pa.struct(
    [("kind", TEXT), ("span_start", SMALL), ("span_end", SMALL), ("text", TEXT), ("weight", FLOAT)],
)
REASONS = pa.list_(pa.field("element", REASON))

CLASSES = ("share", "sell", "recruit", "bait", "news", "auto")
BROADCAST = ("sell", "recruit", "bait")
SENTIMENTS = ("negative", "neutral", "positive")
EMOTIONS = ("happy", "angry", "sad", "fear", "surprise", "neutral")  # the classes of SMP2020
# What posts share, after the words in corpora/lexicon/topics.toml.
TOPICS = (
    "family", "food", "travel", "looks", "health", "sport", "work", "study", "feelings", "shows", "tech", "money", "home",
    "culture", "news",
)  # fmt: skip
# Where sellers send their buyers: the shop platforms to which they moved, and the others of the time.
MOVED_TO = ("weidian", "youzan", "weimob")
STORES = (*MOVED_TO, "taobao", "mogu")
INTENSITY = ("intensity",)  # the one output of the model of strength
KINDS = ("post", "repost", "comment", "note", "article", "review", "message")
PRECISIONS = ("second", "minute", "day", "approximate")
RESTRICTED = ("raw_posts", "raw_authors", "rejects", "gathered_files", "source_cursors")


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


def key(name: str, type_: pa.DataType, doc: str) -> Column:
    """A column that is never NULL."""
    return Column(name, type_, doc, required=True)


def ints(docs: dict[str, str]) -> list[Column]:
    """Nullable int64 columns, by name and meaning."""
    return [Column(name, INT, doc) for name, doc in docs.items()]


PLATFORM = key("platform", TEXT, "where it was posted, an ASCII slug: weibo, wechat_moments, qzone, xiaohongshu, ...")
POST_ID = key("post_id", TEXT, "the platform's id, or x-<hash> where the source has none (post_id_derived)")
RAW_AUTHOR = Column("author_id", TEXT, "the platform's author id as exported (restricted zone)")
AUTHOR = Column(
    "author_id", TEXT, "keyed hash of the author: HMAC-SHA256(key, platform, canonical id), 32 hex; NULL unknown"
)
AUTHOR_KEY = key("author_id", TEXT, "keyed hash of the author: HMAC-SHA256(key, platform, canonical id), 32 hex")
POSTED_AT = Column("posted_at", TIME, "when it was posted; NULL where the source does not say")
VERSION = Column("schema_version", SMALL, "version of this table's schema", required=True)
COUNTS = ints({
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
    key("source", TEXT, "the dialect that read it, a key of pipeline.sources.SOURCES"),
    key("source_file", TEXT, "file it was read from, relative to the input that named it"),
]
BATCH = [
    key("gathered_at", TIME, "when it was gathered: the row's own word, the setting, or the file's modification time"),
    key("batch_id", TEXT, "first 16 hex of SHA-256 of the file's bytes"),
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
