"""Stage judge: posts and what is known of them -> post_judgements, author_days."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from pipeline import partitions
from pipeline.run import Counts, Run, digest, drop_others, hashes, is_current, publish
from pipeline.steps.days import author_days
from pipeline.steps.judge import judgements


def judge(run: Run) -> Counts:
    """posts, post_features, campaign_members -> post_judgements, author_days; platform by platform."""
    members = run.tx.read("campaign_members")
    floods = hashes(run, "campaign_members")
    platforms = sorted({file.keys["part_platform"] for file in run.tx.data_files("posts")})
    total, done = sum(file.rows for file in run.tx.data_files("posts")), 0
    for platform in platforms:
        here = {"part_platform": platform}
        derived_from = digest(
            "judge", hashes(run, "posts", here), hashes(run, "post_features", here), floods,
            run.judge.version, run.settings.base_rate,
        )  # fmt: skip
        if not is_current(run, "post_judgements", derived_from, here):
            _judge_platform(run, here, members, derived_from)
        done += sum(file.rows for file in run.tx.data_files("posts") if partitions.has(file, here))
        run.say("judge", done, total)
    for table in ("post_judgements", "author_days"):
        drop_others(
            run, table, {partitions.place(f) for f in run.tx.data_files(table) if f.keys["part_platform"] in platforms}
        )
    return {"post_judgements": total, "author_days": sum(file.rows for file in run.tx.data_files("author_days"))}


def _judge_platform(run: Run, here: Mapping[str, str], members: pa.Table, derived_from: str) -> None:
    only = partitions.within(here)
    posts, rows = run.tx.read("posts", only=only), run.tx.read("post_features", only=only)
    found = judgements(posts, rows, members, judge=run.judge, base_rate=run.settings.base_rate)
    publish(run, "post_judgements", found, derived_from, here)
    publish(run, "author_days", author_days(posts, rows, found, members), derived_from, here)
