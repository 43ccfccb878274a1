"""Reviews of Taobao, Tmall and JD as their pages fetch them (JSON, JSONP, pasted into a program), JD's as CSV, and lists
of sentences without a header.

What a buyer adds weeks later (appendComment and its kin) is a review of its own below the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.line_rows import LINE
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import Facts, Records, Source

_TMALL = {
    "post_id": "id", "author_name": "displayUserNick", "text": "rateContent", "posted_at": "rateDate gmtCreateTime",
}  # fmt: skip
_MOBILE = {
    "post_id": "id rateId",
    "author_name": "userNick",
    "text": "feedback",
    "posted_at": "feedbackDate",
    "likes": "interactInfo.likeCount",
}
_TAOBAO = {
    "post_id": "rateId id", "author_name": "user.nick", "text": "content",
    "posted_at": "date", "likes": "useful",
}  # fmt: skip
_JD = {
    "post_id": "id", "author_name": "nickname", "text": "content", "posted_at": "creationTime", "likes": "usefulVoteCount",
    "comments": "replyCount", "app": "userClientShow", "community": "referenceName",
}  # fmt: skip
_JD_SHEET = {
    "post_id": "id comment_id 评论ID 评论id", "author_name": "nickname nick_name 昵称 用户昵称 用户名",
    "text": "content comment 评论内容 评价内容 评论",
    "posted_at": "creationTime creation_time create_time 评论时间 评价时间 时间", "likes": "usefulVoteCount 点赞数",
    "comments": "replyCount 回复数",
    "app": "userClientShow", "community": "referenceName 商品名称",
}  # fmt: skip
_ADDED = {
    "post_id": "commentId id", "text": "content appendedFeedback hAfterUserComment.content", "posted_at": "commentTime date created",
    "author_name": "^.displayUserNick ^.userNick ^.user.nick ^.nickname", "parent_id": "^.rateId ^.id",
}  # fmt: skip
_TABLES = {"tmall": _TMALL, "mobile": _MOBILE, "taobao": _TAOBAO, "jd": _JD, "added": _ADDED}
_PLATFORMS = {"tmall": "tmall", "mobile": "taobao", "taobao": "taobao", "jd": "jd"}
_NO_WORDS = (
    "此用户没有填写评论!",
    "此用户没有填写评价。",
    "此用户没有填写评论。",
    "评价方未及时做出评价,系统默认好评!",
    "系统默认评论",
    "此用户未填写评价内容",
)


_AROUND = (
    "days",
    "intervalDay",
    "dayAfterConfirm",
    "^.rateContent",
    "^.rateDate",
    "^.feedbackDate",
    "^.date",
    "^.creationTime",
)


def _path(table: str, place: str, needs: str) -> RecordPath:
    columns = dict.fromkeys((*" ".join(_TABLES[table].values()).split(), *(_AROUND if table == "added" else ())))
    return RecordPath(table, place, tuple(columns), frozenset(needs.split()))


_PATHS = (
    _path("added", "**.appendComment", "content"), _path("added", "**.appendedFeed", "appendedFeedback"),
    _path("added", "**.append", "content"),
    _path("added", "**.appendList[]", "content"), _path("added", "**.afterUserComment", "hAfterUserComment"),
    _path("tmall", "**", "rateContent displayUserNick"), _path("tmall", "**", "rateContent rateDate"),
    _path("mobile", "**", "feedback feedbackDate"), _path("taobao", "**.comments[]", "content date user"),
    _path("jd", "**", "content creationTime nickname"), _path("jd", "**", "content creationTime referenceId"),
)  # fmt: skip
_SHEETS = tuple(
    frozenset(names.split())
    for names in (
        "content creationTime nickname",
        "content creationTime referenceName",
        "content score nickname",
        "评论内容 商品名称",
        "评价内容 评价时间",
        "评论内容 评分",
    )
)


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether it is reviews of one of the shops, or a list of sentences."""
    return LINE in names or any(needs.issubset(names) for needs in _SHEETS) or fits(names, _PATHS[5:])


