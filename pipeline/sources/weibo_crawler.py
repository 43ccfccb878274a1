"""dataabc/weibo-crawler: posts of chosen users (CSV, JSON, SQLite), their profiles (users.csv) and whom they follow.

The CSV has no column for the author, who stands in the file's name, and rows that differ from their header (see
weibo_crawler_rows). A repost carries the post it quotes: in JSON that is a row of its own, in CSV it is read from the
first row that shows it. Emoticons are there only where the exporter was set to keep HTML. Times of day that Weibo had
shown as "yesterday" were made up by older versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import AUTHORS, Facts, Names, Records, Source
from pipeline.sources.weibo import author_of_file, columns_of, notice_reasons, parents, url
from pipeline.sources.weibo_crawler_rows import fit

_NEEDED = {  # the columns that tell its tables, in CSV and SQLite
    "post": ("id", "正文", "日期", "点赞数"), "user": ("用户id", "昵称", "粉丝数"), "follow": ("用户id", "关注者id", "昵称"),
    "db_post": ("id", "bid", "user_id", "text", "attitudes_count"), "db_user": ("id", "nick_name", "follower_count"),
    "db_comment": ("id", "weibo_id", "root_id", "user_screen_name", "text"),
    "db_repost": ("id", "weibo_id", "user_screen_name", "text"),
}  # fmt: skip
_POST = {
    "post_id": "id", "author_id": "uid user_id $.user.id", "author_name": "用户昵称 screen_name $.user.screen_name", "text": "正文 text",
    "posted_at": "完整日期 full_created_at 日期 created_at", "app": "工具 source", "likes": "点赞数 attitudes_count",
    "comments": "评论数 comments_count", "reposts": "转发数 reposts_count", "topics": "话题 topics", "mentions": "@用户 at_users",
    "parent_id": "源微博id retweet.id retweet_id", "followers": "$.user.followers_count", "following": "$.user.follow_count",
    "author_posts": "$.user.statuses_count", "verified": "$.user.verified",
}  # fmt: skip
_QUOTED = {
    "post_id": "源微博id", "author_id": "源用户id", "author_name": "源用户昵称", "text": "源微博正文",
    "posted_at": "源微博完整日期 源微博日期", "app": "源微博工具", "likes": "源微博点赞数", "comments": "源微博评论数",
    "reposts": "源微博转发数", "topics": "源微博话题", "mentions": "源微博@用户",
}  # fmt: skip
_REPLY = {
    "post_id": "id", "author_id": "user_id", "author_name": "user_screen_name", "text": "text", "posted_at": "created_at",
    "likes": "like_count", "root_id": "weibo_id",
}  # fmt: skip
_USER = {
    "author_id": "用户id id", "author_name": "昵称 screen_name nick_name", "followers": "粉丝数 followers_count follower_count",
    "following": "关注数 follow_count", "author_posts": "微博数 statuses_count", "verified": "是否认证 verified",
    "author_created_at": "注册时间 registration_time reg_date", "description": "简介 description bio",
    "location": "所在地 location IP属地 ip_location",
}  # fmt: skip
_FOLLOWED = {"author_id": "关注者id", "author_name": "昵称"}


def _columns(names: dict[str, str], *more: str) -> Names:
    return tuple(dict.fromkeys(" ".join((*names.values(), *more)).split()))


_NOT_THE_USERS = tuple(name for name in _columns(_POST, "bid") if not name.startswith("$."))
_PATHS = (
    RecordPath("user", "$.user", _columns(_USER)),
    RecordPath("post", "$.weibo[]", _columns(_POST, "bid"), known_by=frozenset(("id", "text", "attitudes_count"))),
    RecordPath("post", "$.weibo[].retweet", _NOT_THE_USERS, needs=frozenset(("id",))),
)


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether the names are of one of the exporter's tables or of its JSON."""
    empty = {"$.weibo", "$.user.screen_name"}.issubset(names)  # a user without posts
    return bool(_tables(names)) or fits(names, _PATHS[1:]) or empty


