"""Why a post is judged so: its words as plain characters, whatever they hold, the reasons, and the classes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.run import writing
from pipeline.stages import do
from pipeline.view.explain import explain_post, explain_text
from tests.feed import RECRUIT, SLEET, need_models, opened_once, settings_for, write_file

HOSTILE = {
    "markup": "[red]招代理[/red] [/bold] [link=file:///etc/passwd]点这里[/link]",
    "ansi": "招代理\x1b[2J\x1b]0;title\x07\x1b[31m红\x9b31m",
    "bidi": "招代理\u202e理代招\u2066\u200f月入过万",
    "lines": "招代理\r\n第二行\u2028第三行\x0b\x0c\x85第四行\t五",
    "zero width": "招\u200b代\u2060理👩‍👧\ufeff",
    "marks": "招代理" + "\u0301" * 50,
    "tags": "<b>招代理</b>&lt;script&gt;",
}
BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    need_models()
    monkeypatch.setenv("COLUMNS", "100")
    with opened_once():
        yield


def assert_plain(shown: str) -> None:
    """Nothing but what a terminal prints as a character, and line ends."""
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c != "\n"]
    assert not BIDI & set(shown)


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("width", ["100", "60", "3"])
def test_a_hostile_text_is_shown_as_plain_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, case: str, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    explain_text(HOSTILE[case], settings_for(tmp_path, base_rate=0.9))
    shown = capsys.readouterr().out
    assert_plain(shown)
    assert "招" in shown


def test_markup_is_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explain_text(HOSTILE["markup"], settings_for(tmp_path))
    assert HOSTILE["markup"] in capsys.readouterr().out


def test_what_is_no_character_has_a_sign_in_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explain_text("招代理\x1b[31m加我\u202e", settings_for(tmp_path))
    assert "招代理\ufffd[31m加我\ufffd" in capsys.readouterr().out


def test_half_a_character_of_the_command_line_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explain_text("招代理\udcff", settings_for(tmp_path))
    assert "招代理?" in capsys.readouterr().out


def test_a_terminal_sees_the_reasons_marked_and_nothing_of_the_post_s_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    explain_text(f"{SLEET}\x1b[45m{RECRUIT}", settings_for(tmp_path))
    shown = capsys.readouterr().out
    assert "\x1b[45m" not in shown
    assert "\x1b[1;4m" in shown
    assert SLEET in shown  # no reason lies in it


def test_the_classes_stand_in_order_and_the_feeling_beside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explain_text(SLEET, settings_for(tmp_path))
    shown = capsys.readouterr().out
    assert shown.startswith("share, not broadcasting: probability 0.")
    assert "by text alone: share 0." in shown
    assert "feeling: " in shown
    assert "why" not in shown


def test_a_post_that_was_not_flagged_shows_what_spoke_for_it_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explain_text("又有人加我说招代理，烦死了，拉黑第六个", settings_for(tmp_path, base_rate=0.01))
    shown = capsys.readouterr().out
    assert "not broadcasting" in shown
    assert "for recruit, but too little:" in shown
    assert "招代理" in shown[shown.index("too little") :]


def test_an_empty_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shows nothing"):
        explain_text("\u200b", settings_for(tmp_path))


@pytest.fixture(scope="module")
def hostile_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every hostile text posted by three accounts, so that it makes a campaign too."""
    need_models()
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        {"platform": "weibo", "post_id": f"{case}-{i}", "author_id": f"u{i}", "text": f"{text} 想做的加微信 mm_dl2026，名额有限{i}",
         "posted_at": f"2026-01-0{i + 1}T08:00:00+08:00", "author_name": "[red]\x1b[31m"}
        for case, text in HOSTILE.items() for i in range(3)
    ]  # fmt: skip
    path = write_file(folder / "[red]\x1b[31mnotes.jsonl", [*rows, "\x1b[31m[red]no JSON[/]"])
    with opened_once(), writing(settings_for(folder / "[bold]lake", path)) as run:
        do(run)
    return folder / "[bold]lake"


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_post_of_a_lake_is_shown_as_plain_characters(
    hostile_lake: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    explain_post(f"{case}-1", settings_for(hostile_lake))
    shown = capsys.readouterr().out
    assert_plain(shown)
    assert "招" in shown
    assert "mm_dl2026" not in shown
    assert "weibo, 2026-01-02 08:00, context dated: " in shown


def test_the_campaign_is_shown_with_the_command_that_opens_it(
    hostile_lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    explain_post("tags-1", settings_for(hostile_lake))
    shown = capsys.readouterr().out
    assert "campaign: flood, 3 posts by 3 authors from 2026-01-01 08:00; first said:" in shown
    assert "xinren campaigns --show weibo:tags-0 --lake " in shown


def test_the_author_s_earlier_flagged_posts_are_counted_and_shown(
    feed_lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explain_post("w23", settings_for(feed_lake))
    shown = capsys.readouterr().out
    past = shown[shown.index("\nauthor ") :]
    assert " earlier posts flagged" in past
    assert "2026-02-24 10:00 recruit" in past  # w22, the newest before it
    assert past.count("\n2026-") == 3
    assert "13977665544" not in shown


def test_a_post_whose_author_is_unknown_has_no_past_to_show(
    feed_lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explain_post("w13", settings_for(feed_lake))
    assert "earlier posts flagged" not in capsys.readouterr().out


def test_an_unknown_post_is_one_line(hostile_lake: Path) -> None:
    with pytest.raises(UsageError, match=r"^explain \\x1b\[31mx: not judged in lake [^\n]*$"):
        explain_post("\x1b[31mx", settings_for(hostile_lake))
