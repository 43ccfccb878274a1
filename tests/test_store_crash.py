"""What is left when a run ends in the middle: killed, out of disk or without power, at every operation on the disk."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from pipeline import tables
from pipeline.errors import TransientError, UsageError
from pipeline.lake_format import create_marker, read_marker
from pipeline.storage import Disk, LocalStorage
from pipeline.store import Lake, Snapshot

KEY_ID = "0a1b2c3d"
OPERATIONS = ("write", "sync", "rename", "link", "unlink", "mkdir", "rmdir")
State = dict[str, list[Any]]


def summary(*n_posts: int) -> pa.Table:
    n = len(n_posts)
    columns = {
        "date": pa.array(range(20_000, 20_000 + n), pa.int32()).cast(pa.date32()),
        "platform": pa.array(["weibo"] * n),
        "n_posts": pa.array(n_posts, pa.int64()),
        "n_authors": pa.array([1] * n, pa.int64()),
        "schema_version": pa.array([1] * n, pa.int32()),
    }
    return tables.complete(columns, "daily_summary", n)


def campaign(n_posts: int) -> pa.Table:
    row = {
        "campaign_id": "weibo:1", "n_posts": n_posts, "n_authors": 1, "n_platforms": 1,
        "exemplar": "代购 招代理 〔微信号〕", "kind": "flood", "is_template": False,
    }  # fmt: skip
    return tables.complete({name: pa.array([value]) for name, value in row.items()}, "campaigns", 1)


def first_run(lake: Lake) -> None:
    with lake.begin() as transaction:
        transaction.put("daily_summary", {"part_year": "2025"}, "0", summary(1, 2))
        transaction.put("daily_summary", {"part_year": "2026"}, "0", summary(3))
        transaction.put("campaigns", {"part_month": "2025-12"}, "0", campaign(7))
        transaction.commit()


def second_run(lake: Lake) -> None:
    """One part unchanged, one replaced, one gone with its folder, and new ones in a new folder and an old table."""
    with lake.begin() as transaction:
        transaction.put("daily_summary", {"part_year": "2025"}, "0", summary(1, 2))
        transaction.put("daily_summary", {"part_year": "2026"}, "0", summary(4, 5))
        transaction.put("daily_summary", {"part_year": "2027"}, "0", summary(6))
        transaction.drop("campaigns", {"part_month": "2025-12"}, "0")
        transaction.put("campaigns", {"part_month": "2026-01"}, "0", campaign(8))
        transaction.commit()


def open_lake(root: Path, disk: Disk | None = None) -> Lake:
    """A lake over a disk that may fail; made when there is none."""
    storage = LocalStorage(str(root), disk or Counted())
    return Lake(storage, read_marker(storage) or create_marker(storage, KEY_ID))


def state(root: Path, *, engines: bool = False) -> State:
    """The rows a reader sees; with `engines`, three of them, which must agree."""
    lake = Lake.open(str(root))
    if (root / "_latest").exists():  # for readers that follow it
        pointed = Snapshot.from_json((root / f"_snapshots/{int((root / '_latest').read_text()):08d}.json").read_bytes())
        assert all((root / file.path).exists() for file in pointed.files)
    seen: State = {}
    for table in ("daily_summary", "campaigns"):
        rows = lake.read(table, ["n_posts"])["n_posts"].to_pylist()
        files = lake.files(table)
        if files and engines:
            assert pl.read_parquet(files, columns=["n_posts"])["n_posts"].to_list() == rows
            query = "SELECT n_posts FROM read_parquet(?, hive_partitioning = false)"
            assert [n for (n,) in duckdb.execute(query, [files]).fetchall()] == rows
        seen[table] = rows
    return seen


def tree(root: Path) -> dict[str, bytes]:
    """Every file of the lake and every folder (empty bytes under a name with a slash)."""
    paths = sorted(path for path in root.rglob("*") if path.name != "_lock")
    return {str(p.relative_to(root)) + "/" * p.is_dir(): b"" if p.is_dir() else p.read_bytes() for p in paths}


def parquet_files(files: dict[str, bytes]) -> set[str]:
    return {name for name in files if name.endswith(".parquet")}


class Counted(Disk):
    """A disk that calls `before` with the number, name and arguments of every operation; False skips it.

    A sync is only counted: the kernel forgets nothing while it runs, and the loss of power is modelled below.
    """

    def __init__(self, before: Callable[[int, str, tuple[Any, ...]], bool] = lambda *_: True) -> None:
        self.count = 0
        self._before = before

    def __getattribute__(self, name: str) -> Any:
        real = super().__getattribute__(name)
        if name not in OPERATIONS:
            return real

        def operation(*args: Any) -> None:
            number, self.count = self.count, self.count + 1
            if self._before(number, name, args) and name != "sync":
                real(*args)

        return operation


@dataclass(frozen=True)
class Runs:
    """A lake after its first run, the same after the second, and what a reader sees in each."""

    old_root: Path
    old: State
    new: State
    new_tree: dict[str, bytes]
    n_operations: int


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    old_root, new_root = tmp_path_factory.mktemp("old") / "lake", tmp_path_factory.mktemp("new") / "lake"
    first_run(open_lake(old_root))
    shutil.copytree(old_root, new_root)
    disk = Counted()
    second_run(open_lake(new_root, disk))
    return Runs(old_root, state(old_root), state(new_root), tree(new_root), disk.count)


def killed_at(root: Path, at: int, run: Callable[[Lake], None]) -> None:
    """A child process runs and is gone at operation `at`; a write gets half way."""

    def die(number: int, name: str, args: tuple[Any, ...]) -> bool:
        if number == at:
            if name == "write":
                args[0].write_bytes(args[1][: len(args[1]) // 2])
            os._exit(9)
        return True

    child = os.fork()
    if child == 0:
        try:
            run(open_lake(root, Counted(die)))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)


def recovered(root: Path, runs: Runs, expected: tuple[State, ...], *, engines: bool = False) -> State:
    """What readers saw before the run that put all right."""
    seen = state(root, engines=engines)
    assert seen in expected
    second_run(open_lake(root))
    assert tree(root) == runs.new_tree
    return seen


def test_killed_at_every_operation(runs: Runs, tmp_path: Path) -> None:
    """Before recovery a reader sees the old or the new state; after running again, the bytes of an undisturbed run."""
    seen = []
    for at in range(runs.n_operations):
        root = tmp_path / str(at)
        shutil.copytree(runs.old_root, root)
        killed_at(root, at, second_run)
        seen.append(recovered(root, runs, (runs.old, runs.new), engines=True))
    turn = seen.index(runs.new)
    assert seen == [runs.old] * turn + [runs.new] * (len(seen) - turn)


def test_killed_again_while_recovering(runs: Runs, tmp_path: Path) -> None:
    chance = random.Random(7)
    for trial in range(20):
        root = tmp_path / str(trial)
        shutil.copytree(runs.old_root, root)
        for _ in range(2):
            killed_at(root, chance.randrange(runs.n_operations), second_run)
        recovered(root, runs, (runs.old, runs.new))


def test_killed_while_the_lake_is_made(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    disk = Counted()
    first_run(open_lake(whole, disk))
    for at in range(disk.count):
        root = tmp_path / str(at)
        killed_at(root, at, first_run)
        try:
            assert state(root) in ({"daily_summary": [], "campaigns": []}, state(whole))
        except UsageError:
            assert not (root / "_lake.json").exists()
        first_run(open_lake(root))
        assert tree(root) == tree(whole)


@pytest.mark.parametrize(
    ("number", "lasting"),
    [(errno.ENOSPC, False), (errno.ENOSPC, True), (errno.EIO, False)],
    ids=["full once", "full from then on", "input/output error"],
)
def test_disk_fails_at_every_operation(number: int, lasting: bool, runs: Runs, tmp_path: Path) -> None:
    """The run says so or is done; readers see the old state until the snapshot has its name; the next run completes."""
    for at in range(runs.n_operations):
        root = tmp_path / str(at)
        shutil.copytree(runs.old_root, root)
        failed: list[str] = []
        done: list[str] = []

        def fail(
            now: int, name: str, args: tuple[Any, ...], at: int = at, f: list[str] = failed, d: list[str] = done
        ) -> bool:
            if now == at or (lasting and now > at and name in ("write", "mkdir")):
                f.append(name)
                raise OSError(number, os.strerror(number))
            d.append(name)
            return True

        lake = open_lake(root, Counted(fail))
        with contextlib.suppress(TransientError):
            second_run(lake)
            done.append("acknowledged")
        assert failed
        recovered(root, runs, (runs.new,) if {"link", "acknowledged"} & set(done) else (runs.old,))


# Power loss. A trace of operations is replayed on a model of a disk that keeps only what was synced: bytes of files,
# names in folders. What was not synced may be there or not, each name and file by itself.


@dataclass
class File:
    data: bytes
    synced: bytes = b""


@dataclass
class Folder:
    names: dict[str, File | Folder] = field(default_factory=dict)
    synced: dict[str, File | Folder] = field(default_factory=dict)


def load(path: Path) -> Folder:
    names: dict[str, File | Folder] = {
        child.name: load(child) if child.is_dir() else File(child.read_bytes(), child.read_bytes())
        for child in path.iterdir()
    }
    return Folder(names, dict(names))


def find(top: Folder, path: Path) -> Any:
    found: Any = top
    for name in path.parts:
        found = found.names[name]
    return found


def replay(top: Folder, name: str, paths: list[Path], data: bytes) -> None:
    folder = find(top, paths[0].parent) if paths[0].parts else top
    key = paths[0].name
    if name == "write":
        folder.names[key] = File(data)
    elif name == "sync":
        found = find(top, paths[0])
        found.synced = found.data if isinstance(found, File) else dict(found.names)
    elif name in ("rename", "link"):
        find(top, paths[1].parent).names[paths[1].name] = folder.names[key]
        if name == "rename":
            del folder.names[key]
    elif name == "mkdir":
        folder.names.setdefault(key, Folder())
    else:
        folder.names.pop(key, None)


def after_power_loss(top: Folder, target: Path, chance: random.Random | None) -> None:
    """Write what is left: the synced alone, or with `chance` any part of the rest beside it."""
    target.mkdir()
    for name in sorted(top.names.keys() | top.synced.keys()):
        now, then = top.names.get(name), top.synced.get(name)
        kept = then if chance is None or chance.random() < 0.5 else now
        if isinstance(kept, Folder):
            after_power_loss(kept, target / name, chance)
        elif kept is not None:
            whole = chance is not None and chance.random() < 0.5
            (target / name).write_bytes(kept.data if whole else kept.synced)


Trace = list[tuple[str, list[Path], bytes]]


def traced(root: Path, run: Callable[[Lake], None], at: int | None = None, *, above: Path | None = None) -> Trace:
    """What a run does below the root (or a folder above); with `at`, its process ends there and does nothing more."""
    top = above or root
    trace: Trace = []

    class Dead(BaseException):
        pass

    def record(number: int, name: str, args: tuple[Any, ...]) -> bool:
        if at is not None and number >= at:
            if number == at:
                raise Dead
            return False
        paths = [arg.relative_to(top) for arg in args if isinstance(arg, Path) and arg.is_relative_to(top)]
        if paths:
            trace.append((name, paths, args[1] if name == "write" else b""))
        return True

    with contextlib.suppress(Dead):
        run(open_lake(root, Counted(record)))
    return trace


def losses(trace: Trace, base: Path, at: int, tries: int, tmp_path: Path, seed: int) -> Iterator[Path]:
    for attempt in range(tries):
        top = load(base)
        for step in trace[:at]:
            replay(top, *step)
        target = tmp_path / f"{seed}-{at}-{attempt}"
        after_power_loss(top, target, random.Random(f"{seed} {at} {attempt}") if attempt else None)
        yield target


def test_power_lost_at_every_operation(runs: Runs, tmp_path: Path) -> None:
    """An acknowledged run survives, replaced files stay away; another one is there as a whole or not at all."""
    root = tmp_path / "traced"
    shutil.copytree(runs.old_root, root)
    trace = traced(root, second_run)
    acknowledged = max(
        i for i, (name, paths, _) in enumerate(trace) if name == "unlink" and paths[0].parts[0] != "_tmp"
    )
    for at in range(len(trace) + 1):
        for left in losses(trace, runs.old_root, at, 2, tmp_path, 1):
            if at == len(trace):
                assert {str(p.relative_to(left)) for p in left.rglob("*=*/*.parquet")} == parquet_files(runs.new_tree)
            recovered(left, runs, (runs.new,) if at > acknowledged else (runs.old, runs.new))


def test_power_lost_while_a_killed_run_is_put_right(runs: Runs, tmp_path: Path) -> None:
    """What a killed process left unsynced must not be relied upon by the run that finds it."""
    chance = random.Random(11)
    for killed in range(runs.n_operations):
        root = tmp_path / f"killed-{killed}"
        shutil.copytree(runs.old_root, root)
        first, second = traced(root, second_run, at=killed), traced(root, second_run)
        done = len(first) + len(second)
        for at in (chance.randrange(len(first), done), done):
            for left in losses(first + second, runs.old_root, at, 1, tmp_path, killed):
                recovered(left, runs, (runs.new,) if at == done else (runs.old, runs.new))


def test_power_lost_while_the_lake_is_made(tmp_path: Path) -> None:
    """After the first commit is acknowledged the lake is there, with the folders it was made in."""
    home, empty = tmp_path / "home", tmp_path / "empty"
    home.mkdir()
    empty.mkdir()
    trace = traced(home / "data" / "lake", first_run, above=home)
    for at in range(len(trace) + 1):
        for left in losses(trace, empty, at, 2, tmp_path, 1):
            if at == len(trace):
                assert state(left / "data" / "lake") == state(home / "data" / "lake")
            first_run(open_lake(left / "data" / "lake"))
            assert tree(left) == tree(home)


def test_power_lost_after_the_lake_was_made_at_the_second_try(tmp_path: Path) -> None:
    """A killed first run leaves folders whose names are not on the disk; the run that uses them sees to that."""
    empty = tmp_path / "empty"
    empty.mkdir()
    for killed in range(12):
        home = tmp_path / f"home-{killed}"
        (home / "data").mkdir(parents=True)
        (empty / "data").mkdir(exist_ok=True)
        root = home / "data" / "lake"
        trace = traced(root, first_run, at=killed, above=home) + traced(root, first_run, above=home)
        for left in losses(trace, empty, len(trace), 1, tmp_path, killed):
            assert state(left / "data" / "lake") == state(root)
