"""Campaigns for a person: figures of the lake, wordings as changes of the first, and hostile words as plain characters."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.local_time import DAY, HOUR
from pipeline.settings import Settings
from pipeline.store import Lake
from pipeline.view.campaigns import show_one, show_top
from pipeline.view.wordings import difference, timeline
from tests.lake_of_posts import SEEN, fill, post

START = datetime(2026, 3, 1, 4, tzinfo=UTC)  # noon in Shanghai
PICKLES = "自家腌的酸豆角出坛了，一罐二十八，同城当天送到，要的邻居在群里接龙，坛子洗净可以退钱，回头客多送一勺辣椒"
JARS = "自家腌的酸豆角出坛了，一罐三十六，同城当天送到，要的邻居在群里接龙，坛子洗净可以退钱，回头客多送一勺辣椒"
LATE = "自家腌的酸豆角出坛了，一罐二十八，同城隔天送到，要的邻居在群里接龙，坛子洗净可以退钱，回头客多送一勺辣椒"
CHESS = "公园里两位老人下棋，围观的比下棋的还急，一个小孩看得忘了回家吃饭"
TROUT = "山里溪水冰凉，蹲着等了半天才看见一条小鱼，影子比鱼还大一圈"
HOSTILE = "[red]酸豆角出坛[/red][/] \x1b[2J\x1b]0;换标题\x07\u202e送到同城天当\u2066\r\n罐\u200b装{}现做的一罐二十八，要的邻居接龙"


def rows() -> list[dict[str, Any]]:
    """A flood of seven by four authors, of three wordings, a diary repeated by its author, and a pair five days apart."""
    told = [
        (PICKLES, "a", 0), (PICKLES, "b", 1), (JARS, "c", 1.5), (JARS, "a", 3), (LATE, "d", 30), (PICKLES, "b", 47),
        (JARS, None, 48), (CHESS, "e", 0), (CHESS, "e", 1), (TROUT, "f", 2), (TROUT, "g", 122),
    ]  # fmt: skip
    return [
        post(f"p{i:02d}", author and author * 32, START + timedelta(hours=hours), text, text_label="sell" if i < 6 else None)
        for i, (text, author, hours) in enumerate(told)
    ]  # fmt: skip


def lake_of(tmp_path: Path, posts: list[dict[str, Any]]) -> Settings:
    lake = Lake.create_or_open(str(tmp_path / "lake"), key_id="0a1b2c3d")
    fill(lake, posts)
    return Settings(lake=lake.root)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("COLUMNS", "120")
    return lake_of(tmp_path, rows())


def test_the_largest_come_first_with_what_is_known_of_them(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    show_top(settings, 2)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "3 campaigns, 2 shown"
    assert shown[2:6] == [
        "  1 flood: 7 posts, 4 authors, 2.0 days from 2026-03-01 12:00, at most 2 an hour",
        "weibo:p00 first author aaaaaaaa; sell 100%",
        "▄█·▄··························▄················▄▄ a bar: hour",
        PICKLES,
    ]
    assert shown[6].split() == ["3", "0.80", "…的酸豆角出坛了，一罐[-二十八-]{+三十六+}，同城当天送到，要的…"]
    assert shown[7].split()[0] == "1"
    assert "同城[-当-]{+隔+}天送到" in shown[7]
    assert "  2 flood: 2 posts, 2 authors, 5.0 days" in "\n".join(shown)
    assert not any(CHESS in line for line in shown)


def test_only_one_kind_is_shown(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    show_top(settings, 5, "same_author")
    shown = capsys.readouterr().out
    assert "1 campaigns of kind same_author, 1 shown" in shown
    assert CHESS in shown
    assert PICKLES not in shown


def test_one_campaign_is_shown_with_all_its_wordings(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    show_one(settings, "weibo:p00")
    shown = capsys.readouterr().out
    lines = shown[shown.index("3 wordings") :].splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["3", "3", "1"]
    assert [line.split()[1] for line in lines] == ["1.00", "0.80", "0.88"]
    assert CHESS not in shown


def test_a_campaign_is_found_by_an_id_it_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    late = [
        post("p1", "a" * 32, START, PICKLES), post("p2", "b" * 32, START + timedelta(hours=1), PICKLES),
        post("p0", "c" * 32, START - timedelta(hours=1), PICKLES, first_seen_at=SEEN + timedelta(days=1)),
    ]  # fmt: skip
    show_one(lake_of(tmp_path, late), "weibo:p1")
    assert "weibo:p0" in capsys.readouterr().out


def test_an_unknown_id_is_a_clear_error(settings: Settings) -> None:
    with pytest.raises(UsageError, match=r"--show weibo:nix\\x1b: no such campaign"):
        show_one(settings, "weibo:nix\x1b")


def test_posts_without_dates_have_no_timeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_top(lake_of(tmp_path, [post(f"p{i}", None, None, PICKLES) for i in range(2)]), 5)
    shown = capsys.readouterr().out
    assert "flood: 2 posts, 0 authors, undated" in shown
    assert "first author unknown" in shown
    assert "a bar" not in shown


def test_a_lake_without_campaigns_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_top(lake_of(tmp_path, [post("p0", None, START, PICKLES)]), 5)
    assert capsys.readouterr().out.strip() == "0 campaigns, 0 shown"


@pytest.mark.parametrize("width", ["200", "60", "20", "1"])
def test_hostile_words_are_plain_characters_at_any_width(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    texts = [HOSTILE.format(mark) for mark in ("辣", "甜", "咸", "辣", "甜")]
    posts = [
        post(f"[red]\x1b[31m{i}", f"{i:032x}", START + i * timedelta(hours=9), text) for i, text in enumerate(texts)
    ]
    settings = lake_of(tmp_path, posts)
    show_top(settings, 3)
    show_one(settings, "weibo:[red]\x1b[31m0")
    shown = capsys.readouterr().out
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"]
    if width == "200":
        assert "[red]酸豆角出坛[/red][/] \\x1b[2J" in shown
        assert "[-辣-]{+甜+}" in shown


@pytest.mark.parametrize(
    ("first", "other", "shown"),
    [
        ("现做的辣酱一罐", "现做的甜酱一罐", "现做的[-辣-]{+甜+}酱一罐"),
        ("现做的辣酱", "姐妹们，现做的辣酱", "{+姐妹们，+}现做的辣酱"),
        ("今早现做的辣酱一罐二十八，要的接龙", "今早现做的辣酱一罐二十八", "…现做的辣酱一罐二十八[-，要的接龙-]"),
        ("现做的辣酱", "现做的辣酱", "现做的辣酱"),
        ("甲乙丙丁", "子乙丑丁", "[-甲乙丙-]{+子乙丑+}丁"),  # one letter that stays is no reason for two changes
        ("辣酱\u202e", "辣酱", "辣酱[-\\x202e-]"),
        ("", "辣酱", "{+辣酱+}"),
    ],
)
def test_a_wording_is_shown_as_a_change(first: str, other: str, shown: str) -> None:
    assert difference(first, other).plain == shown


@pytest.mark.parametrize(
    ("hours", "most", "bars", "step"),
    [
        ([0], 60, "█", "hour"),
        ([0, 0, 0, 0, 2], 60, "█·▂", "hour"),
        ([0, 1, 2, 3, 4], 3, "██▄", "2 hours"),
        ([0, 11, 13, 97], 60, "█▄··▄", "day"),  # the second is of the next local day
        ([0, 24 * 50], 10, "█·······█", "6 days"),
    ],
)
def test_a_timeline_has_bars_of_equal_steps(hours: list[int], most: int, bars: str, step: str) -> None:
    noon = 20_000 * DAY + 4 * HOUR
    assert timeline(noon + np.array(hours) * HOUR, most) == (bars, step)
