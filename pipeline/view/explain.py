"""Why a post is judged so, in the terminal: the text with its spans marked, the classes, the reasons."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import UsageError, one_line
from pipeline.local_time import OFFSET
from pipeline.settings import Settings
from pipeline.store import Lake
from pipeline.tables import BROADCAST, CLASSES
from pipeline.view.wordings import plain

PAST_SHOWN = 3  # of the author's flagged posts, the newest before the post


def explain_text(text: str, settings: Settings) -> None:
    """Judge `text` by itself and say why."""
    from pipeline.api import Scorer

    scorer = Scorer(settings.models, settings.corpora, domain_words=settings.domain_words)
    clean = text.encode("utf-8", "replace").decode()
    row = scorer.judge(pa.chunked_array([pa.array([clean])]), settings.base_rate).to_pylist()[0]
    if row["label"] is None:
        raise UsageError("explain: got a text that shows nothing; expected words")
    _show(clean, row, f"by its text alone, at a base rate of {settings.base_rate:.0%}")
    if not row["is_broadcast"]:
        _show_nearly(clean, row, settings)


def explain_post(post_id: str, settings: Settings) -> None:
    """Say why the lake's post was judged so. Raises UsageError where there is none, or it was not judged yet."""
    lake = Lake.open(settings.lake)
    same = pc.field("post_id") == post_id.encode("utf-8", "replace").decode()
    judged = lake.read("post_judgements", filter=same)
    if not len(judged):
        raise UsageError(
            f"explain {one_line(post_id, 80)}: not judged in lake {settings.lake}; expected a post_id of it"
        )
    for row in judged.to_pylist():  # the same id on two platforms is two posts
        here = same & (pc.field("platform") == row["platform"])
        features = lake.read("post_features", filter=here).to_pylist()[0]
        text = lake.read("posts", ["platform", "post_id", "text"], filter=here)["text"][0].as_py()
        past = f"{row['author_posts_before'] or 0} earlier posts of the author known; judge {row['judge_version']}"
        _show(
            text,
            features | row,
            f"{row['platform']}, {_when(row['posted_at'])}, context {row['context_basis']}: {past}",
        )
        if not row["is_broadcast"]:
            _show_nearly(text, features | row, settings)
        _show_campaign(lake, row["campaign_id"])
        _show_past(lake, row)


def _show(text: str, row: dict[str, Any], where: str) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    verdict = "broadcasting" if row["is_broadcast"] else "not broadcasting"
    console.print(
        f"{row['label']}, {verdict}: probability {row['broadcast_probability']:.2f}", style="bold", highlight=False
    )
    console.print(where, style="dim", highlight=False, markup=False)
    console.print()
    console.print(_marked(text, row["reasons"] or []))
    console.print()
    classes = ", ".join(f"{c} {row[f'p_{c}']:.2f}" for c in sorted(CLASSES, key=lambda c: -row[f"p_{c}"]))
    console.print(f"by text alone: {classes}; broadcasting {_text_probability(row):.2f}", highlight=False)
    console.print(f"feeling: {row['sentiment_label']} ({row['sentiment']:+.2f})", highlight=False)
    if row["reasons"]:
        console.print()
        table = Table("why", "weight", "words", box=None, padding=(0, 2, 0, 0))
        for reason in row["reasons"]:
            table.add_row(reason["kind"], f"{reason['weight']:+.2f}", _safe(one_line(reason["text"], 100)))
        console.print(table)
        against = f"weight: log-odds; of words for {row['label']} against share, of the rest for broadcasting"
        console.print(against, style="dim", highlight=False)


def _show_nearly(text: str, row: dict[str, Any], settings: Settings) -> None:
    """Of a post that was not flagged: the words that spoke for broadcasting all the same, but too little."""
    from rich.console import Console

    label, reasons = _nearly(text, row, settings)
    words = [f"{one_line(reason['text'], 40)} {reason['weight']:+.2f}" for reason in reasons]
    if words:
        console = Console()
        console.print(f"for {label}, but too little:", _safe(", ".join(words)), style="dim", highlight=False)


