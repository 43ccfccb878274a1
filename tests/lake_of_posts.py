"""A lake of posts that tests write down themselves, with the stage campaigns done over it: no exports, no models."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from pipeline import partitions, stages
from pipeline.order import sort_rows
from pipeline.run import Run, quiet
from pipeline.settings import Settings
from pipeline.stages.campaign_parts import Spread
from pipeline.store import Lake
from pipeline.tables import complete

SEEN = datetime(2026, 6, 1, tzinfo=UTC)


def post(post_id: str, author: str | None, at: datetime | None, text: str, **more: Any) -> dict[str, Any]:
    """What the tables posts and post_features hold of a post."""
    return {
        "platform": "weibo", "post_id": post_id, "author_id": author, "posted_at": at, "text": text, "text_normalised": text,
        "text_own": text, "kind": "post", "is_repost": False, "is_auto_share": False, "first_seen_at": SEEN,
        "last_seen_at": SEEN, "versions": 1, "schema_version": 1, "text_label": None, "text_judge_version": "1",
        "sentiment_version": "1",
    } | more  # fmt: skip


def table(name: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    rows = list(rows)
    want = complete({}, name, 0).schema
    columns = {f.name: pa.array([r[f.name] for r in rows], f.type) for f in want if rows and f.name in rows[0]}
    return sort_rows(complete(columns, name, len(rows)), ["author_id", "posted_at", "post_id"])


def fill(
    lake: Lake, rows: list[dict[str, Any]], buckets: int = 1, spread: Spread | None = None, **stated: Any
) -> dict[str, int]:
    """Make `rows` the posts of the lake, and run the stage; `stated`: settings."""
    with lake.begin() as tx:
        tx.buckets = buckets
        for name in ("posts", "post_features"):
            for file in tx.data_files(name):
                tx.drop(name, file.keys, file.stem)
            for keys, stem, part in partitions.split(name, table(name, rows), buckets):
                tx.put(name, keys, stem, part)
        counts = stages.campaigns(
            Run(Settings(**{"lake": lake.root, "workers": 2} | stated), tx, b"", quiet, spread=spread)
        )
        tx.commit()
    return counts
