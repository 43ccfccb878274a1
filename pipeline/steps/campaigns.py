"""Campaigns: posts of one wording, whoever wrote them, in the order in which they came.

Leader clustering over the folded texts: in the order of posting (posted_at, platform, post_id; undated last) a text
joins the most similar earlier first member, if the Jaccard similarity of their character 3-grams is at least 0.7, and
else becomes a first member itself. Every link is verified exactly; the sketch only proposes, and misses 1 pair in 800
at 0.7 and none in practice above 0.8. A wording that drifts splits into several campaigns, and no chain of small edits
joins strangers. What a post belongs to depends on earlier posts alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.order import Ints, firsts, flags, match_rows, numbers, sort_rows, take_rows, tally
from pipeline.tables import BANDS, TIME, complete
from pipeline.text.codepoints import from_arrow
from pipeline.text.sketch import Grams, fold, grams

LEAST_SIMILARITY = 0.7  # the threshold at which duplication was measured on spam and on honest posts (0.6 joins topics)
EXEMPLAR_CHARS = 500
NO_BROADCAST = ("comment", "message")  # talk: greetings and thanks repeat without anyone broadcasting
_HOUR = 3_600_000_000  # microseconds
_UNDATED = -(2**63)
_KEYS = ("platform", "post_id")
_IN_ORDER = ("posted_at", "platform", "post_id")


def campaigns(posts: pa.Table, features: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Tables campaigns and campaign_members: every group of two or more posts of one wording.

    Comments, messages and posts without a sketch (under 12 folded characters) belong to none. Posts of the same folded
    text stay together: they go where the first of them went. kind is `template` where most members are app-made,
    `repost` where most are reposts, `same_author` where one known author wrote them all, else `flood`.
    `n_posts_before` and `n_authors_before` count members earlier in the order above; undated members have 0 and are
    counted by no one. A campaign's first member gets its row once a second one is there: a missing row means 0 before.
    """
    texts = _candidates(posts, features)
    folded = fold(texts["text_normalised"].combine_chunks()).dictionary_encode()
    text_of = numbers(folded.indices, -1)  # numbered by first appearance, so text numbers are in order too
    first_row = np.unique(text_of, return_index=True)[1]
    leader, similarity = _lead(folded.dictionary, _band_keys(texts, first_row))
    joined = texts.append_column("similarity", pa.array(similarity[text_of].astype(np.float32)))
    return _tables(joined, leader[text_of])


def _candidates(posts: pa.Table, features: pa.Table) -> pa.Table:
    """The posts that may belong to a campaign, with their sketch, in order."""
    sketch = take_rows(features.select(["sketch"]), match_rows(posts, features, _KEYS))["sketch"]
    talk = pc.fill_null(pc.is_in(posts["kind"], pa.array(NO_BROADCAST)), False)
    told = pc.and_(pc.invert(talk), pc.is_valid(sketch))
    return sort_rows(posts.append_column("sketch", sketch).filter(told), _IN_ORDER)


def _band_keys(texts: pa.Table, rows: Ints) -> NDArray[np.uint32]:
    """Band keys, shape (rows, 16), of some rows."""
    chosen = texts["sketch"].take(pa.array(rows)).combine_chunks()
    return np.asarray(chosen.flatten()).reshape(len(rows), BANDS.list_size)


def _lead(texts: pa.Array, keys: NDArray[np.uint32]) -> tuple[Ints, NDArray[np.float64]]:
    """For each distinct text, in order: the number of the text it joins (itself if none), and the similarity."""
    leader, similarity = np.arange(len(texts)), np.ones(len(texts))
    _, bucket, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    buckets = np.where(sizes[bucket] > 1, bucket, -1).reshape(keys.shape)
    # A text that shares no key with any other can neither lead nor join; only the rest go through the loop.
    looped = np.flatnonzero((buckets >= 0).any(axis=1))
    found, similar = _lead_in_turn(texts.take(pa.array(looped)), buckets[looped])
    leader[looped], similarity[looped] = looped[found], similar
    return leader, similarity


def _lead_in_turn(texts: pa.Array, buckets: Ints) -> tuple[Ints, NDArray[np.float64]]:
    """As `_lead`, for texts of which each shares a bucket with another; -1 is no bucket."""
    exact = _Exact(texts)
    leader, similarity = np.arange(len(texts)), np.ones(len(texts))
    led: dict[int, list[int]] = {}  # bucket -> the first members in it
    for text in range(len(texts)):  # a loop because whether a text leads hangs on who led before it
        mine = [b for b in buckets[text].tolist() if b >= 0]
        rivals = sorted({rival for b in mine for rival in led.get(b, ())})
        if rivals:
            scores = exact.similarities(text, np.array(rivals))
            best = int(np.argmax(scores))  # the first of the greatest: ties go to the earliest
            if scores[best] >= LEAST_SIMILARITY:
                leader[text], similarity[text] = rivals[best], scores[best]
                continue
        for b in mine:
            led.setdefault(b, []).append(text)
    return leader, similarity


