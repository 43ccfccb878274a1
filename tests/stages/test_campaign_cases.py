"""Lakes of an unusual kind, from the stage campaigns to the eye: huge, bare, undated, anonymous, without a word."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings import Settings
from pipeline.store import Lake
from pipeline.view.campaigns import WORDINGS_OF_ONE, show_one, show_top
from pipeline.view.report import report_html
from tests.lake_of_posts import SEEN, fill, post

START = datetime(2026, 3, 1, 4, tzinfo=UTC)  # noon in Shanghai
ADVERT = "自家晒的陈皮一斤起卖，三年以上的老皮，泡茶炖汤都香，要的朋友在群里报数，当天就能寄出"
TAILS = ("", "！", "[赞]", "早安", "趁早", "😀😀", "现货")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create_or_open(str(tmp_path / "lake"), key_id="0a1b2c3d")


def flood(n: int, authors: int | None, *, dated: bool = True) -> list[dict[str, Any]]:
    """`n` posts of one advertisement with seven tails, a minute apart, the authors one after another."""
    return [
        post(
            f"p{i:06d}", f"{i % authors:032x}" if authors else None, START + timedelta(minutes=i) if dated else None,
            ADVERT + TAILS[i % 7],
        )
        for i in range(n)
    ]  # fmt: skip


def test_fifty_thousand_posts_of_one_advertisement_are_one_campaign(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = fill(lake, flood(50_000, 9_000), buckets=4)
    assert counts == {"campaigns": 1, "campaign_members": 50_000}
    [row] = lake.read("campaigns").to_pylist()
    assert (row["kind"], row["n_posts"], row["n_authors"], row["peak_per_hour"]) == ("flood", 50_000, 9_000, 60)
    members = lake.read("campaign_members").sort_by("post_id")
    assert members["n_posts_before"].to_pylist() == list(range(50_000))
    assert members["n_authors_before"].to_pylist() == [min(i, 9_000) for i in range(50_000)]
    show_one(Settings(lake=lake.root), row["campaign_id"])
    assert len(capsys.readouterr().out.splitlines()) < 3 * WORDINGS_OF_ONE


def test_a_lake_without_posts_has_no_campaigns(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    assert fill(lake, []) == {"campaigns": 0, "campaign_members": 0}
    show_top(Settings(lake=lake.root), 5)
    assert capsys.readouterr().out.strip() == "0 campaigns, 0 shown"


def test_one_post_is_no_campaign(lake: Lake) -> None:
    assert fill(lake, flood(1, 1)) == {"campaigns": 0, "campaign_members": 0}


def test_posts_of_emoji_alone_are_no_campaign(lake: Lake) -> None:
    rows = [post(f"p{i}", f"{i:032x}", START, "😀🎉🔥💄👜" * (3 + i % 3)) for i in range(30)]
    assert fill(lake, rows) == {"campaigns": 0, "campaign_members": 0}


def test_posts_without_a_date_are_a_campaign_in_which_nothing_came_before(lake: Lake) -> None:
    fill(lake, flood(20, 3, dated=False))
    [row] = lake.read("campaigns").to_pylist()
    times = {name: row[name] for name in ("first_at", "last_at", "span_hours", "peak_per_hour", "active_days")}
    assert times == dict.fromkeys(times)
    assert (row["kind"], row["n_posts"], row["n_authors"]) == ("flood", 20, 3)
    members = lake.read("campaign_members")
    assert set(members["n_posts_before"].to_pylist() + members["n_authors_before"].to_pylist()) == {0}
    assert "undated" in report_html(lake, top=3)


def test_posts_by_nobody_known_are_a_flood_without_authors(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    fill(lake, flood(20, None))
    [row] = lake.read("campaigns").to_pylist()
    told = (row["kind"], row["n_posts"], row["n_authors"], row["first_author_id"], row["author_overlap"])
    assert told == ("flood", 20, 0, None, None)
    assert lake.read("campaign_members").sort_by("post_id")["n_posts_before"].to_pylist() == list(range(20))
    show_top(Settings(lake=lake.root), 5)
    assert "flood: 20 posts, 0 authors" in capsys.readouterr().out


def test_late_posts_change_what_came_before_those_they_precede_alone(lake: Lake) -> None:
    """An earlier post gathered later: the id changes and is listed, later members count one more, other campaigns stay."""
    rows = flood(10, 4) + [
        post(f"q{i}", "f" * 32, START, "傍晚的江面上漂着一只旧木船，船头蹲着两只鸬鹚") for i in (0, 1)
    ]
    late = post(
        "late", "e" * 32, START + timedelta(minutes=4, seconds=30), ADVERT, first_seen_at=SEEN + timedelta(days=1)
    )
    first = post("first", "d" * 32, START - timedelta(days=1), ADVERT, first_seen_at=SEEN + timedelta(days=2))
    before = _known_before(lake, rows)
    assert _known_before(lake, [*rows, late]) == {
        key: told if key[0] == "q" or int(key[1:]) < 5 else (told[0] + 1, told[1] + 1) for key, told in before.items()
    } | {"late": (5, 4)}  # fmt: skip
    assert lake.read("campaign_aliases").num_rows == 0  # the id is that of the first post as before
    fill(lake, [*rows, late, first])
    assert lake.read("campaign_aliases").to_pylist() == [
        {"alias_id": "weibo:p000000", "campaign_id": "weibo:first", "replaced_at": SEEN + timedelta(days=2)}
    ]


def _known_before(lake: Lake, rows: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    fill(lake, rows)
    members = lake.read("campaign_members").to_pylist()
    assert Counter(m["campaign_id"] for m in members)["weibo:p000000"] == len(rows) - 2
    return {m["post_id"]: (m["n_posts_before"], m["n_authors_before"]) for m in members}
