from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PermanentError
from pipeline.text.linear import FORM_SCALE, LinearModel, Scoring, form_counts, form_entries, form_matrix, softmax
from pipeline.text.normalise import normalise_texts
from tests.tiny import (
    DIARY,
    POSTS,
    RECRUITING,
    SELLING,
    emotion_model,
    intensity_model,
    judge_model,
    reader,
    sentiment_model,
    strings,
)


def _dense(raw: str) -> np.ndarray:  # type: ignore[type-arg]
    """The features of one text by the definition in the module's docstring, entry by entry."""
    model = judge_model()
    text = normalise_texts(strings(raw))[0].as_py()
    [tokens] = reader().segmenter.texts([text])
    counts = {name: int(n[0]) for name, n in form_counts(reader(), reader().read(strings(raw))).items()}
    values = np.zeros(len(model.entries))
    form = np.zeros(len(model.entries), bool)
    for i, (kind, entry) in enumerate(zip(*(model.entries[c].to_pylist() for c in ("kind", "text")), strict=True)):
        if kind == "form":
            name, _, step = entry.rpartition(">=")
            form[i], values[i] = True, counts[name] >= int(step)
        elif kind == "char":
            times = sum(text.startswith(entry, at) for at in range(len(text)))
            values[i] = 1 + np.log(times) if times else 0
        else:
            values[i] = 1 + np.log(tokens.count(entry)) if entry in tokens else 0
    norm = np.sqrt((values[~form] ** 2).sum())
    return np.where(form, values * FORM_SCALE, values / max(norm, 1e-12))


@pytest.mark.parametrize(
    "raw", [RECRUITING, SELLING, DIARY, "哈哈哈哈哈哈哈", "？", "", "加薇\u200b❤lili8899，免费领！！！"]
)
def test_features_and_probabilities_are_those_of_a_plain_dense_computation(raw: str) -> None:
    model = judge_model()
    reading = reader().read(strings(raw))
    dense = _dense(raw)
    assert np.abs(model.features(reader(), reading).toarray()[0] - dense).max() < 1e-6
    logits = dense @ model.weights.astype(np.float64) + model.bias
    want = np.exp(logits) / np.exp(logits).sum()
    assert np.abs(model.probabilities(reader(), reading)[0] - want).max() < 1e-5


def test_words_by_hand() -> None:
    model = sentiment_model()
    found = model.probabilities(reader(), reader().read(strings("今天很开心", "失望透了", "在吗？", "")))
    assert np.argmax(found, axis=1).tolist() == [2, 0, 1, 1]
    root = np.sqrt(0.5)  # two words of length 1 in all
    assert np.allclose(model.logits(reader(), reader().read(strings("开心失望")))[0], [root, 0.5, root])
    assert np.allclose(model.logits(reader(), reader().read(strings("在吗?")))[0], [0, 0.5 + 5 * FORM_SCALE, 0])


@settings(deadline=None)
@given(POSTS)
def test_probabilities_of_a_text_sum_to_one(texts: list[str | None]) -> None:
    found = judge_model().probabilities(reader(), reader().read(strings(*texts)))
    assert found.shape == (len(texts), 6)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-12)
    assert ((found > 0) & (found < 1)).all()


SAID = [RECRUITING, SELLING, DIARY, "在吗？", "哈哈哈", None, "转发微博//@阿禾:好"]


