"""Figures of a classifier, with bootstrap intervals over authors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.judge_model import text_logits
from pipeline.tables import BROADCAST, CLASSES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_BROADCAST = [CLASSES.index(c) for c in BROADCAST]
_SHARE = CLASSES.index("share")
BINS = 10
BASE_RATE = 0.3  # that of the setting


def broadcast_score(probabilities: Floats) -> Floats:
    """P(broadcast) among broadcast and share: the main figure leaves news and auto out."""
    broadcast = probabilities[:, _BROADCAST].sum(axis=1)
    return np.asarray(broadcast / np.maximum(broadcast + probabilities[:, _SHARE], 1e-12))


def flagged(probabilities: Floats, natural: float) -> NDArray[np.bool_]:
    """What a judge of base rate `natural` flags by text alone at the usual setting."""
    shift = np.log(BASE_RATE / (1 - BASE_RATE)) - np.log(natural / (1 - natural))
    return np.asarray(text_logits(probabilities[:, _BROADCAST].sum(axis=1)) + shift >= 0)


def main_rows(label: Ints) -> NDArray[np.bool_]:
    """Rows of the main figure: share and broadcast."""
    return np.asarray((label == _SHARE) | np.isin(label, _BROADCAST))


def best_f1(truth: NDArray[np.bool_], score: Floats) -> float:
    """The largest F1 over all thresholds."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(truth, score)
    return float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)))


def figures(label: Ints, probabilities: Floats, guess: Ints | None = None) -> dict[str, float]:
    """AUC, AP and F1 of broadcast against share, and the six classes; disputed rows (-1) left out.

    `guess`: the class of each row, where it is not the likeliest.
    """
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    known = label >= 0
    guess = (probabilities.argmax(axis=1) if guess is None else guess)[known]
    label, probabilities = label[known], probabilities[known]
    rows = main_rows(label)
    truth, score = label[rows] != _SHARE, broadcast_score(probabilities)[rows]
    each = f1_score(label, guess, labels=list(range(len(CLASSES))), average=None, zero_division=0)
    return {
        "n": int(known.sum()), "n_broadcast": int(truth.sum()), "auc": float(roc_auc_score(truth, score)),
        "average_precision": float(average_precision_score(truth, score)),
        "f1": float(f1_score(truth, score >= 0.5)), "best_f1": best_f1(truth, score),
        "macro_f1": float(each.mean()), **{f"f1_{c}": float(each[i]) for i, c in enumerate(CLASSES)},
    }  # fmt: skip


def auc(labels: NDArray[np.bool_], values: Floats) -> float:
    """Area under the ROC curve by ranks (ties share theirs); NaN where one class is missing."""
    from scipy.stats import rankdata

    n = int(labels.sum())
    if n in (0, len(labels)):
        return float("nan")
    return float((rankdata(values)[labels].sum() - n * (n + 1) / 2) / (n * (len(labels) - n)))


def calibration_error(truth: NDArray[np.bool_], score: Floats) -> float:
    """Expected calibration error over 10 equal bins of the score."""
    bins = np.minimum((score * BINS).astype(int), BINS - 1)
    gaps = [
        abs(truth[bins == b].mean() - score[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins).tolist()
    ]
    return float(np.sum(gaps))


def interval(
    authors: NDArray[np.object_], figure: Callable[[Ints], float], *, draws: int = 300, seed: int = 7
) -> tuple[float, float]:
    """95% bootstrap interval of `figure(rows)`, resampling authors (posts of one author are no independent evidence)."""
    _, groups = np.unique(authors.astype(str), return_inverse=True)
    order = np.argsort(groups, kind="stable")
    bounds = np.concatenate(([0], np.cumsum(np.bincount(groups))))
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        drawn = rng.integers(0, len(bounds) - 1, len(bounds) - 1)
        rows = np.concatenate([order[bounds[g] : bounds[g + 1]] for g in drawn.tolist()])
        values.append(figure(rows))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
