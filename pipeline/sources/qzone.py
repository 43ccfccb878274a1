"""QQ空间 as JSON: QzoneExporter's raw lists of moods (说说) and qzone-history's export.

A raw list holds each mood with its comments, their answers and the mood that it passes on. qzone-history rebuilds deleted
moods from the owner's notices under one key per text, so that repeats collapse: source_dedups says so. Its sender may be
whoever liked such a mood; its author is the owner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.ids import clean_ids, without_zero
from pipeline.sources.qzone_text import PLATFORM, to_text
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import AUTHORS, ITEM_END, Facts, Records, Source

_DATE = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?(?!\d)"  # is no QQ number
# <QQ number>/shuoshuo/..., <QQ number>_shuoshuo.json, <QQ number>.json
_OWNER = re.compile(rf"(?:^|/)(?!{_DATE})([1-9]\d{{4,10}})(?:/|_\D|\.[A-Za-z]+$)")
_NAMES = {  # by table: several names separated by spaces, the first that holds something counts
    "mood": {
        "post_id": "tid", "author_id": "uin <.usrinfo.uin", "author_name": "name <.usrinfo.name", "text": "content",
        "posted_at": "created_time createTime", "app": "source_name", "comments": "cmtnum", "reposts": "fwdnum",
        "likes": "like.count likecount", "parent_id": "rt_tid", "root_id": "rt_tid",
    },
    "quoted": {
        "post_id": "^.rt_tid", "author_id": "^.rt_uin", "author_name": "^.rt_uinname", "text": "content",
        "posted_at": "^.rt_createTime",
    },
    "comment": {
        "author_id": "uin", "author_name": "name", "text": "content", "posted_at": "create_time createTime2", "root_id": "^.tid",
    },
    "answer": {
        "author_id": "uin", "author_name": "name", "text": "content", "posted_at": "create_time createTime2", "root_id": "^.^.tid",
    },
    "moment": {
        "post_id": "id", "author_id": "userQQ senderQQ", "text": "content", "posted_at": "timestamp", "shown_at": "timeText",
        "likes": "likes", "views": "views",
    },
    "moment_comment": {
        "author_id": "UserQQ userQQ", "text": "Content content", "posted_at": "Timestamp timestamp", "shown_at": "TimeText timeText",
        "root_id": "^.id",
    },
    "board": {
        "post_id": "id", "author_id": "senderQQ", "text": "content", "posted_at": "timestamp", "shown_at": "timeText",
        "community": "userQQ",
    },
    "guest": {
        "post_id": "id", "author_id": "uin", "author_name": "nickname", "text": "ubbContent htmlContent", "posted_at": "pubtime",
    },
    "guest_answer": {
        "author_id": "uin", "author_name": "nick nickname", "text": "content", "posted_at": "time", "root_id": "^.id",
    },
    "friend": {"author_id": "FriendQQ friendQQ", "author_name": "Name name"},
}  # fmt: skip
_KINDS = {
    "comment": "comment",
    "answer": "comment",
    "moment_comment": "comment",
    "board": "comment",
    "guest": "comment",
    "guest_answer": "comment",
}
_REBUILT = ("moment", "moment_comment", "board")
_MORE = {
    "mood": "conlist[].con rt_con.content rt_uinname", "guest_answer": "id ^.id",
    "comment": "tid", "answer": "tid ^.tid", "moment_comment": "ID id",
}  # fmt: skip
_ZERO = "^0001-"  # a time that Go never set


def _path(table: str, place: str, needs: str, known_by: str = "") -> RecordPath:
    names = tuple(dict.fromkeys(" ".join((*_NAMES[table].values(), _MORE.get(table, ""))).split()))
    return RecordPath(table, place, names, frozenset(needs.split()), frozenset(known_by.split()))


PATHS = (
    _path("mood", "**.msglist[]", "tid", "created_time content"),
    _path("quoted", "**.msglist[].rt_con", "content"),
    _path("comment", "**.msglist[].commentlist[]", "content"),
    _path("answer", "**.msglist[].commentlist[].list_3[]", "content"),
    _path("guest", "**.commentList[]", "uin", "nickname pubtime ubbContent"),
    _path("guest_answer", "**.commentList[].replyList[]", "content uin"),
    _path("moment", "$.Moments[]", "content", "userQQ timestamp"),
    _path("moment_comment", "$.Moments[].comments[]", "Content"),
    _path("moment_comment", "$.Moments[].comments[]", "content"),
    _path("board", "$.BoardMessages[]", "content", "senderQQ"),
    _path("friend", "$.Friends[]", "FriendQQ"),
    _path("friend", "$.Friends[]", "friendQQ"),
)


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether moods lie where one of the exporters writes them."""
    return fits(names, PATHS)


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """A post, comment or profile per record."""
    for rows in batches:
        if rows.table == "friend":
            yield rows.with_columns(_named(rows), AUTHORS)
        elif rows.table in _NAMES:
            yield _posts(rows)


