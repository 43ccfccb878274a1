"""Articles of official accounts (公众号) as wechat-article-exporter writes them: JSON, or a workbook.

An article's number counts within its account, so that its id here names the account too. Both forms name it alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import ITEM_END, Facts, Records, Source
from pipeline.sources.titles import titled

PLATFORM = "wechat_mp"
_HEADER = frozenset(("标题", "链接", "摘要", "发布时间"))
_SHEET = {  # several names separated by spaces: the first that holds something counts
    "number": "ID", "url": "链接", "account": "公众号", "byline": "作者", "title": "标题", "body": "文章内容 摘要",
    "posted_at": "发布时间 创建时间", "views": "阅读", "likes": "点赞", "reposts": "分享", "comments": "留言", "albums": "所属合集",
}  # fmt: skip
_ARTICLE = {
    "number": "aid", "url": "link", "account": "_accountName", "byline": "author_name", "title": "title", "body": "content digest",
    "posted_at": "update_time create_time", "views": "readNum", "likes": "oldLikeNum", "reposts": "shareNum",
    "comments": "commentNum", "albums": "appmsg_album_infos[].title", "biz": "fakeid",
}  # fmt: skip
_COMMENT = {
    "text": "content", "author_id": "openid", "author_name": "nick_name", "posted_at": "create_time", "likes": "like_num",
}  # fmt: skip
_REPLY = {**_COMMENT, "likes": "reply_like_num like_num"}
_BIZ = r"[?&]__biz=(?P<biz>[A-Za-z0-9+/=%_-]+)"


def _path(table: str, place: str, names: dict[str, str], more: str, needs: str, known_by: str = "") -> RecordPath:
    columns = tuple(dict.fromkeys(" ".join((*names.values(), more)).split()))
    return RecordPath(table, place, columns, frozenset(needs.split()), frozenset(known_by.split()))


def _above(marks: str) -> str:
    return " ".join(f"{marks}{name}" for name in ("aid", "_accountName", "fakeid", "link"))


PATHS = (
    _path("article", "**", _ARTICLE, "", "aid link title", "update_time"),
    _path("reply", "**.reply_list[]", _REPLY, f"reply_id ^.content_id {_above('^.^.')}", "content create_time"),
    _path("comment", "**.comments[]", _COMMENT, f"content_id {_above('^.')}", "content nick_name create_time"),
    _path("comment", "**.elected_comment[]", _COMMENT, f"content_id {_above('^.')}", "content nick_name create_time"),
)


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether the header is the workbook's, or articles lie somewhere in the documents."""
    return _HEADER.issubset(names) or fits(names, PATHS[:1])


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """An article, comment or answer per record."""
    for rows in batches:
        if rows.table in ("comment", "reply"):
            yield _comments(rows)
        else:
            yield _articles(rows, _ARTICLE if rows.table == "article" else _SHEET)


def _articles(rows: Records, names: dict[str, str]) -> Records:
    columns = {name: rows.first(*theirs.split()) for name, theirs in names.items()}
    account, byline, number = (columns.pop(name) for name in ("account", "byline", "number"))
    biz = _biz(columns.pop("biz", rows.constant(None)), columns["url"])
    columns |= {
        "platform": rows.constant(PLATFORM), "kind": rows.constant("article"), "author_id": biz,
        "author_name": pc.coalesce(account, byline), "post_id": _id(account, biz, number),
        "text": titled(columns.pop("title"), columns.pop("body")), "source_dedups": rows.constant("false"),
        "topics": pc.replace_substring_regex(columns.pop("albums"), r"\s+#", ITEM_END),
    }  # fmt: skip
    return rows.with_columns(columns)


def _comments(rows: Records) -> Records:
    is_reply = rows.table == "reply"
    columns = {name: rows.first(*theirs.split()) for name, theirs in (_REPLY if is_reply else _COMMENT).items()}
    marks = "^.^." if is_reply else "^."
    number, account, biz, link = (rows.first(name) for name in _above(marks).split())
    article = _id(account, _biz(biz, link), number)
    around = _joined(article, rows.first("^.content_id")) if is_reply else article
    columns |= {
        "platform": rows.constant(PLATFORM), "kind": rows.constant("comment"), "root_id": article,
        "parent_id": pc.coalesce(around, article), "source_dedups": rows.constant("false"),
        "post_id": _joined(around, rows.first("reply_id" if is_reply else "content_id")),
    }  # fmt: skip
    return rows.with_columns(columns)


def _biz(stated: pa.Array, links: pa.Array) -> pa.Array:
    """The account's id: as stated, else as the link holds it."""
    found = pc.struct_field(pc.extract_regex(links, _BIZ), "biz")
    return pc.coalesce(stated, pc.replace_substring(found, "%3D", "="))


def _id(account: pa.Array, biz: pa.Array, number: pa.Array) -> pa.Array:
    return pc.coalesce(_joined(pc.coalesce(account, biz), number), number)


def _joined(one: pa.Array, other: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(one, other, "-")


FACTS = Facts(
    "wechat-article/wechat-article-exporter",
    "2024 to 2026",
    "JSON, XLSX, CSV",
    "title and text or summary, id, account, time of publishing, link, reads, likes, shares, comments counted, albums as "
    "topics; chosen comments and answers with their article",
    (
        "numbers that count within an account: the id names it", "an account's id inside the link",
        "articles of pictures whose text begins with their title", "texts as HTML or plain",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=PATHS, facts=FACTS)
