"""WeChat Moments (朋友圈) as three exporters write them, all JSON: an unnamed tool of 2016 (`head` and `list`),
Atlasoin/wechat-moments-exporter (`account` and `moments`) and WeFlow's posts.

Moments of the first tool name nobody: they are their owner's, whose name is that of the comments and likes which show
the owner's own picture. What is shared without a word of one's own is a repost whose text is its title.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import ITEM_END, Facts, Records, Source

PLATFORM = "wechat_moments"
_POSTS = {  # by table: several names separated by spaces, the first that holds something counts
    "list": {"post_id": "tid", "text": "desc", "title": "title", "link": "link", "posted_at": "time"},
    "moments": {
        "post_id": "id", "text": "content", "title": "share_title share_desc", "link": "share_url",
        "posted_at": "publish_time", "author_id": "$.account.id", "author_name": "$.account.nickname",
    },
    "sns": {
        "post_id": "id tid", "text": "contentDesc", "title": "linkTitle", "link": "linkUrl", "posted_at": "createTime",
        "author_id": "username", "author_name": "nickname",
    },
}  # fmt: skip
_LIKED = {"list": "like", "sns": "likes"}
_COMMENTED = {"list": "comment", "sns": "comments"}
_COMMENTS = {
    "list_comment": {"text": "content", "posted_at": "createTime", "author_name": "nickname", "post": "^.tid"},
    "sns_comment": {
        "text": "content", "posted_at": "createTime time", "author_name": "nickname", "author_id": "username wxid",
        "post": "^.id ^.tid",
    },
}  # fmt: skip
_FACES = {"$.head": ("comment[].headImage", "like[].headImage"), "names": ("comment[].nickname", "like[].nickname")}
_PICTURE = r"/ver_1/(?P<picture>[^/]{10,})"  # of the address of a face what stays, whatever host and size


def _path(table: str, place: str, needs: str, known_by: str = "", more: Sequence[str] = ()) -> RecordPath:
    names = (*_POSTS.get(table, {}).values(), *_COMMENTS.get(table, {}).values(), *more)
    columns = tuple(dict.fromkeys(" ".join(names).split()))
    return RecordPath(table, place, columns, frozenset(needs.split()), frozenset(known_by.split()))


PATHS = (
    _path("list", "$.list[]", "tid", "time desc like comment", ("like", "comment", "$.head", *_FACES["$.head"], *_FACES["names"])),
    _path("list_comment", "$.list[].comment[]", "content", "nickname createTime headImage"),
    _path("moments", "$.moments[]", "id", "publish_time content"),
    _path("sns", "**", "createTime contentDesc", "username nickname", ("likes", "comments")),
    _path("sns_comment", "**.comments[]", "nickname content refCommentId", "id", ("id", "refCommentId")),
)  # fmt: skip


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether moments lie where one of the exporters writes them."""
    return fits(names, PATHS)


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """A post or a comment per record."""
    for rows in batches:
        if rows.table in _POSTS:
            yield _posts(rows)
        elif rows.table in _COMMENTS:
            yield _comments(rows)


def _shared(rows: Records, names: dict[str, str]) -> dict[str, pa.Array]:
    constants = {"platform": PLATFORM, "source_dedups": "false"}
    columns = {name: rows.constant(value) for name, value in constants.items()}
    return columns | {name: rows.first(*theirs.split()) for name, theirs in names.items()}


def _posts(rows: Records) -> Records:
    columns = _shared(rows, _POSTS[rows.table])
    title, link = columns.pop("title"), columns.pop("link")
    is_bare = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(columns["text"], "")), "")
    columns |= {
        "text": pc.if_else(is_bare, title, columns["text"]),
        "kind": pc.if_else(pc.and_(is_bare, pc.is_valid(title)), "repost", "post"),
        "links": pc.binary_join_element_wise(link, "", ITEM_END),
        "likes": _count(rows, _LIKED.get(rows.table, "")), "comments": _count(rows, _COMMENTED.get(rows.table, "")),
    }  # fmt: skip
    if rows.table == "list":
        columns["author_name"] = _owner(rows)
    return rows.with_columns(columns)


def _comments(rows: Records) -> Records:
    columns = _shared(rows, _COMMENTS[rows.table])
    post = columns.pop("post")
    columns |= {"kind": rows.constant("comment"), "root_id": post, "parent_id": post}
    if rows.table == "sns_comment":  # the numbers of comments begin anew under each post
        answered = rows.first("refCommentId")
        answered = pc.if_else(pc.equal(answered, "0"), pa.scalar(None, pa.string()), answered)
        columns["post_id"] = pc.binary_join_element_wise(post, rows.first("id"), "-")
        columns["parent_id"] = pc.coalesce(pc.binary_join_element_wise(post, answered, "-"), post)
    return rows.with_columns(columns)


def _count(rows: Records, name: str) -> pa.Array:
    """How many items a list has, or the number that stands in its place."""
    if name not in rows.columns:
        return rows.constant(None)
    items = rows.columns[name]
    is_number = pc.match_substring_regex(items, r"^\d+$")
    return pc.if_else(is_number, items, pc.count_substring(items, ITEM_END).cast(pa.string()))


def _owner(rows: Records) -> pa.Array:
    """Row by row the name that goes with the owner's picture anywhere in these documents; NULL where none does."""
    heads = _pictures(rows.first("$.head"))
    names: dict[str, str] = {}
    for faces, called in zip(_FACES["$.head"], _FACES["names"], strict=True):
        pictures, nicknames = (
            pc.split_pattern(pc.fill_null(rows.columns[name], ""), ITEM_END) for name in (faces, called)
        )
        is_even = pc.equal(pc.list_value_length(pictures), pc.list_value_length(nicknames))
        pictures, nicknames = (lists.filter(is_even) for lists in (pictures, nicknames))
        shown = _pictures(pc.list_flatten(pictures))
        places = np.flatnonzero(
            pc.is_in(shown, value_set=pc.drop_null(pc.unique(heads))).to_numpy(zero_copy_only=False)
        )
        found = zip(shown.take(places).to_pylist(), pc.list_flatten(nicknames).take(places).to_pylist(), strict=True)
        for picture, name in found:  # per comment and like of the owners' own
            names.setdefault(picture, name)
    coded = pc.fill_null(heads, "").dictionary_encode()
    return pa.array([names.get(head) for head in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)


def _pictures(addresses: pa.Array) -> pa.Array:
    return pc.struct_field(pc.extract_regex(addresses, _PICTURE), "picture")


FACTS = Facts(
    "Moments: wclist.json of 2016, Atlasoin/wechat-moments-exporter, hicccc77/WeFlow",
    "2016 to 2026",
    "JSON",
    "text or the title of what is shared, id, author, time, links, likes and comments counted, comments with their post",
    (
        "no author in the list of 2016: the name that goes with the owner's picture", "comments without ids",
        "pictures and videos without words: no text", "milliseconds reckoned from the id",
        "likes as names, counted", "a comment's number is one of its post alone",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=PATHS, facts=FACTS)
