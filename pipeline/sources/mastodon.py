"""Mastodon statuses, as its API gives them (timelines, search, an account's archive): JSON lists or one object per line.

The ids in a status are those of the server that was asked, so that two servers give one status two ids and two accounts
one. What is global is `uri`, and that is the id here; an author is known by the address of the account. Whom a reply
answers is said by a local id alone; its uri can be told where the answered account lives on the server that was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import ITEM_END, Facts, Records, Source

_COLUMNS = (
    "id", "uri", "url", "created_at", "edited_at", "content", "spoiler_text", "language", "application.name",
    "replies_count", "reblogs_count", "favourites_count", "in_reply_to_id", "in_reply_to_account_id", "tags[].name",
    "mentions[].acct", "mentions[].id", "mentions[].url", "reblog.id", "reblog.uri", "reblog.content",
    "reblog.spoiler_text", "reblog.account.acct", "account.id", "account.uri", "account.url", "account.acct",
    "account.username", "account.display_name", "account.created_at", "account.followers_count",
    "account.following_count", "account.statuses_count",
)  # fmt: skip
_NEEDS = frozenset(["id", "account", "content", "created_at"])
_KNOWN = frozenset(["account", "favourites_count", "reblogs_count", "visibility"])
PATHS = tuple(
    RecordPath("status", path, _COLUMNS, needs=_NEEDS, known_by=_KNOWN)
    for path in ("$", "$[]", "$.statuses[]", "**.reblog")
)
_PLAIN = {
    "url": "url", "posted_at": "created_at", "modified_at": "edited_at", "lang": "language", "app": "application.name",
    "likes": "favourites_count", "comments": "replies_count", "reposts": "reblogs_count", "topics": "tags[].name",
    "mentions": "mentions[].acct", "author_created_at": "account.created_at", "followers": "account.followers_count",
    "following": "account.following_count", "author_posts": "account.statuses_count",
}  # fmt: skip
_PROFILE = r"^(https?://[^/]+)/@([^/@]+)$"  # of an account on its own server


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether there are statuses among the objects of a JSON document."""
    return fits(names, PATHS[:-1])  # what is boosted is inside a status, wherever that lies


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """One post per status; a boost is a repost of nothing but the status it passes on, which is a row of its own."""
    for rows in batches:
        columns = {name: rows.first(theirs) for name, theirs in _PLAIN.items()}
        is_boost = rows.first("reblog.id").is_valid()
        is_reply = pc.and_not(rows.first("in_reply_to_id").is_valid(), is_boost)
        is_thread = pc.fill_null(pc.equal(rows.first("in_reply_to_account_id"), rows.first("account.id")), False)
        columns |= {
            "platform": rows.constant("mastodon"),
            "post_id": rows.first("uri", "id"),
            "author_id": rows.first("account.uri", "account.url", "account.id"),
            "author_name": rows.first("account.display_name", "account.username"),
            "text": pc.if_else(is_boost, _passed_on(rows), _titled(rows, "spoiler_text", "content")),
            "kind": pc.if_else(is_boost, "repost", pc.if_else(pc.and_not(is_reply, is_thread), "comment", "post")),
            "parent_id": pc.if_else(is_boost, rows.first("reblog.uri", "reblog.id"), _answered(rows, is_thread)),
            "source_dedups": rows.constant("false"),
        }
        yield rows.with_columns(columns)


def _titled(rows: Records, title: str, body: str) -> pa.Array:
    """The content warning, a line break, the content."""
    titles, bodies = rows.first(title), pc.fill_null(rows.first(body), "")
    return pc.coalesce(pc.binary_join_element_wise(titles, bodies, "\n"), bodies)


def _passed_on(rows: Records) -> pa.Array:
    """The boosted text after its author, in the form in which a repost says that none of the words are its own."""
    author = pc.fill_null(rows.first("reblog.account.acct"), "")
    return pc.binary_join_element_wise("//@", author, ": ", _titled(rows, "reblog.spoiler_text", "reblog.content"), "")


def _answered(rows: Records, is_thread: pa.Array) -> pa.Array:
    """The uri of the status that is answered, where its author's account is on the server that was asked."""
    own = pc.coalesce(rows.first("account.uri"), _actor(rows.first("account.url")))
    is_local = pc.invert(pc.match_substring(pc.fill_null(rows.first("account.acct"), "@"), "@"))
    own = pc.if_else(is_local, own, None)
    actor = pc.if_else(is_thread, own, _actor(_mentioned(rows)))
    return pc.binary_join_element_wise(actor, rows.first("in_reply_to_id"), "/statuses/")


def _actor(profile: pa.Array) -> pa.Array:
    """https://server/users/name of https://server/@name; NULL for other addresses."""
    is_profile = pc.fill_null(pc.match_substring_regex(profile, _PROFILE), False)
    return pc.if_else(is_profile, pc.replace_substring_regex(profile, _PROFILE, r"\1/users/\2"), None)


def _mentioned(rows: Records) -> pa.Array:
    """The profile of the mentioned account that is answered, if it is one of the server's own."""
    names = ("in_reply_to_account_id", "mentions[].id", "mentions[].acct", "mentions[].url")
    columns = [pc.fill_null(rows.first(name), "").to_pylist() for name in names]
    return pa.array([_own_of(*row) for row in zip(*columns, strict=True)], pa.string())  # per row: lists in parallel


def _own_of(wanted: str, ids: str, accts: str, urls: str) -> str | None:
    mentions = zip(*(text.split(ITEM_END) for text in (ids, accts, urls)), strict=False)
    return next((url for id_, acct, url in mentions if wanted and id_ == wanted and "@" not in acct), None)


FACTS = Facts(
    "Mastodon's API, and servers that speak it",
    "API v1",
    "JSON, JSON Lines; live: timelines of tags and accounts",
    "text with its content warning, id and author as global addresses, time, last edit, client, language, address, likes, "
    "comments, reposts, topics, mentions, the author's counts and age",
    (
        "a boost is a repost with its parent, and what it boosts a post of its own", "links shortened by hidden spans are whole",
        "local ids that other servers give to other posts", "replies whose parent is known by a local id alone",
        "edits as newer versions", "posts of pictures alone are rejects",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=PATHS, facts=FACTS)
