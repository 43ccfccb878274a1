"""Markup in exported texts -> text; topics, mentions and links in them -> lists.

Only the tags that platforms write are taken for markup: whatever else stands in angle brackets was typed by someone and
stays visible to the judge.
"""

from __future__ import annotations

import html
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.hashing import bytes_of
from pipeline.sources.columns import changed, has_byte, holding
from pipeline.sources.records import ITEM_END
from pipeline.tables import TEXTS
from pipeline.text.codepoints import SEPARATOR, from_arrow

_ALT = r"""(?i)<img\b[^<>]*?\salt=(?:"([^"<>]*)"|'([^'<>]*)'|([^\s"'<>]+))[^<>]*>"""
_BREAK = r"(?i)<br\s*/?>|</(?:p|div|li|h[1-6]|blockquote|tr)\s*>"
_TAG = (  # attributes need their =, so that a<b and c>d stay
    r"(?i)</?(?:a|b|i|u|s|p|em|strong|span|font|div|img|br|hr|ul|ol|li|h[1-6]|blockquote|figure|figcaption|pre|code|"
    r"""table|thead|tbody|tr|td|th|sup|sub|small|video|iframe)(?:\s+[a-z-]+=(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]*))*\s*/?>"""
)
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}\d?|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_LAST_BYTES = np.array([*b" \t\r\n\fc", "文".encode()[-1], "开".encode()[-1]], np.uint8)  # of what it matches
_TRUNCATED = r"(?:(?:\.{3}|…)\s*(?:全文|展开c?)|\s展开c?)\s*$"

# A topic on Weibo is closed (#x#), on Xiaohongshu marked (#x[话题]#), elsewhere open (#x and a space).
TOPIC = re.compile(rf"#(?!\s)([^#\r\n{SEPARATOR}]{{1,60}}?)(?:\[(?:话题|超话)\])?(?<!\s)#|#(\w{{1,30}})(?=\s|[#@]|$)")
MENTION = re.compile(r"(?<![A-Za-z0-9._%+-])@([\w·-]{1,30})")
LINK = re.compile(r"(https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+)")


MARKS = b"<&"  # a text without one of these bytes is the text a reader would see


def to_text(texts: pa.Array) -> pa.Array:
    """The texts a reader would see: <br> is a line break, an emoticon picture its [name], entities are characters."""
    return changed(texts, holding(texts, MARKS), _to_text)


def _to_text(texts: pa.Array) -> pa.Array:
    texts = pc.replace_substring_regex(texts, _ALT, r"\1\2\3")
    texts = pc.replace_substring_regex(texts, _BREAK, "\n")
    texts = pc.replace_substring_regex(texts, _TAG, "")
    places = np.flatnonzero(pc.match_substring_regex(texts, _ENTITY.pattern).to_numpy(zero_copy_only=False))
    if not len(places):
        return texts
    decoded = [_ENTITY.sub(_entity, texts[place].as_py()) for place in places]  # per text that has an entity
    return pc.replace_with_mask(texts, _mask(len(texts), places), pa.array(decoded, pa.string()))


def clean(texts: pa.Array) -> pa.Array:
    """The texts without NUL; a RECORD SEPARATOR, by which texts are joined further on, becomes a space."""
    if not has_byte(texts, b"\x00" + SEPARATOR.encode()):
        return texts
    return pc.replace_substring(pc.replace_substring(texts, "\x00", ""), SEPARATOR, " ")


def is_truncated(texts: pa.Array) -> pa.Array:
    """Whether a text ends as pages end what they cut: ...全文, …展开."""
    content, bounds = bytes_of(texts)
    filled = np.flatnonzero(np.diff(bounds))
    likely = filled[np.isin(content[bounds[1:][filled] - 1], _LAST_BYTES)]
    found = pc.match_substring_regex(texts.take(pa.array(likely)), _TRUNCATED)
    return changed(pa.repeat(False, len(texts)), likely, lambda _: found)


def find_all(texts: pa.Array, pattern: re.Pattern[str]) -> pa.Array:
    """Per text the groups that `pattern` finds, as list<string>; empty where it finds none."""
    batch = from_arrow(texts)
    hits = [(found.start(), found[found.lastindex or 0]) for found in pattern.finditer(batch.joined)]  # per hit
    rows = batch.row_of(np.array([start for start, _ in hits], np.int64))
    return _lists(rows, pa.array([item for _, item in hits], pa.string()), len(texts))


def split_items(values: pa.Array) -> pa.Array:
    """Per value the items of its list: written with ITEM_END, as a JSON list, or with commas; NULL is no item."""
    text = pc.fill_null(values, "")
    text = pc.if_else(pc.match_substring(text, ITEM_END), text, pc.replace_substring_regex(text, "[,，]", ITEM_END))
    split = pc.split_pattern(text, ITEM_END)
    items = pc.utf8_trim(pc.list_flatten(split), characters=" \t\r\n[]\"'#@")
    rows = pc.list_parent_indices(split).to_numpy()
    kept = pc.not_equal(items, "").to_numpy(zero_copy_only=False)
    return _lists(rows[kept], items.filter(pa.array(kept)), len(values))


def own_or_found(own: pa.Array, found: pa.Array) -> pa.Array:
    """Row by row the source's own list, or where it is empty what was found in the text."""
    return pc.if_else(pc.greater(pc.list_value_length(own), 0), own, found)


def _entity(found: re.Match[str]) -> str:
    character = html.unescape(found.group())
    return " " if character in ("\x00", SEPARATOR) else character


def _mask(length: int, places: NDArray[np.int64]) -> pa.Array:
    mask = np.zeros(length, bool)
    mask[places] = True
    return pa.array(mask)


def _lists(rows: NDArray[np.int64], items: pa.Array, length: int) -> pa.Array:
    offsets = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=length)))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), items, type=TEXTS)
