"""Self-training: a model learned from labelled posts labels public posts that nobody read, and learns again from both.

An author's other posts help it decide: who broadcasts, broadcasts again. The model that ships sees one text alone and so
learns from texts what their authors' habits gave away. Posts enter at a small weight and only where the verdict is clear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.learn.fit import MOST_ENTRIES, Design, Entries, Known, Weights, choose_entries, fit_weights, strongest
from pipeline.learn.public_posts import Unlabelled
from pipeline.tables import BROADCAST, CLASSES
from pipeline.text.linear import Floats, softmax
from pipeline.text.reading import Reader, Reading

CLEAR = 0.6  # the probability from which a verdict is learned from
VERDICT_WEIGHT = 0.05  # of a verdict beside a reading; 0.1 gave as much on Weibo and took more from Xiaohongshu
HABIT = 0.5  # how far an author's other posts move the log-odds of broadcasting, to either side
HABIT_PRIOR = 3.0  # posts
LOGIT_LIMIT = 5.0
CONSTANTS = {"clear": CLEAR, "verdict_weight": VERDICT_WEIGHT, "habit": HABIT, "habit_prior": HABIT_PRIOR}
_BROADCAST = [CLASSES.index(c) for c in BROADCAST]
_SHARE = CLASSES.index("share")


@dataclass(frozen=True)
class Verdicts:
    """Rows of the unlabelled posts and what they are taken for."""

    rows: NDArray[np.int64]
    label: NDArray[np.int64]


def verdicts(logits: Floats, author: NDArray[np.object_], allowed: NDArray[np.bool_]) -> Verdicts:
    """The clear ones among the posts allowed: each post's logits (posts by classes), moved by its author's other posts."""
    moved = logits.copy()
    habit = HABIT * _habit(logits, author)
    moved[:, _BROADCAST] += habit[:, None]
    moved[:, _SHARE] -= habit
    chances = softmax(moved)
    rows = np.flatnonzero(allowed & (chances.max(axis=1) > CLEAR))
    return Verdicts(rows, chances[rows].argmax(axis=1))


def _habit(logits: Floats, author: NDArray[np.object_]) -> Floats:
    """Mean log-odds of broadcasting over the author's other posts, drawn to 0 by HABIT_PRIOR posts."""
    loud = np.log(np.exp(logits[:, _BROADCAST]).sum(axis=1)) - logits[:, _SHARE]
    loud = np.clip(loud, -LOGIT_LIMIT, LOGIT_LIMIT)
    _, number = np.unique(author.astype(str), return_inverse=True)
    others = np.bincount(number, loud)[number] - loud
    return np.asarray(others / (np.bincount(number)[number] - 1 + HABIT_PRIOR))


def fit_posts(
    reader: Reader, reading: Reading, rows: NDArray[np.bool_], known: Known,
    unlabelled: Unlabelled, allowed: NDArray[np.bool_], *, seed: int,
) -> tuple[Entries, Weights]:  # fmt: skip
    """Entries and weights learned from the labelled texts in `rows`, then from them and the unlabelled posts allowed."""
    entries = choose_entries(reader, reading, known.author, rows)
    label, weight, standard = known.label[rows], known.weight[rows], known.standard[rows]
    mine, theirs = (Design.of(reader, r, entries).matrix for r in (reading, unlabelled.reading))
    near = unlabelled.near(reader, entries.kinds, entries.texts, mine.shape[1])
    teacher = fit_weights(mine[rows], label, weight, known.n_classes, seed=seed, standard=standard, vectors=near)
    said = verdicts(teacher.logits(theirs), unlabelled.author, allowed)
    label = np.concatenate((label, said.label))
    weight = np.concatenate((weight, np.full(len(said.rows), VERDICT_WEIGHT)))
    standard = np.concatenate((standard, np.zeros(len(said.rows), bool)))
    for last in (False, True):
        matrix = sp.vstack((mine[rows], theirs[said.rows]), format="csr")
        weights = fit_weights(matrix, label, weight, known.n_classes, seed=seed, standard=standard, vectors=near)
        if last or len(entries.texts) <= MOST_ENTRIES:
            break
        entries = strongest(entries, weights, MOST_ENTRIES)
        mine, theirs = (Design.of(reader, r, entries).matrix for r in (reading, unlabelled.reading))
        near = unlabelled.near(reader, entries.kinds, entries.texts, mine.shape[1])
    return entries, weights
