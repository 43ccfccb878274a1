"""What the rows of QQ空间's exporters mean: one case per dialect and quirk, on fixtures written by hand."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.sources.qzone_text import to_text

DATA = Path(__file__).parents[1] / "data"
OWN, ALL = "800000031_说说列表.csv", "800000031_全部列表.csv"


def at(*parts: int) -> datetime:
    """A time of Shanghai in UTC."""
    local = datetime(*parts, tzinfo=UTC)
    return datetime.fromtimestamp(local.timestamp() - 8 * 3600, UTC)


JSON, SHEETS = "qzone", "qzone_sheets"
POSTS = [  # folder, file, quirk, row, what it means; of rows with comments the post
    (JSON, "shuoshuo.json", "emoticons, mention, counts", 1, {
        "post_id": "fixture0000000000000001", "author_id": "800000011", "author_name": "风车巷", "kind": "post",
        "text": "麦子进仓了[呲牙][e400824] @老碾盘 来喝酒", "mentions": ["老碾盘"], "app": "iPhone 5s", "comments": 2,
        "reposts": 1, "posted_at": at(2014, 8, 1, 12, 30), "platform": "qzone", "source_dedups": False,
    }),
    (JSON, "shuoshuo.json", "comment", 2, {
        "post_id": "fixture0000000000000001-1", "parent_id": "fixture0000000000000001", "kind": "comment",
        "author_id": "800000012", "posted_at": at(2014, 8, 1, 12, 35),
    }),
    (JSON, "shuoshuo.json", "answer to a comment", 3, {
        "post_id": "fixture0000000000000001-1-1", "parent_id": "fixture0000000000000001-1",
        "root_id": "fixture0000000000000001", "text": "@老碾盘 炒好了",
    }),
    (JSON, "shuoshuo.json", "comment without a number", 4, {
        "post_id_derived": True, "parent_id": "fixture0000000000000001", "text": "[微笑]", "posted_at": at(2014, 8, 1, 12, 40),
    }),
    (JSON, "shuoshuo.json", "passed on without a word", 5, {
        "kind": "repost", "text": "//@豆油坊:新榨的豆油，十斤起送", "parent_id": "fixture0000000000000900",
        "root_id": "fixture0000000000000900", "app": None,
    }),
    (JSON, "shuoshuo.json", "the mood that is passed on", 6, {
        "post_id": "fixture0000000000000900", "author_id": "800000014", "author_name": "豆油坊", "kind": "post",
        "text": "新榨的豆油，十斤起送", "posted_at": at(2014, 7, 30), "posted_at_precision": "day",
    }),
    (JSON, "shuoshuo.json", "text in pieces, author of the document", 7, {
        "text": "只有碎片", "author_id": "800000011", "author_name": "风车巷",
    }),
    (JSON, "shuoshuo_callback.js", "callback, old tags", 1, {"text": "桥修通了", "post_id": "fixture0000000000000005"}),
    (JSON, "msg_board.json", "the guestbook", 1, {
        "kind": "comment", "post_id": "1300000001", "author_id": "800000015", "author_name": "摆渡人",
        "text": "踩踩，[呲牙]\n记得回踩", "posted_at": at(2012, 5, 1, 12, 0, 8),
    }),
    (JSON, "msg_board.json", "the owner's answer", 2, {
        "kind": "comment", "author_id": "800000011", "author_name": "风车巷", "text": "回踩了", "parent_id": "1300000001",
        "root_id": "1300000001", "posted_at": at(2012, 5, 1, 12, 5), "post_id_derived": True,
    }),
    (JSON, "msg_board.json", "HTML alone", 3, {"text": "新店开张\n满百送碗"}),
    (JSON, "history_export.json", "a mood", 1, {
        "post_id": "fixturehistory01", "author_id": "800000021", "text": "屋檐下的燕子回来了[可爱]", "likes": 12, "views": 96,
        "posted_at": at(2012, 4, 5, 9, 30), "source_dedups": True,
    }),
    (JSON, "history_export.json", "a comment, time as shown", 2, {
        "kind": "comment", "author_id": "800000022", "parent_id": "fixturehistory01", "posted_at": at(2012, 4, 5, 10, 2),
        "posted_at_precision": "minute",
    }),
    (JSON, "history_export.json", "rebuilt, time never set", 3, {
        "posted_at": at(2012, 1, 10, 18), "text": "代买火车票，加我", "source_dedups": True, "author_id": "800000021",
    }),
    (JSON, "history_export.json", "guestbook", 4, {
        "kind": "comment", "author_id": "800000023", "community": "800000021", "text": "踩一脚，常来",
    }),
    (SHEETS, OWN, "name and text in one cell", 1, {
        "author_name": "磨坊主", "author_id": "800000031", "text": "新磨的玉米面[呲牙]，明天：早市见", "post_id_derived": True,
        "posted_at": at(2014, 8, 1, 12, 30, 5), "kind": "post", "source_dedups": True, "platform": "qzone",
    }),
    (SHEETS, OWN, "passed on", 4, {"kind": "repost", "author_name": "磨坊主", "text": "收新麦，现钱"}),
    (SHEETS, OWN, "someone else in the own list", 5, {
        "kind": "comment", "author_name": "小渡", "author_id": None, "text": "路过踩踩", "posted_at_precision": "minute",
    }),
    (SHEETS, OWN, "no name", 6, {"text": "没有名字的一行", "author_name": None}),
    (SHEETS, "fork.csv", "column 来源", 2, {"kind": "comment", "likes": 0, "author_name": "小渡"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "file", "row", "meaning"),
    [pytest.param(folder, file, row, meaning, id=f"{file}: {quirk}") for folder, file, quirk, row, meaning in POSTS],
)
def test_row_means(gather, check_law, folder, file, row, meaning):
    gathered = gather((DATA / folder / file).read_bytes(), file)
    check_law(gathered)
    assert gathered.file["source"].to_pylist() == [folder]
    first = next(post for post in gathered.posts.to_pylist() if post["source_row"] == row)
    assert {name: first[name] for name in meaning} == meaning


def test_comments_in_a_cell_are_tied_to_their_post(gather):
    posts = gather((DATA / SHEETS / OWN).read_bytes(), OWN).posts.to_pylist()
    post, *comments = (post for post in posts if post["source_row"] == 1)
    assert [(c["author_id"], c["text"], c["posted_at"]) for c in comments] == [
        ("800000032", "留一袋，别掺'陈'的", at(2014, 8, 1, 12, 35)),
        ("800000031", "@小渡 好", at(2014, 8, 1, 12, 36)),
    ]
    assert {(c["parent_id"], c["kind"]) for c in comments} == {(post["post_id"], "comment")}


def test_list_of_comments_that_was_cut_gives_those_before_the_break(gather):
    posts = gather((DATA / SHEETS / OWN).read_bytes(), OWN).posts.to_pylist()
    assert [post["text"] for post in posts if post["source_row"] == 5] == ["路过踩踩", "谢谢"]


def test_cell_of_comments_that_is_code_is_a_reject_beside_its_post(gather):
    rejects = gather((DATA / SHEETS / OWN).read_bytes(), OWN).rejects.to_pylist()
    assert [(reject["source_row"], reject["reason"]) for reject in rejects] == [(4, "unread_comments")]


@pytest.mark.parametrize("cell", ["[" * 9000, "[['a']]", "{1: 2}", "9" * 5000, "['''", "\x00", "[[1, 2, 3, 4], [5]]"])
def test_hostile_cell_of_comments_costs_no_post(gather, check_law, cell):
    gathered = gather(f'时间,内容,图片链接,评论\n2014年08月01日 12:30,甲 ：早,,"{cell}"\n')
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["早"]


def test_same_mood_in_two_lists_has_one_id_and_repeats_have_their_own(gather):
    content = (DATA / SHEETS / OWN).read_bytes()
    own, every = gather(content, OWN).posts, gather(content, ALL).posts
    assert own["post_id"].equals(every["post_id"])
    assert every["author_id"].to_pylist()[0] is None
    first, again = (post["post_id"] for post in own.to_pylist() if post["text"] == "早市到了")
    assert first != again


def test_own_rows_of_a_fork_are_those_marked_so(gather):
    gathered = gather((DATA / SHEETS / "fork.csv").read_bytes(), "800000031_全部列表.csv")
    assert gathered.posts["author_id"].to_pylist() == ["800000031", None]


@pytest.mark.parametrize(("folder", "file"), [(SHEETS, "800000031_好友列表.csv"), (JSON, "history_export.json")])
def test_friends_are_profiles(gather, folder, file):
    authors = gather((DATA / folder / file).read_bytes(), file).authors
    names = dict(zip(authors["author_id"].to_pylist(), authors["author_name"].to_pylist(), strict=True))
    assert names in ({"800000032": "小渡"}, {"800000022": "檐下"})


@pytest.mark.parametrize(
    "envelope", [lambda d: {"data": d}, lambda d: [{"page": 1, "answer": d}], lambda d: {"1": d, "2": {}}]
)
def test_owner_of_the_moods_stands_beside_their_list_whatever_is_around(gather, check_law, envelope):
    whole = json.loads((DATA / "qzone" / "shuoshuo.json").read_text("utf-8"))
    for mood in whole["msglist"]:
        mood.pop("uin", None)
        mood.pop("name", None)
    bare, wrapped = gather(json.dumps(whole)), gather(json.dumps(envelope(whole)))
    check_law(wrapped)
    assert wrapped.posts["author_id"].to_pylist() == bare.posts["author_id"].to_pylist()
    assert "800000011" in bare.posts["author_id"].to_pylist()


@pytest.mark.parametrize("name", ["800000012/shuoshuo/1.json", "moods/800000012.json", "800000012_shuoshuo.json"])
def test_owner_of_moods_is_in_the_name_where_nothing_else_says_it(gather, name):
    mood = {"tid": "t1", "content": "巷口的灯修好了", "created_time": 1772330465}
    assert gather(json.dumps({"msglist": [mood]}), name).posts["author_id"].to_pylist() == ["800000012"]


def test_author_of_a_mood_is_the_folder_where_nothing_else_says_it(gather):
    content = '{"msglist": [{"tid": "f1", "created_time": 1400000000, "content": "早", "name": "甲"}]}'
    assert gather(content, "800000041/shuoshuo/shuoshuo_00000-00019.json").posts["author_id"].to_pylist() == [
        "800000041"
    ]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("[em]e100[/em][em]e204[/em]", "[微笑][右太极]"), ("[em]e205[/em]", "[e205]"), ("[em]e1000[/em]", "[e1000]"),
        ("[em]x[/em]", "[em]x[/em]"), ("@{uin:1,nick:甲,who:1,auto:1}好", "@甲 好"), ("@{uin:,nick:乙}", "@乙 "),
        ("[url=http://a.example]看[/url]", "看"), ("[e100][em]e101[/em]", "[e100][撇嘴]"), ("[图片] [强]", "[图片] [强]"),
    ],
)  # fmt: skip
def test_markup_reads_as_a_reader_sees_it(markup, text):
    assert to_text(pa.array([markup, None])).to_pylist() == [text, None]
