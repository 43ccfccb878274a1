"""Our side, one run in its own process, set-up apart.

python -m tests.bench.ours score SOURCE TARGET    what `xinren score` does, with everything loaded before the clock starts
python -m tests.bench.ours lake SOURCE FOLDER     gather, then raw_posts to author_trust stage by stage, then the summary
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.bench.measure import ROOT, own_peak_mb, since_start

MODELS, CORPORA = str(ROOT / "models"), str(ROOT / "corpora")
WARM = pa.table({"text": ["招代理，一件代发，加微信abc12345", "今天带孩子去公园，好开心！"] * 5})
GATHERED = datetime(2026, 1, 1, tzinfo=UTC)


def score(source: Path, target: Path) -> dict[str, Any]:
    """Read, judge, write, all side by side."""
    from pipeline.api import Scorer
    from pipeline.scorefile import open_posts
    from pipeline.scoreout import writing

    scorer = Scorer(MODELS, CORPORA)
    scorer.score(WARM)
    setup, begun = since_start(), time.perf_counter()
    posts = open_posts(source)
    with writing(target) as write:
        for judged in scorer.stream(posts.tables, posts.schema):
            write(judged)
    seconds = time.perf_counter() - begun
    return {"posts": posts.n_rows, "setup": setup, "seconds": seconds, "bytes": target.stat().st_size}


def lake(source: Path, folder: Path) -> dict[str, Any]:
    """The whole path. `seconds` is raw_posts to author_trust with its commit; `steps` all stages, gather and summary too."""
    from pipeline.stages import STAGES

    functions = {stage.__name__: stage for group in STAGES.values() for stage in group}
    middle = [stage for name, stage in functions.items() if name not in ("gather", "summary")]
    with tempfile.TemporaryDirectory() as small:
        few = Path(small) / "few.parquet"
        _write(WARM, few)
        _transaction(few, Path(small) / "lake", [*functions.values()])
    setup = since_start()
    gather, total = _transaction(source, folder, [functions["gather"]])
    steps, seconds = _transaction(source, folder, middle, warm=True)
    summary, _ = _transaction(source, folder, [functions["summary"]])
    steps.pop("open")  # a run opens the models once; the warm-up did, and its time stands in the set-up
    sizes = table_sizes(folder)
    return {
        "posts": _rows(source), "setup": setup, "seconds": seconds, "whole": seconds + total + sum(summary.values()),
        "steps": {"gather": gather["gather"]} | steps | {"summary": summary["summary"]}, "tables": sizes,
        "bytes": sum(size for _, size in sizes.values()), "files": sum(files for files, _ in sizes.values()),
    }  # fmt: skip


def _transaction(
    source: Path, folder: Path, stages: list[Any], *, warm: bool = False
) -> tuple[dict[str, float], float]:
    """Seconds of each stage, of the commit, and of all of them; if `warm`, opening the models is `open`, beside the sum."""
    from pipeline.run import writing
    from pipeline.settings import Settings

    settings = Settings(lake=str(folder), inputs=(str(source),), gathered_at=GATHERED, models=MODELS, corpora=CORPORA)
    steps: dict[str, float] = {}
    start = time.perf_counter()
    with writing(settings) as run:
        if warm:  # what this process has opened before: a run opens it once, whatever the number of posts
            steps["open"] = _seconds(lambda: (run.models, run.judge))
        for stage in stages:
            steps[stage.__name__] = _seconds(lambda: stage(run))  # noqa: B023 - called at once
        last = time.perf_counter()
    steps["commit"] = time.perf_counter() - last
    return steps, time.perf_counter() - start - steps.get("open", 0.0)


def _seconds(work: Any) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _write(table: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    n = len(table)
    columns = {
        "post_id": [f"w{i}" for i in range(n)],
        "author_id": ["a"] * n,
        "platform": ["weibo"] * n,
        "posted_at": [GATHERED] * n,
    }
    pq.write_table(pa.table(columns | {"text": table["text"]}), path)


def _rows(source: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.ParquetFile(source).metadata.num_rows)


def table_sizes(folder: Path) -> dict[str, tuple[int, int]]:
    """Files and bytes of each table of a lake."""
    sizes: dict[str, list[int]] = defaultdict(list)
    for path in sorted(folder.rglob("*.parquet")):
        sizes[path.relative_to(folder).parts[0]].append(path.stat().st_size)
    return {table: (len(found), sum(found)) for table, found in sizes.items()}


def main(arguments: list[str]) -> None:
    """One run; prints what it took."""
    what, source, target = arguments
    found = {"score": score, "lake": lake}[what](Path(source), Path(target))
    print(json.dumps({**found, "own_peak_mb": own_peak_mb()}))


if __name__ == "__main__":
    main(sys.argv[1:])
