"""Campaigns in the terminal: the largest with what is known of each, or one with its wordings. Reads the lake only."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import partitions
from pipeline.errors import UsageError, one_line
from pipeline.local_time import OFFSET
from pipeline.order import firsts, match_rows, numbers, run_ids, take_rows
from pipeline.settings import Settings
from pipeline.store import Lake
from pipeline.tables import CLASSES
from pipeline.view.wordings import difference, plain, timeline

POST_KEY = ["platform", "post_id"]
WORDINGS_OF_EACH, WORDINGS_OF_ONE = 2, 20  # shown in the list, and of one campaign
LEAST_SHARE = 0.005  # below which a share rounds to nothing
BARS = 60
_LARGEST = [("n_authors", "descending"), ("n_posts", "descending"), ("campaign_id", "ascending")]
_IN_ORDER = [("posted_at", "ascending"), ("platform", "ascending"), ("post_id", "ascending")]


def show_top(settings: Settings, top: int, kind: str | None = None) -> None:
    """Print the `top` campaigns of most authors (then of most posts), of one kind or of all."""
    from rich.console import Console

    lake, console = Lake.open(settings.lake), Console()
    chosen, n = largest(lake, top, kind)
    console.print(f"{n:,} campaigns{f' of kind {kind}' if kind else ''}, {len(chosen):,} shown", highlight=False)
    rows, members = campaign_rows(lake, chosen), members_of(lake, chosen)
    examples = with_texts(lake, examples_of(members))
    for place, row in enumerate(rows.to_pylist(), 1):
        here = members.filter(pc.equal(members["campaign_id"], row["campaign_id"]))
        _print_facts(console, f"{place:>3} ", row, here)
        console.print(plain(row["exemplar"]), no_wrap=True, overflow="ellipsis")
        other = examples.filter(pc.equal(examples["campaign_id"], row["campaign_id"]))
        _print_wordings(console, row["exemplar"], other, no_wrap=True)
    if len(chosen):
        following = f"\nNext: xinren campaigns --show CAMPAIGN_ID --lake {one_line(lake.root)}"
        console.print(following, markup=False, highlight=False, soft_wrap=True)


def largest(lake: Lake, top: int, kind: str | None = None) -> tuple[pa.ChunkedArray, int]:
    """Ids of the `top` campaigns of most authors (then of most posts), of one kind or of all; and how many there are."""
    of_kind = None if kind is None else pc.field("kind") == kind
    every = lake.read("campaigns", ["campaign_id", "n_authors", "n_posts"], filter=of_kind)
    chosen = pc.select_k_unstable(every, k=min(top, len(every)), sort_keys=_LARGEST)
    return every.take(chosen)["campaign_id"], len(every)


def show_one(settings: Settings, campaign_id: str) -> None:
    """Print one campaign (by its id or one it had before) and its wordings. Raises UsageError where there is none."""
    from rich.console import Console

    lake, console = Lake.open(settings.lake), Console()
    chosen = pa.array([_now(lake, campaign_id.encode("utf-8", "replace").decode())])
    rows = campaign_rows(lake, chosen).to_pylist()
    if not rows:
        raise UsageError(
            f"campaigns --show {one_line(campaign_id, 80)}: no such campaign in lake {settings.lake}; expected a campaign_id"
            " such as `xinren campaigns` lists"
        )
    [row], members = rows, members_of(lake, chosen)
    _print_facts(console, "", row, members)
    console.print(plain(row["exemplar"]))
    wordings = _wordings(with_texts(lake, members))
    console.print(
        f"\n{len(wordings):,} wordings; posts, similarity to the first, what differs from it:", highlight=False
    )
    _print_wordings(console, row["exemplar"], wordings.slice(0, WORDINGS_OF_ONE))
    if len(wordings) > WORDINGS_OF_ONE:
        console.print(f"and {len(wordings) - WORDINGS_OF_ONE:,} more", style="dim", highlight=False)


def _now(lake: Lake, campaign_id: str) -> str:
    alias = lake.read("campaign_aliases", ["campaign_id"], filter=pc.field("alias_id") == campaign_id)
    return alias["campaign_id"][0].as_py() if len(alias) else campaign_id


def campaign_rows(lake: Lake, chosen: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The campaigns of these ids, in their order."""
    rows = lake.read("campaigns", filter=pc.field("campaign_id").isin(chosen))
    return rows.take(pc.sort_indices(pc.index_in(rows["campaign_id"], chosen)))


