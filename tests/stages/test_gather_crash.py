"""A gathering that is killed anywhere and started again gives the lake of one that was left in peace."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline import part_writer, storage
from pipeline.sources import archives
from pipeline.store import Lake
from tests.stages.gathering import HEADER, ROWS, broken_laws, lines, rows_of, run_gather, settled, tarred, zipped

# Every operation on the disk, every piece of a part, every member unpacked: where a run can be killed.
SEAMS: tuple[tuple[Any, str], ...] = (
    *((storage.Disk, name) for name in ("write", "sync", "rename", "link", "unlink", "mkdir", "rmdir")),
    (part_writer._Hashed, "write"),
    (archives._Room, "copy"),
    (Path, "rename"),  # into the folder of refused files
)
KILLS = 24  # spread over all the places


@dataclass(frozen=True)
class Scene:
    """A lake after a first run, the inputs of the second, and the lake after it."""

    old: Path
    inbox: Path
    after: Path
    n_places: int


def fill(inbox: Path) -> None:
    """A grown file, one that had been cut short, archives with a grown member, and what cannot be read."""
    (inbox / "grown.csv").write_text(HEADER + "".join(ROWS), "utf-8")
    (inbox / "cut.jsonl").write_text(lines("灯亮着", "门没锁"), "utf-8")
    zipped(inbox / "day2.zip", {"a.csv": HEADER + "".join(ROWS[1:4]), "../b.csv": HEADER + ROWS[0]})
    tarred(inbox / "c.tgz", {"c.jsonl": lines("集上的桃子五块一斤"), "d.jsonl": lines("签到", "签到")})
    (inbox / "photo.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\x00" * 30)
    for path in inbox.iterdir():
        settled(path)


def counted(at: int | None, run: Callable[[], object]) -> int:
    """How many places the run passes; with `at`, the process is gone at that one."""
    passed = 0
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in SEAMS:
            real = getattr(owner, name)

            def seam(*args: Any, real: Any = real, **more: Any) -> Any:
                nonlocal passed
                if passed == at:
                    os._exit(9)
                passed += 1
                return real(*args, **more)

            patch.setattr(owner, name, seam)
        run()
    return passed


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    home = tmp_path_factory.mktemp("scene")
    inbox = home / "inbox"
    inbox.mkdir()
    (inbox / "grown.csv").write_text(HEADER + "".join(ROWS[:2]), "utf-8")
    (inbox / "cut.jsonl").write_text(lines("灯亮着", "门没锁")[:-9], "utf-8")
    zipped(inbox / "day1.zip", {"a.csv": HEADER + "".join(ROWS[1:3])})
    for path in inbox.iterdir():
        settled(path)
    run_gather(home / "old", inbox=str(inbox), cleaned=False)
    fill(inbox)
    shutil.copytree(home / "old", home / "after")
    shutil.copytree(inbox, home / "inbox-after")
    places = counted(None, lambda: run_gather(home / "after", inbox=str(home / "inbox-after"), cleaned=False))
    return Scene(home / "old", inbox, home / "after", places)


def killed(at: int, lake: Path, inbox: Path) -> None:
    child = os.fork()
    if child == 0:
        try:
            counted(at, lambda: run_gather(lake, inbox=str(inbox), cleaned=False, workers=1))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)


def names_in(lake: Path) -> list[str]:
    """The data files, whose names hold the hashes of their bytes."""
    return [file.path for file in Lake.open(str(lake)).snapshot().files]


def test_the_scene_holds_what_it_is_there_for(scene: Scene) -> None:
    rows = Lake.open(str(scene.after)).read("gathered_files").to_pylist()
    assert sum(row["grown_from"] is not None for row in rows) == 2
    assert sum(row["replaced_by"] is not None for row in rows) == 1
    assert sum(row["members"] is not None for row in rows) == 3
    assert not [law for law in broken_laws(scene.after) if "posts" not in law and "post_index" not in law]


def test_killed_anywhere_and_started_again(scene: Scene, tmp_path: Path) -> None:
    old, new = rows_of(scene.old, "raw_posts"), rows_of(scene.after, "raw_posts")
    for at in range(0, scene.n_places, max(1, scene.n_places // KILLS)):
        lake, inbox = tmp_path / f"{at}", tmp_path / f"inbox-{at}"
        shutil.copytree(scene.old, lake)
        shutil.copytree(scene.inbox, inbox)
        killed(at, lake, inbox)
        assert rows_of(lake, "raw_posts") in (old, new), at
        run_gather(lake, inbox=str(inbox), cleaned=False)
        assert names_in(lake) == names_in(scene.after), at
        assert (inbox / "refused" / "photo.csv").exists(), at
        assert not list((lake / "_tmp").iterdir()), at
