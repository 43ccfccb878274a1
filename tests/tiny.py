"""Small models made in a moment, and hypothesis strategies for posts: what tests of texts, steps and learning share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from pipeline.additive import Step
from pipeline.judge_model import ContextModel
from pipeline.learn import labels
from pipeline.learn.fit import Design, choose_entries, fit_weights, to_model
from pipeline.steps.features import TextModels
from pipeline.steps.judge import Judge
from pipeline.tables import CLASSES, EMOTIONS, INTENSITY, SENTIMENTS, complete, schema
from pipeline.text.codepoints import TextBatch, from_arrow
from pipeline.text.linear import LinearModel
from pipeline.text.reading import Reader, open_reader
from pipeline.text.segment import Tokens
from pipeline.text.topics import load_topics

CORPORA = Path(__file__).parent.parent / "corpora"
# Characters on which something in `text` turns: zero width, full width, enclosed, several at once, astral, separators.
TRICKY = (
    "\x00\x1e\n\u200b\u3164\ufe0fＶｘ①❶⑴㎏🅰𝕏臺國兩㊙ﷺ🇨🇳👍🏻🀄微信加vx薇❤+:：,，。！qQ号群@#/[]〔〕【】0123456789abc 　"
)
WORDS = (
    "微信", "加我", "v信", "qq", "：", "12345678", "lili8899", "面膜", "招代理", "一件代发", "今天", "开心", "孩子", "睡觉",
    "//@阿禾:", "http://t.cn/a1", "[泪]", "，", "。", " ", "\n", "我", "的", "13800001111", "月入过万",
)  # fmt: skip
TEXT = st.one_of(
    st.text(max_size=40), st.text(TRICKY, max_size=30), st.lists(st.sampled_from(WORDS), max_size=12).map("".join)
)
POSTS = st.lists(st.one_of(st.none(), TEXT), max_size=8)

RECRUITING = "诚招全国代理，一件代发零囤货，宝妈在家月入过万，想做的加微信：lili8899"
SELLING = "新到一批面膜，两盒包邮58元，喜欢的姐妹私我下单，现货秒发"
DIARY = "今天带女儿去动物园看长颈鹿，她高兴得一路上都在唱歌，我也好开心"
FLAT = "嗯"


def strings(*texts: str | None) -> pa.Array:
    """A string array."""
    return pa.array(texts, pa.string())


def raw_posts(*rows: dict[str, Any]) -> pa.Table:
    """Table raw_posts of some of its columns; gathered on day `day` (January 2026), each row a batch of its own."""
    filled = []
    for i, row in enumerate(rows):
        fixed = {
            "platform": "weibo", "post_id": "p1", "post_id_derived": False, "text": "早", "source": "native",
            "source_file": "a.csv", "source_row": i + 1, "batch_id": f"b{i:04d}", "schema_version": 1,
            "gathered_at": datetime(2026, 1, row.get("day", 1), tzinfo=UTC),
        }  # fmt: skip
        filled.append(fixed | {name: value for name, value in row.items() if name != "day"})
    want = schema("raw_posts")
    columns = {f.name: pa.array([r.get(f.name) for r in filled], f.type) for f in want}
    return complete(columns, "raw_posts", len(filled))


def cut(*lists: list[str]) -> tuple[TextBatch, Tokens]:
    """A batch whose texts are the tokens of each list joined, and those tokens."""
    sizes = [len(token) for tokens in lists for token in tokens]
    counts = [len(tokens) for tokens in lists]
    ends = np.cumsum(np.array(sizes, np.int64)) + np.repeat(np.arange(len(lists)), counts)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    ids = np.full(len(sizes), -1, np.int32)
    return from_arrow(strings(*map("".join, lists))), Tokens(ids, ends - np.array(sizes, np.int64), ends, offsets)


@cache
def reader() -> Reader:
    """jieba with the domain words, and the lexicon."""
    return open_reader(CORPORA)


@cache
def own_posts() -> labels.Labels:
    """The project's first 1,072 own posts: small, and the same however the corpus grows."""
    rows = labels.own(CORPORA)
    return rows.take(np.array([str(author).rpartition(":")[2][:1] in "bg" for author in rows.author]))


@cache
def judge_model() -> LinearModel:
    """Six classes, fitted on the own posts alone, uncalibrated: some 4,000 entries."""
    rows = own_posts()
    reading = reader().read(rows.texts)
    everything = np.ones(len(rows), bool)
    entries = choose_entries(reader(), reading, rows.author, everything, min_authors=8)
    matrix = Design.of(reader(), reading, entries).matrix
    weights = fit_weights(matrix, rows.label, np.ones(len(rows)), len(CLASSES), seed=1)
    return replace(to_model(weights, entries, CLASSES, reader().lexicon.version), version="tiny")


@cache
def sentiment_model() -> LinearModel:
    """Three classes, by hand: 开心 is positive, 失望 negative, a question mark neutral."""
    table = pa.table({"kind": ["word", "word", "form"], "text": ["开心", "失望", "questions>=1"]})
    weights = np.array([[-2, 0, 3], [3, 0, -2], [0, 5, 0]], np.float32)
    return LinearModel("tiny", SENTIMENTS, table, weights, np.array([0.0, 0.5, 0.0]), reader().lexicon.version)


@cache
def emotion_model() -> LinearModel:
    """Six emotions, by hand: 开心 is happy, 失望 sad, an exclamation mark angry."""
    table = pa.table({"kind": ["word", "word", "form"], "text": ["开心", "失望", "exclamations>=1"]})
    weights = np.zeros((3, len(EMOTIONS)), np.float32)
    weights[[0, 1, 2], [EMOTIONS.index(name) for name in ("happy", "sad", "angry")]] = 4, 4, 40
    return LinearModel("tiny", EMOTIONS, table, weights, np.zeros(len(EMOTIONS)), reader().lexicon.version)


@cache
def intensity_model() -> LinearModel:
    """By hand: an exclamation mark is strong, else a text is faint."""
    table = pa.table({"kind": ["word", "form"], "text": ["开心", "exclamations>=1"]})
    weights = np.array([[1], [20]], np.float32)
    return LinearModel("tiny", INTENSITY, table, weights, np.array([-2.0]), reader().lexicon.version)


@cache
def context_model() -> ContextModel:
    """Everything known before a post speaks for broadcasting, a repost against; four posts a day and an app do too."""
    names = ("text", "past", "past_known", "repeats", "campaign_posts", "campaign_authors", "is_repost")
    steps = (Step("posts_in_day", 1.5, 0.0, 0.4, 0.0), Step("likes", 3.0, 0.1, -0.2, 0.0))
    weights = (1.0, 0.8, 0.1, 0.6, 0.3, 0.4, -0.5)
    return ContextModel(
        "tiny-context", names, weights, -0.2, 0.3, steps, {"群发助手": 0.7}, (0.5, 0.15, 0.05, 0.15, 0.1, 0.05)
    )


@cache
def text_models() -> TextModels:
    """What the features step is given."""
    more = emotion_model(), intensity_model(), load_topics(CORPORA / "lexicon")
    return TextModels(reader(), judge_model(), sentiment_model(), *more)


@cache
def judge() -> Judge:
    """What the judge step is given."""
    return Judge(judge_model(), context_model(), reader())
