"""Cues, marks of form and contacts, against the same expressions in `re`, and a proof over every text at hand of the same matches.

    python -m tests.bench.patterns               microseconds a post, rounds in turn; written to results/patterns.json
    python -m tests.bench.patterns --identity    how many texts were compared and how many differ (exit 1 where any does)

The posts are those of tests.bench.segment: short ones, some 61 characters on average. One core is one thread's own
processor time, so that other work on the machine counts less; two threads are seconds on the wall.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import date
from itertools import cycle, pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.text import contacts
from pipeline.text.codepoints import Ints, TextBatch, from_arrow, from_list
from pipeline.text.cues import Lexicon, count_form, find_cues, load_lexicon, read_cues
from pipeline.text.normalise import normalise
from pipeline.text.patterns import Patterns
from tests.bench import machine
from tests.bench.measure import ROOT, Outcome, interleaved, rates, ratios, rounded, spread
from tests.bench.segment import short_posts, texts_at_hand

BATCH = 4_000  # posts a batch, as Settings.batch_rows
OF_RE = 1_000  # posts a round for `re`: about a second
CHUNK = 1_000  # texts compared at a time
COSTLY, REPEATS = 10, 30  # expressions named as the most costly; measurements of each, of which the least counts
GOAL = 3.0  # microseconds a short post for all of them together


def by_re(batch: TextBatch, machine_: Patterns) -> Ints:
    """What the machine must find: spans, expression, span of group 1."""
    starts, joined = batch.starts.tolist(), batch.joined
    found = [
        (*match.span(), i, *(match.span(1) if machine_.made_from.group and expression.groups else (-1, -1)))
        for i, expression in enumerate(machine_.compiled)
        for begin, end in pairwise(starts)
        for match in expression.finditer(joined, begin, end)
    ]
    return np.array(found, np.int64).reshape(-1, 5)


def by_machine(batch: TextBatch, machine_: Patterns) -> Ints:
    """What it does find."""
    found = machine_.find(batch)
    return np.stack([found.starts, found.ends, found.number, found.group_starts, found.group_ends], axis=1)


def lexicon() -> Lexicon:
    """That of the project."""
    return load_lexicon(ROOT / "corpora" / "lexicon")


def parts_of(batch: TextBatch, size: int) -> list[TextBatch]:
    """The batch in parts of `size` texts."""
    return [batch.take(np.arange(i, min(i + size, len(batch)))) for i in range(0, len(batch), size)]


def timed(work: Callable[[], object], posts: int, clock: Callable[[], float] = time.thread_time) -> Outcome:
    """Posts, and the seconds that one run took by `clock`."""
    begin = clock()
    work()
    return {"posts": posts, "seconds": clock() - begin}


def contenders(texts: pa.Array) -> dict[str, tuple[str, Callable[[], Outcome]]]:
    """What is measured, and which of them it stands beside: ours over all posts, `re` over another part every round."""
    words, pool = lexicon(), ThreadPoolExecutor(2)
    folded = [normalise(part) for part in parts_of(from_arrow(texts), BATCH)]
    batches = [part.batch for part in folded]
    samples = cycle(parts_of(batches[0], OF_RE))
    cues = Patterns([(cue.name, cue.expression) for cue in words.cues])
    marks = Patterns([(name, text) for name, text, _ in words.machine.made_from.sources[len(cues) :]])

    def counts(batch: TextBatch) -> object:
        return read_cues(batch, words, places=False)

    def of_re(machine_: Patterns) -> Callable[[], Outcome]:
        return lambda: timed(lambda: by_re(next(samples), machine_), OF_RE)

    def ours(work: Callable[[Any], object], parts: list[Any]) -> Callable[[], Outcome]:
        return lambda: timed(lambda: [work(part) for part in parts], len(texts))

    return {
        "cues, by re": ("cues, by re", of_re(cues)),
        "marks, by re": ("marks, by re", of_re(marks)),
        "contacts, by re": ("contacts, by re", of_re(contacts.machine())),
        "find_cues": ("cues, by re", ours(lambda batch: find_cues(batch, words), batches)),
        "read_cues: counts and form": ("cues, by re", ours(counts, batches)),
        "read_cues: places, counts, form": ("cues, by re", ours(lambda batch: read_cues(batch, words), batches)),
        "count_form": ("marks, by re", ours(count_form, batches)),
        "contacts.find": ("contacts, by re", ours(contacts.find, folded)),
        "read_cues, two threads, wall": (
            "cues, by re", lambda: timed(lambda: list(pool.map(counts, batches)), len(texts), time.perf_counter),
        ),
    }  # fmt: skip


def costly(batch: TextBatch, words: Lexicon) -> list[tuple[str, float]]:
    """The expressions that cost most: microseconds a post that a pass for all others takes less."""
    names = [name for name, *_ in words.machine.made_from.sources]
    every = list(range(len(names)))
    choices = [every, *(every[:i] + every[i + 1 :] for i in every)]
    least = [float("inf")] * len(choices)
    for _ in range(REPEATS):
        for i, wanted in enumerate(choices):
            least[i] = min(least[i], timed(lambda: words.machine.find(batch, wanted), len(batch))["seconds"])  # noqa: B023 - called at once
    found = [(name, (least[0] - without) / len(batch) * 1e6) for name, without in zip(names, least[1:], strict=True)]
    return sorted(found, key=lambda row: -row[1])[:COSTLY]


def speed(rounds: int) -> None:
    """Measure, print, and write down."""
    kind, texts = short_posts()
    runs = contenders(texts)
    for _, run in runs.values():
        run()
    found = {name: rates(o) for name, o in interleaved({n: run for n, (_, run) in runs.items()}, rounds).items()}
    result = {
        name: {
            "microseconds": spread([1e6 / rate for rate in found[name]]),
            "ratio": ratios(found[name], found[beside]),
        }
        for name, (beside, _) in runs.items()
    }
    about = {"posts": kind, "number": len(texts), "mean_characters": pc.mean(pc.utf8_length(texts)).as_py()}
    print(
        f"{len(texts):,} {kind}, {about['mean_characters']:.0f} characters on average; {rounds} rounds in turn, medians"
    )
    for name, figures in result.items():
        took, ratio = figures["microseconds"], figures["ratio"]
        print(f"  {name:34} {took['median']:9.2f} us a post ({took['min']:.2f} to {took['max']:.2f})"
              f"   {ratio['median']:7.1f} times {runs[name][0]}")  # fmt: skip
    most = costly(normalise(from_arrow(texts.slice(0, 1_000))).batch, lexicon())
    print("the most costly: " + ", ".join(f"{name} {took:.3f}" for name, took in most))
    together = sum(result[name]["microseconds"]["median"] for name in ("read_cues: counts and form", "contacts.find"))
    goal = {"figure": f"cues, marks and contacts, microseconds a post of {about['mean_characters']:.0f} characters",
            "goal": GOAL, "unit": "µs", "got": together}  # fmt: skip
    facts = {"measured": date.today().isoformat(), "machine": machine.facts(), **about, "rounds": rounds}
    write({**facts, "results": result, "costly": dict(most), "goals": [goal]})


def write(result: dict[str, Any]) -> None:
    """The result as results/patterns.json."""
    path = Path(__file__).parent / "results" / "patterns.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(rounded(result), ensure_ascii=False, indent=1) + "\n", "utf-8")


_machines: list[Patterns]


def _open() -> None:
    global _machines
    _machines = [lexicon().machine, contacts.machine()]


def differing(texts: list[str]) -> tuple[int, list[str]]:
    """Matches of all expressions by `re` in the folded texts, and the texts in which the machine's differ."""
    batch = normalise(from_list(texts)).batch
    matches, rows = 0, set()
    for machine_ in _machines:
        want, got = by_re(batch, machine_), by_machine(batch, machine_)
        matches += len(want)
        if not np.array_equal(want, got):
            odd = {tuple(row) for row in want.tolist()} ^ {tuple(row) for row in got.tolist()}
            rows |= set(batch.row_of(np.array([row[0] for row in odd] or [0], np.int64)).tolist())
    return matches, [texts[row] for row in sorted(rows)]


