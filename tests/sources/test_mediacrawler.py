import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data" / "mediacrawler"
MORNING = datetime(2026, 3, 1, 2, 1, 5, tzinfo=UTC)  # 10:01:05 in Shanghai
LATER = datetime(2026, 3, 1, 10, 1, 5, tzinfo=UTC)  # 1772359265 as platforms other than Weibo mean it

FIRST_ROWS = {  # what the first row of each fixture means
    "weibo_contents.jsonl": {
        "platform": "weibo", "kind": "post", "post_id": "5301234567890123", "posted_at": MORNING, "likes": 12,
        "comments": 3, "reposts": 0, "author_id": "0a1b2c3d4e5f6071", "author_id_form": "creator_hash",
        "author_name": "小***葵", "topics": ["搬家日记"], "mentions": ["阿葵不熬夜"], "source_keyword": "阳台",
        "url": "https://m.weibo.cn/detail/5301234567890123", "text_truncated": False, "parent_id": None,
        "modified_at": datetime(2026, 10, 20, 2, 18, 0, 123000, tzinfo=UTC), "source_dedups": False,
    },
    "weibo_comments.jsonl": {
        "platform": "weibo", "kind": "comment", "post_id": "5301234567899001", "parent_id": "5301234567890123",
        "root_id": "5301234567890123", "likes": 4, "comments": 1, "posted_at": datetime(2026, 3, 1, 2, 11, 5, tzinfo=UTC),
    },
    "xhs_contents.jsonl": {
        "platform": "xiaohongshu", "kind": "note",
        "text": "第一次做酸面包\n等了十八个小时，切开是实心的。\n#烘焙新手[话题]# #翻车现场[话题]#",
        "likes": 12_000, "collects": 10, "counts_censored": True, "comments": None, "reposts": None,
        "topics": ["烘焙新手", "翻车现场"], "posted_at": LATER,
    },
    "xhs_comments.jsonl": {
        "platform": "xiaohongshu", "kind": "comment", "parent_id": "69aa00000000000000c0ffee", "likes": 30, "comments": 1,
        "text": "发酵温度太低了[笑哭R]",
    },
    "dy_contents.jsonl": {
        "platform": "douyin", "kind": "post", "text": "爷爷修了一下午收音机 #老物件 #日常", "likes": 3000, "collects": None,
        "comments": 88, "reposts": 21_000, "topics": ["老物件", "日常"], "posted_at": LATER,
        "url": "https://www.douyin.com/video/7600000000000000001",
    },
    "dy_comments.jsonl": {
        "platform": "douyin", "kind": "comment", "parent_id": "7600000000000000001", "root_id": "7600000000000000001",
        "likes": 5,
    },
    "ks_contents.jsonl": {"platform": "kuaishou", "kind": "post", "views": 110_000_000, "likes": 120, "posted_at": LATER},
    "ks_comments.jsonl": {"platform": "kuaishou", "kind": "comment", "root_id": "3xhuamao01", "likes": None},
    "bili_contents.jsonl": {
        "platform": "bilibili", "kind": "post", "text": "用旧木板做了一张书桌", "views": 3648, "comments": 81, "reposts": 7,
        "collects": 20, "likes": 56,
    },
    "bili_comments.jsonl": {
        "platform": "bilibili", "kind": "comment", "parent_id": "116000000000001", "root_id": "116000000000001",
        "comments": 2, "likes": 9,
    },
    "bili_dynamics.jsonl": {
        "platform": "bilibili", "kind": "post", "post_id": "1100000000000000001", "likes": 31, "comments": 4,
        "posted_at": LATER, "author_name": "木***匠",
    },
    "tieba_contents.jsonl": {
        "platform": "tieba", "kind": "post", "text": "三轮车后斗漏水怎么补\n用了胶还是渗", "community": "三轮车吧", "comments": 17,
        "posted_at": datetime(2026, 3, 1, 2, 1, tzinfo=UTC), "posted_at_precision": "minute",
    },
    "tieba_comments.jsonl": {
        "platform": "tieba", "kind": "comment", "parent_id": "9800000001", "community": "三轮车吧", "author_name": "焊*",
    },
    "zhihu_contents.jsonl": {
        "platform": "zhihu", "kind": "post", "text": "搬家前要量什么？\n先量门宽，再量电梯。我搬过三次家，沙发都卡在电梯口。",
        "likes": 210, "comments": 14, "posted_at": LATER, "author_id": "8888000011112222",
    },
    "zhihu_comments.jsonl": {"platform": "zhihu", "kind": "comment", "parent_id": "3300000001", "likes": 6},
    "weibo_contents_2025.csv": {
        "platform": "weibo", "author_id": "1600000001", "author_id_form": "id", "author_name": "袜子没干",
        "text": "雨下了一周，\n晾不干的袜子排成队", "posted_at": datetime(2025, 3, 1, 2, 1, 5, tzinfo=UTC),
    },
    "tieba_comments_2025.csv": {
        "platform": "tieba", "kind": "comment", "author_id": "https://tieba.baidu.com/home/main?id=tb.1.abc",
        "author_id_form": "id",
    },
    "xhs_comments_2025.json": {
        "platform": "xiaohongshu", "kind": "comment", "author_id": "60a000000000000001000001", "author_id_form": "id",
    },
}  # fmt: skip


