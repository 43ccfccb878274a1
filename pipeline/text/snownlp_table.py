"""SnowNLP's trained sentiment table as log-odds per word, to be summed over jieba's tokens.

`SnowNLP(text).sentiments` sums the same table over its own segmenter's tokens, so this is another function of the text;
it is given for comparison only. The library's own number is that of snownlp_exact.py.
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
from numpy.typing import NDArray

from pipeline.errors import PermanentError
from pipeline.text.codepoints import Ints, TextBatch
from pipeline.text.compiled import kernel
from pipeline.text.kept_arrays import Arrays, kept
from pipeline.text.ngrams import Small
from pipeline.text.segment import Tokens
from pipeline.text.vocabulary import Vocabulary

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SnowTable:
    """Log-odds (positive minus negative) of the words known and the stop words (0), and before any word.

    `odds` has one more element, the last: that of any unknown word, so that entry -1 finds it.
    """

    words: pa.Array
    odds: Floats
    prior: float


@lru_cache(maxsize=1)
def snow_table() -> SnowTable:
    """The table inside the installed snownlp package (read as data: importing snownlp loads all of its models)."""
    home = library_folder()
    files = [home / "sentiment" / "sentiment.marshal.3", home / "normal" / "stopwords.txt"]
    made_from = [Path(__file__).read_bytes(), *(file.read_bytes() for file in files)]
    arrays = kept("snownlp", made_from, ["words", "odds", "prior"], lambda: _made(*files))
    words = pa.array(arrays["words"].tobytes().decode().split("\n"), pa.string())
    return SnowTable(words, arrays["odds"], float(arrays["prior"]))


def library_folder() -> Path:
    """Where the installed snownlp package stands. Raises PermanentError where it is not installed."""
    spec = find_spec("snownlp")
    if spec is None or spec.origin is None:
        raise PermanentError("snownlp: not installed; expected snownlp 0.12.3; install xinren with its dependencies")
    return Path(spec.origin).parent


def _made(trained: Path, stopwords: Path) -> Arrays:
    with gzip.open(trained) as file:
        table = marshal.loads(file.read())["d"]  # noqa: S302 - a file of the installed package, as trusted as its code
    positive, negative = table["pos"], table["neg"]
    stops = set(stopwords.read_text("utf-8").split())
    words = sorted((set(positive["d"]) | set(negative["d"])) - stops) + sorted(stops)
    log = {k: np.log([d["d"].get(w, d["none"]) for w in words]) - np.log(d["total"]) for k, d in table.items()}
    odds = log["pos"] - log["neg"]
    odds[len(words) - len(stops) :] = 0.0
    unknown = np.log(positive["none"] / positive["total"]) - np.log(negative["none"] / negative["total"])
    prior = np.log(positive["total"]) - np.log(negative["total"])
    text = np.frombuffer("\n".join(words).encode(), np.uint8)  # no word holds a line break
    return {"words": text, "odds": np.append(odds, unknown), "prior": np.array(prior)}


@lru_cache(maxsize=1)
def _vocabulary() -> Vocabulary:
    words = snow_table().words
    return Vocabulary(["word"] * len(words), words)


def snownlp_sentiment(batch: TextBatch, tokens: Tokens) -> Floats:
    """For each text the probability that it is positive by SnowNLP's table, 0-1; without tokens its prior."""
    table = snow_table()
    return summed(_vocabulary().counts(batch, tokens).token_entries, tokens.offsets, table.odds, table.prior)


def summed(entries: Small, offsets: Ints, odds: Floats, prior: float) -> Floats:
    """The same where each token's place in `odds` is known already."""
    out = np.empty(len(offsets) - 1)
    _sum(entries, offsets, odds, prior, out)
    return out


@kernel
def _sum(entries: Small, offsets: Ints, odds: Floats, prior: float, out: Floats) -> None:
    for row in range(len(out)):
        total = prior
        for token in range(offsets[row], offsets[row + 1]):
            total += odds[entries[token]]
        out[row] = 1.0 / (1.0 + np.exp(-total))
