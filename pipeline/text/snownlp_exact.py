"""SnowNLP's own number: what `SnowNLP(text).sentiments` of version 0.12.3 gives, computed some thousand times as fast.

Its segmenter (snownlp_tagger.py) cuts runs of Chinese characters, white space the rest; stop words are left out; and of each
class the log chances of the words are added one by one in their order, as the library adds them, so that the result is its
own to the last digits. An empty text, for which the library raises ZeroDivisionError, has the chance without words.
"""

from __future__ import annotations

import gzip
import marshal
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.text.codepoints import Codes, Ints, TextBatch, from_arrow
from pipeline.text.compiled import kernel
from pipeline.text.kept_arrays import Arrays, kept
from pipeline.text.ngrams import START, WORD, Keys, absorb
from pipeline.text.snownlp_table import library_folder
from pipeline.text.snownlp_tagger import FIRST, LAST, B, Bytes, E, Floats, S, tag_run, tagger
from pipeline.text.vocabulary import Vocabulary, entry_of

_NAMES = ["words", "log_chances", "priors"]


@dataclass(frozen=True)
class Classes:
    """Log chances of each word and, last, of an unknown one, by class (columns: the library's order of them); NaN for a stop
    word. And of each class before any word."""

    slots: Keys
    log_chances: Floats
    priors: Floats
    positive: int  # which column


@lru_cache(maxsize=1)
def _classes() -> Classes:
    home = library_folder()
    files = [home / "sentiment" / "sentiment.marshal.3", home / "normal" / "stopwords.txt"]
    made_from = [Path(__file__).read_bytes(), *(file.read_bytes() for file in files)]
    arrays = kept("snownlp_exact", made_from, [*_NAMES, "positive"], lambda: _made(*files))
    words = arrays["words"].tobytes().decode().split("\n")
    vocabulary = Vocabulary(["word"] * len(words), words)
    return Classes(vocabulary.slots, arrays["log_chances"], arrays["priors"], int(arrays["positive"]))


def _made(trained: Path, stopwords: Path) -> Arrays:
    with gzip.open(trained) as file:
        model = marshal.loads(file.read())  # noqa: S302 - a file of the installed package, as trusted as its code
    classes = model["d"]
    stops = set(stopwords.read_text("utf-8").split())
    words = sorted({word for one in classes.values() for word in one["d"]} | stops)
    columns = [_log_chances([*words, None], one) for one in classes.values()]
    log_chances = np.array(columns).T.copy()
    log_chances[[word in stops for word in words] + [False]] = np.nan
    priors = [math.log(one["total"]) - math.log(model["total"]) for one in classes.values()]
    text = np.frombuffer("\n".join(words).encode(), np.uint8)  # no word holds a line break
    positive = np.array(list(classes).index("pos"))
    return {"words": text, "log_chances": log_chances, "priors": np.array(priors), "positive": positive}


def _log_chances(words: Iterable[str | None], one: dict[str, Any]) -> list[float]:
    return [math.log(float(one["d"].get(word, one["none"])) / one["total"]) for word in words]


def snownlp_exact(texts: pa.Array | pa.ChunkedArray) -> Floats:
    """`SnowNLP(text).sentiments` of each text, 0-1; NULL is the empty text. Threads may call it side by side."""
    return of_batch(from_arrow(texts))


def of_batch(batch: TextBatch) -> Floats:
    """The same of a batch."""
    classes, out = _classes(), np.empty(len(batch))
    starts, ends, offsets = words_of(batch)
    chances = (classes.slots, classes.log_chances, classes.priors, classes.positive)
    _classify(batch.codes, starts, ends, offsets, *chances, out)
    return out


def words_of(batch: TextBatch) -> tuple[Ints, Ints, Ints]:
    """What `SnowNLP(text).words` are: where each begins and ends in `batch.codes`, and where each text's begin, and the end."""
    starts, ends = np.empty((2, len(batch.codes)), np.int64)
    offsets = np.zeros(len(batch) + 1, np.int64)
    longest = int(batch.lengths.max(initial=0))
    n = _cut(batch.codes, batch.starts, tagger().arrays, _blanks(), longest, starts, ends, offsets)
    return starts[:n], ends[:n], offsets


@lru_cache(maxsize=1)
def _blanks() -> NDArray[np.bool_]:
    """For each code point below 0x3001 whether it is white space to Python; beyond none is."""
    return np.frombuffer(bytes(map(str.isspace, map(chr, range(0x3001)))), np.bool_)


@kernel
def _cut(
    codes: Codes, texts: Ints, model: Any, blanks: NDArray[np.bool_], longest: int, starts: Ints, ends: Ints, offsets: Ints,
) -> Any:  # fmt: skip
    """Fill starts, ends and offsets; how many words."""
    score, new, chance = np.empty(16), np.empty(16), np.empty(64)
    back, tags = np.empty(16 * longest, np.uint8), np.empty(longest, np.uint8)
    n = 0
    for row in range(len(texts) - 1):
        at, end = texts[row], texts[row + 1] - 1
        while at < end:
            begin = at
            if FIRST <= codes[at] <= LAST:
                while at < end and FIRST <= codes[at] <= LAST:
                    at += 1
                tag_run(codes, begin, at, model, score, new, chance, back, tags)
                n = _words_of_run(begin, at, tags, starts, ends, n)
            elif codes[at] < len(blanks) and blanks[codes[at]]:
                at += 1
            else:
                while at < end and not (FIRST <= codes[at] <= LAST):
                    if codes[at] < len(blanks) and blanks[codes[at]]:
                        break
                    at += 1
                starts[n], ends[n] = begin, at
                n += 1
        offsets[row + 1] = n
    return n


@kernel
def _words_of_run(begin: int, end: int, tags: Bytes, starts: Ints, ends: Ints, n: int) -> Any:
    """The words of a tagged run: b and s begin one, e ends one, and after an e the next begins whatever its tag."""
    starts[n] = begin
    for at in range(begin, end):
        tag = tags[at - begin]
        if tag in (B, S) and starts[n] < at:
            ends[n] = at
            n += 1
            starts[n] = at
        elif tag == E:
            ends[n] = at + 1
            n += 1
            if at + 1 < end:
                starts[n] = at + 1
    if tags[end - 1 - begin] != E:
        ends[n] = end
        n += 1
    return n


@kernel
def _classify(
    codes: Codes, starts: Ints, ends: Ints, offsets: Ints, slots: Keys, log_chances: Floats, priors: Floats, positive: int,
    out: Floats,
) -> None:  # fmt: skip
    for row in range(len(out)):
        first, second = priors[0], priors[1]
        for word in range(offsets[row], offsets[row + 1]):
            key = WORD
            for i in range(starts[word], ends[word]):
                key = absorb(key, codes[i])
            entry = entry_of(key, slots) if key != START else -1
            if not np.isnan(log_chances[entry, 0]):
                first += log_chances[entry, 0]
                second += log_chances[entry, 1]
        chance_of_first = 1 / (1.0 + np.exp(second - first))
        chance_of_second = 1 / (np.exp(first - second) + 1.0)
        winner = 1 if chance_of_second > chance_of_first else 0
        chance = max(chance_of_first, chance_of_second)
        out[row] = chance if winner == positive else 1 - chance
