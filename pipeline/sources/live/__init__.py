"""Sources that are asked, not read: a timeline, a feed, a table of a database.

What such a source answers is written to a file as it came, and that file is gathered like any other: the same dialects,
rejects and laws. Beside it goes a cursor, where to go on next time, which the lake keeps in `source_cursors` and changes
together with the data, so that no crash loses or doubles a row. A new kind of source is a module with a `fetch`, a line in
FETCHES and a form of URL in `feeds`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from pipeline.sources.live import mastodon_timeline, postgres, web_feed
from pipeline.sources.live.feeds import Cursor, Feed, Fetch, Tools, parse_feed, parse_feeds

__all__ = ["FETCHES", "Cursor", "Feed", "Fetch", "Tools", "parse_feed", "parse_feeds"]

FETCHES: dict[str, Callable[[Feed, Cursor, BinaryIO, Tools], Fetch]] = {
    "mastodon": mastodon_timeline.fetch,
    "web_feed": web_feed.fetch,
    "postgres": postgres.fetch,
}
