"""Posts of the public data sets by the hash of their text: those that `corpora/labels/posts_read.parquet` has a reading of, and
those that nobody labelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.errors import PermanentError, one_line
from pipeline.learn.labels import CONFIDENCE, OWN_FOLD, TRAIN_ONLY, Labels
from pipeline.learn.readings import text_hashes
from pipeline.learn.vectors import Vectors, word_vectors
from pipeline.tables import CLASSES
from pipeline.text.codepoints import SEPARATOR
from pipeline.text.contacts import redact
from pipeline.text.reading import Reader, Reading

READ = Path("labels") / "posts_read.parquet"  # in the folder of corpora
# Data set -> (file, column of the text, whether authors are known, one unlabelled post in so many is learned from).
SETS: dict[str, tuple[str, str, bool, int]] = {
    "weibo_authors": ("weibo_authors/posts.parquet", "content", True, 1),
    "weibo_2014": ("weibo_2014/posts.parquet", "content", True, 1),
    "weibo_timelines_2018": ("weibo_timelines_2018/posts.parquet", "content", True, 3),
    "weibo_covid_579k": ("weibo_covid_579k/posts.parquet", "text", True, 24),
    "smp2020": ("sentiment/smp2020_train_eval.parquet", "text", False, 1),
}
READ_STRATUM = "read"  # of these labels: chosen because they were hard to tell
FILES = tuple(file for file, *_ in SETS.values())
OUTSIDE = 9  # a fold that is none of posts_gold's
SHORTEST = 4  # characters; shorter posts say too little to learn from


def public_posts(data: Path, fetched: pa.Table | None = None) -> pa.Table:
    """dataset, author (NULL where unknown), text (contacts replaced) and text_hash; of equal texts the first.

    `fetched`: dataset, author and text of further posts. Raises PermanentError naming the file that is missing.
    """
    parts = [_posts(data, name) for name in SETS] + ([] if fetched is None else [_hashed(fetched)])
    rows = pa.concat_tables(parts).combine_chunks()
    _, first = np.unique(np.array(rows["text_hash"].to_pylist(), str), return_index=True)
    return rows.take(pa.array(np.sort(first)))


def _posts(data: Path, name: str) -> pa.Table:
    file, column, authors, _ = SETS[name]
    try:
        table = pq.read_table(data / file, columns=[column, "author_id"] if authors else [column])
    except (OSError, pa.ArrowInvalid) as error:
        raise PermanentError(
            f"public posts {data / file}: {one_line(getattr(error, 'strerror', None) or error)}; expected Parquet; check --data"
        ) from error
    author = table["author_id"].cast(pa.string()) if authors else pa.nulls(len(table), pa.string())
    return _hashed(pa.table({"dataset": pa.repeat(name, len(table)), "author": author, "text": table[column]}))


def _hashed(posts: pa.Table) -> pa.Table:
    """The posts that are long enough, their texts trimmed, contacts replaced; and text_hash."""
    text = pc.replace_substring(pc.fill_null(posts["text"].cast(pa.string()), ""), SEPARATOR, " ")
    text = pc.utf8_trim_whitespace(text).combine_chunks()
    rows = posts.select(["dataset", "author"])
    rows = rows.append_column("text", redact(text)[0]).append_column("text_hash", text_hashes(text))
    return rows.filter(pc.greater_equal(pc.utf8_length(text), SHORTEST))


def matched(known: pa.Table, posts: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The readings `known` whose text_hash is among the posts, and row for row their posts."""
    at = pc.index_in(known["text_hash"], value_set=posts["text_hash"].combine_chunks()).combine_chunks()
    return known.filter(pc.is_valid(at)), posts.take(at.drop_null())


def read_labels(corpora: Path, posts: pa.Table, say: Callable[[str], None]) -> Labels | None:
    """The posts that posts_read.parquet has a reading of: trained on, never measured on. None where there is no such file."""
    path = corpora / READ
    if not path.is_file():
        return None
    table = pq.read_table(path)
    known, posts = matched(table, posts)
    if missing := len(table) - len(known):
        say(f"labels: {missing} of the {len(table)} texts of {READ} are not in the public sets; left out")
    fold = pc.fill_null(known["fold"].cast(pa.int64()), OUTSIDE).to_numpy()
    author = pc.coalesce(posts["author"], posts["text_hash"])
    return Labels(
        posts["text"].combine_chunks(), _indices(known["label"]), _objects(author),
        np.where(fold == OUTSIDE, OWN_FOLD, TRAIN_ONLY - fold), np.full(len(known), READ_STRATUM, object),
        _objects(known["dataset"]), _objects(known["text_hash"]),
        np.array([CONFIDENCE[str(c)] for c in known["confidence"].to_pylist()]),
    )  # fmt: skip


def _indices(names: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(pc.index_in(names, value_set=pa.array(CLASSES)).to_numpy(), np.int64)


def _objects(values: pa.ChunkedArray) -> NDArray[np.object_]:
    return np.array(values.to_pylist(), object)


@dataclass(frozen=True)
class Unlabelled:
    """Posts that nobody labelled: their reading, authors (a post without one is its own author), the authors' folds, and
    vectors of words."""

    reading: Reading
    author: NDArray[np.object_]
    fold: NDArray[np.int64]  # of the author in posts_gold; OUTSIDE for others
    vectors: Vectors | None = None

    def near(self, reader: Reader, kinds: list[str], texts: list[str], n: int) -> sp.csr_matrix | None:
        """The vectors of `n` entries, of which the first have these kinds and texts; None without vectors."""
        return None if self.vectors is None else self.vectors.of_entries(reader, kinds, texts, n)


def unlabelled(posts: pa.Table, known: Labels, dev: Labels, reader: Reader, *, seed: int) -> Unlabelled:
    """What no reader labelled of SETS, thinned by the hash of the text; without posts of dev's authors, who are measured on.

    The vectors are of all `posts` but those that are measured on.
    """
    everything, posts = posts, posts.filter(pc.is_in(posts["dataset"], value_set=pa.array(list(SETS))))
    hashes = pc.utf8_slice_codeunits(posts["text_hash"], 1, 8).to_pylist()
    every = np.array([SETS[name][3] for name in posts["dataset"].to_pylist()])
    drawn = np.array([int(h, 16) for h in hashes]) % every == 0
    said = pc.is_in(posts["text_hash"], value_set=text_hashes(pa.concat_arrays([known.texts, dev.texts])))
    theirs = pc.is_in(posts["author"], value_set=pa.array(dev.author.tolist(), pa.string()))
    keep = pc.and_(pa.array(drawn), pc.invert(pc.or_(said, pc.fill_null(theirs, False))))
    rows = posts.filter(keep).combine_chunks()
    author = pc.coalesce(rows["author"], rows["text_hash"])
    folds = dict(zip(known.author[known.measured].tolist(), known.fold[known.measured].tolist(), strict=True))
    fold = np.array([folds.get(name, OUTSIDE) for name in author.to_pylist()], np.int64)
    return Unlabelled(reader.read(rows["text"]), _objects(author), fold, _vectors(everything, known, dev, reader, seed))


def _vectors(posts: pa.Table, known: Labels, dev: Labels, reader: Reader, seed: int) -> Vectors:
    measured = pa.concat_arrays([known.texts.filter(pa.array(known.measured)), dev.texts])
    others = pc.invert(pc.is_in(posts["text_hash"], value_set=text_hashes(measured)))
    return word_vectors(posts["text"].filter(others).combine_chunks(), reader, seed=seed)
