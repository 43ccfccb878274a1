"""A linear model over n-grams, words, cues and form: one featuriser for training and serving, and the scores.

An entry is a character n-gram, a word, or a step of a count such as `links>=2` or `cue recruit_frame>=1`; a model is a
table of entries with one weight per class. n-grams and words enter as L2-normalised 1 + ln(count), steps as FORM_SCALE.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.text.codepoints import from_arrow
from pipeline.text.ngrams import Keys, Vocabulary, char_keys, weigh, word_keys
from pipeline.text.reading import Reader, Reading

Floats = NDArray[np.float64]
STEPS = (1, 2, 3, 5, 8, 12, 20, 40, 80, 120, 160, 300, 600, 1000)  # where a count of form starts to mean something else
CUE_STEPS = (1, 2, 3)
FORM_SCALE = 0.2  # a step beside n-grams of length 1 in all; see models/judge/README.md for what else was tried


def form_counts(reader: Reader, reading: Reading) -> dict[str, NDArray[np.int64]]:
    """Every count that has steps: form by name, cues as `cue <name>` and by group as `group <name>`."""
    cues = reader.lexicon.cues
    groups = sorted({cue.group for cue in cues})
    named = {f"cue {cue.name}": reading.cue_counts[:, i] for i, cue in enumerate(cues)}
    return reading.form | named | {f"group {g}": reader.group(reading, g) for g in groups}


def form_matrix(counts: dict[str, NDArray[np.int64]], entries: list[str]) -> sp.csr_matrix:
    """1.0 where the count reaches the step: texts by entries; an entry of an unknown count stays 0."""
    n_rows = len(next(iter(counts.values())))
    columns = []
    for entry in entries:
        name, _, step = entry.rpartition(">=")
        values = counts.get(name)
        columns.append(np.zeros(n_rows, bool) if values is None else values >= int(step))
    dense = np.array(columns, bool).reshape(len(entries), n_rows).T
    return sp.csr_matrix(dense, dtype=np.float32)


def form_entries(counts: dict[str, NDArray[np.int64]]) -> list[str]:
    """The steps that at least one text reaches and at least one does not."""
    out = []
    for name, values in counts.items():
        steps = CUE_STEPS if name.startswith(("cue ", "group ")) else STEPS
        out += [f"{name}>={s}" for s in steps if 0 < int((values >= s).sum()) < len(values)]
    return out


def text_keys(kinds: list[str], texts: list[str]) -> Keys:
    """The key of each entry: of the character n-gram or the word."""
    entries = pa.array(texts, pa.string())
    keys = word_keys(entries)
    batch, is_char = from_arrow(entries), np.array(kinds) == "char"
    for n, (grams, at) in enumerate(char_keys(batch), start=1):
        mine = np.flatnonzero(is_char & (batch.lengths == n))
        keys[mine] = grams[np.searchsorted(at, batch.starts[mine])]
    return keys


@dataclass(frozen=True)
class LinearModel:
    """Weights per entry and class, biases, and the classes' names in order; `version` names the model folder's content."""

    version: str
    classes: tuple[str, ...]
    entries: pa.Table  # kind (char, word, form), text
    weights: NDArray[np.float32]  # entries by classes
    bias: NDArray[np.float64]
    lexicon_version: str

    @cached_property
    def _n_texts(self) -> int:
        return int(pc.sum(pc.not_equal(self.entries["kind"], "form")).as_py() or 0)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The n-grams and words, which stand before the form entries."""
        table = self.entries.slice(0, self._n_texts)
        return Vocabulary(text_keys(table["kind"].to_pylist(), table["text"].to_pylist()))

    def features(self, reader: Reader, reading: Reading) -> sp.csr_matrix:
        """Texts by entries."""
        words = weigh(self.vocabulary.counts(reading.occurrences))
        form = form_matrix(form_counts(reader, reading), self.entries["text"][self._n_texts :].to_pylist())
        return sp.hstack([words, form * np.float32(FORM_SCALE)], format="csr")

    def logits(self, reader: Reader, reading: Reading) -> Floats:
        """Texts by classes; each row depends on its own text only."""
        return np.asarray(self.features(reader, reading) @ self.weights, np.float64) + self.bias

    def probabilities(self, reader: Reader, reading: Reading) -> Floats:
        """Texts by classes, rows adding to 1."""
        return softmax(self.logits(reader, reading))


def softmax(logits: Floats) -> Floats:
    """Rows of probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
