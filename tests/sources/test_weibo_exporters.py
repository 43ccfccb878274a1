"""What the rows of Weibo's exporters mean: one case per dialect and quirk, on fixtures written by hand."""

import csv
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.sources.file_names import user_id_in
from pipeline.sources.weibo import dated_by_id
from pipeline.sources.weibo_crawler_rows import GENERATIONS, fit

DATA = Path(__file__).parents[1] / "data"
FILE = "1700000051.csv"  # the name every file here is gathered under


def at(*parts: int) -> datetime:
    """A time of Shanghai in UTC."""
    local = datetime(*parts, tzinfo=UTC)
    return datetime.fromtimestamp(local.timestamp() - 8 * 3600, UTC)


CRAWLER, SPIDER, TWEETS, RESPONSES = "weibo_crawler", "weibo_spider", "weibo_tweets", "weibo_responses"
POSTS = [  # folder, file, quirk, post_id, what it means
    (CRAWLER, "posts_2020.csv", "author in the file's name, day alone", "4510000000000001", {
        "author_id": "1700000051", "author_id_form": "id", "text": "糯米泡了一夜，蒸出来还是夹生。 ", "posted_at": at(2020, 5, 30),
        "posted_at_precision": "day", "kind": "post", "app": "iPhone客户端", "likes": 12, "comments": 3, "reposts": 0,
        "counts_censored": False, "url": "https://weibo.com/1700000051/JaBcDeF01", "source_row": 2, "author_name": None,
    }),
    (CRAWLER, "posts_2020.csv", "line break in a cell, counts at the cap, lists", "4510000000000002", {
        "text": "院子里的\n葡萄架塌了 @修房子的老周 ", "likes": 1_000_000, "counts_censored": True, "topics": ["葡萄架", "返乡日记"],
        "mentions": ["修房子的老周"],
    }),
    (CRAWLER, "posts_2020.csv", "original post of 15 cells under 14 names", "4510000000000003", {
        "text": "换了新版以后写的 ", "kind": "post", "likes": 9, "reposts": 2, "parent_id": None,
    }),
    (CRAWLER, "posts_2020.csv", "repost of 31 cells under 14 names", "4510000000000004", {
        "text": "这个好//@听雨的阿布:我也要去", "kind": "repost", "parent_id": "4509999999999990", "root_id": "4509999999999990",
        "author_id": "1700000051", "app": "绿洲APP",
    }),
    (CRAWLER, "posts_2020.csv", "the post that a repost quotes", "4509999999999990", {
        "text": "雨停了，邮路又通了。", "kind": "post", "author_id": "1700000042", "author_name": "山里的邮差", "likes": 77,
        "posted_at": at(2020, 6, 1), "topics": ["邮路", "雨季"], "url": "https://weibo.com/1700000042/JZzYyXx90", "source_row": 6,
    }),
    (CRAWLER, "posts_2020.csv", "repost of a deleted post", "4510000000000006", {"kind": "repost", "parent_id": "4509999999999980"}),
    (CRAWLER, "posts_2019_fork.csv", "oldest header", "4410000000000001", {"author_id": "1700000051", "url": None}),
    (CRAWLER, "posts_2019_fork.csv", "two cells in front that the header lacks", "4410000000000002", {
        "author_id": "1700000051", "author_name": "windmill77", "text": "借来的风筝断了线 ", "posted_at": at(2019, 8, 27), "comments": 5,
    }),
    (CRAWLER, "posts_2019_fork.csv", "other header in mid-file", "4410000000000003", {"text": "补好了，换了根鱼线 ", "likes": 8}),
    (CRAWLER, "posts_2024.csv", "tab after the id, time with seconds", "5101000000000001", {
        "posted_at": at(2024, 11, 29, 12, 55, 51), "posted_at_precision": "second", "kind": "post",
    }),
    (CRAWLER, "posts_2024.csv", "HTML kept by the exporter", "5100999999999001", {
        "text": "上弦要慢，[握手]\n别拧过头。", "posted_at": at(2024, 11, 3, 12, 21, 25), "reposts": 12,
    }),
    (CRAWLER, "posts_2025_live.csv", "a column in the middle that the header lacks", "5150000000000002", {
        "posted_at": at(2025, 5, 1, 8), "app": "HUAWEI P60", "likes": 3, "comments": 2, "reposts": 1, "topics": ["早市"],
    }),
    (CRAWLER, "posts_2026.csv", "original post that ends early", "5300000000000001", {"kind": "post", "likes": 2}),
    (CRAWLER, "posts_2026.csv", "repost two cells short", "5300000000000002", {"kind": "repost", "parent_id": "5299999999999001"}),
    (CRAWLER, "posts_2026.csv", "quoted by a row two cells short", "5299999999999001", {
        "text": "盐放在最后", "posted_at": at(2026, 2, 28, 9), "likes": 9, "author_name": "灶台边",
    }),
    (CRAWLER, "posts.json", "HTML, both times, profile beside", "4857000000000001", {
        "text": "新米出来了。\n先煮一锅粥[馋嘴]", "posted_at": at(2023, 1, 14, 2, 2, 46),
        "author_id": "1700000101", "author_name": "晒谷场",
        "followers": 1372, "following": 138, "author_posts": 3210, "verified": False, "topics": ["新米", "粥"],
    }),
    (CRAWLER, "posts.json", "repost with its original inside", "4857000000000002", {
        "kind": "repost", "parent_id": "4856999999999001", "reposts": 11_000, "counts_censored": True,
    }),
    (CRAWLER, "posts.json", "original inside a repost", "4856999999999001", {
        "kind": "post", "author_id": "1700000102", "text": "糠也是香的", "followers": None, "source_row": 4,
    }),
    (SPIDER, "posts.csv", "header of eight names", "IaBcDe001", {
        "text": "旧表头下的第一行", "author_id": "1700000051", "posted_at": at(2020, 1, 7, 14, 59), "posted_at_precision": "minute",
        "app": "iPhone客户端", "likes": 3, "reposts": 0, "comments": 1,
    }),
    (SPIDER, "posts.csv", "thirteen cells under eight names, 无 for nothing", "IaBcDe002", {
        "text": "后来的版本多写了几列", "likes": 5, "reposts": 6, "comments": 7, "app": None, "kind": "post",
    }),
    (SPIDER, "posts.csv", "repost in three labelled parts, furniture", "IaBcDe003", {
        "text": "说得好//@磨豆浆的:豆渣别倒，能煎饼。", "kind": "repost", "mentions": ["磨豆浆的"],
    }),
    (SPIDER, "posts.json", "author from the profile, furniture", "IbBcDe001", {
        "text": "锅底薄得能照见人", "author_id": "1700000111", "author_name": "补锅匠", "likes": 23, "reposts": 7, "followers": 6639,
    }),
    (SPIDER, "posts.json", "repost on one line with its reason", "IbBcDe002", {
        "text": "学徒看看//@打铁巷:火候到了才下锤", "kind": "repost",
    }),
    (TWEETS, "tweets.jsonl", "user inside, keyword, time of gathering", "4819000000000001", {
        "text": "桂花开了第二茬[太开心] #桂花香#", "author_id": "1700000121", "author_name": "巷口桂树",
        "posted_at": at(2022, 10, 1, 0, 4, 2),
        "source_keyword": "桂花", "likes": 2, "comments": 4, "reposts": 3, "followers": 88, "verified": True, "app": "Note 9",
        "author_created_at": at(2011, 5, 6, 7, 8, 9), "gathered_at": datetime(2023, 5, 14, 7, 11, 21, tzinfo=UTC), "kind": "post",
    }),
    (TWEETS, "tweets.jsonl", "repost, keys left out", "4819000000000002", {
        "kind": "repost", "parent_id": "4819000000000001", "source_keyword": None, "followers": None,
    }),
    (TWEETS, "comments.jsonl", "comment", "4819400000000001", {
        "kind": "comment", "author_id": "1700000131", "parent_id": "4819000000000001", "root_id": "4819000000000001", "likes": 5,
    }),
    (TWEETS, "comments.jsonl", "answer to a comment", "4819400000000002", {
        "kind": "comment", "parent_id": "4819400000000001", "root_id": "4819000000000001",
    }),
    (RESPONSES, "cards.json", "card, emoticon without quotes, counts in words", "4806111732961615", {
        "text": "#晚稻#收了一半\n腰断了[允悲]", "posted_at": at(2022, 8, 24, 22, 3, 13), "followers": 434_000, "reposts": 1_000_000,
        "counts_censored": True, "url": "https://weibo.com/1700000151/M2zzzzZZ1", "topics": ["晚稻"],
    }),
    (RESPONSES, "cards.json", "group of cards, client as link, time without a year", "4806412000000000", {
        "app": "水车客户端", "kind": "repost", "parent_id": "4806080600000000", "posted_at": at(2022, 8, 25, 17, 56, 22),
    }),
    (RESPONSES, "cards.json", "quoted post, cut", "4806080600000000", {
        "author_name": "气象站", "text_truncated": True, "posted_at": at(2022, 8, 24, 20),
    }),
    (RESPONSES, "comments.js", "comment that names itself as its root", "4806262000000000", {
        "kind": "comment", "text": "回复@拾穗:贴膏药&早睡", "parent_id": None, "likes": 61, "comments": 1,
    }),
    (RESPONSES, "comments.js", "answer inside a comment", "4806263300000000", {"kind": "comment", "parent_id": "4806262000000000"}),
    (RESPONSES, "comments.js", "older response", "4806264000000000", {
        "parent_id": "4806262000000000", "posted_at": at(2022, 8, 25, 8, 8, 16),
    }),
    (RESPONSES, "statuses.json", "official API in a callback", "11488058246", {
        "text": "求关注。", "posted_at": at(2011, 5, 31, 17, 46, 55), "app": "新浪微博", "reposts": 8, "comments": 9, "following": 447,
        "author_created_at": at(2009, 8, 28),
    }),
    (RESPONSES, "statuses.json", "comment with its post inside", "12438492184", {
        "kind": "comment", "parent_id": "11488058246", "root_id": "11488058246", "text": "三更了",
    }),
]  # fmt: skip
PROFILES = [
    (CRAWLER, "users.csv", "1700000081", {
        "author_name": "卖菱角的", "followers": 12_000, "following": 1017, "author_posts": 2308, "verified": True, "location": "浙江 绍兴",
        "author_created_at": at(2012, 3, 4), "description": "早上五点在桥头", "source_row": 1,
    }),
    (CRAWLER, "users.csv", "1700000082", {"followers": 9, "verified": False, "description": None}),  # one cell more
    (CRAWLER, "follows.csv", "1700000092", {"author_name": "河埠头", "followers": None}),
    (CRAWLER, "posts.json", "1700000101", {"author_name": "晒谷场", "description": "秋天再来", "location": "江西", "source_row": 1}),
    (SPIDER, "posts.json", "1700000111", {"author_name": "补锅匠", "followers": 6639, "author_posts": 1121}),
    (TWEETS, "users.jsonl", "1700000141", {"followers": 41, "author_created_at": at(2010, 11, 12, 13, 14, 15), "location": "湖北 宜昌"}),
    (TWEETS, "users.jsonl", "1700000142", {"author_name": "渡口"}),
    (RESPONSES, "cards.json", "1700000151", {"followers": 434_000, "author_posts": 2153, "verified": True}),
]  # fmt: skip
REJECTS = {
    (CRAWLER, "posts_2020.csv"): [(1, "bad_row"), (4, "repeated_header"), (9, "mangled_id"), (10, "empty_text")],
    (CRAWLER, "posts_2019_fork.csv"): [(3, "repeated_header")],
    (CRAWLER, "posts_2024.csv"): [], (CRAWLER, "posts_2025_live.csv"): [], (CRAWLER, "posts_2026.csv"): [],
    (CRAWLER, "posts.json"): [(6, "deleted_post")], (CRAWLER, "users.csv"): [(3, "no_author_id")],
    (CRAWLER, "follows.csv"): [],
    (SPIDER, "posts.csv"): [(3, "repeated_header"), (5, "repeated_header"), (6, "deleted_post"), (7, "bad_row")],
    (SPIDER, "posts.json"): [], (SPIDER, "posts_2019.csv"): [],
    (TWEETS, "tweets.jsonl"): [(3, "no_record")], (TWEETS, "comments.jsonl"): [], (TWEETS, "users.jsonl"): [],
    (RESPONSES, "cards.json"): [(6, "deleted_post")], (RESPONSES, "comments.js"): [(1, "bad_json"), (5, "no_record")],
    (RESPONSES, "statuses.json"): [],
}  # fmt: skip


