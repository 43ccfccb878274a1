"""What the rows of feeds, shops and label tools mean: a case per dialect and quirk, on fixtures by hand."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from pipeline.settings import Settings
from pipeline.sources import find_inputs, gather_file
from pipeline.sources.ids import mid_of

DATA = Path(__file__).parents[1] / "data"


def at(*parts: int) -> datetime:
    """A time of Shanghai in UTC."""
    local = datetime(*parts, tzinfo=UTC)
    return datetime.fromtimestamp(local.timestamp() - 8 * 3600, UTC)


EVENING = at(2026, 3, 1, 18, 1, 5)
ROWS = [  # file, source_row, quirk, what it means
    ("web_feeds/rsshub_weibo.xml", 1, "RSSHub: number and author from the address, title left out, emoticon kept", {
        "platform": "weibo", "post_id": "5184713499347542", "author_id": "1700000061", "author_name": "卖豆花的阿圆", "kind": "post",
        "text": "第一锅豆花煮老了[允悲]今天便宜一块\n\n#早餐摊日记#", "posted_at": at(2025, 7, 4, 15, 51, 28), "likes": None,
        "topics": ["早餐摊日记"], "lang": None,
    }),
    ("web_feeds/rsshub_weibo.xml", 2, "RSSHub: the quoted post becomes a //@ chain", {
        "kind": "repost", "text": "说的就是我家那口锅//@补锅匠老岳:铁锅要先用猪皮擦\n\n", "posted_at": at(2025, 7, 4, 15, 39, 56),
    }),
    ("web_feeds/blog.rss", 1, "full text before the abstract, own title, count of comments", {
        "platform": "rss", "post_id": "https://woodshop.example/?p=7", "kind": "article", "author_name": "老檀", "comments": 6,
        "text": "榫头松了怎么办\n先别急着上胶，\n垫一片薄木皮\xa0就好。\n", "topics": ["木工", "修理"], "posted_at": at(2026, 3, 7, 21, 5),
    }),
    ("web_feeds/blog.rss", 2, "no title, no id, author as mail address", {
        "post_id_derived": True, "author_name": "老檀", "kind": "post", "posted_at_precision": "day", "text": "没有标题也没有编号的一条",
    }),
    ("web_feeds/atom.xml", 1, "Atom: markup as elements, author of the feed, link alternate", {
        "post_id": "urn:rain:12", "author_name": "测雨的人", "author_id": "https://rain.example/me", "url": "https://rain.example/12",
        "text": "今天的雨量\n一夜下了十二毫米，\n水缸满了。\n", "posted_at": at(2026, 3, 1, 8), "topics": ["雨量"],
    }),
    ("web_feeds/atom.xml", 2, "Atom: an author of its own has not the feed's address", {
        "author_name": "替班的小陶", "author_id": None,
    }),
    ("web_feeds/feed.json", 1, "JSON Feed: author of the feed", {
        "post_id": "41", "author_name": "撑船的老卞", "text": "停航\n水涨了三尺，\n停航一天。\n",
        "posted_at": at(2026, 3, 4, 6), "topics": ["渡口", "涨水"],
    }),
    ("web_feeds/feed.json", 2, "JSON Feed: plain text, id as a number", {"post_id": "42", "author_name": "徒弟阿水", "kind": "post"}),
    ("shop_reviews/tmall.jsonp", 1, "Tmall in a callback", {
        "platform": "tmall", "kind": "review", "post_id": "330000000001", "text": "锅盖合不严，\"漏气\"，但是炒菜不粘。", "author_id": None,
    }),
    ("shop_reviews/tmall.jsonp", 2, "what the buyer added", {
        "kind": "review", "parent_id": "330000000001", "author_name": "葱***头", "posted_at": at(2019, 9, 12, 8), "platform": "tmall",
    }),
    ("shop_reviews/mobile.js", 2, "what the buyer added, so many days later", {
        "parent_id": "1050000000001", "posted_at": at(2019, 8, 26), "platform": "taobao",
    }),
    ("shop_reviews/taobao.json", 1, "Taobao", {
        "post_id": "440000000001", "author_name": "蓝***边", "posted_at": at(2019, 8, 21, 10, 30),
    }),
    ("shop_reviews/jd.json", 2, "JD: what the buyer added", {"platform": "jd", "parent_id": "15500000001", "text": "换货以后好了"}),
    ("shop_reviews/jd.csv", 1, "JD as a sheet", {"platform": "jd", "kind": "review", "likes": 2, "community": "电饭煲"}),
    ("shop_reviews/sentences.txt", 1, "sentences without a header", {"text": "买来给外婆用的，字大，声音也响。", "platform": "unknown"}),
    ("labelled_texts/doccano_entities.jsonl", 1, "doccano, spans", {"text": "周三晚上在河堤散步"}),
    ("labelled_texts/doccano_data.jsonl", 2, "doccano, data and label", {"text": "汤倒是热的", "post_id_derived": True}),
    ("labelled_texts/doccano_labels.jsonl", 1, "doccano, text and labels", {"text": "加薇详聊"}),
    ("labelled_texts/doccano_annotations.jsonl", 1, "doccano, annotations by number", {"text": "又是加班的一周"}),
    ("labelled_texts/doccano.csv", 1, "doccano as CSV", {"text": "楼道的灯坏了半个月"}),
    ("labelled_texts/label_studio.json", 1, "Label Studio: columns of raw_posts in its data", {
        "text": "一样的话发了八遍", "platform": "weibo", "post_id": "5300000000000077",
    }),
    ("labelled_texts/label_studio_min.json", 1, "Label Studio, JSON-MIN", {"text": "豆腐涨到三块了"}),
]  # fmt: skip


@pytest.mark.parametrize(("file", "row", "quirk", "meaning"), ROWS, ids=[f"{row[0]}: {row[2]}" for row in ROWS])
def test_row_means(gather, check_law, file, row, quirk, meaning):
    gathered = gather((DATA / file).read_bytes(), messages=True)
    check_law(gathered)
    assert gathered.file["source"].to_pylist() == [file.split("/")[0]]
    found = next(post for post in gathered.posts.to_pylist() if post["source_row"] == row)
    assert {name: found[name] for name in meaning} == meaning


def workbook(*sheets: list[list[object]]) -> bytes:
    """An XLSX with these sheets."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"表{number}")
        for row in rows:
            sheet.append(row)
    book.save(out)
    return out.getvalue()


