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
    "callback": lambda rows: f"callback({json.dumps({'items': rows})})",
}


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
