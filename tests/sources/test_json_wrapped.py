"""Records in an envelope: what a dialect knows is read wherever it lies in a document."""

import json
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"
SELDOM = ("source_row", "batch_id")


def told(gathered):
    rows = gathered.posts.to_pylist() + gathered.authors.to_pylist()
    return sorted(repr({name: value for name, value in row.items() if name not in SELDOM}) for row in rows)


ENVELOPES = {
    "key": lambda rows: json.dumps({"data": rows}),
    "two keys": lambda rows: json.dumps({"code": 0, "data": {"list": rows, "total": 2}}, indent=2),
    "database tool": lambda rows: json.dumps({"RECORDS": rows}, ensure_ascii=False, indent="\t"),
    "list of answers": lambda rows: json.dumps([{"page": n, "result": [row]} for n, row in enumerate(rows)]),
    "documents": lambda rows: "\n\n".join(json.dumps(row, indent=1) for row in rows),
    "glued": lambda rows: "".join(json.dumps(row) for row in rows),
    "lines": lambda rows: "".join(json.dumps({"item": row}) + "\n" for row in rows),
    "program": lambda rows: f"const data = {json.dumps(rows, indent=2)};\nmodule.exports = data;\n",
    "row numbers": lambda rows: json.dumps({str(n): row for n, row in enumerate(rows)}),
    "row numbers inside": lambda rows: json.dumps({"data": {str(n): row for n, row in enumerate(rows)}}, indent=1),
    "callback": lambda rows: f"callback({json.dumps({'items': rows})})",
}


