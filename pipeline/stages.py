"""The stages: read the lake, call a step, write the lake. Run inside `run.writing`, which commits all of them at once.

Each stage skips what is already there: every file states the digest of what it was derived from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import partitions
from pipeline.artifacts import load_trust
from pipeline.order import firsts, match_rows, run_ids, sort_rows
from pipeline.run import Counts, Progress, Run, digest, drop_others, hashes, is_current, publish
from pipeline.sources import InputFile, batch_id_of, find_inputs, gather_file
from pipeline.steps.campaigns import campaigns as find_campaigns
from pipeline.steps.clean import ROW_ORDER
from pipeline.steps.clean import posts as clean_posts
from pipeline.steps.days import author_days
from pipeline.steps.judge import judgements
from pipeline.steps.summary import daily_summary
from pipeline.steps.trust import author_trust
from pipeline.store import DataFile
from pipeline.tables import TEXTS, TIME, complete, concat
from pipeline.workers import COLUMNS, featurise, open_pool

LOCAL = timedelta(hours=8)  # Asia/Shanghai
POST_KEY = ["platform", "post_id"]
POST_FACTS = [
    *POST_KEY, "author_id", "posted_at", "kind", "is_repost", "is_auto_share", "source_dedups", "followers",
    "first_seen_at", "last_seen_at",
]  # fmt: skip


def gather(run: Run) -> Counts:
    """inputs -> raw_posts, raw_authors, rejects, gathered_files: each file once, known by the hash of its bytes."""
    inputs = find_inputs(run.settings.inputs)
    seen = set(run.tx.read("gathered_files", ["batch_id"])["batch_id"].to_pylist())
    counts = {"files": 0, "files_known": 0, "rows": 0, "raw_posts": 0, "raw_authors": 0, "rejects": 0}
    for number, item in enumerate(inputs, start=1):
        batch = batch_id_of(item.path)
        if batch in seen:
            counts["files_known"] += 1
        else:
            seen.add(batch)
            _add(counts, _gather_one(run, item, batch))
        run.say("gather", number, len(inputs))
    return counts


def _add(total: Counts, more: Counts) -> None:
    for name, value in more.items():
        total[name] += value


def _gather_one(run: Run, item: InputFile, batch: str) -> Counts:
    found = gather_file(item, run.settings)
    date = found.file["gathered_at"][0].as_py().date().isoformat()
    tables = {
        "raw_posts": found.posts,
        "raw_authors": found.authors,
        "rejects": found.rejects,
        "gathered_files": found.file,
    }
    for name, rows in tables.items():
        run.tx.put(name, {"part_gathered": date}, batch, rows)
    return {
        "files": 1, "rows": found.file["n_rows"][0].as_py(), "raw_posts": len(found.posts),
        "raw_authors": len(found.authors), "rejects": len(found.rejects),
    }  # fmt: skip


def clean(run: Run) -> Counts:
    """raw_posts -> posts, post_index: the posts of batches not merged yet, with all their earlier versions."""
    derived_from = digest("posts", run.reader.lexicon.version, run.settings.keep_contacts)
    index = run.tx.read("post_index")
    if not all(file.derived_from == derived_from for file in run.tx.data_files("posts")):
        index = index.slice(0, 0)  # another lexicon or another rule for contacts: merge everything again
    merged = set(pc.unique(pc.list_flatten(index["batch_ids"])).to_pylist())
    fresh = {file.stem for file in run.tx.data_files("raw_posts")} - merged
    new = run.tx.read("raw_posts", only=lambda file: file.stem in fresh)
    rows = _merge(run, new, index, derived_from) if len(new) else 0
    return {"posts": sum(file.rows for file in run.tx.data_files("posts")), "posts_changed": rows}


def _merge(run: Run, new: pa.Table, index: pa.Table, derived_from: str) -> int:
    """Merge new gatherings with the earlier ones of the same posts, and put the posts in their places; how many."""
    touched = match_rows(index, new, POST_KEY) >= 0
    earlier = set(pc.unique(pc.list_flatten(index["batch_ids"].filter(pa.array(touched)))).to_pylist())
    old = run.tx.read("raw_posts", only=lambda file: file.stem in earlier)
    raw = concat([new, old.filter(pa.array(match_rows(old, new, POST_KEY) >= 0))], "raw_posts")
    run.say("clean", 0, len(raw))
    rows = clean_posts(raw, key=run.key, lexicon=run.reader.lexicon, keep_contacts=run.settings.keep_contacts)
    stay = index.filter(pa.array(~touched))
    _merge_posts(run, rows, index.filter(pa.array(touched)), derived_from, rebuild=not len(index))
    publish(run, "post_index", sort_rows(concat([stay, _index_of(rows, raw)], "post_index"), POST_KEY), derived_from)
    run.say("clean", len(raw), len(raw))
    return len(rows)


def _merge_posts(run: Run, rows: pa.Table, replaced: pa.Table, derived_from: str, *, rebuild: bool) -> None:
    """Put merged posts in their files and take them out of the files where they stood before."""
    if rebuild:
        publish(run, "posts", rows, derived_from)
        return
    parts = {(keys["part_platform"], keys["part_month"]): part for keys, _, part in partitions.split("posts", rows)}
    left = zip(replaced["platform"].to_pylist(), replaced["month"].to_pylist(), strict=True)
    for platform, month in sorted({*parts, *left}):
        keys = {"part_platform": platform, "part_month": month}
        there = run.tx.read("posts", only=partitions.within(keys))
        stay = there.filter(pa.array(match_rows(there, rows, POST_KEY) < 0))
        part = concat([stay, parts.get((platform, month), stay.slice(0, 0))], "posts")
        run.tx.put("posts", keys, partitions.BUCKET, sort_rows(part, ROW_ORDER), derived_from=derived_from)


def _index_of(rows: pa.Table, raw: pa.Table) -> pa.Table:
    """Table post_index of merged posts: where each stands, and the batches that hold a version of it."""
    pairs = raw.select([*POST_KEY, "batch_id"]).group_by([*POST_KEY, "batch_id"]).aggregate([])
    pairs = sort_rows(pairs, [*POST_KEY, "batch_id"])
    ids = run_ids(pairs, POST_KEY)
    heads = firsts(ids)
    offsets = pa.array(np.append(heads, len(pairs)).astype(np.int32))
    keys = pairs.select(POST_KEY).take(pa.array(heads))
    placed = rows.take(pa.array(match_rows(keys, rows, POST_KEY)))
    columns = {
        "platform": keys["platform"], "post_id": keys["post_id"], "month": partitions.months("posts", placed),
        "bucket": pa.array(np.full(len(keys), int(partitions.BUCKET), np.int32)),
        "batch_ids": pa.ListArray.from_arrays(offsets, pairs["batch_id"].combine_chunks(), type=TEXTS),
    }  # fmt: skip
    return complete(columns, "post_index", len(keys))


def features(run: Run) -> Counts:
    """posts -> post_features, for the files of posts that changed or that other models judged."""
    versions = (
        run.models.judge.version,
        run.models.sentiment.version,
        run.settings.store_tokens,
        run.settings.domain_words,
    )
    made_of = {f.path: digest("post_features", f.sha256, *versions) for f in run.tx.data_files("posts")}
    files = run.tx.data_files("posts")
    stale = [f for f in files if not run.tx.keep("post_features", f.keys, f.stem, made_of[f.path])]
    drop_others(run, "post_features", {partitions.place(f) for f in files})
    total = sum(file.rows for file in stale)
    tell = Progress(run.say, "features", total)
    with open_pool(run.settings, total) as pool:
        for group in _grouped(stale):
            paths = {file.path for file in group}
            posts = run.tx.read("posts", COLUMNS, only=lambda file: file.path in paths)  # noqa: B023 - read at once
            rows = featurise(posts, run.settings, run.models, tell.more, pool)
            starts = np.cumsum([0, *(file.rows for file in group)])
            for file, start in zip(group, starts.tolist(), strict=False):
                part = rows.slice(start, file.rows)
                run.tx.put("post_features", file.keys, file.stem, part, derived_from=made_of[file.path])
    return {"post_features": sum(file.rows for file in run.tx.data_files("post_features")), "posts_read": total}


def _grouped(files: list[DataFile], rows: int = 200_000) -> Iterator[list[DataFile]]:
    """Files in groups of about `rows` rows: many small months share a batch, and memory stays bounded."""
    group: list[DataFile] = []
    for file in files:
        group.append(file)
        if sum(f.rows for f in group) >= rows:
            yield group
            group = []
    if group:
        yield group


def campaigns(run: Run) -> Counts:
    """posts, post_features -> campaigns, campaign_members, over the whole lake."""
    derived_from = digest("campaigns", hashes(run, "posts"), hashes(run, "post_features"))
    if not is_current(run, "campaigns", derived_from):
        columns = [*POST_KEY, "author_id", "posted_at", "kind", "text", "text_normalised", "is_repost", "is_auto_share"]
        found, members = find_campaigns(
            run.tx.read("posts", columns), run.tx.read("post_features", [*POST_KEY, "sketch"])
        )
        publish(run, "campaigns", found, derived_from)
        publish(run, "campaign_members", members, derived_from)
    rows = {name: sum(f.rows for f in run.tx.data_files(name)) for name in ("campaigns", "campaign_members")}
    run.say("campaigns", rows["campaign_members"], rows["campaign_members"])
    return rows


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


STAGES = {"gather": (gather, clean), "features": (features,), "campaigns": (campaigns,), "judge": (judge,),
          "trust": (trust,), "summary": (summary,)}  # fmt: skip


def do(run: Run, *names: str) -> Counts:
    """Run the named stages in this run, one after another, and return all they counted."""
    counts: Counts = {}
    for name in names or tuple(STAGES):
        for stage in STAGES[name]:
            counts |= stage(run)
    return counts
