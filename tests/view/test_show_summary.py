"""The end of a run for a person: figures that are those of the lake, and words of posts as plain characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.run import writing
from pipeline.stages import do
from pipeline.store import Lake
from pipeline.view.summary import show
from tests.feed import need_models, opened_once, settings_for, write_file

HOSTILE = "[red]招代理[/red][/] \x1b[2J\x1b[31m\u202e月入过万\r\n想做的加微信 mm_dl2026，名额有限"
COUNTS = {"files": 5, "files_known": 0, "rows": 58, "raw_posts": 52, "rejects": 6}


@pytest.fixture(autouse=True)
def models() -> Iterator[None]:
    need_models()
    with opened_once():
        yield


def summary(lake: Path, capsys: pytest.CaptureFixture[str], counts: dict[str, int] | None = None) -> str:
    show(settings_for(lake), COUNTS if counts is None else counts, 1.5)
    return capsys.readouterr().out


def line_of(shown: str, first: str) -> list[str]:
    """The words of the line that begins so."""
    return next(line.split() for line in shown.splitlines() if line.split()[:1] == [first])


def test_the_figures_are_those_of_the_lake(
    feed_lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    shown = summary(feed_lake, capsys)
    lake = Lake.open(str(feed_lake))
    posts = lake.read("post_judgements").to_pylist()
    assert "5 new files: 58 rows = 52 posts gathered + 6 rejects" in shown
    assert f"the lake holds {len(posts)} distinct posts; 1.5 s" in shown
    assert line_of(shown, "empty_text")[1] == "2"
    for platform in ("weibo", "wechat_moments", "all"):
        here = [post for post in posts if platform in ("all", post["platform"])]
        flagged = f"{sum(post['is_broadcast'] for post in here) / len(here):.0%}"
        labels = [str(sum(post["label"] == label for post in here)) for label in ("sell", "recruit", "bait")]
        assert line_of(shown, platform)[1:6] == [str(len(here)), flagged, *labels]
    assert line_of(shown, "flood")[1:3] == ["4", "4"]
    trust = [row for row in lake.read("author_trust").to_pylist() if row["n_posts"] >= 5]
    assert "Trust as of 2026-03-05" in shown
    assert all(f"{row['platform']} {row['author_id'][:8]}" in shown for row in trust)


def test_the_lines_that_open_the_lake_do(
    feed_lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = summary(feed_lake, capsys)
    lines = [line.strip() for line in shown[shown.index("  import duckdb") : shown.index("Next: ")].splitlines()]
    exec("\n".join(lines))
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("post_id", "label", "broadcast_probability"))


@pytest.mark.parametrize("width", ["200", "60", "20", "1"])
def test_words_of_posts_are_plain_characters_at_any_width(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    rows = [
        {"platform": "weibo", "post_id": str(i), "author_id": f"u{i % 3}", "text": f"{HOSTILE}{i}", "author_name": "[red]\x1b[31m",
         "posted_at": f"2026-01-{i + 1:02d}T08:00:00+08:00"}
        for i in range(15)
    ]  # fmt: skip
    path = write_file(tmp_path / "[red]\x1b[31m.jsonl", [*rows, "\x1b[31m[red]no JSON[/]"])
    with writing(settings_for(tmp_path / "[bold]lake\x1b[31m", path)) as run:
        do(run)
    shown = summary(tmp_path / "[bold]lake\x1b[31m", capsys)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c != "\n"]
    if width == "200":
        assert "[red]招代理[/red][/]" in shown
        assert "[bold]lake" in shown
    assert "mm_dl2026" not in shown


def test_the_largest_swings_are_those_of_the_lake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    texts = [
        ("今天天气真好，心情也好，晚饭吃得开心", "下班路上堵车两小时，烦死了，难过", "周末看书喝茶"),
        ("气死我了，太失望了", "难过，哭了一晚上", "烦"),
    ]
    rows = [
        {"platform": "weibo", "post_id": f"{day}-{i}", "author_id": f"u{i}", "text": f"{i}号：{words[i % 3]}",
         "posted_at": f"2026-01-0{day + 1}T08:{i:02d}:00+08:00"}
        for day, words in enumerate([*texts, texts[0]]) for i in range(40 if day < 2 else 20)
    ]  # fmt: skip
    with writing(settings_for(tmp_path / "lake", write_file(tmp_path / "rows.jsonl", rows))) as run:
        do(run)
    shown = summary(tmp_path / "lake", capsys)
    [row] = [
        row for row in Lake.open(str(tmp_path / "lake")).read("daily_summary").to_pylist()
        if row["platform"] == "all" and row["date"].day == 2
    ]  # fmt: skip
    parts = [f"{row[name]:+.2f}" for name in ("sentiment_all", "sentiment_swing", "swing_campaigns")]
    assert row["sentiment_swing"] < 0
    assert line_of(shown, "2026-01-02")[1:5] == [str(row["n_feeling"]), *parts]
    assert line_of(shown, "2026-01-02")[-2:] == [f"{row[name]:+.2f}" for name in ("swing_broadcast", "swing_rest")]
    assert "2026-01-03" not in [line.split()[0] for line in shown.splitlines() if line.split()]  # 20 posts are too few


def test_a_lake_without_posts_has_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_file(tmp_path / "rows.jsonl", ["no JSON", '{"text": " "}'])
    with writing(settings_for(tmp_path / "lake", path)) as run:
        counts = do(run)
    shown = summary(tmp_path / "lake", capsys, counts)
    assert "1 new files: 2 rows = 0 posts gathered + 2 rejects" in shown
    assert line_of(shown, "all")[1:3] == ["0", "0%"]
    assert "campaigns" not in shown


def test_files_gathered_before_are_said(
    feed_lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    shown = summary(feed_lake, capsys, {"files": 0, "files_known": 5, "raw_authors": 2})
    assert "0 new files (5 gathered before): 0 rows = 0 posts gathered + 0 rejects + 2 profiles" in shown
