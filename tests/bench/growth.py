"""How the path grows: a made lake of n posts, each stage timed, its peak memory, and the exponent over several n.

    python -m tests.bench.growth 100000 1000000 --out growth.json
    python -m tests.bench.growth 1000000 --stand-ins     # all but the text work

Each size runs in a process of its own. The posts are made: halves of real texts joined anew (own posts where ../shared is
absent), so that there is no end of them and few are alike, with planted floods, repeats, reposts, comments, second gatherings,
authors with a long tail (n / 30 of them), 24 months. With --stand-ins what reads texts is replaced by hashes of them, so
that reading, merging, joining, sorting and writing stand alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "datasets"
SEED = 20_261_107
FILE_ROWS = 100_000
DAY = 86_400_000_000
FIRST, MONTHS = datetime(2024, 11, 1, tzinfo=UTC), 24
PLATFORMS = ("weibo", "xiaohongshu", "wechat_moments")
KINDS = ("post", "repost", "comment", "note", "article")


def real_texts() -> tuple[str, pa.Array]:
    """Texts to cut in halves: real ones where they are at hand."""
    parts = {"weibo_covid_579k": "text", "weibo_timelines_2018": "content"}
    paths = {SHARED / name / "posts.parquet": column for name, column in parts.items()}
    if all(path.exists() for path in paths):
        found = [pq.read_table(path, columns=[column])[column] for path, column in paths.items()]
        return "real posts", pa.chunked_array([c.cast(pa.string()) for f in found for c in f.chunks]).combine_chunks()
    parse = pa_csv.ParseOptions(newlines_in_values=True)
    own = [pa_csv.read_csv(p, parse_options=parse)["text"] for p in sorted((ROOT / "corpora" / "posts").glob("*.csv"))]
    return "own posts", pa.chunked_array([c for f in own for c in f.chunks], pa.string()).combine_chunks()


def write_exports(folder: Path, n: int) -> str:
    """`n` gathered rows as native Parquet files of FILE_ROWS rows; what kind of texts they hold."""
    kind, texts = real_texts()
    length = pc.utf8_length(texts)
    half = pc.divide(length, 2).to_numpy(zero_copy_only=False)
    # Halves by the text, not by the row: slicing takes one width at a time, so texts go by their length.
    heads, tails = _halves(texts, half)
    for number, start in enumerate(range(0, n, FILE_ROWS)):
        rows = _rows(np.random.default_rng([SEED, number]), min(FILE_ROWS, n - start), start, n, heads, tails)
        pq.write_table(rows, folder / f"export-{number:04d}.parquet", compression="zstd", compression_level=1)
    return kind


def _halves(texts: pa.Array, half: np.ndarray[Any, Any]) -> tuple[pa.Array, pa.Array]:
    order = np.argsort(half, kind="stable")
    widths, starts = np.unique(half[order], return_index=True)
    heads, tails = [], []
    for width, rows in zip(widths.tolist(), np.split(order, starts[1:]), strict=True):
        some = texts.take(pa.array(rows))
        heads.append(pc.utf8_slice_codeunits(some, 0, width))
        tails.append(pc.utf8_slice_codeunits(some, width))
    return pa.concat_arrays(heads), pa.concat_arrays(tails)


def _rows(dice: np.random.Generator, size: int, start: int, n: int, heads: pa.Array, tails: pa.Array) -> pa.Table:
    """One export: rows `start` to `start + size` of `n`."""
    post = np.arange(start, start + size)
    again = dice.random(size) < 0.02  # a second gathering of an earlier post
    post = np.where(again, dice.integers(0, start + 1, size), post)
    of_post = [np.random.default_rng(SEED).integers(0, 2**63, 4, dtype=np.uint64)[k] for k in range(4)]
    word = [_mixed(post.astype(np.uint64) * np.uint64(4) + np.uint64(k) ^ of_post[k]) for k in range(4)]
    share = [(w >> np.uint64(11)) / 2.0**53 for w in word]
    authors = max(n // 30, 1)
    author = np.minimum((authors * share[0] ** 2.2).astype(np.int64), authors - 1)
    flood = share[1] < 0.03
    wording = (word[1] % np.uint64(max(n // 2000, 1))).astype(np.int64)
    first = np.where(flood, wording, (word[2] % np.uint64(len(heads))).astype(np.int64))
    second = np.where(flood, wording * 7 % len(tails), (word[3] % np.uint64(len(tails))).astype(np.int64))
    text = pc.binary_join_element_wise(heads.take(pa.array(first)), tails.take(pa.array(second)), "")
    text = pc.if_else(pc.equal(pc.utf8_trim_whitespace(text), ""), "早", text)
    when = int(FIRST.timestamp()) * 1_000_000 + (word[3] >> np.uint64(8)) % np.uint64(MONTHS * 30 * DAY)
    kind = np.array([0] * 80 + [1] * 8 + [2] * 6 + [3] * 5 + [4])[(word[2] >> np.uint64(40)).astype(np.int64) % 100]
    gathered = FIRST + timedelta(days=30 * MONTHS + start // FILE_ROWS % 28)
    likes = (100 * share[2] ** 4).astype(np.int64)
    return pa.table({
        "platform": pa.array(np.array(PLATFORMS)[np.searchsorted([0.8, 0.95, 1], _mixed(author.astype(np.uint64)) / 2.0**64)]),
        "post_id": pc.binary_join_element_wise("M", pa.array(_mixed(post.astype(np.uint64))).cast(pa.string()), ""),
        "author_id": pa.array((10**9 + author * 7919).astype(str), mask=share[3] < 0.03), "text": text,
        "posted_at": pa.array(when.astype(np.int64), mask=share[3] > 0.98).cast(pa.timestamp("us", tz="UTC")),
        "kind": pa.array(KINDS).take(pa.array(kind)), "likes": pa.array(likes, mask=share[2] > 0.9),
        "comments": pa.array(likes // 5), "reposts": pa.array(likes // 9), "followers": pa.array(likes * 37 + author),
        "app": pa.array(["手机", "网页", "平板"]).take(pa.array(author % 3)),
        "gathered_at": pa.array([gathered] * size, pa.timestamp("us", tz="UTC")),
    })  # fmt: skip


def _mixed(values: np.ndarray[Any, np.dtype[np.uint64]]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Every bit of 64 hangs on every other (the finaliser of MurmurHash3)."""
    for shift, factor in ((33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53)):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(33))


