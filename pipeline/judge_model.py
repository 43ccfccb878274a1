"""The judge in context: how much the campaign so far, the author's past and the post's own marks add to what the text says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.additive import Floats, Step, stepped

LOGIT_LIMIT = 6.0  # a text alone is never surer than 1 in 400


@dataclass(frozen=True)
class ContextModel:
    """Log-odds = intercept + sum of coefficient * feature over `names` + sum of `steps` + the weight of the app.

    `base_rate` is the share of broadcasting it was calibrated at. A NULL feature (NaN) is none of `names`.
    """

    version: str
    names: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float
    base_rate: float
    steps: tuple[Step, ...] = ()
    apps: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(Step(*step) for step in self.steps))
        object.__setattr__(self, "apps", dict(self.apps))

    def logits(self, features: Mapping[str, Floats], base_rate: float) -> Floats:
        """Log-odds of broadcasting in a feed where it makes up `base_rate` of posts, whatever the app."""
        total = np.full(len(features["text"]), self.intercept)
        for name in features:
            total += self._adds(name, features[name])
        return total + self.shift(base_rate)

    def gain(self, names: Sequence[str], features: Mapping[str, Floats]) -> Floats:
        """What the features `names` add beyond what they add at 0."""
        nothing = np.zeros(1)
        return np.asarray(sum(self._adds(name, features[name]) - self._adds(name, nothing) for name in names))

    def of_app(self, app: pa.Array) -> Floats:
        """What the app a post came from adds; 0 for one that the model does not know, and for NULL."""
        codes = app.dictionary_encode()
        weights = np.array([*(self.apps.get(name, 0.0) for name in codes.dictionary.to_pylist()), 0.0])
        return np.asarray(weights[codes.indices.fill_null(len(weights) - 1).to_numpy(zero_copy_only=False)])

    def shift(self, base_rate: float) -> float:
        """What another share of broadcasting in the feed adds to the log-odds."""
        return _odds(base_rate) - _odds(self.base_rate)

    def _adds(self, name: str, values: Floats) -> Floats:
        total = np.zeros(len(values))
        if name in self.names:
            total += self.coefficients[self.names.index(name)] * values
        steps = [step for step in self.steps if step.feature == name]
        return total + stepped(values, steps) if steps else total


def _odds(rate: float) -> float:
    return float(np.log(rate / (1 - rate)))


def chances(logits: Floats) -> Floats:
    """Probabilities of log-odds (SciPy's expit, but SciPy takes a sixth of a second to import)."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits))


def text_logits(broadcast: Floats) -> Floats:
    """Log-odds of P(broadcast) by text alone, within LOGIT_LIMIT."""
    low = 1 / (1 + np.exp(LOGIT_LIMIT))
    clipped = np.clip(broadcast, low, 1 - low)
    return np.asarray(np.log(clipped / (1 - clipped)))
