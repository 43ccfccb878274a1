"""Mastodon's public timelines of a tag or an account, page by page.

New statuses are read upwards from the newest one known (min_id), so that whatever stops a run, the next goes on where it
stopped; the past is read downwards from there (max_id) until it ends, as many pages a run as the limits allow. A status
that was edited or counted anew comes again only where it is met again: as a boost, by another tag, or from a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from pipeline.errors import PermanentError, TransientError
from pipeline.sources.http import Answer
from pipeline.sources.live.feeds import Cursor, Feed, Fetch, Tools, timeline_of
from pipeline.sources.live.tokens import token_for

PAGE = 40  # statuses: the most that servers give
MAX_PAGES = 100  # of one run: servers let 300 requests through in five minutes
_STRAY = (
    1 << 30,
    "",
)  # what stands among statuses and is none: it is written down with them, and rejected for all to see
_LONGEST_ID = 64  # characters; a longer one would be asked for in every address from then on
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,<>]*\brel="?next"?')


@dataclass(frozen=True)
class _Page:
    statuses: list[Any]
    link: str | None  # the Link header

    @property
    def is_last(self) -> bool:
        """Whether the server links pages and none below this one."""
        return self.link is not None and not _NEXT.search(self.link)

    @property
    def below(self) -> list[str]:
        """The max_id of the linked page below. Its address is not followed: it might lead anywhere."""
        found = _NEXT.search(self.link or "")
        return parse_qs(urlsplit(found[1]).query).get("max_id", []) if found else []

    @property
    def ids(self) -> list[str]:
        """The ids of the statuses."""
        return [id_ for id_ in map(_id, self.statuses) if id_]


@dataclass
class _Reader:
    """One timeline that is being read: `at` is the address of its API."""

    feed: Feed
    tools: Tools
    out: BinaryIO
    got: Fetch
    at: str = ""
    pages: int = 0

    def has_room(self) -> bool:
        return self.pages < MAX_PAGES and self.got.records < self.tools.max_rows

    def upwards(self) -> None:
        """From the newest status known to the newest there is; each page moves the cursor."""
        while self.has_room():
            newest = _key(self.got.cursor["newest"])
            page = self._page(min_id=self.got.cursor["newest"])
            fresh = [status for status in page.statuses if _age(status) > newest]
            if not any(_key(id_) > newest for id_ in page.ids):
                return
            self._write(sorted(fresh, key=_age))
            self.got.cursor["newest"] = max(page.ids, key=_key)

    def downwards(self) -> None:
        """From where the past was left, or from the newest status, to the oldest; the last page clears the mark."""
        while self.has_room():
            below = self.got.cursor.get("below")
            page = self._page(max_id=below) if below else self._page()
            older = [id_ for id_ in page.ids if not below or _key(id_) < _key(below)]
            if older:
                known = [_key(below)] if below else []
                self._write(s for s in page.statuses if not any(k <= _age(s) < _STRAY for k in known))
                self.got.cursor.setdefault("newest", max(older, key=_key))
                self.got.cursor["below"] = min([*older, *page.below], key=_key)
            if not older or page.is_last:
                self.got.cursor.pop("below", None)
                return

    def _page(self, **where: str) -> _Page:
        self.pages += 1
        answer = ask(self.feed, self.tools, f"{self.at}?{urlencode({'limit': PAGE, **where})}")
        return _Page(_statuses(answer), answer.headers.get("link"))

    def _write(self, statuses: Iterable[Any]) -> None:
        for status in statuses:
            self.out.write(json.dumps(status, separators=(",", ":")).encode() + b"\n")
            self.got.records += 1


def fetch(feed: Feed, cursor: Cursor, out: BinaryIO, tools: Tools) -> Fetch:
    """New statuses, and as much of the past as the limits allow, one JSON object a line."""
    reader = _Reader(feed, tools, out, Fetch(dict(cursor)))
    try:
        reader.at = _address(reader)
        if "newest" in cursor:
            reader.upwards()
        if "newest" not in cursor or "below" in cursor:
            reader.downwards()
    except (TransientError, PermanentError) as error:
        reader.got.failed = error
    return reader.got


def ask(feed: Feed, tools: Tools, url: str) -> Answer:
    """The answer of a feed's server, with the token for it."""
    return tools.http.get(url, headers={"Accept": "application/json"}, token=token_for(feed.url))


def _address(reader: _Reader) -> str:
    parts = urlsplit(reader.feed.url)
    base = f"{parts.scheme}://{parts.netloc}/api/v1"
    found = timeline_of(reader.feed.url)
    assert found is not None, "parse_feed lets no other through"
    kind, name = found
    if kind == "tag":
        return f"{base}/timelines/tag/{quote(name, safe='')}"
    if "account" not in reader.got.cursor:
        answer = ask(reader.feed, reader.tools, f"{base}/accounts/lookup?{urlencode({'acct': name})}")
        account = _json(answer)
        if not isinstance(account, dict) or not account.get("id"):
            raise PermanentError(f"{answer.url}: no account; expected one named {name!r}; check the address")
        reader.got.cursor["account"] = str(account["id"])
    return f"{base}/accounts/{quote(reader.got.cursor['account'], safe='')}/statuses"


def _statuses(answer: Answer) -> list[Any]:
    statuses = _json(answer)
    if not isinstance(statuses, list):
        raise PermanentError(f"{answer.url}: got no list of statuses; expected Mastodon's API; check the address")
    return statuses


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        pass
    if "json" not in answer.headers.get("content-type", ""):
        raise PermanentError(f"{answer.url}: got a page that is no JSON; expected Mastodon's API; check the address")
    raise TransientError(f"{answer.url}: got broken JSON; expected a whole answer; run again later")


def _id(status: Any) -> str | None:
    """The id of a status; None of what is none."""
    id_ = status.get("id") if isinstance(status, dict) else None
    return str(id_) if isinstance(id_, str | int) and 0 < len(str(id_)) <= _LONGEST_ID else None


def _key(id_: str) -> tuple[int, str]:
    """Ids in the order of their age: they grow, first in length."""
    return len(id_), id_


def _age(status: Any) -> tuple[int, str]:
    """The key of a status. What is none has the key after all others."""
    id_ = _id(status)
    return _key(id_) if id_ else _STRAY
