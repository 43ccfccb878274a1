"""The tables of README.md, from the JSON of tests/bench/results and from nothing else.

    python -m tests.bench report

A table stands between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`. Any result may hold `goals`, a list of {figure, goal,
unit, got}; unit `times` means at least, any other at most. segment.json, sentiment.json, growth.json and
campaigns.json hold none: report_programs.py makes theirs.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.bench.markdown import AT_LEAST, between, number, spread, table, yes
from tests.bench.report_programs import (
    campaign_goals,
    gather,
    gather_goals,
    growth,
    growth_goals,
    segment,
    segment_goals,
    sentiment,
    sentiment_goals,
    trust_goals,
)

HERE = Path(__file__).parent
RESULTS, README = HERE / "results", HERE / "README.md"
SCRIPTS = ("A", "B", "B-bulk", "C")
NOTHING = "_Not measured yet: `make bench`._"
Result = dict[str, Any]


def read(folder: Path = RESULTS) -> dict[str, Result]:
    """Every result by the name of its file."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))}


def fill(text: str, tables: dict[str, str]) -> str:
    """`text` with every marked table anew. Raises KeyError for a marker of an unknown name."""
    pattern = re.compile(r"(<!-- bench:(\w+) -->\n).*?(<!-- /bench:\2 -->)", re.DOTALL)
    return pattern.sub(lambda found: f"{found[1]}{tables[found[2]]}\n{found[3]}", text)


def tables(results: dict[str, Result]) -> dict[str, str]:
    """Markdown by name of marker."""
    makers: dict[str, tuple[str, Callable[[Result], str]]] = {
        "machine": ("path", machine),
        "contenders": ("path", contenders),
        "ratios": ("path", ratios),
        "where": ("path", where),
        "scripts": ("path", scripts),
        "lake": ("path", lake),
        "stages": ("stages", stages),
        "text": ("stages", text),
        "start": ("start", start),
        "segment": ("segment", segment),
        "sentiment": ("sentiment", sentiment),
        "growth": ("growth", growth),
        "gather": ("gather", gather),
    }
    made = {name: make(results[source]) if source in results else NOTHING for name, (source, make) in makers.items()}
    makers_of_goals = (segment_goals, sentiment_goals, growth_goals, campaign_goals, gather_goals, trust_goals)
    programs = [goals_of(results) for goals_of in makers_of_goals]
    return {"goals": goals([*results.values(), *programs]), **made}


def reached(goal: dict[str, Any]) -> bool:
    """Whether the figure is at the goal or beyond."""
    return bool(goal["got"] >= goal["goal"] if goal["unit"] == AT_LEAST else goal["got"] <= goal["goal"])


def goals(results: Iterable[Result]) -> str:
    """Every goal of every result."""
    rows = [
        [
            g["figure"],
            f"{'>=' if g['unit'] == AT_LEAST else '<='} {number(g['goal'])} {g['unit']}".strip(),
            f"{number(g['got'])}",
            yes(reached(g)),
        ]
        for result in results
        for g in (result.get("goals", []) if isinstance(result, dict) else [])
    ]
    return table(["figure", "goal", "got", "reached"], rows) if rows else NOTHING


def machine(result: Result) -> str:
    """Where and on what it was measured."""
    m, posts = result["machine"], result["posts"]
    packages = ", ".join(f"{name} {version}" for name, version in m["packages"].items())
    return (
        f"{result['measured']}: {m['cpu']}, {m['cores']} cores, {m['memory_gb']} GB, {m['system']}, Python {m['python']}; load"
        f" average before the run {m['load']}. {packages}. {posts['posts']:,} {posts['kind']}, {number(posts['mean_characters'])}"
        f" characters on average, {posts['distinct_texts']:,} distinct, {posts['authors']:,} authors; {result['rounds']} rounds."
    )


def contenders(result: Result) -> str:
    """Speed, set-up and memory of every contender."""
    rows = [
        [
            name, f"{c['posts']:,}", "" if not any(c["setup"]) else between(c["rates"]), between(c["rates_with_setup"]),
            between(c["setup"]) if any(c["setup"]) else "", between(c["peak_mb"]), f"{c['bytes'] / c['posts']:,.0f}",
        ]
        for name, c in result["contenders"].items()
    ]  # fmt: skip
    head = [
        "",
        "posts a round",
        "posts/s, set-up apart",
        "posts/s, set-up included",
        "set-up s",
        "peak MB",
        "bytes written a post",
    ]
    return table(head, rows)