def _nearly(text: str, row: dict[str, Any], settings: Settings) -> tuple[str, list[dict[str, Any]]]:
    """The likeliest class that broadcasts, and the spans that speak for it against share."""
    from pipeline.api import Scorer
    from pipeline.steps.reasons import Flagged, text_reason_lists
    from pipeline.text.codepoints import from_list
    from pipeline.text.contacts import redact_batch

    models = Scorer(settings.models, settings.corpora, domain_words=settings.domain_words).models
    redacted = redact_batch(from_list([text]))
    reading = models.reader.read_batch(redacted.batch, redacted.folded)
    label = max(BROADCAST, key=lambda c: float(row[f"p_{c}"]))
    asked = Flagged(np.array([0]), np.array([CLASSES.index(label)]))
    counts = models.scoring.counts(reading)
    found = text_reason_lists(reading, asked, models.scoring, counts, models.reader.lexicon, redacted).to_pylist()[0]
    return label, [reason for reason in found if reason["kind"] != "text"]


def _when(at: datetime | None) -> str:
    return f"{at + timedelta(microseconds=OFFSET):%Y-%m-%d %H:%M}" if at else "undated"


def _show_campaign(lake: Lake, campaign_id: str | None) -> None:
    """The campaign the post belongs to, and the command that shows its wordings."""
    from rich.console import Console

    found = lake.read("campaigns", filter=pc.field("campaign_id") == campaign_id).to_pylist() if campaign_id else []
    for row in found:
        console = Console()
        console.print()
        console.print(
            f"campaign: {row['kind']}, {row['n_posts']:,} posts by {row['n_authors']:,} authors from"
            f" {_when(row['first_at'])}; first said:",
            highlight=False,
        )
        console.print(plain(row["exemplar"], 200))
        console.print(plain(f"xinren campaigns --show {campaign_id} --lake {lake.root}"), style="dim", soft_wrap=True)


def _show_past(lake: Lake, row: dict[str, Any]) -> None:
    """How many of the author's earlier posts were flagged, and the newest of them."""
    from rich.console import Console

    if not row["author_posts_before"] or row["author_id"] is None or row["posted_at"] is None:
        return
    mine = (pc.field("author_id") == row["author_id"]) & (pc.field("platform") == row["platform"])
    columns = ["post_id", "posted_at", "label", "broadcast_probability", "is_broadcast"]
    at, before = pc.field("posted_at"), pc.field("post_id") < row["post_id"]
    moment = pa.scalar(row["posted_at"])
    past = lake.read("post_judgements", columns, filter=mine & ((at < moment) | ((at == moment) & before)))
    flagged = past.filter(past["is_broadcast"]).sort_by([("posted_at", "descending"), ("post_id", "ascending")])
    newest = flagged.slice(0, PAST_SHOWN)
    console = Console()
    console.print(
        f"\nauthor {row['author_id'][:8]}: {len(flagged):,} of {len(past):,} earlier posts flagged", highlight=False
    )
    texts = lake.read(
        "posts", ["post_id", "text"], filter=mine & pc.field("post_id").isin(newest["post_id"].combine_chunks())
    )
    said = dict(zip(texts["post_id"].to_pylist(), texts["text"].to_pylist(), strict=True))  # a few posts
    for post in newest.to_pylist():
        head = f"{_when(post['posted_at'])}  {post['label']} {post['broadcast_probability']:.2f}  "
        console.print(plain(head + said.get(post["post_id"], ""), 160), no_wrap=True, overflow="ellipsis")


def _text_probability(row: dict[str, Any]) -> float:
    return float(sum(row[f"p_{c}"] for c in BROADCAST))


def _safe(text: str) -> Any:
    from rich.text import Text

    return Text("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text))


def _marked(text: str, reasons: list[dict[str, Any]]) -> Any:
    shown = _safe(text)
    for reason in reasons:
        if reason["span_start"] is not None:
            shown.stylize(
                "reverse" if reason["kind"] != "phrase" else "bold underline", reason["span_start"], reason["span_end"]
            )
    return shown
