"""NanmiCoder/MediaCrawler: posts ("contents"), comments and creators of seven platforms, as CSV, JSON, JSON Lines or the
tables of its SQLite database.

Since 2026-07-01 rows have `creator_hash` (sha256 of the user id, 16 hex) and a masked nickname in place of the user id.
Weibo's `create_time` was eight hours late until 2026-07-30 (a time of day in +0800 taken for UTC); `create_date_time`
never was, so that is read. Tags, and with them Weibo's emoticons, were removed by the exporter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.ids import clean_ids, without_zero
from pipeline.sources.records import AUTHORS, Facts, Records, Source
from pipeline.sources.titles import titled


@dataclass(frozen=True)
class Layout:
    """One of the exporter's tables: the column names that tell it from the others, and what its columns mean.

    `title` and `text` name the title and the body, `columns` what differs from _COMMON; of several names separated by
    spaces the first that holds something counts.
    """

    platform: str
    kind: str
    needs: frozenset[str]
    text: str
    title: str
    columns: dict[str, str]


def _layout(platform: str, kind: str, needs: str, *, text: str, title: str = "", **columns: str) -> Layout:
    return Layout(platform, kind, frozenset(needs.split()), text, title, columns)


_COMMON = {
    "author_id": "user_id user_link creator_hash", "author_name": "nickname user_nickname user_name",
    "modified_at": "last_modify_ts", "source_keyword": "source_keyword", "likes": "liked_count like_count",
}  # fmt: skip
_REPLIES = {"comments": "sub_comment_count"}
LAYOUTS = (  # the first that fits: a layout stands before those whose names it has and more
    _layout(
        "weibo", "comment", "comment_id note_id content comment_like_count", text="content", post_id="comment_id",
        root_id="note_id", posted_at="create_date_time create_time", likes="comment_like_count", **_REPLIES,
    ),
    _layout(
        "tieba", "comment", "comment_id note_id content tieba_name", text="content", post_id="comment_id",
        root_id="note_id", posted_at="publish_time", community="tieba_name", **_REPLIES,
    ),
    _layout(
        "xiaohongshu", "comment", "comment_id note_id content create_time", text="content", post_id="comment_id",
        root_id="note_id", posted_at="create_time", **_REPLIES,
    ),
    _layout(
        "douyin", "comment", "comment_id aweme_id content", text="content", post_id="comment_id", root_id="aweme_id",
        posted_at="create_time", **_REPLIES,
    ),
    _layout(
        "bilibili", "comment", "comment_id video_id content parent_comment_id", text="content", post_id="comment_id",
        root_id="video_id", posted_at="create_time", **_REPLIES,
    ),
    _layout(
        "kuaishou", "comment", "comment_id video_id content", text="content", post_id="comment_id", root_id="video_id",
        posted_at="create_time", **_REPLIES,
    ),
    _layout(
        "zhihu", "comment", "comment_id content_id content", text="content", post_id="comment_id", root_id="content_id",
        posted_at="publish_time", **_REPLIES,
    ),
    _layout(
        "weibo", "post", "note_id content liked_count", text="content", post_id="note_id", url="note_url",
        posted_at="create_date_time create_time", comments="comments_count", reposts="shared_count",
    ),
    _layout(
        "tieba", "post", "note_id title desc tieba_name", text="desc", title="title", post_id="note_id", url="note_url",
        posted_at="publish_time", community="tieba_name", comments="total_replay_num",
    ),
    _layout(
        "xiaohongshu", "note", "note_id title desc time", text="desc", title="title", post_id="note_id", url="note_url",
        posted_at="time", comments="comment_count", reposts="share_count", collects="collected_count",
        topics="tag_list",
    ),
    _layout(
        "douyin", "post", "aweme_id desc create_time", text="desc", title="title", post_id="aweme_id", url="aweme_url",
        posted_at="create_time", comments="comment_count", reposts="share_count", collects="collected_count",
    ),
    _layout(
        "kuaishou", "post", "video_id title viewd_count", text="desc", title="title", post_id="video_id",
        url="video_url", posted_at="create_time", views="viewd_count",
    ),
    _layout(
        "bilibili", "post", "video_id title video_play_count", text="desc", title="title", post_id="video_id",
        url="video_url", posted_at="create_time", views="video_play_count", comments="video_comment",
        reposts="video_share_count", collects="video_favorite_count",
    ),
    _layout(
        "bilibili", "post", "dynamic_id text pub_ts", text="text", post_id="dynamic_id", posted_at="pub_ts",
        likes="total_liked", comments="total_comments", reposts="total_forwards",
    ),
    _layout(
        "zhihu", "post", "content_id content_type title content_text", text="content_text desc", title="title",
        post_id="content_id", url="content_url", posted_at="created_time", likes="voteup_count",
        comments="comment_count",
    ),
)  # fmt: skip
_CREATORS = (  # of profiles, the platform and what tells it; the first that fits
    ("zhihu", frozenset(("fans", "get_voteup_count"))), ("bilibili", frozenset(("total_fans", "user_rank"))),
    ("tieba", frozenset(("fans", "registration_duration"))), ("douyin", frozenset(("fans", "interaction", "videos_count"))),
    ("xiaohongshu", frozenset(("fans", "follows", "interaction"))), ("weibo", frozenset(("fans", "follows", "desc", "tag_list"))),
)  # fmt: skip
_CREATOR = {
    "author_id": "user_id user_link creator_hash", "author_name": "nickname user_nickname user_name",
    "followers": "fans total_fans", "following": "follows", "author_posts": "videos_count", "description": "desc sign",
    "location": "ip_location",
}  # fmt: skip


def layouts_of(names: Iterable[str]) -> list[Layout]:
    """The layouts whose needed names are among these, the right one first."""
    there = frozenset(names)
    return [layout for layout in LAYOUTS if layout.needs <= there]


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether the names are one of the exporter's layouts."""
    return bool(layouts_of(names)) or _platform_of_creators(names) is not None


