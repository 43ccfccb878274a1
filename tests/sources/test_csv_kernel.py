"""The compiled CSV reader against Python's own, whatever the pieces in which the text comes."""

import csv
import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import csv_kernel, encodings
from pipeline.sources.csv_kernel import blocks

NASTY = st.text(alphabet='",;\n\r\t 中a"', max_size=60)


def read(chunks, delimiter=","):
    return [block.cells(record) for block in blocks(chunks, delimiter) for record in range(len(block))]


def by_csv(text, delimiter=","):
    return [cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if cells]


def pieces(text, cuts):
    """The text as UTF-8, cut at these characters."""
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return [text[start:end].encode() for start, end in itertools.pairwise(places)]


@given(NASTY, st.lists(st.integers(0, 60), max_size=4), st.sampled_from(",\t;"))
def test_cells_are_those_of_the_csv_module_in_whatever_pieces_the_text_comes(text, cuts, delimiter):
    assert read(pieces(text, cuts), delimiter) == by_csv(text, delimiter)


def test_columns_hold_the_cells_of_the_records_asked_for():
    block = next(blocks(['名,数\n"早,""安""",1\n晚,2\n'.encode()], ","))
    assert block.column(np.array([2, 1]), 0).to_pylist() == ["晚", '早,"安"']


def test_record_that_is_too_long_is_one_beginning_and_costs_no_other(monkeypatch):
    monkeypatch.setattr(csv_kernel, "MAX_RECORD", 100)
    long = '"' + "很长，" * 100 + '\n"", 之后'
    chunks = pieces(f'a,b\n{long}"\nc,d\n', range(0, 400, 17))
    found = list(blocks(chunks, ","))
    assert [block.oversized for block in found if block.oversized] == [True]
    assert read(chunks)[0] == ["a", "b"]
    assert read(chunks)[-1] == ["c", "d"]


@given(
    st.text(alphabet="\ufeff\r\n中a", max_size=40),
    st.integers(1, 9),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]),
)
def test_text_comes_in_whole_characters_and_without_marks_at_line_starts(tmp_path_factory, text, size, encoding):
    path = tmp_path_factory.mktemp("text") / "file"
    path.write_bytes(text.encode(encoding))
    name = "utf-8-sig" if encoding.startswith("utf-8") else encoding
    chunks = list(encodings.text_chunks(path, name, size))
    assert b"".join(chunks).decode() == "".join(encodings.lines(path, name, ""))
    assert all(chunk.decode() for chunk in chunks)


@pytest.mark.parametrize("content", ["早".encode()[:2], "早晚".encode()[:4], "a😀".encode()[:-1], b""])
def test_last_character_cut_short_is_a_replacement(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    for size in (1, 2, 3, 100):
        chunks = encodings.text_chunks(tmp_path / "file", "utf-8-sig", size)
        assert b"".join(chunks).decode() == content.decode("utf-8", "replace")
