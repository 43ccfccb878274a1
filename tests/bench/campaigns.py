"""Near duplicates: what is found of what there is, planted floods, speed beside datasketch, growth from 1 to 10 million.

    python -m tests.bench.campaigns                          recall, floods and speed: some minutes
    python -m tests.bench.campaigns growth 1000000 10000000  the stage over lakes of so many posts
    python -m tests.bench.campaigns speed                    one of recall, floods, speed, growth

Needs the real posts of ../shared, but for growth. Figures go to results/campaigns.json, each part beside the others there.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.steps.campaign_texts import Found, Shelf, Wordings
from pipeline.text.codepoints import TextBatch, from_arrow
from pipeline.text.contacts import redact
from pipeline.text.folding import fold, fold_batch
from pipeline.text.normalise import normalise_texts
from pipeline.text.sketch import grams, sketch_batch
from tests.bench import machine
from tests.bench.floods import EDITS, plant
from tests.bench.measure import ROOT, alone, interleaved, module, rounded, spread

SHARED = ROOT.parent / "shared" / "datasets"
RESULTS = Path(__file__).parent / "results" / "campaigns.json"
COLUMNS = {
    "weibo_authors": "content",
    "weibo_2014": "content",
    "weibo_timelines_2018": "content",
    "weibo_covid_579k": "text",
}
LEAST, SEED = 0.7, 20_261_107
WARM = 2_000  # posts of a first run that counts for nothing: it compiles the kernels
ID_KEY = "a key for benchmarks, no secret"
Ints = NDArray[np.int64]
Pairs = tuple[Ints, Ints, NDArray[np.float64]]


@cache
def real(*names: str) -> pa.Array:
    """The texts of some data sets, as they are."""
    tables = [pq.read_table(SHARED / name / "posts.parquet", columns=[COLUMNS[name]])[COLUMNS[name]] for name in names]
    return pc.fill_null(pa.chunked_array([c.cast(pa.string()) for t in tables for c in t.chunks]).combine_chunks(), "")


def normalised(texts: pa.Array) -> pa.Array:
    """As posts.text_normalised holds them."""
    parts = [normalise_texts(redact(texts.slice(start, 20_000))[0]) for start in range(0, len(texts), 20_000)]
    return pa.concat_arrays([pa.nulls(0, pa.string()), *parts])


def found_in(texts: pa.Array, at: Ints) -> Found:
    """The campaigns of normalised texts posted `at` such times, each by another author."""
    n = len(texts)
    order = np.argsort(at, kind="stable")
    same = {"platform": "weibo", "kind": "post", "is_repost": False, "is_auto_share": False, "text_label": None}
    rows = pa.table({
        "text_normalised": texts.take(pa.array(order)), "author_id": pa.array(order).cast(pa.string()),
        "posted_at": pa.array(at[order]).cast(pa.timestamp("us", tz="UTC")), "place": pa.array(order),
        "first_seen_at": pa.array(np.zeros(n, np.int64)).cast(pa.timestamp("us", tz="UTC")),
        **{name: pa.array([value] * n, pa.string() if value is None else None) for name, value in same.items()},
    })  # fmt: skip
    wordings = Wordings(Shelf(), threads=2)
    wordings.add([(rows, np.arange(n))])
    return wordings.find()


def campaign_of(found: Found, n: int) -> Ints:
    """The campaign of each of n posts by their places, -1 for none."""
    campaign = np.full(n, -1)
    campaign[found.place] = found.facts.campaign
    return campaign


def alike(folded: TextBatch) -> Pairs:
    """All pairs of folded texts (later, earlier) with a Jaccard similarity of LEAST or more, by counting what they share."""
    from scipy.sparse import csr_matrix

    found, counts = grams(folded)
    _, columns = np.unique(found, return_inverse=True)
    n = len(folded)
    has = csr_matrix(
        (np.ones(len(columns), np.int32), columns, np.concatenate(([0], np.cumsum(counts)))), (n, columns.max() + 1)
    )
    parts = []
    for start in range(0, n, 500):
        shared = (has[start : start + 500] @ has[: start + 500].T).tocoo()
        later, earlier = shared.row + start, shared.col
        similarity = shared.data / (counts[later] + counts[earlier] - shared.data)
        kept = (later > earlier) & (similarity >= LEAST)
        parts.append((later[kept], earlier[kept], similarity[kept]))
    later, earlier, similarity = (np.concatenate(column) for column in zip(*parts, strict=True))
    return later, earlier, similarity


def recall(n: int = 20_000) -> dict[str, Any]:
    """Against brute force on `n` real posts drawn from four sets."""
    every = real(*COLUMNS)
    rows = np.sort(np.random.default_rng(SEED).choice(len(every), n, replace=False))
    texts = normalised(every.take(pa.array(rows)))
    folded = fold_batch(from_arrow(texts))
    sketch = sketch_batch(folded)
    later, earlier, similarity = (column for column in alike(folded))
    long = sketch.long[later] & sketch.long[earlier]
    later, earlier, similarity = later[long], earlier[long], similarity[long]
    distinct = sketch.hashes[later] != sketch.hashes[earlier]
    shared = (sketch.keys[later] == sketch.keys[earlier]).any(axis=1)
    barely = distinct & (similarity < 0.72)
    found = found_in(texts, np.arange(n))
    campaign = campaign_of(found, n)
    nearest = np.zeros(n)
    np.maximum.at(nearest, later, np.where(campaign[later] == campaign[earlier], similarity, 0))
    linked = np.flatnonzero(campaign >= 0)
    linked = linked[~np.isin(linked, found.place[found.facts.heads])]
    return {
        "posts": n, "pairs": len(later), "pairs_of_different_texts": int(distinct.sum()),
        "recall": float(shared.mean()), "recall_of_different_texts": float(shared[distinct].mean()),
        "recall_at_0.70_to_0.72": float(shared[barely].mean()), "pairs_at_0.70_to_0.72": int(barely.sum()),
        "posts_linked": len(linked), "precision_of_links": float((nearest[linked] >= LEAST).mean()),
        "posts_with_an_earlier_copy": len(np.unique(later)),
        "of_them_in_a_campaign": float((campaign[np.unique(later)] >= 0).mean()),
    }  # fmt: skip


def floods(n: int = 200_000, n_floods: int = 400) -> dict[str, Any]:
    """Planted among `n` real posts: how many of the copies stand in their flood's campaign, and who else does."""
    every = real("weibo_timelines_2018", "weibo_covid_579k", "weibo_authors")
    dice = np.random.default_rng(SEED)
    around = normalised(every.take(pa.array(dice.choice(len(every), n, replace=False))))
    seeds = _seeds(around, dice)[:n_floods]
    return {
        "posts": n,
        "floods": len(seeds),
        "edited": _planted(around, seeds, False),
        "camouflaged": _planted(around, seeds, True),
    }


