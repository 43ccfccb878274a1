import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import UsageError
from pipeline.tables import TABLES

DATA = Path(__file__).parents[1] / "data"


def rows(gathered):
    return gathered.posts.to_pylist()


def test_json_lines_of_several_platforms(gather, check_law):
    gathered = gather((DATA / "native.jsonl").read_bytes())
    check_law(gathered)
    first, second, dated, undated = rows(gathered)
    assert (first["platform"], first["post_id"], first["likes"], first["verified"]) == ("qzone", "q-1", 13, False)
    assert first["posted_at"] == datetime(2024, 9, 14, 15, 12, 40, tzinfo=UTC)
    assert first["topics"] == ["夜班"]
    assert (second["kind"], second["parent_id"], second["likes"]) == ("comment", "q-1", 12_000)
    assert second["posted_at"] == datetime(2024, 9, 14, 15, 12, 40, tzinfo=UTC)
    assert dated["gathered_at"] == datetime(2024, 8, 8, tzinfo=UTC)
    assert undated["gathered_at"] == datetime(2026, 3, 8, 12, tzinfo=UTC)
    assert dated["post_id_derived"]
    assert dated["post_id"] != undated["post_id"]  # the same words at the same time, twice: a real repeat


def test_csv_with_a_few_columns_and_the_default_platform(gather, check_law):
    gathered = gather((DATA / "native.csv").read_bytes(), default_platform="taobao")
    check_law(gathered)
    first, second, third = rows(gathered)
    assert (first["platform"], first["kind"], first["author_id"], first["likes"]) == ("taobao", "post", "a1", 3)
    assert first["text"] == '泡了一夜的黄豆，"发"得满盆都是'
    assert (first["posted_at_precision"], second["posted_at_precision"]) == ("day", "approximate")
    assert second["posted_at"] == datetime(2026, 3, 8, 12, tzinfo=UTC)
    assert (second["likes"], second["counts_censored"]) == (None, None)
    assert (third["likes"], third["counts_censored"]) == (10, True)
    assert first["followers"] is None


