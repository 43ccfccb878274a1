"""raw_posts -> posts: one row per post, contacts and raw author ids gone, own words and folded text beside the text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.hashing import bytes_of
from pipeline.identity import keyed, keyed_ids
from pipeline.order import flags, sort_rows
from pipeline.steps.versions import merge_versions
from pipeline.tables import SCHEMA_VERSION, TABLES, TEXTS, complete, concat
from pipeline.text.codepoints import TextBatch, from_arrow, to_arrow
from pipeline.text.contacts import Contacts, find, handles_of, redact, redact_batch
from pipeline.text.cues import Lexicon
from pipeline.text.normalise import normalise

BATCH = 10_000  # posts folded at a time: their code points are held in memory
ROW_ORDER = ["author_id", "posted_at", "post_id"]
COMPUTED = (
    "contact_hashes",
    "text_own",
    "text_normalised",
    "is_repost",
    "is_auto_share",
    "schema_version",
)  # columns made here
# What is left of raw_posts once versions are merged: of most rows the longest column is text, and 2 GB of it may come.
MERGED = pa.schema(
    [
        pa.field(c.name, pa.large_string() if c.name == "text" else c.type)
        for c in TABLES["posts"]
        if c.name not in COMPUTED
    ]
)
# Weibo writes a chain of reposts as "own words//@name:their words//@...".
_CHAIN = r"(?s)\s*//\s*@.*$"
_CONTACT = "contact:"
_BEGINS_BARE = np.isin(
    np.arange(256), list(" \t\n\f\r转轉Rr".encode())
)  # bytes that a text of _BARE_REPOST may begin with
_BARE_REPOST = r"^\s*(?:转发微博|轉發微博|转发|Repost|repost)[。.!！\s]*$"


def posts(raw: pa.Table, *, key: bytes, lexicon: Lexicon, keep_contacts: bool = False) -> pa.Table:
    """Table posts of all versions of some posts (table raw_posts), sorted by author_id, posted_at, post_id.

    Author ids and mentioned names become keyed hashes; handles in texts, topics and names of communities become
    placeholders unless `keep_contacts`.
    """
    merged = with_keyed_authors(merge_versions(raw), key)
    parts = [merged.slice(start, BATCH) for start in range(0, len(merged), BATCH)]
    cleaned = [cleaned_of(part, key=key, lexicon=lexicon, keep_contacts=keep_contacts) for part in parts]
    return sort_rows(concat(cleaned, "posts"), ROW_ORDER)


def with_keyed_authors(merged: pa.Table, key: bytes) -> pa.Table:
    """The columns of MERGED: raw author ids and their forms become keyed hashes."""
    author = keyed_ids(key, merged["platform"], merged["author_id"], merged["author_id_form"])
    return pa.table({f.name: author if f.name == "author_id" else merged[f.name].cast(f.type) for f in MERGED}, MERGED)


def cleaned_of(merged: pa.Table, *, key: bytes, lexicon: Lexicon, keep_contacts: bool) -> pa.Table:
    """Table posts of merged posts (columns of MERGED), row for row."""
    hide = _as_they_are if keep_contacts else _without_handles
    text = merged["text"].combine_chunks().cast(pa.string())
    batch = from_arrow(text)
    if keep_contacts:
        unredacted = normalise(batch)
        handles, folded = find(unredacted), unredacted.batch
    else:
        redacted = redact_batch(batch)
        handles, text, folded = redacted.found, redacted.texts(text), redacted.folded.batch
    topics = merged["topics"].combine_chunks()
    own = own_words(text)
    computed = {
        "mentions": _hashed_mentions(key, merged["platform"], merged["mentions"]),
        "contact_hashes": contact_hashes(key, batch, handles),
        "kind": pc.fill_null(merged["kind"], "post"),
        "topics": _relisted(topics, hide(pc.list_flatten(topics))),
        "community": hide(merged["community"].combine_chunks()),
        "text": text,
        "text_own": own,
        "text_normalised": to_arrow(folded),
        "is_repost": pc.or_(pc.equal(pc.fill_null(merged["kind"], "post"), "repost"), pc.not_equal(own, text)),
        "is_auto_share": _auto_share(folded, lexicon),
        "schema_version": pa.array(np.full(len(merged), SCHEMA_VERSION, np.int32)),
    }
    plain = {c.name: merged[c.name] for c in TABLES["posts"] if c.name in merged.column_names}
    return complete(plain | computed, "posts", len(merged))


def _as_they_are(texts: pa.Array) -> pa.Array:
    return texts


def _without_handles(texts: pa.Array) -> pa.Array:
    """Each distinct text once: topics and communities come again and again."""
    if texts.null_count == len(texts):
        return texts
    coded = texts.dictionary_encode()
    return redact(coded.dictionary)[0].take(coded.indices)


def own_words(text: pa.Array) -> pa.Array:
    """The author's own words: what stands before a repost chain; empty where nothing does or only 转发微博."""
    passed_on = _has_two_slashes(text) | _is_bare_repost(text)
    rows = np.flatnonzero(passed_on)
    if not len(rows):
        return text
    some = text.take(pa.array(rows))
    own = pc.replace_substring_regex(pc.replace_substring_regex(some, _CHAIN, ""), _BARE_REPOST, "")
    return pc.replace_with_mask(text, pa.array(passed_on), own)


