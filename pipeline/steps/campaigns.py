"""Campaigns: posts of one wording, whoever wrote them, in the order in which they came.

Leader clustering over the folded texts, in the order of posting (posted_at, platform, post_id; undated last): a text joins
the campaign of the most similar earlier exemplar, if the Jaccard similarity of their character 3-grams is at least
0.7, and else founds one itself (pipeline.steps.campaign_links says what an exemplar is, and why nothing chains). Every
link is verified exactly; the sketch only proposes. What a post belongs to depends on earlier posts alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.order import Ints, match_rows, sort_rows, sorted_rows, take_rows
from pipeline.steps.campaign_facts import UNDATED
from pipeline.steps.campaign_kinds import is_template, kinds
from pipeline.steps.campaign_texts import NEEDED, Found, Shelf, Wordings
from pipeline.tables import CLASSES, TIME, complete

EXEMPLAR_CHARS = 500
IN_ORDER = ("posted_at", "platform", "post_id")
MEMBER_ORDER = ["author_id", "posted_at", "post_id", "platform"]
_HOUR = 3_600_000_000  # microseconds
_KEYS = ("platform", "post_id")


def campaigns(posts: pa.Table, features: pa.Table, *, threads: int = 1) -> tuple[pa.Table, pa.Table]:
    """Tables campaigns and campaign_members: every group of two or more posts of one wording.

    Comments, messages and posts with fewer than 12 folded letters belong to none. Posts of the same folded text stay
    together: they go where the first of them went. `n_posts_before` and `n_authors_before` count members earlier in
    the order above; undated members have 0 and are counted by no one. A campaign's first member gets its row once a
    second one is there: a missing row means 0 before. Of `features` text_label is used, where it is there.
    """
    rows = with_labels(posts, features).append_column("place", pa.array(np.arange(len(posts))))
    wordings = Wordings(Shelf(), threads)
    wordings.add([(rows, sorted_rows(rows, IN_ORDER))])
    found = wordings.find()
    heads = posts.take(pa.array(found.place[found.facts.heads]))
    ids = campaign_ids(heads)
    members = np.flatnonzero(found.facts.campaign >= 0)
    summary = summary_rows(found, np.arange(len(ids)), heads, ids)
    joined = member_rows(found, members, posts.take(pa.array(found.place[members])), ids)
    return sort_rows(summary, ["campaign_id"]), sort_rows(joined, MEMBER_ORDER)


def with_labels(posts: pa.Table, features: pa.Table) -> pa.Table:
    """What Wordings takes, with the order's columns: `posts` and the text_label that `features` has for each."""
    rows = posts.select(list(dict.fromkeys([*IN_ORDER, *NEEDED])))
    if "text_label" not in features.column_names:
        return rows.append_column("text_label", pa.nulls(len(rows), pa.string()))
    if all(posts[key].equals(features[key]) for key in _KEYS):  # as they stand in the lake
        return rows.append_column("text_label", features["text_label"])
    labels = take_rows(features.select(["text_label"]), match_rows(posts, features, _KEYS))
    return rows.append_column("text_label", labels["text_label"])


def campaign_ids(heads: pa.Table) -> pa.Array:
    """The ids of campaigns whose first members are `heads`."""
    return pc.binary_join_element_wise(heads["platform"], heads["post_id"], ":").combine_chunks()


def member_rows(found: Found, members: Ints, rows: pa.Table, ids: pa.Array) -> pa.Table:
    """Table campaign_members for some posts, all members; `rows`: their rows of posts; `ids`: those of all campaigns."""
    text = found.text[members]
    columns: dict[str, Any] = {name: rows[name] for name in ("platform", "post_id", "author_id", "posted_at")}
    columns |= {
        "campaign_id": ids.take(pa.array(found.facts.campaign[members])),
        "similarity": pa.array(found.similarity[text]),
        "exemplar_similarity": pa.array(found.nearest[text]),
        "n_posts_before": pa.array(found.facts.posts_before[members].astype(np.int64)),
        "n_authors_before": pa.array(found.facts.authors_before[members].astype(np.int64)),
    }
    return complete(columns, "campaign_members", len(rows))


def summary_rows(found: Found, chosen: Ints, heads: pa.Table, ids: pa.Array) -> pa.Table:
    """Table campaigns for those `chosen` by number; `heads`: the rows of posts of their first members; `ids`: of all."""
    facts = found.facts
    first, last = facts.first_at[chosen], facts.last_at[chosen]
    undated = first == UNDATED
    n_posts, n_authors = facts.n_posts[chosen], facts.n_authors[chosen].astype(np.int64)
    labels = facts.labels[chosen, : len(CLASSES)]
    labelled = labels.sum(axis=1)
    template = is_template(facts, chosen, heads["text"])
    columns: dict[str, Any] = {
        "campaign_id": ids.take(pa.array(chosen)),
        "n_posts": pa.array(n_posts),
        "n_authors": pa.array(n_authors),
        "n_platforms": pa.array(facts.n_platforms[chosen]),
        "first_at": pa.array(first, mask=undated).cast(TIME),
        "last_at": pa.array(last, mask=undated).cast(TIME),
        "span_hours": pa.array((np.where(undated, 0, last - first) / _HOUR).astype(np.float32), mask=undated),
        "exemplar": pc.utf8_slice_codeunits(heads["text"], 0, EXEMPLAR_CHARS),
        "peak_per_hour": pa.array(facts.peak[chosen], mask=undated),
        "kind": kinds(facts, chosen, heads["text"], template),
        "is_template": pa.array(template),
        "first_author_id": heads["author_id"],
        "active_days": pa.array(facts.n_days[chosen], mask=undated),
        "author_overlap": _ratio(facts.n_shared[chosen], np.where(n_authors > 1, n_authors, 0)),
        "overlap_campaign_id": ids.take(pa.array(facts.other[chosen], mask=facts.other[chosen] < 0)),
        **{f"{c}_ratio": _ratio(labels[:, i], labelled) for i, c in enumerate(CLASSES)},
    }
    return complete(columns, "campaigns", len(heads))


def alias_rows(former: pa.Array, ids: pa.Array, replaced_at: Ints) -> pa.Table:
    """Table campaign_aliases: `former` ids, the ids they became, and when, row-aligned."""
    columns = {"alias_id": former, "campaign_id": ids, "replaced_at": pa.array(replaced_at).cast(TIME)}
    return sort_rows(complete(columns, "campaign_aliases", len(former)), ["alias_id"])


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> pa.Array:
    return pa.array((part / np.maximum(whole, 1)).astype(np.float32), mask=whole == 0)
