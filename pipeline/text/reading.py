"""A batch of texts read once: folded, cut into words, cues found, forms counted. Everything later works from this."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.text.codepoints import Ints, TextBatch, from_arrow, to_arrow
from pipeline.text.cues import Hits, Lexicon, count_cues, count_form, find_cues, load_lexicon
from pipeline.text.ngrams import Occurrences, occurrences
from pipeline.text.normalise import Normalised, normalise
from pipeline.text.segment import Segmenter


@dataclass(frozen=True)
class Reading:
    """What reading found. Positions in `folded.batch.joined` lead back to `original.joined` by `folded.span`."""

    original: TextBatch
    folded: Normalised
    tokens: pa.ListArray
    hits: Hits
    cue_counts: Ints  # texts by cues of the lexicon
    form: dict[str, Ints]  # name -> count per text

    @cached_property
    def occurrences(self) -> Occurrences:
        """Every character n-gram and word of the folded texts."""
        return occurrences(self.folded.batch, self.tokens)

    def __len__(self) -> int:
        return len(self.original)


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
        tokens = self.segmenter.tokens(to_arrow(folded.batch))
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
