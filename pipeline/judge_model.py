"""The judge in context: how much the campaign so far, the author's past and the post's own marks add to what the text says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.additive import Floats, Step, stepped
from pipeline.tables import BROADCAST, CLASSES

LOGIT_LIMIT = 6.0  # a text alone is never surer than 1 in 400
# Recruiting is rare in the feed that probabilities are calibrated to: the likeliest class alone would miss too much of it.
LABEL_WEIGHTS = np.array([2.7 if name == "recruit" else 1.0 for name in CLASSES])
LEAN_PRIOR = 10.0  # the shares of an author's past count as much as the usual ones once this many posts are known
LOUD = np.array([CLASSES.index(name) for name in BROADCAST])
CALM = np.array([i for i, name in enumerate(CLASSES) if name not in BROADCAST])


@dataclass(frozen=True)
class ContextModel:
    """Log-odds = intercept + sum of coefficient * feature over `names` + sum of `steps` + the weight of the app.

    `base_rate` is the share of broadcasting it was calibrated at, `shares` those of CLASSES there. A NULL feature (NaN) is
    none of `names`.
    """

    version: str
    names: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float
    base_rate: float
    steps: tuple[Step, ...] = ()
    apps: Mapping[str, float] = field(default_factory=dict)
    shares: tuple[float, ...] = ()

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

    def lean(self, past: Floats, n: Floats) -> Floats:
        """What to weigh the classes by, given the author's past: posts by CLASSES, 1 where nothing is known.

        past: sums of each class's probability over the `n` known posts. The weight is the root of the odds of the past's
        shares (drawn to the usual ones) to the usual ones.
        """
        if not self.shares:
            return np.ones_like(past)
        usual = np.array(self.shares)
        return np.asarray(np.sqrt((past + LEAN_PRIOR * usual) / (n[:, None] + LEAN_PRIOR) / usual))

    def shift(self, base_rate: float) -> float:
        """What another share of broadcasting in the feed adds to the log-odds."""
        return _odds(base_rate) - _odds(self.base_rate)

    def _adds(self, name: str, values: Floats) -> Floats:
        total = np.zeros(len(values))
        if name in self.names:
            total += self.coefficients[self.names.index(name)] * values
        steps = [step for step in self.steps if step.feature == name]
        return total + stepped(values, steps) if steps else total


def likeliest(classes: Floats) -> NDArray[np.int64]:
    """The label of each text by its probabilities (texts by CLASSES): the likeliest class, recruiting weighed."""
    return np.asarray((classes * LABEL_WEIGHTS).argmax(axis=1))


def decide(classes: Floats, logits: Floats) -> tuple[Floats, NDArray[np.bool_], NDArray[np.int64]]:
    """Probability of broadcasting, whether it is, and the label: the likeliest class on that side, recruiting weighed.

    classes: texts by CLASSES; logits: log-odds of broadcasting at the stated base rate.
    """
    probability = chances(logits)
    is_broadcast = probability >= 0.5
    weighed = classes * LABEL_WEIGHTS
    loud, calm = LOUD[weighed[:, LOUD].argmax(axis=1)], CALM[weighed[:, CALM].argmax(axis=1)]
    return probability, is_broadcast, np.where(is_broadcast, loud, calm)


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
