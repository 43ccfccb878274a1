from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.anchors import AnchorIndex, anchors_of
from pipeline.text.codepoints import TextBatch, from_arrow, from_list
from pipeline.text.cues import Lexicon, find_cues, load_lexicon
from pipeline.text.normalise import normalise

LEXICON = load_lexicon(Path(__file__).parents[2] / "corpora" / "lexicon")


def in_one_pass(batch: TextBatch, lexicon: Lexicon) -> list[list[int]]:
    """Every cue over the whole batch: what find_cues must find."""
    return [[m.start(), m.end(), i] for i, cue in enumerate(lexicon.cues) for m in cue.pattern.finditer(batch.joined)]


def found(batch: TextBatch) -> list[list[int]]:
    hits = find_cues(batch, LEXICON)
    return np.stack([hits.starts, hits.ends, hits.cue], axis=1).tolist()


@pytest.mark.parametrize(
    ("pattern", "anchors"),
    [
        ("招代理", {"招代"}),
        ("(?:惊呆|震撼)了", {"惊呆", "震撼"}),
        ("[加➕]微?信", {"信"}),
        ("a?b*(?=c)", None),
        ("代理(?!人)|加盟", {"代理", "加盟"}),
        ("[^x]好", {"好"}),
        (".{3}", None),
    ],
)
def test_anchors_are_what_every_match_holds(pattern: str, anchors: set[str] | None) -> None:
    frequency = Counter({"了": 50, "理": 9, "代": 9, "招": 9, "加": 20, "➕": 20, "好": 1})
    assert anchors_of(pattern, frequency) == anchors


LETTERS = st.text("招代理加微信好了 ", max_size=8)


@given(
    st.lists(LETTERS, max_size=6), st.sampled_from(["招代理", "加微?信", "(?:代|好了)+理", "[招加].{0,2}[理信]", "了$"])
)
def test_no_text_with_a_match_is_passed_over(texts: list[str], pattern: str) -> None:
    batch, compiled = from_list(texts), re.compile(pattern)
    [rows] = AnchorIndex([compiled], "招代理加微信好了").candidates(batch)
    assert {i for i, text in enumerate(texts) if compiled.search(text)} <= set(rows.tolist())


def test_cues_found_by_anchors_are_those_of_one_pass_over_all() -> None:
    texts = [
        "早安",
        "诚招代理，一件代发零囤货，想做的加我薇❤信",
        "",
        "孩子今天会走路了，哈哈哈",
        "【公告】明日停水",
        "扫码进群秒通过",
    ] * 3
    batch = normalise(from_list(texts)).batch
    assert len(found(batch)) > 10
    assert found(batch) == in_one_pass(batch, LEXICON)


def test_cues_of_real_posts_are_those_of_one_pass(shared: Path) -> None:
    table = pa_csv.read_csv(
        shared / "datasets" / "posts_gold" / "train.csv", parse_options=pa_csv.ParseOptions(newlines_in_values=True)
    )
    batch = normalise(from_arrow(table["text"].cast(pa.string()).slice(0, 3000))).batch
    assert found(batch) == in_one_pass(batch, LEXICON)
