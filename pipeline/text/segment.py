"""Words by jieba, from a private tokenizer: the module-level one is shared by everything in a process."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

Odds = dict[str, float]
Tables = dict[str, Odds]
CACHE_HOME = "XDG_CACHE_HOME"


def _cache_folder() -> Path:
    """The user's own cache folder, 0700: jieba's default is a file in the shared temporary folder that anyone can plant."""
    folder = Path(os.environ.get(CACHE_HOME) or Path.home() / ".cache") / "xinren"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} is not writable")
    return folder


def _open_tokenizer() -> Any:
    """A tokenizer over jieba's dictionary, read from the cache of this jieba version or built afresh (1 s)."""
    import jieba
    from jieba import finalseg

    jieba.setLogLevel(logging.WARNING)  # its DEBUG lines would double under Prefect
    finalseg.viterbi = _viterbi  # module-wide, but with the same results
    tokenizer = jieba.Tokenizer()
    tokenizer.cache_file = f"jieba-{jieba.__version__}.cache"
    with TemporaryDirectory() as private:
        try:
            tokenizer.tmp_dir = str(_cache_folder())
        except OSError:  # a read-only home
            tokenizer.tmp_dir = private
        tokenizer.initialize()
    return tokenizer


def _viterbi(text: str, states: str, start: Odds, step: Tables, emit: Tables) -> tuple[float, list[str]]:
    """jieba.finalseg.viterbi with back pointers: its copied paths take 100 s for 招代招代... of 100,000 characters."""
    from jieba.finalseg import MIN_FLOAT, PrevStatus

    best = {y: start[y] + emit[y].get(text[0], MIN_FLOAT) for y in states}
    back: list[dict[str, str]] = []
    for char in text[1:]:
        found = {
            y: max((best[x] + step[x].get(y, MIN_FLOAT) + emit[y].get(char, MIN_FLOAT), x) for x in PrevStatus[y])
            for y in states
        }
        best = {y: chance for y, (chance, _) in found.items()}
        back.append({y: x for y, (_, x) in found.items()})
    chance, state = max((best[y], y) for y in "ES")
    path = [state]
    for pointers in reversed(back):
        path.append(pointers[path[-1]])
    return chance, path[::-1]


class Segmenter:
    """jieba.lcut (precise mode, HMM on) with jieba's dictionary and, where given, a user dictionary of `words`."""

    def __init__(self, words: Path | None = None) -> None:
        self._tokenizer = _open_tokenizer()
        if words is not None:
            self._tokenizer.load_userdict(str(words))

    def texts(self, texts: list[str]) -> list[list[str]]:
        """The tokens of each text; joined again they are the text."""
        return [self._tokenizer.lcut(text) for text in texts]  # jieba has no batch call

    def tokens(self, texts: pa.Array | pa.ChunkedArray) -> pa.ListArray:
        """The tokens of a string array as list<string>; NULL as the empty text."""
        lists = self.texts([text or "" for text in texts.to_pylist()])
        return pa.array(lists, pa.list_(pa.field("element", pa.string())))


@lru_cache(maxsize=1)
def _plain() -> Segmenter:
    return Segmenter()


def segment_texts(texts: list[str]) -> list[list[str]]:
    """Tokens identical to `jieba.lcut` of the same version without user words, text by text."""
    return _plain().texts(texts)