def _platform_of_creators(names: Iterable[str]) -> str | None:
    there = frozenset(names)
    return next((platform for platform, needs in _CREATORS if needs <= there), None)


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """One post or profile per row."""
    for rows in batches:
        layouts = layouts_of(rows.names)
        yield _named(rows, layouts[0]) if layouts else _creators(rows)


def _creators(rows: Records) -> Records:
    columns = {name: rows.first(*theirs.split()) for name, theirs in _CREATOR.items()}
    columns["platform"] = rows.constant(_platform_of_creators(rows.names))
    columns["author_id_form"] = _id_form(rows)
    return rows.with_columns(columns, AUTHORS)


def _id_form(rows: Records) -> pa.Array:
    return pc.if_else(pc.is_valid(rows.first("user_id", "user_link")), "id", "creator_hash")


def _named(rows: Records, layout: Layout) -> Records:
    columns = {name: rows.first(*theirs.split()) for name, theirs in {**_COMMON, **layout.columns}.items()}
    columns["text"] = titled(rows.first(*layout.title.split()), rows.first(*layout.text.split()))
    columns["platform"] = _platform(rows, layout)
    columns["kind"] = _kind(rows, layout)
    columns["author_id_form"] = _id_form(rows)
    columns["source_dedups"] = rows.constant("false")
    if layout.kind == "comment":
        columns["parent_id"] = _parent(rows, columns["post_id"], columns["root_id"])
    return rows.with_columns(columns)


def _platform(rows: Records, layout: Layout) -> pa.Array:
    """Early Bilibili comments have Kuaishou's columns; their videos are numbers, Kuaishou's are not."""
    if (layout.platform, layout.kind) != ("kuaishou", "comment"):
        return rows.constant(layout.platform)
    is_number = pc.fill_null(pc.match_substring_regex(rows.first("video_id"), r"^\d+$"), False)
    return pc.if_else(is_number, "bilibili", "kuaishou")


def _kind(rows: Records, layout: Layout) -> pa.Array:
    if layout.platform != "zhihu" or layout.kind == "comment":
        return rows.constant(layout.kind)
    return pc.if_else(pc.fill_null(pc.equal(rows.first("content_type"), "article"), False), "article", layout.kind)


def _parent(rows: Records, own: pa.Array, root: pa.Array) -> pa.Array:
    """The comment that is answered, or the post: "no parent" is 0, empty or the comment's own id."""
    parent, _ = clean_ids(rows.first("parent_comment_id"))
    is_own = pc.fill_null(pc.equal(parent, own), False)
    return pc.coalesce(pc.if_else(is_own, None, without_zero(parent)), root)


FACTS = Facts(
    "NanmiCoder/MediaCrawler",
    "2024 to 2026: rows with user ids, and with creator_hash since 2026-07",
    "CSV, JSON, JSON Lines, SQLite",
    "title and text, id, author, time, address, likes, comments, reposts, views, collects, topics, tieba, keyword, "
    "last change; comments with post and parent; creators as profiles",
    (
        "seven platforms told by their columns, never by the file's name", "seconds or milliseconds by platform",
        "Weibo's create_time eight hours late until 2026-07-30", "no parent as 0, empty or the comment's own id",
        "counts as text (1.2万, 10+)", "the same post under several keywords, or again with a newer last_modify_ts",
        "texts cut at ...全文", "early Bilibili comments with Kuaishou's columns", "keys that are left out",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, facts=FACTS)
