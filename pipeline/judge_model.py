"""The judge in context: how much the campaign so far and the author's past add to what the text says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LOGIT_LIMIT = 6.0  # a text alone is never surer than 1 in 400
MICRO = 1_000_000  # logits are summed as whole millionths, so that sums do not hang on the order of rows
PAST_HALF = 3.0  # this many earlier posts say half of what many would
CONTEXT = ("text", "past", "past_known", "repeats", "campaign_posts", "campaign_authors", "is_repost")


@dataclass(frozen=True)
class ContextModel:
    """Logistic regression over the CONTEXT features; `base_rate` is the share of broadcasting it was calibrated at."""

    version: str
    names: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float
    base_rate: float

    def logits(self, features: dict[str, Floats], base_rate: float) -> Floats:
        """Log-odds of broadcasting in a feed where it makes up `base_rate` of posts."""
        total = np.full(len(features["text"]), self.intercept)
        for name, coefficient in zip(self.names, self.coefficients, strict=True):
            total += coefficient * features[name]
        return total + self.shift(base_rate)

    def shift(self, base_rate: float) -> float:
        """What another share of broadcasting in the feed adds to the log-odds."""
        return _odds(base_rate) - _odds(self.base_rate)


def _odds(rate: float) -> float:
    return float(np.log(rate / (1 - rate)))


def chances(logits: Floats) -> Floats:
    """Probabilities of log-odds (SciPy's expit, but SciPy takes a sixth of a second to import)."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits))


def text_logits(broadcast: Floats) -> Floats:
    """Log-odds of P(broadcast) by text alone, within LOGIT_LIMIT."""
    low = 1 / (1 + np.exp(LOGIT_LIMIT))
    clipped = np.clip(broadcast, low, 1 - low)
    return np.asarray(np.log(clipped / (1 - clipped)))


@dataclass(frozen=True)
class Past:
    """What is known of each post's author: earlier posts (of an undated post: the author's other undated ones), the sum of
    their text logits (MICRO), and how many of them are repeats."""

    n: Ints
    logit_micro: Ints
    n_repeats: Ints


def past_of(author: Ints, dated: NDArray[np.bool_], logits: Floats, repeats: NDArray[np.bool_]) -> Past:
    """Rows in order of time within each author (number; -1 unknown): sums over the author's earlier dated rows.

    An undated row has no earlier ones: of it, the author's other undated rows.
    """
    counts, timeless = dated & (author >= 0), ~dated & (author >= 0)
    order = np.argsort(author, kind="stable")
    first = np.searchsorted(author[order], author[order], side="left")

    def before(values: Ints) -> Ints:
        total = np.concatenate(([0], np.cumsum(np.where(counts, values, 0)[order])))
        out = np.empty(len(order), np.int64)
        out[order] = total[np.arange(len(order))] - total[first]
        return np.where(counts, out, 0)

    def others(values: Ints) -> Ints:
        out, own = np.zeros(len(order), np.int64), values[timeless]
        total = np.zeros(int(author.max(initial=-1)) + 1, np.int64)
        np.add.at(total, author[timeless], own)
        out[timeless] = total[author[timeless]] - own
        return out

    columns = np.ones(len(order), np.int64), np.round(logits * MICRO).astype(np.int64), repeats.astype(np.int64)
    return Past(*(before(values) + others(values) for values in columns))


def context_features(
    logits: Floats, past: Past, posts_before: Ints, authors_before: Ints, is_repost: NDArray[np.bool_]
) -> dict[str, Floats]:
    """The CONTEXT features: a mean past logit drawn to 0 while little is known; counts as logarithms."""
    return {
        "text": logits,
        "past": past.logit_micro / MICRO / (past.n + PAST_HALF),
        "past_known": past.n / (past.n + PAST_HALF),
        "repeats": past.n_repeats / (past.n + PAST_HALF),
        "campaign_posts": np.log1p(posts_before),
        "campaign_authors": np.log1p(authors_before),
        "is_repost": is_repost.astype(np.float64),
    }
