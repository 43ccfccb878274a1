from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.steps.features import features
from pipeline.tables import CLASSES, EMOTIONS, SENTIMENTS, schema
from pipeline.text.segment import Segmenter, segment_texts
from pipeline.text.snownlp_table import snownlp_sentiment
from tests.tiny import DIARY, POSTS, RECRUITING, SELLING, cut, judge_model, strings, text_models


def _posts(*texts: str | None) -> pa.Table:
    n = len(texts)
    return pa.table({
        "platform": strings(*["weibo"] * n), "post_id": strings(*[f"p{i}" for i in range(n)]), "author_id": strings(*["a"] * n),
        "posted_at": pa.nulls(n, pa.timestamp("us", "UTC")), "text": strings(*texts),
    })  # fmt: skip


def _features(*texts: str | None, **how: Any) -> list[dict[str, Any]]:
    found = features(_posts(*texts), models=text_models(), **how)
    assert found.schema.equals(schema("post_features"))
    return found.to_pylist()


def test_one_row_a_post_with_its_keys_and_the_versions_of_the_models() -> None:
    found = _features(DIARY, SELLING)
    assert [row["post_id"] for row in found] == ["p0", "p1"]
    assert {(row["text_judge_version"], row["sentiment_version"]) for row in found} == {("tiny", "tiny")}


def test_the_label_is_the_likeliest_class_and_probabilities_sum_to_one() -> None:
    found = _features(RECRUITING, SELLING, DIARY)
    assert [row["text_label"] for row in found] == ["recruit", "sell", "share"]
    for row in found:
        chances = {c: row[f"p_{c}"] for c in CLASSES}
        assert max(chances, key=chances.__getitem__) == row["text_label"]
        assert sum(chances.values()) == pytest.approx(1, abs=1e-6)


def test_classes_are_known_by_name_and_not_by_place() -> None:
    order = [5, 3, 1, 0, 2, 4]
    model = judge_model()
    other = replace(
        model, classes=tuple(CLASSES[i] for i in order), weights=model.weights[:, order], bias=model.bias[order]
    )
    models = replace(text_models(), judge=other)
    posts = _posts(RECRUITING, SELLING, DIARY)
    one, two = (
        features(posts, models=m).select(["text_label", *[f"p_{c}" for c in CLASSES]]) for m in (text_models(), models)
    )
    assert one["text_label"].equals(two["text_label"])
    for c in CLASSES:
        assert np.allclose(one[f"p_{c}"].to_numpy(), two[f"p_{c}"].to_numpy(), atol=1e-6)


def test_sentiment_is_positive_less_negative() -> None:
    found = _features("今天很开心", "失望透了", "在吗？", "")
    assert [row["sentiment_label"] for row in found] == ["positive", "negative", "neutral", "neutral"]
    for row in found:
        assert row["sentiment"] == pytest.approx(row["p_positive"] - row["p_negative"], abs=1e-6)
        assert sum(row[f"p_{s}"] for s in SENTIMENTS) == pytest.approx(1, abs=1e-6)


def test_sentiment_classes_may_stand_in_any_order() -> None:
    model = text_models().sentiment
    turned = replace(model, classes=model.classes[::-1], weights=model.weights[:, ::-1], bias=model.bias[::-1])
    names = ["sentiment", "sentiment_label", *[f"p_{s}" for s in SENTIMENTS]]
    posts = _posts("今天很开心", "失望透了", "在吗？")
    one, two = (
        features(posts, models=replace(text_models(), sentiment=m)).select(names).to_pylist() for m in (model, turned)
    )
    assert one == [pytest.approx(row) for row in two]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("今天25℃，晒被子", {"obfuscation_cues": 0, "contact_cues": 0, "n_chars": 10}),
        ("①早起②读书", {"obfuscation_cues": 2}),
        ("加我微信〔微信号〕", {"contact_cues": 2}),
        ("看http://t.cn/a1[泪]😴@阿禾 #早安#", {"n_links": 1, "n_emoticons": 2, "n_mentions": 1, "n_topics": 1}),
        ("", {"n_chars": 0, "n_tokens": 0, "first_person_per_100": None, "affect_per_100": None, "sketch": None}),
        ("！！！", {"n_chars": 3, "n_tokens": 0, "first_person_per_100": None}),
        ("今天下雨", {"n_tokens": 2, "first_person_per_100": 0.0}),
    ],
)
def test_counts_by_hand(text: str, counts: dict[str, Any]) -> None:
    [row] = _features(text)
    assert {name: row[name] for name in counts} == counts


