"""RSS, Atom, JSON Feed and RSSHub over HTTP: fetched whole, and only where they have changed (ETag, Last-Modified)."""

from __future__ import annotations

from typing import BinaryIO

from pipeline.errors import PermanentError, TransientError
from pipeline.sources.live.feeds import Cursor, Feed, Fetch, Tools
from pipeline.sources.live.tokens import token_for

_ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/json, application/xml, */*;q=0.5"
)
_CONDITIONS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
_NOT_MODIFIED = 304


def fetch(feed: Feed, cursor: Cursor, out: BinaryIO, tools: Tools) -> Fetch:
    """The feed as it is now; no records where it is as the cursor says."""
    conditions = {header: cursor[name] for name, header in _CONDITIONS.items() if cursor.get(name)}
    try:
        answer = tools.http.download(
            feed.url, out, headers={"Accept": _ACCEPT, **conditions}, token=token_for(feed.url)
        )
    except (TransientError, PermanentError) as error:
        return Fetch(dict(cursor), failed=error)
    if answer.status == _NOT_MODIFIED:
        return Fetch(dict(cursor))
    return Fetch({name: answer.headers[name] for name in _CONDITIONS if name in answer.headers}, records=1)
