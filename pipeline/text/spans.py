"""Which words of a text speak for a class: evidence per n-gram spread over characters, gathered into spans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.text.codepoints import Ints
from pipeline.text.linear import FORM_SCALE, Floats, LinearModel
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
    """Log-odds, in UNITs, that each character of the folded `joined` adds.

    direction: (texts, classes), the combination of class weights that speaks for each text's label.
    """
    found = reading.occurrences
    known, columns = model.vocabulary.lookup(found.keys)
    rows = found.rows[known].astype(np.int64)
    _, cell, times = np.unique(rows * len(model.vocabulary) + columns, return_inverse=True, return_counts=True)
    value = (1 + np.log(times))[cell] / times[cell]
    norm = np.sqrt(np.bincount(rows, value * (1 + np.log(times))[cell], minlength=len(reading)))
    weight = (model.weights[columns].astype(np.float64) * direction[rows]).sum(axis=1)
    each = value * weight / np.maximum(norm[rows], 1e-12)
    start, end = found.starts[known], found.ends[known]
    share = np.round(each / (end - start) / UNIT).astype(np.int64)
    change = np.zeros(len(reading.folded.batch.joined) + 1, np.int64)
    np.add.at(change, start, share)
    np.add.at(change, end, -share)
    return np.cumsum(change)[:-1]


def phrase_spans(reading: Reading, evidence: Ints) -> Spans:
    """Runs of words that speak for the label, the PER_TEXT strongest of each text.

    A run ends at a break or at a word that speaks against it.
    """
    flat = reading.tokens.flatten()
    lengths = pc.utf8_length(flat).to_numpy(zero_copy_only=False).astype(np.int64)
    rows = np.repeat(np.arange(len(reading)), np.diff(reading.tokens.offsets.to_numpy()))
    ends = np.cumsum(lengths) + rows
    starts = ends - lengths
    total = np.concatenate(([0], np.cumsum(evidence)))
    score = (total[ends] - total[starts]) * UNIT
    wordy = pc.match_substring_regex(flat, r"[\pL\pN]").to_numpy(zero_copy_only=False)
    speaks = wordy & (score > 0)  # a text that is not asked for has no evidence at all
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
    joined, base = reading.original.joined, reading.original.starts[spans.row]
    bounds = zip((base + spans.start).tolist(), (base + spans.end).tolist(), strict=True)
    return pa.array([joined[start:end] for start, end in bounds], pa.string())  # at most 6 a flagged text
