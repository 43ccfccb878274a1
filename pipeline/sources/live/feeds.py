"""What a feed is called, how its URL is read, and what fetching from it needs and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from pipeline.errors import UsageError, XinrenError, one_line
from pipeline.sources.http import Http, check_url, shown_url

Cursor = Mapping[str, str]  # where to go on; what it means is the source's own affair
_OF_THE_LOGIN = ("user", "password", "passfile", "sslpassword")  # parameters that PostgreSQL takes in a query, too
_FORMS = (
    "expected https://host/feed.xml, mastodon+https://host/tags/NAME, mastodon+https://host/@NAME or"
    " postgresql://host/database#table"
)


@dataclass(frozen=True)
class Feed:
    """One source: its kind (a key of FETCHES), its whole URL, and its name without secrets (the source_file of its rows)."""

    kind: str
    url: str = field(repr=False)
    name: str

    @property
    def key(self) -> str:
        """What its cursor is kept under: 16 hex of the URL without user and password."""
        parts = urlsplit(self.url)
        query = parts.query
        if self.kind == "postgres":
            query = urlencode([(name, value) for name, value in parse_qsl(query) if name not in _OF_THE_LOGIN])
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query)
        return sha256(f"{self.kind} {bare.geturl()}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Tools:
    """What fetching works with: a client, and how many rows one run may take of a feed (the rest comes next time)."""

    http: Http
    max_rows: int


@dataclass
class Fetch:
    """What came: how many records are in the file, the cursor after them, and what stopped the fetching, if anything.

    Records before an error are whole and the cursor is that after them.
    """

    cursor: dict[str, str]
    records: int = 0
    failed: XinrenError | None = None


def parse_feeds(texts: Sequence[str]) -> list[Feed]:
    """The feeds of some URLs, each once. Raises UsageError for what is none."""
    return list({feed.key: feed for feed in map(parse_feed, texts)}.values())


def parse_feed(text: str) -> Feed:
    """The feed of a URL. Raises UsageError for what is none, without showing a password."""
    scheme, sign, _ = text.partition("://")
    if sign and scheme in ("postgresql", "postgres"):
        return Feed("postgres", text, _database(text))
    if sign and scheme in ("mastodon+https", "mastodon+http"):
        url = text.removeprefix("mastodon+")
        check_url(url)
        if not timeline_of(url):
            raise UsageError(f"feed {shown_url(url)}: no tag or account; {_FORMS}")
        return Feed("mastodon", url.rstrip("/"), shown_url(url.rstrip("/")))
    if sign and scheme in ("http", "https"):
        check_url(text)
        return Feed("web_feed", text, shown_url(text))
    raise UsageError(f"feed {shown_url(text)}: {_FORMS}")


def timeline_of(url: str) -> tuple[str, str] | None:
    """("tag", name) or ("account", name) of the address of a Mastodon page; None where it is neither."""
    parts = urlsplit(url).path.strip("/").split("/")
    if len(parts) == 2 and parts[0] == "tags" and parts[1]:
        return "tag", unquote(parts[1])
    if len(parts) == 1 and parts[0].startswith("@") and len(parts[0]) > 1:
        return "account", unquote(parts[0][1:])
    return None


def _database(text: str) -> str:
    """postgresql://host/database#table, for showing."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        raise UsageError("feed postgresql://...: no URL; write : / @ and # in a password as %3A %2F %40 %23") from None
    if not parts.fragment:
        raise UsageError(f"feed {one_line(f'postgresql://{host}{port}{parts.path}', 200)}: names no table; {_FORMS}")
    return one_line(f"postgresql://{host}{port}{parts.path}#{unquote(parts.fragment)}", 200)
