"""How much of each post its author's post before says too. Part of the days step."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.hashing import single
from pipeline.order import Ints, flags, numbers
from pipeline.text.codepoints import from_arrow
from pipeline.text.echoes import echoes

_TEXTS = 20_000  # at a time: their code points fit a core's cache, nearly


def echoes_of(posts: pa.Table) -> tuple[Ints, Ints]:
    """Of each post its distinct 3-grams, and those of them that its author's post before holds too; row-aligned.

    Both are 0 where there is no post before. Comments, undated posts and those of unknown authors are as if not there.
    An author's posts stand in the order of time, platforms one after another.
    """
    platform, author = (
        numbers(single(posts[name]).dictionary_encode().indices, -1) for name in ("platform", "author_id")
    )
    told = posts["posted_at"].is_valid().to_numpy() & ~flags(pc.equal(posts["kind"], "comment")) & (author >= 0)
    order = np.flatnonzero(told)
    order = order[np.argsort(author[order], kind="stable")]
    follows = (np.diff(author[order], prepend=-1) == 0) & (np.diff(platform[order], prepend=-1) == 0)
    texts = single(posts["text"])
    grams, shared = np.zeros(len(posts), np.int64), np.zeros(len(posts), np.int64)
    for start in range(0, len(order), _TEXTS):
        low = max(start - 1, 0)  # the post before the first
        some, new = order[low : start + _TEXTS], slice(start - low, None)
        found = echoes(from_arrow(texts.take(pa.array(some))), follows[low : start + _TEXTS])
        grams[some[new]], shared[some[new]] = (values[new] for values in found)
    return grams, shared
