"""The parts of a lake's report that are not days: what came in, classes by platform, campaigns, trust. Reads the lake only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import one_line
from pipeline.local_time import OFFSET
from pipeline.order import floats, numbers
from pipeline.store import Lake
from pipeline.tables import CLASSES
from pipeline.text.contacts import redact
from pipeline.view.campaigns import campaign_rows, examples_of, facts_of, largest, line_of, members_of, with_texts
from pipeline.view.charts import Chart, histogram, shares, strip
from pipeline.view.summary import SHOWN, reject_counts, trust_rows
from pipeline.view.wordings import SHOWN_CHARS, counts_by_time, pieces

AUTHORS = 8  # most trusted, and least
BARS = 60  # of a campaign's strip, at most
REJECTS = 12  # reasons shown
PLATFORMS = 20  # rows of the table of classes
BINS = 20  # of the histogram of trust
_ID = 8  # characters shown of an author's id


@dataclass(frozen=True)
class Accounting:
    """Rows read and what became of them; posts, authors and platforms of the lake; when the newest rows were gathered."""

    files: int
    rows: int
    gathered: int
    profiles: int
    rejected: int
    posts: int
    authors: int
    platforms: list[str]
    gathered_at: str
    rejects: list[tuple[str, int, str]]


@dataclass(frozen=True)
class PlatformMix:
    """A platform's posts, the share of them that broadcast, the shares of the classes in order, and these as a bar."""

    platform: str
    posts: int
    broadcast: float
    classes: list[float]
    bar: Chart


@dataclass(frozen=True)
class Wording:
    """How many posts have a wording, its similarity to the first, and how it differs: (went|came|stayed, words)."""

    posts: int
    similarity: float
    pieces: list[tuple[str, str]]


@dataclass(frozen=True)
class Campaign:
    """One campaign: a line, more facts, the first text, its other wordings, its posts over time and what a bar is."""

    line: str
    facts: list[str]
    exemplar: str
    wordings: list[Wording]
    times: Chart | None
    step: str


@dataclass(frozen=True)
class Trust:
    """Trust as of a day: how many authors, the histogram, and of those with posts enough the most and least trusted."""

    as_of: str
    authors: int
    judged: int
    chart: Chart
    most: list[dict[str, Any]]
    least: list[dict[str, Any]]


def accounting(lake: Lake) -> Accounting:
    """The sums of gathered_files, the sizes of posts and of its authors."""
    files = lake.read("gathered_files", ["gathered_at", "n_rows", "n_posts", "n_authors", "n_rejects"])
    read, gathered, profiles, rejected = (
        int(numbers(files[name], 0).sum()) for name in ("n_rows", "n_posts", "n_authors", "n_rejects")
    )
    posts = lake.read("posts", ["platform", "author_id"])
    known = posts.filter(pc.is_valid(posts["author_id"])).group_by(["platform", "author_id"]).aggregate([])
    at = pc.max(files["gathered_at"].cast(pa.int64())).as_py()
    when = "" if at is None else f"{np.datetime64(at + OFFSET, 'us').astype('datetime64[m]')}".replace("T", " ")
    platforms = sorted(pc.unique(posts["platform"]).to_pylist())
    counts = (len(files), read, gathered, profiles, rejected, len(posts), len(known))
    return Accounting(*counts, platforms, when, reject_counts(lake)[:REJECTS])


def mixes(lake: Lake) -> list[PlatformMix]:
    """Every platform's classes, the one of most posts first, at most PLATFORMS of them; empty without judgements."""
    rows = lake.read("post_judgements", ["platform", "label", "is_broadcast"])
    found = rows.group_by(["platform", "label"]).aggregate([([], "count_all"), ("is_broadcast", "sum")])
    names = sorted(set(found["platform"].to_pylist()))
    place = numbers(pc.index_in(found["platform"], pa.array(names, pa.string())), -1)
    label = numbers(pc.index_in(found["label"], pa.array(CLASSES)), -1)
    counts, loud = np.zeros((len(names), len(CLASSES))), np.zeros(len(names))
    np.add.at(counts, (place, label), floats(found["count_all"]))
    np.add.at(loud, place, floats(found["is_broadcast_sum"]))
    order = np.argsort(-counts.sum(axis=1), kind="stable")[:PLATFORMS].tolist()
    found_mixes = [_mix(names[i], counts[i], loud[i]) for i in order]
    return [*found_mixes, _mix("all", counts.sum(axis=0), loud.sum())] if len(names) > 1 else found_mixes


def _mix(platform: str, counts: Any, loud: float) -> PlatformMix:
    total = counts.sum()
    said = f"{platform}: " + ", ".join(f"{name} {n / total:.0%}" for name, n in zip(CLASSES, counts, strict=True))
    return PlatformMix(
        platform, int(total), float(loud / total), (counts / total).tolist(), shares(said, counts / total)
    )


def campaigns(lake: Lake, top: int) -> tuple[list[Campaign], int]:
    """The `top` largest as `xinren campaigns` lists them, contacts replaced whatever the lake keeps; how many there are."""
    chosen, n = largest(lake, top)
    if not len(chosen):
        return [], 0
    rows, members = campaign_rows(lake, chosen), members_of(lake, chosen)
    rows = _redacted(rows, "exemplar")
    examples = _redacted(with_texts(lake, examples_of(members)), "text")
    return [_campaign(row, members, examples) for row in rows.to_pylist()], n


def _redacted(rows: pa.Table, name: str) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, redact(rows[name])[0])


def _campaign(row: dict[str, Any], members: pa.Table, examples: pa.Table) -> Campaign:
    here, others = (t.filter(pc.equal(t["campaign_id"], row["campaign_id"])) for t in (members, examples))
    wordings = [
        Wording(other["n"], other["similarity"], list(pieces(row["exemplar"], other["text"] or "")))
        for other in others.to_pylist()
    ]
    if row["overlap_campaign_id"]:
        row["overlap_campaign_id"] = "one other campaign"  # its id is a post's own on its platform
    times = numbers(here["posted_at"].drop_null(), 0)
    chart, step = None, ""
    if len(times):
        counts, step = counts_by_time(times, BARS)
        chart = strip(f"posts over time, a bar: {step}, at most {counts.max():,}", counts)
    exemplar = one_line(row["exemplar"], SHOWN_CHARS)
    return Campaign(line_of(row), facts_of(row), exemplar, wordings, chart, step)


def trust(lake: Lake) -> Trust | None:
    """Trust as of the newest day there is; None where the lake has none."""
    rows, as_of = trust_rows(lake)
    if as_of is None or not len(rows):
        return None
    enough = pc.greater_equal(rows["n_posts"], SHOWN)
    judged, few = (floats(rows.filter(keep)["trust_score"]) for keep in (enough, pc.invert(enough)))
    edges = np.linspace(0.0, 1.0, BINS + 1)
    counts = [np.histogram(np.clip(scores, 0, 1), edges)[0].astype(np.int64) for scores in (judged, few)]
    chart = histogram("Authors by trust_score, 0 to 1", edges, counts)
    ordered = rows.filter(enough)
    n = min(AUTHORS, len(ordered))
    most, least = _authors(ordered.slice(0, n)), _authors(ordered.slice(max(n, len(ordered) - AUTHORS)))
    return Trust(as_of, len(rows), len(judged), chart, most, least[::-1])


def _authors(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows for the page: ids cut, reasons as one list."""
    return [
        {**row, "author_id": row["author_id"][:_ID], "trust_reasons": row["trust_reasons"] or []}
        for row in rows.to_pylist()
    ]
