"""Public posts that others labelled or nobody did: found by the hash of their text, kept apart by fold, learned from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.artifacts import load_linear
from pipeline.errors import PermanentError
from pipeline.learn import judge, labels
from pipeline.learn.labels import OWN_FOLD, TRAIN_ONLY
from pipeline.learn.public_posts import READ, public_posts
from pipeline.learn.reviews import flagged_reviews, reviews
from pipeline.learn.self_training import CLEAR, verdicts
from pipeline.settings import Settings
from pipeline.tables import CLASSES
from tests.tiny import CORPORA, reader

SHARE, SELL = CLASSES.index("share"), CLASSES.index("sell")


def _labelled(posts: pa.Table, corpora: Path) -> pa.Table:
    """A file of readings on the first six posts of the crowd: two in no fold, four in fold 3; and one on a text unknown."""
    crowd = posts.filter(pa.compute.equal(posts["dataset"], "weibo_covid_579k")).slice(0, 6)
    table = pa.table({
        "text_hash": [*crowd["text_hash"].to_pylist(), "t0000000000000000"], "label": ["share"] * 7, "annotator": ["a"] * 7,
        "confidence": pa.array([1, 2, 3, 3, 3, 3, 3], pa.int8()), "dataset": ["weibo_covid_579k"] * 7,
        "fold": pa.array([None, None, 3, 3, 3, 3, None], pa.int8()),
    })  # fmt: skip
    (corpora / READ).parent.mkdir()
    pq.write_table(table, corpora / READ)
    return crowd


def test_labels_of_public_posts_are_trained_on_but_where_their_fold_is_measured(
    data: Path, small: Settings, tmp_path: Path
) -> None:
    corpora = tmp_path / "corpora"
    shutil.copytree(small.corpora, corpora)
    crowd = _labelled(public_posts(data), corpora)
    said: list[str] = []
    found = judge.training_corpus(data, corpora, reader(), say=said.append).labels
    rows = found.stratum == "read"
    assert "1 of the 7 texts" in " ".join(said)
    assert sorted(found.row[rows].tolist()) == sorted(crowd["text_hash"].to_pylist())
    assert sorted(found.fold[rows].tolist()) == [TRAIN_ONLY - 3] * 4 + [OWN_FOLD] * 2
    assert found.weight[rows].min() == 0.5
    assert found.outside(2)[rows].all()
    assert found.outside(3)[rows].sum() == 2
    assert not found.measured[rows].any()


def test_what_is_labelled_or_measured_is_not_among_the_unlabelled(data: Path, small: Settings) -> None:
    corpus = judge.training_corpus(data, Path(small.corpora), reader())
    texts = public_posts(data)
    dev = labels.gold(data / "posts_gold" / "dev.csv")
    assert 100 < len(corpus.unlabelled.author) < len(texts)
    assert not set(corpus.unlabelled.author.tolist()) & set(dev.author.tolist())
    gold = corpus.labels.take(corpus.labels.measured)
    fold_of = dict(zip(gold.author.tolist(), gold.fold.tolist(), strict=True))
    known = [i for i, author in enumerate(corpus.unlabelled.author.tolist()) if author in fold_of]
    assert known
    for i in known:
        assert corpus.unlabelled.fold[i] == fold_of[corpus.unlabelled.author[i]]


def test_an_authors_other_posts_decide_where_a_text_does_not() -> None:
    logits = np.full((9, len(CLASSES)), -6.0)
    logits[:, SHARE], logits[:, SELL] = 0.0, 0.0
    logits[1:4, SELL], logits[5:8, SHARE] = 4.0, 4.0  # the others of a seller, and of a sharer
    author = np.array([*["seller"] * 4, *["sharer"] * 4, "new"], object)
    found = verdicts(logits, author, np.ones(9, bool))
    assert dict(zip(found.rows.tolist(), found.label.tolist(), strict=True)) == {
        **dict.fromkeys(range(4), SELL), **dict.fromkeys(range(4, 8), SHARE),
    }  # fmt: skip
    assert 8 not in found.rows  # a text that says nothing, of an author of whom nothing is known
    assert CLEAR > 0.5


def test_posts_of_authors_who_are_measured_are_not_learned_from() -> None:
    logits = np.zeros((4, len(CLASSES)))
    logits[:, SHARE] = 5.0
    allowed = np.array([True, False, True, False])
    assert verdicts(logits, np.array(list("abcd"), object), allowed).rows.tolist() == [0, 2]


def test_a_missing_set_is_named(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "weibo_covid_579k")
    with pytest.raises(PermanentError, match=r"weibo_covid_579k.posts\.parquet.*check --data"):
        public_posts(tmp_path / "data")


def test_reviews_are_either_learned_from_or_asked_about(data: Path, small: Settings) -> None:
    mine, others = reviews(data, learned=True), reviews(data, learned=False)
    assert len(mine)
    assert len(others)
    assert not set(mine.row.tolist()) & set(others.row.tolist())
    corpus = judge.training_corpus(data, Path(small.corpora), reader()).labels
    rows = corpus.stratum == "review"
    assert set(corpus.row[rows].tolist()) == set(mine.row.tolist())
    assert not corpus.measured[rows].any()
    assert set(corpus.label[rows].tolist()) == {SHARE}
    n, share = flagged_reviews(data, load_linear(CORPORA.parent / "models" / "judge"), reader(), 0.25)
    assert n == len(others)
    assert 0 <= share < 0.5