def test_parquet_keeps_types(gather, check_law, tmp_path):
    table = pa.table({
        "text": pa.array(["晾被子", "收被子"]).dictionary_encode(), "post_id": pa.array([7, 8]),
        "author_id": pa.array([5301234567890201.0, float("nan")]), "likes": pa.array([1.0, None]),
        "posted_at": pa.array([datetime(2026, 3, 1, 10, 1), None], pa.timestamp("ms")), "verified": [True, None],
        "author_created_at": pa.array([datetime(2020, 1, 1, tzinfo=UTC)] * 2, pa.timestamp("us", tz="Asia/Shanghai")),
        "topics": [["家务", "太阳, 风"], []],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "posts")
    gathered = gather((tmp_path / "posts").read_bytes())
    check_law(gathered)
    first, second = rows(gathered)
    assert (first["text"], first["post_id"], first["author_id"], first["likes"]) == (
        "晾被子",
        "7",
        "5301234567890201",
        1,
    )
    assert first["posted_at"] == datetime(2026, 3, 1, 2, 1, tzinfo=UTC)  # a time without a zone is Shanghai's
    assert first["author_created_at"] == datetime(2020, 1, 1, tzinfo=UTC)
    assert (first["verified"], first["topics"]) == (True, ["家务", "太阳, 风"])
    assert (second["author_id"], second["likes"], second["posted_at"], second["topics"]) == (None, None, None, [])


def test_the_same_posts_in_every_form_give_the_same_rows(gather, tmp_path):
    posts = [
        {
            "platform": "weibo",
            "post_id": str(n),
            "text": f"第{n}次浇水",
            "posted_at": "2026-03-01 10:01",
            "likes": str(n),
        }
        for n in range(3)
    ]
    pq.write_table(pa.Table.from_pylist(posts), tmp_path / "posts")
    lines = [json.dumps(post) for post in posts]
    cells = "\n".join(["\t".join(posts[0]), *("\t".join(post.values()) for post in posts)])
    forms = ["\n".join(lines), f"[{','.join(lines)}]", json.dumps(posts, indent=2), cells, cells.replace("\t", ","),
             cells.replace("\t", ";"), cells.encode("utf-16"), cells.encode("gb18030"),
             (tmp_path / "posts").read_bytes()]  # fmt: skip
    tables = [gather(form).posts.drop_columns(["batch_id"]) for form in forms]
    assert all(table.equals(tables[0]) for table in tables)


def test_every_column_of_raw_posts_may_be_given(gather):
    post = {column.name: None for column in TABLES["raw_posts"]} | {
        "text": "都写上",
        "platform": "jd",
        "schema_version": 9,
    }
    assert rows(gather(json.dumps(post)))[0]["schema_version"] == 1


def test_other_names_are_mapped_and_unwanted_ones_left_out(gather):
    content = "编号,内容,备注,Unnamed: 0\nw1,今天吃饺子,x,0\n"
    gathered = gather(content, columns={"编号": "post_id", "内容": "text", "备注": ""})
    assert [(row["post_id"], row["text"]) for row in rows(gathered)] == [("w1", "今天吃饺子")]


def test_mapping_to_a_column_that_does_not_exist_is_told(gather):
    with pytest.raises(UsageError, match="maps to 'body'"):
        gather("内容\n今天吃饺子\n", columns={"内容": "body"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("id,text\n1,今天吃饺子\n", "unknown_columns"),
        ("platform,post_id\nweibo,1\n", "no_text_column"),
        ("text,text\n早,晚\n", "ambiguous_columns"),
        ("id,name\n1,早\n", "unknown_dialect"),
    ],
)
def test_file_that_is_not_quite_native_is_refused_with_the_reason(gather, check_law, content, reason):
    gathered = gather(content)
    check_law(gathered)
    assert gathered.rejects["reason"].to_pylist() == [reason]


@pytest.mark.parametrize(
    ("post", "reason"),
    [
        ({"text": " \u200b\n"}, "empty_text"),
        ({"text": "", "posted_at": "不久以前", "platform": "!"}, "empty_text"),
        ({"text": None}, "empty_text"),
        ({"text": "早", "posted_at": "不久以前"}, "bad_time"),
        ({"text": "早", "gathered_at": "不久以前"}, "bad_time"),
        ({"text": "早", "platform": "新浪 微博"}, "bad_platform"),
        ({"text": "早", "author_id": "1.7E+09"}, "mangled_id"),
        ({"text": "早" * 1_000_001}, "too_large"),
        (["早"], "bad_json"),
    ],
)
def test_row_that_cannot_be_read_is_a_reject_and_its_neighbour_a_post(gather, check_law, post, reason):
    gathered = gather(json.dumps({"text": "好", "platform": "weibo"}) + "\n" + json.dumps(post))
    check_law(gathered)
    reject = gathered.rejects.to_pylist()[0]
    assert (reject["reason"], reject["source_row"], len(gathered.posts)) == (reason, 2, 1)
    assert reject["raw"] == json.dumps(post)[:4096]
    assert "\n" not in reject["detail"]


def test_number_that_json_rounded_is_no_id(gather):
    assert gather('{"text": "早", "post_id": 4.45457E+15}').rejects["reason"].to_pylist() == ["mangled_id"]


def test_number_of_any_length_is_no_crash(gather):
    assert rows(gather('{"text": "早", "likes": ' + "9" * 5000 + "}"))[0]["likes"] is None


def test_long_number_in_json_stays_exact(gather):
    assert rows(gather('{"text": "早", "post_id": 12345678901234567890123}'))[0]["post_id"] == "12345678901234567890123"


def test_characters_that_no_table_holds_are_replaced(gather):
    assert rows(gather(r'{"text": "一\u0000二\ud83d三"}'))[0]["text"] == "一二\ufffd三"


def test_reading_raw_posts_again_keeps_ids_and_flags(gather, tmp_path):
    first = gather('{"text": "今天立秋", "author_id": "a", "posted_at": "2026-03-01", "likes": "100万+"}')
    pq.write_table(first.posts, tmp_path / "posts")
    again = gather((tmp_path / "posts").read_bytes())
    changed = ["batch_id", "source_file"]
    assert again.posts.drop_columns(changed).equals(first.posts.drop_columns(changed))
