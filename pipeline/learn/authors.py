"""Labelled accounts with the features a run gives them, as of the newest day of their set."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.errors import PermanentError, one_line
from pipeline.identity import keyed_ids
from pipeline.learn.histories import raw_posts
from pipeline.order import firsts, flags, run_ids, sorted_rows
from pipeline.run import writing
from pipeline.settings import Settings
from pipeline.stages import campaigns, clean, features, judge
from pipeline.steps.trust import author_trust

LEAST_DATED = 100  # accounts with features that a figure as of an earlier day asks for


@dataclass(frozen=True)
class Lives:
    """The labelled accounts as a run judged them: what author_trust is computed from, and the key of their ids."""

    data: Path
    key: bytes
    days: pa.Table
    members: pa.Table
    posts: pa.Table

    @property
    def newest(self) -> date:
        """The day of the newest post."""
        newest: datetime = pc.max(self.posts["posted_at"]).as_py()
        return newest.date()

    def authors(self, as_of: date | None = None) -> tuple[pa.Table, NDArray[np.bool_]]:
        """Rows of author_trust for the labelled accounts, by their set's own ids, and which are spammers.

        As of the newest day of the set, or an earlier one.
        """
        known_at = pc.max(self.posts["last_seen_at"]).as_py()
        day = as_of or self.newest
        rows = author_trust(self.days, self.members, self.posts, as_of=day, known_at=known_at, model=None)
        return _with_labels(rows, self.data, self.key)

    def dated(self) -> Iterator[tuple[date, pa.Table, NDArray[np.bool_]]]:
        """`authors` as of the end of each year before the newest day, where 100 or more have features."""
        first = pc.min(self.posts["posted_at"]).as_py().year
        for year in range(first, self.newest.year):
            rows, is_spammer = self.authors(date(year, 12, 31))
            told = rows["paving_days"].is_valid()
            if pc.sum(told).as_py() >= LEAST_DATED:
                yield date(year, 12, 31), rows.filter(told), is_spammer[flags(told)]


def labelled_lives(
    data: Path, settings: Settings, say: Callable[[str], None], *, first_posts: int | None = None
) -> Lives:
    """The accounts of weibo_authors, read and judged by the models of the settings.

    With `first_posts`, as if each account had posted no more than its first so many of the set.
    """
    with tempfile.TemporaryDirectory() as folder:
        own = settings.model_copy(update={"lake": f"{folder}/lake"})
        with writing(own, lambda stage, done, total: say(f"{stage} {done:,} of {total:,}")) as run:
            raw = _with_profiles(raw_posts(data, "weibo_authors"), data)
            raw = raw if first_posts is None else _first(raw, first_posts)
            run.tx.put("raw_posts", {"part_gathered": "2017-06-01"}, "weibo_authors", raw)
            for stage in (clean, features, campaigns, judge):
                stage(run)
            days, members, posts = (run.tx.read(name) for name in ("author_days", "campaign_members", "posts"))
            return Lives(data, run.key, days, members, posts)


def _first(raw: pa.Table, n: int) -> pa.Table:
    """The first `n` posts of each author; undated ones come last."""
    order = sorted_rows(raw, ["author_id", "posted_at", "post_id"])
    author = run_ids(raw.select(["author_id"]).take(pa.array(order)), ["author_id"])
    nth = np.arange(len(raw)) - firsts(author)[author]
    return raw.take(pa.array(np.sort(order[nth < n])))


def _with_profiles(raw: pa.Table, data: Path) -> pa.Table:
    """`raw` with what the set states of its accounts, as an exporter states it beside each post."""
    path = data / "weibo_authors" / "authors.parquet"
    there = set(pq.read_schema(path).names)
    stated = {"followers": "followers_num", "following": "following_num", "author_posts": "weibos_num"}
    stated = {ours: theirs for ours, theirs in stated.items() if theirs in there}
    profiles = pq.read_table(path, columns=["author_id", *stated.values()])
    ids = profiles["author_id"].combine_chunks().cast(pa.string())
    at = pc.index_in(raw["author_id"].combine_chunks(), value_set=ids)
    for ours, theirs in stated.items():
        text = profiles[theirs].combine_chunks().cast(pa.string())
        whole = pc.if_else(pc.match_substring_regex(text, r"^[0-9]{1,15}$"), text, None).cast(pa.int64())
        raw = raw.set_column(raw.column_names.index(ours), raw.schema.field(ours), whole.take(at))
    return raw


def _with_labels(rows: pa.Table, data: Path, key: bytes) -> tuple[pa.Table, NDArray[np.bool_]]:
    path = data / "weibo_authors" / "authors.parquet"
    try:
        labels = pq.read_table(path, columns=["author_id", "is_spammer"]).drop_null()
    except (OSError, pa.ArrowInvalid) as error:
        raise PermanentError(f"author labels {path}: {one_line(error)}; expected Parquet; check --data") from error
    ids = labels["author_id"].combine_chunks().cast(pa.string())
    n = len(ids)
    keyed = keyed_ids(key, pa.array(["weibo"] * n), ids, pa.nulls(n, pa.string()))
    found = pc.index_in(rows["author_id"].combine_chunks(), value_set=keyed)
    told = found.is_valid()
    spammer = pc.equal(labels["is_spammer"].combine_chunks().cast(pa.string()).take(found.drop_null()), "1")
    own_ids = ids.take(found.drop_null())  # those of the data set: keyed ids would put authors in an order by the key
    rows = rows.filter(told)
    rows = rows.set_column(rows.column_names.index("author_id"), "author_id", own_ids)
    return rows, np.asarray(spammer.to_numpy(zero_copy_only=False), bool)
