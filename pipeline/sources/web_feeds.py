"""RSS, Atom, RDF and JSON Feed, from files or fetched; RSSHub's feeds of Weibo become posts of Weibo.

The platform is that of the item's address, where that is a network we know, else `rss`. A title that only begins the text
is no title. Feeds show no counts but, at times, that of comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.settings import Settings
from pipeline.sources.ids import mid_of
from pipeline.sources.record_paths import RecordPath, fits
from pipeline.sources.records import Facts, Records, Source

_XML = {
    "text": "encoded content description summary", "title": "title", "post_id": "guid id link",
    "posted_at": "pubDate published date updated",
    "modified_at": "updated", "author_name": "author.name creator author feed.author.name", "author_id": "author.uri",
    "url": "link", "topics": "category", "comments": "total comments", "community": "feed.title",
}  # fmt: skip
_JSON = {
    "text": "content_html content_text summary", "title": "title", "post_id": "id url", "posted_at": "date_published date_modified",
    "modified_at": "date_modified", "author_name": "authors[].name author.name $.authors[].name $.author.name",
    "author_id": "authors[].url author.url", "url": "url external_url", "topics": "tags",
    "lang": "language", "community": "$.title",
}  # fmt: skip
_COLUMNS = tuple(dict.fromkeys((*" ".join(_JSON.values()).split(), "$.authors[].url", "$.author.url")))
_PATHS = tuple(
    RecordPath("item", "$.items[]", _COLUMNS, frozenset(("id",)), frozenset(known.split()))
    for known in ("content_html", "content_text", "url date_published", "title summary")
)
_PLATFORMS = {  # the end of the host of an address -> the platform, as other exporters of it say
    "weibo.com": "weibo", "weibo.cn": "weibo", "zhihu.com": "zhihu", "xiaohongshu.com": "xiaohongshu", "bilibili.com": "bilibili",
    "douyin.com": "douyin", "kuaishou.com": "kuaishou", "tieba.baidu.com": "tieba", "douban.com": "douban",
    "mp.weixin.qq.com": "wechat_articles", "bsky.app": "bluesky",
}  # fmt: skip
_HOST = re.compile(r"https?://([^/?#:]+)")
_OF_WEIBO = re.compile(r"weibo\.(?:com|cn)/(?:u/)?(?:(\d{5,11})/)?(?:(?:detail|status)/)?(\w{5,20})(?:[?#].*)?$")
_QUOTED = r"(?is)<blockquote>\s*-?\s*转发\s*(?:<a\b[^<>]*>)?\s*@?([^<>:：]+?)\s*(?:</a>)?\s*[:：]\s*"
_QUOTED_URL = re.compile(r"(?is)<blockquote>\s*-?\s*转发.*?weibo\.(?:com|cn)/\d+/(\w{5,20})")
_UNSAID = re.compile(r"\s+|\[(?:图片|视频)\]|<[^<>]*>|(?:\.{3}|…)$|&[a-z]+;")
_ALT = re.compile(r"""<img\b[^<>]*?\salt=["']?([^"'<>]*)[^<>]*>""")
_MAIL = r"^\s*[\w.+-]+@[\w.-]+\s*\((.*)\)\s*$"


def recognises(names: Sequence[str], _settings: Settings) -> bool:
    """Whether it is a feed in XML, or items with the names of JSON Feed."""
    return "feed:title" in names or fits(names, _PATHS)


def drafts(batches: Iterable[Records], _settings: Settings) -> Iterator[Records]:
    """One post per item."""
    for rows in batches:
        if rows.table == "item":
            named = {
                name: _first_item(rows.first(*theirs.split())) for name, theirs in _JSON.items() if name != "topics"
            }
            named["topics"] = rows.first("tags")
        else:
            named = {name: rows.first(*(f"feed:{one}" for one in theirs.split())) for name, theirs in _XML.items()}
        yield rows.with_columns(_items(rows, named | {"author_id": _author_id(rows, named["author_id"])}))


def _author_id(rows: Records, own: pa.Array) -> pa.Array:
    """The item's own author, or the feed's where the item names none."""
    prefix = "feed:" if rows.table != "item" else ""
    names = ("authors[].name", "author.name", "creator", "author")
    of_feed = _first_item(rows.first("feed:feed.author.uri", "$.authors[].url", "$.author.url"))
    is_named = pc.is_valid(_first_item(rows.first(*(prefix + name for name in names))))
    return pc.if_else(is_named, own, pc.coalesce(own, of_feed))


def _first_item(values: pa.Array) -> pa.Array:
    """Of a list written as one text its first item."""
    cut = pc.replace_substring_regex(values, "(?s)\x1f.*$", "")
    return pc.if_else(pc.equal(cut, ""), None, cut)


def _items(rows: Records, named: dict[str, pa.Array]) -> dict[str, pa.Array]:
    urls = [value or "" for value in named["url"].to_pylist()]
    places = [_weibo_place(url) for url in urls]  # per item: an address is taken apart
    pairs = list(zip(named.pop("title").to_pylist(), named["text"].to_pylist(), strict=True))
    bodies = [_Body(title or "", text or "") for title, text in pairs]  # per item: Arrow compares no prefix of each row
    quoted = [found and mid_of(found[1]) for found in (_QUOTED_URL.search(text or "") for _, text in pairs)]
    is_repost = pc.fill_null(pc.match_substring_regex(named["text"], _QUOTED), False)
    kinds = pa.array(["article" if body.has_title else "post" for body in bodies], pa.string())
    return named | {
        "platform": pa.array([_platform(url) for url in urls], pa.string()),
        "post_id": pc.coalesce(pa.array([mid for _, mid in places], pa.string()), named["post_id"]),
        "author_id": pc.coalesce(pa.array([author for author, _ in places], pa.string()), named["author_id"]),
        "author_name": pc.replace_substring_regex(named["author_name"], _MAIL, r"\1"),
        "comments": pc.if_else(pc.match_substring_regex(named["comments"], r"^\d+$"), named["comments"], None)
        if "comments" in named else rows.constant(None),
        "kind": pc.if_else(is_repost, "repost", kinds), "parent_id": pa.array(quoted, pa.string()),
        "root_id": pa.array(quoted, pa.string()), "source_dedups": rows.constant("false"),
        "text": pc.replace_substring_regex(pa.array([body.text for body in bodies], pa.string()), _QUOTED, r"//@\1:"),
    }  # fmt: skip


class _Body:
    """The text of an item with its title before it, unless the title is but the beginning of the text."""

    def __init__(self, title: str, text: str) -> None:
        said, body = _UNSAID.sub("", title), _UNSAID.sub("", _ALT.sub(r"\1", text))
        self.has_title = bool(said) and not body.startswith(said[:30]) and bool(text.strip())
        self.text = f"{title}\n{text}" if self.has_title else text if text.strip() else title


def _platform(url: str) -> str:
    host = _HOST.match(url)
    parts = host[1].lower().split(".") if host else []
    ends = (".".join(parts[start:]) for start in range(len(parts)))
    return next((_PLATFORMS[end] for end in ends if end in _PLATFORMS), "rss")


def _weibo_place(url: str) -> tuple[str | None, str | None]:
    """Author and number of the post of Weibo at this address."""
    found = _OF_WEIBO.search(url)
    if found is None:
        return None, None
    author, post = found.groups()
    return author, post if post.isdigit() else mid_of(post)


FACTS = Facts(
    "RSS 0.9 to 2.0, RDF, Atom, JSON Feed; RSSHub",
    "RSS 2.0, Atom 1.0, JSON Feed 1 and 1.1",
    "XML, JSON",
    "title and text, id, author, time, last change, address, topics, comments, language, the feed's title",
    (
        "a title that only begins the text is left out", "emoticons as pictures, whose names are kept",
        "RSSHub's posts of Weibo: number and author from the address, the quoted post as //@", "entities of the document's own are refused",
        "a feed that breaks off gives its whole items", "HTML's entities and control characters where XML has none",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, paths=_PATHS, facts=FACTS)
