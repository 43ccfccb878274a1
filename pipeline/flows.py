"""The same stages for Prefect: schedules, retries, timeouts and a record of every run.

Prefect charges milliseconds for a task and a second for a flow, so a stage is one task and nothing is smaller. The
stages of a run share one transaction of the lake, so they are tried again together. What tasks hand on is counts;
tables go through the lake. Results are never persisted: running again is safe because the stages are.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from pipeline import offline, stages
from pipeline.errors import TransientError, one_line
from pipeline.run import Counts, Run, Say, writing
from pipeline.settings import Settings
from pipeline.sources.live import parse_feeds, tokens

offline.prepare()

from prefect import Flow, Task, flow, get_run_logger, runtime, task  # noqa: E402  (reads the environment prepared above)
from prefect.artifacts import create_table_artifact  # noqa: E402
from prefect.blocks.system import Secret  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.client.orchestration import get_client  # noqa: E402
from prefect.client.schemas.objects import State, TaskRun  # noqa: E402
from prefect.tasks import exponential_backoff  # noqa: E402

from pipeline.flow_parts import by_tasks  # noqa: E402  (imports Prefect)

# No honest stage takes eight hours, not even a backfill of tens of millions of posts: beyond that it hangs.
STAGE_SECONDS = 8 * 3600

P = ParamSpec("P")
R = TypeVar("R")

# A caller's own progress function, where there is one; a scheduled run has none and logs.
_say: ContextVar[Say | None] = ContextVar("say", default=None)
# The run of a transaction. Neither a parameter nor a global of its tasks: these go with the parts they hand to others.
_run: ContextVar[Run] = ContextVar("run")


def _progress(stage: str, done: int, total: int) -> None:
    if say := _say.get():
        say(stage, done, total)
    else:
        get_run_logger().info("%s: %d of %d", one_line(stage), done, total)


def _current() -> Run:
    return _run.get()


@contextmanager
def _as_current(run: Run) -> Iterator[None]:
    mark = _run.set(run)
    try:
        yield
    finally:
        _run.reset(mark)


def lake_name(lake: str) -> str:
    """The last part of a lake's folder or URI, without what may be secret in it (user, password, query)."""
    return one_line(urlsplit(lake.rstrip("/")).path.rpartition("/")[2] or urlsplit(lake).hostname or "lake", 80)


def _run_name() -> str:
    settings = runtime.flow_run.parameters["settings"]
    return f"{runtime.flow_run.flow_name} {lake_name(settings.lake)}"


def _is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    if not isinstance(state.data, TransientError):
        return False
    logging.getLogger(__name__).warning("%s; trying again soon", one_line(state.data))
    return True


def _tokens(settings: Settings) -> dict[str, SecretStr]:
    """Tokens of feeds from Prefect's Secret blocks, for variables that are not set: XINREN_TOKEN_A_ORG from
    xinren-token-a-org. Most feeds need none, so that a block that is not there is no mistake.
    """
    found: dict[str, SecretStr] = {}
    for name in tokens.wanted(feed.url for feed in parse_feeds(settings.feeds)):
        with suppress(ValueError):  # no such block
            block = cast("Secret[str]", Secret.load(name.lower().replace("_", "-")))
            found[name] = SecretStr(str(block.get()))
    return found


@task(task_run_name="{name}", timeout_seconds=STAGE_SECONDS, cache_policy=NO_CACHE, persist_result=False)
def stage(name: str) -> Counts:
    """One stage inside a transaction; what it changed shows when the transaction ends."""
    return stages.do(_current(), name)


@task(
    retries=4,
    retry_delay_seconds=exponential_backoff(20),  # 20, 40, 80, 160 s: long enough for another run to leave the lake
    retry_jitter_factor=0.5,
    retry_condition_fn=_is_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def transaction(settings: Settings, names: tuple[str, ...]) -> Counts:
    """The named stages one after another; the lake changes once, at the end, or not at all."""
    counts: Counts = {}
    with (
        tokens.provided(_tokens(settings)),
        writing(settings, _progress, by_tasks(settings)) as run,
        _as_current(run),
    ):
        for name in names:
            counts |= stage(name)
    return counts


@task(timeout_seconds=STAGE_SECONDS, cache_policy=NO_CACHE, persist_result=False)
def train_model(model: str, data: str, settings: Settings) -> dict[str, float]:
    """A candidate model in candidates/<model>, and its figures."""
    from pipeline.learn.train import train as learn

    logger = get_run_logger()
    return learn(
        model, Path(data), settings, Path("candidates") / model, lambda text: logger.info("%s", one_line(text))
    )


def _as_flow(function: Callable[P, R]) -> Flow[P, R]:
    return flow(flow_run_name=_run_name, persist_result=False, result_serializer="json")(function)


@_as_flow
def gather(settings: Settings) -> Counts:
    """New files into raw_posts, raw_authors and rejects, and from there into posts."""
    return transaction(settings, ("gather",))


@_as_flow
def features(settings: Settings) -> Counts:
    """What each post's text says, the campaigns it belongs to, and the judgement."""
    return transaction(settings, ("features", "campaigns", "judge"))


@_as_flow
def trust(settings: Settings) -> Counts:
    """What each author has earned, and the days in figures."""
    return transaction(settings, ("trust", "summary"))


@_as_flow
def daily(settings: Settings) -> Counts:
    """Everything, from new files to the day's summary; ends with a table of the rows it accounts for."""
    counts = transaction(settings, tuple(stages.STAGES))
    create_table_artifact(
        [{"what": what, "rows": rows} for what, rows in counts.items()],
        key="xinren-daily",
        description=f"Rows of the lake {lake_name(settings.lake)} after this run.",
    )
    return counts


@_as_flow
def train(model: Literal["judge", "sentiment", "trust"], data: str, settings: Settings) -> dict[str, float]:
    """A candidate model from the labels in folder `data`; returns its figures. Promoting it is a person's decision."""
    return train_model(model, data, settings)


def _quiet() -> None:
    """Prefect's chatter off the terminal for the rest of the process; tracebacks too, since errors reach the caller."""
    logging.getLogger("prefect").setLevel(logging.WARNING)
    for runs in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(runs).setLevel(logging.CRITICAL)


def _connect() -> None:
    """A Prefect API that answers: the one PREFECT_API_URL names, or else a temporary server for this process.

    Ctrl-C goes to every process of the terminal. The server must outlive it, or the flow waits a minute for a server
    that is gone and ends with "connection refused"; so SIGINT is blocked while it starts, which it inherits for life.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with get_client(sync_client=True) as client:
            if error := client.api_healthcheck():
                raise TransientError(
                    f"Prefect API {client.api_url}: {one_line(error)}; expected a server, see PREFECT_API_URL"
                )
    except RuntimeError as error:
        raise TransientError(f"Prefect's temporary server on 127.0.0.1: {one_line(error)}; try again") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def run_daily(settings: Settings, say: Say) -> Counts:
    """The flow `daily`, run here and now, quietly: its counts. Errors of the stages come through as they are.

    Without PREFECT_API_URL Prefect starts a temporary server of its own (about 6 s; 12 s the first time).
    """
    token = _say.set(say)
    try:
        _quiet()
        _connect()
        return daily(settings)
    finally:
        _say.reset(token)
