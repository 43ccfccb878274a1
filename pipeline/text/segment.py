"""Words as jieba 0.42.1 cuts them: numbers in the dictionary and positions, or strings.

The algorithm is jieba's, the tables are made from jieba's own files (jieba_build.py) and kept (jieba_tables.py); jieba itself
runs only while they are made. There is no text that needs it: the kernel (jieba_kernel.py) does all of precise mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.text.codepoints import SEPARATOR, Codes, Ints, TextBatch, from_arrow, from_codes, to_arrow
from pipeline.text.jieba_kernel import byte_ends, cut_kernel
from pipeline.text.jieba_tables import load_tables

_LISTS = pa.list_(pa.field("element", pa.string()))
_AT_ONCE = 20_000  # texts whose strings are cut in one go: bounds the memory, changes nothing else


@dataclass(frozen=True)
class Tokens:
    """The tokens of a batch: those of text i are [offsets[i]:offsets[i+1]]; they tile it."""

    ids: NDArray[np.int32]  # index in Segmenter.words, -1 for a token that is not there
    starts: Ints  # positions in batch.codes
    ends: Ints
    offsets: Ints  # one more than texts
    cutter: Segmenter | None = None  # whose numbers the ids are, where that is known

    def __len__(self) -> int:
        return len(self.ids)

    def to_arrow(self, batch: TextBatch) -> pa.ListArray:
        """The tokens as list<element: string>; `batch` is the one that was cut."""
        return self._lists(batch, to_arrow(batch))

    def _lists(self, batch: TextBatch, texts: pa.StringArray) -> pa.ListArray:
        """The tokens as strings that share the bytes of `texts`, a string array without nulls of the same characters."""
        _, bounds, data = texts.buffers()
        begin = int(np.frombuffer(bounds, np.int32)[texts.offset]) if len(texts) else 0
        offsets = np.empty(len(self) + 1, np.int32)
        byte_ends(_still(batch.codes), _still(self.starts), _still(self.ends), begin, offsets)
        values = pa.StringArray.from_buffers(len(self), pa.py_buffer(offsets), data)
        return pa.ListArray.from_arrays(pa.array(self.offsets, pa.int64()).cast(pa.int32()), values, _LISTS)


class Segmenter:
    """jieba.lcut (precise mode, HMM on) with a user dictionary of `words` where given. Threads may share one.

    `dictionary` takes the place of jieba's own. A word of frequency 0 is split in this segmenter only: jieba would split it in
    every tokenizer of the process.
    """

    def __init__(self, words: Path | None = None, *, dictionary: Path | None = None) -> None:
        self._tables = load_tables(words, dictionary)

    @cached_property
    def words(self) -> list[str]:
        """The words by id: the dictionary's in its order, then the user's that are not in it."""
        return self._tables.words.tobytes().decode().split("\n")

    @cached_property
    def n_words(self) -> int:
        """How many numbers there are."""
        return 1 + max(int(self._tables.numbers.max(initial=-1)), int(self._tables.other_numbers.max(initial=-1)))

    def cut(self, batch: TextBatch) -> Tokens:
        """The tokens of a batch. The GIL is released meanwhile."""
        ids = np.empty(len(batch.codes), np.int32)
        starts, ends = np.empty((2, len(batch.codes)), np.int64)
        offsets = np.empty(len(batch) + 1, np.int64)
        t = self._tables
        n = cut_kernel(
            _still(batch.codes), _still(batch.starts),
            t.rank, t.nodes, t.numbers, t.forced, t.emit, t.odds, t.others, t.other_numbers,
            ids, starts, ends, offsets,
        )  # fmt: skip
        return Tokens(ids[:n], starts[:n], ends[:n], offsets, self)

    def texts(self, texts: list[str]) -> list[list[str]]:
        """The tokens of each text; joined again they are the text."""
        return [tokens for i in range(0, len(texts), _AT_ONCE) for tokens in self._some(texts[i : i + _AT_ONCE])]

    def tokens(self, texts: pa.Array | pa.ChunkedArray) -> pa.ListArray:
        """The tokens of a string array as list<element: string>; NULL as the empty text."""
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.combine_chunks()
        plain = pc.fill_null(texts.cast(pa.string()), "")
        batch = from_arrow(plain)
        return self.cut(batch)._lists(batch, plain)

    def _some(self, texts: list[str]) -> list[list[str]]:
        inner = [i for i, text in enumerate(texts) if SEPARATOR in text]
        plain = [text.replace(SEPARATOR, " ") for text in texts] if inner else texts  # both are blanks to jieba
        codes = SEPARATOR.join([*plain, ""]).encode("utf-32-le", "surrogatepass")
        batch = from_codes(np.frombuffer(codes, np.uint32))
        tokens = self.cut(batch)
        flat = _strings(batch.codes, tokens)
        lists = [flat[a:b] for a, b in pairwise(tokens.offsets.tolist())]
        for i in inner:
            bounds = np.cumsum([0, *map(len, lists[i])]).tolist()
            lists[i] = [texts[i][a:b] for a, b in pairwise(bounds)]
        return lists


def _strings(codes: Codes, tokens: Tokens) -> list[str]:
    """All tokens, one after the other: one split of one string, which is faster than a slice for each."""
    sizes = tokens.ends - tokens.starts
    ends = np.cumsum(sizes + 1) - 1
    out = np.empty(sizes.sum() + len(sizes), np.uint32)
    is_end = np.zeros(len(out), np.bool_)
    is_end[ends] = True
    out[is_end] = ord(SEPARATOR)
    out[~is_end] = codes[codes != ord(SEPARATOR)]
    return out.tobytes().decode("utf-32-le", "surrogatepass").split(SEPARATOR)


def _still(values: NDArray[Any]) -> NDArray[Any]:
    """`values` in one piece and read-only: the kernels are compiled once, for just that."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


@lru_cache(maxsize=1)
def _plain() -> Segmenter:
    return Segmenter()


def segment_ids(texts: pa.Array | pa.ChunkedArray) -> Tokens:
    """The tokens of a string array over jieba's own dictionary, as positions in from_arrow(texts).codes."""
    return _plain().cut(from_arrow(texts))


def segment_texts(texts: list[str]) -> list[list[str]]:
    """Tokens identical to `jieba.lcut` of the same version without user words, text by text."""
    return _plain().texts(texts)