def ratios(result: Result) -> str:
    """How many times as fast we are as each script."""
    found = {(r["ours"], r["setup"], r["peer"]): spread(r) for r in result["ratios"]}
    peers = sorted({peer for _, _, peer in found})
    lines = dict.fromkeys((ours, setup) for ours, setup, _ in found)
    rows = [
        [ours, "included" if setup else "apart", *(found.get((ours, setup, p), "") for p in peers)]
        for ours, setup in lines
    ]
    return table(["times as fast as", "set-up", *peers], rows)


def where(result: Result) -> str:
    """Where our time goes: seconds of each stage, as microseconds a post, posts a second and a share."""
    rows = []
    for name, c in result["contenders"].items():
        if name not in SCRIPTS and "steps" in c:
            medians = _medians(c)
            rows += [
                [name, step, *_speed(seconds, c["posts"]), f"{seconds / sum(medians.values()):.0%}"]
                for step, seconds in medians.items()
            ]
    return table(["", "step", "microseconds a post", "posts/s", "share"], rows)


def scripts(result: Result) -> str:
    """Where the scripts' time goes: microseconds a post of each step."""
    found = {name: c for name, c in result["contenders"].items() if name in SCRIPTS}
    steps = dict.fromkeys(step for c in found.values() for step in c["steps"])
    rows = [
        [step, *(_speed(_medians(c)[step], c["posts"])[0] if step in c["steps"] else "" for c in found.values())]
        for step in steps
    ]
    return table(["microseconds a post", *found], rows)


def _medians(contender: dict[str, Any]) -> dict[str, float]:
    return {step: statistics.median(seconds) for step, seconds in contender["steps"].items()}


def _speed(seconds: float, posts: int) -> tuple[str, str]:
    return number(1e6 * seconds / posts), f"{posts / seconds:,.0f}" if seconds else ""


def lake(result: Result) -> str:
    """Files and bytes of each table."""
    found = next(c for c in result["contenders"].values() if "tables" in c)
    rows = [
        [name, f"{files:,}", f"{size:,}", f"{size / found['posts']:,.1f}"]
        for name, (files, size) in found["tables"].items()
    ]
    total = ["**all**", f"{found['files']:,}", f"{found['bytes']:,}", f"{found['bytes'] / found['posts']:,.1f}"]
    return table(["table", "files", "bytes", "bytes a post"], [*rows, total])


def stages(result: Result) -> str:
    """Every stage alone against its library."""
    speeds = {name: statistics.median(s["rates"]) for name, s in result["stages"].items()}

    def speed(name: str) -> str:
        return f"{speeds[name]:,.0f}" if name in speeds else ""

    rows = [
        [
            p["ours"], p["peer"], speed(f"peers: {p['peer']}"), speed(f"ours-one-core: {p['ours']}"), speed(f"ours: {p['ours']}"),
            *(spread(p["ratios"][side]) if side in p["ratios"] else "" for side in ("ours-one-core", "ours")), p["note"],
        ]
        for p in result["pairs"]
    ]  # fmt: skip
    head = [
        "our stage",
        "library",
        "its posts/s",
        "ours, one core",
        "ours, all cores",
        "times, one core",
        "times, all cores",
        "",
    ]
    failed = "".join(f"\n\nFailed: {name}: {why}" for name, why in result["failed"].items())
    return table(head, rows) + failed


def text(result: Result) -> str:
    """What the text step is made of: microseconds a post."""
    found = {name: number(1e6 / statistics.median(s["rates"])) for name, s in result["stages"].items()}
    rows = [
        [step, *(found.get(f"{side}: {step}", "") for side in ("ours-one-core", "ours"))]
        for step in result["text_step"]
    ]
    return table(["", "microseconds a post, one core", "all cores"], rows)


def start(result: Result) -> str:
    """What starting costs."""
    rows = [[name, between(s["wall"]), between(s["peak_mb"])] for name, s in result["starts"].items()]
    return table(["", "s", "peak MB"], rows)


def write() -> None:
    """README.md with its tables anew."""
    README.write_text(fill(README.read_text("utf-8"), tables(read())), "utf-8")