def drafts(batches: Iterable[Records], settings: Settings) -> Iterator[Records]:
    """A review per row."""
    for rows in batches:
        if LINE in rows.columns or LINE in rows.names:
            yield _sentences(rows, settings)
        elif rows.table in _TABLES:
            yield _added(rows) if rows.table == "added" else _reviews(rows, _TABLES[rows.table], _PLATFORMS[rows.table])
        else:
            yield _reviews(rows, _JD_SHEET, "jd")


def _reviews(rows: Records, names: dict[str, str], platform: str) -> Records:
    columns = {name: rows.first(*theirs.split()) for name, theirs in names.items()}
    is_mute = pc.is_in(pc.utf8_trim_whitespace(columns["text"]), value_set=pa.array(_NO_WORDS))
    columns |= {
        "platform": rows.constant(platform), "kind": rows.constant("review"), "source_dedups": rows.constant("false"),
        "reject_reason": pc.if_else(pc.fill_null(is_mute, False), pa.scalar("no_record"), pa.scalar(None, pa.string())),
    }  # fmt: skip
    return rows.with_columns(columns)


def _added(rows: Records) -> Records:
    columns = {name: rows.first(*theirs.split()) for name, theirs in _ADDED.items()}
    is_tmall, is_jd = (pc.is_valid(rows.first(name)) for name in ("^.rateContent", "^.creationTime"))
    platform = pc.if_else(is_tmall, "tmall", pc.if_else(is_jd, "jd", "taobao"))
    first = rows.first("^.rateDate", "^.feedbackDate", "^.date", "^.creationTime").to_pylist()
    after = rows.first("days", "intervalDay").to_pylist()
    later = pa.array([_later(*pair) for pair in zip(first, after, strict=True)], pa.string())  # per addition: a few
    columns |= {
        "posted_at": pc.coalesce(columns["posted_at"], later), "platform": platform, "kind": rows.constant("review"),
        "root_id": columns["parent_id"], "source_dedups": rows.constant("false"),
        "post_id": pc.coalesce(columns["post_id"], pc.binary_join_element_wise(columns["parent_id"], pa.scalar("added"), "-")),
    }  # fmt: skip
    return rows.with_columns(columns)


def _later(first: str | None, days: str | None) -> str | None:
    """The day so many days after the first review; None where one of them is no day or number."""
    try:
        return (date.fromisoformat((first or "")[:10]) + timedelta(int(days or ""))).isoformat()
    except (ValueError, OverflowError):
        return None


_SHOPS = {"jd": ("jd", "京东"), "tmall": ("tmall", "天猫"), "taobao": ("taobao", "淘宝")}
_OF_REVIEWS = ("comment", "review", "rate", "评论", "评价")


def _sentences(rows: Records, settings: Settings) -> Records:
    """Nothing but its name says whose sentences a list holds."""
    name = rows.file_name.lower()
    shop = next((shop for shop, words in _SHOPS.items() if any(word in name for word in words)), None)
    is_review = shop is not None or any(word in name for word in _OF_REVIEWS)
    return rows.with_columns({
        "text": rows.first(LINE), "platform": rows.constant(shop or settings.default_platform),
        "kind": rows.constant("review" if is_review else "post"), "source_dedups": rows.constant(None),
    })  # fmt: skip


FACTS = Facts(
    "Taobao, Tmall (rateList, mtop getitemrates), JD (productPageComments)",
    "2015 to 2026",
    "JSON, JSONP, JSON in a program's text, CSV, XLSX; sentences without a header",
    "text, id, masked name, time, useful votes, answers, the product; what was added later, with its review",
    (
        "what a buyer adds later is a review below the first", "names are masked: no author id",
        "the shop's words for no words are no_record",
        "old pages in GBK", "a list of sentences: the shop stands in the file's name alone",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=_PATHS, facts=FACTS)
