"""jieba as published, over any dictionaries: what the segmenter is held against."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import jieba
from jieba import finalseg

Cut = Callable[[str], list[str]]
OWN = Path(jieba.__file__).parent / "dict.txt"


@contextmanager
def jieba_over(user: bytes | None = None, main: bytes | None = None) -> Iterator[Cut]:
    """lcut of a fresh tokenizer; the words that a user dictionary splits are forgotten afterwards."""
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = _own() if main is None else tokenizer.gen_pfdict(io.BytesIO(main))
    tokenizer.FREQ = dict(tokenizer.FREQ)
    tokenizer.initialized = True
    before = set(finalseg.Force_Split_Words)
    try:
        if user is not None:
            tokenizer.load_userdict(io.BytesIO(user))
        yield tokenizer.lcut
    finally:
        finalseg.Force_Split_Words.intersection_update(before)


@cache
def jieba_itself() -> Cut:
    """lcut over jieba's own dictionary."""
    with jieba_over() as lcut:
        return lcut


@cache
def _own() -> tuple[dict[str, int], int]:
    return jieba.Tokenizer.gen_pfdict(OWN.open("rb"))
