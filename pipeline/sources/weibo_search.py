"""dataabc/weibo-search: one CSV per search word, or the table of a database, posts of weibo.com as its search shows them.

Its header grew at the end over the years and is written once, so newer rows may stand under an older header. A fork
adds five columns and writes one row per comment: such a row is read as the comment, and its post once more, at the
first row that shows it. Emoticons in posts are lost; in the fork's comments they are HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.ids import clean_ids, without_zero
from pipeline.sources.records import Facts, Records, Source

_NEWEST = (
    "id", "bid", "user_id", "用户昵称", "微博正文", "头条文章url", "发布位置", "艾特用户", "话题", "转发数", "评论数",
    "点赞数", "发布时间", "发布工具", "微博图片url", "微博视频url", "retweet_id", "ip", "user_authentication",
    "会员类型", "会员等级",
)  # fmt: skip
_OF_COMMENT = ("评论人ID", "评论人昵称", "评论时间", "评论内容", "点赞次数")
HEADERS = (  # 2020; ip 2023; authentication 2024; membership 2025; the fork with comments
    _NEWEST[:17], _NEWEST[:18], _NEWEST[:19], _NEWEST, (*_NEWEST[:19], *_OF_COMMENT),
)  # fmt: skip
_NEEDED, _AUTHOR = frozenset(("id", "微博正文", "发布时间")), ("user_id", "用户昵称")
_TABLE = frozenset(("id", "user_id", "text", "attitudes_count", "user_authentication"))  # of its databases, in English
_POST = {  # of several names separated by spaces the first that holds something counts
    "post_id": "id", "author_id": "user_id", "author_name": "用户昵称 screen_name", "text": "微博正文 text",
    "posted_at": "发布时间 created_at", "app": "发布工具 source", "reposts": "转发数 reposts_count",
    "comments": "评论数 comments_count", "likes": "点赞数 attitudes_count", "mentions": "艾特用户 at_users",
    "topics": "话题 topics", "parent_id": "retweet_id", "root_id": "retweet_id",
}  # fmt: skip
_COMMENT = {
    "author_id": "评论人ID",
    "author_name": "评论人昵称",
    "text": "评论内容",
    "posted_at": "评论时间",
    "likes": "点赞次数",
}
_VERIFIED = {"蓝V": "true", "黄V": "true", "红V": "true", "金V": "true", "普通用户": "false"}


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether the exporter's own Chinese column names are there, or those of its table."""
    is_csv = _NEEDED.issubset(names) and any(name in names for name in _AUTHOR)
    return is_csv or _TABLE.issubset(names)


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """Posts, then comments: every row gives its comment where it has one, and its post where it has none or shows the
    post for the first time.
    """
    shown: set[str] = set()
    for rows in batches:
        has_comment = pc.is_valid(rows.first("评论内容")).to_numpy(zero_copy_only=False)
        posts = np.flatnonzero(~has_comment | _is_first(rows, shown))
        yield _posts(rows.take(posts))
        if has_comment.any():
            yield _comments(rows.take(np.flatnonzero(has_comment)))


def _is_first(rows: Records, shown: set[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which rows show their post for the first time in the file; adds the posts to `shown`."""
    own = pc.coalesce(clean_ids(rows.first("id"))[0], rows.first("微博正文", "text"))
    ids = pc.fill_null(own, "").dictionary_encode()
    distinct = ids.dictionary.to_pylist()
    first_places = np.full(len(distinct), len(rows))
    np.minimum.at(first_places, ids.indices.to_numpy(), np.arange(len(rows)))
    is_first = np.zeros(len(rows), bool)
    is_first[[place for post, place in zip(distinct, first_places, strict=True) if post not in shown]] = True
    shown.update(distinct)
    return is_first


def _named(rows: Records, names: dict[str, str]) -> dict[str, pa.Array]:
    constants = {"platform": "weibo", "source_dedups": "false"}
    columns = {name: rows.constant(value) for name, value in constants.items()}
    return columns | {name: rows.first(*theirs.split()) for name, theirs in names.items()}


def _posts(rows: Records) -> Records:
    columns = _named(rows, _POST)
    is_repost = pc.is_valid(without_zero(clean_ids(columns["parent_id"])[0]))
    columns["kind"] = pc.if_else(is_repost, "repost", "post")
    columns["verified"] = _mapped(rows.first("user_authentication"), _VERIFIED)
    columns["url"] = _url(rows)
    return rows.with_columns(columns)


def _comments(rows: Records) -> Records:
    post = rows.first("id")
    columns = _named(rows, _COMMENT) | {"kind": rows.constant("comment"), "parent_id": post, "root_id": post}
    return rows.with_columns(columns)


def _url(rows: Records) -> pa.Array:
    user, bid = (clean_ids(rows.first(name))[0] for name in ("user_id", "bid"))
    return pc.binary_join_element_wise("https://weibo.com", user, bid, "/")


def _mapped(values: pa.Array, meanings: dict[str, str]) -> pa.Array:
    return pa.array(list(meanings.values())).take(pc.index_in(values, value_set=pa.array(list(meanings))))


FACTS = Facts(
    "dataabc/weibo-search",
    "2020 to 2025: headers of 17, 18, 19 and 21 names; a fork with 24",
    "CSV, SQLite",
    "text, id, author, time, client, address, likes, comments, reposts, topics, mentions, verified, the reposted post; comments",
    (
        "rows of newer versions under an older header", "the header again in the middle of a file",
        "one row per comment in a fork: each comment, and its post once", "comments without ids", "a tab after ids",
        "times without seconds", "100万+ beside numbers", "retweet_id 0 for no repost",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, HEADERS, facts=FACTS)
