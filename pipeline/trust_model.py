"""The learned author model: a sum of lines and steps over the author features, as plain numbers.

It lies below steps and learn, so that serving needs no training library; a model folder holds it as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit, log1p

from pipeline.additive import Floats, Step
from pipeline.errors import SchemaError


@dataclass(frozen=True)
class TrustModel:
    """P(spammer) = 1 / (1 + exp(-z)), z = intercept + sum of coefficient * (value - mean) / scale over `features` + steps.

    In a line a NULL value is first replaced by its fill; where `logged`, the value (never negative) then becomes
    log(1 + value).
    """

    version: str
    features: tuple[str, ...]
    logged: tuple[bool, ...]
    fills: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    steps: tuple[Step, ...] = ()
    # Platform -> trust scores of reference accounts, ascending and evenly spaced by rank: what trust_percentile counts in.
    reference: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(Step(*step) for step in self.steps))
        object.__setattr__(self, "reference", {name: tuple(scores) for name, scores in self.reference.items()})
        lengths = {len(v) for v in (self.logged, self.fills, self.means, self.scales, self.coefficients)}
        if lengths != {len(self.features)}:
            got = f"lists of {sorted(lengths)} numbers for {len(self.features)} features"
            raise SchemaError(f"trust model {self.version}: got {got}, expected one each; train the model again")

    def probability(self, columns: Mapping[str, Floats]) -> Floats:
        """Probability of being a spammer per row, from feature columns in which NaN stands for NULL.

        Raises SchemaError where a feature of the model is missing.
        """
        missing = sorted({*self.features, *(step.feature for step in self.steps)} - set(columns))
        if missing:
            raise SchemaError(f"trust model {self.version}: no columns {missing}; train it on this version's features")
        z = np.full(len(next(iter(columns.values()))), self.intercept)
        # Column by column, not as a matrix product: a row's result must not hang on how many rows stand beside it.
        for name, logged, fill, mean, scale, coefficient in zip(
            self.features, self.logged, self.fills, self.means, self.scales, self.coefficients, strict=True
        ):
            z += coefficient * (transformed(columns[name], logged, fill) - mean) / scale
        for step in self.steps:
            values = columns[step.feature]
            z += np.where(values > step.threshold, step.above, np.where(np.isnan(values), step.unknown, step.below))
        return np.asarray(expit(z))


def transformed(values: Floats, logged: bool, fill: float) -> Floats:
    """A feature column with NaN filled and, where `logged`, as log(1 + value)."""
    filled = np.where(np.isnan(values), fill, values)
    return np.asarray(log1p(np.maximum(filled, 0)) if logged else filled)