def chunks_of(texts: list[str], every: int) -> Iterator[list[str]]:
    """Each `every`-th chunk."""
    yield from (texts[i : i + CHUNK] for i in range(0, len(texts), CHUNK * every))


def identity(every: int, processes: int) -> bool:
    """Compare every distinct text at hand; whether none differs."""
    texts = list(dict.fromkeys(texts_at_hand()))
    compared = matches = 0
    different: list[str] = []
    with ProcessPoolExecutor(processes, get_context("spawn"), _open) as pool:
        chunks = list(chunks_of(texts, every))
        for i, (n, found) in enumerate(pool.map(differing, chunks)):
            compared, matches, different = compared + len(chunks[i]), matches + n, different + found
            if i % 20 == 0:
                print(f"{compared:,} of {sum(map(len, chunks)):,}", flush=True)
    n = sum(len(machine_) for machine_ in (lexicon().machine, contacts.machine()))
    print(f"{compared:,} texts compared by {n} expressions, {matches:,} matches; {len(different)} texts different")
    for text in different[:20]:
        print(f"  {re.sub(chr(10), ' ', text[:200])!r}")
    return not different


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.patterns", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--identity", action="store_true", help="compare matches with those of re instead of measuring")
    parser.add_argument("--every", type=int, default=1, help="compare each so-many-th thousand of texts only")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args(arguments)
    if given.identity:
        return 0 if identity(given.every, given.processes) else 1
    speed(given.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
