"""Linear models over n-grams, words, cues and form: one featuriser for training and serving, and the scores.

An entry is a character n-gram, a word, or a step of a count such as `links>=2` or `cue recruit_frame>=1`; a model is a
table of entries with one weight per class. n-grams and words enter as L2-normalised 1 + ln(count), steps as FORM_SCALE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.errors import PermanentError
from pipeline.text.codepoints import Ints
from pipeline.text.compiled import kernel
from pipeline.text.ngrams import Small, text_keys, weigh
from pipeline.text.prefetch import prefetch
from pipeline.text.reading import Reader, Reading
from pipeline.text.vocabulary import Counts, Vocabulary

if TYPE_CHECKING:
    import scipy.sparse as sp  # training only: importing it takes a tenth of a second

Floats = NDArray[np.float64]
_N_DAMPED, _ONE = np.uint64(64), np.uint64(1)
_AHEAD = np.uint64(8)  # entries
_DAMPED = np.append(0.0, 1.0 + np.log(np.arange(1.0, 64.0)))  # 1 + ln(count): few counts are greater
STEPS = (1, 2, 3, 5, 8, 12, 20, 40, 80, 120, 160, 300, 600, 1000)  # where a count of form starts to mean something else
CUE_STEPS = (1, 2, 3)
FORM_SCALE = 0.2  # a step beside n-grams of length 1 in all; see models/judge/README.md for what else was tried


def form_counts(reader: Reader, reading: Reading) -> dict[str, NDArray[Any]]:
    """Every count that has steps: form by name, cues as `cue <name>` and by group as `group <name>`."""
    cues = reader.lexicon.cues
    groups = sorted({cue.group for cue in cues})
    named: dict[str, NDArray[Any]] = {f"cue {cue.name}": reading.cue_counts[:, i] for i, cue in enumerate(cues)}
    return reading.form | named | {f"group {g}": reader.group(reading, g) for g in groups}


def form_matrix(counts: dict[str, NDArray[Any]], entries: list[str]) -> sp.csr_matrix:
    """1.0 where the count reaches the step: texts by entries; an entry of an unknown count stays 0."""
    from scipy.sparse import csr_matrix

    n_rows = len(next(iter(counts.values())))
    columns = []
    for entry in entries:
        name, _, step = entry.rpartition(">=")
        values = counts.get(name)
        columns.append(np.zeros(n_rows, bool) if values is None else values >= int(step))
    dense = np.array(columns, bool).reshape(len(entries), n_rows).T
    return csr_matrix(dense, dtype=np.float32)


def form_entries(counts: dict[str, NDArray[Any]]) -> list[str]:
    """The steps that at least one text reaches and at least one does not."""
    out = []
    for name, values in counts.items():
        steps = CUE_STEPS if name.startswith(("cue ", "group ")) else STEPS
        out += [f"{name}>={s}" for s in steps if 0 < int((values >= s).sum()) < len(values)]
    return out


@dataclass(frozen=True)
class LinearModel:
    """Weights per entry and class, biases, and the classes' names in order; `version` names the model folder's content."""

    version: str
    classes: tuple[str, ...]
    entries: pa.Table  # kind (char, word, form), text; those of form stand last
    weights: NDArray[np.float32]  # entries by classes
    bias: NDArray[np.float64]
    lexicon_version: str

    @cached_property
    def n_texts(self) -> int:
        """How many entries are n-grams and words."""
        return int(pc.sum(pc.not_equal(self.entries["kind"], "form")).as_py() or 0)

    @cached_property
    def form_entry(self) -> dict[str, int]:
        """The numbers of the form entries by their texts."""
        texts = self.entries["text"].slice(self.n_texts).to_pylist()
        return {text: self.n_texts + i for i, text in enumerate(texts)}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The n-grams and words, which stand before the form entries."""
        table = self.entries.slice(0, self.n_texts)
        return Vocabulary(table["kind"], table["text"])

    @cached_property
    def scoring(self) -> Scoring:
        """This model alone."""
        return Scoring([self])

    def features(self, reader: Reader, reading: Reading) -> sp.csr_matrix:
        """Texts by entries."""
        from scipy.sparse import hstack

        words = weigh(self.vocabulary.counts(reading.folded.batch, reading.tokens).matrix())
        form = form_matrix(form_counts(reader, reading), self.entries["text"][self.n_texts :].to_pylist())
        return hstack([words, form * np.float32(FORM_SCALE)], format="csr")

    def logits(self, reader: Reader, reading: Reading) -> Floats:
        """Texts by classes; each row depends on its own text only."""
        return self.scoring.logits(reader, reading)[0]

    def probabilities(self, reader: Reader, reading: Reading) -> Floats:
        """Texts by classes, rows adding to 1."""
        return softmax(self.logits(reader, reading))