def test_every_fixture_has_its_meaning():
    assert sorted(FIRST_ROWS) == sorted(path.name for path in DATA.iterdir())


@pytest.mark.parametrize("name", FIRST_ROWS)
def test_first_row_of_each_layout_means(gather, check_law, name):
    gathered = gather((DATA / name).read_bytes())
    check_law(gathered)
    assert gathered.file["source"].to_pylist() == ["mediacrawler"]
    row = gathered.posts.to_pylist()[0]
    assert {column: row[column] for column in FIRST_ROWS[name]} == FIRST_ROWS[name]
    assert row["source_row"] == 1


@pytest.mark.parametrize("name", [name for name in FIRST_ROWS if name.endswith(".jsonl")])
def test_csv_and_json_list_of_the_same_rows_mean_the_same(gather, name):
    lines = [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    forms = [(DATA / name).read_bytes(), json.dumps(lines, indent=4), "\ufeff" + table.getvalue()]
    tables = [gather(form).posts.drop_columns(["batch_id"]) for form in forms]
    assert all(other.equals(tables[0]) for other in tables)


def rows(gather, name):
    return gather((DATA / name).read_bytes()).posts.to_pylist()


def test_answer_to_a_comment_has_that_comment_as_parent(gather):
    answer = rows(gather, "weibo_comments.jsonl")[1]
    assert (answer["parent_id"], answer["root_id"]) == ("5301234567899001", "5301234567890123")
    assert rows(gather, "xhs_comments_2025.json")[1]["parent_id"] == "68aa00000000000000dd0001"


def test_cut_text_and_capped_counts_are_marked(gather):
    cut = rows(gather, "weibo_contents.jsonl")[1]
    assert (cut["text_truncated"], cut["counts_censored"], cut["likes"]) == (True, True, 1_000_000)


def test_title_that_begins_the_text_is_not_repeated(gather):
    assert rows(gather, "xhs_contents.jsonl")[1]["text"] == "早上六点的菜市场，豆腐还是热的"


def test_zhihu_article_without_text_is_its_title_and_abstract(gather):
    article = rows(gather, "zhihu_contents.jsonl")[1]
    assert (article["kind"], article["text"]) == ("article", "一份搬家清单\n纸箱、胶带、记号笔")


def test_comment_that_is_a_picture_alone_is_a_reject(gather):
    assert gather((DATA / "xhs_comments.jsonl").read_bytes()).rejects["reason"].to_pylist() == ["empty_text"]


def test_weibo_time_is_that_of_the_date_whatever_the_epoch_says(gather):
    post = json.loads((DATA / "weibo_contents.jsonl").read_text("utf-8").splitlines()[0])
    right = gather(json.dumps(post | {"create_time": 1772330465})).posts["posted_at"]
    late = gather(json.dumps(post | {"create_time": 1772359265})).posts["posted_at"]
    assert right.to_pylist() == late.to_pylist() == [MORNING]


def test_early_bilibili_comments_are_told_from_kuaishou_by_their_videos(gather):
    comment = json.loads((DATA / "ks_comments.jsonl").read_text("utf-8"))
    assert gather(json.dumps(comment | {"video_id": "170001"})).posts["platform"].to_pylist() == ["bilibili"]


def test_keys_that_some_rows_lack_are_null_there(gather, check_law):
    first, second = ({"comment_id": "c1", "note_id": "n", "content": "有时间", "create_time": 1772359265},
                     {"comment_id": "c2", "note_id": "n", "content": "没写时间", "nickname": "豆*"})  # fmt: skip
    gathered = gather(json.dumps(first) + "\n" + json.dumps(second))
    check_law(gathered)
    assert gathered.posts["posted_at"].to_pylist() == [LATER, None]
    assert gathered.posts["author_name"].to_pylist() == [None, "豆*"]
