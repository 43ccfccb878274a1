"""The real data sets beside the repository, written as the exports a user would hold: native JSON Lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


def write_native(shared: Path, out: Path, *names: str) -> list[Path]:
    """`<name>.jsonl` in `out` for each of weibo_authors, weibo_2014, xhs_2018."""
    makers = {"weibo_authors": _weibo_authors, "weibo_2014": _weibo_2014, "xhs_2018": _xhs_2018}
    paths = []
    for name in names or tuple(makers):
        path = out / f"{name}.jsonl"
        rows = makers[name](shared / "datasets" / name)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        paths.append(path)
    return paths


def _weibo_authors(folder: Path) -> list[dict[str, Any]]:
    authors = {a["author_id"]: a for a in pq.read_table(folder / "authors.parquet").to_pylist()}
    rows = []
    for i, post in enumerate(pq.read_table(folder / "posts.parquet").to_pylist()):
        profile = authors.get(post["author_id"], {})
        rows.append({
            "platform": "weibo", "post_id": f"wa{i}", "author_id": post["author_id"], "text": post["content"],
            "posted_at": post["time"], "app": post["source"], "kind": "repost" if post["forward_flag"] else "post",
            "likes": post["like"], "comments": post["comment"], "reposts": post["repost"],
            "followers": profile.get("followers_num"), "following": profile.get("following_num"),
            "author_posts": profile.get("weibos_num"),
        })  # fmt: skip
    return rows


def _weibo_2014(folder: Path) -> list[dict[str, Any]]:
    table = pq.read_table(folder / "posts.parquet").to_pylist()
    return [
        {"platform": "weibo", "post_id": f"w14-{p['row']}", "author_id": p["author_id"], "text": p["content"]}
        for p in table
    ]


def _xhs_2018(folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "platform": "xiaohongshu", "post_id": p["id"], "author_id": p["author_id"], "text": p["content"], "kind": "note",
            "likes": p["likes"], "comments": p["comments"], "collects": p["stars"], "followers": p["fans"],
        }
        for p in pq.read_table(folder / "notes.parquet").to_pylist()
    ]  # fmt: skip
