"""Which words of a text speak for a class: evidence per n-gram spread over characters, gathered into spans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.text.codepoints import Ints, slices
from pipeline.text.compiled import kernel
from pipeline.text.linear import FORM_SCALE, Floats, LinearModel
from pipeline.text.ngrams import Small, occurrences
from pipeline.text.reading import Reader, Reading

PER_TEXT = 3  # a reviewer reads three reasons; more hide the first
# Cue groups that say something a reviewer can check; the others (first person, affect, ...) only count.
TELLING = (
    "contact", "obfuscation", "recruit", "stock_pressure", "sell", "price", "shop_link", "call_to_action", "follow_bait",
    "lottery", "soup",
)  # fmt: skip


@dataclass(frozen=True)
class Spans:
    """Spans of the original texts: row, kind, half-open code points within the text, and weight in log-odds."""

    row: Ints
    kind: NDArray[np.object_]
    start: Ints
    end: Ints
    weight: Floats


UNIT = 2.0**-32  # evidence is summed as whole units, so that sums do not hang on the batch a text stands in


def character_evidence(reading: Reading, model: LinearModel, direction: Floats) -> Ints:
    """Log-odds, in UNITs, that each character of the folded texts adds.

    direction: (texts, classes), the combination of class weights that speaks for each text's label.
    """
    batch = reading.folded.batch
    found = occurrences(batch, reading.tokens)
    known = model.vocabulary.entries_of(found.keys)
    order = np.argsort(found.rows, kind="stable")  # the words of a text behind its n-grams
    bounds = np.searchsorted(found.rows[order], np.arange(len(batch) + 1))
    change, seen = np.zeros(len(batch.codes) + 1, np.int64), np.zeros(len(model.vocabulary), np.int32)
    places = (known[order], found.starts[order], found.ends[order])
    _spread(bounds, *places, model.weights, np.ascontiguousarray(direction), seen, change)
    return np.cumsum(change)[:-1]


@kernel
def _spread(
    bounds: Ints, entries: Small, starts: Ints, ends: Ints, weights: NDArray[np.float32], direction: Floats,
    seen: Small, change: Ints,
) -> None:  # fmt: skip
    """Add at the beginning of each occurrence its evidence per character, and take it away after its end."""
    for row in range(len(bounds) - 1):
        for i in range(bounds[row], bounds[row + 1]):
            if entries[i] >= 0:
                seen[entries[i]] += 1
        norm = 0.0
        for i in range(bounds[row], bounds[row + 1]):
            if entries[i] >= 0:  # each occurrence of n adds an n-th of the square
                norm += (1.0 + np.log(np.float64(seen[entries[i]]))) ** 2 / seen[entries[i]]
        for i in range(bounds[row], bounds[row + 1]):
            if entries[i] >= 0:
                weight, times = 0.0, np.float64(seen[entries[i]])
                for c in range(direction.shape[1]):
                    weight += weights[entries[i], c] * direction[row, c]
                each = (1.0 + np.log(times)) / times * weight / max(np.sqrt(norm), 1e-12)
                share = np.int64(np.rint(each / (ends[i] - starts[i]) / UNIT))
                change[starts[i]] += share
                change[ends[i]] -= share
        for i in range(bounds[row], bounds[row + 1]):
            if entries[i] >= 0:
                seen[entries[i]] = 0


def phrase_spans(reading: Reading, evidence: Ints) -> Spans:
    """Runs of words that speak for the label, the PER_TEXT strongest of each text.

    A run ends at a break or at a word that speaks against it.
    """
    tokens = reading.tokens
    starts, ends = tokens.starts, tokens.ends
    rows = np.repeat(np.arange(len(reading)), np.diff(tokens.offsets))
    total = np.concatenate(([0], np.cumsum(evidence)))
    score = (total[ends] - total[starts]) * UNIT
    speaks = reading.wordy & (score > 0)  # a text that is not asked for has no evidence at all
    opens = speaks & ~np.concatenate(([False], speaks[:-1] & (rows[1:] == rows[:-1])))
    run = np.cumsum(opens) - 1
    at = np.flatnonzero(speaks)
    weight = np.bincount(run[at], score[at], minlength=int(opens.sum())).astype(np.float64)
    first = np.flatnonzero(opens)
    last = np.maximum.reduceat(np.where(speaks, np.arange(len(speaks)), -1), first) if len(first) else first
    kind = np.full(len(first), "phrase", object)
    return _strongest(reading, Spans(rows[first], kind, starts[first], ends[last], weight))


def cue_spans(reader: Reader, reading: Reading, model: LinearModel, direction: Floats) -> Spans:
    """The telling cues, the strongest of each text; a cue weighs what its step of form weighs."""
    cues, hits = reader.lexicon.cues, reading.hits
    entry = {text: i for i, text in enumerate(model.entries["text"].to_pylist()) if text.startswith("cue ")}
    column = np.array([entry.get(f"cue {c.name}>=1", -1) for c in cues], np.int64)[hits.cue]
    telling = np.isin(hits.cue, reader.lexicon.columns(*TELLING))
    keep = np.flatnonzero(telling & (column >= 0))
    rows = reading.folded.batch.row_of(hits.starts[keep])
    weight = (model.weights[column[keep]].astype(np.float64) * direction[rows]).sum(axis=1) * FORM_SCALE
    kinds = np.array([c.group for c in cues], object)[hits.cue[keep]] if cues else np.zeros(0, object)
    good = weight > 0
    spans = Spans(rows[good], kinds[good], hits.starts[keep][good], hits.ends[keep][good], weight[good])
    return _strongest(reading, spans)


def _strongest(reading: Reading, spans: Spans) -> Spans:
    order = np.lexsort((spans.start, -np.round(spans.weight, 6), spans.row))
    row = spans.row[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row, side="left")
    order = order[rank < PER_TEXT]
    if not len(order):
        return Spans(spans.row[order], spans.kind[order], spans.start[order], spans.end[order], spans.weight[order])
    start, end = reading.folded.span(spans.start[order], spans.end[order])
    base = reading.original.starts[spans.row[order]]
    return Spans(spans.row[order], spans.kind[order], start - base, end - base, spans.weight[order])


def span_texts(reading: Reading, spans: Spans) -> pa.Array:
    """The words each span covers, of the original text."""
    base = reading.original.starts[spans.row]
    return slices(reading.original, base + spans.start, base + spans.end)
