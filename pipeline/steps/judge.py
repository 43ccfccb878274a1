"""posts, post_features, campaign_members -> post_judgements: text, the author's past and the campaign so far, with reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.judge_model import ContextModel, Floats, Ints, Past, chances, context_features, past_of, text_logits
from pipeline.order import flags, floats, match_rows, numbers, sort_rows, take_rows
from pipeline.steps.reasons import Flagged, reason_lists
from pipeline.tables import BROADCAST, CLASSES, REASONS, SCHEMA_VERSION, complete
from pipeline.text.linear import LinearModel
from pipeline.text.reading import Reader
from pipeline.threads import in_order

ROW_ORDER = ["author_id", "posted_at", "post_id"]
REASONS_AT_ONCE = 20_000  # posts
_KEY = ["platform", "post_id"]
# What is read of each table.
POSTS_NEEDED = [*_KEY, "author_id", "posted_at", "text", "is_repost"]
FEATURES_NEEDED = [f"p_{name}" for name in CLASSES]
MEMBER_NEEDED = ["campaign_id", "n_posts_before", "n_authors_before"]
_BROADCAST = np.array([CLASSES.index(c) for c in BROADCAST])
_GENUINE = np.array([i for i, c in enumerate(CLASSES) if c not in BROADCAST])

ContextReasons = tuple[Ints, str, pa.Array, Floats]  # rows, kind, words, weights


@dataclass(frozen=True)
class Judge:
    """The text judge, the context model over it, and the reader that finds the reasons."""

    text: LinearModel
    context: ContextModel
    reader: Reader

    @property
    def version(self) -> str:
        """Both models' versions."""
        return f"{self.text.version}+{self.context.version}"


@dataclass(frozen=True)
class Context:
    """Row-aligned with the posts: the author's past and the campaign so far."""

    author: Ints  # number, -1 unknown
    dated: NDArray[np.bool_]
    past: Past
    campaign_id: pa.Array
    posts_before: Ints
    authors_before: Ints
    features: dict[str, Floats]


def context_of(posts: pa.Table, features: pa.Table, members: pa.Table) -> Context:
    """What was known before each post; `posts` in order (see `judged`), features row-aligned with them."""
    return _context(posts, features, take_rows(members.select(MEMBER_NEEDED), match_rows(posts, members, _KEY)))


def _context(posts: pa.Table, features: pa.Table, member: pa.Table) -> Context:
    posts_before, authors_before = numbers(member["n_posts_before"], 0), numbers(member["n_authors_before"], 0)
    author = numbers(pc.dictionary_encode(posts["author_id"].combine_chunks()).indices, -1)
    dated = posts["posted_at"].is_valid().to_numpy()
    broadcast = sum(floats(features[f"p_{c}"]) for c in BROADCAST)
    logits = text_logits(np.asarray(broadcast))
    past = past_of(author, dated, logits, posts_before > 0)
    known = context_features(logits, past, posts_before, authors_before, flags(posts["is_repost"]))
    return Context(author, dated, past, member["campaign_id"].combine_chunks(), posts_before, authors_before, known)


def judgements(posts: pa.Table, features: pa.Table, members: pa.Table, *, judge: Judge, base_rate: float) -> pa.Table:
    """Table post_judgements of all posts of some authors (a platform's bucket), sorted by author_id, posted_at, post_id."""
    posts = sort_rows(posts, ROW_ORDER)
    features = take_rows(features, match_rows(posts, features, _KEY))
    member = take_rows(members.select(MEMBER_NEEDED), match_rows(posts, members, _KEY))
    return judged(posts, features, member, judge=judge, base_rate=base_rate)


