"""One author's card in the terminal: trust and what it is made of, reasons, months, campaigns. Reads the lake only."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import UsageError, one_line
from pipeline.order import floats, numbers
from pipeline.settings import Settings
from pipeline.steps.author_life import Floats
from pipeline.store import Lake
from pipeline.tables import COMPONENTS
from pipeline.view.wordings import plain

ABUSES = ("recruitment", "flooding", "drift")
WIDTH = 20  # of a bar
MONTHS = 36  # the newest
CAMPAIGNS = 5
_BARS = "▁▂▃▄▅▆▇█"
_ID = re.compile(r"[0-9a-f]{4,32}")


def show_author(settings: Settings, author: str) -> None:
    """Print the card of the author whose keyed id is, or begins with, `author`, as of the newest day with trust.

    Raises UsageError where no author or several begin so.
    """
    from rich.console import Console

    lake, console = Lake.open(settings.lake), Console()
    row = _found(lake, author, settings.as_of)
    here = (pc.field("platform") == row["platform"]) & (pc.field("author_id") == row["author_id"])
    _print_head(console, row)
    _print_components(console, row)
    for reason in row["trust_reasons"] or ["nothing speaks for or against"]:
        console.print(plain(f"· {reason}", 200))
    _print_months(console, lake.read("author_months", filter=here).sort_by("month"))
    _print_campaigns(console, lake, lake.read("campaign_members", ["campaign_id"], filter=here))


def _found(lake: Lake, author: str, as_of: date | None) -> dict[str, Any]:
    begins = author.strip().lower()
    if not _ID.fullmatch(begins):
        raise UsageError(
            f"author {one_line(author, 40)}: expected a keyed author_id, or 4 hex digits or more of its beginning"
        )
    days = {file.keys["part_as_of"] for file in lake.data_files("author_trust")}
    day = max(days, default=None) if as_of is None else as_of.isoformat()
    if day not in days:
        raise UsageError(
            f"author {begins}: no trust as of {day or 'any day'} in lake {one_line(lake.root)}; run `xinren trust`"
        )
    same = pc.starts_with(pc.field("author_id"), pattern=begins)
    rows = lake.read("author_trust", only=lambda file: file.keys["part_as_of"] == day, filter=same)
    if len(rows) != 1:
        some = ", ".join(f"{r['platform']} {r['author_id'][:12]}" for r in rows.slice(0, 5).to_pylist())
        got = f"{len(rows)} authors begin so ({some}); give more of the id" if len(rows) else "no such author"
        raise UsageError(f"author {begins}: as of {day}: {got}")
    return dict(rows.to_pylist()[0])


def _print_head(console: Any, row: dict[str, Any]) -> None:
    console.print(plain(f"{row['platform']} {row['author_id']}"), style="bold")
    span = "no post yet" if row["history_days"] is None else f"{row['n_posts']:,} posts in {row['history_days']:,} days"
    console.print(f"as of {row['as_of']}: {span}", style="dim", highlight=False)
    low, high = row["trust_low"], row["trust_high"]
    place = (
        "" if row["trust_percentile"] is None else f", above {row['trust_percentile']:.0%} of the reference accounts"
    )
    console.print(f"trust {row['trust_score']:.2f} (80%: {low:.2f} to {high:.2f}){place}", highlight=False)
    if row["spam_author_probability"] is not None:
        console.print(f"spam account, as learned: {row['spam_author_probability']:.2f}", highlight=False)
    told = [f"{words} {row[name]}" for name, words in (("shift_month", "shift to selling"), ("migration_month", "to shop platforms"))
            if row[name]]  # fmt: skip
    told += ["sells no more (60 days)"] if row["exited"] else []
    if told:
        console.print("; ".join(told), highlight=False)


def _print_components(console: Any, row: dict[str, Any]) -> None:
    from rich.table import Table

    lines = Table.grid(padding=(0, 1))
    lines.add_column(no_wrap=True)
    lines.add_column(no_wrap=True)
    lines.add_column(justify="right", no_wrap=True)
    lines.add_column(style="dim", overflow="ellipsis", no_wrap=True)
    for name, meaning in COMPONENTS.items():
        value = row[name]
        style = "red" if name in ABUSES else "green"
        shown = "unknown" if value is None else f"{value:.2f}"
        lines.add_row(name, f"[{style}]{_bar(value)}[/{style}]", shown, meaning)
    console.print()
    console.print(lines)
    console.print()


def _bar(value: float | None) -> str:
    filled = 0 if value is None else round(min(max(value, 0.0), 1.0) * WIDTH)
    return "█" * filled + "·" * (WIDTH - filled)


def _print_months(console: Any, rows: pa.Table) -> None:
    """Each line one bar a calendar month, the newest last; a month without posts, or where nothing is known, is a dot."""
    if not len(rows):
        return
    month = numbers(rows["month"], 0).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    first = max(int(month[0]), int(month[-1]) - MONTHS + 1)
    rows, month = rows.filter(pa.array(month >= first)), month[month >= first] - first
    n = int(month[-1]) + 1
    begin = np.datetime64(first, "M")
    console.print()
    console.print(f"{n} months from {begin}; shares from 0 to 1", style="dim", highlight=False)
    posts = np.zeros(n)
    posts[month] = floats(rows["n_posts"])
    console.print(
        f"{'posts':10} {spark(np.where(posts > 0, posts, np.nan), max(posts.max(), 1))} most {int(posts.max()):,}",
        highlight=False,
    )
    for name, words in (("commerce_share", "selling"), ("agency_share", "recruiting"), ("trust", "trust")):
        values = np.full(n, np.nan)
        values[month] = floats(rows[name])
        known = values[~np.isnan(values)]
        last = f"last {known[-1]:.2f}" if len(known) else ""
        console.print(f"{words:10} {spark(values, 1.0)} {last}", highlight=False)


def spark(values: Floats, top: float) -> str:
    """One bar a value, 0 to `top`; NaN is a dot."""
    step = np.rint(np.clip(np.nan_to_num(values) / top, 0, 1) * (len(_BARS) - 1)).astype(int)
    return "".join("·" if nan else _BARS[at] for at, nan in zip(step.tolist(), np.isnan(values).tolist(), strict=True))


def _print_campaigns(console: Any, lake: Lake, members: pa.Table) -> None:
    if not len(members):
        return
    own = members.group_by("campaign_id", use_threads=False).aggregate([([], "count_all")])
    chosen = pc.field("campaign_id").isin(own["campaign_id"].combine_chunks())
    rows = lake.read("campaigns", ["campaign_id", "kind", "n_posts", "n_authors", "exemplar"], filter=chosen)
    rows = rows.join(own, "campaign_id").sort_by(
        [("n_authors", "descending"), ("count_all", "descending"), ("campaign_id", "ascending")]
    )
    console.print()
    console.print(f"in {len(rows):,} campaigns; the largest:", style="dim", highlight=False)
    for row in rows.slice(0, CAMPAIGNS).to_pylist():
        authors = "1 author" if row["n_authors"] == 1 else f"{row['n_authors']:,} authors"
        facts = f"{row['kind']}: {row['count_all']:,} of {row['n_posts']:,} posts, {authors}: "
        line = plain(facts + row["exemplar"], 300)
        console.print(line, no_wrap=True, overflow="ellipsis", highlight=False)
