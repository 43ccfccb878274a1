"""The Prefect side, with stages of our own making: what is tried again, what is recorded, what the terminal shows."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.errors import PermanentError, TransientError
from pipeline.settings import Settings

SETTINGS = Settings(lake="s3://user:geheim@shop/feeds/moments?token=geheim")


@pytest.fixture(scope="module", autouse=True)
def prefect_api() -> Iterator[None]:
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened to a lake that only notes it; the stages of a run are noted too. Retries wait for nothing."""
    from pipeline import flows, stages

    happened: list[str] = []

    @contextmanager
    def writing(settings: Settings, say: Callable[[str, int, int], None], spread: Any) -> Iterator[Any]:
        happened.append("begin")
        yield SimpleNamespace(settings=settings, say=say)
        happened.append("commit")

    def do(run: Any, name: str) -> dict[str, int]:
        happened.append(name)
        run.say(name, 1, 2)
        return {f"{name}_rows": len(happened)}

    monkeypatch.setattr(flows, "writing", writing)
    monkeypatch.setattr(stages, "do", do)
    monkeypatch.setattr(flows.transaction, "retry_delay_seconds", 0)
    return happened


def fail(monkeypatch: pytest.MonkeyPatch, happened: list[str], *errors: Exception) -> None:
    """The stages raise these errors, one at each call, and are well after the last."""
    from pipeline import stages

    left = list(errors)

    def do(_run: Any, name: str) -> dict[str, int]:
        happened.append(name)
        if left:
            raise left.pop(0)
        return {}

    monkeypatch.setattr(stages, "do", do)


def last_run_name() -> str:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        return client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0].name


def test_daily_runs_every_stage_in_one_transaction(lake: list[str]) -> None:
    from pipeline import flows, stages

    counts = flows.daily(SETTINGS)
    assert lake == ["begin", *stages.STAGES, "commit"]
    assert list(counts) == [f"{name}_rows" for name in stages.STAGES]


def test_gather_features_and_trust_together_are_daily(lake: list[str]) -> None:
    from pipeline import flows, stages

    for part in (flows.gather, flows.features, flows.trust):
        part(SETTINGS)
    assert [name for name in lake if name not in ("begin", "commit")] == list(stages.STAGES)


