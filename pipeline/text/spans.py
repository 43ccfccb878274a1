"""Which words of a text speak for a class: the strongest runs of words, and the telling cues, as spans of the original."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.text.codepoints import Ints, slices
from pipeline.text.cues import Lexicon
from pipeline.text.evidence import PER_TEXT, UNIT, strongest_runs
from pipeline.text.linear import FORM_SCALE, Floats, LinearModel, Scoring
from pipeline.text.reading import Reading
from pipeline.text.vocabulary import Counts

# Cue groups that say something a reviewer can check; the others (first person, affect, ...) only count.
TELLING = (
    "contact", "obfuscation", "recruit", "stock_pressure", "sell", "price", "shop_link", "call_to_action", "follow_bait",
    "lottery", "soup",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """Row numbers of texts to be explained, ascending; for each the class its label is, and the class it is held against."""

    rows: Ints
    label: Ints
    against: int


@dataclass(frozen=True)
class Spans:
    """Spans of the original texts: row, kind, half-open code points within the text, and weight in log-odds."""

    row: Ints
    kind: NDArray[np.object_]
    start: Ints
    end: Ints
    weight: Floats


def phrase_spans(reading: Reading, asked: Asked, scoring: Scoring, counts: Counts) -> Spans:
    """Runs of words that speak for the label by the first model of `scoring`, the strongest of each text.

    `counts` are scoring's of `reading`. A run ends at a break or at a word that speaks against it.
    """
    found, n, _ = _runs(reading, asked, scoring, counts, np.empty(0, np.int64))
    kept = np.arange(PER_TEXT) < n[:, None]
    start, end, weight = found[kept].T
    kind = np.full(len(start), "phrase", object)
    return _in_original(reading, Spans(np.repeat(asked.rows, n), kind, start, end, weight * UNIT))


def character_evidence(reading: Reading, asked: Asked, scoring: Scoring) -> Ints:
    """Log-odds, in UNITs, that each code point of the folded texts adds; 0 in texts that are not asked for."""
    room = np.zeros(len(reading.folded.batch.codes), np.int64)
    return _runs(reading, asked, scoring, scoring.counts(reading), room)[2]


def _runs(reading: Reading, asked: Asked, scoring: Scoring, counts: Counts, evidence: Ints) -> tuple[Ints, Ints, Ints]:
    batch, tokens, words = reading.folded.batch, reading.tokens, scoring.vocabulary
    found, n = np.empty((len(asked.rows), PER_TEXT, 3), np.int64), np.empty(len(asked.rows), np.int64)
    strongest_runs(
        batch.codes, batch.starts, words.slots, words.maybe, words.single,
        tokens.starts, tokens.ends, counts.token_entries, tokens.offsets, reading.wordy,
        counts.indptr, counts.entries, counts.times, scoring.weights, scoring.own, asked.against,
        asked.rows, asked.label, found, n, evidence,
    )  # fmt: skip
    return found, n, evidence


def cue_spans(lexicon: Lexicon, reading: Reading, asked: Asked, model: LinearModel) -> Spans:
    """The telling cues, the strongest of each text; a cue weighs what its step of form weighs."""
    hits, weights = reading.hits, cue_weights(lexicon, model)
    place = np.full(len(reading), -1, np.int64)
    place[asked.rows] = np.arange(len(asked.rows))
    at = place[reading.folded.batch.row_of(hits.starts)]
    at = np.where(np.isin(hits.cue, lexicon.columns(*TELLING)), at, -1)
    known = np.flatnonzero(at >= 0)
    at, cue = at[known], hits.cue[known]
    weight = weights[cue, asked.label[at]] - weights[cue, asked.against]
    good = weight > 0
    known, at, cue, weight = known[good], at[good], cue[good], weight[good]
    kind = np.array([c.group for c in lexicon.cues], object)[cue] if len(cue) else np.zeros(0, object)
    return _strongest(reading, Spans(asked.rows[at], kind, hits.starts[known], hits.ends[known], weight))


def cue_weights(lexicon: Lexicon, model: LinearModel) -> Floats:
    """What one match of each cue adds to each class, in log-odds: cues by classes."""
    weights = np.zeros((len(lexicon.cues), len(model.classes)))
    for number, cue in enumerate(lexicon.cues):
        entry = model.form_entry.get(f"cue {cue.name}>=1")
        if entry is not None:
            weights[number] = model.weights[entry].astype(np.float64) * FORM_SCALE
    return weights


def _strongest(reading: Reading, spans: Spans) -> Spans:
    order = np.lexsort((spans.start, -np.round(spans.weight, 6), spans.row))
    row = spans.row[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row, side="left")
    order = order[rank < PER_TEXT]
    return _in_original(
        reading, Spans(spans.row[order], spans.kind[order], spans.start[order], spans.end[order], spans.weight[order])
    )


def _in_original(reading: Reading, spans: Spans) -> Spans:
    """Spans of the folded batch's `codes` as spans within the original texts."""
    if not len(spans.row):
        return spans
    start, end = reading.folded.span(spans.start, spans.end)
    base = reading.original.starts[spans.row]
    return Spans(spans.row, spans.kind, start - base, end - base, spans.weight)


def span_texts(reading: Reading, spans: Spans) -> pa.Array:
    """The words each span covers, of the original text."""
    base = reading.original.starts[spans.row]
    return slices(reading.original, base + spans.start, base + spans.end)
