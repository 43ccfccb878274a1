"""Campaigns in parts as Prefect tasks: on threads, and by a task worker as another machine runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipeline.errors import TransientError
from pipeline.identity import key_id
from pipeline.settings import Settings
from pipeline.store import Lake
from tests.lake_of_posts import fill
from tests.stages.test_campaigns import ROWS, paths

KEY = "a key for tests, no secret"


@pytest.fixture(scope="module", autouse=True)
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    storage = {PREFECT_LOCAL_STORAGE_PATH: tmp_path_factory.mktemp("storage")}  # which a task worker sees too
    with prefect_test_harness(server_startup_timeout=120), temporary_settings(storage):
        yield


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake of posts without campaigns."""
    monkeypatch.setenv("XINREN_ID_KEY", KEY)
    lake = Lake.create_or_open(str(tmp_path / "lake"), key_id=key_id(KEY.encode()))
    fill(lake, ROWS)
    with lake.begin() as tx:
        for name in ("campaigns", "campaign_members", "campaign_aliases"):
            for file in tx.data_files(name):
                tx.drop(name, file.keys, file.stem)
        tx.commit()
    return lake


@contextmanager
def task_worker(log: Path) -> Iterator[None]:
    """A process that does the parts it is told of, as on another machine."""
    from prefect.settings import PREFECT_API_URL, PREFECT_LOCAL_STORAGE_PATH

    told = {name: str(setting.value()) for name, setting in (
        ("PREFECT_API_URL", PREFECT_API_URL), ("PREFECT_LOCAL_STORAGE_PATH", PREFECT_LOCAL_STORAGE_PATH),
    )}  # fmt: skip
    command = [sys.executable, "-m", "prefect", "task", "serve", "--module", "pipeline.flow_parts", "--limit", "2"]
    with log.open("wb") as out:
        worker = subprocess.Popen(command, env=os.environ | told, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            worker.terminate()
            with suppress(subprocess.TimeoutExpired):
                worker.wait(15)
            worker.kill()
            worker.wait()


def run(lake: Lake, **stated: object) -> dict[str, int]:
    """The stage campaigns in a flow."""
    from prefect import flow

    from pipeline import flows

    @flow
    def campaigns_alone(settings: Settings) -> dict[str, int]:
        return flows.transaction(settings, ("campaigns",))

    return campaigns_alone(Settings(lake=lake.root, **stated))


def rounds() -> list[str]:
    """The names of the parts that are done."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return sorted(r.name for r in client.read_task_runs() if r.name.split()[0] in ("pairs", "verify", "lead"))


@pytest.mark.parametrize("workers", ["served", "threads"])
def test_a_flow_finds_campaigns_in_parts(lake: Lake, tmp_path: Path, workers: str) -> None:
    expected = Lake.create_or_open(str(tmp_path / "expected"), key_id=lake.key_id)
    before = len(rounds())
    counts = fill(expected, ROWS)
    with task_worker(tmp_path / "worker.log") if workers == "served" else nullcontext():
        assert run(lake, campaign_parts=3, campaign_workers=workers) == counts
    assert paths(lake) == paths(expected)
    assert len(rounds()) - before >= 7  # pairs and lead three times, verify once or more


def test_a_part_that_fails_ends_the_flow_and_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline import flow_parts, flows

    def fail(part: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(flow_parts, "do_part", fail)
    monkeypatch.setattr(flow_parts.campaign_part, "retries", 0)
    monkeypatch.setattr(flows.transaction, "retries", 0)
    with pytest.raises(TransientError, match=r"part pairs 0: .*the disk is gone"):
        run(lake, campaign_parts=2)
    assert paths(lake) == []


def test_a_part_whose_first_state_is_not_written_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.states import Completed, Pending

    from pipeline import flow_parts

    monkeypatch.setattr(flow_parts, "_NO_STATE_YET", 0)

    class Future:
        state = Pending()
        asked = 0

        def wait(self, timeout: float) -> None:
            self.asked += 1
            if self.asked == 1:
                raise RuntimeError("Task run x has no state which means it hasn't started yet.")
            self.state = Completed()

    future = Future()
    flow_parts._wait(cast("Any", None), cast("Any", future))
    assert future.asked == 2


def test_parts_that_no_worker_takes_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.states import Completed, Scheduled

    from pipeline import flow_parts
    from pipeline.stages.campaign_parts import Part

    said: list[str] = []

    class Logger:
        def warning(self, words: str, *of: object) -> None:
            said.append(words % of)

    class Future:
        state = Scheduled()
        asked = 0

        def wait(self, timeout: float) -> None:
            self.asked += 1
            self.state = Scheduled() if self.asked < 3 else Completed()

    monkeypatch.setattr(flow_parts, "_LONG", 0)
    monkeypatch.setattr(flow_parts, "get_run_logger", Logger)
    part = cast("Part", SimpleNamespace(round="pairs", number=4))
    flow_parts._wait(part, cast("Any", Future()))
    assert len(said) == 2
    assert "no task worker has taken part pairs 4 yet; start one: prefect task serve" in said[0]
