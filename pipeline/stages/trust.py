"""Stage trust: all of it -> author_trust."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import partitions
from pipeline.artifacts import load_trust
from pipeline.run import Counts, Run, digest, hashes, is_current, publish
from pipeline.stages.facts import LOCAL, POST_FACTS
from pipeline.steps.campaigns import campaigns as find_campaigns
from pipeline.steps.days import author_days
from pipeline.steps.judge import judgements
from pipeline.steps.trust import author_trust
from pipeline.tables import TIME


def trust(run: Run) -> Counts:
    """All of it -> author_trust as of one day."""
    posts = run.tx.read("posts", POST_FACTS)
    known_at = run.settings.known_at or pc.max(posts["last_seen_at"]).as_py()
    known = _known(posts, known_at)
    as_of = run.settings.as_of or _newest_day(known, known_at)
    if as_of is None or known_at is None:
        return {"author_trust": 0}
    model = load_trust(Path(run.settings.models) / "trust")
    inputs = ("posts", "post_features", "campaign_members", "post_judgements", "author_days")
    derived_from = digest("trust", *(hashes(run, table) for table in inputs), as_of, known_at, model.version)
    only = {"part_as_of": as_of.isoformat()}
    if not is_current(run, "author_trust", derived_from, only):
        days, members = _stored(run) if len(known) == len(posts) else _as_known(run, known_at)
        rows = author_trust(days, members, known, as_of=as_of, known_at=known_at, model=model)
        publish(run, "author_trust", rows, derived_from, only)
    authors = sum(file.rows for file in run.tx.data_files("author_trust") if partitions.has(file, only))
    run.say("trust", authors, authors)
    return {"author_trust": authors}


def _newest_day(posts: pa.Table, known_at: datetime | None) -> date | None:
    """The local day of the newest post that was not posted after everything was gathered (a clock gone wrong)."""
    newest = pc.max(posts["posted_at"].filter(pc.less_equal(posts["posted_at"], pa.scalar(known_at, TIME)))).as_py()
    return None if newest is None else (newest + LOCAL).date()


def _known(posts: pa.Table, known_at: datetime | None) -> pa.Table:
    """The posts gathered by then; none where that is NULL."""
    return posts.filter(pc.less_equal(posts["first_seen_at"], pa.scalar(known_at, TIME)))


def _stored(run: Run) -> tuple[pa.Table, pa.Table]:
    return run.tx.read("author_days"), run.tx.read("campaign_members")


def _as_known(run: Run, known_at: datetime) -> tuple[pa.Table, pa.Table]:
    """author_days and campaign_members as a lake would hold them that had gathered nothing after `known_at`.

    A post gathered later may have been posted earlier, so campaigns and judgements are worked out again too.
    """
    posts, rows = _known(run.tx.read("posts"), known_at), run.tx.read("post_features")
    _, members = find_campaigns(posts, rows)
    found = judgements(posts, rows, members, judge=run.judge, base_rate=run.settings.base_rate)
    return author_days(posts, rows, found, members), members
