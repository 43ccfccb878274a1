"""Stage judge: posts and what is known of them -> post_judgements, author_days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from pipeline import partitions
from pipeline.order import match_rows, take_rows
from pipeline.run import Counts, Progress, Run, all_from, beside, by_bucket, digest, drop_others, hash_of
from pipeline.stages.facts import POST_KEY
from pipeline.steps.context import FEATURES_NEEDED, MEMBER_NEEDED
from pipeline.steps.days import FEATURES_READ, JUDGEMENTS_READ, POSTS_READ, at_rows, days_of, earlier_authors
from pipeline.steps.judge import POSTS_NEEDED, judged
from pipeline.store import DataFile
from pipeline.threads import in_order

POSTS = [*dict.fromkeys((*POSTS_NEEDED, *POSTS_READ))]
FEATURES = [*dict.fromkeys((*FEATURES_NEEDED, *FEATURES_READ))]
MEMBERS = [*dict.fromkeys((*POST_KEY, "author_id", "posted_at", *MEMBER_NEEDED))]


def judge(run: Run) -> Counts:
    """posts, post_features, campaign_members -> post_judgements, author_days; a platform's bucket of authors at a time."""
    tables = ("posts", "post_features", "campaign_members", "post_judgements", "author_days")
    posts, features, members, judgements, days = (by_bucket(run, table) for table in tables)
    total = sum(file.rows for files in posts.values() for file in files)
    tell = Progress(run.say, "judge", total)
    todo = []
    for bucket, files in posts.items():
        around = features.get(bucket, []), members.get(bucket, [])
        derived_from = digest(
            "judge", hash_of(files), *(hash_of(part) for part in around), run.judge.version, run.settings.base_rate
        )
        made = judgements.get(bucket, [])
        if len(made) == len(files) and all_from(derived_from, made):
            tell.more(sum(file.rows for file in files))
        else:
            todo.append(_Bucket(files, *around, days.get(bucket, []), derived_from))
    threads = min(run.threads, len(todo))
    work = partial(_judged, run, run.threads // max(threads, 1))
    for one, (found, day_rows) in zip(todo, in_order(work, todo, threads, ahead=threads), strict=True):
        _put(run, one, found, day_rows)
        tell.more(sum(file.rows for file in one.files))
    drop_others(run, "post_judgements", {partitions.place(file) for files in posts.values() for file in files})
    drop_others(run, "author_days", {partitions.place(file) for files in posts.values() for file in files})
    return {"post_judgements": total, "author_days": sum(file.rows for file in run.tx.data_files("author_days"))}


@dataclass(frozen=True)
class _Bucket:
    """Files of a platform's bucket of authors: of posts, their features, their campaigns, their days so far."""

    files: list[DataFile]
    read: list[DataFile]
    joined: list[DataFile]
    old: list[DataFile]
    derived_from: str


def _judged(run: Run, threads: int, bucket: _Bucket) -> tuple[pa.Table, pa.Table]:
    """The judgements of a bucket's posts and its days."""
    posts = run.tx.rows_of(
        "posts", bucket.files, POSTS
    )  # by month, then author and time: an author's earlier posts come first
    features = beside(run, posts, bucket.read, "post_features", FEATURES)
    members = run.tx.rows_of("campaign_members", bucket.joined, MEMBERS)
    member = match_rows(posts, members, POST_KEY)
    found = judged(
        posts, features, take_rows(members.select(MEMBER_NEEDED), member),
        judge=run.judge, base_rate=run.settings.base_rate, threads=threads,
    )  # fmt: skip
    repeats, others = (at_rows(flag, member) for flag in earlier_authors(members))
    days = days_of(
        posts.select(POSTS_READ), features.select(FEATURES_READ), found.select(JUDGEMENTS_READ), repeats, others
    )
    return found, days


def _put(run: Run, bucket: _Bucket, found: pa.Table, days: pa.Table) -> None:
    starts = np.cumsum([0, *(file.rows for file in bucket.files)]).tolist()
    for file, start in zip(bucket.files, starts, strict=False):
        part = found.slice(start, file.rows)
        run.tx.put("post_judgements", file.keys, file.stem, part, derived_from=bucket.derived_from)
    _put_days(run, bucket.files, days, bucket.old, bucket.derived_from)


def _put_days(run: Run, files: Sequence[DataFile], days: pa.Table, old: list[DataFile], derived_from: str) -> None:
    """The days, which stand in the order of months, month by month into the places of `files`."""
    left = {partitions.place(file) for file in old}
    codes, names = partitions.places("author_days", days, 1)
    bounds = np.searchsorted(codes, np.arange(len(names) + 1)).tolist()
    for (keys, _), start, end in zip(names, bounds, bounds[1:], strict=False):
        run.tx.put("author_days", keys, files[0].stem, days.slice(start, end - start), derived_from=derived_from)
        left.discard((tuple(sorted(keys.items())), files[0].stem))
    for keys_of, stem in left:
        run.tx.drop("author_days", {key: dict(keys_of)[key] for key in ("part_platform", "part_month")}, stem)