def _is_bare_repost(text: pa.Array) -> NDArray[np.bool_]:
    """Which texts are 转发微博 and no more; the expression is asked only where the first byte may begin it."""
    content, bounds = bytes_of(text)
    found = bounds[1:] > bounds[:-1]
    found[found] = _BEGINS_BARE[content[bounds[:-1][found]]]
    rows = np.flatnonzero(found)
    found[rows] = flags(pc.match_substring_regex(text.take(pa.array(rows)), _BARE_REPOST))
    return found


def _has_two_slashes(text: pa.Array) -> NDArray[np.bool_]:
    """Whether // stands in each text: no repost chain is without it. Looking at bytes is five times as fast as a search."""
    content, bounds = bytes_of(text)
    slash = content == ord("/")
    at = np.flatnonzero(slash[1:] & slash[:-1])
    found = np.zeros(len(text), bool)
    found[np.searchsorted(bounds, at[(at >= bounds[0]) & (at < bounds[-1])], side="right") - 1] = True
    return found


def _auto_share(folded: TextBatch, lexicon: Lexicon) -> pa.Array:
    """Which texts hold a strong cue of the group auto_share."""
    return pa.array(lexicon.auto_share.scan(folded, counts=True).counts.any(axis=1))


def _hashed_mentions(key: bytes, platform: pa.ChunkedArray, mentions: pa.ChunkedArray) -> pa.Array:
    lists = mentions.combine_chunks()
    if lists.null_count == len(lists):
        return lists
    parents = pc.list_parent_indices(lists)
    names = pc.list_flatten(lists)
    forms = pa.array(["name"] * len(names), pa.string())
    hashed = keyed_ids(key, platform.take(parents), names, forms)
    return _relisted(lists, hashed)


def contact_hashes(key: bytes, batch: TextBatch, handles: Contacts) -> pa.ListArray:
    """For each text the keyed hashes of its handles, distinct and sorted; NULL where there is none."""
    rows, names = handles_of(batch, handles)
    hashed = keyed(key, _CONTACT, _CONTACT, names)  # no platform is called so
    pairs = sorted(set(zip(rows.tolist(), hashed, strict=True)))  # per handle
    n = np.bincount([row for row, _ in pairs], minlength=len(batch)) if pairs else np.zeros(len(batch), np.int64)
    bounds = pa.array(np.concatenate(([0], np.cumsum(n))).astype(np.int32))
    distinct = pa.array([one for _, one in pairs], pa.string())
    return pa.ListArray.from_arrays(bounds, distinct, type=TEXTS, mask=pa.array(n == 0))


def _relisted(lists: pa.ListArray, values: pa.Array) -> pa.ListArray:
    """`lists` with other values in the same places."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    out = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values, type=lists.type)
    return pc.if_else(lists.is_valid(), out, pa.nulls(len(lists), lists.type))