def members_of(lake: Lake, chosen: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The rows of campaign_members of these campaigns, by time."""
    return lake.read("campaign_members", filter=pc.field("campaign_id").isin(chosen)).sort_by(_IN_ORDER)


def examples_of(members: pa.Table) -> pa.Table:
    """Of each campaign the first posts of its commonest wordings beside the first; equal similarities pass for one."""
    differing = members.filter(pc.less(members["similarity"], 1))
    first = [(name, "first") for name in (*POST_KEY, "author_id", "posted_at")]
    found = differing.group_by(["campaign_id", "similarity"], use_threads=False).aggregate(
        [*first, ("post_id", "count")]
    )
    names = [name.removesuffix("_first").replace("post_id_count", "n") for name in found.column_names]
    found = found.rename_columns(names).sort_by(
        [("campaign_id", "ascending"), ("n", "descending"), ("similarity", "descending")]
    )
    campaign = run_ids(found, ["campaign_id"])
    nth = np.arange(len(found)) - firsts(campaign)[campaign]
    return found.filter(pa.array(nth < WORDINGS_OF_EACH))


def with_texts(lake: Lake, members: pa.Table) -> pa.Table:
    """Members with the texts of their posts, of which only the files are read that hold them."""
    _, places = partitions.places("posts", members, lake.snapshot().buckets)
    used = {(tuple(sorted(keys.items())), stem) for keys, stem in places}
    chosen = pc.field("post_id").isin(members["post_id"].combine_chunks())
    posts = lake.read("posts", [*POST_KEY, "text"], only=lambda file: partitions.place(file) in used, filter=chosen)
    texts = take_rows(posts.select(["text"]), match_rows(members, posts, POST_KEY))["text"]
    return members.append_column("text", texts)


def _wordings(members: pa.Table) -> pa.Table:
    """The distinct texts of members in order: the commonest first, then the earliest."""
    found = members.group_by("text", use_threads=False).aggregate([("similarity", "first"), ("text", "count")])
    found = found.rename_columns(["text", "similarity", "n"]).append_column("place", pa.array(range(len(found))))
    return found.sort_by([("n", "descending"), ("place", "ascending")])


def _print_facts(console: Any, number: str, row: dict[str, Any], members: pa.Table) -> None:
    console.print()
    console.print(f"{number}{line_of(row)}", style="bold", highlight=False, markup=False)
    console.print(plain(f"{row['campaign_id']}  {'; '.join(facts_of(row))}"), style="dim")
    times = numbers(members["posted_at"].drop_null(), 0)
    if len(times):
        bars, step = timeline(times, min(BARS, max(console.width - 12, 1)))
        console.print(f"{bars} a bar: {step}", highlight=False, no_wrap=True, overflow="ellipsis")


def line_of(row: dict[str, Any]) -> str:
    """A campaign in one line: its kind, how many posts and authors, how long, from when, how many an hour."""
    who = f"{row['n_posts']:,} posts, {row['n_authors']:,} author{'s' * (row['n_authors'] != 1)}"
    platforms = f", {row['n_platforms']} platforms" if row["n_platforms"] > 1 else ""
    return f"{row['kind']}: {who}{platforms}, {_span(row)}"


def _span(row: dict[str, Any]) -> str:
    if row["span_hours"] is None:
        return "undated"
    hours = row["span_hours"]
    span = f"{hours:,.1f} hours" if hours < 48 else f"{hours / 24:,.1f} days"
    return f"{span} from {_local(row['first_at'])}, at most {row['peak_per_hour']:,} an hour"


def _local(at: datetime) -> str:
    return f"{at + timedelta(microseconds=OFFSET):%Y-%m-%d %H:%M}"


def facts_of(row: dict[str, Any]) -> list[str]:
    """First mover, overlap, class mix."""
    told = [f"first author {row['first_author_id'][:8]}" if row["first_author_id"] else "first author unknown"]
    if row["overlap_campaign_id"] and row["author_overlap"] >= LEAST_SHARE:
        told.append(f"{row['author_overlap']:.0%} of the authors also in {row['overlap_campaign_id']}")
    mix = sorted(((row[f"{c}_ratio"] or 0.0, c) for c in CLASSES), reverse=True)
    return [*told, ", ".join(f"{c} {share:.0%}" for share, c in mix if share >= LEAST_SHARE)]


def _print_wordings(console: Any, exemplar: str, wordings: pa.Table, *, no_wrap: bool = False) -> None:
    from rich.table import Table

    lines = Table.grid(padding=(0, 1), expand=True)
    lines.add_column(justify="right", style="dim", no_wrap=True, min_width=6)
    lines.add_column(style="dim", no_wrap=True, min_width=4)
    lines.add_column(no_wrap=no_wrap, overflow="ellipsis" if no_wrap else "fold", ratio=1)
    for row in wordings.to_pylist():
        lines.add_row(f"{row['n']:,}", f"{row['similarity']:.2f}", difference(exemplar, row["text"] or ""))
    console.print(lines)
