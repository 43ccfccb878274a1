"""Chats as WeChatMsg, PyWxDump, WeFlow and ChatLab export them: CSV, JSON, JSON Lines.

A chat is conversation and no feed: without the setting `messages` every row is a reject that says how to gather it,
and with it a post of kind message. Ids that count the messages of one export are no ids of the messages, so such rows
get derived ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.ids import clean_ids, without_zero
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import AUTHORS, Facts, Names, Records, Source

_ME = "我"  # how exporters name the one whose chats they are
_SELF = ("is_sender", "IsSender", "isSend")
# What a message of another type than text says is furniture ([图片], a path, XML); voices may have been written down.
_SILENT = r"图片|表情|视频|位置|文件|名片|转账|红包|通话|音乐|合并转发|聊天记录"
_NOTICE = r"系统|撤回|拍一拍"
_SPOKEN = ("0", "7", "24", "25", "26")  # ChatLab: text, link, share, answer, forward
_NOTICES = ("80", "81", "10000", "10002")  # ChatLab's system and recall, WeChat's own numbers
_TYPED = ("1", "49", "244813135921")  # WeChat's own numbers: text, app message, answer
_FURNITURE = r"^\s*(?:[\[【][^\]】]{1,12}[\]】]\s*$|<(?:\?xml|msg|msglist|voipmsg|voipinvitemsg|sysmsg)\b)"
_TITLE = r"(?s)^\s*<(?:\?xml|msg)\b.*?<title>(?:<!\[CDATA\[)?(?P<title>.*?)(?:\]\]>)?</title>"


@dataclass(frozen=True)
class Layout:
    """One way to write a message: the names that tell it, and its columns; of several names the first that holds
    something counts.
    """

    needs: frozenset[str]
    columns: dict[str, str]
    kinds: str  # the column of the message's type
    counts_from_zero: bool = False  # ChatLab's numbers of types, where 0 is text


_CSV = (
    Layout(
        frozenset(("localId", "TalkerId", "IsSender", "StrContent")),
        {"author_id": "Sender", "author_name": "NickName Remark", "text": "StrContent", "posted_at": "CreateTime StrTime",
         "community": "TalkerId"},
        "Type",
    ),
    Layout(
        frozenset(("消息ID", "类型", "发送人", "内容")),
        {"post_id": "消息ID", "author_name": "昵称 发送人", "text": "内容", "posted_at": "时间"},
        "类型",
    ),
    Layout(
        frozenset(("type_name", "is_sender", "talker", "CreateTime")),
        {"post_id": "MsgSvrID", "author_id": "talker", "text": "msg content", "posted_at": "CreateTime",
         "community": "room_name"},
        "type_name",
    ),
)  # fmt: skip
_CHATLAB = Layout(
    frozenset(("timestamp", "type")),
    {"post_id": "platformMessageId", "author_id": "sender", "author_name": "accountName groupNickname", "text": "content",
     "posted_at": "timestamp", "platform": "$.meta.platform", "community": "$.meta.groupId $.meta.name",
     "parent_id": "replyToMessageId"},
    "type", counts_from_zero=True,
)  # fmt: skip
_WEFLOW = Layout(
    frozenset(("localId",)),
    {"post_id": "platformMessageId serverId", "author_id": "senderUsername of.wxid", "author_name": "senderDisplayName of.displayName",
     "text": "content", "posted_at": "createTime formattedTime", "community": "$.session.wxid $.talker",
     "parent_id": "replyToMessageId"},
    "type localType",
)  # fmt: skip
_MEMBER = {
    "author_id": "platformId wxid", "author_name": "accountName groupNickname displayName nickname", "platform": "$.meta.platform",
}  # fmt: skip
_META = ("platform", "groupId", "name")  # what a chat's head says of all its lines
HEADERS: tuple[Names, ...] = (
    ("localId", "TalkerId", "Type", "SubType", "IsSender", "CreateTime", "Status", "StrContent", "StrTime"),
    ("localId", "TalkerId", "Type", "SubType", "IsSender", "CreateTime", "Status", "StrContent", "StrTime", "Remark", "NickName", "Sender"),
)  # fmt: skip


def _path(table: str, place: str, layout: Layout, known_by: str) -> RecordPath:
    names = tuple(dict.fromkeys(" ".join((*layout.columns.values(), layout.kinds, *_SELF, "senderID")).split()))
    return RecordPath(table, place, names, layout.needs, frozenset(known_by.split()))


PATHS = (
    RecordPath("head", "$", tuple(f"meta.{name}" for name in _META), frozenset(("_type", "chatlab", "meta"))),
    RecordPath("sender", "$.senders[]", ("senderID", "wxid", "displayName", "nickname"), frozenset(("senderID", "wxid"))),
    _path("chatlab", "$.messages[]", _CHATLAB, "sender content"),
    _path("chatlab", "$", _CHATLAB, "_type sender"),  # JSON Lines: a header, members and messages, a line each
    _path("weflow", "$.messages[]", _WEFLOW, "createTime content"),
    RecordPath("member", "$.members[]", ("platformId", "accountName", "groupNickname", "$.meta.platform"), frozenset(("platformId",))),
    RecordPath("member", "$", ("platformId", "accountName", "groupNickname", "$.meta.platform"), frozenset(("_type", "platformId"))),
)  # fmt: skip
_PEOPLE = ("member", "sender")
_BY_TABLE = {"chatlab": _CHATLAB, "weflow": _WEFLOW}


def _layout_of(names: Iterable[str]) -> Layout | None:
    there = frozenset(names)
    return next((layout for layout in _CSV if layout.needs <= there), None)


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether the names are a header of these exporters, or messages lie where they write them."""
    return _layout_of(names) is not None or fits(names, PATHS)


