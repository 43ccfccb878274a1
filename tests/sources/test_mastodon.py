import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.sources import Gathered
from tests.mastodon import ACCOUNT, status

Gather = Callable[..., Gathered]


@pytest.fixture
def post(gather: Gather, check_law: Callable[[Gathered], None]) -> Callable[..., dict[str, Any]]:
    """post(content, ...): the first raw post of one such status."""

    def run(content: str = "<p>茶凉了</p>", **more: Any) -> dict[str, Any]:
        gathered = gather(json.dumps([status("115", content, **more)]))
        check_law(gathered)
        assert gathered.file["source"].to_pylist() == ["mastodon"]
        return dict(gathered.posts.to_pylist()[0])

    return run


BOOSTED = status(
    "90", "<p>城南的桥通车了</p>", uri="https://other.example/users/qiao/statuses/33",
    account={**ACCOUNT, "id": "9", "acct": "qiao@other.example", "url": "https://other.example/@qiao", "uri": "https://other.example/users/qiao"},
)  # fmt: skip
BOOST = status("116", BOOSTED["content"], reblog=BOOSTED)


def test_every_field_has_its_column(post):
    found = post(
        "<p>茶凉了</p>", edited_at="2026-03-01T09:30:00.000Z", application={"name": "Tusky"}, tags=[{"name": "喝茶", "url": "https://m.example/tags/x"}],
        mentions=[{"id": "3", "acct": "mei@other.example", "url": "https://other.example/@mei", "username": "mei"}],
    )  # fmt: skip
    expected = {
        "platform": "mastodon", "post_id": "https://m.example/users/lin/statuses/115", "text": "茶凉了", "lang": "zh",
        "author_id": "https://m.example/users/lin", "author_name": "林间小路", "app": "Tusky", "kind": "post",
        "url": "https://m.example/@lin/115", "likes": 3, "comments": 1, "reposts": 2, "followers": 12, "following": 30,
        "author_posts": 210, "topics": ["喝茶"], "mentions": ["mei@other.example"], "parent_id": None,
        "posted_at": datetime(2026, 3, 1, 8, tzinfo=UTC), "posted_at_precision": "second", "source_dedups": False,
        "modified_at": datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "author_created_at": datetime(2021, 5, 6, tzinfo=UTC),
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected | {"text": found["text"]}
    assert found["text"].strip() == "茶凉了"


def test_shortened_links_are_whole(post):
    content = (
        '<p>看这篇 <a href="https://blog.example/2026/03/cha?x=1" rel="nofollow noopener" target="_blank">'
        '<span class="invisible">https://</span><span class="ellipsis">blog.example/2026/03</span>'
        '<span class="invisible">/cha?x=1</span></a></p>'
    )
    found = post(content)
    assert found["text"].strip() == "看这篇 https://blog.example/2026/03/cha?x=1"
    assert found["links"] == ["https://blog.example/2026/03/cha?x=1"]


def test_paragraphs_and_breaks_are_lines(post):
    assert post("<p>一<br />二</p><p>三 &amp; 四</p>")["text"].split() == ["一", "二", "三", "&", "四"]


def test_content_warning_stands_first(post):
    assert post(spoiler_text="剧透")["text"].strip() == "剧透\n茶凉了"


def test_boost_is_a_repost_and_what_it_boosts_a_post(gather, check_law):
    gathered = gather(json.dumps([BOOST]))
    check_law(gathered)
    boost, boosted = gathered.posts.to_pylist()
    assert (boost["kind"], boost["parent_id"], boost["author_id"]) == ("repost", boosted["post_id"], ACCOUNT["uri"])
    assert boost["text"].strip() == "//@qiao@other.example: 城南的桥通车了"
    assert (boosted["kind"], boosted["text"].strip(), boosted["author_id"]) == (
        "post",
        "城南的桥通车了",
        "https://other.example/users/qiao",
    )


def test_boost_has_no_words_of_its_own(gather):
    from pipeline.steps.clean import own_words

    assert own_words(gather(json.dumps([BOOST])).posts["text"].combine_chunks()).to_pylist()[0] == ""


def test_reply_in_a_thread_of_ones_own_is_a_post(post):
    found = post(in_reply_to_id="114", in_reply_to_account_id="7")
    assert (found["kind"], found["parent_id"]) == ("post", "https://m.example/users/lin/statuses/114")


MENTIONS = [
    {"id": "8", "acct": "he@other.example", "url": "https://other.example/@he", "username": "he"},
    {"id": "5", "acct": "an", "url": "https://m.example/@an", "username": "an"},
]


def test_reply_to_an_account_of_the_same_server_has_its_parent(post):
    found = post(in_reply_to_id="77", in_reply_to_account_id="5", mentions=MENTIONS)
    assert (found["kind"], found["parent_id"]) == ("comment", "https://m.example/users/an/statuses/77")


@pytest.mark.parametrize("account", ["8", "12345"])
def test_reply_to_another_server_is_a_comment_without_parent(post, account):
    found = post(in_reply_to_id="77", in_reply_to_account_id=account, mentions=MENTIONS)
    assert (found["kind"], found["parent_id"]) == ("comment", None)


def test_author_of_another_server_who_answers_himself_has_no_known_parent(post):
    account = {**ACCOUNT, "acct": "lin@far.example"}
    assert post(in_reply_to_id="77", in_reply_to_account_id="7", account=account)["parent_id"] is None


def test_post_and_author_without_uri_are_known_by_what_there_is(post):
    account = {name: value for name, value in ACCOUNT.items() if name not in ("uri", "display_name")}
    found = post(uri=None, account=account)
    assert (found["post_id"], found["author_id"], found["author_name"]) == ("115", "https://m.example/@lin", "lin")


def test_picture_alone_is_a_reject(gather, check_law):
    gathered = gather(json.dumps([status("1", "")]))
    check_law(gathered)
    assert gathered.rejects["reason"].to_pylist() == ["empty_text"]


@pytest.mark.parametrize("wrap", [
    lambda statuses: json.dumps(statuses), lambda statuses: json.dumps(statuses, indent=1, ensure_ascii=False),
    lambda statuses: "\n".join(map(json.dumps, statuses)), lambda statuses: json.dumps({"statuses": statuses, "accounts": []}),
])  # fmt: skip
def test_lists_lines_and_search_answers_are_the_same(gather, check_law, wrap):
    gathered = gather(wrap([status("1", "<p>一</p>"), BOOST, status("2", "<p>二</p>")]))
    check_law(gathered)
    assert [row["post_id"].rpartition("/")[2] for row in gathered.posts.to_pylist()] == ["1", "116", "33", "2"]
