from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.learn import feelings, intensity
from pipeline.learn.feelings import STRONGEST

STRENGTH = np.array([0, 1, 2, 3] * 50)
LOUD = sp.csr_matrix(
    (STRENGTH[:, None] > np.arange(3)).astype(np.float64)
)  # three words, of which the strongest texts have all


def _intensity(learned: sp.csr_matrix, strength: NDArray[np.int64], asked: sp.csr_matrix) -> NDArray[np.float64]:
    logits = intensity.fit_intensity(learned, strength, seed=1).logits(asked)
    return np.asarray(1 / (1 + np.exp(-logits[:, 0])))


def test_intensity_rises_with_the_strength_and_is_right_on_the_average() -> None:
    by_strength = _intensity(LOUD, STRENGTH, sp.csr_matrix(np.tri(4, 3, -1)))
    assert np.all(np.diff(by_strength) > 0.1)
    assert np.abs(by_strength - np.arange(4) / STRONGEST).max() < 0.12
    assert _intensity(LOUD, STRENGTH, LOUD).mean() == pytest.approx(0.5, abs=0.02)


def test_it_is_the_share_to_be_expected_where_readers_differ() -> None:
    said = sp.csr_matrix(np.repeat([[1.0], [0.0]], 200, axis=0))
    half = np.where(
        np.arange(400) < 200, np.tile([0, 3], 200), 0
    )  # of the texts with the word half are of the strongest
    assert _intensity(said, half, sp.csr_matrix([[1.0], [0.0]])) == pytest.approx([0.5, 0.0], abs=0.05)


def test_figures_are_of_texts_held_out_against_the_mean_of_the_others(data: Path) -> None:
    found = feelings.load(data)
    n = len(found.label)
    assert intensity.figures_of(np.zeros(n), found) is None
    some = replace(found, strength=np.arange(n) % 4)
    share = some.strength / STRONGEST
    right, flat = intensity.figures_of(share, some), intensity.figures_of(1 - share, some)
    assert right is not None
    assert flat is not None
    assert right.n == found.held_out.sum()
    assert (right.error, right.correlation) == (pytest.approx(0), pytest.approx(1))
    assert flat.correlation == pytest.approx(-1)
    assert flat.error > right.error_of_mean > 0.2
