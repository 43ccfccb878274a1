"""author_days to author_trust, against polars' own group-by of the same rows.

    python -m tests.bench.trust                 10 million posts of 500,000 authors; written to results/trust.json
    python -m tests.bench.trust --posts 1000000 --rounds 3 --out FILE       fewer, elsewhere

Invented posts (seeded; half of the authors with 7 posts or fewer, some with hundreds; three years) are counted into author_days by
the step itself, a bucket of authors a file, as a lake holds them. *Days alone*: ours reads what it needs of the days of a bucket
(not the hours of the day, which the posts tell, nor the shops by class, which are for months), computes author_trust
and writes it, two buckets at a time; polars reads the same columns of the same files, sums every integer of each author (the plainest
group-by there is: no windows, no order, no components) and writes that. *Whole step*: ours reads posts and campaign members too, whose
times, apps, profiles and campaigns author_trust holds; polars groups these rows by author besides. Each run is a process of its own,
which tells its own time without start and imports, and its processor time (all threads). Goal: five times polars' processor time, 4 GB.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.local_time import DAY, HOUR, day_number
from pipeline.tables import CLASSES, TOPICS, complete, schema
from tests.bench import machine
from tests.bench.measure import Outcome, alone, interleaved, module, own_peak_mb, ratios, rounded, spread

RESULT = Path(__file__).parent / "results" / "trust.json"
POSTS, PER_AUTHOR, PER_BUCKET = 10_000_000, 20, 2**18
LAST = date(2015, 12, 31)
DAYS = 3 * 365
KNOWN_AT = datetime(2016, 1, 2, tzinfo=UTC)
SIDES = ("ours, days alone", "polars, days alone", "ours, whole step", "polars, whole step")
TABLES = ("days", "posts", "members")


def make(folder: Path, posts: int) -> dict[str, int]:
    """The files of each bucket; how many rows of each table, and authors."""
    buckets = max(-(-posts // PER_BUCKET), 1)
    total = dict.fromkeys((*TABLES, "authors"), 0)
    for bucket in range(buckets):
        tables, authors = _bucket(bucket, buckets, posts // buckets)
        for name, rows in tables.items():
            pq.write_table(rows, folder / f"{name}-{bucket:03}.parquet", compression="zstd", row_group_size=2**17)
            total[name] += len(rows)
        total["authors"] += authors
    return total


def _bucket(bucket: int, buckets: int, n: int) -> tuple[dict[str, pa.Table], int]:
    """Posts of the authors of one bucket with their days and campaigns, sorted as in a lake."""
    from pipeline.steps.days import FEATURES_READ, JUDGEMENTS_READ, POSTS_READ, days_of

    dice = np.random.default_rng([7, bucket])
    authors = max(n // PER_AUTHOR, 1)
    weight = dice.pareto(1.3, authors) + 0.3
    author = np.sort(dice.choice(authors, n, p=weight / weight.sum()))
    begin, length = dice.integers(0, DAYS - 30, authors), dice.integers(10, DAYS, authors)
    habit = dice.random(authors)  # how commercial the author is, and when selling sets in
    day = begin[author] + (dice.random(n) * np.minimum(length, DAYS - begin)[author]).astype(np.int64)
    hour = np.minimum(dice.normal(14, 5, n).clip(0, 23), 23)
    at = (day_number(LAST) - DAYS + 1 + day) * DAY - 8 * HOUR + (hour * HOUR).astype(np.int64) // 1_000_000 * 1_000_000
    order = np.lexsort((at, author))  # authors stand together already
    at, day = at[order], day[order]
    ids = np.array([f"{int(h):032x}" for h in np.sort(dice.integers(0, 2**62, authors))])  # once an author
    sells = dice.random(n) < np.where(day > begin[author] + 200 * habit[author], habit[author] ** 3, 0.01)
    label = np.where(
        sells, np.where(dice.random(n) < 0.3, 2, 1), dice.choice([0, 3, 4, 5], n, p=[0.8, 0.05, 0.05, 0.1])
    )
    chance = np.where(sells, 0.9, 0.05).astype(np.float32)
    whole = {name: dice.poisson(mean, n) for name, mean in
             {"likes": 3, "comments": 1, "reposts": 0.5, "n_mentions": 0.3, "n_links": 0.1, "n_emoticons": 0.4,
              "n_tokens": 40, "stock_cues": 0.02, "contact_cues": 0.05}.items()}  # fmt: skip
    seen = pa.array(np.full(n, int(KNOWN_AT.timestamp()) * 1_000_000 - DAY)).cast(pa.timestamp("us", tz="UTC"))
    yes, no = pa.array(dice.random(n) < 0.25), pa.array(np.zeros(n, bool))
    numbered = pa.array(np.arange(n) * buckets + bucket).cast(pa.string())
    columns: dict[str, Any] = {
        "platform": pa.array(["weibo"] * n), "post_id": numbered, "author_id": pa.array(ids).take(pa.array(author)),
        "posted_at": pa.array(at).cast(pa.timestamp("us", tz="UTC")), "kind": pa.array(["post"] * n), "is_repost": yes,
        "is_auto_share": pa.array(label == 5), "source_dedups": no, "first_seen_at": seen, "last_seen_at": seen,
        "app": pa.array(["手机", "网页", "平板"]).take(pa.array((author + dice.integers(0, 2, n)) % 3)),
        "followers": pa.array(author * 37 % 9973), "following": pa.array(author % 977), "author_posts": pa.array(author % 7919),
        "text": pa.array([""] * n), "text_own": pa.array([""] * n), "text_normalised": pa.array([""] * n),
        "versions": pa.array(np.ones(n, np.int32)), "schema_version": pa.array(np.ones(n, np.int32)),
        "p_sell": pa.array(np.where(label == 1, chance, 0.05).astype(np.float32)),
        "p_recruit": pa.array(np.where(label == 2, chance, 0.05).astype(np.float32)),
        "sentiment": pa.array(dice.normal(0.2, 0.3, n).clip(-1, 1).astype(np.float32)),
        "first_person_per_100": pa.array(dice.gamma(1, 3, n).astype(np.float32)),
        "affect_per_100": pa.array(dice.gamma(1, 2, n).astype(np.float32)),
        "topic": pa.array([*TOPICS, None]).take(pa.array(dice.integers(0, 2 * len(TOPICS), n).clip(max=len(TOPICS)))),
        "label": pa.array(CLASSES).take(pa.array(label)), "is_broadcast": pa.array((label > 0) & (label < 4)),
        "broadcast_probability": pa.array(np.where((label > 0) & (label < 4), 0.8, 0.1)),
        **{name: pa.array(values.astype(np.int64)) for name, values in whole.items()},
    }  # fmt: skip
    rows = {name: columns[name] for name in schema("posts").names if name in columns}
    posts = complete(rows, "posts", n)
    repeats = dice.random(n) < 0.03
    others = dice.random(n) < 0.04
    picked = np.flatnonzero(repeats | others)
    members = complete(
        {name: columns[name].take(pa.array(picked)) for name in ("platform", "post_id", "author_id", "posted_at")}
        | {"campaign_id": pa.array([f"weibo:{i}" for i in dice.integers(0, max(n // 40, 1), len(picked)).tolist()]),
           "similarity": pa.array(np.ones(len(picked), np.float32)), "n_posts_before": pa.array(np.ones(len(picked), np.int64)),
           "n_authors_before": pa.array(np.ones(len(picked), np.int64))},
        "campaign_members", len(picked),
    )  # fmt: skip
    features = pa.table({name: columns[name] for name in FEATURES_READ})
    judgements = pa.table({name: columns[name] for name in JUDGEMENTS_READ})
    days = days_of(posts.select(POSTS_READ), features, judgements, repeats, others)
    return {"days": days, "posts": posts, "members": members}, authors


def ours(folder: Path, whole: bool) -> int:
    """Rows of author_trust, bucket by bucket, two at a time; written to `folder`/out-N.parquet."""
    from pipeline.stages.known import LINKED, SOCIAL
    from pipeline.stages.known import POSTS as COLUMNS
    from pipeline.steps.author_across import across, uses
    from pipeline.steps.author_floods import added, campaign_states
    from pipeline.steps.author_life import DAYS_READ
    from pipeline.steps.trust import Others, first_days, trust_of
    from pipeline.tables import empty
    from pipeline.threads import in_order, n_threads

    stems = [path.stem.partition("-")[2] for path in sorted(folder.glob("days-*.parquet"))]
    threads = n_threads(0)

    def table(
        name: str, stem: str, columns: Sequence[str] | None = None, where: pc.Expression | None = None
    ) -> pa.Table:
        if name != "days" and not whole:
            return empty({"posts": "posts", "members": "campaign_members"}[name])
        path, names = folder / f"{name}-{stem}.parquet", None if columns is None else [*columns]
        return pq.read_table(path, columns=names, filters=where, use_threads=False)

    def first(stem: str) -> Others:
        days = table("days", stem, ["platform", "date", "n_posts"])
        used = uses(table("posts", stem, SOCIAL if whole else None, LINKED), LAST)
        return Others(campaign_states(table("members", stem), LAST), first_days(days, LAST), used)

    found = list(in_order(first, stems, threads))
    begun = {"weibo": min(one.first_days["weibo"] for one in found)}
    others = Others(added([one.campaigns for one in found]), begun, across([one.across for one in found]))

    def work(stem: str) -> pa.Table:
        posts = table("posts", stem, COLUMNS if whole else None)
        days, members = table("days", stem, DAYS_READ), table("members", stem)
        return trust_of(days, members, posts, others, as_of=LAST, known_at=KNOWN_AT, model=None)

    rows = 0
    for stem, some in zip(stems, in_order(work, stems, threads, ahead=threads), strict=True):
        pq.write_table(some, folder / f"out-{stem}.parquet", compression="zstd")
        rows += len(some)
    return rows


def by_polars(folder: Path, whole: bool) -> int:
    """Authors, each with the sum of every integer that ours reads of its days; with `whole` also what its posts and members say."""
    import polars as pl

    from pipeline.steps.author_life import COUNTS

    keys = ["platform", "author_id"]
    found = (
        pl.scan_parquet(folder / "days-*.parquet")
        .group_by(keys)
        .agg(
            *(pl.col(name).sum() for name in COUNTS),
            pl.col("date").min().alias("first"),
            pl.col("date").max().alias("last"),
        )
    )
    if whole:
        posts = pl.scan_parquet(folder / "posts-*.parquet").group_by(keys).agg(
            pl.len(), pl.col("followers").last(), pl.col("app").n_unique(), pl.col("posted_at").max(), pl.col("source_dedups").all()
        )  # fmt: skip
        members = pl.scan_parquet(folder / "members-*.parquet").group_by(keys).agg(pl.col("campaign_id").n_unique())
        found = found.join(posts, on=keys, how="left").join(members, on=keys, how="left")
    rows = found.collect(engine="streaming")
    rows.write_parquet(folder / "polars.parquet", compression="zstd")
    return len(rows)


def side(name: str, folder: Path) -> Outcome:
    """One run in this process: seconds and processor seconds, libraries loaded and kernels compiled before."""
    work: Callable[[Path, bool], int] = ours if name.startswith("ours") else by_polars
    with tempfile.TemporaryDirectory() as little:
        make(Path(little), 2_000)
        work(Path(little), "whole" in name)
    begun, used = time.perf_counter(), time.process_time()
    rows = work(folder, "whole" in name)
    return {
        "rows": rows,
        "seconds": time.perf_counter() - begun,
        "cpu": time.process_time() - used,
        "own_peak_mb": own_peak_mb(),
    }


def result_of(outcomes: dict[str, list[Outcome]], posts: int) -> dict[str, Any]:
    """Of each side posts a second, processor seconds and peak memory; and of ours how many times polars' processor and wall time."""
    found: dict[str, Any] = {}
    for name, some in outcomes.items():
        found[name] = {
            "rate": spread([posts / one["seconds"] for one in some]), "cpu": spread([one["cpu"] for one in some]),
            "seconds": spread([one["seconds"] for one in some]), "peak_mb": max(one["peak_mb"] for one in some),
        }  # fmt: skip
        if name.startswith("ours"):
            theirs = outcomes[name.replace("ours", "polars")]
            for key in ("cpu", "seconds"):
                found[name][f"{key}_ratio"] = ratios([one[key] for one in some], [one[key] for one in theirs])
    return found


def main(arguments: list[str]) -> int:
    """Measure, print, and write down."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.trust", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--posts", type=int, default=POSTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--folder", type=Path, help="where the files are made, and stay")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.side:
        print(json.dumps(side(given.side, given.folder)))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(exist_ok=True)
        total = make(folder, given.posts)

        def one(name: str) -> Callable[[], Outcome]:
            return lambda: alone(module("tests.bench.trust", "--side", name, "--folder", folder))

        outcomes = interleaved({name: one(name) for name in SIDES}, given.rounds, lambda what: print(what, flush=True))
    result = result_of(outcomes, total["posts"])
    for name, figures in result.items():
        more = f"   {figures['cpu_ratio']['median']:6.2f} times polars'" if "cpu_ratio" in figures else ""
        print(f"  {name:20} {figures['cpu']['median']:8.2f} s of processors, {figures['peak_mb']:6,.0f} MB{more}")
    facts = {"measured": date.today().isoformat(), "machine": machine.facts(), "rounds": given.rounds, **total}
    text = json.dumps(rounded({**facts, "results": result}), ensure_ascii=False, indent=1)
    given.out.write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
