"""Interactions of a whole lake: what author_trust says of them is what its posts say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pipeline.run import writing
from pipeline.stages import do
from pipeline.store import Lake
from tests.feed import need_models, opened_once, settings_for, write_file

SHANGHAI = timezone(timedelta(hours=8))
DIARY = (
    "今天缝好了窗帘，蓝底白花，挂上去屋里亮了许多",
    "外婆打电话来，说院子里的橘子熟了，我周末回去摘",
    "下班路上买了一束雏菊，才八块钱，开心一晚上",
    "孩子第一次自己系鞋带，系了十分钟，我在旁边憋着没帮忙",
    "雨下了一整天，窝在沙发上看完了一本旧小说",
    "学着做了酱牛肉，有点咸，先生说下饭正好",
    "早上跑步遇见一只橘猫，跟着我走了半条街",
    "老同学来家里吃饭，聊到半夜，都舍不得散",
    "阳台的薄荷被虫咬了，喷了点大蒜水试试",
    "公司楼下的银杏黄了，中午绕着走了两圈",
)
WORDS = ("颜色真好看", "布是哪里买的呀", "手真巧，羡慕", "我家也想换一副")


@pytest.fixture(autouse=True)
def models() -> Iterator[None]:
    need_models()
    with opened_once():
        yield


def _row(post_id: str, author: str, day: int, text: str, **more: str) -> dict[str, str]:
    at = datetime(2026, 1, 1, 9, tzinfo=SHANGHAI) + timedelta(days=day)
    return {
        "platform": "weibo",
        "post_id": post_id,
        "author_id": author,
        "text": text,
        "posted_at": at.isoformat(),
        **more,
    }


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Ten posts of one author, each answered by two of four neighbours, one of whom was answered in turn; others silent."""
    rows = [_row(f"s{day}", "770001", day, DIARY[day]) for day in range(10)]
    for day in range(10):
        for who in (day % 4, (day + 1) % 4):
            more = {"kind": "comment", "parent_id": f"s{day}", "root_id": f"s{day}"}
            rows.append(_row(f"c{day}{who}", f"77010{who}", day, WORDS[who], **more))
    more = {"kind": "comment", "parent_id": "c00", "root_id": "s0"}
    rows.append(_row("own", "770001", 0, "谢谢夸奖", **more))
    rows.append(_row("lost", "770109", 3, "路过", kind="comment", parent_id="gone"))
    settings = settings_for(tmp_path / "lake", write_file(tmp_path / "talk.jsonl", rows), as_of="2026-01-08")
    with writing(settings) as run:
        do(run)
    return Lake.open(str(tmp_path / "lake"))


def test_comments_are_counted_up_to_the_day_and_trust_is_passed_along_them(lake: Lake) -> None:
    posts = lake.read("posts", ["post_id", "author_id", "kind", "root_id", "posted_at"]).to_pylist()
    author = {row["post_id"]: row["author_id"] for row in posts}
    end = datetime(2026, 1, 9, tzinfo=SHANGHAI)
    met = Counter(
        author[row["root_id"]] for row in posts
        if row["kind"] == "comment" and row["root_id"] in author and row["posted_at"] < end
        and author[row["root_id"]] != row["author_id"]
    )  # fmt: skip
    rows = {row["author_id"]: row for row in lake.read("author_trust").to_pylist()}
    assert {a: row["comments_received"] for a, row in rows.items() if row["comments_received"] is not None} == met
    [seamstress] = met
    assert met[seamstress] == 16
    assert (rows[seamstress]["distinct_commenters"], rows[seamstress]["recurrent_commenter_share"]) == (4, 1)
    assert rows[seamstress]["trust_rank"] > 1
    assert sum(row["trust_rank"] is not None for row in rows.values()) == 5
