"""The probe: posts written for this project to ask the judge hard questions. Never trained on; each kind has its own row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.learn.labels import read_labelled
from pipeline.learn.metrics import flagged
from pipeline.tables import BROADCAST
from pipeline.text.contacts import redact
from pipeline.text.linear import LinearModel
from pipeline.text.reading import Reader


@dataclass(frozen=True)
class Kind:
    """Posts of one kind: how many, whether they broadcast, and how many were judged the other way."""

    kind: str
    n: int
    broadcasts: bool
    wrong: int


def ask(corpora: Path, model: LinearModel, reader: Reader, natural: float) -> list[Kind]:
    """The kinds of corpora/probe/posts.csv in their order, judged by text alone as in use; none where there is no such file.

    `natural`: the model's base rate.
    """
    path = corpora / "probe" / "posts.csv"
    if not path.is_file():
        return []
    table = read_labelled(path)
    texts, _ = redact(table["text"])
    said = flagged(model.probabilities(reader, reader.read(texts)), natural)
    truth: NDArray[np.bool_] = np.asarray(np.isin(table["label"].to_pylist(), BROADCAST))
    kinds = []
    for kind in pc.unique(table["kind"]).to_pylist():
        for broadcasts in (False, True):
            here = np.asarray(pc.equal(table["kind"], kind)) & (truth == broadcasts)
            if here.any():
                kinds.append(Kind(kind, int(here.sum()), broadcasts, int((said != truth)[here].sum())))
    return kinds
