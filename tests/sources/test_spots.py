"""The compiled search for topics, mentions and links against the expressions that say what they are."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import markup
from pipeline.sources.spots import find_spots

PATTERNS = {"topics": markup.TOPIC, "mentions": markup.MENTION, "links": markup.LINK}
PIECES = st.sampled_from([
    *"#@[]话题超ab_·-. \n\r\t　1中", "[话题]", "[超话]", "http://", "https://", "http:/", "#", "@", "x" * 31, "中" * 59,
    "😀", "é", "\u2028", "%",
])  # fmt: skip


@given(st.lists(st.lists(PIECES, max_size=30).map("".join), max_size=6))
def test_spots_are_what_the_expressions_find(texts):
    column = pa.array(texts, pa.string())
    for name, found in find_spots(column).items():
        assert found.equals(markup.find_all(column, PATTERNS[name])), name


def test_spots_of_a_slice_are_its_own():
    column = pa.array(["#早#", "#午# @老陈", "看 http://t.cn/a1 去"])
    found = find_spots(column.slice(1))
    assert {name: lists.to_pylist() for name, lists in found.items()} == {
        "topics": [["午"], []], "mentions": [["老陈"], []], "links": [[], ["http://t.cn/a1"]],
    }  # fmt: skip


@given(st.lists(st.text("<&a>;#b 微信/p", max_size=20), max_size=5))
def test_text_without_a_mark_of_markup_is_the_text_to_be_read(texts):
    column = pa.array(texts, pa.string())
    assert markup.to_text(column).equals(markup._to_text(column))


@given(st.lists(st.text("全文展开c….\n a", max_size=12), max_size=5))
def test_cut_texts_are_told_as_the_expression_tells_them(texts):
    column = pa.array(texts, pa.string())
    import pyarrow.compute as pc

    assert markup.is_truncated(column).equals(pc.match_substring_regex(column, markup._TRUNCATED))
