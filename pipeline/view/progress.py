"""Progress of the stages on standard error: one bar a stage, posts a second, time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str, int, int], None]
UNITS = {"gather": "files", "trust": "authors", "summary": "days", "campaigns": "members"}


@contextmanager
def reporting(*, quiet: bool) -> Iterator[Say]:
    """A `say` for a run. On a terminal bars; otherwise one line when a stage is done; nothing if `quiet`."""
    if quiet:
        yield lambda _stage, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """How many a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f}/s" if speed else "")

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<10}"), BarColumn(24), MofNCompleteColumn(), TextColumn("{task.fields[unit]}"), Rate(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        seen: dict[str, TaskID] = {}

        def say(stage: str, done: int, total: int) -> None:
            unit = UNITS.get(stage, "posts")
            if stage not in seen:
                seen[stage] = bars.add_task(stage, total=max(total, 1), unit=unit)
            whole = max(total, 1)
            bars.update(seen[stage], completed=whole if done >= total else done, total=whole)
            if not console.is_terminal and done >= total:
                console.print(f"{stage}: {total:,} {unit}", highlight=False)

        yield say
