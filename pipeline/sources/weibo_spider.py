"""dataabc/weiboSpider: posts of chosen users as weibo.cn shows them, as CSV, JSON or tables of a database.

Its header grew at both ends and is written again at every run. The first versions gave no post id; no CSV names the
author, who stands in the file's name. Page furniture ("[组图共3张] 原图") is left at the end of texts. A repost is one
text of three labelled parts; it is read as Weibo itself writes one: own words//@name:their words. Emoticons are lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import AUTHORS, Facts, Names, Records, Source
from pipeline.sources.weibo import author_of_file, columns_of, url

_LAST = ("发布位置", "发布时间", "发布工具", "点赞数", "转发数", "评论数")
_HEADERS = (
    ("微博正文", *_LAST), ("微博id", "微博正文", *_LAST), ("微博id", "微博正文", "原始图片url", *_LAST),
    ("微博id", "微博正文", "原始图片url", "微博视频url", *_LAST),
    ("微博id", "微博正文", "头条文章url", "原始图片url", "微博视频url", *_LAST),
    ("微博id", "微博正文", "原始图片url", "被转发微博原始图片url", "是否为原创微博", "微博视频url", *_LAST),
    ("微博id", "微博正文", "头条文章url", "原始图片url", "被转发微博原始图片url", "是否为原创微博", "微博视频url", *_LAST),
)  # fmt: skip
_CSV = frozenset(("微博正文", "发布时间", "发布工具", "点赞数"))
_TABLE = frozenset(("content", "publish_time", "up_num"))
_USERS = frozenset(("nickname", "weibo_num", "followers"))
_POST = {
    "post_id": "微博id id", "author_id": "user_id $.user.id", "author_name": "$.user.nickname", "text": "微博正文 content",
    "posted_at": "发布时间 publish_time", "app": "发布工具 publish_tool", "likes": "点赞数 up_num",
    "reposts": "转发数 retweet_num", "comments": "评论数 comment_num", "followers": "$.user.followers",
    "following": "$.user.following", "author_posts": "$.user.weibo_num",
}  # fmt: skip
_USER = {
    "author_id": "id", "author_name": "nickname", "followers": "followers", "following": "following", "author_posts": "weibo_num",
    "description": "description", "location": "location",
}  # fmt: skip
_PATHS = (
    RecordPath("user", "$.user", tuple(_USER.values())),
    RecordPath("post", "$.weibo[]", (*" ".join(_POST.values()).split(), "original"), known_by=_TABLE),
)
_SPACE = r"[\s\x{a0}\x{3000}]"
_FURNITURE = rf"(?:{_SPACE}*\[组图共\d+张\])?{_SPACE}+原图{_SPACE}*$|{_SPACE}+$"
_REPOST = rf"(?s)^(?:{_SPACE}*转发理由[:：])?(.*?){_SPACE}*\n?{_SPACE}*(?:原始用户[:：]{_SPACE}*(\S*){_SPACE}*)?转发内容[:：]{_SPACE}*(.*)$"
_GONE = "转发微博已被删除"
_NONE = ("无", "")
_DATE = re.compile(r"\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}.*", re.DOTALL)


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether the names are of one of the exporter's headers, tables or JSON."""
    there = frozenset(names)
    is_csv = there >= _CSV and "user_id" not in there  # weibo-search has the author
    return is_csv or there >= _TABLE or there >= _USERS or fits(names, _PATHS[1:])


def fit(_header: Names, cells: Sequence[str]) -> Names | None:
    """The header of another version whose number of cells and place of the time are those of the row."""
    known = (names for names in _HEADERS if len(names) == len(cells))
    return next((names for names in known if _DATE.fullmatch(cells[names.index("发布时间")])), None)


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """Posts and profiles, one per row."""
    for rows in batches:
        is_user = rows.table == "user" or _USERS.issubset(rows.names)
        yield rows.with_columns(columns_of(rows, _USER), AUTHORS) if is_user else _posts(rows)


def _posts(rows: Records) -> Records:
    columns = columns_of(rows, _POST)
    if (
        rows.table != "post" and "微博正文" in rows.names
    ):  # not JSON: the CSV, or what a spreadsheet or database made of it
        columns["author_id"] = author_of_file(rows, columns["author_id"])
    text = pc.replace_substring_regex(pc.fill_null(columns["text"], ""), _FURNITURE, "")
    is_repost = pc.match_substring_regex(text, _REPOST)
    said = pc.utf8_lower(pc.fill_null(rows.first("是否为原创微博", "original"), ""))
    is_gone = pc.equal(pc.utf8_trim_whitespace(text), _GONE)
    columns |= {
        "text": pc.replace_substring_regex(text, _REPOST, r"\1//@\2:\3"),
        "kind": pc.if_else(pc.or_(is_repost, pc.equal(said, "false")), "repost", "post"),
        "app": pc.if_else(pc.is_in(columns["app"], value_set=pa.array(_NONE)), None, columns["app"]),
        "url": url(columns["author_id"], columns["post_id"]), "source_dedups": rows.constant("false"),
        "reject_reason": pc.if_else(is_gone, pa.scalar("deleted_post"), pa.scalar(None, pa.string())),
    }  # fmt: skip
    return rows.with_columns(columns)


FACTS = Facts(
    "dataabc/weiboSpider",
    "2019 (no post id) to 2026: seven headers",
    "CSV, JSON, SQLite",
    "text, id, author, time, client, likes, comments, reposts, profiles",
    (
        "the header again at every run", "rows of newer versions under an older header",
        "no author in CSV: the digits that name the file", "times that end in a no-break space",
        "[组图共3张] 原图 at the end of texts", "reposts as one text of labelled parts", "无 for nothing",
        "ids in base 62 (the bid), not numbers",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=_PATHS, fit=fit, facts=FACTS)
