"""Texts with a known feeling: hand-labelled posts and star-labelled reviews, copies together, and what is held out of them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.errors import PermanentError, one_line
from pipeline.learn.public_posts import matched, public_posts
from pipeline.tables import EMOTIONS, SENTIMENTS
from pipeline.text.codepoints import from_arrow
from pipeline.text.contacts import redact
from pipeline.text.folding import fold_batch
from pipeline.text.sketch import Words, sketch_batch

Ints = NDArray[np.int64]
NEGATIVE, NEUTRAL, POSITIVE = range(len(SENTIMENTS))
UNKNOWN = -1  # of a label: the set does not say
STRONGEST = 3  # a reader's strength of a feeling is 0 (none) to this
# SMP2020's six emotions by their side; surprise has none, and is trained on as an emotion only.
SIDES = {
    "happy": POSITIVE,
    "angry": NEGATIVE,
    "sad": NEGATIVE,
    "fear": NEGATIVE,
    "neutral": NEUTRAL,
    "surprise": UNKNOWN,
}
POSTS = ("smp2020", "weibo2018_train")
SETS = (*POSTS, "chnsenticorp_hotel", "online_shopping_10_cats")
READ = "posts_felt"  # public posts whose feelings were read for this project, by the hash of the text
FELT = Path("labels") / f"{READ}.parquet"  # in the folder of corpora
ALL_SETS = (*SETS, READ)
HOTELS = "酒店"  # the category of shopping reviews that is about hotels, as a whole set is
REVIEWS = 20_000  # of the 62,774 shopping reviews: with all of them, at whatever weight, posts are judged no better
HELD_OUT = 10  # one group of copies in so many, chosen by a hash of its texts, is measured on and not trained on


@dataclass(frozen=True)
class Feelings:
    """Texts; of each its side, its emotion and its strength, 0 to STRONGEST (or UNKNOWN), its set, where in it, its group of
    copies, whether it is held out."""

    texts: pa.Array
    label: Ints
    emotion: Ints
    strength: Ints
    dataset: NDArray[np.object_]
    part: NDArray[np.object_]  # usual or virus, or a category of reviews; "" where the set has none
    group: Ints
    held_out: NDArray[np.bool_]

    @property
    def fitted(self) -> NDArray[np.bool_]:
        """What a model that is measured on `held_out` may be trained on: no copy of a text held out is in it."""
        return ~np.isin(self.group, np.unique(self.group[self.held_out]))

    @property
    def domain(self) -> Ints:
        """The number of each text's set."""
        return np.array([ALL_SETS.index(name) for name in self.dataset.tolist()], np.int64)


def load(data: Path, corpora: Path | None = None) -> Feelings:
    """All sets of data/sentiment, texts in their order, and the posts of `corpora` whose feelings were read.

    SMP2020's own eval split is held out, of the others a tenth.
    """
    home = data / "sentiment"
    parts = [_smp(home), *(_reviews(home, name) for name in SETS[1:])]
    if corpora is not None and (corpora / FELT).is_file():
        parts.append(_felt(data, corpora / FELT))
    table = pa.concat_tables(parts)
    texts, _ = redact(table["text"].combine_chunks())
    label, emotion, strength = (table[name].to_numpy() for name in ("label", "emotion", "strength"))
    dataset, part = (np.array(table[name].to_pylist(), object) for name in ("dataset", "part"))
    group, tenth = _groups(texts)
    held_out = np.where(dataset == "smp2020", table["eval"].to_numpy(), tenth)
    return Feelings(texts, label, emotion, strength, dataset, part, group, held_out)


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise PermanentError(f"sentiment data {path}: {one_line(error)}; expected Parquet; check --data") from error


def _rows(
    text: pa.ChunkedArray,
    dataset: str,
    part: list[str],
    label: list[int],
    emotion: list[int],
    held: pa.Array,
    strength: list[int] | None = None,
) -> pa.Table:
    n = len(text)
    return pa.table({
        "strength": pa.array(strength or [UNKNOWN] * n, pa.int64()),
        "text": text.cast(pa.string()), "dataset": pa.array([dataset] * n, pa.string()), "part": pa.array(part, pa.string()),
        "label": pa.array(label, pa.int64()), "emotion": pa.array(emotion, pa.int64()), "eval": held,
    })  # fmt: skip


