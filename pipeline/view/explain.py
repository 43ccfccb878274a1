"""Why a post is judged so, in the terminal: the text with its spans marked, the classes, the reasons."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import UsageError, one_line
from pipeline.settings import Settings
from pipeline.store import Lake
from pipeline.tables import CLASSES


def explain_text(text: str, settings: Settings) -> None:
    """Judge `text` by itself and say why."""
    from pipeline.api import Scorer

    scorer = Scorer(settings.models, settings.corpora, domain_words=settings.domain_words)
    clean = text.encode("utf-8", "replace").decode()
    row = scorer.judge(pa.chunked_array([pa.array([clean])]), settings.base_rate).to_pylist()[0]
    if row["label"] is None:
        raise UsageError("explain: got a text that shows nothing; expected words")
    _show(clean, row, f"by its text alone, at a base rate of {settings.base_rate:.0%}")


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
        _show(text, features | row, f"{row['platform']}, context {row['context_basis']}: {past}")


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
    console.print(f"by text alone: {classes}", highlight=False)
    console.print(f"feeling: {row['sentiment_label']} ({row['sentiment']:+.2f})", highlight=False)
    if row["reasons"]:
        table = Table("why", "weight", "words", box=None, padding=(0, 2, 0, 0))
        for reason in row["reasons"]:
            table.add_row(reason["kind"], f"{reason['weight']:+.2f}", _safe(one_line(reason["text"], 100)))
        console.print(table)


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
