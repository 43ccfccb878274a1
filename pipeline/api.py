"""For notebooks and the command line: judge texts by themselves, without a lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.artifacts import load_context, load_emotion, load_intensity, load_linear
from pipeline.errors import PermanentError, UsageError, one_line
from pipeline.judge_model import ContextModel, decide, text_logits
from pipeline.steps.features import TextModels, text_columns
from pipeline.steps.reasons import Flagged, text_reason_lists
from pipeline.tables import BROADCAST, CLASSES, schema
from pipeline.text.codepoints import from_arrow
from pipeline.text.contacts import redact_batch
from pipeline.text.reading import open_reader
from pipeline.threads import in_order, n_threads

BATCH = 4_000  # texts judged at a time: their n-grams are held in memory
BASE_RATE = 0.3
# What a lake's post_features has beside them.
_NOT_SHOWN = {
    "text_label", "sketch", "tokens", "topic", "snownlp_exact", "text_judge_version", "sentiment_version", "schema_version",
}  # fmt: skip
_COUNTED = [n for n in schema("post_features").names if n not in _NOT_SHOWN]
# The judgement columns.
JUDGED = ("label", "broadcast_probability", "is_broadcast", "reasons", *_COUNTED[_COUNTED.index("p_share") :])
T = TypeVar("T", pa.Table, pa.ChunkedArray)


class Scorer:
    """The models of a checkout, loaded once. `models` and `corpora` are folders."""

    def __init__(
        self, models: str | Path = "models", corpora: str | Path = "corpora", *, domain_words: bool = True
    ) -> None:
        reader = open_reader(corpora, domain_words=domain_words)
        home = Path(models)
        feelings = home / "sentiment"
        self.models = TextModels(
            reader,
            load_linear(home / "judge"),
            load_linear(feelings),
            load_emotion(feelings),
            load_intensity(feelings),
        )
        self.context: ContextModel = load_context(home / "judge" / "context")
        stale = [m.lexicon_version for m in (self.models.judge, self.models.sentiment)]
        if set(stale) != {reader.lexicon.version}:
            raise PermanentError(
                f"models {home}: trained with lexicon {stale[0]}; got {reader.lexicon.version}; restore corpora/lexicon"
            )

    def score(
        self,
        table: pa.Table,
        *,
        text_column: str = "text",
        base_rate: float = BASE_RATE,
        done: Callable[[int], None] = lambda _: None,
        workers: int = 0,
    ) -> pa.Table:
        """`table` with label, p_*, broadcast_probability, is_broadcast, reasons, sentiment and the counts beside its own.

        Rows keep their order; a row whose text is NULL or shows nothing gets NULL. A column of the input that has one of
        these names is renamed input_<name>. Spans are code points of the text as given. `workers` threads judge (0: one
        per core, at most 4). Raises UsageError where there is no such column of texts, or several of one name.
        """
        column = _texts(table, text_column)
        parts = []
        for part in self._judged(_slices(column, BATCH), base_rate, workers):
            parts.append(part)
            done(len(part))
        judged = pa.concat_tables(parts).combine_chunks()
        return _beside(table, judged)

    def stream(
        self,
        tables: Iterable[pa.Table],
        columns: pa.Schema,
        *,
        text_column: str = "text",
        base_rate: float = BASE_RATE,
        workers: int = 0,
    ) -> Iterator[pa.Table]:
        """What `score` gives of tables that have these columns, some rows at a time and in order: no more than a few batches are held.

        At least one table comes, be it without rows.
        """
        _texts(columns.empty_table(), text_column)

        def work(table: pa.Table) -> pa.Table:
            return _beside(table, self.judge(_texts(table, text_column), base_rate))

        pieces = (piece for table in tables for piece in _slices(table, BATCH) if len(piece))
        first = None
        for first in in_order(work, pieces, n_threads(workers)):
            yield first
        if first is None:
            yield work(columns.empty_table())

    def _judged(self, columns: Iterable[pa.ChunkedArray], base_rate: float, workers: int) -> Iterator[pa.Table]:
        return in_order(lambda texts: self.judge(texts, base_rate), columns, n_threads(workers))

    def judge(self, texts: pa.ChunkedArray, base_rate: float = BASE_RATE) -> pa.Table:
        """The judgement columns of a column of texts, row for row."""
        redacted = redact_batch(from_arrow(texts))
        reading = self.models.reader.read_batch(redacted.batch, redacted.folded)
        counts = self.models.scoring.counts(reading)
        columns = text_columns(reading, self.models, counts)
        classes = np.stack([columns[f"p_{c}"].to_numpy() for c in CLASSES], axis=1).astype(np.float64)
        broadcast = classes[:, [CLASSES.index(c) for c in BROADCAST]].sum(axis=1)
        logits = text_logits(broadcast) + self.context.shift(base_rate)
        probability, is_broadcast, label = decide(classes, logits)
        flagged = Flagged(np.flatnonzero(is_broadcast), label[is_broadcast])
        del columns["text_label"]
        first = {
            "label": pa.array(CLASSES, pa.string()).take(pa.array(label)),
            "broadcast_probability": pa.array(probability.astype(np.float32)),
            "is_broadcast": pa.array(is_broadcast),
            "reasons": text_reason_lists(
                reading, flagged, self.models.scoring, counts, self.models.reader.lexicon, redacted
            ),
        }
        everything = first | columns
        if reading.blank.any():
            blank = pa.array(reading.blank)
            everything = {n: pc.if_else(blank, pa.scalar(None, v.type), v) for n, v in everything.items()}
        return pa.table(everything)


def _texts(table: pa.Table, name: str) -> pa.ChunkedArray:
    """The column of texts. Raises UsageError where there is none, or a name stands twice."""
    names = table.column_names
    if name not in names:
        got = one_line(", ".join(names), 200) or "no columns"
        raise UsageError(f"column {one_line(name, 80)}: not in the table; got {got}; set --text-column")
    twice = [n for n, times in Counter(names).items() if times > 1]
    if twice:
        raise UsageError(
            f"column {twice[0]}: stands {names.count(twice[0])} times; expected each name once; rename one"
        )
    try:
        return table[name].cast(pa.string())
    except pa.ArrowException as error:
        raise UsageError(f"column {name}: got type {table[name].type}; expected text; set --text-column") from error


def _slices(rows: T, size: int) -> Iterator[T]:
    """`size` rows at a time; at least one slice."""
    return (rows.slice(start, size) for start in range(0, max(len(rows), 1), size))


def _beside(table: pa.Table, judged: pa.Table) -> pa.Table:
    own = table.rename_columns(column_names(table.column_names))
    for name in judged.column_names:
        own = own.append_column(name, judged[name])
    return own


def column_names(names: list[str]) -> list[str]:
    """The input's column names as they stand beside the judgement's: those that clash with input_ before them, as often as
    it needs to be free."""
    free = []
    for name in names:
        fresh = name
        while fresh in JUDGED or (fresh != name and fresh in names):
            fresh = f"input_{fresh}"
        free.append(fresh)
    return free


def score(table: pa.Table, *, text_column: str = "text", models: str = "models", corpora: str = "corpora") -> pa.Table:
    """`table` with the judgement columns beside its own, by text alone (see Scorer.score)."""
    return Scorer(models, corpora).score(table, text_column=text_column)
