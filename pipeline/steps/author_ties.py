"""Who answers whom: features of the comments an author received, and trust passed on along them. Part of the trust step."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.local_time import end_of_day, local_days
from pipeline.order import Ints, firsts, flags, floats, match_rows, numbers, run_ids, sort_rows, take_rows, tally
from pipeline.steps.author_life import Floats, Lives, ratio

RECURRENT = 3  # distinct posts on which a recurrent commenter spoke
QUARTER = 90
PRIOR = 0.5  # the trust_score without evidence
DAMPING, STEPS, CLOSE = 0.85, 100, 1e-12
# Words of someone who would buy.
INTENT = "怎么卖|怎么买|多少钱|求购|求链接|想要|下单|怎么拍"
# One row an interaction: the post and its author, whether it sells, and who answered when.
RECEIVED = pa.schema([
    ("platform", pa.string()), ("author_id", pa.string()), ("post_id", pa.string()), ("post_at", pa.timestamp("us", tz="UTC")),
    ("commercial", pa.bool_()), ("commenter_id", pa.string()), ("at", pa.timestamp("us", tz="UTC")),
    ("is_comment", pa.bool_()), ("intent", pa.bool_()),
])  # fmt: skip
_AUTHOR = ["platform", "author_id"]


def until(received: pa.Table, as_of: date) -> pa.Table:
    """The interactions up to the end of `as_of`; undated ones count for nothing."""
    end = pa.scalar(end_of_day(as_of)).cast(received["at"].type)
    return received.filter(pc.fill_null(pc.less(received["at"], end), False))


def tie_features(life: Lives, received: pa.Table) -> dict[str, Floats]:
    """Per author the features of tables.TIE_FEATURES but trust_rank, from interactions up to `as_of`; NaN where unknown."""
    owner = match_rows(received, life.keys, _AUTHOR)
    rows, owner = received.filter(pa.array(owner >= 0)), owner[owner >= 0]
    coded = rows["commenter_id"].combine_chunks().dictionary_encode()
    pair = owner * max(len(coded.dictionary), 1) + numbers(coded.indices, 0)
    own = flags(pc.equal(rows["commenter_id"], rows["author_id"]))
    heard = flags(rows["is_comment"]) & ~own
    n = len(life)
    received_n = tally(owner, heard, n)
    distinct, index = np.unique(pair[heard], return_inverse=True)
    commenters = _per_owner(distinct, pair[heard], owner[heard], n)
    posts = rows["post_id"].combine_chunks().filter(pa.array(heard)).dictionary_encode()
    spoke = np.unique(index * max(len(posts.dictionary), 1) + numbers(posts.indices, 0)) // max(
        len(posts.dictionary), 1
    )
    often = distinct[np.bincount(spoke, minlength=len(distinct)) >= RECURRENT]
    silent = received_n == 0
    found = {
        "comments_received": received_n.astype(np.float64),
        "distinct_commenters": commenters.astype(np.float64),
        "recurrent_commenter_share": ratio(_per_owner(often, pair[heard], owner[heard], n), commenters),
        "reply_rate_W90": _reply_rate(life, rows, owner, heard, own),
        "prior_tie_share": _prior_ties(life, rows, owner, pair, heard, own),
    }
    return {name: np.where(silent, np.nan, values) for name, values in found.items()}


def _per_owner(chosen: Ints, pair: Ints, owner: Ints, n: int) -> Ints:
    """How many of the `chosen` pairs (distinct) each owner has."""
    distinct, first = np.unique(pair, return_index=True)
    return tally(owner[first[np.isin(distinct, chosen)]], None, n)


def _reply_rate(life: Lives, rows: pa.Table, owner: Ints, heard: NDArray[np.bool_], own: NDArray[np.bool_]) -> Floats:
    recent = local_days(numbers(rows["at"], 0)) > life.as_of - QUARTER
    replies = flags(rows["is_comment"]) & own & recent
    return ratio(tally(owner, replies, len(life)), tally(owner, heard & recent, len(life)))


def _prior_ties(
    life: Lives, rows: pa.Table, owner: Ints, pair: Ints, heard: NDArray[np.bool_], own: NDArray[np.bool_]
) -> Floats:
    """Of those who would buy, the share that had answered a post that sold nothing before selling set in."""
    commercial = flags(rows["commercial"])
    buys = heard & commercial & flags(rows["intent"])
    dated = rows["post_at"].is_valid().to_numpy()
    before = local_days(numbers(rows["post_at"], 0)) < life.onset[owner]
    early = np.unique(pair[~own & ~commercial & dated & before])
    buyers, first = np.unique(pair[buys], return_index=True)
    whose = owner[buys][first]
    return ratio(tally(whose, np.isin(buyers, early), len(life)), tally(whose, None, len(life)))


def trust_rank(received: pa.Table, scores: pa.Table) -> pa.Table:
    """platform, author_id, trust_rank of everybody with an edge: TrustRank, where 1 is the mean.

    t = 0.85 * C^T t + 0.15 * p: an answer passes trust from who gives it to whose post it is, in shares of all posts the
    giver answered; p is shared out among the authors of `scores` with an edge by what their trust_score has above 0.5. No
    rows where none has.
    """
    from scipy.sparse import csr_array

    talk = received.filter(pc.not_equal(received["commenter_id"], received["author_id"]))
    names = ["platform", "commenter_id", "author_id", "post_id"]
    talk = talk.select(names).group_by(names, use_threads=False).aggregate([])  # an answer counts once a post
    givers = talk.select(["platform", "commenter_id"]).rename_columns(_AUTHOR)
    both = sort_rows(pa.concat_tables([givers, talk.select(_AUTHOR)]), _AUTHOR)
    nodes = both.take(pa.array(firsts(run_ids(both, _AUTHOR))))
    seed = take_rows(scores, match_rows(nodes, scores, _AUTHOR))
    p = np.maximum(np.nan_to_num(floats(seed["trust_score"]) - PRIOR), 0)
    if not p.any():
        return nodes.slice(0, 0).append_column("trust_rank", pa.array([], pa.float64()))
    p /= p.sum()
    source, target = match_rows(givers, nodes, _AUTHOR), match_rows(talk, nodes, _AUTHOR)
    given = np.bincount(source, minlength=len(nodes))
    order = np.lexsort((source, target))  # so that sums are taken in the order of names
    passes = csr_array((1 / given[source[order]], (target[order], source[order])), shape=(len(nodes), len(nodes)))
    passes.sum_duplicates()
    rank = p
    for _ in range(STEPS):
        kept = passes @ rank
        new = DAMPING * (kept + (1 - kept.sum()) * p) + (1 - DAMPING) * p  # who answers nobody passes to the seeds
        change, rank = float(np.abs(new - rank).sum()), new
        if change < CLOSE:
            break
    return nodes.append_column("trust_rank", pa.array(rank * len(nodes)))


def with_ranks(rows: pa.Table, ranks: pa.Table) -> pa.Table:
    """Rows of author_trust with the trust_rank of those who have one."""
    name = "trust_rank"
    at = rows.column_names.index(name)
    found = match_rows(rows, ranks, _AUTHOR)
    values = ranks[name].combine_chunks().take(pa.array(found, mask=found < 0))
    return rows.set_column(at, rows.schema.field(name), values)