def fit(header: Names, cells: Sequence[str]) -> Names | None:
    """Rows of a chat of two end before the three columns that tell who of a group spoke."""
    short = HEADERS[0]
    return short if header == HEADERS[1] and len(cells) == len(short) else None


@dataclass
class _Chat:
    """What stands before the messages of a chat and holds for them: its head, and who has which number."""

    meta: dict[str, str | None] = field(default_factory=dict)
    people: dict[str, tuple[str, str]] = field(default_factory=dict)  # number -> id, name

    def told(self, rows: Records) -> Records:
        """The rows with what is known by then as columns of their own; what they say themselves is kept for those after."""
        if rows.table == "head" and len(rows):
            self.meta = {name: rows.first(f"meta.{name}")[-1].as_py() for name in _META}
        elif rows.table == "sender":
            said = (rows.first("senderID"), rows.first("wxid"), rows.first("displayName", "nickname"))
            numbers, ids, names = (column.to_pylist() for column in said)  # per member
            self.people.update(zip(numbers, zip(ids, names, strict=True), strict=True))
        more = {
            f"$.meta.{name}": pc.coalesce(rows.first(f"$.meta.{name}"), rows.constant(self.meta[name]))
            for name in self.meta
        }
        if self.people and "senderID" in rows.columns:
            places = pc.index_in(rows.first("senderID"), value_set=pa.array(list(self.people), pa.string()))
            for place, name in enumerate(("of.wxid", "of.displayName")):
                more[name] = pa.array([one[place] for one in self.people.values()], pa.string()).take(places)
        return replace(rows, columns={**rows.columns, **more})


def drafts(batches: Iterable[Records], settings: Settings) -> Iterator[Records]:
    """A message per row, and the members of a chat as profiles."""
    chat = _Chat()
    for bare in batches:
        rows = chat.told(bare)
        if rows.table == "head":
            yield rows.with_columns({"reject_reason": rows.constant("no_record"), "text": rows.first("meta.name")})
        elif rows.table in _PEOPLE and not settings.messages:
            name = rows.first("accountName", "displayName")
            yield rows.with_columns({"reject_reason": rows.constant("chat_message"), "text": name})
        elif rows.table in _PEOPLE:
            columns = {name: rows.first(*theirs.split()) for name, theirs in _MEMBER.items()}
            yield rows.with_columns(columns | {"platform": _platform(columns["platform"])}, AUTHORS)
        elif layout := _BY_TABLE.get(rows.table) or _layout_of(rows.columns) or _layout_of(rows.names):
            yield _messages(rows, layout, settings)