def _seeds(around: pa.Array, dice: np.random.Generator) -> list[str]:
    """Posts of 2014 with 24 folded letters or more that are like none of the others, in an order drawn by lot."""
    texts = real("weibo_2014")
    plain = normalised(texts)
    campaign = campaign_of(
        found_in(pa.concat_arrays([plain, around]), np.arange(len(plain) + len(around))), len(plain) + len(around)
    )
    rows = np.flatnonzero((campaign[: len(plain)] < 0) & (pc.utf8_length(fold(plain)).to_numpy() >= 24))
    return texts.take(pa.array(dice.permutation(rows))).to_pylist()


def _planted(around: pa.Array, seeds: list[str], camouflage: bool) -> dict[str, Any]:
    n, dice = len(around), np.random.default_rng([SEED, camouflage])
    copies = plant(seeds, random.Random(SEED + camouflage), camouflage=camouflage)
    texts = pa.concat_arrays([around, normalised(pa.array([copy.text for copy in copies], pa.string()))])
    at = np.concatenate([np.arange(n) * 1000, dice.integers(0, n * 1000, len(copies))])
    begun = time.perf_counter()
    campaign = campaign_of(found_in(texts, at), len(texts))
    seconds = time.perf_counter() - begun
    flood, edit = np.array([copy.flood for copy in copies]), np.array([copy.edit for copy in copies])
    mine, hit, main = campaign[n:], np.zeros(len(copies), bool), set()
    for number in range(len(seeds)):
        rows = np.flatnonzero(flood == number)
        largest = Counter(mine[rows][mine[rows] >= 0].tolist()).most_common(1)
        if largest:
            hit[rows] = mine[rows] == largest[0][0]
            main.add(largest[0][0])
    length = np.array([len(seed) for seed in seeds])[flood]
    return {
        "copies": len(copies), "found": float(hit.mean()), "others_pulled_in": float(np.isin(campaign[:n], list(main)).mean()),
        "found_by_edit": {name: float(hit[edit == name].mean()) for name in EDITS},
        "found_by_characters": {
            f"{low}-{high}": float(hit[(length >= low) & (length < high)].mean())
            for low, high in ((24, 40), (40, 60), (60, 100), (100, 2000))
        },
        "posts_a_second": len(texts) / seconds,
    }  # fmt: skip