def _named(rows: Records) -> dict[str, pa.Array]:
    said = {name: rows.first(*theirs.split()) for name, theirs in _NAMES[rows.table].items()}
    return {"platform": rows.constant(PLATFORM), **said}


def _posts(rows: Records) -> Records:
    columns = _named(rows)
    columns["kind"] = rows.constant(_KINDS.get(rows.table, "post"))
    columns["source_dedups"] = rows.constant("true" if rows.table in _REBUILT else "false")
    if "shown_at" in columns:
        columns["posted_at"] = _stated(columns["posted_at"], columns.pop("shown_at"))
    if rows.table == "mood":
        columns |= _mood(rows, columns)
    elif columns["kind"][0].as_py() == "comment" and "root_id" in columns:
        columns |= _comment(rows, columns["root_id"])
    columns["text"] = to_text(columns["text"])
    return rows.with_columns(columns)


def _mood(rows: Records, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """What a mood says and passes on: its words, then //@name:words of the other, as reposts are written elsewhere."""
    pieces = pc.replace_substring(rows.first("conlist[].con"), ITEM_END, "")
    own = pc.fill_null(pc.coalesce(columns["text"], pieces), "")
    parent = without_zero(clean_ids(columns["parent_id"])[0])
    quote = pc.binary_join_element_wise("//@", rows.first("rt_uinname"), ":", rows.first("rt_con.content"), "")
    is_repost = pc.or_(pc.is_valid(parent), pc.is_valid(quote))
    found = _OWNER.search(rows.file_name)
    return {
        "text": pc.binary_join_element_wise(own, pc.fill_null(quote, ""), ""),
        "kind": pc.if_else(is_repost, "repost", "post"), "parent_id": parent, "root_id": parent,
        "author_id": pc.coalesce(columns["author_id"], rows.constant(found[1] if found else None)),
    }  # fmt: skip


def _comment(rows: Records, post: pa.Array) -> dict[str, pa.Array]:
    """Comments are numbered anew under each post, answers under each comment: their ids name what is around them."""
    own = rows.first("tid", "ID", "id")
    if rows.table != "answer":
        return {"post_id": _joined(post, own), "parent_id": post}
    around = _joined(post, rows.first("^.tid"))
    return {"post_id": _joined(around, own), "parent_id": pc.coalesce(around, post)}


def _joined(one: pa.Array, other: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(one, other, "-")


def _stated(times: pa.Array, shown: pa.Array) -> pa.Array:
    """The time; where it was never set what the page showed."""
    is_zero = pc.fill_null(pc.match_substring_regex(times, _ZERO), True)
    return pc.if_else(is_zero, shown, times)


FACTS = Facts(
    "QQ空间: QzoneExporter (raw emotion_cgi_msglist_v6 and get_msgb), kirklin/qzone-history",
    "msglist v6; qzone-history 2024 and later",
    "JSON, JSON in a callback",
    "text, id, author, time, client, likes, comments, reposts, views, the quoted mood, comments and answers with their post; "
    "the guestbook and its answers; friends as profiles",
    (
        "[em]e113[/em] as [呲牙], unknown numbers as [e400]", "@{uin:..,nick:..} as @name", "a mood passed on without a word",
        "numbers of comments that begin anew under each post", "times that were never set: what the page showed",
        "qzone-history collapses repeats: source_dedups",
        "no author in a mood: usrinfo beside the list, else the folder or file named by the QQ number",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=PATHS, facts=FACTS)
