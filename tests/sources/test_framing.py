import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import framing
from pipeline.sources.json_rows import _list_items

NASTY = st.text(alphabet='",;\n\r\t 中a"', max_size=40)


def lines(text):
    return io.StringIO(text, newline="")


@given(st.lists(st.lists(st.text(alphabet='",\n\r中a ', max_size=6), min_size=2, max_size=3), max_size=8))
def test_written_csv_has_as_many_records_as_were_written(rows):
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    assert framing.count_csv([out.getvalue().encode()], ",") == len(rows)


@given(NASTY, st.sampled_from(",\t;"))
def test_any_text_has_as_many_csv_records_as_the_parser_meets(text, delimiter):
    assert framing.count_csv([text.encode()], delimiter) == sum(
        1 for row in csv.reader(lines(text), delimiter=delimiter) if row
    )


def test_quotes_inside_an_unquoted_cell_open_nothing():
    assert framing.count_csv(['a,他说"好\nb,"两\n行"\n'.encode()], ",") == 2


def test_quote_that_never_closes_is_one_last_record():
    assert framing.count_csv([b'a\n"b', b"\nc\nd"], ",") == 2


@given(
    st.lists(
        st.recursive(
            st.text(max_size=5) | st.integers() | st.none(),
            lambda s: st.lists(s) | st.dictionaries(st.text(max_size=3), s),
            max_leaves=8,
        )
    )
)
def test_json_list_has_as_many_items_as_were_written(items):
    for indent in (None, 2):
        assert framing.count_json_items([json.dumps(items, ensure_ascii=False, indent=indent).encode()]) == len(items)


@given(st.lists(st.fixed_dictionaries({"text": st.text('ab"\\[{,]}', max_size=6)}), max_size=5), st.data())
def test_damaged_json_list_frames_as_the_parser_reads_it_or_not_at_all(items, data):
    text = json.dumps(items)
    place = data.draw(st.integers(1, len(text)))
    text = text[:place] + data.draw(st.text('"\\[]{},x1', max_size=3)) + text[place + data.draw(st.integers(0, 2)) :]
    assert framing.count_json_items([text.encode()]) in (None, sum(1 for _ in _list_items([text])))


@given(st.text('"\\\\[]{},x1 ', max_size=30), st.integers(1, 9))
def test_list_is_read_alike_in_whatever_pieces_it_comes(text, size):
    text = f"[{text}"
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert [raw for _, raw in _list_items(pieces)] == [raw for _, raw in _list_items([text])]
    assert framing.count_json_items([piece.encode() for piece in pieces]) == framing.count_json_items([text.encode()])


@pytest.mark.parametrize(("text", "items"), [("[1] [2]", 2), ("[1, 2][]\n[3]", 3), ("[] []", 0), ("[[1, 2]]", 1)])
def test_items_of_lists_one_after_another_are_counted_together(text, items):
    assert framing.count_json_items([text.encode()]) == items == sum(1 for _ in _list_items([text]))


@pytest.mark.parametrize("text", ["[}", "[1, 2}", "[1", '["a]', "[1] 2", "[1]]", "[[1]", "", "{}]"])
def test_list_whose_brackets_do_not_match_is_not_framed(text):
    assert framing.count_json_items([text.encode()]) is None


def test_blank_lines_are_no_json_lines():
    assert (
        framing.count_json_lines(['{"text": "早"}\n\n \t'.encode(), b"\r\n", "\ufeff\nbro".encode(), b"", b"ken"]) == 2
    )


def test_lines_are_pieces_of_a_text_too():
    assert framing.count_json_lines(["早\n", "\n", " \r\n", "晚"]) == 2


def test_parquet_rows_are_those_of_the_footer(tmp_path):
    pq.write_table(pa.table({"text": ["早", "晚", "午"]}), tmp_path / "posts")
    assert framing.count_parquet(tmp_path / "posts") == 3
