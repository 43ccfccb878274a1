"""Chats of WeChat and others: WeChatMsg and PyWxDump as CSV, ChatLab and WeFlow as JSON.

A chat is conversation, not posts: unless the setting `messages` says otherwise, every message is a reject that tells so.
Pictures, voices and notices of the app are no messages anyone wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import Facts, Records, Source

_OLD = {
    "post_id": "MsgSvrID", "author_id": "Sender", "author_name": "NickName Remark", "text": "StrContent",
    "posted_at": "CreateTime StrTime", "type": "Type", "community": "",
}  # fmt: skip
_NEW = {
    "post_id": "消息ID", "author_name": "昵称 发送人 备注", "text": "内容", "posted_at": "时间", "type": "类型", "community": "",
}  # fmt: skip
_DUMP = {
    "post_id": "MsgSvrID", "author_id": "talker", "text": "content", "posted_at": "CreateTime", "type": "type_name",
    "community": "room_name",
}  # fmt: skip
_CHATLAB = {
    "post_id": "platformMessageId", "author_id": "sender", "author_name": "groupNickname accountName", "text": "content",
    "posted_at": "timestamp", "type": "type", "community": "$.meta.name", "platform": "$.meta.platform", "parent_id": "replyToMessageId",
}  # fmt: skip
_WEFLOW = {
    "post_id": "serverId messageKey", "author_id": "senderUsername",
    "author_name": "senderDisplayName senderNickname", "text": "content parsedContent",
    "posted_at": "createTime", "type": "localType", "community": "$.session.displayName $.talker",
}  # fmt: skip
_CSV = (  # the first whose names are there
    (frozenset(("TalkerId", "Type", "CreateTime", "StrContent")), _OLD),
    (frozenset(("消息ID", "类型", "发送人", "时间", "内容")), _NEW),
    (frozenset(("MsgSvrID", "type_name", "talker", "content")), _DUMP),
)
_JSON = {"chatlab": _CHATLAB, "weflow": _WEFLOW}


def _path(table: str, place: str, needs: str) -> RecordPath:
    names = dict.fromkeys(" ".join(_JSON[table].values()).split())
    return RecordPath(table, place, tuple(names), frozenset(needs.split()))


_PATHS = (
    _path("chatlab", "$.messages[]", "sender timestamp type content"), _path("chatlab", "$", "sender timestamp type content"),
    _path("weflow", "**.messages[]", "senderUsername createTime localType"), _path("weflow", "$[]", "senderUsername createTime localType"),
)  # fmt: skip
_TEXTS = (
    "1",
    "文本",
    "文字",
    "文本消息",
    "引用",
    "引用消息",
    "引用回复",
    "带有引用的文本消息",
)  # types that are words someone wrote
_TEXTS_OF_CHATLAB = ("0", "7", "25")  # text, link, reply
_ME = "我"  # how PyWxDump writes the owner of the phone


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether it is a chat of one of these exporters."""
    return any(needs.issubset(names) for needs, _ in _CSV) or fits(names, _PATHS)


def drafts(batches: Iterable[Records], settings: Settings) -> Iterator[Records]:
    """One message per row."""
    for rows in batches:
        names = (
            _JSON[rows.table]
            if rows.table in _JSON
            else next((m for needs, m in _CSV if needs.issubset(rows.names)), _OLD)
        )
        columns = {name: rows.first(*theirs.split()) for name, theirs in names.items()}
        types = columns.pop("type")
        columns["platform"] = pc.coalesce(columns.get("platform", rows.constant(None)), rows.constant("wechat"))
        columns |= {
            "kind": rows.constant("message"), "source_dedups": rows.constant("false"),
            "reject_reason": _reasons(types, _TEXTS_OF_CHATLAB if rows.table == "chatlab" else _TEXTS, settings),
        }  # fmt: skip
        yield rows.with_columns(columns | _authors(rows, names, columns))


def _reasons(types: pa.Array, texts: tuple[str, ...], settings: Settings) -> pa.Array:
    if not settings.messages:
        return pa.repeat(pa.scalar("chat_message"), len(types))
    is_text = pc.is_in(types, value_set=pa.array(texts))
    return pc.if_else(is_text, pa.scalar(None, pa.string()), pa.scalar("no_record"))


def _authors(rows: Records, names: dict[str, str], columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """What each exporter writes in its own way: ids, the owner's own messages, texts wrapped in JSON."""
    if names is _OLD:  # localId counts in one database alone; with chat and second it is one message
        parts = [rows.first(name) for name in ("TalkerId", "CreateTime", "localId")]
        own = pc.binary_join_element_wise(*parts, "-")
        name = pc.if_else(pc.equal(rows.first("IsSender"), "1"), _ME, columns["author_name"])
        return {"post_id": pc.coalesce(columns["post_id"], own), "author_name": name}
    if names is _DUMP:
        is_me = pc.or_(pc.equal(columns["author_id"], _ME), pc.equal(rows.first("is_sender"), "1"))
        is_me = pc.fill_null(is_me, False)
        return {
            "author_id": pc.if_else(pc.equal(columns["author_id"], _ME), None, columns["author_id"]),
            "author_name": pc.if_else(is_me, pa.scalar(_ME), pa.scalar(None, pa.string())),
            "text": pa.array([_message(text) for text in columns["text"].to_pylist()], pa.string()),  # per row: JSON in cells
        }  # fmt: skip
    return {}


def _message(text: str | None) -> str | None:
    """The words in {"src": "", "msg": "..."}; what is no such JSON stays."""
    try:
        said = json.loads(text or "", strict=False)
    except (ValueError, RecursionError):
        return text
    return str(said.get("msg") or "") if isinstance(said, dict) else text


FACTS = Facts(
    "WeChatMsg, PyWxDump, ChatLab, WeFlow (chats)",
    "WeChatMsg 2023 and 2024 headers, PyWxDump, ChatLab 0.0.x, WeFlow",
    "CSV, JSON, JSON Lines",
    "text, id, author, time, the chat's name; kind message",
    (
        "every message is a reject chat_message unless the setting messages is true",
        "pictures, voices and notices of the app are no_record", "the owner is 我, without an id", "texts wrapped in JSON (PyWxDump)",
        "rows without the last three cells (WeChatMsg)", "seconds or milliseconds",
    ),
)  # fmt: skip
_OLD_HEADER = ("localId", "TalkerId", "Type", "SubType", "IsSender", "CreateTime", "Status", "StrContent", "StrTime", "Remark",
               "NickName", "Sender")  # fmt: skip


def fit(names: tuple[str, ...], cells: Sequence[str]) -> tuple[str, ...] | None:
    """The names for rows of a one-to-one chat, which lack the last three cells."""
    return names[: len(cells)] if names == _OLD_HEADER and len(cells) == len(names) - 3 else None


SOURCE = Source(recognises, drafts, (_OLD_HEADER,), paths=_PATHS, fit=fit, facts=FACTS)
