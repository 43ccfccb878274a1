"""The end of a run, for a person: what came in, what was found, whom to look at, and how to open the Parquet."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import one_line
from pipeline.settings import Settings
from pipeline.sources import REASONS
from pipeline.store import Lake
from pipeline.tables import BROADCAST

SHOWN = 5
LEAST_FEELING = 30  # posts of a day whose swing is shown
SWING_PARTS = ("swing_campaigns", "swing_broadcast", "swing_rest")


def show(settings: Settings, counts: dict[str, int], seconds: float) -> None:
    """Print the summary of the lake as it is now."""
    from rich.console import Console

    lake, console = Lake.open(settings.lake), Console()
    console.print()
    console.print(_accounting(lake, counts, seconds), highlight=False)
    for table in (_rejects(lake), _platforms(lake), _swings(lake), _campaigns(lake), _authors(lake)):
        if table is not None:
            console.print(table)
    console.print(_how_to_open(lake), highlight=False, markup=False, soft_wrap=True)


def titled(title: str, *columns: str, words: str = "") -> Any:
    """A table whose `words` column gives way where the terminal is narrow; the others keep their width."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False, expand=bool(words)
    )
    for i, name in enumerate(columns):
        left = i == 0 or name == words
        ratio = 1 if name == words else None
        table.add_column(name, justify="left" if left else "right", no_wrap=True, overflow="ellipsis", ratio=ratio)
    return table


def words_of(text: object, limit: int = 60) -> Any:
    """A post's words as they are, on one line of at most `limit` characters: no markup, no control characters."""
    from rich.text import Text

    return Text(one_line(text, limit))


def _accounting(lake: Lake, counts: dict[str, int], seconds: float) -> str:
    files, known = counts.get("files", 0), counts.get("files_known", 0)
    posts = sum(f.rows for f in lake.data_files("posts"))
    rows = f"{counts.get('rows', 0):,} rows = {counts.get('raw_posts', 0):,} posts gathered + {counts.get('rejects', 0):,} rejects"
    authors = f" + {counts['raw_authors']:,} profiles" if counts.get("raw_authors") else ""
    again = f" ({known} gathered before)" if known else ""
    return f"[bold]{files} new files[/bold]{again}: {rows}{authors}\nthe lake holds {posts:,} distinct posts; {seconds:.1f} s"


def _rejects(lake: Lake) -> Any:
    counts = reject_counts(lake)
    if not counts:
        return None
    table = titled("Rejects in the lake", "reason", "rows", "what it means", words="what it means")
    for reason, n, meaning in counts:
        table.add_row(reason, f"{n:,}", words_of(meaning, 120))
    return table


def reject_counts(lake: Lake) -> list[tuple[str, int, str]]:
    """Of each reason for which the lake holds rejects: its code, how many rows, what it means; the commonest first."""
    counts = lake.read("rejects", ["reason"]).group_by("reason").aggregate([("reason", "count")])
    rows = counts.sort_by([("reason_count", "descending"), ("reason", "ascending")]).to_pylist()
    return [(row["reason"], row["reason_count"], REASONS.get(row["reason"], "")) for row in rows]


def _platforms(lake: Lake) -> Any:
    rows = lake.read("post_judgements", ["platform", "label", "is_broadcast"])
    summary = lake.read("daily_summary", ["platform", "n_feeling", "n_genuine", "sentiment_all", "sentiment_genuine"])
    head = ("platform", "posts", "broadcast", *BROADCAST, "feeling", "genuine")
    table = titled("Posts by platform; mean feeling of all and of genuine posts (-1 to 1)", *head)
    for platform in [*sorted(set(rows["platform"].to_pylist())), "all"]:
        here = rows if platform == "all" else rows.filter(pc.equal(rows["platform"], platform))
        labels = [pc.sum(pc.equal(here["label"], c)).as_py() or 0 for c in BROADCAST]
        loud = pc.mean(here["is_broadcast"].cast(pa.float64())).as_py() or 0.0
        days = summary.filter(pc.equal(summary["platform"], platform))
        feelings = (_mean(days, "sentiment_all", "n_feeling"), _mean(days, "sentiment_genuine", "n_genuine"))
        table.add_row(platform, f"{len(here):,}", f"{loud:.0%}", *(f"{n:,}" for n in labels), *feelings)
    return table


def _mean(days: pa.Table, value: str, weight: str) -> str:
    total = pc.sum(days[weight]).as_py() or 0
    added = pc.sum(pc.multiply(days[value], days[weight].cast(pa.float64()))).as_py()
    return f"{added / total:+.2f}" if total and added is not None else "-"


