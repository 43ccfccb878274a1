"""Feeds in XML (RSS 0.9 to 2.0, RDF, Atom): one item or entry is one row.

Read with expat by hand: entities of the document's own, and nesting without end, must stop the parser at once, which
neither ElementTree nor a wrapper of it does. A feed that breaks off gives its whole items, then one reject.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.entities import html5
from pathlib import Path
from xml.parsers import expat

import numpy as np

from pipeline.sources import encodings
from pipeline.sources.framing import count_feed_items
from pipeline.sources.records import ITEM_END, Names, Plan, Records, text_array
from pipeline.sources.rejects import RefusedFileError, Reject, detail

MAX_BYTES = 1 << 26  # of a feed: 64 MB, a hundred times the largest
MAX_DEPTH = 100  # elements open at once; HTML inside Atom goes some way down
_ITEMS = {"item": ("channel", "RDF", "rdf"), "entry": ("feed",)}  # the element of a row -> what it lies in
_MANY = frozenset(("category", "enclosure"))  # elements of which an item has several
_MARKUP = frozenset(("content", "summary", "title", "div"))  # Atom may write HTML as elements
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,30});")
_OF_XML = ("amp", "lt", "gt", "quot", "apos")
_SEPARATOR = "}"
_COUNTED = "http://purl.org/rss/1.0/modules/slash/}comments"  # how many; plain `comments` is an address
NAMES = (
    "title", "description", "encoded", "content", "summary", "link", "guid", "id", "pubDate", "date", "published", "updated",
    "author", "creator", "author.name", "author.uri", "category", "comments", "total", "feed.title", "feed.link",
    "feed.author.name", "feed.author.uri", "feed.generator",
)  # fmt: skip


@dataclass(frozen=True)
class ParsedFeed:
    """The items of a feed, each a value per name of NAMES that it has; what is wrong after them, if anything."""

    items: tuple[dict[str, str], ...]
    broken: str = ""


def parse_feed(text: str) -> ParsedFeed:
    """The feed that `text` is. Raises RefusedFileError for entity declarations, deep nesting, and for what is no feed."""
    reading = _Reading()
    try:
        reading.parser.Parse(_readable(text), True)
        broken = ""
    except expat.ExpatError as error:
        broken = str(error)
    if not reading.is_feed:
        said = broken or "XML that is neither RSS nor Atom"
        raise RefusedFileError("broken_feed" if broken else "unknown_dialect", said)
    return ParsedFeed(tuple({**reading.about, **item} for item in reading.items), broken)


def feed_text(data: bytes, charset: str | None = None) -> str:
    """The bytes of a feed as text, by its byte order mark, its own declaration, `charset` (of a header), else UTF-8."""
    declared = re.match(rb"""\s*<\?xml[^>]*encoding=["']([A-Za-z0-9._-]+)""", data[:200])
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    for name in ("utf-8-sig", declared[1].decode() if declared else "", charset or ""):
        try:
            return data.decode("gb18030" if name.lower() in ("gbk", "gb2312") else name or "ascii")
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("utf-8", "replace")


def _readable(text: str) -> str:
    """The text without characters that XML cannot hold, HTML's named entities as characters."""
    text = _UNWRITABLE.sub("", text.lstrip("\ufeff \t\r\n"))
    return _NAMED.sub(
        lambda found: found[0] if found[1] in _OF_XML or f"{found[1]};" not in html5 else html5[f"{found[1]};"], text
    )


