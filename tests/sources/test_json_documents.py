import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.settings import Settings
from pipeline.sources.json_documents import open_json_documents
from pipeline.sources.record_paths import MAX_DEPTH, RecordPath, fits, names_of
from pipeline.sources.records import Plan, Records, Source

PATHS = (
    RecordPath("note", "$.shelf[].note", ("id", "text", "by.name", "tags[].word", "$.owner.id"), known_by=frozenset(["text"])),
    RecordPath("answer", "**.answers[]", ("id", "^.id", "^.^.id", "^.^.^.id"), needs=frozenset(["id"])),
    RecordPath("note", "**.quoted", ("id", "text", "by.name", "tags[].word", "$.owner.id"), needs=frozenset(["id"])),
)  # fmt: skip
SOURCE = Source(lambda names, _: fits(names, PATHS), lambda batches, _: iter(batches), paths=PATHS)
DOCUMENT = {
    "owner": {"id": 8001},
    "shelf": [
        {"note": {"id": 1, "text": "晒萝卜干", "by": {"name": "阿婆"}, "tags": [{"word": "冬天"}, {"word": "晒场"}],
                  "answers": [{"id": 2, "answers": [{"id": 3}]}]}},
        {"note": {"id": 4, "text": "又下雨了", "quoted": {"id": 1, "text": "晒萝卜干"}}},
        {"advert": {"id": 5}},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[list[Records], int | None]]:
    """read(text): the records at PATHS, and the independent count of the rows."""
    path = tmp_path_factory.mktemp("documents") / "file"

    def run(text: str, batch_rows: int = 100) -> tuple[list[Records], int | None]:
        path.write_text(text, "utf-8")
        form = open_json_documents(path, "utf-8-sig").select(SOURCE, Settings())
        return list(form.records(Plan(batch_rows, lambda _: False))), form.framed()

    return run


def rows(batches):
    """Of every row its number, table and first column, in order."""
    found = [
        (number, batch.table, batch.columns["id"][place].as_py())
        for batch in batches for place, number in enumerate(batch.source_rows)
    ]  # fmt: skip
    return sorted((int(number), table, id_) for number, table, id_ in found)


def rejects(batches):
    return [(reject.source_row, reject.reason) for batch in batches for reject in batch.rejects]


NOTES = [(1, "note", "1"), (2, "answer", "2"), (3, "answer", "3"), (4, "note", "4"), (5, "note", "1")]
ONE_LINE, PRETTY = json.dumps(DOCUMENT), json.dumps(DOCUMENT, indent=2, ensure_ascii=False)


@pytest.mark.parametrize(
    "text",
    [ONE_LINE, PRETTY, "\ufeff" + PRETTY, f"callback({PRETTY});", f"/**/ jsonp_1 ( {ONE_LINE} )", f"const notes = {PRETTY}\n",
     f"module.exports = {ONE_LINE};"],
)  # fmt: skip
def test_records_are_the_same_however_the_document_is_wrapped(read, text):
    batches, framed = read(text)
    assert (rows(batches), rejects(batches), framed) == (NOTES, [], 5)


def test_columns_look_into_the_record_around_it_and_the_document(read):
    batches, _ = read(PRETTY)
    columns = {batch.table: batch.columns for batch in batches if batch.source_rows[0] < 3}
    assert columns["note"]["by.name"].to_pylist() == ["阿婆", None]
    assert columns["note"]["tags[].word"].to_pylist() == ["冬天\x1f晒场\x1f", ""]
    assert columns["note"]["$.owner.id"].to_pylist() == ["8001", "8001"]
    assert columns["answer"]["^.id"].to_pylist() == ["1", "2"]
    assert columns["answer"]["^.^.id"].to_pylist() == [None, "1"]
    assert columns["answer"]["^.^.^.id"].to_pylist() == [None, None]


def test_documents_one_after_another_are_numbered_on(read):
    for text in (f"{PRETTY}\n{PRETTY}", f"{ONE_LINE}\n\n{ONE_LINE}\n", f"let a = {PRETTY};\nlet b = {PRETTY};"):
        batches, framed = read(text)
        assert [number for number, *_ in rows(batches)] == list(range(1, 11))
        assert framed == 10


def test_batches_are_bounded_and_hold_the_same_rows(read):
    text = f"{ONE_LINE}\n" * 30
    small, large = read(text, batch_rows=7)[0], read(text, batch_rows=10_000)[0]
    assert max(map(len, small)) < 7 + 5
    assert rows(small) == rows(large)


def test_document_without_a_record_is_one_reject(read):
    batches, framed = read(f'{ONE_LINE}\n{{"shelf": []}}\n7\n')
    assert (rejects(batches), framed) == ([(6, "no_record"), (7, "no_record")], 7)


def test_broken_line_costs_no_other(read):
    batches, framed = read(f'{ONE_LINE}\n{{"shelf": [\n{ONE_LINE}\n')
    assert (len(rows(batches)), rejects(batches), framed) == (10, [(6, "bad_json")], 11)


def test_text_in_brackets_that_is_no_json_is_one_reject_and_cannot_be_framed(read):
    batches, framed = read(f"let pages = ['a', 'b'];\nlet notes = {PRETTY};")
    assert (len(rows(batches)), rejects(batches), framed) == (5, [(1, "bad_json")], None)


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        (PRETTY[: PRETTY.index('"quoted"')], 3),  # cut off inside the second item
        (PRETTY.replace('"又下雨了"', "又下雨了"), 3),  # a value that is no JSON
        (PRETTY[:-3], 5),  # all but the last brackets
    ],
)
def test_document_that_breaks_off_gives_the_whole_items_before_the_break(read, broken, whole):
    batches, framed = read(broken)
    assert rows(batches) == NOTES[:whole]
    assert (rejects(batches), framed) == ([(whole + 1, "bad_json")], None)


