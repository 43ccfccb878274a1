"""Text files without a header: a sentence per line is a row, where the first lines look like nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from pipeline.sources import encodings, framing
from pipeline.sources.records import Names, Plan, Records, text_array

LINE = "line:text"  # the one column of such a file
_SPACE = " \t\r\n\ufeff"
_SAMPLE = 50
_CHINESE = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True)
class TextLines:
    """A file of sentences."""

    path: Path
    encoding: str

    @cached_property
    def names(self) -> Names:
        """LINE where the first lines are Chinese, few hold a separator of cells, and the first is no list of names."""
        sample = list(islice(self._lines(), _SAMPLE))
        is_plain = [bool(_CHINESE.search(text)) and not re.search(r"[\t{}\[\]<>;,|=]", text) for text in sample]
        looks = len(sample) > 1 and len(sample[0]) >= 8 and is_plain[0] and sum(is_plain) * 10 >= 8 * len(sample)
        return (LINE,) if looks else ()

    def _lines(self) -> Iterator[str]:
        lines = encodings.lines(self.path, self.encoding, "\n")
        return (text for line in lines if (text := line.strip(_SPACE)))

    def records(self, plan: Plan) -> Iterator[Records]:
        """Every line that is not blank, in batches."""
        numbered = enumerate(self._lines(), 1)
        while batch := dict(islice(numbered, plan.batch_rows)):
            numbers = np.fromiter(batch, np.int64, len(batch))
            yield Records(self.names, numbers, {LINE: text_array(list(batch.values()))}, batch.__getitem__)

    def framed(self) -> int | None:
        """Lines that are not blank."""
        return framing.count_json_lines(encodings.text_chunks(self.path, self.encoding))
