"""Articles of WeChat official accounts, by wechat-article-exporter: a sheet, or JSON with the comments shown below them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import Facts, Records, Source

PLATFORM = "wechat_articles"
_SHEET = {
    "id": "ID", "url": "链接", "author_name": "公众号 作者", "title": "标题", "text": "文章内容 摘要", "posted_at": "发布时间 创建时间",
    "views": "阅读", "likes": "点赞", "reposts": "分享", "collects": "收藏", "comments": "留言", "topics": "所属合集",
}  # fmt: skip
_JSON = {
    "id": "aid appmsgid", "url": "link content_url",
    "author_name": "_accountName accountName nickname account_name author_name", "author_id": "fakeid __biz",
    "title": "title", "text": "content_text text digest", "posted_at": "create_time", "modified_at": "update_time",
    "views": "readNum read_num",
    "likes": "oldLikeNum old_like_num", "reposts": "shareNum share_num", "collects": "collectNum", "comments": "commentNum comment_count",
}  # fmt: skip
_COMMENT = {
    "post_id": "content_id id", "author_id": "openid", "author_name": "nick_name", "text": "content", "posted_at": "create_time",
    "likes": "like_num", "url": "^.link", "id": "^.aid",
}  # fmt: skip
_REPLY = {
    **_COMMENT, "post_id": "reply_id", "likes": "reply_like_num like_num", "url": "^.^.link", "id": "^.^.aid", "parent_id": "^.content_id",
}  # fmt: skip
_NEEDED = (frozenset(("标题", "链接", "公众号")), frozenset(("标题", "链接", "发布时间", "摘要")))
_OWN_ID = r"^.*(?:/s/([\w-]{10,})|[?&]sn=([0-9a-f]{8,})).*$"


def _path(table: str, place: str, needs: str, names: dict[str, str], known_by: str = "") -> RecordPath:
    columns = tuple(dict.fromkeys(" ".join(names.values()).split()))
    return RecordPath(table, place, columns, frozenset(needs.split()), frozenset(known_by.split()))


_ARTICLES = tuple(
    _path("article", "**", "title link", _JSON, known)
    for known in ("aid digest", "aid create_time", "readNum", "digest update_time", "appmsgid")
)
_PATHS = (
    _path("comment", "**.comments[]", "content nick_name", _COMMENT), _path("comment", "**.elected_comment[]",
    "content nick_name", _COMMENT),
    _path("reply", "**.reply_list[]", "content", _REPLY), *_ARTICLES,
)  # fmt: skip


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether it is the exporter's sheet, or articles with the names of its JSON."""
    return any(needs.issubset(names) for needs in _NEEDED) or fits(names, _ARTICLES)


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """Articles, comments and the account's answers to them."""
    for rows in batches:
        if rows.table in ("comment", "reply"):
            yield _comments(rows, _COMMENT if rows.table == "comment" else _REPLY)
        else:
            yield _articles(rows, _JSON if rows.table == "article" else _SHEET)


def _articles(rows: Records, names: dict[str, str]) -> Records:
    columns = {name: rows.first(*theirs.split()) for name, theirs in names.items()}
    titles, bodies = columns.pop("title"), columns["text"]
    columns |= {
        "post_id": _own_id(columns["url"], columns.pop("id")), "platform": rows.constant(PLATFORM), "kind": rows.constant("article"),
        "text": pc.coalesce(pc.binary_join_element_wise(titles, bodies, "\n"), titles, bodies), "source_dedups": rows.constant("true"),
    }  # fmt: skip
    return rows.with_columns(columns)


def _comments(rows: Records, names: dict[str, str]) -> Records:
    columns = {name: rows.first(*theirs.split()) for name, theirs in names.items()}
    root = _own_id(columns.pop("url"), columns.pop("id"))
    if names is _REPLY:  # an answer's number counts below its comment alone
        columns["post_id"] = pc.binary_join_element_wise(columns["parent_id"], columns["post_id"], "-")
    columns |= {
        "platform": rows.constant(PLATFORM), "kind": rows.constant("comment"), "root_id": root, "source_dedups": rows.constant("false"),
        "parent_id": pc.coalesce(columns.get("parent_id", rows.constant(None)), root),
    }  # fmt: skip
    return rows.with_columns(columns)


def _own_id(urls: pa.Array, ids: pa.Array) -> pa.Array:
    """What the address calls the article; the exported id, which counts within one account alone, where it says nothing."""
    is_own = pc.fill_null(pc.match_substring_regex(urls, _OWN_ID), False)
    return pc.if_else(is_own, pc.replace_substring_regex(urls, _OWN_ID, r"\1\2"), ids)


FACTS = Facts(
    "wechat-article-exporter",
    "2024 to 2026",
    "XLSX, JSON, CSV",
    "title and text (else abstract), id, account, time, views, likes, shares, comments, collection; comments and answers",
    (
        "an article's number counts within its account: the id in its address is taken", "counts that were not gathered are empty",
        "each article is exported once",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=_PATHS, facts=FACTS)
