"""The texts divided among threads, so that no text of one share can meet a text of another. Part of the campaigns step.

Texts that share a bucket belong together, and so do those that each shares one with: what comes of one such company of
texts hangs on no other, so companies may be clustered side by side, or on many machines. The largest share is no
smaller than the largest company: of 579,271 posts about one epidemic the largest is 60% of all that share a bucket.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.steps.campaign_keys import Numbers, Rooms
from pipeline.text.codepoints import Ints
from pipeline.text.compiled import kernel
from pipeline.text.folding import fixed

Shares = NDArray[np.int16]
NO_SHARE = -1


class Companies:
    """Texts found to share a bucket, band by band."""

    def __init__(self, n_texts: int) -> None:
        self._parents = np.arange(n_texts, dtype=np.int32)

    def join(self, buckets: Rooms, n_places: int) -> None:
        """Bring together the texts of each bucket of one band (campaign_keys.number_buckets)."""
        _join(fixed(buckets), np.full(n_places + 1, -1, np.int32), self._parents)

    def shares(self, chosen: NDArray[np.bool_], n: int) -> Shares:
        """The share of each of the texts `chosen`, below `n`, of about equal sizes; NO_SHARE for the others."""
        shares = np.full(len(chosen), NO_SHARE, np.int16)
        if n > 1:
            _settle(self._parents)
            sizes = np.bincount(self._parents[chosen], minlength=len(chosen))
            companies = np.flatnonzero(sizes)
            order = companies[np.argsort(-sizes[companies], kind="stable")]
            _share_out(fixed(order), fixed(sizes), np.zeros(n, np.int64), shares)
            shares = shares[self._parents]
        shares[chosen & (shares < 0)] = 0
        shares[~chosen] = NO_SHARE
        return shares


@kernel
def _root(parents: Numbers, text: int) -> int:
    while parents[text] != text:
        parents[text] = parents[parents[text]]
        text = parents[text]
    return text


@kernel
def _join(buckets: Rooms, owners: Numbers, parents: Numbers) -> None:
    for text in range(len(buckets)):
        room = buckets[text]
        if room > 0:
            if owners[room] < 0:
                owners[room] = text
            else:
                one, other = _root(parents, owners[room]), _root(parents, text)
                parents[max(one, other)] = min(one, other)


@kernel
def _settle(parents: Numbers) -> None:
    for text in range(len(parents)):
        parents[text] = parents[parents[text]]  # a parent is never later than its child, so it is settled by now


@kernel
def _share_out(order: Ints, sizes: Ints, loads: Ints, shares: Shares) -> None:
    """The companies, largest first, each to the share that has least so far."""
    for company in order:
        least = 0
        for number in range(len(loads)):
            if loads[number] < loads[least]:
                least = number
        shares[company] = least
        loads[least] += sizes[company]
