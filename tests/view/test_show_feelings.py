"""Feelings by day for a person: figures that are those of the lake, and words of posts as plain characters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.run import writing
from pipeline.stages import do
from pipeline.store import Lake
from pipeline.view.feelings import show_day, show_days
from tests.feed import need_models, opened_once, settings_for, write_file

MOODS = ("今天天气真好，心情也好，晚饭吃得开心", "下班路上堵车两小时，烦死了，难过", "周末在家看书喝茶")
ADVERT = "[red]本厂直供面膜[/red]\x1b[2J，招全国代理，一件代发不压货，想赚零花钱的宝妈快来问我"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three days of twelve authors each on one topic, and on the second an advertisement by six others."""
    need_models()
    told = [(day, f"u{i}", f"#春天#{i}号：{MOODS[(i + day) % 3]}") for day in range(3) for i in range(12)]
    told += [(1, f"s{i}", ADVERT) for i in range(6)]
    rows = [
        {"platform": "weibo", "post_id": f"p{i}", "author_id": author, "text": text,
         "posted_at": f"2026-01-0{day + 1}T08:{i:02d}:00+08:00"}
        for i, (day, author, text) in enumerate(told)
    ]  # fmt: skip
    home = tmp_path_factory.mktemp("feelings")
    with opened_once():
        with writing(settings_for(home / "lake", write_file(home / "rows.jsonl", rows))) as run:
            do(run)
        yield home / "lake"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def cells(row: dict[str, Any]) -> list[str]:
    """What stands in a line for the means of a row, `-` where it says nothing."""
    signed = ["-" if row[f"sentiment_{name}"] is None else f"{row[f'sentiment_{name}']:+.2f}"
              for name in ("all", "genuine", "difference")]  # fmt: skip
    low, high = row["difference_low"], row["difference_high"]
    span = ["-"] if low is None else [f"{low:+.2f}", "to", f"{high:+.2f}"]
    return [str(row["n_feeling"]), str(row["n_genuine"]), *signed, *span]


def lines_of(shown: str) -> list[list[str]]:
    return [words for line in shown.splitlines() if (words := line.split())]


def test_the_days_are_those_of_the_lake_the_newest_last(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_days(settings_for(lake), 2)
    shown = lines_of(capsys.readouterr().out)
    rows = {
        str(row["date"]): row
        for row in Lake.open(str(lake)).read("daily_summary").to_pylist()
        if row["platform"] == "all"
    }
    assert [line[0] for line in shown if line[0].startswith("2026")] == ["2026-01-02", "2026-01-03"]
    for line in shown:
        if line[0] in rows:
            row = rows[line[0]]
            assert line[1 : 1 + len(cells(row))] == cells(row)
            assert line[1 + len(cells(row)) : 3 + len(cells(row))] == [
                f"{row[name]:+.2f}" for name in ("sentiment_swing", "swing_campaigns")
            ]
    assert shown[-1][:4] == ["3", "days,", "2", "shown."]


def test_a_day_is_shown_by_platform_topic_and_campaign(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_day(settings_for(lake), "2026-01-02")
    said = capsys.readouterr().out
    shown, opened = lines_of(said), Lake.open(str(lake))
    days = [row for row in opened.read("daily_summary").to_pylist() if row["date"].day == 2]
    assert {row["platform"] for row in days} == {"all", "weibo"}
    for row in days:
        assert [row["platform"], *cells(row)] in shown
    named = [
        row for row in opened.read("daily_feelings").to_pylist() if row["date"].day == 2 and row["platform"] == "all"
    ]
    assert {row["part"] for row in named} == {"topic", "campaign"}
    for row in named:
        line = next(words for words in shown if row["name"] in words or f"{row['name']}:" in words)
        lent = "-" if row["sentiment_lent"] is None else f"{row['sentiment_lent']:+.2f}"
        assert line[: 1 + len(cells(row))] == [lent, *cells(row)]
    assert "[red]本厂直供面膜[/red]" in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("day", "said"), [("yesterday", "expected a day such as"), ("2026-02-01", "from 2026-01-01 to 2026-01-03")]
)
def test_what_is_no_day_of_the_lake_is_one_line(lake: Path, day: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as told:
        show_day(settings_for(lake), day)
    assert "\n" not in str(told.value)


def test_a_lake_without_days_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_file(tmp_path / "rows.jsonl", ["no JSON"])
    with writing(settings_for(tmp_path / "lake", path)) as run:
        do(run)
    show_days(settings_for(tmp_path / "lake"), 14)
    assert "0 days" in capsys.readouterr().out
    with pytest.raises(UsageError, match="no day yet"):
        show_day(settings_for(tmp_path / "lake"), "2026-01-01")


def test_a_terminal_of_80_columns_shows_every_day_and_figure_whole(
    lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_days(settings_for(lake), 3)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert all(f"2026-01-0{day}" in shown for day in (1, 2, 3))
    assert "95% intervals" in shown
