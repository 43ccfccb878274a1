"""What was known before each post: the author's past, the campaign so far, and the post's own marks, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.additive import Floats
from pipeline.judge_model import text_logits
from pipeline.order import flags, floats, match_rows, numbers, take_rows
from pipeline.tables import BROADCAST, CLASSES

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ROW_ORDER = ["author_id", "posted_at", "post_id"]
KEY = ["platform", "post_id"]
# What is read of each table.
POSTS_NEEDED = [*KEY, "author_id", "posted_at", "is_repost", "app", "likes", "comments", "reposts"]
FEATURES_NEEDED = [*(f"p_{name}" for name in CLASSES), "n_chars", "n_links", "n_mentions", "n_topics"]
MEMBER_NEEDED = ["campaign_id", "n_posts_before", "n_authors_before"]

MICRO = 1_000_000  # sums are of whole millionths, so that they do not hang on the order of rows
PAST_HALF = 3.0  # this many earlier posts say half of what many would
USUAL_CHARS = 4.0  # log of the characters of a usual post: what a past is taken for while little is known of it
MOST_MARKS = 5
WINDOWS = {"posts_in_hour": 3_600, "posts_in_day": 86_400, "posts_in_week": 7 * 86_400}  # seconds
HABIT = ("past", "repeats", "past_sell", "past_recruit", "past_bait", "past_news", "past_auto")
CAMPAIGN = ("campaign_posts", "campaign_authors")
PACE = tuple(WINDOWS)


class Past:
    """Sums over what is known of each post's author: the earlier dated posts; of an undated post, the other undated ones.

    Rows in order of time within each author (number; -1 unknown).
    """

    def __init__(self, author: Ints, dated: Bools) -> None:
        self.author = author
        self._counts, self._timeless = dated & (author >= 0), ~dated & (author >= 0)
        self.order = np.argsort(author, kind="stable")
        self.first = np.searchsorted(author[self.order], author[self.order], side="left")

    def sum(self, values: Floats) -> Ints:
        """The sum of what was known before each row, in MICRO; of an unknown author's rows 0."""
        whole = np.round(values * MICRO).astype(np.int64)
        before = np.concatenate(([0], np.cumsum(np.where(self._counts, whole, 0)[self.order])))
        out = np.empty(len(self.order), np.int64)
        out[self.order] = before[np.arange(len(self.order))] - before[self.first]
        out[~self._counts] = 0
        if self._timeless.any():
            out[self._timeless] = self._others(whole[self._timeless])
        return out

    def _others(self, own: Ints) -> Ints:
        author = self.author[self._timeless]
        total = np.zeros(int(author.max()) + 1, np.int64)
        np.add.at(total, author, own)
        return np.asarray(total[author] - own)

    @cached_property
    def n(self) -> Ints:
        """How many posts are known."""
        return self.sum(np.ones(len(self.order))) // MICRO

    def mean(self, values: Floats) -> Floats:
        """The mean of what is known, drawn to 0 while it is little."""
        return np.asarray(self.sum(values) / MICRO / (self.n + PAST_HALF))

    def within(self, seconds: Ints, window: int) -> Floats:
        """How many of the author's earlier posts lie at most `window` seconds before each; NaN for undated rows."""
        rows = self.order[self._counts[self.order]]
        life = 1 << 38  # longer than any: an author's moments do not meet another's
        at = self.author[rows] * life + seconds[rows] + life // 2
        from_ = np.searchsorted(at, np.maximum(at - window, self.author[rows] * life), side="left")
        out = np.full(len(self.order), np.nan)
        out[rows] = np.arange(len(rows)) - from_
        return out


@dataclass(frozen=True)
class Context:
    """Row-aligned with the posts: what was known before each, and the features the context model adds up."""

    author: Ints  # number, -1 unknown
    dated: Bools
    past: Past
    campaign_id: pa.Array
    posts_before: Ints
    authors_before: Ints
    app: pa.Array
    features: dict[str, Floats]  # NaN where unknown

    @property
    def past_classes(self) -> Floats:
        """Posts by CLASSES: how many posts of each class the past amounts to by its texts."""
        n = self.past.n + PAST_HALF
        told = {name: self.features[f"past_{name}"] * n for name in CLASSES if name != "share"}
        told["share"] = np.maximum(self.past.n - sum(told.values()), 0)
        return np.stack([told[name] for name in CLASSES], axis=1)


def context_of(posts: pa.Table, features: pa.Table, members: pa.Table) -> Context:
    """What was known before each post; `posts` in order (see `known_before`), features row-aligned with them."""
    return known_before(posts, features, take_rows(members.select(MEMBER_NEEDED), match_rows(posts, members, KEY)))


def known_before(posts: pa.Table, features: pa.Table, member: pa.Table) -> Context:
    """Of rows that lie side by side; an author's earlier posts before the later by (posted_at, post_id), undated last."""
    author = numbers(pc.dictionary_encode(posts["author_id"].combine_chunks()).indices, -1)
    dated = posts["posted_at"].is_valid().to_numpy()
    past = Past(author, dated)
    before = numbers(member["n_posts_before"], 0), numbers(member["n_authors_before"], 0)
    known = _said(features, past) | _campaign(*before, past) | _form(features, past)
    known |= _marks(posts, past) | _pace(posts, past)
    app = posts["app"].combine_chunks()
    return Context(author, dated, past, member["campaign_id"].combine_chunks(), *before, app, known)


def _said(features: pa.Table, past: Past) -> dict[str, Floats]:
    """By the judge of texts: of the post, and of the author's past class by class."""
    classes = {name: floats(features[f"p_{name}"]) for name in CLASSES}
    text = text_logits(np.asarray(sum(classes[name] for name in BROADCAST)))
    known = {"text": text, "past": past.mean(text), "past_known": past.n / (past.n + PAST_HALF)}
    return known | {f"past_{name}": past.mean(values) for name, values in classes.items() if name != "share"}


def _campaign(posts_before: Ints, authors_before: Ints, past: Past) -> dict[str, Floats]:
    return {
        "repeats": past.mean((posts_before > 0).astype(np.float64)),
        "campaign_posts": np.log1p(posts_before),
        "campaign_authors": np.log1p(authors_before),
    }


def _form(features: pa.Table, past: Past) -> dict[str, Floats]:
    """Length, links, @ and #, of the post and of the past."""
    chars = np.log1p(floats(features["n_chars"]))
    marks = {name: floats(features[f"n_{name}"]) for name in ("links", "mentions", "topics")}
    known = {"chars": chars, "past_chars": past.mean(chars - USUAL_CHARS)}
    known |= {name: np.minimum(values, MOST_MARKS) for name, values in marks.items()}
    return known | {f"past_{name}": past.mean((values > 0).astype(np.float64)) for name, values in marks.items()}


def _marks(posts: pa.Table, past: Past) -> dict[str, Floats]:
    """Whether it is a repost, and what readers did with it, as last seen."""
    repost = flags(posts["is_repost"]).astype(np.float64)
    counts = {name: np.log1p(floats(posts[name])) for name in ("likes", "comments", "reposts")}
    return {"is_repost": repost, "past_reposts": past.mean(repost), **counts}


def _pace(posts: pa.Table, past: Past) -> dict[str, Floats]:
    seconds = numbers(posts["posted_at"].cast(pa.timestamp("s", tz="UTC"), safe=False).cast(pa.int64()), 0)
    return {name: np.log1p(past.within(seconds, window)) for name, window in WINDOWS.items()}