def _columns(rows):
    """The rows as pandas holds them: every column has every row."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _full(rows):
    return [{name: row.get(name) for name in _columns(rows)} for row in rows]


TABLES = {  # not in an envelope: the same table, written otherwise
    "columns by row number": lambda rows: json.dumps({k: dict(enumerate(v)) for k, v in _columns(rows).items()}),
    "columns by row number, laid out": lambda rows: json.dumps(
        {k: dict(enumerate(v)) for k, v in _columns(rows).items()}, ensure_ascii=False, indent=2
    ),
    "columns as lists": lambda rows: json.dumps(_columns(rows), ensure_ascii=False),
    "split": lambda rows: json.dumps({
        "columns": list(_columns(rows)), "index": list(range(len(rows))), "data": [list(row.values()) for row in _full(rows)]
    }),
    "two lists": lambda rows: json.dumps(rows[:1]) + "\n" + json.dumps(rows[1:], indent=1),
    "an empty list between": lambda rows: json.dumps(rows[:1]) + "[]" + json.dumps(rows[1:]),
    "lines with commas": lambda rows: "".join(json.dumps(row, ensure_ascii=False) + ",\n" for row in rows),
}  # fmt: skip


@pytest.mark.parametrize("form", TABLES)
@pytest.mark.parametrize(
    "name", ["mediacrawler/weibo_contents.jsonl", "mediacrawler/xhs_contents.jsonl", "native.jsonl"]
)
def test_table_written_otherwise_holds_the_same_rows(gather, check_law, name, form):
    bare = gather((DATA / name).read_bytes())
    rows = [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines() if line.strip()]
    other = gather(TABLES[form](rows))
    check_law(other)
    assert other.file["source"].equals(bare.file["source"])
    assert other.file["n_rows_framed"].null_count == 0
    assert told(other) == told(bare)


def test_columns_by_row_number_are_matched_by_the_number_not_by_place(gather):
    rows = json.dumps(
        {
            "post_id": {"0": "901", "1": "902"},
            "author_id": {"1": "22", "0": "11"},
            "text": {"0": "雨停了", "1": "读完了"},
        }
    )
    posts = gather(rows).posts
    assert sorted(zip(posts["post_id"].to_pylist(), posts["author_id"].to_pylist(), strict=True)) == [
        ("901", "11"),
        ("902", "22"),
    ]


@pytest.mark.parametrize(
    "odd",
    [
        {"data": ["ab"], "columns": None}, {"columns": ["a"], "data": None}, {"columns": ["a"], "data": [None]},
        {"columns": ["a", "b"], "data": [{"x": 1, "y": 2}]}, {"columns": ["a", "b"], "data": ["xy"]},
        {"columns": ["a", "a"], "data": [["x", "y"]]}, {"columns": [1], "data": [["x"]]},
    ],
)  # fmt: skip
def test_what_only_looks_like_a_table_of_columns_is_refused_in_a_line(gather, odd):
    found = gather(json.dumps(odd))
    assert len(found.posts) == 0
    assert len(found.rejects) >= 1


def test_an_empty_list_beside_a_list_of_posts_is_no_column(gather):
    posts = [json.loads(line) for line in (DATA / "mediacrawler/xhs_contents.jsonl").read_text("utf-8").splitlines()]
    alone, beside = gather(json.dumps({"contents": posts})), gather(json.dumps({"comments": [], "contents": posts}))
    assert len(alone.posts) == len(posts)
    assert told(beside) == told(alone)


def test_json_lines_that_begin_with_a_list_are_not_read_as_a_whole(gather, monkeypatch):
    monkeypatch.setattr("pipeline.sources.json_columns.small_text", None)
    lines = "".join(
        json.dumps({"topics": ["雨"], "post_id": str(i), "text": f"雨停了 {i}"}, ensure_ascii=False) + "\n"
        for i in range(3)
    )
    assert len(gather(lines).posts) == 3


@pytest.mark.parametrize(
    "columns",
    [
        {"text": {"0": "读完了", "1": "雨停了"}, "author_id": {"0": "a1"}},
        {"text": ["读完了", "雨停了"], "author_id": ["a1"]},
    ],
)
def test_columns_of_different_rows_are_refused(gather, check_law, columns):
    gathered = gather(json.dumps(columns))
    check_law(gathered)
    assert gathered.rejects["reason"].to_pylist() == ["bad_column"]
    assert "text 2, author_id 1" in gathered.rejects["detail"][0].as_py()


def test_columns_cut_off_are_no_posts(gather, check_law):
    gathered = gather('{"text": {"0": "读完了"')
    check_law(gathered)
    assert (len(gathered.posts), len(gathered.rejects)) == (0, 1)


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize(
    "name",
    [
        "mediacrawler/weibo_contents.jsonl", "mediacrawler/xhs_contents.jsonl", "mediacrawler/zhihu_contents.jsonl",
        "labelled_texts/doccano_data.jsonl", "weibo_tweets/tweets.jsonl",
    ],
)  # fmt: skip
def test_rows_in_an_envelope_are_the_rows_themselves(gather, check_law, name, envelope):
    bare = gather((DATA / name).read_bytes())
    rows = [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines() if line.strip()]
    wrapped = gather(ENVELOPES[envelope](rows))
    check_law(wrapped)
    assert wrapped.file["source"].equals(bare.file["source"])
    assert told(wrapped) == told(bare)


@pytest.mark.parametrize(
    "name", ["weibo_crawler/posts.json", "weibo_spider/posts.json", "web_feeds/feed.json", "mastodon/timeline.json"]
)
def test_document_in_an_envelope_is_the_document_itself(gather, check_law, name):
    bare, document = gather((DATA / name).read_bytes()), json.loads((DATA / name).read_text("utf-8"))
    for whole in ({"data": document}, {"code": 0, "result": {"value": document}}, [{"response": document}]):
        wrapped = gather(json.dumps(whole))
        check_law(wrapped)
        assert wrapped.file["source"].equals(bare.file["source"])
        assert told(wrapped) == told(bare)


def test_posts_and_comments_under_two_keys_are_both_read(gather, check_law):
    found = {
        key: [json.loads(line) for line in (DATA / f"mediacrawler/xhs_{key}.jsonl").read_text("utf-8").splitlines()]
        for key in ("contents", "comments")
    }
    gathered = gather(json.dumps(found))
    check_law(gathered)
    assert set(gathered.posts["kind"].to_pylist()) == {"note", "comment"}
    assert gathered.file["n_rows"].to_pylist() == [sum(map(len, found.values()))]


def test_each_wrapped_document_has_its_own_author(gather, check_law):
    one, other = (
        {"user": {"id": author, "screen_name": author}, "weibo": [{"id": n, "text": "早", "attitudes_count": 0, "user_id": ""}]}
        for n, author in ((1, "2201"), (2, "2202"))
    )  # fmt: skip
    gathered = gather(json.dumps([one, other]))
    check_law(gathered)
    assert gathered.posts["author_id"].to_pylist() == ["2201", "2202"]


def test_rows_of_our_own_format_are_not_looked_for_in_other_documents(gather, check_law):
    gathered = gather('{"page": {"blocks": [{"text": "一段话"}]}}')
    check_law(gathered)
    assert gathered.rejects["reason"].to_pylist() == ["unknown_dialect"]


def test_list_that_breaks_off_in_an_envelope_gives_what_stands_before_the_break(gather, check_law):
    line = (DATA / "mediacrawler/xhs_contents.jsonl").read_text("utf-8").splitlines()[0]
    gathered = gather('{"data": {"list": [' + line + "," + line[:60])
    check_law(gathered)
    assert len(gathered.posts) == 1
    assert gathered.rejects["reason"].to_pylist() == ["bad_json"]
