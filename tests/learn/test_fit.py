from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.artifacts import load_linear, save_linear
from pipeline.learn import fit, labels
from pipeline.learn.fit import (
    TOLERANCE,
    Calibration,
    Design,
    Entries,
    Known,
    Weights,
    calibrate,
    choose_entries,
    fit_weights,
    strongest,
    to_model,
)
from pipeline.learn.public_posts import OUTSIDE, Unlabelled
from pipeline.learn.self_training import fit_posts
from pipeline.tables import CLASSES
from pipeline.text.linear import softmax
from pipeline.text.reading import Reading
from tests.tiny import own_posts, reader, strings

GREETING = "今天天气真好呀"


def _entries(texts: list[str], authors: list[str], *, rows: list[bool] | None = None, min_authors: int = 5) -> Entries:
    reading = reader().read(strings(*texts))
    keep = np.array(rows if rows is not None else [True] * len(texts))
    return choose_entries(reader(), reading, np.array(authors, object), keep, min_authors=min_authors)


def test_words_that_four_authors_use_are_left_out_however_often_they_use_them() -> None:
    texts = [GREETING] * 4 + [GREETING + "青禾小铺"] * 8 + ["别的话", "另一句"]
    authors = ["a", "b", "c", "d"] + ["e", "f", "g", "h"] * 2 + ["i", "j"]
    found = _entries(texts, authors)
    assert {"天气", "今天天气", "今"} <= set(found.texts)
    assert not [t for t in found.texts if set(t) & set("青禾小铺")]
    assert fit.MIN_AUTHORS == 5
    assert "青禾" in _entries(texts, authors, min_authors=4).texts


def test_every_entry_of_a_model_is_used_by_enough_authors() -> None:
    posts = own_posts()
    reading = reader().read(posts.texts)
    found = choose_entries(reader(), reading, posts.author, np.ones(len(posts), bool))
    folded = reading.folded.batch
    bounds = zip(folded.starts[:-1].tolist(), folded.starts[1:].tolist(), strict=True)
    texts = [folded.joined[s : e - 1] for s, e in bounds]
    tokens = reading.tokens.to_arrow(folded).to_pylist()
    dice = np.random.default_rng(0).permutation(len(found.texts))[:150]
    for i in dice.tolist():
        kind, entry = found.kinds[i], found.texts[i]
        there = [entry in (text if kind == "char" else words) for text, words in zip(texts, tokens, strict=True)]
        assert len(set(posts.author[there].tolist())) >= 5, entry
        assert found.idf[i] == pytest.approx(np.log((1 + len(posts)) / (1 + sum(there))) + 1)


def test_rows_kept_for_testing_give_no_entries_and_no_weight_of_rarity() -> None:
    texts = [GREETING] * 6 + ["诚招代理加盟"] * 6
    authors = [f"a{i}" for i in range(12)]
    found = _entries(texts, authors, rows=[True] * 6 + [False] * 6)
    assert not [t for t in found.texts if "代" in t]
    assert set(found.idf.tolist()) == {1.0}  # in every text of the rows kept


def test_entries_stand_in_the_order_of_their_first_occurrence() -> None:
    one, other = ["甲乙丙。", "丁戊己。"], ["丁戊己。", "甲乙丙。"]
    authors = [f"a{i}" for i in range(10)]
    a, b = _entries(one * 5, authors), _entries(other * 5, authors)
    assert sorted(a.texts) == sorted(b.texts)
    assert a.texts.index("甲") < a.texts.index("丁")
    assert b.texts.index("甲") > b.texts.index("丁")


def test_texts_without_an_entry_can_be_fitted_on_form_alone() -> None:
    texts = ["一", "二！", "三", "四！", "五", "六！"]
    found = _entries(texts, [f"a{i}" for i in range(6)])
    assert found.texts == []
    design = Design.of(reader(), reader().read(strings(*texts)), found)
    assert design.matrix.shape == (6, len(found.form))


