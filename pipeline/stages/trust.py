"""Stage trust: all of it -> author_trust."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import load_trust
from pipeline.partitions import has
from pipeline.run import Counts, Progress, Run, by_stem, digest, hashes, is_current, ordered
from pipeline.spill import Spill
from pipeline.stages.facts import LOCAL
from pipeline.stages.known import AsKnown, Stored
from pipeline.stages.months import months
from pipeline.stages.ties import received
from pipeline.steps.author_across import across, uses
from pipeline.steps.author_floods import added, campaign_states
from pipeline.steps.author_life import DAYS_READ
from pipeline.steps.author_ties import trust_rank, until, with_ranks
from pipeline.steps.trust import Others, first_days, trust_of
from pipeline.tables import TIME, schema
from pipeline.threads import in_order
from pipeline.trust_model import TrustModel

READ = ("posts", "post_features", "campaign_members", "post_judgements", "author_days")


@dataclass(frozen=True)
class Clock:
    """The two clocks of author_trust, and whether everything in the lake was gathered by `known_at`."""

    as_of: date
    known_at: datetime
    everything: bool


def trust(run: Run) -> Counts:
    """All of it -> author_trust as of one day, a bucket of authors at a time."""
    clock = _clock(run)
    if clock is None:
        return {"author_trust": 0, **months(run)}
    model = load_trust(Path(run.settings.models) / "trust")
    of = (clock.as_of, clock.known_at, model.version)
    derived_from = digest("trust", *(hashes(run, table) for table in READ), *of)
    only = {"part_as_of": clock.as_of.isoformat()}
    if not is_current(run, "author_trust", derived_from, only):
        _write(run, clock, model, derived_from)
    authors = sum(file.rows for file in run.tx.data_files("author_trust") if has(file, only))
    run.say("trust", authors, authors)
    return {"author_trust": authors, **months(run)}


def _write(run: Run, clock: Clock, model: TrustModel, derived_from: str) -> None:
    parts = Stored(run) if clock.everything else AsKnown(run, clock.known_at)
    others = _others(run, parts, clock.as_of)
    rows, scores = Spill(run.tx.scratch, "trust", schema("author_trust")), []
    answers = {stem: until(rows, clock.as_of) for stem, rows in received(run, parts).items()}
    tell = Progress(run.say, "trust", len(parts.stems) + 1)  # the last step is the writing

    def work(stem: str) -> pa.Table:
        return trust_of(
            parts.days(stem, DAYS_READ), parts.members(stem), parts.posts(stem), others,
            as_of=clock.as_of, known_at=clock.known_at, model=model, received=answers.get(stem),
        )  # fmt: skip

    for stem, some in zip(parts.stems, in_order(work, parts.stems, run.threads, ahead=run.threads), strict=True):
        rows.add(int(stem), some)
        if answers:
            scores.append(some.select(["platform", "author_id", "trust_score"]))
        tell.more(1)
    keys = {"part_as_of": clock.as_of.isoformat()}
    left = {file.stem for file in run.tx.data_files("author_trust") if has(file, keys)} - set(parts.stems)
    passed = trust_rank(pa.concat_tables(answers.values()), pa.concat_tables(scores)) if answers else None
    for stem in parts.stems:
        made = rows.take(int(stem))
        made = made if passed is None else with_ranks(made, passed)
        run.tx.put("author_trust", keys, stem, made, derived_from=derived_from)
    for stem in left:
        run.tx.drop("author_trust", ordered("author_trust", keys), stem)


def _others(run: Run, parts: Stored, as_of: date) -> Others:
    """What all authors made of the campaigns, the first day of each platform, and what their contacts and communities tell."""

    def work(stem: str) -> Others:
        days = parts.days(stem, ["platform", "date", "n_posts"])
        states, used = campaign_states(parts.members(stem), as_of), uses(parts.social(stem), as_of)
        return Others(states, first_days(days, as_of), used)

    found = list(in_order(work, parts.stems, run.threads))
    firsts: dict[str, int] = {}
    for platform, day in (pair for one in found for pair in one.first_days.items()):
        firsts[platform] = min(day, firsts.get(platform, day))
    return Others(added([one.campaigns for one in found]), firsts, across([one.across for one in found]))


def _clock(run: Run) -> Clock | None:
    """As the settings say; else all that was gathered, and the day of the newest post known then. None without posts."""
    posts, known_at = by_stem(run, "posts"), run.settings.known_at
    everything = known_at is None
    if known_at is None:
        seen = [pc.max(run.tx.rows_of("posts", files, ["last_seen_at"])["last_seen_at"]) for files in posts.values()]
        known_at = pc.max(pa.array([one.as_py() for one in seen], TIME)).as_py()
    else:
        late = pc.field("first_seen_at") > pa.scalar(known_at, TIME)
        everything = not any(len(run.tx.rows_of("posts", files, ["first_seen_at"], late)) for files in posts.values())
    as_of = run.settings.as_of or (known_at and _newest_day(run, known_at))
    return Clock(as_of, known_at, everything) if as_of and known_at else None


def _newest_day(run: Run, known_at: datetime) -> date | None:
    """The local day of the newest post known by then that was not posted after it (a clock gone wrong)."""
    limit = pa.scalar(known_at, TIME)
    known = (pc.field("first_seen_at") <= limit) & (pc.field("posted_at") <= limit)
    months = sorted({file.keys["part_month"] for file in run.tx.data_files("posts")}, reverse=True)
    for month in months:  # undated posts come first and tell nothing; then the newest month that has one
        files = [file for file in run.tx.data_files("posts") if file.keys["part_month"] == month]
        newest: datetime | None = pc.max(run.tx.rows_of("posts", files, ["posted_at"], known)["posted_at"]).as_py()
        if newest is not None:
            return (newest + LOCAL).date()
    return None
