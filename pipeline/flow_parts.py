"""The parts of a stage as Prefect tasks: on threads of this machine, or wherever a task worker serves them.

A worker on another machine that sees the lake under the same name, with the same Prefect API and the same result storage
(PREFECT_LOCAL_STORAGE_PATH on the shared disk, or a block), where Prefect keeps what a part is told:

    prefect task serve --module pipeline.flow_parts --limit 2
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic, sleep
from typing import Any

from pipeline import offline
from pipeline.errors import TransientError, one_line
from pipeline.settings import Settings
from pipeline.stages.campaign_parts import Part, Spread, do_part
from pipeline.threads import n_threads

offline.prepare()

from prefect import get_run_logger, task  # noqa: E402  (reads the environment prepared above)
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.futures import PrefectFuture  # noqa: E402
from prefect.task_runners import PrefectTaskRunner, TaskRunner, ThreadPoolTaskRunner  # noqa: E402

PART_SECONDS = 2 * 3600
_NO_STATE_YET = 0.5  # seconds
_LONG = 60  # seconds without a worker after which it is said, and said again
_ASKED_AGAIN = 20  # seconds after which a part is asked for, should word of its end be lost


@task(
    task_run_name="{part.round} {part.number}",
    retries=2,
    retry_delay_seconds=10,
    timeout_seconds=PART_SECONDS,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def campaign_part(part: Part) -> None:
    """One part of the search for campaigns: it reads and writes files beside the lake's tables, and hands on nothing."""
    do_part(part)


def by_tasks(settings: Settings) -> Spread:
    """Parts as tasks, done where the setting campaign_workers says: here on as many threads as `workers` says."""

    def spread(parts: Sequence[Part]) -> None:
        with _runner(settings) as runner:
            futures = [runner.submit(campaign_part, {"part": part}) for part in parts]
            for part, future in zip(parts, futures, strict=True):
                _wait(part, future)

    return spread


def _runner(settings: Settings) -> TaskRunner[Any]:
    threads: Callable[[], TaskRunner[Any]] = partial(ThreadPoolTaskRunner, max_workers=n_threads(settings.workers))
    served: Callable[[], TaskRunner[Any]] = PrefectTaskRunner
    return served() if settings.campaign_workers == "served" else threads()


def _wait(part: Part, future: PrefectFuture[Any]) -> None:
    """Raises TransientError where the part failed for good, with the last word it left."""
    said_at = monotonic()
    while not future.state.is_final():
        _wait_a_little(future)
        if monotonic() - said_at >= _LONG and future.state.is_scheduled() | future.state.is_pending():
            said_at = monotonic()
            get_run_logger().warning(
                "campaigns: no task worker has taken part %s %d yet; start one: prefect task serve --module pipeline.flow_parts",
                part.round, part.number,
            )  # fmt: skip
    if not future.state.is_completed():
        said = one_line(future.state.message or future.state.name, 200)
        raise TransientError(f"campaigns: part {part.round} {part.number}: {said}; see its task run, then run again")


def _wait_a_little(future: PrefectFuture[Any]) -> None:
    """Until the part ends, or _ASKED_AGAIN; Prefect refuses to wait for one whose first state its server has yet to write."""
    try:
        future.wait(timeout=_ASKED_AGAIN)
    except RuntimeError as error:
        if "no state" not in str(error):
            raise
        sleep(_NO_STATE_YET)