@dataclass
class _Reading:
    """What the parser has met so far."""

    items: list[dict[str, str]] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)
    is_feed: bool = False
    item: dict[str, str] | None = None
    names: list[str] = field(default_factory=list)  # local names of the elements that are open
    texts: list[list[str]] = field(default_factory=list)
    depth_of_item: int = 0

    def __post_init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.EntityDeclHandler = self.refuse
        self.parser.ExternalEntityRefHandler = self.refuse

    def refuse(self, *_: object) -> int:
        """What a feed never declares."""
        raise RefusedFileError("unsafe_xml", "a declared or external entity")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element opens."""
        name = "total" if tag == _COUNTED else tag.rpartition(_SEPARATOR)[2]
        above = self.names[-1] if self.names else ""
        self.names.append(name)
        self.texts.append([])
        if len(self.names) > MAX_DEPTH:
            raise RefusedFileError("unsafe_xml", f"more than {MAX_DEPTH} elements in one another")
        self.is_feed |= self.names in (["rss", "channel"], ["RDF"], ["feed"])
        if self.item is None and above in _ITEMS.get(name, ()):
            self.item, self.depth_of_item = {}, len(self.names)
            return
        if name == "link" and attributes.get("rel", "alternate") == "alternate" and attributes.get("href"):
            self.keep("link", attributes["href"])
        if name == "category" and (term := attributes.get("term") or attributes.get("label")):
            self.keep("category", term)

    def characters(self, text: str) -> None:
        """Text in the element that is open; below markup that is written as elements it is text of HTML."""
        if self.texts:
            self.texts[-1].append(html.escape(text, quote=False) if self._in_markup(self.names[:-1]) else text)

    def end(self, _tag: str) -> None:
        """An element closes: its text is a value of the item, or of the markup around it."""
        name, text = self.names.pop(), "".join(self.texts.pop())
        if self.item is not None and len(self.names) == self.depth_of_item - 1:
            self.items.append(self.item)
            self.item = None
        elif self._in_markup(self.names):
            self.texts[-1].append(f"<{name}>{text}</{name}>" if name != "div" else text)
        elif text.strip():
            self.keep(name, text.strip())

    def _in_markup(self, names: list[str]) -> bool:
        return self.item is not None and not _MARKUP.isdisjoint(names[self.depth_of_item :])

    def keep(self, name: str, text: str) -> None:
        """A value of the item, or of the feed as a whole."""
        depth = len(self.names) - self.depth_of_item
        if self.names and self.names[-1] == "author" and name in ("name", "uri"):
            name = f"author.{name}"
        if self.item is None:
            name = f"feed.{name}"
            if name in NAMES and "image" not in self.names:
                self.about.setdefault(name, text)
        elif name in NAMES and depth <= 2:
            if name in _MANY:
                self.item[name] = f"{self.item.get(name, '')}{text}{ITEM_END}"
            else:
                self.item.setdefault(name, text)


@dataclass(frozen=True)
class FeedFile:
    """A file that is a feed."""

    text: str
    parsed: ParsedFeed
    names: Names = tuple(f"feed:{name}" for name in NAMES)

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every item, in batches, then a reject where the feed breaks off."""
        items = self.parsed.items
        for start in range(0, len(items), plan.batch_rows):
            batch = items[start : start + plan.batch_rows]
            columns = {f"feed:{name}": text_array([item.get(name) for item in batch]) for name in NAMES}
            numbers = np.arange(start + 1, start + 1 + len(batch))
            yield Records(
                self.names, numbers, columns, lambda number: json.dumps(items[number - 1], ensure_ascii=False)
            )
        if self.parsed.broken:
            reject = Reject(len(items) + 1, "broken_feed", detail("broken_feed", self.parsed.broken))
            yield Records(self.names, np.empty(0, np.int64), {}, lambda _: "", (reject,))

    def framed(self) -> int | None:
        """Items by their tags alone; None where the feed is broken."""
        return None if self.parsed.broken else count_feed_items(self.text)


def open_feed(path: Path, encoding: str) -> FeedFile:
    """The file as a feed. Raises RefusedFileError as parse_feed does, and where it is too large."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise RefusedFileError("too_large_document", f"{size} bytes, at most {MAX_BYTES}")
    text = encodings.whole_text(path, encoding)
    return FeedFile(text, parse_feed(text))
