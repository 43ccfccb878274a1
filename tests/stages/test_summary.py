"""The summary of a lake is the same for any number of buckets, order and number of runs, to the byte."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from pipeline import partitions, stages
from pipeline.check import check
from pipeline.run import writing
from pipeline.spill import Spill
from pipeline.store import Lake
from tests.feed import need_models, opened_once, settings_for

ADVERT = "本厂直供玻尿酸面膜，招全国代理，一件代发不压货，想赚零花钱的宝妈快来问我，名额不多了"
MOODS = (
    "今天心情真好，吃到了喜欢的小笼包",
    "堵车堵了两个小时，烦死了",
    "下雨天在家看书",
    "气死我了，快递又丢了，太失望",
)


@pytest.fixture(autouse=True)
def models() -> Iterator[None]:
    need_models()
    with opened_once():
        yield


def rows() -> list[dict[str, Any]]:
    """Three days on two platforms: moods under a topic, and an advertisement from the second day on."""
    dice = random.Random(5)
    found = []
    for i in range(260):
        day, author, tail = 1 + i % 3, f"u{dice.randrange(60)}", f" {dice.randrange(10**6)}"
        text = ADVERT if day > 1 and i % 4 == 0 else dice.choice(MOODS) + tail
        topic = "#下雨天#" if i % 2 else ""
        found.append({
            "platform": dice.choice(["weibo", "xiaohongshu"]), "post_id": f"p{i}", "author_id": author, "text": topic + text,
            "posted_at": f"2026-01-0{day}T{dice.randrange(24):02d}:{dice.randrange(60):02d}:00+08:00",
        })  # fmt: skip
    return found


def run(lake: Path, name: str, some: list[dict[str, Any]]) -> dict[str, int]:
    path = lake.parent / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in some), "utf-8")
    with writing(settings_for(lake, path)) as begun:
        return stages.do(begun)


def written(lake: Path) -> list[str]:
    """The files of both tables; their names hold the hashes of their bytes."""
    return [
        file.path for table in ("daily_summary", "daily_feelings") for file in Lake.open(str(lake)).data_files(table)
    ]


def test_runs_orders_and_buckets_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posts = rows()
    (tmp_path / "one").mkdir()
    counts = run(tmp_path / "one" / "lake", "all.jsonl", posts)
    lake = Lake.open(str(tmp_path / "one" / "lake"))
    assert counts["daily_feelings"] == len(lake.read("daily_feelings"))
    assert set(lake.read("daily_feelings")["part"].to_pylist()) == {"topic", "campaign"}
    day = lake.read("daily_summary").filter(pc.equal(lake.read("daily_summary")["platform"], "all")).to_pylist()[1]
    assert day["swing_campaigns_low"] <= day["swing_campaigns"] <= day["swing_campaigns_high"]
    assert check(lake) == []

    other = tmp_path / "other" / "lake"
    other.parent.mkdir()
    monkeypatch.setattr(partitions, "POSTS_PER_BUCKET", 40)
    monkeypatch.setattr("pipeline.spill.HELD", 1_000)  # set aside on disk
    set_aside: list[int] = []
    scatter = Spill.scatter
    monkeypatch.setattr(Spill, "scatter", lambda *told: (set_aside.append(1), scatter(*told))[1])
    mixed = random.Random(1).sample(posts, len(posts))
    run(other, "some.jsonl", mixed[:90])
    assert written(other) != written(tmp_path / "one" / "lake")
    run(other, "rest.jsonl", mixed[90:])
    assert len(set_aside) > 8
    assert written(other) == written(tmp_path / "one" / "lake")
    run(other, "rest.jsonl", mixed[90:])
    assert written(other) == written(tmp_path / "one" / "lake")