@settings(deadline=None, max_examples=50)
@given(POSTS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_probabilities_do_not_hang_on_the_batch(texts: list[str | None], dice: object, cut: int) -> None:
    texts = [*SAID, *texts]
    order = list(range(len(texts)))
    dice.shuffle(order)  # type: ignore[attr-defined]

    def judge(some: list[str | None]) -> list[bytes]:
        return [row.tobytes() for row in judge_model().probabilities(reader(), reader().read(strings(*some)))]

    whole = judge(texts)
    shuffled = [texts[i] for i in order]
    assert judge(shuffled) == [whole[i] for i in order]
    assert judge(shuffled[:cut]) + judge(shuffled[cut:]) == judge(shuffled)


def test_probabilities_of_real_posts_do_not_hang_on_the_batch(shared: object) -> None:
    texts = pq.read_table(f"{shared}/datasets/weibo_2014/posts.parquet", columns=["content"])["content"]
    texts = texts.cast(pa.string()).slice(0, 600)

    def judge(some: pa.ChunkedArray) -> np.ndarray:  # type: ignore[type-arg]
        return judge_model().probabilities(reader(), reader().read(some))

    parts = np.concatenate([judge(texts.slice(0, 7)), judge(texts.slice(7, 401)), judge(texts.slice(408))])
    assert judge(texts).tobytes() == parts.tobytes()


def test_an_entry_of_a_count_that_no_longer_exists_stays_zero() -> None:
    counts = {"links": np.array([0, 1, 5])}
    found = form_matrix(counts, ["links>=1", "links>=2", "cue gone>=1"]).toarray()
    assert found.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert form_matrix(counts, []).shape == (3, 0)


def test_steps_that_all_texts_or_none_reach_are_no_entries() -> None:
    counts = {"links": np.array([1, 2, 7]), "cue a": np.array([0, 0, 4]), "group b": np.zeros(3, int)}
    assert form_entries(counts) == ["links>=2", "links>=3", "links>=5", "cue a>=1", "cue a>=2", "cue a>=3"]


def test_a_model_of_form_alone_needs_no_vocabulary() -> None:
    model = sentiment_model()
    bare = replace(model, entries=model.entries.slice(2), weights=model.weights[2:])
    found = bare.probabilities(reader(), reader().read(strings("开心吗？", "开心")))
    assert found[0, 1] > found[1, 1]
    assert np.allclose(found[1], softmax(bare.bias[None])[0])


def test_large_log_odds_do_not_overflow() -> None:
    assert softmax(np.array([[1000.0, 0.0], [-1000.0, -1000.0]])).tolist() == [[1.0, 0.0], [0.5, 0.5]]


@settings(deadline=None, max_examples=50)
@given(POSTS)
def test_scores_of_several_models_at_once_are_those_of_scipys_matrices(texts: list[str | None]) -> None:
    models = [judge_model(), sentiment_model(), emotion_model(), intensity_model()]
    reading = reader().read(strings(*texts, RECRUITING, DIARY, SELLING * 3))
    for model, ours in zip(models, Scoring(models, ["龘靐", "代理"]).logits(reader(), reading), strict=True):
        want = model.features(reader(), reading).astype(np.float64) @ model.weights.astype(np.float64) + model.bias
        assert np.abs(ours - want).max() < 1e-6
        assert np.array_equal(ours, model.logits(reader(), reading))


def test_probabilities_are_those_of_a_plain_scikit_learn_pipeline() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts = [RECRUITING, SELLING, DIARY, RECRUITING + DIARY, "哈哈哈哈哈", "面膜" * 9]
    folded = normalise_texts(strings(*texts)).to_pylist()
    grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), use_idf=False, sublinear_tf=True, lowercase=False)
    matrix = grams.fit_transform(folded)
    oracle = LogisticRegression().fit(matrix, [0, 0, 1, 0, 1, 2])
    entries = pa.table({"kind": ["char"] * len(grams.vocabulary_), "text": grams.get_feature_names_out().tolist()})
    model = LinearModel("x", ("a", "b", "c"), entries, oracle.coef_.T.astype(np.float32), oracle.intercept_, "")
    ours = model.probabilities(reader(), reader().read(strings(*texts)))
    assert np.abs(ours - oracle.predict_proba(matrix)).max() < 1e-6


def test_models_that_disagree_on_a_key_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.text.linear.text_keys", lambda kinds, _: np.zeros(len(kinds), np.uint64))
    with pytest.raises(PermanentError, match="share a key"):
        Scoring([judge_model()])
