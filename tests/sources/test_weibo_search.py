import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from pipeline.sources.weibo_search import HEADERS

DATA = Path(__file__).parents[1] / "data"


def posts(gather, check_law, name="weibo_search.csv"):
    gathered = gather((DATA / name).read_bytes())
    check_law(gathered)
    assert gathered.file["source"].to_pylist() == ["weibo_search"]
    return gathered


def test_posts_mean_what_the_exporter_wrote(gather, check_law):
    first, seller, repost, undated = posts(gather, check_law).posts.to_pylist()
    assert (first["post_id"], first["author_id"], first["author_id_form"]) == ("5301234567890201", "1700000001", "id")
    assert first["text"] == "外婆的毛线还剩半团，\n够织一只手套。#手工日记#"
    assert (first["posted_at"], first["posted_at_precision"]) == (datetime(2026, 3, 1, 2, 1, tzinfo=UTC), "minute")
    assert (first["likes"], first["comments"], first["reposts"], first["counts_censored"]) == (15, 2, 0, False)
    assert (first["app"], first["verified"], first["topics"]) == ("iPhone客户端", False, ["手工日记"])
    assert first["url"] == "https://weibo.com/1700000001/PqRs12345"
    assert (first["platform"], first["kind"], first["source_dedups"], first["views"]) == ("weibo", "post", False, None)
    assert (seller["reposts"], seller["likes"], seller["counts_censored"]) == (1_000_000, 12_000, True)
    assert (seller["verified"], seller["mentions"]) == (True, ["搬砖小李", "小李的店"])
    assert (repost["kind"], repost["parent_id"], repost["root_id"]) == (
        "repost",
        "5301234567890202",
        "5301234567890202",
    )
    assert (undated["posted_at"], undated["posted_at_precision"]) == (None, None)


def test_retweet_id_of_zero_is_no_repost(gather):
    post = gather("id,user_id,微博正文,发布时间,retweet_id\n1,8,自己写的,2026-03-01,0\n").posts.to_pylist()[0]
    assert (post["kind"], post["parent_id"]) == ("post", None)


def test_rows_that_are_no_posts_keep_their_reasons(gather, check_law):
    rejects = posts(gather, check_law).rejects
    found = list(zip(rejects["source_row"].to_pylist(), rejects["reason"].to_pylist(), strict=True))
    assert found == [(4, "repeated_header"), (5, "mangled_id"), (7, "bad_time"), (8, "empty_text"), (9, "bad_row")]
    assert rejects["raw"].to_pylist()[-1] == "5301234567890208,PqRs12352,断在这里"


def test_row_per_comment_gives_each_comment_and_its_post_once(gather, check_law):
    gathered = posts(gather, check_law, "weibo_search_comments.csv")
    assert Counter(gathered.posts["kind"].to_pylist()) == {"post": 2, "comment": 3}
    assert gathered.posts["source_row"].to_pylist() == [1, 1, 2, 3, 4]
    post, first, second, repeated, silent = gathered.posts.to_pylist()
    assert (post["post_id"], silent["post_id"]) == ("5301234567890301", "5301234567890302")
    assert (first["parent_id"], first["root_id"], first["likes"]) == ("5301234567890301", "5301234567890301", 12)
    assert (first["author_id"], first["text"]) == ("1800000001", "苦不苦[doge]")
    assert first["posted_at"] == datetime(2026, 3, 1, 2, 20, 23, tzinfo=UTC)
    assert second["text"] == "回复@剥莲子的人:嫩的不苦&甜"
    assert second["post_id_derived"]
    assert second["post_id"] != repeated["post_id"]


def test_rows_of_a_newer_version_stand_under_an_older_header(gather, check_law):
    def cells(header, **given):
        return ",".join(given.get(name, "") for name in header)

    old, new = HEADERS[0], HEADERS[3]
    rows = [
        cells(old, id="1", user_id="8", 微博正文="旧版写的"),
        cells(new, id="2", user_id="9", 微博正文="新版写的", user_authentication="蓝V"),
    ]
    gathered = gather("\n".join([",".join(old), *rows, rows[0] + ",多一格,两格,三格"]))
    check_law(gathered)
    assert gathered.posts["verified"].to_pylist() == [None, True]
    assert gathered.posts["text"].to_pylist() == ["旧版写的", "新版写的"]
    assert gathered.rejects["reason"].to_pylist() == ["bad_row"]


def test_other_header_in_the_middle_of_a_file_rules_the_rows_after_it(gather, check_law):
    content = "id,user_id,微博正文,发布时间\n1,8,先前的,2026-03-01\n\ufeffid,微博正文,user_id,发布时间\n2,后来的,9,2026-03-02\n"
    gathered = gather(content)
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["先前的", "后来的"]
    assert gathered.posts["author_id"].to_pylist() == ["8", "9"]
    assert gathered.rejects["reason"].to_pylist() == ["repeated_header"]


def test_fork_with_comments_under_an_older_header(gather, check_law):
    forked = HEADERS[-1]
    said = {
        "id": "1",
        "user_id": "8",
        "微博正文": "楼主写的",
        "评论人ID": "9",
        "评论内容": "楼下答的",
        "发布时间": "2026-03-01 10:01",
    }
    gathered = gather(",".join(HEADERS[0]) + "\n" + ",".join(said.get(name, "") for name in forked))
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["楼主写的", "楼下答的"]
    assert gathered.posts["kind"].to_pylist() == ["post", "comment"]


def test_table_of_its_database_is_read_by_its_own_source(gather, check_law):
    row = {
        "id": "5301234567890201", "bid": "Pq", "user_id": "1700000001", "screen_name": "线团", "text": "半团毛线", "retweet_id": "",
        "created_at": "2026-03-01 10:01", "attitudes_count": 3, "comments_count": 1, "reposts_count": 0, "user_authentication": "蓝V",
        "source": "iPhone客户端", "topics": "手工", "at_users": "",
    }  # fmt: skip
    gathered = gather(json.dumps([row], ensure_ascii=False))
    check_law(gathered)
    post = gathered.posts.to_pylist()[0]
    assert post["source"] == "weibo_search"
    assert (post["author_name"], post["text"], post["likes"], post["verified"], post["app"]) == (
        "线团", "半团毛线", 3, True, "iPhone客户端",
    )  # fmt: skip


def test_author_known_by_name_alone_is_still_the_exporters_row(gather, check_law):
    gathered = gather("id,用户昵称,微博正文,发布时间,发布工具,点赞数\n1,线团,半团毛线,2026-03-01 10:01,iPhone,1\n")
    check_law(gathered)
    assert gathered.posts.select(["source", "author_name"]).to_pylist() == [
        {"source": "weibo_search", "author_name": "线团"}
    ]
