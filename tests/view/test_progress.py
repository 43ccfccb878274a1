"""Progress goes to standard error: a line for each stage that is done, bars on a terminal, nothing when asked for quiet."""

from __future__ import annotations

import io

import pytest

from pipeline.view.progress import reporting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_each_stage_is_one_line_when_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting(quiet=False) as say:
        say("gather", 1, 2)
        say("gather", 2, 2)
        say("features", 1_500, 3_000)
        say("features", 3_000, 3_000)
        say("campaigns", 0, 0)
    assert capsys.readouterr() == ("", "gather: 2 files\nfeatures: 3,000 posts\ncampaigns: 0 members\n")


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting(quiet=True) as say:
        say("gather", 2, 2)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("width", ["80", "20"])
def test_a_terminal_shows_bars(monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("TERM", "xterm")
    with reporting(quiet=False) as say:
        say("features", 1, 4)
        say("features", 4, 4)
    assert "feat" in terminal.getvalue()


def test_an_error_in_the_middle_leaves_the_terminal_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(ZeroDivisionError), reporting(quiet=False) as say:
        say("features", 1, 4 // 0)
    hidden, shown = terminal.getvalue().rfind("\x1b[?25l"), terminal.getvalue().rfind("\x1b[?25h")
    assert shown >= hidden