def _messages(rows: Records, layout: Layout, settings: Settings) -> Records:
    columns = {name: rows.first(*theirs.split()) for name, theirs in layout.columns.items()}
    kinds = pc.fill_null(rows.first(*layout.kinds.split()), "")
    is_own = pc.is_in(rows.first(*_SELF), value_set=pa.array(["1", "true"]))
    author_id = columns.get("author_id", rows.constant(None))
    author_id = pc.if_else(pc.fill_null(pc.equal(author_id, _ME), False), pa.scalar(None, pa.string()), author_id)
    names = columns.get("author_name", rows.constant(None))
    columns |= {
        "text": _spoken(columns["text"], kinds, layout), "kind": rows.constant("message"), "author_id": author_id,
        "author_name": pc.coalesce(names, pc.if_else(pc.and_(is_own, pc.is_null(author_id)), _ME, pa.scalar(None, pa.string()))),
        "platform": _platform(columns.get("platform", rows.constant(None))), "source_dedups": rows.constant("false"),
        "post_id": without_zero(clean_ids(columns.get("post_id", rows.constant(None)))[0]),
        "reject_reason": _reasons(kinds) if settings.messages else rows.constant("chat_message"),
    }  # fmt: skip
    return rows.with_columns(columns)


def _platform(stated: pa.Array) -> pa.Array:
    """What ChatLab names the platform; WeChat where nothing does."""
    known = pc.if_else(pc.is_in(stated, value_set=pa.array(["weixin", "wx"])), "wechat", stated)
    return pc.coalesce(known, pa.scalar("wechat"))


def _reasons(kinds: pa.Array) -> pa.Array:
    """no_record for what nobody said: notices of joining, recalling, patting."""
    is_notice = pc.or_(pc.is_in(kinds, value_set=pa.array(_NOTICES)), pc.match_substring_regex(kinds, _NOTICE))
    return pc.if_else(is_notice, pa.scalar("no_record"), pa.scalar(None, pa.string()))


def _spoken(texts: pa.Array, kinds: pa.Array, layout: Layout) -> pa.Array:
    """What a message says; NULL where it shows something else. Of XML it is the title: the words of an answer or a link."""
    texts = _unwrapped(texts)
    titles = pc.struct_field(pc.extract_regex(texts, _TITLE), "title")
    texts = pc.coalesce(titles, texts)
    is_number = pc.match_substring_regex(kinds, r"^\d+$")
    spoken = pc.is_in(kinds, value_set=pa.array(_SPOKEN if layout.counts_from_zero else _TYPED))
    silent = pc.if_else(is_number, pc.invert(spoken), pc.match_substring_regex(kinds, _SILENT))
    is_text = pc.or_(
        pc.is_in(kinds, value_set=pa.array(["0" if layout.counts_from_zero else "1"])),
        pc.match_substring(kinds, "文本"),
    )
    furniture = pc.and_(pc.invert(is_text), pc.fill_null(pc.match_substring_regex(texts, _FURNITURE), False))
    return pc.if_else(pc.or_(silent, furniture), pa.scalar(None, pa.string()), texts)


def _unwrapped(texts: pa.Array) -> pa.Array:
    """PyWxDump's {"src": ..., "msg": ...} gives way to what it holds; a text that only looks like it stays."""
    wrapped = pc.fill_null(pc.match_substring_regex(texts, r'^\s*\{.*"msg"\s*:'), False)
    if not pc.any(wrapped).as_py():
        return texts
    inner = [_inner(text) for text in texts.filter(wrapped).to_pylist()]  # per wrapped text: each is JSON of its own
    return pc.replace_with_mask(texts, wrapped, pa.array(inner, pa.string()))


def _inner(text: str) -> str | None:
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text
    said = value.get("msg") if isinstance(value, dict) and set(value) <= {"src", "msg"} else text
    return said.encode("utf-8", "replace").decode() if isinstance(said, str) else None


FACTS = Facts(
    "LC044/WeChatMsg, xaoyaoo/PyWxDump, hicccc77/WeFlow, ChatLab",
    "WeChatMsg 2023 (12 columns) and 2025 (8 columns); PyWxDump with content, or with msg and src; ChatLab 0.0.1 and 0.0.2; "
    "WeFlow's json, arkme-json and HTTP",
    "CSV, JSON, JSON Lines",
    "text, id, sender, time, chat as community, the message that is answered; members as profiles",
    (
        "gathered only with the setting messages: a chat is no feed", "rows of a chat of two that end before the sender",
        "texts wrapped in JSON", "answers and links as XML: their title", "pictures and notices by number or name of type",
        "seconds or milliseconds", "the exporter's own messages as 我, without an id",
        "numbers that count the export's rows, no ids", "a head in a line of its own; senders by number, told before the messages",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, HEADERS, PATHS, fit, FACTS)