def judged(
    posts: pa.Table, features: pa.Table, member: pa.Table, *, judge: Judge, base_rate: float, threads: int = 1,
    with_reasons: bool = True,
) -> pa.Table:  # fmt: skip
    """Table post_judgements, row for row with `posts`, `features` and `member` (the row of campaign_members, or NULLs).

    The posts are all those of some authors, an author's earlier ones before the later, by (posted_at, post_id), undated
    last. Reasons, for which `posts` needs its text, are found on `threads`; without them they are NULL.
    """
    context = _context(posts, features, member)
    classes = np.stack([floats(features[f"p_{c}"]) for c in CLASSES], axis=1)
    probability, is_broadcast, label = decide(classes, judge.context.logits(context.features, base_rate))
    columns = {name: posts[name] for name in (*_KEY, "author_id", "posted_at")} | {
        "label": pa.array(CLASSES, pa.string()).take(pa.array(label)),
        "broadcast_probability": pa.array(probability.astype(np.float32)),
        "is_broadcast": pa.array(is_broadcast),
        "context_basis": _basis(context),
        "author_posts_before": pa.array(np.where(context.dated, context.past.n, 0), mask=context.author < 0),
        "campaign_id": context.campaign_id,
        "judge_version": pa.repeat(pa.scalar(judge.version), len(posts)),
        "schema_version": pa.array(np.full(len(posts), SCHEMA_VERSION, np.int32)),
    }
    if with_reasons:
        flagged = Flagged(np.flatnonzero(is_broadcast), label[is_broadcast])
        columns["reasons"] = _reasons(posts, flagged, context_reasons(context, judge, flagged), judge, threads)
    return complete(columns, "post_judgements", len(posts))


def _reasons(
    posts: pa.Table, flagged: Flagged, context: list[ContextReasons], judge: Judge, threads: int
) -> pa.ChunkedArray:
    """The reasons column, some posts at a time: those of a post hang on no other's."""

    def of(start: int) -> pa.ListArray:
        end = min(start + REASONS_AT_ONCE, len(posts))
        mine = slice(*np.searchsorted(flagged.rows, [start, end]))
        here = Flagged(flagged.rows[mine] - start, flagged.label[mine])
        around = []
        for rows, kind, words, weights in context:
            part = slice(*np.searchsorted(rows, [start, end]))
            around.append((rows[part] - start, kind, words[part], weights[part]))
        return reason_lists(posts.slice(start, end - start), here, around, judge.text, judge.reader)

    starts = range(0, len(posts), REASONS_AT_ONCE)
    return pa.chunked_array(list(in_order(of, starts, threads)), REASONS)


def decide(classes: Floats, logits: Floats) -> tuple[Floats, NDArray[np.bool_], Ints]:
    """Probability of broadcasting, whether it is, and the label: the best class on that side.

    classes: texts by CLASSES; logits: log-odds of broadcasting at the stated base rate.
    """
    probability = chances(logits)
    is_broadcast = probability >= 0.5
    loud, calm = classes[:, _BROADCAST].argmax(axis=1), classes[:, _GENUINE].argmax(axis=1)
    return probability, is_broadcast, np.where(is_broadcast, _BROADCAST[loud], _GENUINE[calm])


def _basis(context: Context) -> pa.Array:
    which = np.where(context.author < 0, 0, np.where(context.dated, 2, 1))
    return pa.array(["none", "undated", "dated"]).take(pa.array(which))


def context_reasons(context: Context, judge: Judge, flagged: Flagged) -> list[ContextReasons]:
    """(rows, kind, words, weights) for the campaign and for the author's habit, where they speak for broadcasting."""
    weights = dict(zip(judge.context.names, judge.context.coefficients, strict=True))
    known, rows = context.features, flagged.rows
    campaign = (
        weights["campaign_posts"] * known["campaign_posts"] + weights["campaign_authors"] * known["campaign_authors"]
    )
    habit = weights["past"] * known["past"] + weights["repeats"] * known["repeats"]
    in_campaign = rows[(campaign[rows] > 0.05) & (context.posts_before[rows] > 0)]
    in_habit = rows[(habit[rows] > 0.05) & (context.past.n[rows] > 0)]
    before, by = context.posts_before[in_campaign], context.authors_before[in_campaign]
    said = _sentence(before, " earlier posts with these words by ", by, " authors")
    mean = context.past.logit_micro[in_habit] / 1e6 / np.maximum(context.past.n[in_habit], 1)
    share = np.round(100 * chances(mean)).astype(np.int64)
    typical = pa.array([" other undated", " earlier"]).take(pa.array(context.dated[in_habit].astype(np.int8)))
    by_text = "% likely broadcasting by text alone"
    habits = _sentence(context.past.n[in_habit], typical, " posts by this author, typically ", share, by_text)
    return [(in_campaign, "campaign", said, campaign[in_campaign]), (in_habit, "habit", habits, habit[in_habit])]


def _sentence(*parts: Ints | str | pa.Array) -> pa.Array:
    """Words and numbers in turn, joined row by row."""
    texts = [pa.scalar(part) if isinstance(part, str) else pa.array(part).cast(pa.string()) for part in parts]
    return pc.binary_join_element_wise(*texts, "")
