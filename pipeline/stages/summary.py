"""Stage summary: all of it -> daily_summary."""

from __future__ import annotations

from pipeline import partitions
from pipeline.run import Counts, Run, digest, hashes, is_current, publish
from pipeline.stages.facts import POST_FACTS, POST_KEY
from pipeline.steps.summary import daily_summary


def summary(run: Run) -> Counts:
    """All of it -> daily_summary, with trust as of the newest day there is."""
    newest = max((file.keys["part_as_of"] for file in run.tx.data_files("author_trust")), default="")
    tables = ("posts", "post_features", "post_judgements", "campaign_members")
    derived_from = digest("summary", *(hashes(run, table) for table in (*tables, "author_trust")))
    if not is_current(run, "daily_summary", derived_from):
        trust_rows = run.tx.read("author_trust", only=partitions.within({"part_as_of": newest}))
        columns = {"posts": POST_FACTS, "post_features": [*POST_KEY, "sentiment"]}
        posts, feelings, judged, members = (run.tx.read(table, columns.get(table)) for table in tables)
        rows = daily_summary(posts, feelings, judged, members, trust_rows)
        publish(run, "daily_summary", rows, derived_from)
    days = sum(file.rows for file in run.tx.data_files("daily_summary"))
    run.say("summary", days, days)
    return {"daily_summary": days}
