"""How strong a feeling is, whichever side it is on: what a reader would say, as a share of the strongest.

A logistic regression of shares (Papke and Wooldridge 1996): a text of strength 2 of 3 counts two thirds as strong and one as
not, so that the sigmoid is the share to be expected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.learn import metrics
from pipeline.learn.feelings import NEUTRAL, SETS, STRONGEST, UNKNOWN, Feelings
from pipeline.learn.fit import Weights
from pipeline.text.linear import Floats

INVERSE_STRENGTH = 1.0  # 3: correlation lower by .006; 10: by .04; log-count ratios as a scale: within .002
TOLERANCE = 1e-3


def known(rows: Feelings) -> NDArray[np.bool_]:
    """Which texts have a strength."""
    return np.asarray(rows.strength != UNKNOWN)


def fit_intensity(matrix: sp.csr_matrix, strength: NDArray[np.int64], *, seed: int) -> Weights:
    """One column, whose sigmoid is the expected strength / STRONGEST, from texts of at least two strengths."""
    from sklearn.linear_model import LogisticRegression

    share = strength / STRONGEST
    model = LogisticRegression(solver="liblinear", C=INVERSE_STRENGTH, tol=TOLERANCE, random_state=seed)
    strong = np.repeat([True, False], len(share))
    model.fit(sp.vstack([matrix, matrix], format="csr"), strong, sample_weight=np.concatenate((share, 1 - share)))
    return Weights(model.coef_.T, model.intercept_)


@dataclass(frozen=True)
class IntensityFigures:
    """Of texts that were read and held out: how many, the mean error of the intensity and of the mean of those learned from, and
    the rank correlation with the strength. Of SMP2020's held out: the AUC of any emotion against neutral."""

    n: int
    error: float
    error_of_mean: float
    correlation: float
    auc: float


def figures_of(intensity: Floats, rows: Feelings) -> IntensityFigures | None:
    """The figures of texts held out, by what was learned from the others; None where none was read."""
    from scipy.stats import spearmanr

    read = known(rows) & rows.held_out
    smp = rows.held_out & (rows.dataset == SETS[0])
    if not read.any():
        return None
    share = rows.strength[read] / STRONGEST
    mean = float(rows.strength[known(rows) & rows.fitted].mean()) / STRONGEST
    return IntensityFigures(
        int(read.sum()), float(np.abs(intensity[read] - share).mean()), float(np.abs(mean - share).mean()),
        float(spearmanr(intensity[read], share).statistic), metrics.auc(rows.label[smp] != NEUTRAL, intensity[smp]),
    )  # fmt: skip
