"""What the rows of WeChat's exporters mean: one case per dialect and quirk, on fixtures written by hand."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.settings import Settings
from pipeline.sources import gather_file
from pipeline.sources.inputs import find_inputs

DATA = Path(__file__).parents[1] / "data"


def at(*parts: int) -> datetime:
    """A time of Shanghai in UTC."""
    local = datetime(*parts, tzinfo=UTC)
    return datetime.fromtimestamp(local.timestamp() - 8 * 3600, UTC)


CHATS, MOMENTS, ARTICLES = "wechat_chats", "wechat_moments", "wechat_articles"
POSTS = [  # folder, file, quirk, row, what it means
    (CHATS, "wechatmsg_2023.csv", "who of a group spoke", 1, {
        "text": "群里有人要拼红薯吗，后天发车", "author_id": "wxid_fixture_shu01", "author_name": "薯先生", "kind": "message",
        "posted_at": datetime(2023, 7, 9, tzinfo=UTC), "platform": "wechat", "community": "7", "post_id_derived": True,
    }),
    (CHATS, "wechatmsg_2023.csv", "an answer as XML", 3, {"text": "给我留两箱&一袋小的", "author_id": "wxid_fixture_me"}),
    (CHATS, "wechatmsg_2023.csv", "a chat of two ends before the sender", 5, {
        "text": "明早记得带伞", "author_id": None, "author_name": "我", "posted_at": at(2023, 7, 9, 8, 4),
    }),
    (CHATS, "wechatmsg_2025.csv", "eight columns", 1, {
        "post_id": "7310000000000000001", "text": "鞋跟粘好了，晚上来拿", "author_name": "鞋匠老贺", "author_id": None,
        "posted_at": at(2025, 2, 3, 19, 20, 21), "posted_at_precision": "second",
    }),
    (CHATS, "wechatmsg_2025.csv", "an answer", 3, {"text": "好，七点到", "author_name": "云片"}),
    (CHATS, "wechatmsg_2025.csv", "a voice that was written down", 5, {"text": "楼下门没锁直接进"}),
    (CHATS, "pywxdump.csv", "text in JSON, with a line break", 1, {
        "post_id": "5200000000000000001", "text": "桂圆汤里\n放几颗枣？", "author_id": "wxid_fixture_tang",
        "community": "30000000001@chatroom", "posted_at": at(2023, 11, 5, 21, 10, 11),
    }),
    (CHATS, "pywxdump.csv", "我 is no id", 3, {"text": "三颗，多了就腻", "author_id": None, "author_name": "我"}),
    (CHATS, "pywxdump.csv", "what only looks like JSON stays", 5, {"text": '{"msg" 后面没写完'}),
    (CHATS, "pywxdump_msg_src.csv", "columns msg and src", 1, {"text": "枣已经去核了", "community": "wxid_fixture_tang"}),
    (CHATS, "chatlab.json", "platform and group of the document", 3, {
        "platform": "qq", "post_id": "m-1", "author_id": "800000001", "author_name": "卖豆腐的", "community": "880000001",
        "posted_at": at(2026, 7, 15, 22, 43, 20), "text": "今天的老豆腐还剩四板",
    }),
    (CHATS, "chatlab.json", "an answer, milliseconds", 4, {
        "text": "留一板给我", "parent_id": "m-1", "author_name": "打更人", "posted_at": at(2026, 7, 15, 22, 44, 20),
    }),
    (CHATS, "chatlab.json", "words that begin like a picture", 7, {"text": "[图片]里是昨天的", "post_id_derived": True}),
    (CHATS, "chatlab.jsonl", "a line each", 3, {"text": "腊肉挂在阳台了", "author_id": "wxid_fixture_waipo", "platform": "wechat"}),
    (CHATS, "weflow.json", "ids and session", 1, {
        "post_id": "8800000000000000001", "author_id": "wxid_fixture_lou", "author_name": "楼长",
        "community": "30000000002@chatroom", "text": "三号楼今晚停水", "posted_at": at(2026, 2, 2, 10, 40),
    }),
    (CHATS, "weflow.json", "its own numbers are no ids", 3, {
        "post_id_derived": True, "author_id": "wxid_fixture_me", "parent_id": "8800000000000000001",
    }),
    (CHATS, "weflow_http.json", "milliseconds, types by number", 1, {
        "text": "鱼苗放下去了", "posted_at": datetime(2025, 2, 5, tzinfo=UTC), "community": "wxid_fixture_yu",
    }),
    (MOMENTS, "wclist.json", "name by the owner's picture", 1, {
        "post_id": "12377921095100000001", "text": "柿子晒到第三天，\r\n开始出霜了。", "author_name": "柿子树下", "kind": "post",
        "likes": 2, "comments": 2, "posted_at": datetime(2016, 10, 4, 6, 39, 39, tzinfo=UTC), "platform": MOMENTS,
    }),
    (MOMENTS, "wclist.json", "comment", 2, {
        "text": "留几个[馋]", "author_name": "北窗", "kind": "comment", "parent_id": "12377921095100000001",
        "root_id": "12377921095100000001", "post_id_derived": True,
    }),
    (MOMENTS, "wclist.json", "shared without a word", 4, {
        "text": "柿饼的七种吃法", "kind": "repost", "links": ["http://mp.example/s?__biz=a,b&mid=2#rd"], "likes": 0, "comments": 0,
    }),
    (MOMENTS, "wclist.json", "shared with words", 5, {"text": "第四种真的可以", "kind": "post", "author_name": "柿子树下"}),
    (MOMENTS, "moments.json", "author of the document, milliseconds", 1, {
        "post_id": "14300000000000000001", "author_id": "wxid_fixture_mi", "author_name": "卖米线的老米",
        "text": "汤底熬了六小时，今天十点开门。", "posted_at": at(2024, 1, 8, 15, 5),
    }),
    (MOMENTS, "moments.json", "share", 2, {
        "text": "米线和米粉到底差在哪", "kind": "repost", "links": ["https://mp.example/s/abc"],
    }),
    (MOMENTS, "weflow_posts.json", "names of likes, counted", 1, {
        "post_id": "14500000000000000001", "author_id": "wxid_fixture_cha", "author_name": "采茶季", "likes": 2, "comments": 2,
        "text": "头采的明前，只炒了十二斤", "posted_at": datetime(2025, 1, 1, tzinfo=UTC),
    }),
    (MOMENTS, "weflow_posts.json", "comment without a time", 2, {
        "post_id": "14500000000000000001-11", "parent_id": "14500000000000000001", "posted_at": None, "author_name": "阿棠",
    }),
    (MOMENTS, "weflow_posts.json", "answer to a comment", 3, {
        "parent_id": "14500000000000000001-11", "root_id": "14500000000000000001", "kind": "comment",
    }),
    (MOMENTS, "weflow_posts.json", "link", 4, {"text": "谷雨前后怎么存茶", "kind": "repost", "likes": 0}),
    (ARTICLES, "articles.json", "an article", 1, {
        "post_id": "茶山周记-2247483701_1", "author_id": "MzFixture0001==", "author_name": "茶山周记", "kind": "article",
        "text": "老茶树今年还开花吗\n上山走了一趟，\n花开了七朵。\n", "posted_at": datetime(2025, 1, 1, tzinfo=UTC), "views": 1024,
        "likes": 33, "reposts": 5, "comments": 2, "topics": ["老茶树", "上山"], "platform": "wechat_mp",
    }),
    (ARTICLES, "articles.json", "a chosen comment", 2, {
        "post_id": "茶山周记-2247483701_1-9000000001", "parent_id": "茶山周记-2247483701_1", "kind": "comment", "likes": 3,
        "author_id": "oFixture01", "author_name": "问路的", "posted_at": at(2025, 1, 1, 9),
    }),
    (ARTICLES, "articles.json", "an answer", 3, {
        "post_id": "茶山周记-2247483701_1-9000000001-1", "parent_id": "茶山周记-2247483701_1-9000000001",
        "root_id": "茶山周记-2247483701_1", "text": "在背阴那面",
    }),
    (ARTICLES, "articles.json", "text that begins with the title, keys left out", 4, {
        "text": "今日到店：新炭\n和一筐柿子", "author_id": "MzFixture0001==", "views": None, "topics": [],
    }),
    (ARTICLES, "articles.csv", "the columns of the workbook", 1, {
        "post_id": "茶山周记-2247483701_1", "author_id": "MzFixture0001==", "text": "老茶树今年还开花吗\n花开了七朵。",
        "posted_at": datetime(2025, 1, 1, tzinfo=UTC), "views": 1024, "topics": ["老茶树", "上山"],
    }),
    (ARTICLES, "articles.csv", "title alone, no account", 2, {
        "post_id": "2247483703_1", "text": "只有标题", "author_id": None, "author_name": None, "comments": None,
    }),
]  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "file", "row", "meaning"),
    [pytest.param(folder, file, row, meaning, id=f"{file}: {quirk}") for folder, file, quirk, row, meaning in POSTS],
)
def test_row_means(gather, folder, file, row, meaning):
    gathered = gather((DATA / folder / file).read_bytes(), file, messages=True)
    assert gathered.file["source"].to_pylist() == [folder]
    posts = [post for post in gathered.posts.to_pylist() if post["source_row"] == row]
    assert [{name: post[name] for name in meaning} for post in posts] == [meaning]


REJECTS = {
    ("wechat_chats", "wechatmsg_2023.csv"): {2: "empty_text", 4: "no_record"},
    ("wechat_chats", "wechatmsg_2025.csv"): {2: "empty_text", 4: "no_record"},
    ("wechat_chats", "pywxdump.csv"): {2: "empty_text", 4: "no_record"},
    ("wechat_chats", "pywxdump_msg_src.csv"): {2: "empty_text"},
    ("wechat_chats", "chatlab.json"): {5: "empty_text", 6: "no_record"},
    ("wechat_chats", "weflow.json"): {2: "empty_text", 4: "no_record"},
    ("wechat_chats", "weflow_http.json"): {2: "empty_text"},
    ("wechat_moments", "wclist.json"): {6: "empty_text"},
    ("wechat_moments", "moments.json"): {3: "empty_text"},
}


@pytest.mark.parametrize(("folder", "file"), REJECTS)
def test_what_says_nothing_is_a_reject(gather, folder, file):
    rejects = gather((DATA / folder / file).read_bytes(), file, messages=True).rejects.to_pylist()
    assert {reject["source_row"]: reject["reason"] for reject in rejects} == REJECTS[folder, file]


def test_chat_is_gathered_only_where_the_setting_says_so(gather, check_law):
    for path in (DATA / CHATS).iterdir():
        gathered = gather(path.read_bytes())
        check_law(gathered)
        assert len(gathered.posts) == len(gathered.authors) == 0, path.name
        assert set(gathered.rejects["reason"].to_pylist()) <= {"chat_message", "no_record"}
        assert all("messages = true" in said for said in gathered.rejects["detail"].to_pylist() if "no post" in said)


def test_members_of_a_chat_are_profiles(gather, check_law):
    gathered = gather((DATA / CHATS / "chatlab.json").read_bytes(), messages=True)
    check_law(gathered)
    assert gathered.authors.select(["platform", "author_id", "author_name"]).to_pylist() == [
        {"platform": "qq", "author_id": "800000001", "author_name": "卖豆腐的"},
        {"platform": "qq", "author_id": "800000002", "author_name": "打更人"},
    ]


def test_real_exports_keep_the_law_and_lose_no_words(exports, check_law):
    sources, reasons, kinds = set(), Counter(), Counter()
    for file in find_inputs([str(exports / "wechat")]):
        gathered = gather_file(file, Settings(messages=True))
        check_law(gathered)
        sources.update(gathered.file["source"].to_pylist())
        reasons.update(gathered.rejects["reason"].to_pylist())
        kinds.update(gathered.posts["kind"].to_pylist())
        assert gathered.posts["posted_at"].null_count == 0, file.name
        authors = zip(gathered.posts["author_id"].to_pylist(), gathered.posts["author_name"].to_pylist(), strict=True)
        assert all(any(author) for author in authors), file.name
    assert sources == {CHATS, MOMENTS}
    assert set(reasons) == {"empty_text", "no_record"}  # pictures and notices
    assert min(kinds[kind] for kind in ("post", "repost", "comment", "message")) > 0


@pytest.mark.parametrize(
    ("content", "n_rows"),
    [
        ('{"list": [{"tid": "1", "time": 1475563179, "desc": "早", "like": [], "comment": [{"content": "好"}]}, {"tid": "2"}]}', 3),
        ('{"messages": [{"sender": "a", "timestamp": 1784126600, "type": 0, "content": "早"}, {"timestamp": 1, "type": 80}]}', 2),
        ('{"messages": [{"localId": 1, "createTime": 1770000000, "content": "早"}, {"localId": 2}]}', 2),
        ('{"moments": [{"id": 1, "content": "早", "publish_time": 1704697500000}, {"id": 2}]}', 2),
    ],
)  # fmt: skip
def test_record_that_lacks_keys_is_still_a_row(gather, check_law, content, n_rows):
    gathered = gather(content, messages=True)
    check_law(gathered)
    assert gathered.posts["text"].to_pylist()[0] == "早"
    assert gathered.file["n_rows"].to_pylist() == [n_rows]


def test_owner_whose_picture_nobody_shows_has_no_name(gather):
    text = (
        (DATA / MOMENTS / "wclist.json")
        .read_text("utf-8")
        .replace("AAAAbbbbCCCCdddd0001\\/132", "ZZZZyyyyXXXXwwww9999\\/132", 1)
    )
    posts = gather(text).posts.to_pylist()
    assert [post["author_name"] for post in posts if post["kind"] != "comment"] == [None] * 3


def test_senders_by_number_are_those_told_before_the_messages(gather, check_law):
    gathered = gather((DATA / "wechat_chats" / "weflow_arkme.json").read_bytes(), messages=True)
    check_law(gathered)
    people = list(zip(*(gathered.posts[name].to_pylist() for name in ("author_id", "author_name")), strict=True))
    assert people == [("wxid_fixture_cai", "种菜的"), ("wxid_fixture_gua", "瓜棚")]
    assert gathered.authors["author_id"].to_pylist() == ["wxid_fixture_cai", "wxid_fixture_gua"]


def test_head_of_a_chat_in_lines_holds_for_its_messages(gather, check_law):
    lines = (
        '{"_type": "header", "chatlab": {"version": "0.0.2"}, "meta": {"name": "团购", "platform": "qq", "groupId": "88"}}\n'
        '{"_type": "member", "platformId": "1", "accountName": "甲"}\n'
        + '{"_type": "message", "sender": "1", "accountName": "甲", "timestamp": 1784126600, "type": 0, "content": "到货了"}\n'
        * 150
    )
    gathered = gather(lines, messages=True, batch_rows=100)
    check_law(gathered)
    assert set(gathered.posts["platform"].to_pylist()) == set(gathered.authors["platform"].to_pylist()) == {"qq"}
    assert set(gathered.posts["community"].to_pylist()) == {"88"}
    assert gathered.rejects["reason"].to_pylist() == ["no_record"]
