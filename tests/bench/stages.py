"""Each stage alone against its usual library: servers that hold everything ready, asked in turn.

Our side runs in two servers, one of them kept to a single core; the libraries run in a third, for some change others when they
are imported into one process.

    python -m tests.bench.stages ours|ours-one-core|peers FOLDER      a server: a line with a stage's name in, a JSON object out
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.bench import posts as bench_posts
from tests.bench.measure import ROOT, Outcome, affordable, alone, interleaved, module, rates, ratios
from tests.bench.paths import fitted, pilot_rate
from tests.bench.plan import Plan

# What is compared: our stage, the library's, and what else should be known about the pair.
PAIRS = (
    ("segment_ids", "jieba.lcut", "word ids and places, no strings"),
    ("segment_texts", "jieba.lcut", "lists of strings, tokens identical"),
    ("normalise", "unicodedata + opencc-pyo3", "ours keeps the place of every character"),
    ("cues and form", "re, pattern by pattern", "the same patterns over the same folded texts"),
    (
        "n-grams and judge",
        "TfidfVectorizer + LogisticRegression",
        "characters 1-4 and words; ours counts cues and form besides",
    ),
    ("n-grams and judge", "HashingVectorizer + LogisticRegression", "the same n-grams, hashed into 2^18 columns"),
    ("words and sentiment table", "SnowNLP", "from text; another segmenter, so another function"),
    ("sketch and join", "datasketch, update", "ours verifies every pair exactly"),
    ("sketch and join", "datasketch, bulk", "ours verifies every pair exactly"),
    ("write", "pandas.to_parquet", "table posts; ours sorts into partitions, syncs and commits"),
    ("days and trust", "pandas merge and groupby", "ours has windows, drift and intervals besides"),
)
# What `features` is made of, in its order, and `features` itself.
TEXT_STEP = (
    "code points",
    "contacts",
    "fold",
    "words",
    "cues and form",
    "scores and counts",
    "sketches",
    "the text step",
)
GOALS = (
    ("segment_ids", "ours-one-core", 30, "`segment_ids` against jieba.lcut, one core"),
    ("segment_ids", "ours", 60, "`segment_ids` against jieba.lcut, all cores"),
    ("segment_texts", "ours", 15, "`segment_texts` against jieba.lcut"),
)
LEAST_SECONDS = 0.5  # a stage is repeated until this is full
LAKE = "stages.lake"


class Server:
    """A process that holds the stages of one side ready."""

    def __init__(self, side: str, folder: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            module("tests.bench.stages", side, folder), cwd=ROOT, text=True, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    @cached_property
    def names(self) -> list[str]:
        """Its stages, once all are ready."""
        return list(self._answer()["stages"])

    def ask(self, name: str) -> Outcome:
        """Posts and seconds of one stage, or `error`: one that fails does not take the others along."""
        assert self._process.stdin is not None
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Outcome:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a server of stages ended with exit code {self._process.wait()}")
        return dict(json.loads(line))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def measure(plan: Plan, folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Every stage of every side, in rounds."""
    posts = bench_posts.load(plan.posts)
    n = _prepare(plan, posts, folder)
    (folder / "stages.json").write_text(json.dumps({"peer_stages": plan.peer_stages}), "utf-8")
    sides = ["ours", "ours-one-core", "peers"] if hasattr(os, "sched_setaffinity") else ["ours", "peers"]
    tell(f"our side: {n:,} posts a stage")
    servers = {side: Server(side, folder) for side in sides}  # they get ready side by side
    contenders: dict[str, Callable[[], Outcome]] = {
        f"{side}: {name}": (lambda server=server, name=name: server.ask(name))
        for side, server in servers.items()
        for name in server.names
    }
    outcomes = interleaved(contenders, plan.rounds, tell)
    for server in servers.values():
        server.close()
    failed = {name: found[0]["error"] for name, found in outcomes.items() if "error" in found[0]}
    for name, why in failed.items():
        tell(f"FAILED {name}: {why}")
    good = {name: found for name, found in outcomes.items() if name not in failed}
    return {
        "posts": posts.facts(),
        "rounds": plan.rounds,
        "stages": {name: {"posts": found[0]["posts"], "rates": rates(found)} for name, found in good.items()},
        "pairs": _pairs(good),
        "text_step": TEXT_STEP,
        "goals": _goals(good, posts.facts()["mean_characters"]),
        "failed": failed,
    }


def _prepare(plan: Plan, posts: bench_posts.Posts, folder: Path) -> int:
    """A lake of as many posts as our side can afford, and the peers' model; how many posts."""
    fitted(plan, folder)
    n = affordable(pilot_rate(plan, posts, folder), plan.stage_seconds, min(plan.stage_posts, len(posts.table)))
    alone(module("tests.bench.ours", "lake", posts.write(folder / "stages.parquet", n), folder / LAKE))
    return n


def _pairs(outcomes: dict[str, list[Outcome]]) -> list[dict[str, Any]]:
    """Ratios of every pair whose both sides were measured, for each of our servers."""
    rows = []
    for ours, peer, note in PAIRS:
        sides = {side: f"{side}: {ours}" for side in ("ours-one-core", "ours") if f"{side}: {ours}" in outcomes}
        theirs = outcomes.get(f"peers: {peer}")
        if theirs and sides:
            found = {side: ratios(rates(outcomes[key]), rates(theirs)) for side, key in sides.items()}
            rows.append({"ours": ours, "peer": peer, "note": note, "ratios": found})
    return rows


def _goals(outcomes: dict[str, list[Outcome]], characters: float) -> list[dict[str, Any]]:
    """The goals of a stage alone, and what was reached on posts of so many characters on average."""
    pairs = {pair["ours"]: pair["ratios"] for pair in _pairs(outcomes) if pair["peer"] == "jieba.lcut"}
    return [
        {
            "figure": f"{figure}, posts of {characters:.0f} characters",
            "goal": goal,
            "unit": "times",
            "got": pairs[stage][side]["median"],
        }
        for stage, side, goal, figure in GOALS
        if side in pairs.get(stage, {})
    ]


def repeated(work: Callable[[], int]) -> Outcome:
    """Posts and seconds of `work`, which says how many posts it did, over as many passes as fill LEAST_SECONDS."""
    posts, begun = 0, time.perf_counter()
    while (seconds := time.perf_counter() - begun) < LEAST_SECONDS:
        posts += work()
    return {"posts": posts, "seconds": seconds}


def serve(side: str, folder: Path) -> None:
    """Prepare every stage of a side, name those there are, then run what is asked for."""
    if side == "ours-one-core":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before anything starts a thread
    if side == "peers":
        from tests.bench.stages_peers import stages
    else:
        from tests.bench.stages_ours import stages
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    ready: dict[str, Callable[[], int] | str] = {}
    for name, prepare in stages(folder).items():
        ready[name] = _safely(prepare)
    print(json.dumps({"stages": [*ready]}), file=answers, flush=True)
    for line in sys.stdin:
        work = ready[line.strip()]
        found = work if isinstance(work, str) else _safely(lambda: repeated(work))  # noqa: B023 - called at once
        print(json.dumps({"error": found} if isinstance(found, str) else found), file=answers, flush=True)


def _safely(work: Callable[[], Any]) -> Any:
    """What `work` gives, or its error in words: the other stages are measured all the same."""
    try:
        return work()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
