"""How often each of many hashes was met so far, in 12 to 30 bytes a hash: a file may have as many as it has rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.text.compiled import kernel

Words = NDArray[np.uint64]
_FIRST, _FULL = 1 << 12, 0.8  # places to begin with; the share of them that may be taken


class Tally:
    """A count for each 64-bit hash."""

    def __init__(self) -> None:
        self._hashes, self._times = np.zeros(_FIRST, np.uint64), np.zeros(_FIRST, np.uint32)
        self._n = 0

    def add(self, hashes: Words) -> NDArray[np.uint32]:
        """Count these; for each how often it has been met by then, itself included."""
        while self._n + len(hashes) > _FULL * len(self._hashes):
            self._double()
        met = np.empty(len(hashes), np.uint32)
        self._n += _count(self._hashes, self._times, hashes, met)
        return met

    def _double(self) -> None:
        hashes, times = np.zeros(2 * len(self._hashes), np.uint64), np.zeros(2 * len(self._hashes), np.uint32)
        _move(self._hashes, self._times, hashes, times)
        self._hashes, self._times = hashes, times


@kernel
def _place(hashes: Any, times: Any, one: Any) -> Any:
    """Where a hash stands, or would: the first free place after the one that its bits name."""
    at = np.int64(one & np.uint64(len(hashes) - 1))
    while times[at] and hashes[at] != one:
        at = (at + 1) & (len(hashes) - 1)
    return at


@kernel
def _count(hashes: Any, times: Any, more: Any, met: Any) -> Any:
    """How many of `more` are new."""
    new = 0
    for i in range(len(more)):
        at = _place(hashes, times, more[i])
        new += times[at] == 0
        hashes[at] = more[i]
        times[at] += 1
        met[i] = times[at]
    return new


@kernel
def _move(hashes: Any, times: Any, to_hashes: Any, to_times: Any) -> None:
    for i in range(len(hashes)):
        if times[i]:
            at = _place(to_hashes, to_times, hashes[i])
            to_hashes[at], to_times[at] = hashes[i], times[i]
