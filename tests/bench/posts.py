"""The posts that every contender gets: real ones where ../shared stands beside the repository, the project's own otherwise.

Rows stand in a seeded order, so that the first n are a sample of all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tests.bench.measure import ROOT

DATASETS = ROOT.parent / "shared" / "datasets"
REAL = DATASETS / "weibo_covid_579k" / "posts.parquet"
LABELLED = DATASETS / "posts_gold" / "train.csv"
OWN = ROOT / "corpora" / "posts"
OWN_POSTS = 200_000  # made from the own posts' clauses
SEED = 20_261_020
_DAY = 86_400
_CLAUSE = re.compile(r"[^，。！？；,!?;\n]+[，。！？；,!?;\n]*")


@dataclass(frozen=True)
class Posts:
    """`table`: platform, post_id, author_id, text, posted_at. `kind` says where the texts come from."""

    kind: str
    table: pa.Table

    def write(self, path: Path, n: int | None = None) -> Path:
        """The first `n` posts as a Parquet file that both sides read."""
        pq.write_table(self.table.slice(0, n), path, row_group_size=100_000)
        return path

    def facts(self) -> dict[str, Any]:
        """What they are, for the report."""
        texts = self.table["text"]
        return {
            "kind": self.kind,
            "posts": len(texts),
            "mean_characters": pc.mean(pc.utf8_length(texts)).as_py(),
            "distinct_texts": len(pc.unique(texts)),
            "authors": len(pc.unique(self.table["author_id"])),
        }


@cache
def load(n: int | None = None) -> Posts:
    """All posts at hand, or `n` of them."""
    real = REAL.exists()
    table = _real() if real else _own(min(n or OWN_POSTS, OWN_POSTS))
    order = np.random.default_rng(SEED).permutation(len(table))[:n]
    return Posts("real posts" if real else "own posts", table.take(pa.array(order)).combine_chunks())


def labelled(n: int) -> tuple[list[str], list[str]]:
    """Texts and labels that the peers' models are fitted on: `n` gold posts or own posts."""
    paths = [LABELLED] if LABELLED.exists() else sorted(OWN.glob("*.csv"))
    table = pa.concat_tables(_csv(path).select(["text", "label"]) for path in paths)
    chosen = table.take(pa.array(np.random.default_rng(SEED).permutation(len(table))[:n]))
    return chosen["text"].to_pylist(), chosen["label"].to_pylist()


def _real() -> pa.Table:
    """The Weibo posts with their own authors; they have a day only, so that the second of the day is drawn."""
    found = pq.read_table(REAL, columns=["date", "text", "author_id"])
    second = np.random.default_rng(SEED).integers(0, _DAY, len(found))
    midnight = pc.strptime(found["date"], format="%Y-%m-%d", unit="s").to_numpy(zero_copy_only=False).astype("int64")
    return _table(found["author_id"], found["text"], midnight + second)


def _own(n: int) -> pa.Table:
    """`n` posts of clauses drawn from the project's own posts; every tenth repeats an earlier one, 30 posts an author."""
    draw = np.random.default_rng(SEED)
    texts = [text for path in sorted(OWN.glob("*.csv")) for text in _csv(path)["text"].to_pylist()]
    clauses = np.array([clause for text in texts for clause in _CLAUSE.findall(text)], dtype=object)
    lengths = draw.integers(3, 11, n)
    ends = np.cumsum(lengths)
    drawn = clauses[draw.integers(0, len(clauses), int(lengths.sum()))]
    made = ["".join(drawn[end - length : end]) for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)]
    for i in range(10, n, 10):
        made[i] = made[int(draw.integers(0, i))]
    authors = pc.binary_join_element_wise("a", pa.array(draw.integers(0, n // 30 + 1, n)).cast(pa.string()), "")
    return _table(authors, pa.array(made), 1_570_000_000 + draw.integers(0, 50 * _DAY, n))


def _table(authors: pa.Array | pa.ChunkedArray, texts: pa.Array | pa.ChunkedArray, seconds: np.ndarray) -> pa.Table:
    ids = pc.binary_join_element_wise("p", pa.array(np.arange(len(seconds))).cast(pa.string()), "")
    return pa.table({
        "platform": pa.array(["weibo"] * len(ids), pa.string()),
        "post_id": ids,
        "author_id": authors.cast(pa.string()),
        "text": texts.cast(pa.string()),
        "posted_at": pa.array(seconds.astype("datetime64[s]").astype("datetime64[us]"), pa.timestamp("us", "UTC")),
    })  # fmt: skip


def _csv(path: Path) -> pa.Table:
    return pa_csv.read_csv(path, parse_options=pa_csv.ParseOptions(newlines_in_values=True))
