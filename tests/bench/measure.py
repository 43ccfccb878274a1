"""How a figure is taken: a process of its own, peak memory with its children, rounds in turn, medians and ratios.

A contender's process prints one JSON object as its last line. Times are CLOCK_MONOTONIC, which all processes share, so that
a process can tell its set-up from the moment at which it was started.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any

ROOT = Path(__file__).parents[2]
STARTED = "XINREN_BENCH_STARTED"  # when the process was started, for since_start
EVERY = 0.05  # seconds between two looks at the memory of a process and its children
Outcome = dict[str, Any]


def alone(command: Sequence[str], *, says: bool = True, **environment: str) -> Outcome:
    """Run `command` in its own process: {wall, peak_mb} and, where it `says` something, the JSON object of its last line.

    wall is seconds from start to exit. peak_mb is what `Memory` saw, or None where there is no /proc.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        started = time.monotonic()
        env = os.environ | {STARTED: repr(started), "PYTHONPATH": str(ROOT)} | environment
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=errors)
        with Memory(process.pid) as memory:
            code = process.wait()
        wall = time.monotonic() - started
        errors.seek(0)
        if code:
            raise RuntimeError(f"{' '.join(command)}: exit {code}\n{errors.read()[-4000:]}")
        out.seek(0)
        said = json.loads(out.read().strip().rpartition("\n")[2]) if says else {}
    return {"wall": wall, "peak_mb": _greatest(memory.peak_mb, said.pop("own_peak_mb", None)), **said}


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs a module of this package with this Python."""
    return [sys.executable, "-m", name, *map(str, arguments)]


def since_start() -> float:
    """Seconds since the harness started this process: interpreter, imports and all."""
    return time.monotonic() - float(os.environ[STARTED])


def own_peak_mb() -> float | None:
    """The greatest resident memory this process ever had, in MB; None where the system does not tell."""
    return _status(os.getpid())


class Memory:
    """Peak memory of a process and its children: the greatest sum, at any look, of what each alive had as its peak so far.

    Pages that processes share count once for each.
    """

    def __init__(self, pid: int) -> None:
        self.peak_mb: float | None = None
        self._pid, self._over = pid, Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            peaks = [peak for pid in family(self._pid) if (peak := _status(pid)) is not None]
            if peaks:
                self.peak_mb = _greatest(self.peak_mb, sum(peaks))


def family(pid: int) -> list[int]:
    """A process and all that came of it and are alive; those that end meanwhile are left out."""
    found = [pid]
    for one in found:  # grows while it runs
        for task in _tasks(one):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:  # it has ended
        return []


def _status(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)


def _greatest(*values: float | None) -> float | None:
    return max((value for value in values if value is not None), default=None)


def interleaved(
    contenders: Mapping[str, Callable[[], Outcome]], rounds: int, tell: Callable[[str], None] = lambda _: None
) -> dict[str, list[Outcome]]:
    """`rounds` outcomes of each contender, taken in turn; each round begins with another, so that none is always first.

    What slows the machine for a while then slows all of them, and ratios are taken inside a round.
    """
    outcomes: dict[str, list[Outcome]] = {name: [] for name in contenders}
    for number in range(rounds):
        shift = number % max(len(contenders), 1)
        for name in [*contenders][shift:] + [*contenders][:shift]:
            outcomes[name].append(contenders[name]())
            tell(f"round {number + 1}/{rounds}: {name}")
    return outcomes


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, min and max. Raises ValueError for no value."""
    if not values:
        raise ValueError("spread: got no value; expected one a round")
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Median, min and max of ours / theirs, round by round. Raises ValueError where the rounds differ in number."""
    return spread([one / other for one, other in zip(ours, theirs, strict=True)])


def rates(outcomes: Sequence[Outcome]) -> list[float]:
    """Posts a second of each outcome, set-up apart: posts / seconds."""
    return [outcome["posts"] / outcome["seconds"] for outcome in outcomes]


def rates_with_setup(outcomes: Sequence[Outcome], posts: int) -> list[float]:
    """Posts a second over `posts` posts, set-up included: a contender that ran a smaller sample pays its set-up once."""
    return [posts / (outcome["setup"] + posts * outcome["seconds"] / outcome["posts"]) for outcome in outcomes]


def affordable(rate: float, seconds: float, posts: int) -> int:
    """How many of `posts` posts run in about `seconds` at `rate`, whole thousands, at least 1,000 where there are so many."""
    return min(posts, max(int(rate * seconds) // 1000, 1) * 1000)


def rounded(value: Any) -> Any:
    """`value` with every float cut to four digits that count: what a repetition would give again."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
