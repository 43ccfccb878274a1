"""`make bench`: posts a second of the whole path and of each stage, and as ratios to jieba.lcut in the same run.

Real posts where ../shared stands beside the repository, the project's own otherwise. Absolute figures hang on the machine;
ratios of one run may be compared. The last run is written to tests/bench/results/path.json.
"""

from __future__ import annotations

import json
import resource
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import pyarrow as pa
import pyarrow.csv as pa_csv

from pipeline import stages
from pipeline.run import writing
from pipeline.settings import Settings
from pipeline.text.segment import segment_texts

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results"
REAL = ROOT.parent / "shared" / "datasets" / "posts_gold" / "train.csv"
POSTS = 40_000
SEGMENTED = 4_000  # jieba alone, on this many


def texts() -> tuple[str, list[str]]:
    """POSTS texts: the gold posts or the project's own, again and again with a number, so that none is a duplicate."""
    paths = [REAL] if REAL.exists() else sorted((ROOT / "corpora" / "posts").glob("*.csv"))
    parse = pa_csv.ParseOptions(newlines_in_values=True)
    found = [t for path in paths for t in pa_csv.read_csv(path, parse_options=parse)["text"].to_pylist()]
    many = [f"{found[i % len(found)]} {i // len(found) or ''}".strip() for i in range(POSTS)]
    return ("real posts" if REAL.exists() else "own posts"), many


def run_path(rows: list[str], workers: int) -> dict[str, float]:
    """Seconds of each stage over `rows`, from a JSON Lines file to daily_summary."""
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "posts.jsonl"
        lines = (
            {"platform": "weibo", "author_id": f"a{i % 2000}", "text": text, "posted_at": 1_600_000_000 + 600 * i}
            for i, text in enumerate(rows)
        )
        export.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
        home = {"models": str(ROOT / "models"), "corpora": str(ROOT / "corpora")}
        when = datetime(2026, 1, 1, tzinfo=UTC)
        settings = Settings(lake=f"{folder}/lake", inputs=(str(export),), gathered_at=when, workers=workers, **home)
        seconds: dict[str, float] = {}
        started = perf_counter()
        with writing(settings) as run:
            for group in stages.STAGES.values():
                for stage in group:
                    begun = perf_counter()
                    stage(run)
                    seconds[stage.__name__] = perf_counter() - begun
        return seconds | {"whole path": perf_counter() - started}


def main() -> None:
    """Measure, print, and write down."""
    kind, rows = texts()
    segment_texts(rows[:10])  # the dictionary
    begun = perf_counter()
    segment_texts(rows[:SEGMENTED])
    jieba = SEGMENTED / (perf_counter() - begun)
    result = {"posts": POSTS, "texts": kind, "jieba.lcut": jieba, "pyarrow": pa.__version__}
    for workers in (1, 2):
        for stage, seconds in run_path(rows, workers).items():
            result[f"{stage}, {workers} workers"] = POSTS / seconds
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result["peak_mb_of_a_worker"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{POSTS:,} {kind}; posts a second; ratio to jieba.lcut in this run")
    for name, value in result.items():
        if isinstance(value, float) and not name.startswith("peak"):
            print(f"  {name:28} {value:12,.0f} {value / jieba:8.2f}")
    print(f"  peak memory {result['peak_mb']:,.0f} MB, of a worker {result['peak_mb_of_a_worker']:,.0f} MB")
    RESULTS.mkdir(exist_ok=True)
    rounded = {k: round(v, 1) if isinstance(v, float) else v for k, v in result.items()}
    (RESULTS / "path.json").write_text(json.dumps(rounded, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
