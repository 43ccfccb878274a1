"""Why posts were flagged: spans of their texts and words about their context, as the reasons column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.additive import Floats
from pipeline.steps.context import Ints
from pipeline.tables import CLASSES, REASON, REASONS
from pipeline.text.contacts import Redacted
from pipeline.text.cues import Lexicon
from pipeline.text.linear import LinearModel, Scoring
from pipeline.text.reading import Reader, Reading
from pipeline.text.spans import Asked, Spans, cue_spans, phrase_spans, span_texts
from pipeline.text.vocabulary import Counts

_SHARE = CLASSES.index("share")
BATCH = 2_000  # flagged texts read at a time: their n-grams are held in memory


@dataclass(frozen=True)
class Flagged:
    """Row numbers of flagged posts, ascending, and the label each got."""

    rows: Ints
    label: Ints


def text_spans(reading: Reading, flagged: Flagged, scoring: Scoring, counts: Counts, lexicon: Lexicon) -> Spans:
    """The spans that speak for each flagged text's label against share. A text without any gets itself whole.

    The judge is the first model of `scoring`, `counts` are scoring's of `reading`.
    """
    asked = Asked(flagged.rows, flagged.label, _SHARE)
    phrases = phrase_spans(reading, asked, scoring, counts)
    cues = cue_spans(lexicon, reading, asked, scoring.models[0])
    bare = np.setdiff1d(flagged.rows, np.concatenate([phrases.row, cues.row]))
    lengths = reading.original.lengths[bare]
    whole = Spans(bare, np.full(len(bare), "text", object), np.zeros_like(lengths), lengths, np.zeros(len(bare)))
    parts = (cues, phrases, whole)
    return Spans(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("row", "kind", "start", "end", "weight")))


def text_reason_lists(
    reading: Reading, flagged: Flagged, scoring: Scoring, counts: Counts, lexicon: Lexicon, shown: Redacted
) -> pa.ListArray:
    """The reasons column of texts judged by themselves; spans lead back from the redacted texts to those `shown`."""
    spans = text_spans(reading, flagged, scoring, counts, lexicon)
    base, first = reading.original.starts[spans.row], shown.original.starts[spans.row]
    start, end = shown.span(base + spans.start, base + spans.end)
    table = _table(spans.row, spans.kind, (start - first, end - first), span_texts(reading, spans), spans.weight)
    return _lists(table, len(reading))


def reason_lists(
    posts: pa.Table,
    flagged: Flagged,
    context: list[tuple[Ints, str, list[str], Floats]],
    model: LinearModel,
    reader: Reader,
) -> pa.ListArray:
    """The reasons column: for flagged posts the strongest first, for the others an empty list."""
    tables = [_context_table(*part) for part in context]
    for start in range(0, len(flagged.rows), BATCH):
        rows = flagged.rows[start : start + BATCH]
        reading = reader.read(posts["text"].take(pa.array(rows)))
        here = Flagged(np.arange(len(rows)), flagged.label[start : start + BATCH])
        spans = text_spans(reading, here, model.scoring, model.scoring.counts(reading), reader.lexicon)
        words = span_texts(reading, spans)
        tables.append(_table(rows[spans.row], spans.kind, (spans.start, spans.end), words, spans.weight))
    return _lists(pa.concat_tables(tables), len(posts))


def _table(row: Ints, kind: object, span: tuple[Ints, Ints] | None, text: pa.Array, weight: Floats) -> pa.Table:
    none = pa.nulls(len(row), pa.int32())
    start, end = (none, none) if span is None else (pa.array(side, pa.int32()) for side in span)
    return pa.table({
        "row": pa.array(row, pa.int64()), "kind": pa.array(kind, pa.string()), "span_start": start, "span_end": end,
        "text": text, "weight": pa.array(np.round(weight, 3), pa.float32()),
    })  # fmt: skip


def _context_table(rows: Ints, kind: str, words: list[str], weight: Floats) -> pa.Table:
    return _table(rows, [kind] * len(rows), None, pa.array(words, pa.string()), weight)


def _lists(table: pa.Table, n: int) -> pa.ListArray:
    order = [("row", "ascending"), ("weight", "descending"), ("kind", "ascending"), ("span_start", "ascending")]
    table = table.sort_by(order).combine_chunks()
    offsets = np.searchsorted(table["row"].to_numpy(), np.arange(n + 1)).astype(np.int32)
    fields = [table[f.name].combine_chunks().cast(f.type) for f in REASON]
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.StructArray.from_arrays(fields, fields=list(REASON)), type=REASONS
    )
