"""The inbox: each file once, unreadable ones aside after the commit, unfinished ones left."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline import sources
from pipeline.run import writing
from pipeline.settings import Settings
from pipeline.stages import gather
from tests.stages.gathering import AT, HEADER, ROWS, broken_laws, reasons_of, rows_of, run_gather, settled, zipped

PICTURE = b"\x89PNG\r\n\x1a\n" + b"\x00" * 30


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """An inbox with a file to read and one that cannot be read."""
    folder = tmp_path / "inbox"
    (folder / "周一").mkdir(parents=True)
    (folder / "good.csv").write_text(HEADER + ROWS[0], "utf-8")
    (folder / "周一" / "photo.csv").write_bytes(PICTURE)
    for file in folder.rglob("*.csv"):
        settled(file)
    return folder


def files_in(inbox: Path) -> set[str]:
    return {path.relative_to(inbox).as_posix() for path in inbox.rglob("*") if path.is_file()}


def run_inbox(lake: Path, inbox: Path) -> dict[str, int]:
    return run_gather(lake, inbox=str(inbox))


def test_unreadable_file_is_moved_aside_with_a_note_that_says_why(inbox: Path, tmp_path: Path) -> None:
    run_inbox(tmp_path / "lake", inbox)
    assert files_in(inbox) == {"good.csv", "refused/周一/photo.csv", "refused/周一/photo.csv.note.txt"}
    assert (inbox / "refused" / "周一" / "photo.csv").read_bytes() == PICTURE
    note = (inbox / "refused" / "周一" / "photo.csv.note.txt").read_text("utf-8")
    assert "not_text: got a PNG picture" in note
    assert reasons_of(tmp_path / "lake") == [("周一/photo.csv", None, "not_text")]
    assert broken_laws(tmp_path / "lake") == []


def test_what_was_moved_aside_is_not_gathered_again(inbox: Path, tmp_path: Path) -> None:
    run_inbox(tmp_path / "lake", inbox)
    counts = run_inbox(tmp_path / "lake", inbox)
    assert (counts["files"], counts["files_known"]) == (0, 1)


def test_nothing_is_moved_by_a_run_that_does_not_commit_and_the_next_one_does(inbox: Path, tmp_path: Path) -> None:
    before = files_in(inbox)
    settings = Settings(lake=str(tmp_path / "lake"), inbox=str(inbox), gathered_at=AT)
    with contextlib.suppress(RuntimeError), writing(settings) as run:
        gather(run)
        raise RuntimeError
    assert files_in(inbox) == before
    run_inbox(tmp_path / "lake", inbox)
    assert "refused/周一/photo.csv" in files_in(inbox)


def test_run_that_dies_between_commit_and_move_is_made_good_by_the_next(inbox: Path, tmp_path: Path) -> None:
    with writing(Settings(lake=str(tmp_path / "lake"), inbox=str(inbox), gathered_at=AT)) as run:
        gather(run)
        run.acts.clear()  # as if it had been killed there
    assert "周一/photo.csv" in files_in(inbox)
    counts = run_inbox(tmp_path / "lake", inbox)
    assert (counts["files"], counts["files_known"]) == (0, 2)
    assert "refused/周一/photo.csv" in files_in(inbox)
    assert len(reasons_of(tmp_path / "lake")) == 1


def test_second_refused_file_of_a_name_takes_the_place_of_none(inbox: Path, tmp_path: Path) -> None:
    run_inbox(tmp_path / "lake", inbox)
    (inbox / "周一" / "photo.csv").write_bytes(PICTURE + b"\x00")
    settled(inbox / "周一" / "photo.csv")
    run_inbox(tmp_path / "lake", inbox)
    moved = [name for name in files_in(inbox) if name.startswith("refused/") and not name.endswith(".note.txt")]
    assert sorted((inbox / name).stat().st_size for name in moved) == [len(PICTURE), len(PICTURE) + 1]


def test_file_that_became_another_before_it_was_moved_stays(inbox: Path, tmp_path: Path) -> None:
    with writing(Settings(lake=str(tmp_path / "lake"), inbox=str(inbox), gathered_at=AT)) as run:
        gather(run)
        (inbox / "周一" / "photo.csv").write_text(HEADER + ROWS[2], "utf-8")
    assert "周一/photo.csv" in files_in(inbox)


def test_file_still_being_written_is_left_for_the_next_run_with_a_word(
    inbox: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (inbox / "fresh.csv").write_text(HEADER + ROWS[1], "utf-8")
    counts = run_inbox(tmp_path / "lake", inbox)
    assert (counts["files"], counts["files_left"]) == (2, 1)
    assert "file fresh.csv: changed" in caplog.text
    assert "left for the next run" in caplog.text
    settled(inbox / "fresh.csv")
    assert run_inbox(tmp_path / "lake", inbox)["raw_posts"] == 1


def test_file_that_changes_while_it_is_read_is_left_and_costs_no_other(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recognise = sources._recognise

    def changing(path: Path, settings: Settings) -> Any:
        if path.name == "good.csv":
            os.utime(path, (1, 1))
        return recognise(path, settings)

    monkeypatch.setattr(sources, "_recognise", changing)
    counts = run_inbox(tmp_path / "lake", inbox)
    assert (counts["files"], counts["files_left"], rows_of(tmp_path / "lake", "raw_posts")) == (1, 1, [])
    assert "good.csv: changed while it was read" in caplog.text
    assert run_inbox(tmp_path / "lake", inbox)["raw_posts"] == 1


def test_archive_with_something_to_read_stays_in_the_inbox(inbox: Path, tmp_path: Path) -> None:
    settled(zipped(inbox / "a.zip", {"a.csv": HEADER + ROWS[0], "../b.csv": HEADER + ROWS[1]}))
    (inbox / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    settled(inbox / "broken.zip")
    run_inbox(tmp_path / "lake", inbox)
    assert {"a.zip", "refused/broken.zip"} <= files_in(inbox)


def test_inbox_that_is_not_there_yet_is_an_empty_one(tmp_path: Path) -> None:
    assert run_inbox(tmp_path / "lake", tmp_path / "nowhere")["files"] == 0


def test_what_lies_in_the_inbox_and_is_no_file_is_left_with_a_word(
    inbox: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(inbox / "pipe")
    (inbox / "gone.csv").symlink_to("nowhere.csv")
    counts = run_inbox(tmp_path / "lake", inbox)
    assert (counts["files"], counts["files_left"]) == (2, 2)
    assert "file pipe: no plain file" in caplog.text
