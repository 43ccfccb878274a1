from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.text.compiled import kernel
from pipeline.text.prefetch import prefetch


@kernel
def _sum_ahead(values: Any, ahead: Any) -> Any:
    total = 0.0
    for i in range(len(values)):
        prefetch(values, np.uint64(i) + ahead)
        total += values[i]
    return total


def test_asking_ahead_changes_nothing_and_may_go_beyond_the_end() -> None:
    values = np.arange(1_000, dtype=np.float64)
    assert _sum_ahead(values, np.uint64(8)) == values.sum()
    assert _sum_ahead(values, np.uint64(1 << 40)) == values.sum()