def _tables(names: Iterable[str]) -> list[str]:
    there = frozenset(names)
    return [table for table, needed in _NEEDED.items() if there.issuperset(needed)]


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """Posts and profiles; after the posts of a CSV those which they quote, each once."""
    shown: set[str] = set()
    for rows in batches:
        table = next(iter(_tables(rows.names)), rows.table)
        if table in ("user", "db_user"):
            yield rows.with_columns(columns_of(rows, _USER), AUTHORS)
        elif table == "follow":
            yield rows.with_columns(columns_of(rows, _FOLLOWED), AUTHORS)
        elif table in ("db_comment", "db_repost"):
            yield _replies(rows, "comment" if table == "db_comment" else "repost")
        else:
            yield _posts(rows)
            if "源微博id" in rows.columns:
                yield _quoted(rows.take(_first_shown(rows, shown)))


def _posts(rows: Records) -> Records:
    columns = columns_of(rows, _POST)
    if rows.table != "post" and "正文" in rows.names:  # not JSON: the CSV, or what a spreadsheet or database made of it
        columns["author_id"] = author_of_file(rows, columns["author_id"])
    parent = parents(columns["parent_id"])
    said = pc.fill_null(pc.equal(rows.first("是否原创"), "False"), False)
    columns |= {
        "kind": pc.if_else(pc.or_(pc.is_valid(parent), said), "repost", "post"),
        "parent_id": parent, "root_id": parent, "url": url(columns["author_id"], rows.first("bid")),
        "source_dedups": rows.constant("false"), "reject_reason": notice_reasons(columns["text"], columns["author_id"]),
    }  # fmt: skip
    return rows.with_columns(columns)


def _first_shown(rows: Records, shown: set[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Where a post that is still there is quoted for the first time in the file; adds these posts to `shown`."""
    is_gone = pc.is_valid(notice_reasons(rows.first("源微博正文"), rows.first("源用户id")))
    ids = pc.if_else(is_gone, None, parents(rows.first("源微博id")))
    first: dict[str, int] = {}
    for place in np.flatnonzero(pc.is_valid(ids).to_numpy(zero_copy_only=False)).tolist():  # per repost
        first.setdefault(ids[place].as_py(), place)
    places = sorted(place for post, place in first.items() if post not in shown)
    shown.update(first)
    return np.array(places, np.int64)


def _quoted(rows: Records) -> Records:
    columns = columns_of(rows, _QUOTED)
    columns |= {"kind": rows.constant("post"), "url": url(columns["author_id"], rows.first("源微博bid"))}
    columns["source_dedups"] = rows.constant("false")
    return rows.with_columns(columns)


def _replies(rows: Records, kind: str) -> Records:
    columns = columns_of(rows, _REPLY)
    own = parents(columns["post_id"])
    answered = parents(rows.first("root_id"))
    answered = pc.if_else(pc.fill_null(pc.equal(answered, own), False), pa.scalar(None, pa.string()), answered)
    columns |= {"kind": rows.constant(kind), "parent_id": pc.coalesce(answered, parents(columns["root_id"]))}
    return rows.with_columns(columns)


FACTS = Facts(
    "dataabc/weibo-crawler",
    "2019 to 2026: every CSV header, with and without reposts; a fork of 2019 that puts uid and 用户昵称 first",
    "CSV, JSON, SQLite; users.csv and lists of follows as profiles",
    "text, id, author, time, client, likes, comments, reposts, topics, mentions, the quoted post, profiles",
    (
        "a CSV row without an author: the digits that name the file",
        "rows longer or shorter than their header, told by their cells, never by place alone",
        "a header repeated or changed in the middle of a file", "a tab after ids, a byte order mark before any line",
        "counts cut at 100万+ (1000000)", "dates without a time of day", "HTML or plain text, as it was set",
        "a notice in place of a deleted post",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=_PATHS, fit=fit, facts=FACTS)
