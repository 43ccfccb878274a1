"""Stage summary: all of it -> daily_summary, daily_feelings."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from pipeline.order import numbers
from pipeline.run import Counts, Progress, Run, beside, by_bucket, by_stem, digest, hash_of, hashes, is_current, publish
from pipeline.spill import Spill
from pipeline.steps.summary import author_scores, summed
from pipeline.steps.summary_parts import Part, nothing, part_of_days

_FORM = 3  # of what is written: raised when it changes
TABLES = ("posts", "post_features", "post_judgements", "author_days")
WRITTEN = ("daily_summary", "daily_feelings")
POSTS = [
    "platform", "post_id", "author_id", "posted_at", "kind", "is_repost", "is_auto_share", "topics", "source_keywords",
]  # fmt: skip
JUDGEMENTS = ["label", "is_broadcast", "campaign_id"]
TRUST = ["platform", "author_id", "trust_score"]


def summary(run: Run) -> Counts:
    """All of it -> daily_summary and daily_feelings, with trust as of the newest day there is; a bucket of authors at a time."""
    newest = max((file.keys["part_as_of"] for file in run.tx.data_files("author_trust")), default="")
    trust = {
        stem: [file for file in files if file.keys["part_as_of"] == newest]
        for stem, files in by_stem(run, "author_trust").items()
    }
    of_trust = hash_of(file for stem in sorted(trust) for file in trust[stem])
    derived_from = digest("summary", _FORM, *(hashes(run, table) for table in TABLES), of_trust)
    if not is_current(run, "daily_summary", derived_from):
        days = by_stem(run, "author_days")
        scores = (
            author_scores(
                run.tx.rows_of("author_days", files, ["platform", "author_id", "date", "n_posts", "engagement"]),
                run.tx.rows_of("author_trust", trust.get(stem, []), TRUST),
            )
            for stem, files in days.items()
        )
        named = Spill(run.tx.scratch, "named", nothing().named.schema)
        sums = [_set_aside(part, named, run.tx.buckets) for part in _parts(run)]
        found = summed(sums, (named.take(part) for part in named.parts()), scores)
        publish(run, "daily_summary", found.daily_summary, derived_from)
        publish(run, "daily_feelings", found.daily_feelings, derived_from)
    n_days, n_feelings = (sum(file.rows for file in run.tx.data_files(table)) for table in WRITTEN)
    run.say("summary", n_days, n_days)
    return {"daily_summary": n_days, "daily_feelings": n_feelings}


def _set_aside(part: Part, named: Spill, parts: int) -> pa.Table:
    """What the part has by name goes into `parts` files by day, where it would be too much to hold; the sums of its days."""
    named.scatter(part.named, numbers(part.named["date"], 0) % parts)
    return part.days


def _parts(run: Run) -> Iterator[Part]:
    features, judgements = by_bucket(run, "post_features"), by_bucket(run, "post_judgements")
    posts = by_bucket(run, "posts")
    total = sum(file.rows for files in posts.values() for file in files)
    tell = Progress(run.say, "summary", total + 1)  # the last step is the writing
    for bucket, files in posts.items():
        rows: pa.Table = run.tx.rows_of("posts", files, POSTS)
        yield part_of_days(
            rows,
            beside(run, rows, features.get(bucket, []), "post_features", ["sentiment"]),
            beside(run, rows, judgements.get(bucket, []), "post_judgements", JUDGEMENTS),
        )
        tell.more(len(rows))
