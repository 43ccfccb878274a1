"""Responses as m.weibo.cn, weibo.com and the official API of Weibo give them, saved as JSON or pasted into a program.

Posts are known wherever they lie: cards, groups of cards, statuses, single posts, posts inside reposts; so are comments
and their answers. Texts are HTML with emoticons as pictures, whose names are kept. Times without a year (刚刚, 06-14) hang
on when the response was saved, which nothing says: the second in the post's id is read instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import AUTHORS, Facts, Names, Records, Source
from pipeline.sources.weibo import columns_of, dated_by_id, notice_reasons, parents, url

_AUTHOR = {
    "author_id": "user.idstr user.id uid", "author_name": "user.screen_name", "followers": "user.followers_count",
    "following": "user.follow_count user.friends_count", "author_posts": "user.statuses_count", "verified": "user.verified",
    "author_created_at": "user.created_at",
}  # fmt: skip
_POST = {
    **_AUTHOR, "post_id": "idstr mid id", "text": "longText.longTextContent text text_raw raw_text", "posted_at": "created_at",
    "app": "source", "likes": "attitudes_count", "comments": "comments_count", "reposts": "reposts_count", "views": "reads_count",
    "parent_id": "retweeted_status.idstr retweeted_status.mid retweeted_status.id", "modified_at": "edit_at",
}  # fmt: skip
_COMMENT = {
    **_AUTHOR, "post_id": "idstr id mid", "text": "text text_raw", "posted_at": "created_at", "app": "source",
    "likes": "like_count like_counts", "comments": "total_number", "root_id": "status.idstr status.mid status.id",
}  # fmt: skip
_ANSWERED = ("reply_comment.idstr", "reply_comment.id", "reply_id", "^.id", "rootidstr", "rootid")
_USER = {
    "author_id": "idstr id", "author_name": "screen_name", "followers": "followers_count",
    "following": "follow_count friends_count", "author_posts": "statuses_count", "verified": "verified",
    "author_created_at": "created_at", "description": "description", "location": "location",
}  # fmt: skip


def _names(columns: dict[str, str], *more: str) -> Names:
    return tuple(dict.fromkeys((*" ".join(columns.values()).split(), *more)))


def _comment(known_by: str) -> RecordPath:
    needs = frozenset(("id", "text", "created_at", "user"))
    return RecordPath("comment", "**", _names(_COMMENT, *_ANSWERED), needs, frozenset(known_by.split()))


_POST_NAMES = _names(_POST, "bid", "mblogid")
_USER_NEEDS = frozenset(("id", "screen_name", "followers_count"))
_USER_KNOWN = frozenset(("verified_type",))  # other platforms have the rest
_USER_PLACES = (
    "**.userInfo",
    "$",
    "$[]",
    "$.data",
    "$.data.user",
    "$.users[]",
    "**.users[]",
    "**.card_group[].user",
    "**.cards[].user",
)
_PATHS = (
    RecordPath("post", "**", _POST_NAMES, frozenset(("id", "text", "reposts_count")), frozenset(("user",))),
    RecordPath("post", "**.retweeted_status", _POST_NAMES, frozenset(("id", "text"))),
    _comment("like_counts"), _comment("rootid"), _comment("status source"),
    *(RecordPath("user", place, _names(_USER), _USER_NEEDS, _USER_KNOWN) for place in _USER_PLACES),
)  # fmt: skip


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether posts, comments or profiles with the names of Weibo's API lie somewhere in the documents."""
    return fits(names, _PATHS)


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """Posts, comments and profiles, one per record."""
    for rows in batches:
        if rows.table == "user":
            yield rows.with_columns(columns_of(rows, _USER), AUTHORS)
        else:
            yield _comments(rows) if rows.table == "comment" else _posts(rows)


def _shared(rows: Records, names: dict[str, str]) -> dict[str, pa.Array]:
    columns = columns_of(rows, names)
    columns["app"] = pc.replace_substring_regex(columns["app"], r"</?a[^<>]*>", "")
    columns["posted_at"] = dated_by_id(columns["posted_at"], columns["post_id"])
    columns["reject_reason"] = notice_reasons(columns["text"], columns["author_id"])
    columns["source_dedups"] = rows.constant("false")
    return columns


def _posts(rows: Records) -> Records:
    columns = _shared(rows, _POST)
    parent = parents(columns["parent_id"])
    columns |= {
        "kind": pc.if_else(pc.is_valid(parent), "repost", "post"), "parent_id": parent, "root_id": parent,
        "url": url(columns["author_id"], rows.first("bid", "mblogid")),
    }  # fmt: skip
    return rows.with_columns(columns)


def _comments(rows: Records) -> Records:
    columns = _shared(rows, _COMMENT)
    own, root = parents(columns["post_id"]), parents(columns["root_id"])
    answered = [parents(rows.first(name)) for name in _ANSWERED]
    others = [
        pc.if_else(pc.fill_null(pc.equal(ids, own), False), pa.scalar(None, pa.string()), ids) for ids in answered
    ]
    columns |= {"kind": rows.constant("comment"), "root_id": root, "parent_id": pc.coalesce(*others, root)}
    return rows.with_columns(columns)


FACTS = Facts(
    "m.weibo.cn, weibo.com/ajax and api.weibo.com responses",
    "2011 to 2026",
    "JSON, JSON Lines, JSON in a program's text or a callback",
    "text, id, author with profile, time, client, address, likes, comments, reposts, the quoted post, comments and answers",
    (
        "posts inside cards, groups of cards, statuses, single posts and reposts",
        "emoticons as pictures, attributes with or without quotes", "clients as links",
        "counts as words (43.4万) or numbers", "times without a year: dated by the id", "a comment that names itself as the one it answers",
        "a notice in place of a deleted post",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=_PATHS, facts=FACTS)
