"""Segmentation alone, against jieba.lcut in the same run, and a proof over every text at hand that the tokens are the same.

    python -m tests.bench.segment               posts a second, rounds in turn; written to results/segment.json
    python -m tests.bench.segment --identity    how many texts were compared and how many differ (exit 1 where any does)
    python -m tests.bench.segment --identity --words corpora/lexicon/words.txt      the same with a user dictionary on both sides

Short posts (at most 125 characters, some 61 on average): real ones where ../shared stands beside the repository, else those of
corpora/posts again and again. One core is one thread's own processor time, so that other work on the machine counts less; two
threads are seconds on the wall.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline.text.codepoints import from_arrow
from pipeline.text.segment import Segmenter, segment_ids, segment_texts
from tests.bench import machine
from tests.bench.measure import ROOT, Outcome, interleaved, rates, ratios, rounded, spread

DATASETS = ROOT.parent / "shared" / "datasets"
SHORT = [("weibo_covid_579k/posts.parquet", "text"), ("weibo_timelines_2018/posts.parquet", "content")]
COLUMNS = {"text", "content", "review", "title"}
POSTS, LONGEST, SEED = 40_000, 125, 7
OF_JIEBA = 2_000  # posts a round for jieba: a fifth of a second or more
CHUNK = 2_000  # texts compared at a time


def texts_at_hand() -> Iterator[str]:
    """Every text of the data sets, or of the own corpus where they are absent, as they stand and segmented ones joined."""
    for path in sorted(DATASETS.rglob("*.parquet")):
        for name in COLUMNS & set(pq.read_schema(path).names):
            yield from pq.read_table(path, columns=[name])[name].drop_null().to_pylist()
    for path in [*sorted(DATASETS.rglob("*.csv")), *sorted((ROOT / "corpora" / "posts").glob("*.csv"))]:
        yield from pa_csv.read_csv(path, parse_options=pa_csv.ParseOptions(newlines_in_values=True))["text"].to_pylist()
    for path in sorted(DATASETS.rglob("*.txt")):
        for line in path.read_text("utf-8").splitlines():
            yield from (line, line.replace(" ", ""))


def short_posts() -> tuple[str, pa.Array]:
    """POSTS short posts in a seeded order, and what kind they are."""
    if all((DATASETS / name).exists() for name, _ in SHORT):
        kind, chunks = "real posts", [pq.read_table(DATASETS / n, columns=[c])[c].combine_chunks() for n, c in SHORT]
        found = pa.concat_arrays([chunk.cast(pa.string()) for chunk in chunks])
    else:
        kind, found = "own posts", pa.array(list(texts_at_hand()), pa.string())
    found = found.filter(pc.less_equal(pc.utf8_length(found), LONGEST))
    order = np.random.default_rng(SEED).permutation(max(POSTS, len(found)))[:POSTS] % len(found)
    return kind, found.take(pa.array(order))


def jieba_over(words: Path | None) -> Any:
    """A tokenizer of jieba's own."""
    import jieba

    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    if words is not None:
        tokenizer.load_userdict(str(words))
    return tokenizer


