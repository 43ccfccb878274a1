"""The benchmarks. Ratios of one run may be compared; absolute figures hang on the machine.

make bench                              all of moderate length, about a quarter of an hour on two cores
make bench QUICK=1                      the same code on few posts, two minutes; prints and keeps nothing
python -m tests.bench NAME ...          only these: path, stages, start, and each that has a module here
python -m tests.bench report            the tables of README.md anew, from tests/bench/results
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.bench import machine, paths, report, stages, start
from tests.bench.measure import ROOT, module, rounded
from tests.bench.plan import FULL, QUICK, Plan

BENCHES: dict[str, Callable[[Plan, Path, Callable[[str], None]], dict[str, Any]]] = {
    "start": start.measure,
    "path": paths.measure,
    "stages": stages.measure,
}
# Benchmarks that are programs of their own and write their own results, with what they are told when nobody says; `make bench`
# runs them but for growth, which takes long.
PROGRAMS: dict[str, list[str]] = {
    "segment": [],
    "sentiment": [],
    "patterns": [],
    "campaigns": [],
    "trust": [],
    "growth": ["100000", "1000000", "10000000", "--out", str(report.RESULTS / "growth.json")],
}
LONG = ("growth",)
LONGEST = 600  # seconds that a program may take in `make bench`
ID_KEY = "a key for benchmarks, no secret"


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line: names of benchmarks; after that of a program, what it is told."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(known())}, report (default: all but growth)"
    )
    parser.add_argument("--quick", action="store_true", help="few posts, one round, nothing kept")
    given = parser.parse_args(arguments)
    unknown = set(given.names) - {*known(), "report"}
    if unknown:
        parser.error(f"got {', '.join(sorted(unknown))}; expected of {', '.join(known())}, report")
    return given


def known() -> list[str]:
    """Every benchmark there is."""
    return [*BENCHES, *(name for name in PROGRAMS if find_spec(f"tests.bench.{name}"))]


def chosen(names: list[str], *, quick: bool) -> list[str]:
    """What is run: what is named, or all of moderate length, quick ones being those of this module alone."""
    return names or [name for name in known() if name in BENCHES or not (quick or name in LONG)]


def main(arguments: list[str]) -> int:
    """Measure, write down, print; 1 where something failed."""
    os.environ["XINREN_ID_KEY"] = ID_KEY
    if arguments and arguments[0] in PROGRAMS and not {*arguments} <= {*known()}:
        return 0 if run_program(arguments[0], arguments[1:]) else 1
    given = parse(arguments)
    names = chosen(given.names, quick=given.quick)
    results: dict[str, Any] = {}
    limit = None if given.names else LONGEST
    failed = [name for name in names if name in PROGRAMS and not run_program(name, PROGRAMS[name], limit)]
    with tempfile.TemporaryDirectory(prefix="xinren-bench-") as folder:
        for name in (name for name in names if name in BENCHES):
            results[name] = measured(name, QUICK if given.quick else FULL, Path(folder))
            if not given.quick:
                keep(name, results[name])
            failed += [name] if results[name].get("failed") else []
    if given.quick:
        for name, text in report.tables(results).items():
            if text != report.NOTHING:
                print(f"\n{name}\n{text}")
    else:
        report.write()
        print(f"{report.README.relative_to(ROOT)} has the tables")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def measured(name: str, plan: Plan, folder: Path) -> dict[str, Any]:
    """One benchmark's result, with what it was measured on and how long that took."""
    begun = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {name}: {what}", flush=True)

    facts = machine.facts()
    found = BENCHES[name](plan, folder, tell)
    return rounded(
        {"measured": date.today().isoformat(), "machine": facts, **found, "took_s": time.monotonic() - begun}
    )


def keep(name: str, result: dict[str, Any]) -> None:
    """The result as tests/bench/results/NAME.json."""
    report.RESULTS.mkdir(exist_ok=True)
    text = json.dumps(result, ensure_ascii=False, indent=1)
    (report.RESULTS / f"{name}.json").write_text(text + "\n", "utf-8")


def run_program(name: str, arguments: list[str], limit: float | None = None) -> bool:
    """Run a benchmark that is a program of its own; whether it ended well."""
    print(f"{name}: python -m tests.bench.{name} {' '.join(arguments)}", flush=True)
    try:
        return subprocess.run(module(f"tests.bench.{name}", *arguments), cwd=ROOT, timeout=limit).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"{name}: stopped after {limit} s")
        return False


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
