"""One author's card: the lake's own figures, months as bars, words of posts as plain characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from pipeline.errors import UsageError
from pipeline.run import writing
from pipeline.stages import do
from pipeline.store import Lake
from pipeline.tables import COMPONENTS
from pipeline.view.author import show_author, spark
from tests.feed import need_models, opened_once, settings_for, write_file

HOSTILE = "[red]招全国代理[/red][/] \x1b[2J\x1b[31m\u202e月入过万\r\n想做的姐妹找我，名额有限先到先得"


@pytest.fixture(autouse=True)
def models() -> Iterator[None]:
    need_models()
    with opened_once():
        yield


@pytest.fixture
def most(feed_lake: Path) -> str:
    """The author of the feed with the most posts."""
    rows = (
        Lake.open(str(feed_lake)).read("author_trust").sort_by([("n_posts", "descending"), ("author_id", "ascending")])
    )
    return str(rows["author_id"][0].as_py())


def card(lake: Path, author: str, capsys: pytest.CaptureFixture[str]) -> str:
    show_author(settings_for(lake), author)
    return capsys.readouterr().out


def test_a_beginning_of_the_id_gives_the_card_of_the_whole(
    feed_lake: Path, most: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    shown = card(feed_lake, most[:10].upper(), capsys)
    assert shown == card(feed_lake, most, capsys)
    [row] = Lake.open(str(feed_lake)).read("author_trust", filter=pc.field("author_id") == most).to_pylist()
    assert f"{row['platform']} {most}" in shown
    assert f"trust {row['trust_score']:.2f} (80%: {row['trust_low']:.2f} to {row['trust_high']:.2f})" in shown
    lines = {line.split()[0]: line for line in shown.splitlines() if line.strip()}
    for name in COMPONENTS:
        assert ("unknown" if row[name] is None else f"{row[name]:.2f}") in lines[name]
        assert lines[name].count("█") == round((row[name] or 0) * 20)
    assert all(reason in shown for reason in row["trust_reasons"])
    assert {"posts", "selling", "recruiting"} <= set(lines)


@pytest.mark.parametrize(
    ("author", "said"),
    [
        ("ab", "4 hex digits or more"),
        ("[red]\x1b[2J.*", "4 hex digits or more"),
        ("0000000000000000", "no such author"),
    ],
)
def test_what_is_no_author_is_said(feed_lake: Path, author: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as told:
        show_author(settings_for(feed_lake), author)
    assert str(told.value).isprintable()


def test_a_day_without_trust_is_said(feed_lake: Path, most: str) -> None:
    with pytest.raises(UsageError, match="no trust as of 1999-01-01"):
        show_author(settings_for(feed_lake, as_of="1999-01-01"), most)


def test_words_of_posts_reach_the_terminal_as_plain_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"platform": "weibo", "post_id": f"h{i}", "author_id": f"88001{i % 2}", "text": HOSTILE,
         "posted_at": f"2026-02-1{i}T09:00:00+08:00"}
        for i in range(6)
    ]  # fmt: skip
    lake = tmp_path / "lake"
    with writing(settings_for(lake, write_file(tmp_path / "h.jsonl", rows))) as run:
        do(run)
    author = Lake.open(str(lake)).read("author_trust")["author_id"][0].as_py()
    shown = card(lake, author, capsys)
    assert "[red]" in shown
    assert not [c for c in shown if c != "\n" and unicodedata.category(c) in ("Cc", "Cf")]


def test_a_bar_a_value_and_a_dot_for_what_is_not_known() -> None:
    assert spark(np.array([0.0, 0.5, np.nan, 1.0]), 1.0) == "▁▅·█"
