"""What the committed sentiment model says of own sentences; it is asked as a run asks it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.api import Scorer
from pipeline.artifacts import load_emotion, load_linear
from pipeline.learn.feelings import own_feelings
from pipeline.tables import EMOTIONS, SENTIMENTS
from pipeline.text.linear import Scoring
from tests.feed import MODELS, need_models
from tests.tiny import CORPORA, reader

PAIRS = {
    "不 before good": ("这家店的面很好吃", "这家店的面不好吃"),
    "一点也不 before good": ("这家店的面很好吃", "这家店的面一点也不好吃"),
    "不 before a liking": ("我很喜欢这件衣服", "我不喜欢这件衣服"),
    "一点都不 before happy": ("今天真的很开心", "今天一点都不开心"),
    "非常 against 不太": ("我非常喜欢这件衣服", "我不太喜欢这件衣服"),
    "a heart against the smile that is none": ("真是谢谢你啊，又放我鸽子[心]", "真是谢谢你啊，又放我鸽子[微笑]"),
    "laughing against crying": ("我妈今天出门[笑cry]", "我妈今天出门[泪]"),
}


@cache
def _scored(*texts: str) -> list[dict[str, object]]:
    need_models()
    return Scorer(MODELS, CORPORA).score(pa.table({"text": list(texts)})).to_pylist()


@pytest.mark.parametrize("name", PAIRS)
def test_the_other_wording_is_less_positive(name: str) -> None:
    good, bad = (row["sentiment"] for row in _scored(*PAIRS[name]))
    assert isinstance(good, float)
    assert isinstance(bad, float)
    assert good > bad + 0.2


def test_a_fault_that_is_granted_before_praise_does_not_turn_praise() -> None:
    granted, plain = _scored("虽然贵了点，但是真的好吃", "真的好吃")
    assert granted["sentiment_label"] == plain["sentiment_label"] == "positive"


def test_plain_statements_and_questions_are_neutral() -> None:
    rows = _scored("会议改到周五下午三点", "有人知道这个怎么用吗", "打印机在办公室的左手边")
    assert [row["sentiment_label"] for row in rows] == ["neutral"] * 3
    assert all(abs(float(str(row["sentiment"]))) < 0.3 for row in rows)


def test_reviews_are_on_a_side() -> None:
    good, bad = _scored("外卖送得很快，还热着，好吃", "外卖等了两个小时，饭都凉了")
    assert (good["sentiment_label"], bad["sentiment_label"]) == ("positive", "negative")


def test_emotions_have_their_names() -> None:
    said = {
        "happy": "放假啦，太开心了，哈哈哈哈", "angry": "气死我了，什么破快递", "sad": "分手了，难过得睡不着",
        "fear": "我好害怕，一个人在家听到有声音", "surprise": "天哪，居然下雪了，没想到啊",
    }  # fmt: skip
    for name, row in zip(said, _scored(*said.values()), strict=True):
        chances = {e: float(str(row[f"emotion_{e}"])) for e in EMOTIONS if e != "neutral"}
        assert max(chances, key=chances.__getitem__) == name
        assert 0 <= sum(chances.values()) <= 1 + 1e-6


def test_most_own_posts_of_each_kind_are_given_their_side() -> None:
    own = own_feelings(CORPORA)
    rows = _scored(*own.texts.to_pylist())
    sentiment = np.array([float(str(row["sentiment"])) for row in rows])
    polar = own.label != SENTIMENTS.index("neutral")
    right = (sentiment > 0) == (own.label == SENTIMENTS.index("positive"))
    for kind, least in (("delivery", 0.85), ("brand", 0.75), ("talk", 0.65)):
        assert right[polar & (own.kind == kind)].mean() >= least, kind


def test_serving_is_the_reference_to_a_millionth_and_leaves_the_judge_as_it_is() -> None:
    need_models()
    own = own_feelings(Path(CORPORA))
    reading = reader().read(own.texts)
    emotion = load_emotion(MODELS / "sentiment")
    assert emotion is not None
    models = [load_linear(MODELS / "judge"), load_linear(MODELS / "sentiment"), emotion]
    for model, ours in zip(models, Scoring(models).logits(reader(), reading), strict=True):
        want = model.features(reader(), reading).astype(np.float64) @ model.weights.astype(np.float64) + model.bias
        assert np.abs(ours - want).max() < 1e-6
        assert np.array_equal(ours, model.logits(reader(), reading))