class Scoring:
    """Several models over one walk through the texts; equal to `features @ weights + bias` of each (a test says so).

    `weights` has of each entry those of all models' classes, then per model whether it is its own (`own`: the first's).
    """

    def __init__(self, models: Sequence[LinearModel], words: Sequence[str] = ()) -> None:
        """`words`: further words to know, for `Counts.token_entries`; `self.words` are their entries."""
        tables = [m.entries.slice(0, m.n_texts) for m in models]
        tables.append(
            pa.table({"kind": pa.array(["word"] * len(words), pa.string()), "text": pa.array(words, pa.string())})
        )
        union = pa.concat_tables(table.select(["kind", "text"]) for table in tables).combine_chunks()
        _, first, entry = np.unique(text_keys(union["kind"], union["text"]), return_index=True, return_inverse=True)
        # In the order of the tables, where frequent entries stand first, so that what is often asked lies together.
        entry, first = np.argsort(np.argsort(first))[entry], np.sort(first)
        known = union.take(pa.array(first))
        if not union.equals(known.take(pa.array(entry)).cast(union.schema)):
            raise PermanentError(
                "models: two entries share a key; got a damaged or edited table; restore the model folders"
            )
        self.vocabulary = Vocabulary(known["kind"], known["text"])
        self.models = tuple(models)
        widths = [len(m.classes) for m in models]
        self._owner = np.repeat(np.arange(len(models)), widths)
        self.own = sum(widths)
        self.weights = np.zeros((len(known), sum(widths) + len(models)), np.float32)
        self.words = entry[len(entry) - len(words) :]
        row, column = 0, 0
        for k, model in enumerate(models):
            mine = entry[row : row + model.n_texts]
            self.weights[mine, column : column + widths[k]] = model.weights[: model.n_texts]
            self.weights[mine, sum(widths) + k] = 1
            row, column = row + model.n_texts, column + widths[k]
        self._steps: dict[tuple[str, ...], _Steps] = {}

    def counts(self, reading: Reading) -> Counts:
        """How often each text holds each entry of the models' common vocabulary."""
        return self.vocabulary.counts(reading.folded.batch, reading.tokens)

    def logits(self, reader: Reader, reading: Reading, counts: Counts | None = None) -> list[Floats]:
        """For each model texts by classes; a row depends on its own text only."""
        counts = counts or self.counts(reading)
        bias = np.concatenate([model.bias for model in self.models])
        out = np.empty((len(reading), len(bias)))
        out[:] = bias
        _add_entries(counts.indptr, counts.entries, counts.times, self.weights, self._owner, out)
        groups = sorted({cue.group for cue in reader.lexicon.cues})
        names = (*reading.form, *(f"cue {cue.name}" for cue in reader.lexicon.cues), *(f"group {g}" for g in groups))
        if names not in self._steps:
            self._steps[names] = _steps(self.models, names)
        steps = self._steps[names]
        group_of = np.array([groups.index(cue.group) for cue in reader.lexicon.cues], np.int64)
        form = np.stack(list(reading.form.values())).astype(np.int32)
        _add_steps(form, reading.cue_counts.astype(np.int32, copy=False), group_of, *steps, out)
        return np.split(out, np.cumsum([len(m.classes) for m in self.models])[:-1], axis=1)