@pytest.fixture(scope="module")
def corpus() -> tuple[labels.Labels, Reading]:
    """A fifth of the own posts, by voice and not by row."""
    posts = own_posts()
    some = posts.take(np.array([hash_of(a) % 4 == 0 for a in posts.author.tolist()]))
    return some, reader().read(some.texts)


def hash_of(name: str) -> int:
    return sum(ord(c) * (i + 1) for i, c in enumerate(name))


def _fitted(corpus: tuple[labels.Labels, Reading]) -> tuple[Entries, NDArray[np.float64], Weights]:
    posts, reading = corpus
    entries = choose_entries(reader(), reading, posts.author, np.ones(len(posts), bool))
    matrix = Design.of(reader(), reading, entries).matrix
    return entries, matrix, fit_weights(matrix, posts.label, posts.weight, len(CLASSES), seed=1)


def test_serving_needs_no_idf_and_gives_the_logits_of_the_fit(corpus: tuple[labels.Labels, Reading]) -> None:
    entries, matrix, weights = _fitted(corpus)
    model = to_model(weights, entries, CLASSES, "lexicon")
    assert model.logits(reader(), corpus[1]) == pytest.approx(weights.logits(matrix), abs=1e-4)


def test_a_fit_saved_and_loaded_gives_the_same_probabilities(
    corpus: tuple[labels.Labels, Reading], tmp_path: Path
) -> None:
    entries, matrix, weights = _fitted(corpus)
    model = to_model(Calibration(0.5, np.linspace(-1, 1, 6)).apply(weights), entries, CLASSES, "lexicon")
    save_linear(tmp_path, model, name="judge")
    want = softmax(0.5 * weights.logits(matrix) + np.linspace(-1, 1, 6))
    assert load_linear(tmp_path).probabilities(reader(), corpus[1]) == pytest.approx(want, abs=5e-3)


def test_fitting_twice_gives_the_same_bytes(corpus: tuple[labels.Labels, Reading]) -> None:
    (e1, _, one), (e2, _, two) = _fitted(corpus), _fitted(corpus)
    assert (e1.kinds, e1.texts, e1.form) == (e2.kinds, e2.texts, e2.form)
    assert one.coefficients.tobytes() == two.coefficients.tobytes()
    assert one.intercepts.tobytes() == two.intercepts.tobytes()


def test_a_reading_of_less_confidence_weighs_less() -> None:
    matrix = sp.csr_matrix(np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32))
    label = np.array([0, 1, 1, 0])  # each text read twice, once so and once otherwise
    sure = fit_weights(matrix, label, np.ones(4), 2, seed=1).logits(matrix)
    unsure = fit_weights(matrix, label, np.array([1.0, 0.1, 1.0, 0.1]), 2, seed=1).logits(matrix)
    assert sure == pytest.approx(0, abs=TOLERANCE)
    assert unsure[0, 0] > 0.2 > -0.2 > unsure[2, 0]


def test_calibration_finds_the_slope_and_shifts_that_made_the_labels() -> None:
    dice = np.random.default_rng(5)
    logits = dice.normal(scale=2, size=(20_000, 3))
    shift = np.array([0.5, -1.0, 0.5])
    chances = softmax(0.6 * logits + shift)
    label = (chances.cumsum(axis=1) < dice.random((20_000, 1))).sum(axis=1)
    found = calibrate(logits, label)
    assert found.slope == pytest.approx(0.6, abs=0.03)
    assert found.shift - found.shift.mean() == pytest.approx(shift - shift.mean(), abs=0.06)
    assert softmax(found.slope * logits + found.shift) == pytest.approx(chances, abs=0.03)


def test_a_class_that_never_occurs_gets_a_finite_shift() -> None:
    found = calibrate(np.zeros((50, 3)), np.array([0, 1] * 25))
    assert np.isfinite(found.shift).all()
    assert softmax(found.shift[None])[0, 2] < 0.02


