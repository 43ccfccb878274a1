"""Columns that several stages read."""

from __future__ import annotations

from datetime import timedelta

LOCAL = timedelta(hours=8)  # Asia/Shanghai
POST_KEY = ["platform", "post_id"]
POST_FACTS = [
    *POST_KEY, "author_id", "posted_at", "kind", "is_repost", "is_auto_share", "source_dedups", "followers",
    "first_seen_at", "last_seen_at",
]  # fmt: skip
