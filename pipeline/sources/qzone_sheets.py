"""GetQzonehistory: QQ空间 as workbooks, a sheet each of moods, passed on ones, the guestbook, others and friends.

A text is written as `name ：text`, comments as the Python list of [time, text, name, QQ number] that they were. The same
mood stands in the list of all and in one of the others, so its id is made of name, time and text alone. Rows found in
notices are written only once each, so repeats are lost: source_dedups.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.ids import DerivedIds
from pipeline.sources.qzone_text import PLATFORM, to_text
from pipeline.sources.records import AUTHORS, Facts, Records, Source

_MOOD, _FRIEND = frozenset(("时间", "内容", "图片链接")), frozenset(("昵称", "QQ", "空间主页"))
MAX_LIST = 1 << 20  # characters of a cell of comments; a spreadsheet's cell holds 32,767
_OWNER = re.compile(r"(?:^|[^0-9])(\d{5,11})_(?P<list>[^/_.]{2}列表)")  # <QQ number>_说说列表.xlsx
_OWN_LISTS = ("说说列表", "转发列表")
_TEXT = (  # what was done may stand after the name
    r"(?s)^\s*(?P<name>[^：\n]{1,40}?)(?:\s+(?P<done>(?:转发|留言|评论|回复|提到|给)[^：\s]{0,10}))?\s*：(?P<text>.*)$"
)
_DONE = {"转发": "repost", "留言": "comment", "评论": "comment", "回复": "comment"}
_GUESTBOOK, _SELF = "留言板", "自己"  # of the column 来源, where a fork writes it


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether the header is one of moods or of friends."""
    return _MOOD.issubset(names) or _FRIEND.issubset(names)


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """Moods and their comments, and friends as profiles. A mood and its comments are of one row."""
    ids, owner = DerivedIds(), ""
    for rows in batches:
        if _FRIEND.issubset(rows.names):
            columns = {
                "platform": rows.constant(PLATFORM),
                "author_id": rows.first("QQ"),
                "author_name": rows.first("昵称"),
            }
            yield rows.with_columns(columns, AUTHORS)
        else:
            moods = _moods(rows, ids)
            owner = owner or next((name for name in moods.columns["author_name"].to_pylist() if name), "")
            moods.columns["author_id"] = _own_id(rows, moods.columns["author_name"], owner)
            yield moods
            yield from _comments(rows, moods)


def _moods(rows: Records, ids: DerivedIds) -> Records:
    content, times = rows.first("内容"), rows.first("时间")
    parts = pc.extract_regex(content, _TEXT)
    name, done, text = (pc.struct_field(parts, part) for part in ("name", "done", "text"))
    text = to_text(pc.coalesce(text, content))
    # per row: an id is a hash of the row
    whole = zip(rows.constant(PLATFORM).to_pylist(), name.to_pylist(), times.to_pylist(), text.to_pylist(), strict=True)
    is_board = pc.fill_null(pc.equal(rows.first("来源"), _GUESTBOOK), False)
    columns = {
        "platform": rows.constant(PLATFORM), "post_id": pa.array(ids.make(whole), pa.string()),
        "post_id_derived": rows.constant("true"), "author_name": name, "text": text, "posted_at": times,
        "likes": rows.first("点赞数"), "kind": pc.if_else(is_board, "comment", _kinds(pc.fill_null(done, ""))),
        "source_dedups": rows.constant("true"),
    }  # fmt: skip
    return rows.with_columns(columns)


def _kinds(done: pa.Array) -> pa.Array:
    kinds = pa.repeat(pa.scalar("post"), len(done))
    for word, kind in _DONE.items():
        kinds = pc.if_else(pc.match_substring(done, word), kind, kinds)
    return kinds


def _own_id(rows: Records, names: pa.Array, owner: str) -> pa.Array:
    """The QQ number that names the file, for rows of its owner: those marked so, or in the owner's own lists of the name
    that comes first.
    """
    found = _OWNER.search(rows.file_name)
    if not found:
        return rows.constant(None)
    is_own = pc.fill_null(pc.equal(rows.first("来源"), _SELF), False)
    if found["list"] in _OWN_LISTS:
        is_own = pc.or_(is_own, pc.fill_null(pc.equal(names, owner), False))
    return pc.if_else(is_own, found[1], pa.scalar(None, pa.string()))


def _comments(rows: Records, moods: Records) -> Iterator[Records]:
    """The comments of each row, and a reject for each row whose comments cannot be read."""
    cells = rows.first("评论").to_pylist()
    read = [_read(cell) if cell else [] for cell in cells]  # per row: each cell is a list of its own
    broken = np.array([place for place, found in enumerate(read) if found is None], np.int64)
    if len(broken):
        lost = rows.take(broken)
        yield lost.with_columns({"reject_reason": lost.constant("unread_comments"), "text": lost.first("评论")})
    pairs = [(place, comment) for place, found in enumerate(read) for comment in found or ()]
    if pairs:
        posts = moods.take(np.array([place for place, _ in pairs], np.int64)).columns["post_id"]
        times, texts, names, numbers = (pa.array([comment[at] for _, comment in pairs], pa.string()) for at in range(4))
        source_rows = rows.source_rows[[place for place, _ in pairs]]
        of_rows = replace(rows, source_rows=source_rows, columns={}, rejects=())
        columns = {
            "platform": of_rows.constant(PLATFORM), "kind": of_rows.constant("comment"), "posted_at": times,
            "text": to_text(texts), "author_name": names, "author_id": numbers, "parent_id": posts, "root_id": posts,
            "source_dedups": of_rows.constant("true"),
        }  # fmt: skip
        yield of_rows.with_columns(columns)


def _read(cell: str) -> list[list[str]] | None:
    """The comments that a cell lists; those before the break where a spreadsheet cut it. None where there is no list."""
    if len(cell) > MAX_LIST:
        return None
    for text in (cell, cell[: cell.rfind("], [")] + "]]"):
        try:
            value = ast.literal_eval(text)  # reads constants alone: nothing is run
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, list) and all(isinstance(item, (list, tuple)) and len(item) >= 4 for item in value):
            return [[_plain(part) for part in item[:4]] for item in value]
    return None


def _plain(part: object) -> str:
    return "" if part is None else str(part).encode("utf-8", "replace").decode()


FACTS = Facts(
    "LibraHp/GetQzonehistory",
    "2024 to 2026: three or four columns; forks with 点赞数, 来源, 点赞者",
    "XLSX, CSV",
    "text, author, time, likes, comments with their post; friends as profiles",
    (
        "name and text in one cell", "comments as the text of a Python list, read as constants and never run",
        "lists that a spreadsheet cut at 32,767 characters: the comments before the break",
        "no ids: the same mood in two lists has one", "the owner's QQ number in the file's name",
        "[em]e113[/em] as [呲牙], @{uin:..,nick:..} as @name", "notices written once each: source_dedups",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, facts=FACTS)
