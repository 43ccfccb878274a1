"""The stage campaigns on a lake of its own: the tables of the step, however the posts are cut into files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline import partitions
from pipeline.order import sort_rows
from pipeline.stages import campaign_files
from pipeline.steps.campaigns import MEMBER_ORDER, campaigns
from pipeline.store import Lake
from pipeline.threads import one_ahead
from tests.lake_of_posts import SEEN, fill, post, table

START = datetime(2026, 1, 20, tzinfo=UTC)
WORDS = (
    "新到的羊绒围巾厂家直发支持一件代发，想做副业的姐妹来找我",
    "阳台上种的薄荷长疯了，剪下一大把泡了凉茶，满屋子都是香气",
    "转角那家旧书店要搬走了，老板把缺页的武侠小说都送给了学生",
    "本群每晚八点团购水果，新人进群先领五元红包，满三十包邮到家",
)


def row(number: int, text: str, **more: Any) -> dict[str, Any]:
    """A post by one of nine authors, half of them a day after the other, a few without a date."""
    at = None if number % 11 == 0 else START + timedelta(hours=13 * number % 900)
    told = {"platform": ("weibo", "qzone")[number % 2], "is_auto_share": number % 5 == 0, "text_label": "sell"} | more
    return post(f"p{number:04d}", f"{number % 9:032x}", at, text) | told


ROWS = [row(i, WORDS[i % 4][: 29 - i % 7] + "，。！~"[i % 4]) for i in range(120)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create_or_open(str(tmp_path / "lake"), key_id="0a1b2c3d")


def stored(lake: Lake) -> tuple[pa.Table, pa.Table]:
    found = sort_rows(lake.read("campaigns"), ["campaign_id"]), sort_rows(lake.read("campaign_members"), MEMBER_ORDER)
    return found[0].replace_schema_metadata(), found[1].replace_schema_metadata()


def expected() -> tuple[pa.Table, pa.Table]:
    found = campaigns(table("posts", ROWS), table("post_features", ROWS))
    return found[0].replace_schema_metadata(), found[1].replace_schema_metadata()


def paths(lake: Lake) -> list[str]:
    tables = ("campaigns", "campaign_members", "campaign_aliases")
    return [file.path for name in tables for file in lake.data_files(name)]


@pytest.mark.parametrize(("buckets", "at_a_time"), [(1, 300_000), (4, 300_000), (1, 7), (4, 1)])
def test_the_stage_finds_what_the_step_finds(
    lake: Lake, buckets: int, at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign_files, "AT_A_TIME", at_a_time)
    monkeypatch.setattr(campaign_files, "SORTED", at_a_time)
    counts = fill(lake, ROWS, buckets)
    summary, members = expected()
    assert len(members) > 100
    assert stored(lake) == (summary, members)
    assert counts == {"campaigns": len(summary), "campaign_members": len(members)}


def test_members_stand_where_their_posts_stand(lake: Lake) -> None:
    fill(lake, ROWS, 4)
    posts = {partitions.place(file) for file in lake.data_files("posts")}
    assert {partitions.place(file) for file in lake.data_files("campaign_members")} <= posts
    for file in lake.data_files("campaign_members"):
        rows = lake.read("campaign_members", only=lambda one, path=file.path: one.path == path)
        assert rows.equals(sort_rows(rows, ["author_id", "posted_at", "post_id"]))


def test_posts_that_come_in_parts_give_the_tables_of_all_at_once(lake: Lake, tmp_path: Path) -> None:
    other = Lake.create_or_open(str(tmp_path / "other"), key_id="0a1b2c3d")
    fill(other, ROWS)
    for end in (40, 90, 120):
        fill(lake, ROWS[:end])
    assert paths(lake) == paths(other)


def test_posts_that_are_gone_take_their_campaigns_with_them(lake: Lake) -> None:
    fill(lake, ROWS)
    fill(lake, ROWS[:1])
    assert paths(lake) == []


def test_files_that_stay_the_same_are_kept(lake: Lake) -> None:
    fill(lake, ROWS)
    before = set(paths(lake))
    late = row(500, WORDS[1], posted_at=START + timedelta(days=90))
    fill(lake, [*ROWS, late])
    after = set(paths(lake))
    assert before - after  # of the campaign that grew
    assert len(before & after) >= len(before) // 2


def test_an_earlier_post_gathered_later_gives_the_campaign_a_new_id(lake: Lake) -> None:
    text, hours = WORDS[0], timedelta(hours=1)
    gathered = [  # post, hours after the start, days after the first gathering
        ("c", 9, 0), ("d", 10, 0), ("b", 5, 2), ("e", 11, 2), ("a", 1, 3), ("f", 12, 3), ("0", -5, 9),
    ]  # fmt: skip
    rows = [
        row(
            1,
            text,
            platform="weibo",
            post_id=post,
            posted_at=START + at * hours,
            first_seen_at=SEEN + timedelta(days=day),
        )
        for post, at, day in gathered
    ]
    fill(lake, rows[:6])
    assert [r["alias_id"] for r in lake.read("campaign_aliases").to_pylist()] == ["weibo:b", "weibo:c"]
    fill(lake, rows)
    assert lake.read("campaign_aliases").to_pylist() == [
        {"alias_id": f"weibo:{old}", "campaign_id": "weibo:0", "replaced_at": SEEN + timedelta(days=day)}
        for old, day in (("a", 9), ("b", 3), ("c", 2))
    ]


def test_an_id_that_no_one_ever_saw_is_no_alias(lake: Lake) -> None:
    """Until the second post was gathered there was no campaign; posts gathered together have one first."""
    rows = [
        row(1, WORDS[0], post_id=post, platform="weibo", posted_at=START + timedelta(hours=at), first_seen_at=seen)
        for post, at, seen in (("b", 2, SEEN), ("a", 1, SEEN + timedelta(days=1)), ("c", 3, SEEN + timedelta(days=1)))
    ]
    fill(lake, rows)
    assert lake.read("campaign_aliases").num_rows == 0


def test_columns_kept_in_files_are_read_back_in_parts(tmp_path: Path) -> None:
    shelf = campaign_files.FileShelf(lambda name: tmp_path / name)
    assert shelf.read("at", np.int64).tolist() == []
    for values in ([1, 2, 3], [], [4, 5]):
        shelf.append("at", np.array(values, np.int64))
    assert shelf.read("at", np.int64).tolist() == [1, 2, 3, 4, 5]
    assert shelf.read("at", np.int64, 2, 4).tolist() == [3, 4]
    shelf.drop("at")
    shelf.drop("at")
    assert shelf.read("at", np.int64).tolist() == []


def _drifting(dice: random.Random) -> list[dict[str, Any]]:
    """Sixty posts of three wordings that change letter by letter, gathered over four days in any order."""
    rows = []
    for number in range(60):
        text = list(WORDS[number % 3] + WORDS[3])
        for _ in range(dice.randrange(6)):
            text[dice.randrange(len(text))] = dice.choice("春夏秋冬山水")
        more = {
            "posted_at": START + timedelta(hours=dice.randrange(900)),
            "first_seen_at": SEEN + timedelta(days=dice.randrange(4)),
        }
        rows.append(row(number, "".join(text), **more))
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_late_data_in_any_order_gives_the_tables_of_all_at_once(tmp_path: Path, seed: int) -> None:
    rows = _drifting(random.Random(seed))
    lake, other = (Lake.create_or_open(str(tmp_path / name), key_id="0a1b2c3d") for name in ("lake", "other"))
    had: set[str] = set()
    for day in range(4):
        fill(lake, [r for r in rows if r["first_seen_at"] <= SEEN + timedelta(days=day)], buckets=(1, 4)[seed % 2])
        had |= set(lake.read("campaigns")["campaign_id"].to_pylist())
    fill(other, random.Random(seed).sample(rows, len(rows)), buckets=(1, 4)[seed % 2])
    assert paths(lake) == paths(other)
    now = {f"{r['platform']}:{r['post_id']}": r["campaign_id"] for r in lake.read("campaign_members").to_pylist()}
    aliases = {r["alias_id"]: r["campaign_id"] for r in lake.read("campaign_aliases").to_pylist()}
    gone = had - set(lake.read("campaigns")["campaign_id"].to_pylist())
    assert gone
    assert {old: aliases.get(old) for old in gone} == {old: now[old] for old in gone}
    assert not set(aliases) & set(aliases.values())


def test_items_made_ahead_come_in_order_and_an_error_comes_in_its_turn() -> None:
    def items() -> Iterator[int]:
        yield from (3, 1, 2)
        raise ValueError("the fourth")

    ahead = one_ahead(items())
    assert [next(ahead), next(ahead), next(ahead)] == [3, 1, 2]
    with pytest.raises(ValueError, match="the fourth"):
        next(ahead)