@pytest.fixture(scope="module")
def fixtures(gather):
    """Every fixture of these exporters, gathered, by folder and file."""
    folders = (CRAWLER, SPIDER, TWEETS, RESPONSES)
    paths = [path for folder in folders for path in (DATA / folder).iterdir()]
    return {(path.parent.name, path.name): gather(path.read_bytes(), FILE) for path in paths}


def differing(row, meaning):
    return {name: row[name] for name in meaning if row[name] != meaning[name]}


@pytest.mark.parametrize(("folder", "file", "quirk", "post_id", "meaning"), POSTS, ids=[case[2] for case in POSTS])
def test_post_means(fixtures, folder, file, quirk, post_id, meaning):
    gathered = fixtures[folder, file]
    assert gathered.file["source"].to_pylist() == [folder]
    row = next(row for row in gathered.posts.to_pylist() if row["post_id"] == post_id)
    assert differing(row, {"platform": "weibo", "post_id_derived": False, **meaning}) == {}, quirk


@pytest.mark.parametrize(("folder", "file", "author_id", "meaning"), PROFILES)
def test_profile_means(fixtures, folder, file, author_id, meaning):
    authors = fixtures[folder, file].authors.to_pylist()
    row = next(row for row in authors if row["author_id"] == author_id)
    assert differing(row, {"platform": "weibo", "author_id_form": "id", **meaning}) == {}


