"""QQ空间: QzoneExporter (the raw msglist), GetQzonehistory (workbooks) and qzone-history (JSON).

Their markup becomes what a reader sees: an emoticon `[em]e400[/em]` is [e400], a mention `@{uin:..,nick:..}` is @nick.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.columns import lengths
from pipeline.sources.file_names import user_id_in
from pipeline.sources.ids import clean_ids, without_zero
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import AUTHORS, Facts, Records, Source

_POST = {
    "post_id": "tid", "author_id": "uin", "author_name": "name", "text": "content conlist[].con", "posted_at": "created_time createTime",
    "app": "source_name", "comments": "cmtnum", "reposts": "fwdnum", "parent_id": "rt_tid", "text_truncated": "has_more_con",
}  # fmt: skip
_QUOTED = ("rt_con.content", "rt_uinname")
_COMMENT = {
    "author_id": "uin", "author_name": "name", "text": "content", "posted_at": "create_time createTime createTime2",
    "root_id": "^.tid ^.^.tid",
}  # fmt: skip
_MOMENT = {
    "post_id": "id", "author_id": "senderQQ userQQ", "author_name": "senderName nickname", "text": "content",
    "posted_at": "timestamp timeText",
    "views": "views", "likes": "likes",
}  # fmt: skip
_ANSWER = {
    "post_id": "id", "author_id": "senderQQ userQQ uin qq", "author_name": "senderName nickname name", "text": "content",
    "posted_at": "timestamp time timeText", "root_id": "^.id",
}  # fmt: skip
_FRIEND = {"author_id": "userQQ friendQQ QQ qq uin", "author_name": "nickname name remark 昵称"}


def _path(table: str, place: str, names: dict[str, str], needs: str, *more: str, known_by: str = "") -> RecordPath:
    columns = dict.fromkeys((*" ".join(names.values()).split(), *more))
    return RecordPath(table, place, tuple(columns), frozenset(needs.split()), frozenset(known_by.split()))


_KNOWN_BY = tuple(
    _path(table, place, names, needs, *more, known_by=known)
    for table, place, names, needs, more, known in (
        ("post", "**.msglist[]", _POST, "tid", _QUOTED, "content created_time"),
        ("moment", "$.Moments[]", _MOMENT, "content", ("comments", "userQQ"), "senderQQ timestamp"),
        ("board", "$.BoardMessages[]", _MOMENT, "content", ("userQQ",), "senderQQ timestamp"),
        ("friend", "$.Friends[]", _FRIEND, "", (), ""),
    )
)
_PATHS = (
    _path("comment", "**.commentlist[]", _COMMENT, "content", "tid"), _path("reply", "**.list_3[]", _COMMENT,
    "content", "tid", "^.tid", "^.^.tid"),
    _path("answer", "$.Moments[].comments[]", _ANSWER, "content", "^.userQQ"), *_KNOWN_BY,
)  # fmt: skip
_SHEET, _FRIENDS = frozenset(("时间", "内容", "图片链接")), frozenset(("昵称", "QQ", "空间主页"))
_OWNER = re.compile(r"(?:^|/)(\d{5,11})(?:_[^/]*列表\.xlsx|/shuoshuo/|_export\.json|/)")
_EMOTICON = (r"\[em\]\s*(e\d+)\s*\[/em\]", r"[\1]")
_MENTION = (r"@\{uin:[^,{}]*,nick:([^{}]*?)(?:,who:\d+)?(?:,auto:\d+)?\}", r"@\1 ")
_SAID = r"(?s)^\s*(.{1,60}?)\s?：(.*)$"  # how the workbooks write who said what


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether it is an export of QQ空间."""
    return _SHEET.issubset(names) or _FRIENDS.issubset(names) or fits(names, _KNOWN_BY[:3])


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """Posts, comments, messages on the board and friends."""
    for rows in batches:
        if rows.table == "friend" or (not rows.table.islower() and _FRIENDS.issubset(rows.names)):
            yield rows.with_columns(
                {name: rows.first(*theirs.split()) for name, theirs in _FRIEND.items()} | _constants(rows, ""), AUTHORS
            )
        elif _SHEET.issubset(rows.names):
            yield _of_sheet(rows)
        else:
            yield _of_json(rows)


def _owner(rows: Records) -> str | None:
    found = _OWNER.search(rows.file_name)
    return found[1] if found else user_id_in(rows.file_name)


def _constants(rows: Records, kind: str) -> dict[str, pa.Array]:
    return {"platform": rows.constant("qzone")} | ({"kind": rows.constant(kind)} if kind else {})


def _readable(texts: pa.Array) -> pa.Array:
    for pattern, instead in (_EMOTICON, _MENTION):
        texts = pc.replace_substring_regex(texts, pattern, instead)
    return pc.replace_substring(texts, "\x1f", "")


