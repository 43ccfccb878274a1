"""Part of stage trust: comments and reposts with the posts they answer, by the bucket of the posts' authors."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.order import flags, floats, match_rows, take_rows
from pipeline.partitions import bucket_of
from pipeline.run import Run
from pipeline.stages.facts import POST_KEY
from pipeline.stages.known import Stored
from pipeline.steps.author_ties import INTENT, RECEIVED
from pipeline.steps.days import COMMERCIAL
from pipeline.threads import in_order


def received(run: Run, parts: Stored) -> dict[str, pa.Table]:
    """By bucket the interactions that its authors' posts received, as steps.author_ties.RECEIVED; empty without any."""
    talks = [talk for talk in in_order(parts.talk, parts.stems, run.threads) if len(talk)]
    if not talks:
        return {}
    talk = pa.concat_tables(talks).combine_chunks()

    def work(stem: str) -> pa.Table:
        return _answered(talk, parts.answerable(stem), parts.chances(stem))

    found = pa.concat_tables(in_order(work, parts.stems, run.threads))
    buckets = bucket_of(found, run.tx.buckets)
    return {stem: found.filter(pa.array(buckets == int(stem))) for stem in parts.stems}


def _answered(talk: pa.Table, posts: pa.Table, chances: pa.Table) -> pa.Table:
    """The interactions with these posts: with the thread's first post where it is known, else with the parent."""
    target = talk.set_column(
        talk.column_names.index("post_id"), "post_id", pc.coalesce(talk["root_id"], talk["parent_id"])
    )
    at = match_rows(target, posts, POST_KEY)
    hit = at >= 0
    rows, post = target.filter(pa.array(hit)), posts.take(pa.array(at[hit]))
    chance = take_rows(chances, match_rows(post, chances, POST_KEY))
    columns = {
        "platform": post["platform"], "author_id": post["author_id"], "post_id": post["post_id"], "post_at": post["posted_at"],
        "commercial": pa.array(floats(chance["p_sell"]) + floats(chance["p_recruit"]) >= COMMERCIAL),
        "commenter_id": rows["author_id"], "at": rows["posted_at"],
        "is_comment": pa.array(flags(pc.equal(rows["kind"], "comment"))),
        "intent": pa.array(flags(pc.match_substring_regex(rows["text_own"], INTENT))),
    }  # fmt: skip
    return pa.table(columns).cast(RECEIVED)
