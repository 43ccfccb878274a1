"""raw_posts -> posts: one row per post, contacts and raw author ids gone, own words and folded text beside the text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.identity import keyed_ids
from pipeline.order import sort_rows
from pipeline.steps.versions import merge_versions
from pipeline.tables import SCHEMA_VERSION, TABLES, complete, concat
from pipeline.text.codepoints import TextBatch, from_arrow, to_arrow
from pipeline.text.contacts import redact
from pipeline.text.cues import Lexicon, find_cues
from pipeline.text.normalise import normalise

BATCH = 10_000  # posts folded at a time: their code points are held in memory
ROW_ORDER = ["author_id", "posted_at", "post_id"]
# Weibo writes a chain of reposts as "own words//@name:their words//@...".
_CHAIN = r"(?s)\s*//\s*@.*$"
_BARE_REPOST = r"^\s*(?:转发微博|轉發微博|转发|Repost|repost)[。.!！\s]*$"


def posts(raw: pa.Table, *, key: bytes, lexicon: Lexicon, keep_contacts: bool = False) -> pa.Table:
    """Table posts of all versions of some posts (table raw_posts), sorted by author_id, posted_at, post_id.

    Author ids and mentioned names become keyed hashes; handles in texts, topics and names of communities become
    placeholders unless `keep_contacts`.
    """
    merged = merge_versions(raw)
    parts = [merged.slice(start, BATCH) for start in range(0, len(merged), BATCH)]
    cleaned = [_cleaned(part, key=key, lexicon=lexicon, keep_contacts=keep_contacts) for part in parts]
    return sort_rows(concat(cleaned, "posts"), ROW_ORDER)


def _cleaned(merged: pa.Table, *, key: bytes, lexicon: Lexicon, keep_contacts: bool) -> pa.Table:
    hide = _as_they_are if keep_contacts else _without_handles
    text = hide(merged["text"].combine_chunks())
    topics = merged["topics"].combine_chunks()
    folded = normalise(from_arrow(text)).batch
    is_repost = pc.or_(
        pc.equal(pc.fill_null(merged["kind"], "post"), "repost"),
        pc.or_(pc.match_substring_regex(text, _CHAIN), pc.match_substring_regex(text, _BARE_REPOST)),
    )
    computed = {
        "author_id": keyed_ids(key, merged["platform"], merged["author_id"], merged["author_id_form"]),
        "mentions": _hashed_mentions(key, merged["platform"], merged["mentions"]),
        "kind": pc.fill_null(merged["kind"], "post"),
        "topics": _relisted(topics, hide(pc.list_flatten(topics))),
        "community": hide(merged["community"].combine_chunks()),
        "text": text,
        "text_own": own_words(text),
        "text_normalised": to_arrow(folded),
        "is_repost": is_repost,
        "is_auto_share": _auto_share(folded, lexicon),
        "schema_version": pa.array(np.full(len(merged), SCHEMA_VERSION, np.int32)),
    }
    plain = {c.name: merged[c.name] for c in TABLES["posts"] if c.name in merged.column_names}
    return complete(plain | computed, "posts", len(merged))


def _as_they_are(texts: pa.Array) -> pa.Array:
    return texts


def _without_handles(texts: pa.Array) -> pa.Array:
    return pc.if_else(texts.is_valid(), redact(texts)[0], texts)


def own_words(text: pa.Array) -> pa.Array:
    """The author's own words: what stands before a repost chain; empty where nothing does or only 转发微博."""
    return pc.replace_substring_regex(pc.replace_substring_regex(text, _CHAIN, ""), _BARE_REPOST, "")


def _auto_share(folded: TextBatch, lexicon: Lexicon) -> pa.Array:
    hits = find_cues(folded, lexicon, "auto_share")
    strong = np.array([cue.weight == "strong" for cue in lexicon.cues])
    rows = folded.row_of(hits.starts[strong[hits.cue]])
    return pa.array(np.bincount(rows, minlength=len(folded)) > 0)


def _hashed_mentions(key: bytes, platform: pa.ChunkedArray, mentions: pa.ChunkedArray) -> pa.Array:
    lists = mentions.combine_chunks()
    parents = pc.list_parent_indices(lists)
    names = pc.list_flatten(lists)
    forms = pa.array(["name"] * len(names), pa.string())
    hashed = keyed_ids(key, platform.take(parents), names, forms)
    return _relisted(lists, hashed)


def _relisted(lists: pa.ListArray, values: pa.Array) -> pa.ListArray:
    """`lists` with other values in the same places."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    out = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values, type=lists.type)
    return pc.if_else(lists.is_valid(), out, pa.nulls(len(lists), lists.type))