def test_rows_that_are_neither_keep_their_reasons(fixtures, check_law):
    for name, gathered in fixtures.items():
        check_law(gathered)
        found = zip(gathered.rejects["source_row"].to_pylist(), gathered.rejects["reason"].to_pylist(), strict=True)
        assert list(found) == REJECTS[name], name


def test_quoted_post_is_read_once_per_file_and_never_its_notice(fixtures):
    ids = fixtures[CRAWLER, "posts_2020.csv"].posts["post_id"].to_pylist()
    assert ids.count("4509999999999990") == 1
    assert "4509999999999980" not in ids


def test_posts_without_ids_get_one_each(fixtures):
    first, again = fixtures[SPIDER, "posts_2019.csv"].posts.to_pylist()
    assert (first["text"], first["posted_at"]) == ("腌菜缸要压一块河里捡的石头", at(2019, 5, 29, 15, 42))
    assert first["post_id_derived"]
    assert first["post_id"] != again["post_id"]


def test_csv_and_database_rows_without_a_telling_name_have_no_author(gather):
    gathered = gather((DATA / CRAWLER / "posts_2020.csv").read_bytes(), "收藏.csv")
    assert gathered.posts["author_id"].to_pylist()[0] is None


@pytest.mark.parametrize(
    ("name", "author"),
    [
        ("1700000051.csv", "1700000051"), ("weibo/河埠头/1700000051.csv", "1700000051"), ("1700000051 - 副本.csv", "1700000051"),
        ("1700000051 (1).csv", "1700000051"), ("backup__1700000051.csv", "1700000051"), ("2024.csv", None), ("疫情.csv", None),
        ("a1700000051.csv", None), ("4510000000000001.csv", None), ("1700000051_follows.csv", None),
    ],
)  # fmt: skip
def test_author_of_a_file_is_the_digits_that_name_it(name, author):
    assert user_id_in(name) == author


