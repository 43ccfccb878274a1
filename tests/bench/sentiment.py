"""Sentiment alone, on posts that are read already (folded, cut into words, cues found), against SnowNLP in the same run.

    python -m tests.bench.sentiment             posts a second, rounds in turn; written to results/sentiment.json

Ours is what the text step does for it: n-grams and words of the post looked up, the linear model's three classes, SnowNLP's table
over the words. `snownlp_exact`, from texts, gives `SnowNLP(text).sentiments` itself: every round compares the numbers. Real
posts where ../shared stands beside the repository, else the project's own. One core is one thread's own processor time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.api import Scorer
from pipeline.text.linear import Scoring, softmax
from pipeline.text.reading import Reading
from pipeline.text.snownlp_exact import snownlp_exact
from pipeline.text.snownlp_table import snow_table, summed
from tests.bench import machine, posts
from tests.bench.measure import Outcome, interleaved, rates, ratios, rounded, spread
from tests.bench.ours import CORPORA, MODELS
from tests.bench.segment import timed

POSTS, BATCH = 40_000, 4_000
OF_SNOWNLP = 200  # posts a round: some two seconds
SNOWNLP, OURS, EXACT = "SnowNLP(text).sentiments", "model and table, of posts read", "snownlp_exact, of texts"


class Sentiment:
    """What xinren knows of feelings, over readings."""

    def __init__(self) -> None:
        models = Scorer(MODELS, CORPORA).models
        table = snow_table()
        self.reader, self.prior = models.reader, table.prior
        self.scoring = Scoring([models.sentiment], table.words)
        self.odds = np.full(len(self.scoring.vocabulary) + 1, table.odds[-1])
        self.odds[self.scoring.words] = table.odds[:-1]

    def score(self, reading: Reading) -> tuple[Any, Any]:
        """Probabilities of the classes, and the table's number."""
        counts = self.scoring.counts(reading)
        [logits] = self.scoring.logits(self.reader, reading, counts)
        return softmax(logits), summed(counts.token_entries, reading.tokens.offsets, self.odds, self.prior)


def contenders(texts: pa.Array) -> dict[str, Callable[[], Outcome]]:
    """What is measured: ours over all posts, SnowNLP over another part of them every round."""
    ours, strings = Sentiment(), texts.to_pylist()
    readings = [ours.reader.read(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)]
    pool, parts = ThreadPoolExecutor(2), iter(range(0, 10**9, OF_SNOWNLP))

    def by_snownlp() -> None:
        from snownlp import SnowNLP

        begin = next(parts) % (len(strings) - OF_SNOWNLP + 1)
        theirs = [SnowNLP(text).sentiments for text in strings[begin : begin + OF_SNOWNLP]]
        apart = np.abs(snownlp_exact(texts[begin : begin + OF_SNOWNLP]) - theirs).max()
        if apart > 1e-12:
            raise ValueError(
                f"snownlp_exact: {apart} from the library among posts {begin} and on; expected 1e-12 at most"
            )

    n = len(texts)
    work: dict[str, tuple[Callable[[], object], int, Callable[[], float]]] = {
        SNOWNLP: (by_snownlp, OF_SNOWNLP, time.thread_time),
        OURS: (lambda: list(map(ours.score, readings)), n, time.thread_time),
        EXACT: (lambda: snownlp_exact(texts), n, time.thread_time),
        f"{SNOWNLP}, wall": (by_snownlp, OF_SNOWNLP, time.perf_counter),
        f"{OURS}, two threads, wall": (lambda: list(pool.map(ours.score, readings)), n, time.perf_counter),
    }
    return {name: lambda parts=parts: timed(*parts) for name, parts in work.items()}


def result_of(outcomes: dict[str, list[Outcome]]) -> dict[str, Any]:
    """Posts a second and times SnowNLP of each contender, round by round; wall against wall."""
    found = {name: rates(some) for name, some in outcomes.items()}
    beside = {name: found[f"{SNOWNLP}, wall" if "wall" in name else SNOWNLP] for name in found}
    return {name: {"rate": spread(r), "ratio": ratios(r, beside[name])} for name, r in found.items()}


def main(arguments: list[str]) -> int:
    """Measure, print, and write down."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sentiment", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--posts", type=int, default=POSTS)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "sentiment.json")
    given = parser.parse_args(arguments)
    at_hand = posts.load(given.posts)
    texts = at_hand.table["text"].slice(0, given.posts).combine_chunks()
    texts = texts.filter(pc.greater(pc.utf8_length(texts), 0))  # SnowNLP raises ZeroDivisionError for an empty one
    runs = contenders(texts)
    for run in runs.values():
        run()
    result = result_of(interleaved(runs, given.rounds))
    facts = {
        "measured": date.today().isoformat(),
        "machine": machine.facts(),
        "posts": at_hand.kind,
        "number": len(texts),
    }
    about = {"mean_characters": pc.mean(pc.utf8_length(texts)).as_py(), "rounds": given.rounds}
    for name, figures in result.items():
        print(
            f"  {name:50} {figures['rate']['median']:10,.0f} posts/s   {figures['ratio']['median']:8,.1f} times SnowNLP"
        )
    given.out.parent.mkdir(exist_ok=True)
    text = json.dumps(rounded({**facts, **about, "results": result}), ensure_ascii=False, indent=1)
    given.out.write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
