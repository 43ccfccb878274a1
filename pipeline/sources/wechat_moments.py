"""WeChat Moments: WeFlow's SnsPost, moments.json of wechat-moments-exporter, and an older list (head, list[]).

Comments are rows of their own, tied to their post. A shared link without words of one's own is its title.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.columns import lengths
from pipeline.sources.ids import clean_ids, without_zero
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import Facts, Records, Source

PLATFORM = "wechat_moments"
_SNS = {
    "post_id": "tid id", "author_id": "username", "author_name": "nickname", "text": "contentDesc linkTitle title",
    "posted_at": "createTime", "links": "linkUrl",
}  # fmt: skip
_MOMENTS = {
    "post_id": "id", "author_id": "$.account.id", "author_name": "$.account.nickname", "text": "content share_title share_desc",
    "posted_at": "publish_time", "links": "share_url",
}  # fmt: skip
_LISTED = {"post_id": "tid", "text": "desc title", "posted_at": "time", "links": "link"}
_POSTS = {"sns": _SNS, "moments": _MOMENTS, "listed": _LISTED}
_LIKES = ("likes", "like")
_COMMENTS = ("comments", "comment")
_COMMENT = {
    "post_id": "id commentId", "author_id": "username fromUsername", "author_name": "nickname", "text": "content",
    "posted_at": "createTime create_time",
    "root_id": "^.tid ^.id",
}  # fmt: skip


def _path(table: str, place: str, needs: str, names: dict[str, str], *more: str) -> RecordPath:
    columns = dict.fromkeys((*" ".join(names.values()).split(), *more))
    return RecordPath(table, place, tuple(columns), frozenset(needs.split()))


_PATHS = (
    _path("comment", "**.comments[]", "nickname content refCommentId", _COMMENT, "refCommentId"),
    _path("comment", "$.list[].comment[]", "nickname content createTime", _COMMENT),
    _path("sns", "**", "contentDesc createTime", _SNS, "likes", "comments"),
    _path("moments", "$.moments[]", "content publish_time", _MOMENTS, "likes", "comments"),
    _path("listed", "$.list[]", "desc tid time", _LISTED, "like", "comment"),
)


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether posts of Moments lie in the documents."""
    return fits(names, _PATHS[2:])


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """Posts and comments."""
    for rows in batches:
        yield _comments(rows) if rows.table == "comment" else _posts(rows)


def _posts(rows: Records) -> Records:
    columns = {name: rows.first(*theirs.split()) for name, theirs in _POSTS.get(rows.table, _SNS).items()}
    columns |= {
        "platform": rows.constant(PLATFORM), "kind": rows.constant("post"), "source_dedups": rows.constant("false"),
        "likes": _length(rows, _LIKES), "comments": _length(rows, _COMMENTS),
    }  # fmt: skip
    return rows.with_columns(columns)


def _length(rows: Records, names: tuple[str, ...]) -> pa.Array:
    return lengths(next((rows.columns[name] for name in names if name in rows.columns), None), len(rows))


def _comments(rows: Records) -> Records:
    columns = {name: rows.first(*theirs.split()) for name, theirs in _COMMENT.items()}
    own, root = (clean_ids(columns[name])[0] for name in ("post_id", "root_id"))
    answered = without_zero(clean_ids(rows.first("refCommentId"))[0])
    columns |= {  # a comment's number counts below its post alone
        "post_id": pc.binary_join_element_wise(root, own, "-"),
        "parent_id": pc.coalesce(pc.binary_join_element_wise(root, answered, "-"), root),
        "platform": rows.constant(PLATFORM), "kind": rows.constant("comment"), "source_dedups": rows.constant("false"),
    }  # fmt: skip
    return rows.with_columns(columns)


FACTS = Facts(
    "WeFlow (SnsPost), Atlasoin/wechat-moments-exporter, a list of 2016 (head, list)",
    "2016 to 2026",
    "JSON, JSON Lines",
    "text, id, author, time, likes and comments as counted, links; comments with their post",
    (
        "likes and comments as lists are counted", "a shared link without words is its title", "seconds or milliseconds",
        "no author in the list of 2016", "ids of comments count below their post alone", "pictures without words are rejects",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=_PATHS, facts=FACTS)