def test_cells_that_fit_no_version_stand_under_no_names():
    header = GENERATIONS[3]
    cells = ["4510000000000001", "JaBcDeF01", "正文", "", "", "", "", "2020-05-30", "", "1", "2", "3", "", "", "True"]
    assert fit(header, cells) == (*header, "是否原创")
    assert fit(header, [*cells[:14], "别的"]) is None
    assert fit(header, [*cells[:7], "不是日期", *cells[8:]]) is None
    assert fit(header, cells[:5]) is None


def test_time_without_a_year_is_that_of_the_id_where_it_has_one():
    times = pa.array(["06-14", "刚刚", "2019-06-14 20:38:03", "刚刚", None])
    ids = pa.array(["4383183661430868", "11488058246", "4383183661430868", "ev0", "4383183661430868"])
    assert dated_by_id(times, ids).to_pylist() == ["1560515883", "刚刚", "2019-06-14 20:38:03", "刚刚", None]


def test_creators_of_mediacrawler_are_profiles(gather, check_law):
    header, row = (
        "user_id,nickname,desc,ip_location,follows,fans,interaction,videos_count",
        "7000000000000001,打铁,三代人,湖南,9,1.1万,300,42",
    )
    gathered = gather(f"{header}\n{row}\n")
    check_law(gathered)
    author = gathered.authors.to_pylist()[0]
    meaning = {
        "platform": "douyin",
        "author_id": "7000000000000001",
        "followers": 11_000,
        "author_posts": 42,
        "location": "湖南",
    }
    assert differing(author, meaning) == {}


