from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text.segment import segment_texts
from pipeline.text.snownlp_table import snow_table, snownlp_sentiment
from tests.tiny import cut

WORDS = [
    "开心",
    "失望",
    "垃圾",
    "好",
    "不",
    "的",
    "，",
    "面膜",
    "质量",
    "差",
    "推荐",
    "龘靐",
    " ",
    "!",
    "我",
    "of",
    "2015",
]
POSTS_BY_HAND = ["这家店的东西质量很差，太失望了", "推荐！味道好极了，孩子很喜欢", "龘靐齉", "的了是", "", "今天下雨"]


def _snownlp_itself(tokens: list[str]) -> float:
    """Its classifier over these tokens, as `SnowNLP(text).sentiments` calls it over its own."""
    from snownlp import normal, sentiment

    label, chance = sentiment.classifier.classifier.classify(normal.filter_stop(tokens))
    return chance if label == "pos" else 1 - chance


@pytest.mark.parametrize("text", POSTS_BY_HAND)
def test_the_score_is_snownlps_over_the_same_tokens(text: str) -> None:
    tokens = segment_texts([text])
    assert snownlp_sentiment(*cut(*tokens))[0] == pytest.approx(_snownlp_itself(tokens[0]), abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.one_of(st.sampled_from(WORDS), st.text(min_size=1, max_size=3)), max_size=12), max_size=4))
def test_the_score_is_snownlps_for_any_tokens(lists: list[list[str]]) -> None:
    want = [_snownlp_itself(tokens) for tokens in lists]
    assert snownlp_sentiment(*cut(*lists)).tolist() == pytest.approx(want, abs=1e-9)


def test_scores_of_real_posts_are_snownlps(shared: object) -> None:
    texts = pq.read_table(f"{shared}/datasets/weibo_2014/posts.parquet", columns=["content"])["content"]
    tokens = segment_texts([text or "" for text in texts.slice(0, 300).to_pylist()])
    want = [_snownlp_itself(words) for words in tokens]
    assert snownlp_sentiment(*cut(*tokens)).tolist() == pytest.approx(want, abs=1e-9)


def test_without_tokens_the_score_is_the_prior_and_stop_words_change_nothing() -> None:
    stop = snow_table().words[-100].as_py()
    none, only_stop, word, both = snownlp_sentiment(*cut([], [stop], ["失望"], ["失望", stop]))
    assert none == only_stop == pytest.approx(0.5, abs=0.05)
    assert word == both != none
