"""The compiled reader of flat JSON lines against Python's own."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.sources import json_lines
from pipeline.sources.json_kernel import flat_objects
from pipeline.sources.json_lines import lines_of
from pipeline.sources.json_rows import _decoder, _value
from pipeline.sources.records import text_array

VALUE = (
    st.none() | st.booleans() | st.text(max_size=8) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
OBJECT = st.dictionaries(st.text('ab文"\\', max_size=2), VALUE, max_size=4)
NASTY = st.text('{}":,\\u0d8-.e+truefalsnl[] \t\r早\ufeff', max_size=30)


def read(text):
    return [(lines, line) for lines in lines_of([text.encode("utf-8", "replace")]) for line in range(len(lines))]


def by_json(text):
    """The object that the line is, its values as text; None where it is none."""
    value, end = _value(_decoder(), text, 0)
    if not isinstance(value, dict) or end != len(text):
        return None
    return {key: text_array([item]).to_pylist()[0] for key, item in value.items()}


def check(texts):
    for lines in lines_of(["\n".join(texts).encode("utf-8", "replace")]):
        found = flat_objects(lines)
        flat = [line for line in range(len(lines)) if found.is_flat[line]]
        for row, line in enumerate(flat):
            got = {key: column[row].as_py() for key, column in found.columns.items()}
            want = by_json(lines.text(line))
            assert want is not None
            assert {key: value for key, value in got.items() if value is not None or key in want} == want
        for column in found.columns.values():
            column.validate(full=True)
        yield len(flat)


@given(st.lists(OBJECT, max_size=5), st.booleans())
def test_flat_objects_are_read_as_json_reads_them(objects, ascii_only):
    texts = [json.dumps(one, ensure_ascii=ascii_only) for one in objects]
    for _ in check([text for text in texts if "\n" not in text]):
        pass


@given(
    st.lists(NASTY | NASTY.map(lambda t: f'{{"a": {t}}}') | NASTY.map(lambda t: f'{{"a": "{t}", "b": 1}}'), max_size=5)
)
@example(
    ['{"a": "\\ud83d\\ude00 \\ud83d x \\u65e9"}', '{"a": 01}', '{"a": 1.}', '{"a": -}', '{"a": 1e5, "a": "后者"}', "{}"]
)
def test_what_is_taken_for_a_flat_object_is_one(texts):
    for _ in check(texts):
        pass


def test_exporters_lines_are_taken():
    texts = ['{"text": "早\\n安", "likes": 3, "ok": true, "x": null}', '{ "likes" : "1.2万" , "text" : "\\u665a" }']
    assert sum(check(texts)) == 2


def test_nested_objects_are_left_to_json():
    assert sum(check(['{"user": {"id": 1}}', '{"pics": []}', '{"a\\u0062": 1}'])) == 0


@given(st.text("a \t\n\r\ufeff{", max_size=30), st.integers(1, 5))
def test_lines_are_those_that_hold_something(text, size):
    pieces = [text[start : start + size].encode() for start in range(0, len(text), size)]
    got = [lines.text(line) for lines in lines_of(pieces) for line in range(len(lines))]
    assert got == [bare for line in text.split("\n") if (bare := line.strip(" \t\r\n\ufeff"))]


def test_line_that_is_too_long_is_its_beginning_and_costs_no_other(monkeypatch):
    monkeypatch.setattr(json_lines, "MAX_LINE", 50)
    chunks = [b"a\n" + b"x" * 40, b"x" * 40, b"x" * 40 + b"\nb\n", b"c"]
    found = list(lines_of(chunks))
    assert [lines.oversized for lines in found] == [False, True, False, False]
    assert [lines.text(0)[:1] for lines in found] == ["a", "x", "b", "c"]
