"""Yes-or-no fits with features scaled by their log-count ratios, and a bias of its own for each set of texts.

Wang and Manning 2012 (NB-SVM), with logistic loss: a feature that stands as often in either class is shrunk before the fit,
so that what one set of texts says by chance counts for less. What it gained here stands in models/sentiment/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.text.linear import Floats

INVERSE_STRENGTH = 2.0  # liblinear's C; 1 and 4 were within 0.003
MIX = 0.7  # of the scale: the log-count ratio's part; the rest is 1 for every feature
TOLERANCE = 0.1  # at 0.01 no verdict is another, and not every fit ends


@dataclass(frozen=True)
class Rows:
    """What a fit sees: features, the class (yes or no), how much a text counts, and the number of its set."""

    matrix: sp.csr_matrix
    truth: NDArray[np.bool_]
    weight: Floats
    domain: NDArray[np.int64]

    def take(self, keep: NDArray[np.bool_]) -> Rows:
        """Those of `keep`."""
        at = np.flatnonzero(keep)
        return Rows(self.matrix[at], self.truth[at], self.weight[at], self.domain[at])


def balanced(truth: NDArray[np.bool_], weight: Floats) -> Floats:
    """`weight`, scaled so that both classes weigh half of what all weigh."""
    half = weight.sum() / 2
    return np.asarray(np.where(truth, half / weight[truth].sum(), half / weight[~truth].sum()) * weight)


def log_ratios(matrix: sp.csr_matrix, truth: NDArray[np.bool_], weight: Floats) -> Floats:
    """ln of each feature's share of all features in texts that are, over that in texts that are not; counts begin at 1."""
    there = sp.csr_matrix((np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
    yes, no = (1 + there.T @ np.where(side, weight, 0.0) for side in (truth, ~truth))
    return np.asarray(np.log((yes / yes.sum()) / (no / no.sum())))


def fit_ratio(rows: Rows, *, seed: int) -> tuple[Floats, float]:
    """Coefficients and bias of a balanced logistic regression; the sets' own biases are fitted beside them and left out."""
    from sklearn.linear_model import LogisticRegression

    weight = balanced(rows.truth, rows.weight)
    scale = 1 - MIX + MIX * np.abs(log_ratios(rows.matrix, rows.truth, weight))
    sets = np.eye(int(rows.domain.max()) + 1)[rows.domain]
    seen = sp.hstack([rows.matrix @ sp.diags(scale), sp.csr_matrix(sets)], format="csr")
    model = LogisticRegression(solver="liblinear", dual=True, C=INVERSE_STRENGTH, tol=TOLERANCE, random_state=seed)
    model.fit(seen, rows.truth, sample_weight=weight)
    return model.coef_[0][: len(scale)] * scale, float(model.intercept_[0])
