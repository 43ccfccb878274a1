"""What starting costs: `xinren score` on ten posts, from the shell's Enter to the file on disk."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import posts as bench_posts
from tests.bench.measure import alone, interleaved, module
from tests.bench.paths import command, fitted
from tests.bench.plan import Plan

TEN, IMPORT, PEER, COLD = (
    "xinren score on 10 posts",
    "import pipeline.api",
    "script C on 10 posts",
    "xinren score on 10 posts, nothing compiled yet",
)


def measure(plan: Plan, folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Wall seconds and peak memory of each start; caches are warm but for the last."""
    ten = bench_posts.load(plan.posts).write(folder / "ten.parquet", 10)
    out, peer_out = folder / "ten.scored.parquet", folder / "ten.peer.parquet"
    fitted(plan, folder)
    command(ten, out)
    starts: dict[str, Callable[[], dict[str, Any]]] = {
        TEN: lambda: command(ten, out),
        IMPORT: lambda: alone([sys.executable, "-c", "import pipeline.api"], says=False),
        PEER: lambda: alone(module("tests.bench.peers", "C", folder, ten, peer_out)),
    }
    outcomes = interleaved(starts, plan.starts, tell)
    if plan.cold:
        with tempfile.TemporaryDirectory() as empty:
            outcomes[COLD] = [command(ten, out, XDG_CACHE_HOME=empty)]
        tell(COLD)
    walls = {name: [o["wall"] for o in found] for name, found in outcomes.items()}
    goal = {
        "figure": "`xinren score` on 10 posts, warm caches",
        "goal": 1.5,
        "unit": "s",
        "got": statistics.median(walls[TEN]),
    }
    return {
        "rounds": plan.starts,
        "starts": {name: {"wall": walls[name], "peak_mb": [o["peak_mb"] for o in outcomes[name]]} for name in outcomes},
        "goals": [goal],
    }