HISTORY = [["text", "posted_at"], ["操场的灯坏了", "2013-05-04 21:07"], ["没有写名字的一条", "2013-05-05"]]


def test_sheet_that_nobody_knows_is_told_by_name(gather, check_law):
    gathered = gather(workbook(HISTORY, [["甲", "乙"], [1, 2]]))
    check_law(gathered)
    reject = gathered.rejects.to_pylist()[0]
    assert (reject["reason"], "表1" in reject["detail"]) == ("unknown_table", True)


def test_id_that_a_workbook_rounded_is_a_reject(gather):
    table = [["text", "post_id"], ["号码被表格改了", 5.301234567890123e18]]
    assert gather(workbook(table)).rejects["reason"].to_pylist() == ["mangled_id"]


def test_far_cell_in_a_workbook_costs_nothing(gather):
    book, out = openpyxl.load_workbook(io.BytesIO(workbook(HISTORY))), io.BytesIO()
    book.worksheets[0]["A1048576"] = "远处"
    book.save(out)
    assert gather(out.getvalue()).posts["text"].to_pylist()[-1] == "远处"


def feed(body: str, before: str = "") -> str:
    return f'<?xml version="1.0"?>{before}<rss version="2.0"><channel><title>t</title>{body}</channel></rss>'


ITEM = "<item><guid>g1</guid><description>雨停了。</description></item>"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (feed(ITEM, '<!DOCTYPE rss [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>'), "unsafe_xml"),
        (feed(ITEM, '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]>'), "unsafe_xml"),
        (feed("<a>" * 200 + "</a>" * 200), "unsafe_xml"),
        ("<?xml version='1.0'?><svg/>", "unknown_dialect"),
        ("<?xml version='1.0'?><rss>", "broken_feed"),
    ],
)
def test_xml_that_is_no_feed_is_refused(gather, check_law, content, reason):
    gathered = gather(content)
    check_law(gathered)
    assert gathered.rejects["reason"].to_pylist() == [reason]


def test_feed_that_breaks_off_gives_its_whole_items(gather, check_law):
    gathered = gather(feed(ITEM + "<item><guid>g2</guid>")[:-30])
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["雨停了。"]
    assert gathered.rejects["reason"].to_pylist() == ["broken_feed"]


def test_feed_with_characters_xml_lacks_is_read(gather):
    text = feed("<item><guid>g</guid><description>茶&nbsp;\x08凉了</description></item>")
    assert gather(text).posts["text"].to_pylist() == ["茶\xa0凉了"]


def test_feed_in_gb18030_is_read(gather):
    text = feed(ITEM).replace('"1.0"?', '"1.0" encoding="gb2312"?')
    assert gather(text.encode("gb18030")).posts["text"].to_pylist() == ["雨停了。"]


@pytest.mark.parametrize(
    ("bid", "mid"), [("PzxMFDdIO", "5184713499347542"), ("a-b", None), ("z0JH2lOMb", "3501756485200075")]
)
def test_short_form_of_weibo_gives_the_number(bid, mid):
    assert mid_of(bid) == mid


def test_words_of_reviews_in_json_are_not_taken_for_another_shop(gather):
    line = {"id": 1, "content": "电池不耐用", "creationTime": "2020-03-01", "nickname": "x", "referenceId": "7"}
    assert gather(json.dumps([line])).posts["platform"].to_pylist() == ["jd"]


FOLDERS = {
    "wechat": ("wechat_chats", "wechat_moments"),
    "reviews": ("shop_reviews",),
    "rss": ("web_feeds",),
    "labels": ("labelled_texts",),
}
NO_WORDS = {"empty_text", "no_record"}  # pictures alone, stickers, notices of the app


@pytest.mark.parametrize("folder", FOLDERS)
def test_real_exports_are_read_but_for_rows_without_words(exports, check_law, folder):
    for file in find_inputs([str(exports / folder)]):
        gathered = gather_file(file, Settings(messages=True))
        check_law(gathered)
        assert gathered.file["source"][0].as_py() in FOLDERS[folder], file.name
        assert gathered.file["n_rows_framed"].null_count == 0
        assert set(gathered.rejects["reason"].to_pylist()) <= NO_WORDS
        assert len(gathered.posts) > len(gathered.rejects)