def test_first_person_is_per_hundred_words() -> None:
    text = "你看咱们好不好，俺们也行"
    [row] = _features(text)
    words = [word for word in Segmenter().texts([text])[0] if word != "，"]
    assert row["n_tokens"] == len(words)
    assert row["first_person_per_100"] == pytest.approx(100 * 2 / len(words))


def test_tokens_are_written_where_asked_for() -> None:
    assert _features(DIARY)[0]["tokens"] is None
    tokens = _features(DIARY, store_tokens=True)[0]["tokens"]
    assert len(tokens) > 10
    assert "动物园" in tokens


def test_snownlps_own_number_is_written_where_asked_for() -> None:
    from snownlp import SnowNLP

    text = "质量很差,太失望了 ＶＩＰ〔微信号〕"
    assert _features(text)[0]["snownlp_exact"] is None
    own, nothing = _features(text, "", snownlp_exact=True)
    assert own["snownlp_exact"] == pytest.approx(SnowNLP(text).sentiments, abs=1e-12)
    assert own["snownlp_sentiment"] != pytest.approx(own["snownlp_exact"], abs=1e-3)  # another function of the text
    assert nothing["snownlp_exact"] is None  # where the library raises ZeroDivisionError


def test_the_snownlp_column_is_its_table_over_the_tokens() -> None:
    [row] = _features("质量很差,太失望了")
    want = snownlp_sentiment(*cut(*segment_texts(["质量很差,太失望了"])))[0]
    assert row["snownlp_sentiment"] == pytest.approx(want, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(POSTS, st.integers(0, 10))
def test_a_row_depends_on_its_own_text_alone(texts: list[str | None], cut: int) -> None:
    posts = _posts(*[text or "" for text in texts], DIARY, RECRUITING)
    parts = [features(posts.slice(*span), models=text_models(), store_tokens=True) for span in ((0, cut), (cut,))]
    assert (
        pa.concat_tables(parts)
        .combine_chunks()
        .equals(features(posts, models=text_models(), store_tokens=True).combine_chunks())
    )


def test_each_emotion_has_its_column_and_what_they_leave_is_none() -> None:
    happy, sad, loud, flat = _features("今天好开心", "我很失望", "我很失望！", "嗯")
    for row, likeliest in ((happy, "happy"), (sad, "sad"), (loud, "angry")):
        chances = {e: row[f"emotion_{e}"] for e in EMOTIONS if e != "neutral"}
        assert max(chances, key=chances.__getitem__) == likeliest
        assert 0 < 1 - sum(chances.values()) < 0.2
    assert flat["emotion_happy"] == pytest.approx(1 / 6)


def test_without_an_emotion_model_the_emotions_are_null_and_the_rest_as_before() -> None:
    posts = _posts(DIARY, SELLING)
    with_, without = (features(posts, models=m) for m in (text_models(), replace(text_models(), emotion=None)))
    names = [f"emotion_{e}" for e in EMOTIONS if e != "neutral"]
    assert all(without[name].null_count == 2 for name in names)
    assert with_.drop_columns(names).equals(without.drop_columns(names))


def test_intensity_is_how_strong_a_feeling_is_whatever_its_side() -> None:
    loud, flat = _features("我很失望！", "我很失望")
    assert flat["intensity"] == pytest.approx(1 / (1 + np.exp(2)))
    assert loud["intensity"] == pytest.approx(1 / (1 + np.exp(-2)))
    assert loud["emotion_angry"] > flat["emotion_angry"]


@pytest.mark.parametrize("emotions", [True, False])
def test_without_an_intensity_model_intensity_is_null_and_the_rest_as_before(*, emotions: bool) -> None:
    posts = _posts(DIARY, SELLING)
    models = text_models() if emotions else replace(text_models(), emotion=None)
    with_, without = (features(posts, models=m) for m in (models, replace(models, intensity=None)))
    assert without["intensity"].null_count == 2
    assert with_["intensity"].null_count == 0
    assert with_.drop_columns(["intensity"]).equals(without.drop_columns(["intensity"]))