def _of_sheet(rows: Records) -> Records:
    texts = rows.first("内容")
    name = rows.file_name.rpartition("/")[2]
    is_own = any(word in name for word in ("说说列表", "转发列表"))
    has_name = pc.fill_null(pc.match_substring_regex(texts, _SAID), False)
    kind = "repost" if "转发列表" in name else "comment" if "留言列表" in name else "post"
    columns = {
        "text": _readable(pc.if_else(has_name, pc.utf8_ltrim(pc.replace_substring_regex(texts, _SAID, r"\2"), " "), texts)),
        "author_name": pc.if_else(has_name, pc.replace_substring_regex(texts, _SAID, r"\1"), None),
        "author_id": rows.constant(_owner(rows) if is_own else None), "posted_at": rows.first("时间"),
        "source_dedups": rows.constant("true"),
    }  # fmt: skip
    return rows.with_columns(columns | _constants(rows, kind))


def _of_json(rows: Records) -> Records:
    names = {"post": _POST, "moment": _MOMENT, "board": _MOMENT, "answer": _ANSWER}.get(rows.table, _COMMENT)
    columns = {name: rows.first(*theirs.split()) for name, theirs in names.items()}
    columns["text"] = _readable(columns["text"])
    kind = "post" if rows.table in ("post", "moment") else "comment"
    columns |= _constants(rows, kind) | {
        "source_dedups": rows.constant("true" if names in (_MOMENT, _ANSWER) else "false")
    }
    if names is _MOMENT or names is _ANSWER:
        columns |= {name: _scoped(rows, columns[name]) for name in ("post_id", "root_id") if name in columns}
    if rows.table == "post":
        columns |= _reposts(rows, columns)
    elif rows.table == "moment":
        columns |= {
            "comments": lengths(rows.columns.get("comments"), len(rows)),
            "reject_reason": rows.constant(None),
        }
        columns["likes"] = pc.if_else(
            pc.match_substring(pc.fill_null(columns["likes"], ""), "\x1f"),
            lengths(pc.fill_null(columns["likes"], ""), len(rows)),
            columns["likes"],
        )
    elif rows.table != "board":
        columns |= _below(rows, columns)
    return rows.with_columns(columns)


def _scoped(rows: Records, ids: pa.Array) -> pa.Array:
    """qzone-history counts its rows: a number is hashed with the owner, so that two owners' posts stay apart."""
    owners = rows.first("userQQ", "^.userQQ").to_pylist()
    pairs = zip(owners, ids.to_pylist(), strict=True)  # per row: the hash of a row is no column operation
    return pa.array(
        [
            number and sha256(f"{owner}/{number}".encode()).hexdigest()[:24] if len(number or "") < 10 else number
            for owner, number in pairs
        ],
        pa.string(),
    )


def _reposts(rows: Records, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    parent = without_zero(clean_ids(columns["parent_id"])[0])
    quoted = pc.binary_join_element_wise(
        "//@", rows.first("rt_uinname"), ":", _readable(rows.first("rt_con.content")), ""
    )
    is_repost = pc.is_valid(parent)
    return {
        "parent_id": parent, "root_id": parent, "kind": pc.if_else(is_repost, "repost", "post"),
        "text": pc.if_else(is_repost, pc.binary_join_element_wise(pc.fill_null(columns["text"], ""),
        pc.fill_null(quoted, ""), ""), columns["text"]),
        "author_id": pc.coalesce(columns["author_id"], rows.constant(_owner(rows))),
    }  # fmt: skip


def _below(rows: Records, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """A comment's number counts below its post alone, an answer's below its comment."""
    if rows.table == "answer":
        return {"parent_id": columns["root_id"]}
    own = clean_ids(rows.first("tid"))[0]
    if rows.table == "comment":
        root = columns["root_id"]
        return {"post_id": pc.binary_join_element_wise(root, own, "-"), "parent_id": root}
    root = rows.first("^.^.tid")
    parent = pc.binary_join_element_wise(root, rows.first("^.tid"), "-")
    return {"post_id": pc.binary_join_element_wise(parent, own, "-"), "parent_id": parent, "root_id": root}


FACTS = Facts(
    "QzoneExporter, GetQzonehistory, qzone-history",
    "emotion_cgi_msglist_v6 since 2012; workbooks and JSON of 2024 to 2026",
    "JSON, JSONP, XLSX",
    "text, id, author, time, client, comments, reposts, views, likes, the quoted post; comments and answers; friends as profiles",
    (
        "[em]e400[/em] is [e400], @{uin:..,nick:..} is @nick", "the owner stands in the file's name alone",
        "nick ：text in one cell", "a list in Python's notation (评论) is not read", "workbooks and qzone-history drop repeats",
        "numbers of comments count below their post",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=_PATHS, facts=FACTS)
