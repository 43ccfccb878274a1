"""What an author shares about, and whether it stays the same once selling sets in. Part of the trust step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from pipeline.steps.author_life import Floats, Lives, ratio
from pipeline.tables import TOPICS

YEAR, BEFORE, AFTER = 365, 180, 90  # days
LEAST_TOLD = 5  # posts with a topic


def topic_features(life: Lives) -> dict[str, Floats]:
    """topic_focus: 1 - H / ln 15 of the last year; topic_continuity: cosine of the 180 days before t_c and the 90 from it on."""
    since = life.day - life.onset[life.author]
    recent = _counts(life, life.recent(YEAR))
    before = _counts(life, (since < 0) & (since >= -BEFORE))
    after = _counts(life, (since >= 0) & (since < AFTER))
    n = recent.sum(axis=1)
    bits = entr(ratio(recent, n[:, None])).sum(axis=1)
    long = np.sqrt((before**2).sum(axis=1) * (after**2).sum(axis=1))
    enough = np.minimum(before.sum(axis=1), after.sum(axis=1)) >= LEAST_TOLD
    return {
        "topic_focus": np.where(n >= LEAST_TOLD, 1 - bits / np.log(len(TOPICS)), np.nan),
        "topic_continuity": np.where(enough, ratio((before * after).sum(axis=1), long), np.nan),
    }


def _counts(life: Lives, where: NDArray[np.bool_]) -> Floats:
    """Posts by topic over the days `where`, shape (authors, topics)."""
    found = life.totals([f"n_topic_{name}" for name in TOPICS], where)
    return np.stack([*found.values()], axis=1).astype(np.float64)
