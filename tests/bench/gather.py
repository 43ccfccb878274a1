"""Gathering against pyarrow's own reader on the same file, and the memory that a large file takes.

    python -m tests.bench.gather                rounds in turn; written to results/gather.json
    python -m tests.bench.gather --memory GB    a CSV of so many GB, made in a scratch folder and removed again: peak memory

The same posts as native Parquet, CSV and JSON Lines. `reading` is the file to rows of raw_posts, all of xinren's work on them
(markup, times, ids, counts, topics, mentions, links, rejects, the independent count) included; `stage` writes them into a lake
besides. pyarrow's reader gives the file's own columns as a table. Each in a process of its own, kernels compiled beforehand.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from tests.bench import machine, posts
from tests.bench.measure import Outcome, alone, interleaved, module, own_peak_mb, ratios, rounded, spread

RESULT = Path(__file__).parent / "results" / "gather.json"
FORMS = {"Parquet": 0.3, "CSV": 0.15, "JSON Lines": 0.15}  # and the goal of each
AT = "2026-03-08T20:00:00+08:00"


def write(form: str, table: pa.Table, path: Path) -> None:
    """The posts in one form."""
    if form == "Parquet":
        pq.write_table(table, path, row_group_size=100_000)
    elif form == "CSV":
        pa_csv.write_csv(_plain(table), path)
    else:
        rows = _plain(table).to_pylist()
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def _plain(table: pa.Table) -> pa.Table:
    times = pc.strftime(table["posted_at"].cast(pa.timestamp("s")), format="%Y-%m-%dT%H:%M:%SZ")
    return table.set_column(table.column_names.index("posted_at"), "posted_at", times)


def by_pyarrow(form: str, path: Path) -> int:
    """Rows of the file, read by pyarrow alone."""
    if form == "Parquet":
        return len(pq.read_table(path))
    if form == "CSV":
        return len(pa_csv.read_csv(path, parse_options=pa_csv.ParseOptions(newlines_in_values=True)))
    return len(pa_json.read_json(path))


class Nowhere:
    """A sink that keeps nothing."""

    def add(self, table: str, rows: pa.Table) -> None:
        """Rows go."""

    def clear(self) -> None:
        """Nothing is there."""


def by_reading(path: Path) -> int:
    """Rows of the file as raw_posts and rejects, kept nowhere."""
    from pipeline.settings import Settings
    from pipeline.sources import InputFile, gather_into
    from pipeline.threads import n_threads

    row = gather_into(Nowhere(), InputFile(path, path.name), Settings(batch_rows=20_000), threads=n_threads(0))
    return int(row["n_rows"][0].as_py())


def by_stage(path: Path) -> int:
    """Rows of the file, gathered into a new lake and committed."""
    from pipeline.run import writing
    from pipeline.settings import Settings
    from pipeline.stages.gather import gather

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        settings = Settings(lake=f"{folder}/lake", inputs=(str(path),), gathered_at=AT, batch_rows=20_000)
        with writing(settings) as run:
            return gather(run)["rows"]


def contender(name: str, form: str, path: Path) -> None:
    """One measurement in this process; the JSON object of what it took."""
    work: dict[str, Callable[[], int]] = {
        "pyarrow": lambda: by_pyarrow(form, path), "reading": lambda: by_reading(path), "stage": lambda: by_stage(path),
    }  # fmt: skip
    small = path.with_name(f"small-{path.name}")
    {
        "pyarrow": lambda: by_pyarrow(form, small),
        "reading": lambda: by_reading(small),
        "stage": lambda: by_stage(small),
    }[name]()
    wall, cpu = time.perf_counter(), time.process_time()
    rows = work[name]()
    found = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "posts": rows}
    print(json.dumps({**found, "own_peak_mb": own_peak_mb()}))


def speed(rounds: int, n: int | None) -> None:
    """Measure, print, and write down."""
    loaded = posts.load(n)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMS:
            path = Path(folder) / f"posts.{form.replace(' ', '').lower()}"
            write(form, loaded.table, path)
            write(form, loaded.table.slice(0, 2_000), path.with_name(f"small-{path.name}"))
            results[form] = _measured(form, path, rounds)
            path.unlink()
    about = {
        "measured": date.today().isoformat(),
        "machine": machine.facts(),
        "posts": loaded.facts(),
        "rounds": rounds,
    }
    _keep({**about, "results": results, "goals": _goals(results)})


def _measured(form: str, path: Path, rounds: int) -> dict[str, Any]:
    names = ("pyarrow", "reading", "stage")
    command = lambda name: alone(module("tests.bench.gather", "--contender", name, form, path))  # noqa: E731
    found = interleaved({name: lambda name=name: command(name) for name in names}, rounds)  # type: ignore[misc]
    shown = {name: _figures(outcomes, found["pyarrow"]) for name, outcomes in found.items()}
    for name, figures in shown.items():
        ratio, by_cpu = figures["ratio"]["median"], figures["cpu_ratio"]["median"]
        print(f"{form:11} {name:8} {figures['microseconds']['median']:6.2f} µs a post, {ratio:.3f} times pyarrow's speed "
              f"({by_cpu:.3f} by processor time), {figures['peak_mb']:.0f} MB", flush=True)  # fmt: skip
    return {"bytes": path.stat().st_size, **shown}


def _figures(outcomes: list[Outcome], beside: list[Outcome]) -> dict[str, Any]:
    per_post = [1e6 * outcome["seconds"] / outcome["posts"] for outcome in outcomes]
    return {
        "microseconds": spread(per_post),
        "ratio": ratios([o["seconds"] for o in beside], [o["seconds"] for o in outcomes]),
        "cpu_ratio": ratios([o["cpu"] for o in beside], [o["cpu"] for o in outcomes]),
        "peak_mb": max(outcome["peak_mb"] for outcome in outcomes),
    }


def _goals(results: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"figure": f"{form} to raw_posts, speed against pyarrow's reader", "goal": goal, "unit": "times",
         "got": results[form]["reading"]["ratio"]["median"]}
        for form, goal in FORMS.items()
    ]  # fmt: skip


def _keep(result: dict[str, Any]) -> None:
    memory = json.loads(RESULT.read_text("utf-8")).get("memory") if RESULT.exists() else None
    RESULT.parent.mkdir(exist_ok=True)
    kept = result | ({"memory": memory} if memory and "memory" not in result else {})
    RESULT.write_text(json.dumps(rounded(kept), ensure_ascii=False, indent=1) + "\n", "utf-8")


def memory(gigabytes: float, folder: Path | None) -> None:
    """Gather a CSV of so many GB in a process of its own, and write down its peak memory."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        path = Path(home) / "posts.csv"
        rows = _large_csv(path, int(gigabytes * 1e9))
        found = alone(module("tests.bench.gather", "--gather", path))
    figures = {"gigabytes": gigabytes, "posts": rows, "peak_mb": found["peak_mb"], "seconds": found["wall"]}
    print(figures)
    result = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
    others = [one for one in result.get("memory", []) if one["gigabytes"] != gigabytes]
    _keep(result | {"memory": sorted([*others, figures], key=lambda one: float(one["gigabytes"]))})


def _large_csv(path: Path, n_bytes: int) -> int:
    """Posts again and again under new ids, until the file is large enough; how many."""
    table, rows = _plain(posts.load(200_000).table), 0
    with path.open("wb") as out:
        while out.tell() < n_bytes:
            ids = pc.binary_join_element_wise("p", pa.array(range(rows, rows + len(table))).cast(pa.string()), "")
            part = table.set_column(table.column_names.index("post_id"), "post_id", ids)
            pa_csv.write_csv(part, out, pa_csv.WriteOptions(include_header=rows == 0))
            rows += len(table)
    return rows


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gather", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--posts", type=int, help="of all at hand")
    parser.add_argument("--memory", type=float, metavar="GB")
    parser.add_argument("--folder", type=Path, help="where the large file is made")
    parser.add_argument("--contender", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--gather", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.contender:
        contender(given.contender[0], given.contender[1], Path(given.contender[2]))
    elif given.gather:
        print(json.dumps({"rows": by_stage(given.gather)}))
    elif given.memory:
        memory(given.memory, given.folder)
    else:
        speed(given.rounds, given.posts)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
