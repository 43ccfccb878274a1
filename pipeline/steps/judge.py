"""posts, post_features, campaign_members -> post_judgements: text, the author's past and the campaign so far, with reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.additive import Floats
from pipeline.judge_model import ContextModel, chances, decide
from pipeline.order import floats, match_rows, sort_rows, take_rows
from pipeline.steps.context import (
    CAMPAIGN,
    HABIT,
    KEY,
    MEMBER_NEEDED,
    PACE,
    PAST_HALF,
    ROW_ORDER,
    Context,
    Ints,
    known_before,
)
from pipeline.steps.context import POSTS_NEEDED as CONTEXT_POSTS
from pipeline.steps.reasons import Flagged, reason_lists
from pipeline.tables import CLASSES, REASONS, SCHEMA_VERSION, complete
from pipeline.text.linear import LinearModel
from pipeline.text.reading import Reader
from pipeline.threads import in_order

REASONS_AT_ONCE = 20_000  # posts
POSTS_NEEDED = [*CONTEXT_POSTS, "text"]  # what is read of posts
LEAST_GAIN = 0.05  # log-odds that the context must add to be given as a reason

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


def judgements(posts: pa.Table, features: pa.Table, members: pa.Table, *, judge: Judge, base_rate: float) -> pa.Table:
    """Table post_judgements of all posts of some authors (a platform's bucket), sorted by author_id, posted_at, post_id."""
    posts = sort_rows(posts, ROW_ORDER)
    features = take_rows(features, match_rows(posts, features, KEY))
    member = take_rows(members.select(MEMBER_NEEDED), match_rows(posts, members, KEY))
    return judged(posts, features, member, judge=judge, base_rate=base_rate)


def judged(
    posts: pa.Table, features: pa.Table, member: pa.Table, *, judge: Judge, base_rate: float, threads: int = 1,
    with_reasons: bool = True,
) -> pa.Table:  # fmt: skip
    """Table post_judgements, row for row with `posts`, `features` and `member` (the row of campaign_members, or NULLs).

    The posts are all those of some authors, an author's earlier ones before the later, by (posted_at, post_id), undated
    last. Reasons, for which `posts` needs its text, are found on `threads`; without them they are NULL.
    """
    context = known_before(posts, features, member)
    classes = np.stack([floats(features[f"p_{c}"]) for c in CLASSES], axis=1)
    lean = judge.context.lean(context.past_classes, context.past.n.astype(np.float64))
    probability, is_broadcast, label = decide(classes * lean, _logits(context, judge.context, base_rate))
    columns = {name: posts[name] for name in (*KEY, "author_id", "posted_at")} | {
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


def _logits(context: Context, model: ContextModel, base_rate: float) -> Floats:
    return model.logits(context.features, base_rate) + model.of_app(context.app)


def _basis(context: Context) -> pa.Array:
    which = np.where(context.author < 0, 0, np.where(context.dated, 2, 1))
    return pa.array(["none", "undated", "dated"]).take(pa.array(which))


def context_reasons(context: Context, judge: Judge, flagged: Flagged) -> list[ContextReasons]:
    """(rows, kind, words, weights) for what in the context speaks for broadcasting.

    Kinds: the campaign, the author's habit, the pace of the author's posts, and the app.
    """
    model, rows = judge.context, flagged.rows
    known = {name: values[rows] for name, values in context.features.items()}
    found = (
        ("campaign", model.gain(CAMPAIGN, known), context.posts_before[rows] > 0, _campaign_words),
        ("habit", model.gain(HABIT, known), context.past.n[rows] > 0, _habit_words),
        ("pace", model.gain(PACE, known), known["posts_in_day"] > 0, _pace_words),
        ("app", model.of_app(context.app.take(pa.array(rows))), True, _app_words),
    )
    said = [(kind, gain, (gain > LEAST_GAIN) & known_of, words) for kind, gain, known_of, words in found]
    return [(rows[here], kind, words(context, rows[here]), gain[here]) for kind, gain, here, words in said]


def _campaign_words(context: Context, rows: Ints) -> pa.Array:
    before, by = context.posts_before[rows], context.authors_before[rows]
    return _sentence(before, _many(before, " earlier post"), " with these words by ", by, _many(by, " author"))


def _habit_words(context: Context, rows: Ints) -> pa.Array:
    n = context.past.n[rows]
    mean = context.features["past"][rows] * (n + PAST_HALF) / n
    share = np.round(100 * chances(mean)).astype(np.int64)
    which = pa.array([" other undated post", " earlier post"]).take(pa.array(context.dated[rows].astype(np.int8)))
    by_text = "% likely broadcasting by text alone"
    return _sentence(n, which, _many(n, ""), " by this author, typically ", share, by_text)


def _pace_words(context: Context, rows: Ints) -> pa.Array:
    n = np.round(np.expm1(context.features["posts_in_day"][rows])).astype(np.int64)
    return _sentence(n, _many(n, " post"), " by this author within the day before")


def _app_words(context: Context, rows: Ints) -> pa.Array:
    return _sentence("posted with ", context.app.take(pa.array(rows)))


def _many(n: Ints, noun: str) -> pa.Array:
    return pa.array([noun, f"{noun}s"]).take(pa.array((n != 1).astype(np.int8)))


def _sentence(*parts: Ints | str | pa.Array) -> pa.Array:
    """Words and numbers in turn, joined row by row."""
    texts = [pa.scalar(part) if isinstance(part, str) else pa.array(part).cast(pa.string()) for part in parts]
    return pc.binary_join_element_wise(*texts, "")
