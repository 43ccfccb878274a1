from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import PermanentError
from pipeline.steps.features import features
from pipeline.tables import TOPICS, complete
from pipeline.text.topics import load_topics
from tests.tiny import CORPORA, reader, text_models

LEXICON = CORPORA / "lexicon"


def _topics(*texts: str) -> list[str | None]:
    n = len(texts)
    columns = {
        "text": pa.array(texts), "platform": pa.array(["weibo"] * n), "post_id": pa.array([str(i) for i in range(n)]),
        "text_own": pa.array(texts), "text_normalised": pa.array(texts), "is_repost": pa.array([False] * n),
        "is_auto_share": pa.array([False] * n), "versions": pa.array([1] * n, pa.int32()), "schema_version": pa.array([1] * n, pa.int32()),
        **{name: pa.array([0] * n).cast(pa.timestamp("us", tz="UTC")) for name in ("first_seen_at", "last_seen_at")},
    }  # fmt: skip
    found: list[str | None] = features(complete(columns, "posts", n), models=text_models())["topic"].to_pylist()
    return found


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("今天带女儿去幼儿园，外婆也来了", "family"),
        ("晚饭做了饺子和红烧排骨", "food"),
        ("明天的航班，酒店订在海边", "travel"),
        ("跑步五公里，准备马拉松", "sport"),
        ("考研复习到图书馆关门", "study"),
        ("股票跌了，基金也跌了", "money"),
        ("嗯嗯好的", None),
        ("", None),
    ],
)
def test_the_topic_is_what_most_words_speak_of(text: str, topic: str | None) -> None:
    assert _topics(text) == [topic]


def test_rarer_words_weigh_more_and_equal_topics_go_in_their_order() -> None:
    topics = load_topics(LEXICON)
    weight = dict(zip(topics.words, topics.weight.tolist(), strict=True))
    assert weight["马拉松"] > weight["工作"]
    assert _topics("工作 马拉松", "工作 工作 工作 马拉松") == ["sport", "work"]
    first = topics.weight.tolist().index(topics.weight[-1])  # as heavy as the last word, of another topic
    assert topics.topic[first] < topics.topic[-1]
    assert _topics(f"{topics.words[-1]} {topics.words[first]}") == [TOPICS[topics.topic[first]]]


def test_a_text_s_topic_hangs_on_no_other_text() -> None:
    texts = ["饺子", "", "比赛", "嗯", "新闻 记者 饺子"]
    assert _topics(*texts) == [topic for text in texts for topic in _topics(text)]


def test_every_word_is_one_that_the_segmenter_gives() -> None:
    topics = load_topics(LEXICON)
    known = set(reader().segmenter.words)
    assert [word for word in topics.words if word not in known] == []
    assert set(topics.topic.tolist()) == set(range(len(TOPICS)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[family]", "[famly]"), "expected family, food"),
        (('"孩子" = 4.2', '"孩子" = "4.2"'), "word 孩子; expected each word once, with a weight"),
        (('"孩子" = 4.2', '"孩子" = 0'), "word 孩子"),
        (("[food]", '[food]\n"孩子" = 4.2'), "word 孩子; expected each word once"),
        (("[food]", "[food"), "expected TOML"),
    ],
)
def test_a_broken_list_is_refused_in_one_line(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = (LEXICON / "topics.toml").read_text("utf-8")
    assert change[0] in text
    (tmp_path / "topics.toml").write_text(text.replace(*change, 1), "utf-8")
    with pytest.raises(PermanentError, match=r"topics\.toml") as told:
        load_topics(tmp_path)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_without_a_list_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="set --corpora"):
        load_topics(tmp_path)