class _Exact:
    """Exact Jaccard similarities of one text to several: 3-grams are numbered, a text's own are marked in a table."""

    def __init__(self, folded: pa.Array) -> None:
        found: Grams
        found, self._sizes = grams(from_arrow(folded))
        self._starts = np.cumsum(self._sizes) - self._sizes
        distinct, self._ids = np.unique(found, return_inverse=True)
        self._marked = np.zeros(len(distinct), bool)

    def similarities(self, text: int, others: Ints) -> NDArray[np.float64]:
        own = self._ids[self._starts[text] : self._starts[text] + self._sizes[text]]
        sizes = self._sizes[others]
        ends = np.cumsum(sizes)
        theirs = self._ids[np.arange(ends[-1]) + np.repeat(self._starts[others] - (ends - sizes), sizes)]
        self._marked[own] = True
        shared = np.add.reduceat(self._marked[theirs].astype(np.int64), ends - sizes)
        self._marked[own] = False
        return np.asarray(shared / (len(own) + sizes - shared))


def _tables(texts: pa.Table, leader: Ints) -> tuple[pa.Table, pa.Table]:
    """Both tables, from the posts in order and for each the number of the text that leads it."""
    sizes = np.bincount(leader, minlength=1)
    kept = np.flatnonzero(sizes[leader] > 1)
    kept = kept[np.argsort(leader[kept], kind="stable")]  # by campaign, inside it in order
    group = np.cumsum(np.diff(leader[kept], prepend=-1) > 0) - 1
    rows = texts.take(pa.array(kept)).combine_chunks()
    author = _numbered(rows, ("platform", "author_id"))
    heads = rows.take(pa.array(firsts(group)))
    names = pc.binary_join_element_wise(heads["platform"], heads["post_id"], ":").combine_chunks()
    found = {"campaign_id": names, **_times(rows, group), **_counts(rows, heads, group, author)}
    members = {"campaign_id": names.take(pa.array(group)), **_before(rows, group, author)}
    return (
        sort_rows(complete(found, "campaigns", len(heads)), ["campaign_id"]),
        sort_rows(complete(members, "campaign_members", len(rows)), ["author_id", "posted_at", "post_id", "platform"]),
    )


def _numbered(rows: pa.Table, keys: tuple[str, ...]) -> Ints:
    """A number for each distinct value of the string keys; -1 where one of them is NULL."""
    joined = pc.binary_join_element_wise(*[rows[key] for key in keys], "\x1f")
    return numbers(joined.combine_chunks().dictionary_encode().indices, -1)


def _new(group: Ints, value: Ints) -> NDArray[np.bool_]:
    """Where a value of at least 0 stands for the first time in its group."""
    first = np.zeros(len(group), bool)
    first[np.unique(np.column_stack([group, value]), axis=0, return_index=True)[1]] = True
    return first & (value >= 0)


def _before(rows: pa.Table, group: Ints, author: Ints) -> dict[str, Any]:
    """Columns of campaign_members, for rows by campaign and in order."""
    start = firsts(group)[group]
    dated = pc.is_valid(rows["posted_at"]).to_numpy(zero_copy_only=False)
    new = _new(group, author)
    authors: Ints = np.cumsum(new) - new  # in all campaigns so far, this row left out
    columns = {name: rows[name] for name in ("platform", "post_id", "author_id", "posted_at", "similarity")}
    return columns | {
        "n_posts_before": pa.array(np.where(dated, np.arange(len(rows)) - start, 0)),
        "n_authors_before": pa.array(np.where(dated, authors - authors[start], 0)),
    }


def _times(rows: pa.Table, group: Ints) -> dict[str, Any]:
    """first_at, last_at, span_hours and peak_per_hour of each campaign; NULL where no member has a date."""
    at = numbers(rows["posted_at"], _UNDATED)
    start, n = firsts(group), len(firsts(group))
    first, last = at[start], np.maximum.reduceat(at, start)
    undated = first == _UNDATED
    dated = at != _UNDATED
    hours, per_hour = np.unique(np.column_stack([group[dated], at[dated] // _HOUR]), axis=0, return_counts=True)
    peak = np.zeros(n, np.int64)
    np.maximum.at(peak, hours[:, 0], per_hour)
    return {
        "first_at": pa.array(first, mask=undated).cast(TIME),
        "last_at": pa.array(last, mask=undated).cast(TIME),
        "span_hours": pa.array(np.where(undated, 0, last - first) / _HOUR, mask=undated),
        "peak_per_hour": pa.array(peak, mask=undated),
    }


def _counts(rows: pa.Table, heads: pa.Table, group: Ints, author: Ints) -> dict[str, Any]:
    """The other columns of campaigns."""
    n = len(heads)
    n_posts, n_authors = tally(group, None, n), tally(group, _new(group, author), n)
    app_made = tally(group, flags(rows["is_auto_share"]), n) * 2 > n_posts
    reposts = tally(group, flags(rows["is_repost"]), n) * 2 > n_posts
    one_author = (n_authors == 1) & (tally(group, author < 0, n) == 0)
    kind = np.select([app_made, reposts, one_author], ["template", "repost", "same_author"], "flood")
    return {
        "n_posts": pa.array(n_posts),
        "n_authors": pa.array(n_authors),
        "n_platforms": pa.array(tally(group, _new(group, _numbered(rows, ("platform",))), n)),
        "exemplar": pc.utf8_slice_codeunits(heads["text"], 0, EXEMPLAR_CHARS),
        "kind": pa.array(kind, pa.string()),
        "is_template": pa.array(app_made),
    }
