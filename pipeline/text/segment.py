"""Words by jieba: tokens as positions and dictionary numbers, or as strings."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.text.codepoints import Ints, TextBatch, from_arrow
from pipeline.text.compiled import cache_folder

Odds = dict[str, float]
Tables = dict[str, Odds]


@dataclass(frozen=True)
class Tokens:
    """The tokens of a batch: those of text i are [offsets[i]:offsets[i+1]], and they tile it."""

    ids: NDArray[np.int32]  # index into Segmenter.words, -1 for a token outside the dictionary
    starts: Ints  # positions in batch.codes
    ends: Ints
    offsets: Ints

    def __len__(self) -> int:
        return len(self.ids)

    def to_arrow(self, batch: TextBatch) -> pa.ListArray:
        """The tokens as list<element: string>."""
        joined = batch.joined
        values = [joined[a:b] for a, b in zip(self.starts.tolist(), self.ends.tolist(), strict=True)]
        kind = pa.list_(pa.field("element", pa.string()))
        return pa.ListArray.from_arrays(self.offsets.astype(np.int32), pa.array(values, pa.string()), kind)


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
            tokenizer.tmp_dir = str(cache_folder())
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
        self._user = words
        if words is not None:
            self._tokenizer.load_userdict(str(words))

    @cached_property
    def words(self) -> list[str]:
        """The words by id: jieba's dictionary in its order, then the user's that are not in it."""
        import jieba

        lines = (Path(jieba.__file__).parent / "dict.txt").read_text("utf-8").split("\n")
        words = dict.fromkeys(line.split(" ")[0] for line in lines if line)
        if self._user is not None:
            for line in self._user.read_bytes().split(b"\n"):
                if found := jieba.re_userdict.match(line.strip().decode().lstrip("\ufeff")):
                    words[found[1]] = None
        return list(words)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}

    def cut(self, batch: TextBatch) -> Tokens:
        """The tokens of a batch."""
        lists = self.texts([batch.joined[a : b - 1] for a, b in zip(batch.starts[:-1], batch.starts[1:], strict=True)])
        counts = [len(tokens) for tokens in lists]
        flat = [token for tokens in lists for token in tokens]
        ids = np.array([self._ids.get(token, -1) for token in flat], np.int32)
        sizes = np.array([len(token) for token in flat], np.int64)
        ends = np.cumsum(sizes) + np.repeat(np.arange(len(lists)), counts)
        return Tokens(ids, ends - sizes, ends, np.concatenate(([0], np.cumsum(counts))).astype(np.int64))

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


def segment_ids(texts: pa.Array | pa.ChunkedArray) -> Tokens:
    """The tokens of a string array over jieba's own dictionary, as positions in from_arrow(texts).codes."""
    return _plain().cut(from_arrow(texts))


def segment_texts(texts: list[str]) -> list[list[str]]:
    """Tokens identical to `jieba.lcut` of the same version without user words, text by text."""
    return _plain().texts(texts)
