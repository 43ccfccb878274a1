"""Public reviews of shops and hotels: buyers' own words, hence shared, however much they praise. Part of them is learned from,
the others say how many the judge flags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.errors import PermanentError, one_line
from pipeline.learn.labels import OWN_FOLD, Labels
from pipeline.learn.metrics import flagged
from pipeline.learn.readings import text_hashes
from pipeline.tables import CLASSES
from pipeline.text.codepoints import SEPARATOR
from pipeline.text.contacts import redact
from pipeline.text.linear import LinearModel
from pipeline.text.reading import Reader

SETS = {"chnsenticorp_hotel": 2, "online_shopping_10_cats": 4}  # one review in so many is learned from
FILES = tuple(f"sentiment/{name}.parquet" for name in SETS)
STRATUM = "review"
# Beside a reading of a post. Gold readings have weights of their own (fit_weights), so that reviews take little from them.
WEIGHT = 0.3
SHORTEST = 2  # characters


def reviews(data: Path, *, learned: bool) -> Labels:
    """The reviews to learn from, or all others, each text once; trained on in every fold, never measured on as posts.

    Raises PermanentError naming the file that is missing.
    """
    parts = [_texts(data, name, learned) for name in SETS]
    texts = pa.concat_arrays([text for text, _ in parts])
    hashes = np.concatenate([h for _, h in parts])
    dataset = np.concatenate([np.full(len(h), name, object) for name, (_, h) in zip(SETS, parts, strict=True)])
    n = len(texts)
    return Labels(
        texts, np.full(n, CLASSES.index("share")), hashes, np.full(n, OWN_FOLD), np.full(n, STRATUM, object), dataset,
        hashes, np.full(n, WEIGHT),
    )  # fmt: skip


def _texts(data: Path, name: str, learned: bool) -> tuple[pa.Array, NDArray[np.object_]]:
    path = data / "sentiment" / f"{name}.parquet"
    try:
        column = pq.read_table(path, columns=["review"])["review"]
    except (OSError, pa.ArrowInvalid) as error:
        raise PermanentError(
            f"reviews {path}: {one_line(getattr(error, 'strerror', None) or error)}; expected Parquet; check --data"
        ) from error
    text = pc.utf8_trim_whitespace(pc.replace_substring(pc.fill_null(column, ""), SEPARATOR, " ")).combine_chunks()
    text = text.filter(pc.greater_equal(pc.utf8_length(text), SHORTEST))
    hashes, first = np.unique(np.array(text_hashes(text).to_pylist(), object), return_index=True)
    number = np.array([int(h[1:9], 16) for h in hashes.tolist()], np.int64)
    keep = (number % SETS[name] == 0) == learned
    return redact(text.take(pa.array(first[keep])))[0], hashes[keep]


def flagged_reviews(data: Path, model: LinearModel, reader: Reader, base_rate: float) -> tuple[int, float]:
    """How many reviews were not learned from, and the share of them that the model flags at its usual base rate."""
    texts = reviews(data, learned=False).texts
    chances = model.probabilities(reader, reader.read(texts))
    return len(texts), float(flagged(chances, base_rate).mean())