class Peak:
    """The largest resident set of this process since `reset`: VmHWM, which the system keeps."""

    def reset(self) -> None:
        """Begin anew."""
        with suppress(OSError):  # not Linux: the peak of the whole life then
            Path("/proc/self/clear_refs").write_text("5")

    def mb(self) -> float:
        """Megabytes."""
        try:
            line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
            return int(line.split()[1]) / 1024
        except (OSError, StopIteration):
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_path(exports: Path, lake: Path, stand_ins: bool, workers: int) -> dict[str, dict[str, float]]:
    """Seconds, processor seconds and peak megabytes of each stage."""
    from pipeline.run import writing
    from pipeline.settings import Settings
    from pipeline.stages import STAGES

    home = {"models": str(ROOT / "models"), "corpora": str(ROOT / "corpora")}
    settings = Settings(lake=str(lake), inputs=(str(exports),), workers=workers, **home)
    steps: dict[str, Callable[[Any], Any]] = {stage.__name__: stage for group in STAGES.values() for stage in group}
    if stand_ins:
        from tests.bench.stand_ins import stand_in

        steps = stand_in(steps)
    found: dict[str, dict[str, float]] = {}
    with timed(found, "whole"):
        with writing(settings) as run:
            with timed(found, "set-up"):
                _ = run.reader, run.models, run.judge
            for name, stage in steps.items():
                with timed(found, name):
                    stage(run)
            leaving = timed(found, "commit")
            leaving.__enter__()
        leaving.__exit__(None, None, None)
    found["whole"]["peak_mb"] = max(stage["peak_mb"] for stage in found.values())
    return found


@contextmanager
def timed(found: dict[str, dict[str, float]], name: str) -> Iterator[None]:
    """Writes what the block took to `found`, and to the terminal."""
    peak = Peak()
    peak.reset()
    begun, used = time.perf_counter(), time.process_time()
    yield
    figures = {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - used, "peak_mb": peak.mb()}
    found[name] = {key: round(value, 2) for key, value in figures.items()}
    print(
        f"  {name:10} {figures['seconds']:9.2f} s {figures['cpu']:9.2f} s of processors {figures['peak_mb']:7.0f} MB",
        file=sys.stderr,
    )


def measure(n: int, stand_ins: bool, workers: int, keep: str | None) -> dict[str, Any]:
    """One size, in this process; its posts are made in another, whose memory is no part of it."""
    with tempfile.TemporaryDirectory(dir=keep) as folder:
        exports, lake = Path(folder) / "exports", Path(folder) / "lake"
        exports.mkdir()
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            kind = pool.submit(write_exports, exports, n).result()
        stages = run_path(exports, lake, stand_ins, workers)
        sizes = [path.stat().st_size for path in lake.rglob("*.parquet")]
    return {"posts": n, "texts": kind, "stages": stages, "files": len(sizes), "mb": round(sum(sizes) / 2**20)}


def exponents(runs: list[dict[str, Any]]) -> dict[str, float]:
    """For each stage the slope of log(seconds) over log(posts), by least squares; 1 is linear."""
    logs = np.log([run["posts"] for run in runs])
    names = runs[0]["stages"]
    return {
        name: round(
            float(np.polyfit(logs, np.log([max(run["stages"][name]["seconds"], 1e-3) for run in runs]), 1)[0]), 3
        )
        for name in names
    }


def main() -> None:
    """Measure each size in a process of its own; print; write down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("posts", type=int, nargs="+")
    parser.add_argument("--stand-ins", action="store_true", help="no text work: hashes in its place")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--folder", help="where the lakes are made; default: the system's temporary folder")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        print(json.dumps(measure(asked.posts[0], asked.stand_ins, asked.workers, asked.folder)))
        return
    runs = []
    for n in asked.posts:
        print(f"{n:,} posts", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "tests.bench.growth", str(n), "--here", "--workers", str(asked.workers)]
        command += ["--stand-ins"] * asked.stand_ins + (["--folder", asked.folder] if asked.folder else [])
        runs.append(json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout))
    result = {"runs": runs, "exponents": exponents(runs) if len(runs) > 1 else {}, "stand_ins": asked.stand_ins}
    show(result)
    if asked.out:
        asked.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def show(result: dict[str, Any]) -> None:
    """A line per stage: posts a second and peak megabytes for each size, and the exponent."""
    print(" " * 10 + "".join(f"{run['posts']:>22,}" for run in result["runs"]) + "  exponent")
    for name in result["runs"][0]["stages"]:
        cells = [
            f"{run['posts'] / max(run['stages'][name]['seconds'], 1e-3):>12,.0f}/s {run['stages'][name]['peak_mb']:>5.0f} MB"
            for run in result["runs"]
        ]
        print(f"{name:10}" + "".join(cells) + f"{result['exponents'].get(name, float('nan')):>10}")


if __name__ == "__main__":
    main()