def test_a_transient_error_runs_the_whole_transaction_again(lake: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline import flows

    fail(monkeypatch, lake, TransientError("network gone"), TransientError("network gone"))
    flows.trust(SETTINGS)
    assert lake == ["begin", "trust", "begin", "trust", "begin", "trust", "summary", "commit"]


def test_a_token_in_a_block_reaches_the_feeds(lake: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.blocks.system import Secret

    from pipeline import flows, stages
    from pipeline.sources.live.tokens import token_for

    Secret(value="geheim").save("xinren-token-feeds-example")  # type: ignore[arg-type, unused-coroutine]
    seen: list[str | None] = []

    def do(_run: Any, _name: str) -> dict[str, int]:
        tokens = map(token_for, ("https://feeds.example/a", "https://other.example/a"))
        seen.extend(token and token.get_secret_value() for token in tokens)
        return {}

    monkeypatch.setattr(stages, "do", do)
    flows.gather(Settings(feeds=("https://feeds.example/a", "https://other.example/a")))
    assert seen == ["geheim", None]
    assert token_for("https://feeds.example/a") is None


def test_an_error_that_trying_cannot_mend_is_raised_at_once(lake: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline import flows

    error = PermanentError("file x.csv: got no header")
    fail(monkeypatch, lake, error)
    with pytest.raises(PermanentError) as raised:
        flows.trust(SETTINGS)
    assert raised.value is error
    assert lake == ["begin", "trust"]


def test_daily_records_its_counts_as_a_table(lake: list[str]) -> None:
    from prefect.artifacts import Artifact

    from pipeline import flows

    counts = flows.daily(SETTINGS)
    artifact = Artifact.get("xinren-daily")
    assert json.loads(artifact.data) == [{"what": what, "rows": rows} for what, rows in counts.items()]


def test_a_run_is_named_for_its_lake_without_the_lake_s_secrets(lake: list[str]) -> None:
    from pipeline import flows

    flows.gather(SETTINGS)
    assert last_run_name() == "gather moments"


@pytest.mark.parametrize(
    ("root", "name"),
    [
        ("lake", "lake"),
        ("/data/feeds/", "feeds"),
        ("s3://bucket", "bucket"),
        ("s3://k:geheim@bucket/a/b?x=1", "b"),
        ("/", "lake"),
    ],
)
def test_the_name_of_a_lake_is_the_end_of_its_root(root: str, name: str) -> None:
    from pipeline.flows import lake_name

    assert lake_name(root) == name


def test_progress_is_logged_on_one_line_each(lake: list[str], caplog: pytest.LogCaptureFixture) -> None:
    from pipeline import flows

    with caplog.at_level(logging.INFO, "prefect.task_runs"):
        flows.gather(SETTINGS)
    assert "gather: 1 of 2" in caplog.messages


def test_the_form_of_a_flow_has_every_setting_with_its_description() -> None:
    from pipeline import flows

    form = flows.daily.parameters.model_dump()["definitions"]["Settings"]["properties"]
    assert {name: field["description"] for name, field in form.items()} == {
        name: field.description for name, field in Settings.model_fields.items()
    }


def test_train_takes_only_models_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.exceptions import ParameterTypeError

    from pipeline import flows

    learn = SimpleNamespace(train=lambda model, data, settings, out, say: say(f"to {out}") or {"f1": 0.5})
    monkeypatch.setitem(sys.modules, "pipeline.learn.train", learn)  # the real one takes minutes
    assert flows.train("judge", "data", SETTINGS) == {"f1": 0.5}
    with pytest.raises(ParameterTypeError):
        flows.train("juge", "data", SETTINGS)  # type: ignore[arg-type]


ALONE = """
import contextlib, sys, time
from types import SimpleNamespace
from pipeline import flows, stages
from pipeline.settings import Settings
flows.writing = lambda settings, say, spread: contextlib.nullcontext(SimpleNamespace(say=say))
stages.do = lambda run, name: run.say(name, 1, 1) or {name: 1}
print(flows.run_daily(Settings(), lambda *progress: print(*progress)) == dict.fromkeys(stages.STAGES, 1))
stages.do = lambda run, name: print("working", flush=True) or time.sleep(60)
try:
    flows.run_daily(Settings(), print)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


@pytest.fixture(scope="module")
def alone(root: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A process of its own, as the command line is one: run_daily once, and again until Ctrl-C in the middle of it."""
    home = tmp_path_factory.mktemp("alone")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "XINREN_", "XDG_", "DO_NOT_TRACK"))}
    process = subprocess.Popen(
        [sys.executable, "-c", ALONE], cwd=root, env=env | {"HOME": str(home), "HTTP_PROXY": "http://127.0.0.1:9"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line == "working\n":
            os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    return SimpleNamespace(out=lines, err=err, code=process.returncode, group=process.pid, home=home)


def test_run_daily_needs_no_server_and_shows_nothing_but_progress(alone: SimpleNamespace) -> None:
    from pipeline import stages

    assert alone.out[: len(stages.STAGES) + 1] == [*(f"{name} 1 1" for name in stages.STAGES), "True"]
    assert alone.err == ""


def test_ctrl_c_ends_run_daily_and_its_server(alone: SimpleNamespace) -> None:
    assert (alone.out[-2:], alone.code) == (["working", "stopped"], 0)
    with pytest.raises(ProcessLookupError):
        os.killpg(alone.group, 0)


def test_run_daily_leaves_the_user_s_own_prefect_alone(alone: SimpleNamespace) -> None:
    assert not (alone.home / ".prefect").exists()
    assert (alone.home / ".local" / "state" / "xinren" / "prefect" / "prefect.db").is_file()