def contenders(texts: pa.Array) -> dict[str, Callable[[], Outcome]]:
    """What is measured, each over all posts but jieba, which takes another part of them every round."""
    strings, segmenter, jieba = texts.to_pylist(), Segmenter(), jieba_over(None)
    batch, halves = from_arrow(texts), [texts[: POSTS // 2], texts[POSTS // 2 :]]
    tokens = segmenter.cut(batch)
    pool = ThreadPoolExecutor(2)
    parts = iter(range(0, 10**9, OF_JIEBA))

    def by_jieba() -> None:
        begin = next(parts) % POSTS
        for text in strings[begin : begin + OF_JIEBA]:
            jieba.lcut(text)

    work: dict[str, tuple[Callable[[], object], int, Callable[[], float]]] = {
        "jieba.lcut": (by_jieba, OF_JIEBA, time.thread_time),
        "segment_ids": (lambda: segment_ids(texts), POSTS, time.thread_time),
        "segment_texts": (lambda: segment_texts(strings), POSTS, time.thread_time),
        "Segmenter.cut": (lambda: segmenter.cut(batch), POSTS, time.thread_time),
        "Segmenter.tokens": (lambda: segmenter.tokens(texts), POSTS, time.thread_time),
        "Tokens.to_arrow": (lambda: tokens.to_arrow(batch), POSTS, time.thread_time),
        "jieba.lcut, wall": (by_jieba, OF_JIEBA, time.perf_counter),
        "segment_ids, wall": (lambda: segment_ids(texts), POSTS, time.perf_counter),
        "segment_ids, two threads, wall": (lambda: list(pool.map(segment_ids, halves)), POSTS, time.perf_counter),
    }
    return {name: lambda parts=parts: timed(*parts) for name, parts in work.items()}


def timed(work: Callable[[], object], posts: int, clock: Callable[[], float]) -> Outcome:
    """Seconds of one run by `clock`."""
    begin = clock()
    work()
    return {"posts": posts, "seconds": clock() - begin}


def speed(rounds: int) -> None:
    """Measure, print, and write down."""
    kind, texts = short_posts()
    runs = contenders(texts)
    for run in runs.values():
        run()
    found = {name: rates(outcomes) for name, outcomes in interleaved(runs, rounds).items()}
    beside = {name: found["jieba.lcut, wall" if "wall" in name else "jieba.lcut"] for name in found}
    about = {"posts": kind, "number": len(texts), "mean_characters": pc.mean(pc.utf8_length(texts)).as_py()}
    result = {name: {"rate": spread(r), "ratio": ratios(r, beside[name])} for name, r in found.items()}
    print(
        f"{len(texts):,} {kind}, {about['mean_characters']:.0f} characters on average; {rounds} rounds in turn, medians"
    )
    for name, figures in result.items():
        rate, ratio = figures["rate"], figures["ratio"]
        print(
            f"  {name:32} {rate['median']:10,.0f} posts/s   {ratio['median']:6.1f} times jieba "
            f"({ratio['min']:.1f} to {ratio['max']:.1f})"
        )
    facts = {"measured": date.today().isoformat(), "machine": machine.facts(), **about, "rounds": rounds}
    path = Path(__file__).parent / "results" / "segment.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(rounded({**facts, "results": result}), ensure_ascii=False, indent=1) + "\n", "utf-8")


_sides: tuple[Any, Segmenter]


def _open(words: Path | None) -> None:
    global _sides
    _sides = jieba_over(words), Segmenter(words)


def differing(texts: list[str]) -> list[str]:
    """Those whose tokens are not jieba's, as lists of strings or as an Arrow array."""
    jieba, ours = _sides
    lists, arrow = ours.texts(texts), ours.tokens(pa.array(texts, pa.string())).to_pylist()
    want = [jieba.lcut(text) for text in texts]
    return [t for t, a, b, c in zip(texts, want, lists, arrow, strict=True) if not a == b == c]


def identity(words: Path | None) -> bool:
    """Compare every distinct text at hand in two processes; whether none differs."""
    texts = list(dict.fromkeys(texts_at_hand()))
    chunks = [texts[i : i + CHUNK] for i in range(0, len(texts), CHUNK)]
    different: list[str] = []
    with ProcessPoolExecutor(2, get_context("spawn"), _open, (words,)) as pool:
        for i, found in enumerate(pool.map(differing, chunks)):
            different += found
            if i % 50 == 0:
                print(f"{i * CHUNK:,} of {len(texts):,}", flush=True)
    print(f"{len(texts):,} texts compared, {sum(map(len, texts)):,} characters; {len(different)} different")
    for text in different[:20]:
        print(f"  {text[:200]!r}")
    return not different


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.segment", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--identity", action="store_true", help="compare tokens with jieba's instead of measuring")
    parser.add_argument("--words", type=Path, help="a user dictionary for --identity")
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args(arguments)
    if given.identity:
        return 0 if identity(given.words) else 1
    speed(given.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