def test_broken_value_costs_no_other(read):
    batches, framed = read(f"f({{x}}); g({ONE_LINE}); h([{{y}}, {{z}}]); i({ONE_LINE})")
    assert [number for number, *_ in rows(batches)] == [2, 3, 4, 5, 6, 8, 9, 10, 11, 12]
    assert (rejects(batches), framed) == ([(1, "bad_json"), (7, "bad_json")], None)


def test_brackets_without_end_are_refused_not_followed(read):
    deep = '{"a": ' * MAX_DEPTH + "1" + "}" * MAX_DEPTH
    assert rejects(read(f'{deep}\n{{"a": {deep}}}')[0]) == [(1, "no_record"), (2, "bad_json")]
    assert rejects(read(f"f({'[' * 100_000})")[0]) == [(1, "bad_json")]


def test_key_that_stands_twice_cannot_be_framed(read):
    assert read('{"shelf": [{"note": {"id": 1}}], "shelf": [{"note": {"id": 2}}]}')[1] is None


def test_numbers_stay_as_they_were_written(read):
    assert rows(read('{"shelf": [{"note": {"id": 12345678901234567890123}}, {"note": {"id": 4.45457E+15}}]}')[0]) == [
        (1, "note", "12345678901234567890123"), (2, "note", "4.45457E+15"),
    ]  # fmt: skip


def test_raw_is_the_record_alone(read):
    batch = next(batch for batch in read(PRETTY)[0] if batch.table == "answer")
    assert json.loads(batch.raw(3)) == {"id": "3"}


def test_dialect_is_known_by_keys_at_the_location():
    assert fits(names_of([DOCUMENT]), PATHS)
    assert not fits(names_of([{"shelf": [{"note": {"id": 1}}]}]), PATHS)
    assert not fits(["id", "text"], PATHS)


PIECES = [
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "\\u12",
    "01",
    "-",
    "1e",
    "NaN",
    "tru",
    " ",
    "\n",
    "\ufeff",
    '"id":1,',
    "//",
]


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=st.sampled_from([ONE_LINE, PRETTY, f"x = {ONE_LINE};", f"{ONE_LINE}\n{ONE_LINE}"]),
       cuts=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 30), st.sampled_from(PIECES)), max_size=3))  # fmt: skip
def test_every_row_of_a_damaged_document_is_counted_by_both(read, base, cuts):
    for start, length, piece in cuts:
        base = base[:start] + piece + base[start + length :]
    batches, framed = read(base)
    numbers = sorted([number for number, *_ in rows(batches)] + [number for number, _ in rejects(batches)])
    assert numbers == list(range(1, len(numbers) + 1))
    assert framed in (None, len(numbers))
