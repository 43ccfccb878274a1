"""Fit a LinearModel: choose entries, one logistic regression per class, then calibration of the joint probabilities."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.text.codepoints import slices
from pipeline.text.linear import FORM_SCALE, Floats, LinearModel, form_counts, form_entries, form_matrix
from pipeline.text.ngrams import Occurrences, occurrences, weigh
from pipeline.text.reading import Reader, Reading
from pipeline.text.vocabulary import Vocabulary

MIN_AUTHORS = 5  # an n-gram that fewer authors used could be someone's name or handle; it is not shipped
ROUNDS = 50  # of liblinear
INVERSE_STRENGTH = 4.0  # liblinear's C; 1 and 10 were within 0.002 AUC of it
# Of 75,000 entries; the folds' AUC falls by .001. Fewer stay in the processor's cache, and the table can be read.
MOST_ENTRIES = 30_000
IDF_SCALE = 0.25  # brings idf (2-10) times a unit vector to the size of the form steps
# Size of an entry where it speaks to the weight of standard readings alone, beside 1 where to that of all. At 1, with own posts
# at 1, the folds' AUC was .899 for .898, but 1.81% of reviews were flagged for 1.12%, and 22 of the probe judged wrong for 14.
STANDARD = 0.5
SUMS = 0.5  # length of a text's sum of vectors beside n-grams of length 1; at 1 the same, at 3 the folds' AUC .002 less
TOLERANCE = 1e-2  # of the dual: a third of the time of the primal to 1e-3, the folds' AUC the same to .0001


@dataclass(frozen=True)
class Entries:
    """What a model may know: n-grams and words, then steps of form; idf of the former."""

    kinds: list[str]
    texts: list[str]
    form: list[str]
    idf: NDArray[np.float32]


@dataclass(frozen=True)
class Known:
    """What is known of each text: its author, its class, how much it counts, and whether the reader was a `standard` one."""

    author: NDArray[np.object_]
    label: NDArray[np.int64]
    weight: Floats
    standard: NDArray[np.bool_]
    n_classes: int


def choose_entries(
    reader: Reader,
    reading: Reading,
    authors: NDArray[np.object_],
    rows: NDArray[np.bool_],
    *,
    min_authors: int = MIN_AUTHORS,
) -> Entries:
    """Of the texts in `rows`: n-grams and words that `min_authors` authors use, and steps of form that split them."""
    found = occurrences(reading.folded.batch, reading.tokens)
    at = np.flatnonzero(rows[found.rows])
    _, author = np.unique(authors.astype(str), return_inverse=True)
    keys, first, inverse = np.unique(found.keys[at], return_index=True, return_inverse=True)
    used = _distinct(inverse, author[found.rows[at]], len(keys))
    in_texts = _distinct(inverse, found.rows[at], len(keys))
    keep = np.flatnonzero(used >= min_authors)
    keep = keep[np.argsort(first[keep], kind="stable")]  # an order that does not depend on the hash
    kinds, texts = _spell(reading, found, at[first[keep]])
    idf = np.log((1 + int(rows.sum())) / (1 + in_texts[keep])) + 1
    counts = {name: values[rows] for name, values in form_counts(reader, reading).items()}
    return Entries(kinds, texts, form_entries(counts), idf.astype(np.float32))


def _distinct(inverse: NDArray[np.int64], other: NDArray[Any], n: int) -> NDArray[np.int64]:
    width = int(other.max(initial=0)) + 1
    pairs = np.unique(inverse.astype(np.int64) * width + other)
    return np.bincount(pairs // width, minlength=n)


def _spell(reading: Reading, found: Occurrences, at: NDArray[np.int64]) -> tuple[list[str], list[str]]:
    texts = slices(reading.folded.batch, found.starts[at], found.ends[at]).to_pylist()
    return np.where(at < found.n_chars, "char", "word").tolist(), texts


@dataclass(frozen=True)
class Design:
    """The matrix a fit sees (texts by entries, idf applied) and the entries it is over."""

    matrix: sp.csr_matrix
    entries: Entries

    @staticmethod
    def of(reader: Reader, reading: Reading, entries: Entries) -> Design:
        """The matrix of these texts over these entries."""
        counts = Vocabulary(entries.kinds, entries.texts).counts(reading.folded.batch, reading.tokens)
        words = weigh(counts.matrix()) @ sp.diags(entries.idf * IDF_SCALE)
        form = form_matrix(form_counts(reader, reading), entries.form) * np.float32(FORM_SCALE)
        return Design(sp.hstack([words, form], format="csr"), entries)


@dataclass(frozen=True)
class Weights:
    """One column per class."""

    coefficients: Floats
    intercepts: Floats

    def logits(self, matrix: sp.csr_matrix) -> Floats:
        """Texts by classes."""
        return np.asarray(matrix @ self.coefficients + self.intercepts)


def fit_weights(
    matrix: sp.csr_matrix, label: NDArray[np.int64], weight: Floats, n_classes: int, *, seed: int,
    standard: NDArray[np.bool_] | None = None, vectors: sp.csr_matrix | None = None,
) -> Weights:  # fmt: skip
    """One balanced logistic regression per class against the rest, solved in the dual.

    Readers differ in their idea of the classes. Where some texts were read by `standard` readers, each entry has two
    weights, one for all readers and one more for these, and their sum is what is given (Daumé III 2007, "Frustratingly
    easy domain adaptation"). `vectors`, entries by dimensions: words that are alike share what is learned of them.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    shown, back = _with_sums(matrix, vectors)
    n = shown.shape[1]
    if standard is not None:
        shown = sp.hstack((shown, _rows_of(shown, standard) * np.float32(STANDARD)), format="csr")
    columns, intercepts = [], []
    for k in range(n_classes):
        model = LogisticRegression(
            solver="liblinear", dual=True, C=INVERSE_STRENGTH, tol=TOLERANCE, max_iter=ROUNDS, class_weight="balanced",
            random_state=seed,
        )  # fmt: skip
        with warnings.catch_warnings():  # ROUNDS are enough: what more of them move is far below what a fold moves
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(shown, label == k, sample_weight=weight)
        columns.append(back(model.coef_[0][:n] + (0 if standard is None else STANDARD * model.coef_[0][n:])))
        intercepts.append(model.intercept_[0])
    return Weights(np.stack(columns, axis=1), np.array(intercepts))


def _with_sums(
    matrix: sp.csr_matrix, vectors: sp.csr_matrix | None
) -> tuple[sp.csr_matrix, Callable[[Floats], Floats]]:
    """`matrix` with the sums of its entries' vectors, SUMS long in the mean; and how to fold weights into the entries'."""
    if vectors is None:
        return matrix, lambda weights: weights
    sums = (matrix @ vectors).toarray()
    vectors = vectors * (SUMS / max(float(np.sqrt((sums**2).sum(axis=1).mean())), 1e-9))
    n = matrix.shape[1]
    shown = sp.hstack((matrix, matrix @ vectors), format="csr", dtype=np.float32)
    return shown, lambda weights: np.asarray(weights[:n] + vectors @ weights[n:])


def _rows_of(matrix: sp.csr_matrix, rows: NDArray[np.bool_]) -> sp.csr_matrix:
    """`matrix`, its other rows empty."""
    kept = sp.csr_matrix(sp.diags(rows.astype(np.float32)) @ matrix)
    kept.eliminate_zeros()
    return kept


def strongest(entries: Entries, weights: Weights, most: int) -> Entries:
    """The n-grams and words with the `most` greatest weights in any class, in their order, and every step of form."""
    weight = np.abs(weights.coefficients[: len(entries.texts)]).max(axis=1)
    keep = np.sort(np.argsort(-weight, kind="stable")[:most])
    kinds, texts = ([column[i] for i in keep.tolist()] for column in (entries.kinds, entries.texts))
    return Entries(kinds, texts, entries.form, entries.idf[keep])


@dataclass(frozen=True)
class Calibration:
    """Joint probabilities = softmax(slope * logits + shift), one slope, one shift per class."""

    slope: float
    shift: Floats

    def apply(self, weights: Weights) -> Weights:
        """Weights whose softmax is calibrated."""
        return Weights(weights.coefficients * self.slope, weights.intercepts * self.slope + self.shift)


def calibrate(logits: Floats, label: NDArray[np.int64]) -> Calibration:
    """The slope and shifts that make softmax of out-of-fold `logits` likeliest for `label` (maximum likelihood)."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    n, k = logits.shape
    onehot = np.eye(k)[label]

    def loss(theta: Floats) -> tuple[float, Floats]:
        log_p = log_softmax(theta[0] * logits + theta[1:], axis=1)
        gap = np.exp(log_p) - onehot
        ridge = 1e-3 * theta[1:]  # a class absent from the sample must not run to minus infinity
        return -float((onehot * log_p).sum()) / n + float(ridge @ theta[1:]) / 2, np.concatenate(
            ([(gap * logits).sum() / n], gap.mean(axis=0) + ridge)
        )

    found = minimize(loss, np.concatenate(([1.0], np.zeros(k))), jac=True, method="L-BFGS-B")
    return Calibration(float(found.x[0]), np.asarray(found.x[1:]))


def to_model(weights: Weights, entries: Entries, classes: tuple[str, ...], lexicon_version: str) -> LinearModel:
    """The model to save: idf folded into the weights, so that serving needs none."""
    scale = np.concatenate((entries.idf * IDF_SCALE, np.ones(len(entries.form), np.float32)))
    kinds = entries.kinds + ["form"] * len(entries.form)
    table = pa.table({"kind": kinds, "text": entries.texts + entries.form})
    coefficients = (weights.coefficients * scale[:, None]).astype(np.float32)
    return LinearModel("unsaved", classes, table, coefficients, weights.intercepts, lexicon_version)