def speed(n: int = 200_000, sample: int = 4_000, rounds: int = 5) -> dict[str, Any]:
    """Sketch and join of real posts in rounds: ours over `n` of them, datasketch over `sample` of the same."""
    from tests.bench.peers import duplicates

    every = real("weibo_covid_579k")
    texts = normalised(every.take(pa.array(np.random.default_rng(SEED).choice(len(every), n, replace=False))))
    few = texts.slice(0, sample).to_pylist()

    def timed(work: Callable[[], object], posts: int) -> Callable[[], dict[str, float]]:
        def once() -> dict[str, float]:
            begun = time.perf_counter()
            work()
            return {"rate": posts / (time.perf_counter() - begun)}

        return once

    def sketch_only() -> None:
        for start in range(0, n, 20_000):
            sketch_batch(fold_batch(from_arrow(texts.slice(start, 20_000))))

    contenders = {
        "ours, sketch and join, two threads": timed(lambda: found_in(texts, np.arange(n)), n),
        "ours, fold and sketch, one thread": timed(sketch_only, n),
        "datasketch": timed(lambda: duplicates(few), sample),
        "datasketch, bulk": timed(lambda: duplicates(few, bulk=True), sample),
    }
    for once in contenders.values():
        once()  # compile, warm up
    rates = {name: [o["rate"] for o in outcomes] for name, outcomes in interleaved(contenders, rounds).items()}
    ours = rates["ours, sketch and join, two threads"]
    return {
        "posts": n, "sample": sample, "mean_characters": pc.mean(pc.utf8_length(texts)).as_py(),
        "posts_a_second": {name: spread(values) for name, values in rates.items()},
        "ratio": {name: spread([a / b for a, b in zip(ours, rates[name], strict=True)]) for name in ("datasketch", "datasketch, bulk")},
    }  # fmt: skip


def growth(*sizes: int) -> dict[str, Any]:
    """The stage over a lake of each size."""
    outcomes: dict[str, Any] = {}
    for size in (WARM, *(sizes or (1_000_000, 10_000_000))):
        with tempfile.TemporaryDirectory() as folder:
            alone(module("tests.bench.campaign_lake", "fill", folder, size), says=False, XINREN_ID_KEY=ID_KEY)
            outcomes[str(size)] = alone(module("tests.bench.campaign_lake", "run", folder), XINREN_ID_KEY=ID_KEY)
    outcomes.pop(str(WARM))
    measured = [*outcomes.values()]
    first, last = measured[0], measured[-1]
    return {
        "runs": outcomes, "time_of_last_to_first": last["seconds"] / first["seconds"],
        "cpu_of_last_to_first": last["cpu_seconds"] / first["cpu_seconds"],  # where others use the machine
    }  # fmt: skip


PARTS: dict[str, Callable[..., dict[str, Any]]] = {"recall": recall, "floods": floods, "speed": speed, "growth": growth}


def main(arguments: list[str]) -> None:
    """Measure the parts named (all but growth), print, and write down."""
    names = [name for name in arguments if name in PARTS] or [name for name in PARTS if name != "growth"]
    sizes = [int(number) for number in arguments if number.isdigit()]
    told = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for name in names:
        told[name] = rounded(PARTS[name](*sizes) | {"load": os.getloadavg()[0]})
        print(json.dumps({name: told[name]}, indent=1), flush=True)
        told["machine"] = machine.facts()
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