def _swings(lake: Lake) -> Any:
    """The days on which feeling moved most, of those with posts enough, and what moved it."""
    rows = largest_swings(lake)
    if not rows:
        return None
    table = titled("Largest swings of feeling from day to day, and their parts",
                   "day", "posts", "feeling", "swing", "campaigns", "95%", "other broadcasting", "rest")  # fmt: skip
    for row in rows:
        moved = [f"{row[name]:+.2f}" for name in ("sentiment_all", "sentiment_swing", *SWING_PARTS)]
        span = f"{row['swing_campaigns_low']:+.2f} to {row['swing_campaigns_high']:+.2f}"
        table.add_row(str(row["date"]), f"{row['n_feeling']:,}", *moved[:3], span, *moved[3:])
    return table


def largest_swings(lake: Lake) -> list[dict[str, Any]]:
    """Rows of daily_summary, the largest swing first: days of all platforms with LEAST_FEELING posts and an interval."""
    names = ["date", "platform", "n_feeling", "sentiment_all", "sentiment_swing", *SWING_PARTS]
    rows = lake.read("daily_summary", [*names, "swing_campaigns_low", "swing_campaigns_high"])
    told = pc.and_(pc.equal(rows["platform"], "all"), pc.is_valid(rows["swing_campaigns_low"]))
    rows = rows.filter(pc.and_(told, pc.greater_equal(rows["n_feeling"], LEAST_FEELING)))
    rows = rows.append_column("size", pc.round(pc.abs(rows["sentiment_swing"]), 6))
    largest: list[dict[str, Any]] = (
        rows.sort_by([("size", "descending"), ("date", "ascending")]).slice(0, SHOWN).to_pylist()
    )
    return largest


def _campaigns(lake: Lake) -> Any:
    rows = lake.read("campaigns", ["n_posts", "n_authors", "span_hours", "kind", "exemplar"])
    if not len(rows):
        return None
    words = "words of the first post"
    table = titled("Largest campaigns", "kind", "posts", "authors", "hours", words, words=words)
    top = rows.sort_by([("n_authors", "descending"), ("n_posts", "descending"), ("exemplar", "ascending")])
    for row in top.slice(0, SHOWN).to_pylist():
        hours = "-" if row["span_hours"] is None else f"{row['span_hours']:,.0f}"
        numbers = (f"{row['n_posts']:,}", f"{row['n_authors']:,}", hours)
        table.add_row(row["kind"], *numbers, words_of(row["exemplar"], 120))
    return table


def trust_rows(lake: Lake, *more: str) -> tuple[pa.Table, str | None]:
    """Every author's trust (and the columns `more`) as of the newest day there is, most trusted first; that day."""
    newest = max((f.keys["part_as_of"] for f in lake.data_files("author_trust")), default=None)
    columns = ["platform", "author_id", "n_posts", "trust_score", "trust_low", "trust_high", "trust_reasons", *more]
    rows = lake.read("author_trust", columns, only=lambda file: file.keys["part_as_of"] == newest)
    return rows.sort_by([("trust_score", "descending"), ("author_id", "ascending")]), newest


def _authors(lake: Lake) -> Any:
    rows, newest = trust_rows(lake)
    rows = rows.filter(pc.greater_equal(rows["n_posts"], SHOWN))
    if not len(rows):
        return None
    title = f"Trust as of {newest}: most and least, of authors with {SHOWN} posts or more"
    table = titled(title, "author", "posts", "trust", "80%", "why", words="why")
    ends = rows if len(rows) <= 2 * SHOWN else pa.concat_tables([rows.slice(0, SHOWN), rows.slice(len(rows) - SHOWN)])
    for i, row in enumerate(ends.to_pylist(), start=1):
        span = f"{row['trust_low']:.2f}-{row['trust_high']:.2f}"
        why = words_of("; ".join(row["trust_reasons"] or []), 160)
        author = f"{row['platform']} {row['author_id'][:8]}"
        table.add_row(author, f"{row['n_posts']}", f"{row['trust_score']:.2f}", span, why, end_section=i == SHOWN)
    return table


def _how_to_open(lake: Lake) -> str:
    return f"""The Parquet is in {one_line(lake.root)}/<table>/ ; every table opens by its plain path:
  import duckdb
  judged = duckdb.read_parquet("{one_line(lake.root)}/post_judgements/**/*.parquet")
  print(judged.filter("is_broadcast").select("post_id, label, broadcast_probability").limit(10))
Next: xinren report --lake {one_line(lake.root)} --out report.html     all of it as one page
      xinren summary --show DAY --lake {one_line(lake.root)}           how people felt on a day, by topic and campaign
      xinren explain POST_ID --lake {one_line(lake.root)} · xinren check --lake {one_line(lake.root)} · xinren schema"""