def _smp(home: Path) -> pa.Table:
    table = _table(home / "smp2020_train_eval.parquet")
    table = table.filter(pc.is_in(table["label"], pa.array(list(SIDES))))
    named = table["label"].to_pylist()
    held = pc.equal(table["split"], "eval").combine_chunks()
    sides, emotions = [SIDES[e] for e in named], [EMOTIONS.index(e) for e in named]
    return _rows(table["text"], "smp2020", _part(table, "dom"), sides, emotions, held)


def _part(table: pa.Table, name: str) -> list[str]:
    return [str(value) for value in table[name].to_pylist()] if name in table.column_names else [""] * len(table)


def _reviews(home: Path, name: str) -> pa.Table:
    table = _table(home / f"{name}.parquet")
    column = "text" if "text" in table.column_names else "review"
    table = table.filter(pc.greater(pc.utf8_length(pc.fill_null(table[column], "")), 1))
    if name == SETS[-1]:
        hashes = sketch_batch(fold_batch(from_arrow(table[column]))).hashes
        table = table.take(pa.array(np.sort(np.argsort(hashes, kind="stable")[:REVIEWS])))
    sides = [POSITIVE if value == 1 else NEGATIVE for value in table["label"].to_pylist()]
    unknown, held = [UNKNOWN] * len(table), pa.array([False] * len(table))
    return _rows(table[column], name, _part(table, "cat"), sides, unknown, held)


def _felt(data: Path, path: Path) -> pa.Table:
    """The public posts that `path` has a reading of, none of SMP2020's: they have a label of their own."""
    posts = public_posts(data)
    posts = posts.filter(pc.not_equal(posts["dataset"], SETS[0]))
    known, posts = matched(_table(path), posts)
    n = len(known)
    sides = [SENTIMENTS.index(side) for side in known["side"].to_pylist()]
    emotions = [EMOTIONS.index(emotion) for emotion in known["emotion"].to_pylist()]
    return _rows(posts["text"], READ, [""] * n, sides, emotions, pa.array([False] * n), known["strength"].to_pylist())


def _groups(texts: pa.Array) -> tuple[Ints, NDArray[np.bool_]]:
    """The group of copies of each text (one band of their sketches in common, or one hash), and whether its hash holds it out."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    found, n = sketch_batch(fold_batch(from_arrow(texts))), len(texts)
    long = np.flatnonzero(found.long)
    links = [_same(found.hashes, np.arange(n)), *(_same(keys[long], long) for keys in found.keys.T)]
    one, other = np.concatenate(links, axis=1)
    _, group = connected_components(coo_matrix((np.ones(len(one)), (one, other)), shape=(n, n)), directed=False)
    least = np.full(int(group.max()) + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(least, group, found.hashes)
    return group.astype(np.int64), (least[group] >> np.uint64(8)) % HELD_OUT == 0


def _same(keys: Words | NDArray[np.uint32], rows: Ints) -> Ints:
    """Pairs of `rows` that follow each other with one key."""
    order = np.argsort(keys, kind="stable")
    same = keys[order][1:] == keys[order][:-1]
    return np.stack([rows[order][1:][same], rows[order][:-1][same]])


@dataclass(frozen=True)
class OwnFeelings:
    """The project's own posts of corpora/feelings, never trained on: texts, side, and kind (delivery, brand, talk)."""

    texts: pa.Array
    label: Ints
    kind: NDArray[np.object_]


def own_feelings(corpora: Path) -> OwnFeelings:
    """The posts of corpora/feelings/posts.csv, in their order; none where there is no such file."""
    path = corpora / "feelings" / "posts.csv"
    if not path.is_file():
        return OwnFeelings(pa.array([], pa.string()), np.zeros(0, np.int64), np.zeros(0, object))
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    label = np.array([SENTIMENTS.index(row["label"]) for row in rows], np.int64)
    texts = pa.array([row["text"] for row in rows], pa.string())
    return OwnFeelings(texts, label, np.array([row["kind"] for row in rows], object))
