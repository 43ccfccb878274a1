"""Word vectors: words of like company lie near each other, and entries find theirs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pipeline.learn import vectors
from pipeline.learn.vectors import word_vectors
from tests.tiny import reader

FRUIT, PLACES = ["苹果", "香蕉", "葡萄"], ["北京", "上海", "广州"]


def texts() -> pa.Array:
    """Fruit is eaten and places are gone to, now by one and now by another."""
    rng = np.random.default_rng(11)
    out = []
    for _ in range(300):
        fruit, place = FRUIT[rng.integers(3)], PLACES[rng.integers(3)]
        out += [f"今天 吃 了 好吃 的 {fruit}", f"明天 坐 火车 去 {place} 旅游"]
    return pa.array(out)


@pytest.fixture(scope="module")
def found() -> vectors.Vectors:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "DIMENSIONS", 4)
        return word_vectors(texts(), reader(), seed=3)


def test_words_of_like_company_lie_near_each_other(found: vectors.Vectors) -> None:
    rows = found.of_entries(reader(), ["word"] * 6, FRUIT + PLACES, 6).toarray()
    alike = rows @ rows.T
    assert np.diag(alike) == pytest.approx(np.ones(6), abs=1e-3)
    assert alike[:3, :3].min() > alike[:3, 3:].max() + 0.3
    assert alike[3:, 3:].min() > alike[:3, 3:].max() + 0.3


def test_entries_that_are_no_words_or_have_no_vector_get_none(found: vectors.Vectors) -> None:
    rows = found.of_entries(reader(), ["char", "word", "word", "word"], ["苹果", "苹果", "飞碟", "不是一个词"], 6)
    assert rows.shape == (6, 4)
    assert np.diff(rows.indptr).astype(bool).tolist() == [False, True, False, False, False, False]


def test_twice_gives_the_same_bytes(found: vectors.Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "DIMENSIONS", 4)
    again = word_vectors(texts(), reader(), seed=3)
    assert again.values.tobytes() == found.values.tobytes()
    assert again.row.tolist() == found.row.tolist()


def test_of_no_words_there_are_no_vectors() -> None:
    none = word_vectors(pa.array(["", "。。。"]), reader(), seed=3)
    assert not none.of_entries(reader(), ["word"], ["苹果"], 2).nnz
