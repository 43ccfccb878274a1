"""What each character of a text adds to the log-odds of its label against share, and the runs of words that add the most.

One walk per text: the evidence of every n-gram and word is spread over its characters, then summed word by word.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.text.codepoints import Bytes, Codes, Ints
from pipeline.text.compiled import kernel
from pipeline.text.ngrams import LONGEST, Keys, Small
from pipeline.text.vocabulary import entry_of, gather_keys

Floats = NDArray[np.float64]
UNIT = 2.0**-32  # evidence is summed as whole units, so that sums do not hang on the batch a text stands in
PER_TEXT = 3  # a reviewer reads three reasons; more hide the first
_MICRO = 1e6 * UNIT  # spans within a millionth weigh the same: the earlier one comes first
_ZERO, _ONE, _TWO, _THREE = (np.uint64(n) for n in range(4))


@kernel
def _add(change: Ints, start: Any, end: Any, each: float) -> None:
    """Spread the evidence of one occurrence evenly over its characters."""
    share = np.int64(np.rint(each / np.float64(end - start) / UNIT))
    change[start] += share
    change[end] -= share


@kernel
def _weigh(
    entries: Small, times: Small, start: Any, end: Any, weights: NDArray[np.float32], own: int, label: Any, against: Any,
    value: Floats,
) -> None:  # fmt: skip
    """Of each entry of a text what one occurrence adds, to `value`. Column `own` of weights says which entries are the
    model's, the columns `label` and `against` what they add."""
    norm, i = 0.0, start
    while i < end:
        entry, often = np.uint64(entries[i]), np.float64(times[i])
        damped = 1.0 + np.log(often)
        norm += damped * damped * weights[entry, own]
        toward = np.float64(weights[entry, label]) - np.float64(weights[entry, against])
        value[entry] = damped / often * toward * weights[entry, own]
        i += _ONE
    scale, i = 1.0 / max(np.sqrt(norm), 1e-12), start
    while i < end:
        value[np.uint64(entries[i])] *= scale
        i += _ONE


@kernel
def spread(
    codes: Codes, start: Any, end: Any, slots: Keys, maybe: Bytes, single: Codes, keys: Keys, places: Codes,
    token_starts: Ints, token_ends: Ints, token_entries: Small, first: Any, last: Any, value: Floats, change: Ints,
) -> None:  # fmt: skip
    """Evidence in UNITs of each character of the text codes[start:end], to `change`, which is longer by one."""
    change[: end - start + _ONE] = 0
    i = start
    while i < end:
        entry = np.int64(single[codes[i]] if codes[i] < len(single) else 0) - 1
        if entry >= 0:
            _add(change, i - start, i - start + _ONE, value[np.uint64(entry)])
        i += _ONE
    n, i = gather_keys(codes, start, end, maybe, single, keys, places), _ZERO
    while i < n:
        entry = entry_of(keys[i], slots)
        if entry >= 0:
            begin = np.uint64(places[i]) >> _TWO
            _add(change, begin, begin + (np.uint64(places[i]) & _THREE) + _ONE, value[np.uint64(entry)])
        i += _ONE
    i = first
    while i < last:
        if token_entries[i] >= 0:
            begin, stop = np.uint64(token_starts[i]) - start, np.uint64(token_ends[i]) - start
            _add(change, begin, stop, value[np.uint64(token_entries[i])])
        i += _ONE
    i = _ONE
    while i <= end - start:
        change[i] += change[i - _ONE]
        i += _ONE


@kernel
def _insert(weight: int, begin: int, stop: int, weights: Ints, starts: Ints, ends: Ints, n: int) -> int:
    """Put a run among the strongest so far, which are in order; how many there are then. An earlier one comes first."""
    rank, at = np.int64(np.rint(weight * _MICRO)), n
    while at > 0 and np.int64(np.rint(weights[at - 1] * _MICRO)) < rank:
        at -= 1
    for k in range(min(n, PER_TEXT - 1), at, -1):
        weights[k], starts[k], ends[k] = weights[k - 1], starts[k - 1], ends[k - 1]
    if at < PER_TEXT:
        weights[at], starts[at], ends[at] = weight, begin, stop
    return min(n + 1, PER_TEXT)


@kernel
def strongest_runs(
    codes: Codes, text_starts: Ints, slots: Keys, maybe: Bytes, single: Codes,
    token_starts: Ints, token_ends: Ints, token_entries: Small, offsets: Ints, wordy: NDArray[np.bool_],
    indptr: Ints, entries: Small, times: Small, weights: NDArray[np.float32], own: int, against: int,
    rows: Ints, label: Ints, out: Ints, counts: Ints, evidence: Ints,
) -> None:  # fmt: skip
    """Of each text in `rows` the PER_TEXT strongest runs of words that speak for its label, to out[i, :counts[i]]: where in
    codes each begins and ends, and its weight in UNITs. A run ends at a break or at a word that speaks against the label.

    `evidence`, where it has room for all codes, gets what each character adds.
    """
    longest = 0
    for row in rows:
        longest = max(longest, text_starts[row + 1] - text_starts[row])
    keys, places = np.empty(LONGEST * longest, np.uint64), np.empty(LONGEST * longest, np.uint32)
    change, value = np.empty(longest + 1, np.int64), np.zeros(weights.shape[0])
    best = np.empty((3, PER_TEXT), np.int64)
    for i in range(len(rows)):
        row = np.uint64(rows[i])
        start, end = np.uint64(text_starts[row]), np.uint64(text_starts[row + _ONE]) - _ONE
        _weigh(
            entries, times, np.uint64(indptr[row]), np.uint64(indptr[row + _ONE]), weights, own,
            np.uint64(label[i]), np.uint64(against), value,
        )  # fmt: skip
        spread(
            codes, start, end, slots, maybe, single, keys, places, token_starts, token_ends, token_entries,
            np.uint64(offsets[row]), np.uint64(offsets[row + _ONE]), value, change,
        )  # fmt: skip
        if len(evidence):
            evidence[start:end] = change[: end - start]
        n, weight, begin, stop = 0, 0, 0, 0
        for token in range(offsets[row], offsets[row + _ONE]):
            score = 0
            if wordy[token]:
                for k in range(token_starts[token] - np.int64(start), token_ends[token] - np.int64(start)):
                    score += change[k]
            if score > 0:
                begin = token_starts[token] if weight == 0 else begin
                weight, stop = weight + score, token_ends[token]
            elif weight > 0:
                n = _insert(weight, begin, stop, best[2], best[0], best[1], n)
                weight = 0
        if weight > 0:
            n = _insert(weight, begin, stop, best[2], best[0], best[1], n)
        counts[i] = n
        for k in range(n):
            out[i, k, 0], out[i, k, 1], out[i, k, 2] = best[0, k], best[1, k], best[2, k]