@pytest.mark.parametrize(("folder", "file"), [("weibo_crawler", "posts_2020.csv"), ("weibo_spider", "posts_2019.csv")])
def test_author_stands_in_the_name_of_what_was_made_of_the_csv_too(gather, check_law, tmp_path, folder, file):
    rows = list(csv.reader((DATA / folder / file).read_text("utf-8-sig").splitlines()))
    width = len(rows[0])
    cells = [row for row in rows[1:] if len(row) == width and row != rows[0]]
    table = pa.table({name: [row[place] for row in cells] for place, name in enumerate(rows[0])})
    pq.write_table(table, tmp_path / "p")
    with sqlite3.connect(tmp_path / "d") as database:
        names = ", ".join(f'"{name}"' for name in rows[0])
        database.execute(f"CREATE TABLE post_table ({names})")
        database.executemany(f"INSERT INTO post_table VALUES ({', '.join('?' * width)})", cells)
    database.close()
    for name, content in (("parquet", tmp_path / "p"), ("db", tmp_path / "d")):
        gathered = gather(content.read_bytes(), f"1700000061.{name}")
        check_law(gathered)
        assert set(gathered.posts.filter(pc.equal(gathered.posts["source_row"], 1))["author_id"].to_pylist()) == {
            "1700000061"
        }


def test_padded_row_of_profiles_is_not_shifted(gather, check_law):
    header, row = (DATA / "weibo_crawler" / "users.csv").read_text("utf-8-sig").splitlines()[:2]
    plain, padded = gather(f"{header}\n{row}\n"), gather(f"{header}\n{row},\n")
    check_law(padded)
    columns = ["author_id", "followers", "following", "author_posts", "verified", "description"]
    assert padded.authors.select(columns).equals(plain.authors.select(columns))
