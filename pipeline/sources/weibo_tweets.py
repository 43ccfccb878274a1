"""nghuyong/WeiboSpider: tweets by user or keyword, comments, users and relations of weibo.com, as JSON Lines.

Each line holds its user as an object. `text_raw` was exported, so emoticons are there as [name]. `crawl_time` says when
each row was gathered. Versions before 2022 wrote flat rows into MongoDB; their exports are read as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import AUTHORS, Facts, Records, Source
from pipeline.sources.weibo import columns_of, parents

_POST = {
    "post_id": "_id", "author_id": "user._id user_id", "author_name": "user.nick_name", "text": "content",
    "posted_at": "created_at", "app": "source tool", "url": "url weibo_url", "likes": "attitudes_count like_num",
    "comments": "comments_count comment_num", "reposts": "reposts_count repost_num", "views": "reads_count",
    "followers": "user.followers_count", "following": "user.friends_count", "author_posts": "user.statuses_count",
    "verified": "user.verified", "author_created_at": "user.created_at", "source_keyword": "keyword",
    "gathered_at": "crawl_time", "parent_id": "retweet_id",
}  # fmt: skip
_COMMENT = {
    "post_id": "_id", "author_id": "comment_user._id comment_user_id", "author_name": "comment_user.nick_name",
    "text": "content", "posted_at": "created_at", "likes": "like_counts like_num", "followers": "comment_user.followers_count",
    "following": "comment_user.friends_count", "author_posts": "comment_user.statuses_count",
    "verified": "comment_user.verified", "gathered_at": "crawl_time", "root_id": "tweet_id weibo_id",
}  # fmt: skip
_USER = {
    "author_id": "_id", "author_name": "nick_name", "followers": "followers_count fans_num",
    "following": "friends_count follows_num", "author_posts": "statuses_count tweets_num", "verified": "verified",
    "author_created_at": "created_at", "description": "description brief_introduction", "location": "location ip_location",
    "gathered_at": "crawl_time",
}  # fmt: skip
_ANSWERED = "reply_comment._id"


def _paths(table: str, names: dict[str, str], more: str, needs: str, known_by: str) -> list[RecordPath]:
    columns = tuple(dict.fromkeys(" ".join((*names.values(), more)).split()))
    places = (
        ("$", "$[]") if table != "relation" else ("$.follower_info", "$.fan_info", "$[].follower_info", "$[].fan_info")
    )
    return [
        RecordPath(table, place, columns, frozenset(needs.split()), frozenset(known_by.split())) for place in places
    ]


_PATHS = (
    *_paths("comment", _COMMENT, _ANSWERED, "_id content comment_user", ""),
    *_paths("comment", _COMMENT, _ANSWERED, "_id content comment_user_id", ""),
    *_paths("post", _POST, "is_retweet", "_id content", "mblogid attitudes_count"),
    *_paths("post", _POST, "is_retweet", "_id content weibo_url", "like_num"),
    *_paths("user", _USER, "", "_id nick_name", ""),
    *_paths("relation", _USER, "", "_id nick_name", ""),
)


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether a line is a tweet, a comment or a user of this exporter."""
    return fits(names, _PATHS)


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """A post, comment or profile per line."""
    for rows in batches:
        if rows.table in ("user", "relation"):
            yield rows.with_columns(columns_of(rows, _USER), AUTHORS)
        else:
            yield _comments(rows) if rows.table == "comment" else _posts(rows)


def _posts(rows: Records) -> Records:
    columns = columns_of(rows, _POST)
    parent = parents(columns["parent_id"])
    said = pc.equal(pc.fill_null(rows.first("is_retweet"), ""), "true")
    columns |= {
        "kind": pc.if_else(pc.or_(pc.is_valid(parent), said), "repost", "post"), "parent_id": parent, "root_id": parent,
        "source_dedups": rows.constant("false"),
    }  # fmt: skip
    return rows.with_columns(columns)


def _comments(rows: Records) -> Records:
    columns = columns_of(rows, _COMMENT)
    root: pa.Array = parents(columns["root_id"])
    columns |= {
        "kind": rows.constant("comment"),
        "root_id": root,
        "parent_id": pc.coalesce(parents(rows.first(_ANSWERED)), root),
    }
    return rows.with_columns(columns)


FACTS = Facts(
    "nghuyong/WeiboSpider",
    "2020 (flat rows) to 2026",
    "JSON Lines, JSON",
    "text, id, author with profile, time, client, address, likes, comments, reposts, reads, keyword, time of gathering",
    (
        "users inside rows, and fans and follows as profiles", "keys that are left out rather than null",
        "is_retweet and retweet_id only since 2023", "the same tweet from several runs",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=_PATHS, facts=FACTS)
