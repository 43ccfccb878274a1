from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text.codepoints import from_arrow, from_codes, from_list, to_arrow
from tests.tiny import POSTS, strings


def _plain(texts: list[str | None]) -> list[str]:
    return [(text or "").replace("\x1e", " ") for text in texts]


@settings(deadline=None)
@given(POSTS)
def test_a_string_array_comes_back_with_null_as_empty_and_separators_as_spaces(texts: list[str | None]) -> None:
    back = to_arrow(from_arrow(strings(*texts)))
    back.validate(full=True)
    assert back.type == pa.string()
    assert back.to_pylist() == _plain(texts)


@settings(deadline=None)
@given(POSTS, st.integers(0, 8), st.integers(0, 8))
def test_a_slice_gives_the_batch_of_its_own_rows(texts: list[str | None], start: int, length: int) -> None:
    sliced = strings(*texts).slice(min(start, len(texts)), length)
    assert to_arrow(from_arrow(sliced)).to_pylist() == _plain(sliced.to_pylist())


@settings(deadline=None)
@given(POSTS, POSTS)
def test_chunks_give_the_batch_of_the_whole(some: list[str | None], more: list[str | None]) -> None:
    chunked = pa.chunked_array([strings(*some).slice(1), strings(), strings(*more)], pa.string())
    batch, whole = from_arrow(chunked), from_arrow(strings(*some[1:], *more))
    assert batch.joined == whole.joined
    assert batch.starts.tolist() == whole.starts.tolist()


@settings(deadline=None)
@given(POSTS)
def test_texts_stand_where_starts_says_and_rows_and_positions_agree(texts: list[str | None]) -> None:
    batch = from_arrow(strings(*texts))
    bounds = zip(batch.starts[:-1].tolist(), batch.starts[1:].tolist(), strict=True)
    assert [batch.joined[s : e - 1] for s, e in bounds] == _plain(texts)
    assert batch.lengths.tolist() == [len(text) for text in _plain(texts)]
    assert len(batch) == len(texts)
    assert batch.codes.tolist() == [ord(c) for c in batch.joined]
    rows = [row for row, text in enumerate(_plain(texts)) for _ in text + "\x1e"]
    assert batch.rows().tolist() == rows
    assert batch.row_of(np.arange(len(rows))).tolist() == rows


@settings(deadline=None)
@given(POSTS)
def test_count_gives_the_hits_of_each_text(texts: list[str | None]) -> None:
    batch = from_arrow(strings(*texts))
    hits = np.array([code % 3 == 0 for code in batch.codes.tolist()], bool)
    rows = batch.rows()
    assert batch.count(hits).tolist() == [int(hits[rows == i].sum()) for i in range(len(texts))]


@settings(deadline=None)
@given(POSTS)
def test_code_points_alone_give_the_batch_back(texts: list[str | None]) -> None:
    batch = from_arrow(strings(*texts))
    again = from_codes(batch.codes.copy())
    assert again.joined == batch.joined
    assert again.starts.tolist() == batch.starts.tolist()


def test_a_lone_surrogate_in_a_list_becomes_a_question_mark() -> None:
    assert to_arrow(from_list(["半个\ud83d表情"])).to_pylist() == ["半个?表情"]


def test_a_family_emoji_is_counted_by_code_points() -> None:
    assert from_list(["👨‍👩‍👧", "", "臺灣"]).lengths.tolist() == [5, 0, 2]


def test_characters_at_the_borders_of_one_two_three_and_four_bytes_come_back() -> None:
    texts = ["\x7f\x80", "\u07ff\u0800", "\uffff\U00010000", "\U0010ffff"]
    assert to_arrow(from_list(texts)).to_pylist() == texts