def test_calibrated_weights_are_the_weights_stretched_and_shifted() -> None:
    weights = Weights(np.array([[1.0, -2.0]]), np.array([0.5, 0.0]))
    got = Calibration(2.0, np.array([1.0, -1.0])).apply(weights)
    matrix = sp.csr_matrix(np.array([[3.0]]))
    assert got.logits(matrix).tolist() == [[2 * 3.5 + 1, 2 * -6.0 - 1]]


def test_of_many_entries_the_strongest_stay_in_their_order() -> None:
    entries = Entries(["char", "word", "char"], ["一", "代理", "甲"], ["links>=1"], np.array([1, 2, 3], np.float32))
    weights = Weights(np.array([[0.1, -3.0], [0.2, 0.1], [2.0, 0.0], [0.0, 0.0]]), np.zeros(2))
    found = strongest(entries, weights, 2)
    assert (found.kinds, found.texts, found.form) == (["char", "char"], ["一", "甲"], ["links>=1"])
    assert found.idf.tolist() == [1, 3]


def test_a_fit_with_too_many_entries_is_fitted_again_on_the_strongest(monkeypatch: pytest.MonkeyPatch) -> None:
    posts = own_posts()
    reading = reader().read(posts.texts)
    known = Known(posts.author, posts.label, posts.weight, np.ones(len(posts), bool), len(CLASSES))
    monkeypatch.setattr("pipeline.learn.self_training.MOST_ENTRIES", 300)
    every = np.ones(len(posts), bool)
    others = Unlabelled(reader().read(posts.texts.slice(0, 50)), posts.author[:50], np.full(50, OUTSIDE))
    entries, weights = fit_posts(reader(), reading, every, known, others, every[:50], seed=1)
    assert len(entries.texts) <= 300
    assert weights.coefficients.shape == (len(entries.texts) + len(entries.form), len(CLASSES))
    right = weights.logits(Design.of(reader(), reading, entries).matrix).argmax(axis=1) == posts.label
    assert right.mean() > 0.8


def test_where_readers_differ_the_standard_ones_are_followed_and_the_others_still_teach() -> None:
    """Three texts: of the first, 60 readers say class 0 and 15 standard ones class 1; the second none of these has read."""
    matrix = sp.csr_matrix(np.repeat(np.eye(3, dtype=np.float32), [75, 40, 75], axis=0))
    label = np.concatenate([np.zeros(60), np.ones(15), np.ones(40), np.zeros(60), np.zeros(15)]).astype(np.int64)
    standard = np.zeros(190, bool)
    standard[60:75] = standard[-15:] = True
    weight = np.ones(190)
    texts = sp.identity(3, format="csr")
    plain = fit_weights(matrix, label, weight, 2, seed=1).logits(texts).argmax(axis=1)
    found = fit_weights(matrix, label, weight, 2, seed=1, standard=standard).logits(texts).argmax(axis=1)
    assert plain.tolist() == [0, 1, 0]
    assert found.tolist() == [1, 1, 0]


def test_words_that_are_alike_share_what_is_learned_of_them() -> None:
    """Of four words the second stands in no text; its vector is that of the first, so it leans to the first's class."""
    matrix = sp.csr_matrix(np.repeat(np.eye(4, dtype=np.float32)[[0, 2, 3]], 30, axis=0))
    label = np.repeat([0, 1, 1], 30)
    vectors = sp.csr_matrix(np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32))
    alone = fit_weights(matrix, label, np.ones(90), 2, seed=1)
    found = fit_weights(matrix, label, np.ones(90), 2, seed=1, vectors=vectors)
    assert alone.coefficients[1].tolist() == [0, 0]
    assert found.coefficients.shape == (4, 2)
    assert found.coefficients[1, 0] > 0.1
    assert found.coefficients[1, 1] < -0.1
    assert found.logits(matrix).argmax(axis=1).tolist() == label.tolist()
