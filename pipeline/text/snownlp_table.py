"""SnowNLP's trained sentiment table as log-odds per word, to be summed over jieba's tokens.

`SnowNLP(text).sentiments` sums the same table over its own segmenter's tokens, so this is another function of the text;
it is given for comparison only.
"""

from __future__ import annotations

import gzip
import marshal
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import expit

from pipeline.errors import PermanentError


@dataclass(frozen=True)
class SnowTable:
    """Log-odds (positive minus negative) of known words, of any unknown word, and before any word."""

    words: pa.Array
    odds: NDArray[np.float64]
    unknown: float
    prior: float
    stop_words: pa.Array


@lru_cache(maxsize=1)
def snow_table() -> SnowTable:
    """The table inside the installed snownlp package (read as data: importing snownlp loads all of its models)."""
    spec = find_spec("snownlp")
    if spec is None or spec.origin is None:
        raise PermanentError("snownlp: not installed; expected snownlp 0.12.3; install xinren with its dependencies")
    home = Path(spec.origin).parent
    with gzip.open(home / "sentiment" / "sentiment.marshal.3") as file:
        table = marshal.loads(file.read())["d"]  # noqa: S302 - a file of the installed package, as trusted as its code
    positive, negative = table["pos"], table["neg"]
    words = sorted(set(positive["d"]) | set(negative["d"]))
    log = {k: np.log([d["d"].get(w, d["none"]) for w in words]) - np.log(d["total"]) for k, d in table.items()}
    stops = (home / "normal" / "stopwords.txt").read_text("utf-8").split()
    return SnowTable(
        pa.array(words),
        log["pos"] - log["neg"],
        float(np.log(positive["none"] / positive["total"]) - np.log(negative["none"] / negative["total"])),
        float(np.log(positive["total"]) - np.log(negative["total"])),
        pa.array(stops),
    )


def snownlp_sentiment(tokens: pa.ListArray) -> NDArray[np.float64]:
    """For each list of tokens the probability of a positive text by SnowNLP's table, 0-1; without tokens its prior."""
    table = snow_table()
    flat = tokens.flatten()
    rows = np.repeat(np.arange(len(tokens)), np.diff(tokens.offsets.to_numpy()))
    known = pc.index_in(flat, table.words).fill_null(-1).to_numpy(zero_copy_only=False)
    odds = np.where(known >= 0, table.odds[known], table.unknown)
    odds[pc.is_in(flat, table.stop_words).to_numpy(zero_copy_only=False)] = 0.0
    total = table.prior + np.bincount(rows, odds, minlength=len(tokens))
    return np.asarray(expit(total))
