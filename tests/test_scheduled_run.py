"""A real server, a real worker, and a run that the scheduler made: the one test of Prefect's whole set of packages.

Imports and ephemeral flows work with versions that break the service: fastapi >= 0.151 makes `deploy` die (null fields
answer 422) or every flow fail, sqlalchemy 2.1 deploys well and then never schedules a run. Only a scheduled run that
leaves Parquet behind proves the pins in pyproject.toml.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
import yaml

LIMIT_SECONDS = 150
TEXTS = ("早上路过河边，桂花开了。", "加班到现在，外卖也凉了。", "面膜招代理，一件代发，加微信了解")
POSTS = [
    {
        "platform": "weibo",
        "post_id": str(n),
        "author_id": "a",
        "posted_at": f"2026-10-0{n}T08:00:00+08:00",
        "text": text,
    }
    for n, text in enumerate(TEXTS, start=1)
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def service_environment(home: Path, port: int) -> dict[str, str]:
    """Prefect's settings for one private server on `port`; everything it keeps is below `home`."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "XINREN_", "COV_"))}
    return clean | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "1",
        "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "XDG_STATE_HOME": str(home / "state"),
        "XINREN_HOME": str(home),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


@contextlib.contextmanager
def process(name: str, home: Path, env: dict[str, str], *command: str) -> Iterator[None]:
    """A process in a group of its own for the time of the block, its words in <name>.log; killed at the end."""
    with (home / f"{name}.log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=home,
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
            kill_runs(home)


def kill_runs(home: Path) -> None:
    """Kill what a worker started: it gives each run a process group of its own, so the environment must tell."""
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"XINREN_HOME={home}".encode() in environ.read_bytes().split(b"\0"):
                os.kill(int(environ.parent.name), signal.SIGKILL)


def deploy(home: Path, env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(
        command, cwd=home, env=env, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def ask(env: dict[str, str], path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(env["PREFECT_API_URL"] + path, data, {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
        return json.load(answer)


def until(what: str, home: Path, deadline: float, found: Callable[[], Any]) -> Any:
    """The first truthy `found()`. Fails with the last words of every log when the time is over."""
    while time.monotonic() < deadline:
        try:
            if result := found():
                return result
        except OSError:
            pass  # the server is not listening yet
        time.sleep(0.3)
    logs = "\n".join(f"--- {log.name}\n{log.read_text('utf-8', 'replace')[-3000:]}" for log in home.glob("*.log"))
    raise AssertionError(f"no {what} within {LIMIT_SECONDS} s\n{logs}")


def write_project(root: Path, home: Path) -> None:
    """prefect.yaml as it stands, but only `daily`, due every 5 seconds, on three posts."""
    (home / "inbox").mkdir()
    (home / "inbox" / "posts.jsonl").write_text(
        "\n".join(json.dumps(post, ensure_ascii=False) for post in POSTS), "utf-8"
    )
    config = yaml.safe_load((root / "prefect.yaml").read_text("utf-8"))
    (daily,) = (deployment for deployment in config["deployments"] if deployment["name"] == "daily")
    daily["schedules"] = [{"interval": 5, "slug": "often", "timezone": "Asia/Shanghai", "active": True}]
    daily["parameters"]["settings"] |= {"models": str(root / "models"), "corpora": str(root / "corpora")}
    (home / "prefect.yaml").write_text(yaml.safe_dump({**config, "deployments": [daily]}), "utf-8")


@pytest.fixture(scope="module")
def home(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the scheduler has run `daily` once: lake/, and run.json as the API tells it."""
    home = tmp_path_factory.mktemp("service")
    deadline = time.monotonic() + LIMIT_SECONDS
    write_project(root, home)
    env = service_environment(home, free_port())
    with contextlib.ExitStack() as stack:
        stack.enter_context(process("server", home, env, "prefect", "server", "start"))
        until("answer of the server", home, deadline, lambda: ask(env, "/health"))
        stack.enter_context(
            process("worker", home, env, "prefect", "worker", "start", "--pool", "local", "--type", "process")
        )
        until("work pool", home, deadline, lambda: ask(env, "/work_pools/filter", {}))
        deploy(home, env)
        query = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}}
        runs = until("finished run", home, deadline, lambda: ask(env, "/flow_runs/filter", query))
        (home / "run.json").write_text(json.dumps(runs[0]), "utf-8")
    return home


def test_the_scheduler_makes_a_run_and_it_completes(home: Path) -> None:
    run = json.loads((home / "run.json").read_text("utf-8"))
    assert (run["state_type"], run["auto_scheduled"], run["name"]) == ("COMPLETED", True, "daily lake"), run["state"]


def test_the_run_leaves_the_posts_as_parquet(home: Path) -> None:
    posts = ds.dataset(home / "lake" / "posts").to_table(columns=["post_id", "text"]).sort_by("post_id")
    assert posts["post_id"].to_pylist() == ["1", "2", "3"]


def test_the_run_judges_every_post(home: Path) -> None:
    assert ds.dataset(home / "lake" / "post_judgements").count_rows() == len(POSTS)
