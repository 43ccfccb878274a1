"""The whole of it: `xinren score` and raw_posts to author_trust, against the scripts of tests/bench/peers.py."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import posts as bench_posts
from tests.bench.measure import Outcome, affordable, alone, interleaved, module, rates, rates_with_setup, ratios
from tests.bench.ours import CORPORA, MODELS
from tests.bench.peers import MODEL, SCRIPTS
from tests.bench.plan import Plan

COMMAND, SCORE = "xinren score, the command", "xinren score, in process"
LAKE, WHOLE = "raw_posts to author_trust", "gather to daily_summary"
OURS = (COMMAND, SCORE, LAKE, WHOLE)
Tell = Callable[[str], None]


def measure(plan: Plan, folder: Path, tell: Tell) -> dict[str, Any]:
    """Every contender in its own process, in rounds."""
    posts = bench_posts.load(plan.posts)
    fitted(plan, folder)
    sizes = _sizes(plan, posts, folder)
    tell(", ".join(f"{name}: {n:,} posts" for name, n in sizes.items()))
    scored, stored = folder / "score.parquet", folder / "lake.parquet"
    posts.write(scored, sizes[SCORE])
    posts.write(stored, sizes[LAKE])
    contenders: dict[str, Callable[[], Outcome]] = {
        COMMAND: lambda: command(scored, folder / "scored.parquet"),
        SCORE: lambda: _score(scored, folder / "scored.parquet"),
        LAKE: lambda: _lake(stored, folder),
    }
    contenders |= {name: _Peer(name, posts, plan.peers[name], folder) for name in SCRIPTS}
    outcomes = interleaved(contenders, plan.rounds, tell)
    outcomes[WHOLE] = [
        {**_without(o, "steps", "tables"), "seconds": o["whole"]} for o in outcomes[LAKE]
    ]  # of the same runs
    return {
        "posts": posts.facts(), "rounds": plan.rounds,
        "contenders": {name: column(outcomes[name]) for name in (*OURS, *SCRIPTS)},
        "ratios": _ratios(outcomes), "goals": _goals(outcomes),
    }  # fmt: skip


def fitted(plan: Plan, folder: Path) -> None:
    """The peers' model, once a folder."""
    if not (folder / MODEL).exists():
        alone(module("tests.bench.peers", "fit", folder, plan.fitted_on), says=False)


def command(source: Path, target: Path, **environment: str) -> Outcome:
    """`xinren score` as typed in a shell: everything from start to exit counts."""
    flags = ["--models", MODELS, "--corpora", CORPORA, "--out", target]
    found = alone(module("pipeline", "score", source, *flags), says=False, **environment)
    return {**found, "posts": _rows(source), "setup": 0.0, "seconds": found["wall"], "bytes": target.stat().st_size}


def _without(outcome: Outcome, *names: str) -> Outcome:
    return {name: value for name, value in outcome.items() if name not in names}


def _score(source: Path, target: Path) -> Outcome:
    return alone(module("tests.bench.ours", "score", source, target))


def _lake(source: Path, folder: Path) -> Outcome:
    lake = folder / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    return alone(module("tests.bench.ours", "lake", source, lake))


def _rows(source: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.ParquetFile(source).metadata.num_rows)


def pilot_rate(plan: Plan, posts: bench_posts.Posts, folder: Path) -> float:
    """Posts a second of a first run over the lake path, taken once a folder; it fills the caches besides."""
    known = folder / "pilot.json"
    n = plan.pilot
    while not known.exists():
        found = _lake(posts.write(folder / "pilot.parquet", n), folder)
        if found["seconds"] >= plan.pilot_seconds or n >= len(posts.table):
            known.write_text(json.dumps(rates([found])[0]), "utf-8")
        n *= 8
    return float(json.loads(known.read_text("utf-8")))


def _sizes(plan: Plan, posts: bench_posts.Posts, folder: Path) -> dict[str, int]:
    """How many posts our side runs: all, unless the pilot says that they take too long."""
    rate, n = pilot_rate(plan, posts, folder), len(posts.table)
    scored = affordable(rate, plan.score_seconds, n)
    return {COMMAND: scored, SCORE: scored, LAKE: affordable(rate, plan.lake_seconds, n)}


class _Peer:
    """One script, and the part of the posts it runs next: each call takes another part, so that more texts are seen."""

    def __init__(self, name: str, posts: bench_posts.Posts, n: int, folder: Path) -> None:
        self._name, self._posts, self._n, self._folder, self._calls = name, posts.table, n, folder, 0

    def __call__(self) -> Outcome:
        source = self._folder / "peer.parquet"
        start = self._calls * self._n % max(len(self._posts) - self._n, 1)
        bench_posts.Posts("", self._posts.slice(start)).write(source, self._n)
        self._calls += 1
        target = self._folder / "peer.out.parquet"
        return alone(module("tests.bench.peers", self._name, self._folder, source, target))


def column(outcomes: list[Outcome]) -> dict[str, Any]:
    """Outcomes of one contender by name instead of by round; `steps` and `tables` of the last round."""
    last = outcomes[-1]
    kept = {name: [o.get(name) for o in outcomes] for name in ("seconds", "setup", "wall", "peak_mb")}
    kept |= {
        "posts": last["posts"],
        "rates": rates(outcomes),
        "rates_with_setup": rates_with_setup(outcomes, last["posts"]),
    }
    if "steps" in last:
        kept["steps"] = {step: [o["steps"][step] for o in outcomes] for step in last["steps"]}
    return kept | {name: last[name] for name in ("bytes", "files", "tables") if name in last}


def _pair(outcomes: dict[str, list[Outcome]], ours: str, peer: str, *, setup: bool) -> dict[str, float]:
    if not setup:
        return ratios(rates(outcomes[ours]), rates(outcomes[peer]))
    posts = outcomes[ours][-1]["posts"]  # the peer's set-up counts once over as many posts as ours ran
    return ratios(rates_with_setup(outcomes[ours], posts), rates_with_setup(outcomes[peer], posts))


def _ratios(outcomes: dict[str, list[Outcome]]) -> list[dict[str, Any]]:
    """Every fair pair: what loads nothing inside the clock is compared with set-up apart and included, the command included."""
    return [
        {"ours": ours, "peer": peer, "setup": setup, **_pair(outcomes, ours, peer, setup=setup)}
        for ours in OURS
        for peer in SCRIPTS
        for setup in ((True,) if ours == COMMAND else (True, False))
    ]


def _goals(outcomes: dict[str, list[Outcome]]) -> list[dict[str, Any]]:
    n = {name: f"{outcomes[name][-1]['posts']:,} posts" for name in OURS}
    rows = [
        (COMMAND, "C", True, 20, f"`xinren score` on {n[COMMAND]} against C, set-up included"),
        (SCORE, "C", False, 25, f"`xinren score` on {n[SCORE]} against C, set-up apart"),
    ]
    for peer, goal in (("A", 400), ("B", 40), ("C", 12)):
        rows.append((LAKE, peer, True, goal, f"raw_posts to author_trust on {n[LAKE]} against {peer}, set-up included"))
        rows.append((LAKE, peer, False, goal, f"raw_posts to author_trust on {n[LAKE]} against {peer}, set-up apart"))
    return [
        {"figure": figure, "goal": goal, "unit": "times", "got": _pair(outcomes, ours, peer, setup=setup)["median"]}
        for ours, peer, setup, goal, figure in rows
    ]
