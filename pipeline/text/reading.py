"""A batch of texts read once: folded, cut into words, cues found, forms counted. Everything later works from this."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.text.codepoints import Codes, Ints, TextBatch, from_arrow
from pipeline.text.compiled import kernel
from pipeline.text.cues import Hits, Lexicon, load_lexicon, read_cues
from pipeline.text.normalise import Normalised, normalise
from pipeline.text.segment import Segmenter, Tokens


@dataclass(frozen=True)
class Reading:
    """What reading found. Positions in `folded.batch` lead back to `original` by `folded.span`."""

    original: TextBatch
    folded: Normalised
    tokens: Tokens
    hits: Hits
    cue_counts: NDArray[np.int32]  # texts by cues of the lexicon
    form: dict[str, Ints]  # name -> count per text

    def __len__(self) -> int:
        return len(self.original)

    @cached_property
    def _words(self) -> tuple[NDArray[np.bool_], Ints]:
        out, counts = np.empty(len(self.tokens), np.bool_), np.empty(len(self), np.int64)
        codes, tokens = self.folded.batch.codes, self.tokens
        _any_of(codes, tokens.starts, tokens.ends, tokens.offsets, _letters(), out, counts)
        return out, counts

    @property
    def wordy(self) -> NDArray[np.bool_]:
        """For each token whether it holds a letter or a number."""
        return self._words[0]

    @property
    def n_words(self) -> Ints:
        """How many tokens of each text do."""
        return self._words[1]

    @property
    def blank(self) -> NDArray[np.bool_]:
        """Which texts show nothing: folded, they hold white space at most."""
        out = np.empty(len(self), np.bool_)
        _blank(self.folded.batch.codes, self.folded.batch.starts, out)
        return out


@lru_cache(maxsize=1)
def _letters() -> NDArray[np.bool_]:
    """For each code point whether it is a letter or a number; beyond plane 3 none is."""
    return np.frombuffer(bytes(map(str.isalnum, map(chr, range(0x40000)))), np.bool_)


@kernel
def _any_of(
    codes: Codes,
    starts: Ints,
    ends: Ints,
    offsets: Ints,
    table: NDArray[np.bool_],
    out: NDArray[np.bool_],
    counts: Ints,
) -> None:
    for row in range(len(counts)):
        n = 0
        for token in range(np.uint64(offsets[row]), np.uint64(offsets[row + 1])):
            found = False
            for at in range(np.uint64(starts[token]), np.uint64(ends[token])):
                if codes[at] < len(table) and table[codes[at]]:
                    found = True
                    break
            out[token] = found
            n += found
        counts[row] = n


@kernel
def _blank(codes: Codes, starts: Ints, out: NDArray[np.bool_]) -> None:
    for row in range(len(out)):
        out[row] = True
        for at in range(starts[row], starts[row + 1] - 1):
            if not (codes[at] == 0x20 or 0x09 <= codes[at] <= 0x0D):
                out[row] = False
                break


@dataclass(frozen=True)
class Reader:
    """The tools of reading: a segmenter and a lexicon."""

    segmenter: Segmenter
    lexicon: Lexicon

    def read(self, texts: pa.Array | pa.ChunkedArray, *, places: bool = True) -> Reading:
        """The reading of a string array; NULL is the empty text. Without `places` cues are counted alone: no hits."""
        return self.read_batch(from_arrow(texts), places=places)

    def read_batch(self, original: TextBatch, folded: Normalised | None = None, *, places: bool = True) -> Reading:
        """The reading of a batch, which may be folded already."""
        folded = folded or normalise(original)
        tokens = self.segmenter.cut(folded.batch)
        cues = read_cues(folded.batch, self.lexicon, places=places)
        return Reading(original, folded, tokens, cues.hits, cues.cue_counts, cues.form | folded.rule_counts)

    def group(self, reading: Reading, *groups: str) -> Ints:
        """Matches per text of the cues in these groups."""
        return np.asarray(reading.cue_counts[:, self.lexicon.columns(*groups)].sum(axis=1), np.int64)


def open_reader(corpora: str | Path, *, domain_words: bool = True) -> Reader:
    """The reader over the lexicon in `corpora`; without `domain_words` tokens are those of jieba alone."""
    lexicon = load_lexicon(Path(corpora) / "lexicon")
    return Reader(Segmenter(lexicon.words if domain_words else None), lexicon)