_Steps = tuple[Ints, Ints, Floats]


def _steps(models: Sequence[LinearModel], names: tuple[str, ...]) -> _Steps:
    """For count j its steps [bounds[j], bounds[j+1]): the least value of each, and the sum of all weights up to it."""
    number = {name: j for j, name in enumerate(names)}
    width = sum(len(m.classes) for m in models)
    found: dict[tuple[int, int], Floats] = {}
    column = 0
    for model in models:
        end = column + len(model.classes)
        texts = model.entries["text"][model.n_texts :].to_pylist()
        for text, weights in zip(texts, model.weights[model.n_texts :].astype(np.float64), strict=True):
            name, _, step = text.rpartition(">=")
            if name in number:
                found.setdefault((number[name], int(step)), np.zeros(width))[column:end] += weights * FORM_SCALE
        column = end
    order = sorted(found)
    bounds = np.searchsorted([j for j, _ in order], np.arange(len(names) + 1))
    sums = np.array([found[key] for key in order], np.float64).reshape(len(order), width)
    for start, stop in pairwise(bounds.tolist()):
        sums[start:stop] = np.cumsum(sums[start:stop], axis=0)
    return bounds, np.array([step for _, step in order], np.int64), sums


@kernel
def _add_entries(
    indptr: Ints, entries: Small, times: Small, weights: NDArray[np.float32], owner: Ints, out: Floats
) -> None:
    """Add weights * (1 + ln count) / length, the length being that of each model's own entries."""
    n, width = len(owner), np.uint64(weights.shape[1])
    n_models, flat, last = weights.shape[1] - n, weights.reshape(-1), np.uint64(len(entries))
    sums, squares = np.zeros(n), np.zeros(n_models)
    for row in range(len(indptr) - 1):
        sums[:], squares[:] = 0.0, 0.0
        for k in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            entry, often = np.uint64(entries[k]), np.uint64(times[k])
            if k + _AHEAD < last:  # what takes the time is fetching an entry's weights
                coming = np.uint64(entries[k + _AHEAD]) * width
                prefetch(flat, coming)
                prefetch(flat, coming + width - _ONE)
            value = _DAMPED[often] if often < _N_DAMPED else 1.0 + np.log(np.float64(times[k]))
            for c in range(n):
                sums[c] += value * weights[entry, np.uint64(c)]
            for m in range(n_models):
                squares[m] += value * value * weights[entry, np.uint64(n + m)]
        for c in range(n):
            out[row, c] += sums[c] / max(np.sqrt(squares[owner[c]]), 1e-12)


@kernel
def _add_steps(form: Small, cues: Small, group_of: Ints, bounds: Ints, least: Ints, sums: Floats, out: Floats) -> None:
    """Add what each count's highest step reached sums to: counts of form by texts, texts by cues, then groups of cues."""
    n_form, n_cues, n_all = form.shape[0], cues.shape[1], len(bounds) - 1
    counts = np.zeros(n_all, np.int64)
    for row in range(len(out)):
        for j in range(n_form):
            counts[j] = form[j, row]
        counts[n_form + n_cues :] = 0
        for j in range(n_cues):
            counts[n_form + j] = cues[row, j]
            counts[n_form + n_cues + group_of[j]] += cues[row, j]
        for j in range(n_all):
            if counts[j] == 0:
                continue
            step = bounds[j]
            while step < bounds[j + 1] and least[step] <= counts[j]:
                step += 1
            if step > bounds[j]:
                for c in range(out.shape[1]):
                    out[row, c] += sums[step - 1, c]


def softmax(logits: Floats) -> Floats:
    """Rows of probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
