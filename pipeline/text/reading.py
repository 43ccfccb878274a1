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
from pipeline.text.cues import Hits, Lexicon, count_cues, count_form, find_cues, load_lexicon
from pipeline.text.normalise import Normalised, normalise
from pipeline.text.segment import Segmenter, Tokens


@dataclass(frozen=True)
class Reading:
    """What reading found. Positions in `folded.batch` lead back to `original` by `folded.span`."""

    original: TextBatch
    folded: Normalised
    tokens: Tokens
    hits: Hits
    cue_counts: Ints  # texts by cues of the lexicon
    form: dict[str, Ints]  # name -> count per text

    def __len__(self) -> int:
        return len(self.original)

    @cached_property
    def wordy(self) -> NDArray[np.bool_]:
        """For each token whether it holds a letter or a number."""
        out = np.empty(len(self.tokens), np.bool_)
        _any_of(self.folded.batch.codes, self.tokens.starts, self.tokens.ends, _letters(), out)
        return out

    def take(self, rows: Ints) -> Reading:
        """The reading of some of the texts, `rows` ascending."""
        folded, keep = self.folded, np.zeros(len(self), bool)
        keep[rows] = True
        batch, original = folded.batch.take(rows), self.original.take(rows)
        moved = np.zeros(len(self), np.int64)  # how far back each text's code points move
        moved[rows] = folded.batch.starts[rows] - batch.starts[:-1]
        source = folded.source[np.repeat(keep, np.diff(folded.batch.starts))]
        source = source - np.repeat(self.original.starts[rows] - original.starts[:-1], np.diff(batch.starts))
        counts = {name: values[rows] for name, values in folded.rule_counts.items()}
        hit_row = folded.batch.row_of(self.hits.starts)
        hit, back = keep[hit_row], moved[hit_row]
        hits = Hits((self.hits.starts - back)[hit], (self.hits.ends - back)[hit], self.hits.cue[hit])
        form = {name: values[rows] for name, values in self.form.items()}
        return Reading(
            original, Normalised(batch, source, counts), self._tokens(rows, moved), hits, self.cue_counts[rows], form
        )

    def _tokens(self, rows: Ints, moved: Ints) -> Tokens:
        tokens, sizes = self.tokens, np.diff(self.tokens.offsets)
        offsets = np.concatenate(([0], np.cumsum(sizes[rows]))).astype(np.int64)
        at = np.arange(offsets[-1]) + np.repeat(tokens.offsets[rows] - offsets[:-1], sizes[rows])
        back = np.repeat(moved[rows], sizes[rows])
        return Tokens(tokens.ids[at], tokens.starts[at] - back, tokens.ends[at] - back, offsets)


@lru_cache(maxsize=1)
def _letters() -> NDArray[np.bool_]:
    """For each code point whether it is a letter or a number; beyond plane 3 none is."""
    return np.frombuffer(bytes(map(str.isalnum, map(chr, range(0x40000)))), np.bool_)


@kernel
def _any_of(codes: Codes, starts: Ints, ends: Ints, table: NDArray[np.bool_], out: NDArray[np.bool_]) -> None:
    for i in range(len(out)):
        out[i] = False
        for at in range(starts[i], ends[i]):
            out[i] |= codes[at] < len(table) and table[codes[at]]


@dataclass(frozen=True)
class Reader:
    """The tools of reading: a segmenter and a lexicon."""

    segmenter: Segmenter
    lexicon: Lexicon

    def read(self, texts: pa.Array | pa.ChunkedArray) -> Reading:
        """The reading of a string array; NULL is the empty text."""
        return self.read_batch(from_arrow(texts))

    def read_batch(self, original: TextBatch) -> Reading:
        """The reading of a batch."""
        folded = normalise(original)
        tokens = self.segmenter.cut(folded.batch)
        hits = find_cues(folded.batch, self.lexicon)
        form = count_form(folded.batch) | folded.rule_counts
        return Reading(original, folded, tokens, hits, count_cues(folded.batch, hits, len(self.lexicon.cues)), form)

    def group(self, reading: Reading, *groups: str) -> Ints:
        """Matches per text of the cues in these groups."""
        return np.asarray(reading.cue_counts[:, self.lexicon.columns(*groups)].sum(axis=1), np.int64)


def open_reader(corpora: str | Path, *, domain_words: bool = True) -> Reader:
    """The reader over the lexicon in `corpora`; without `domain_words` tokens are those of jieba alone."""
    lexicon = load_lexicon(Path(corpora) / "lexicon")
    return Reader(Segmenter(lexicon.words if domain_words else None), lexicon)
