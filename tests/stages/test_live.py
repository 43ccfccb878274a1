"""Feeds in the stage gather: real servers, cursors, and runs that are stopped at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.errors import PermanentError, TransientError, UsageError
from pipeline.sources.live import mastodon_timeline
from pipeline.store import Lake, Transaction
from tests.feed import CORPORA
from tests.mastodon import WALKS, Timeline, serve, walk
from tests.stages.gathering import AT, broken_laws, files_of, rows_of, run_gather
from tests.web import Asked, Reply, Web, json_reply, serving

SECRET = "tok3n-0123456789"


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.wait_random_exponential.__call__", lambda *_: 0)


def ask(lake: Path, *feeds: str, **settings: Any) -> dict[str, int]:
    return run_gather(lake, **{"feeds": feeds, "allow_private_addresses": True, "cleaned": False, **settings})


def tag(web: Web) -> str:
    return f"mastodon+{web.url}/tags/散步"


def ids(lake: Path) -> list[int]:
    """The numbers of the walks in raw_posts, sorted; a post that is there twice counts twice."""
    rows = Lake.open(str(lake)).read("raw_posts", ["post_id"])["post_id"].to_pylist()
    return sorted(int(id_.rpartition("/")[2]) - 100 for id_ in rows)


def cursors(lake: Path) -> list[dict[str, Any]]:
    return Lake.open(str(lake)).read("source_cursors").to_pylist()


def test_timeline_is_read_to_its_end(web: Web, tmp_path: Path) -> None:
    serve(web, 9)
    counts = ask(tmp_path / "lake", tag(web), cleaned=True)
    assert ids(tmp_path / "lake") == list(range(9))
    assert (counts["feeds"], counts["rows"], counts["raw_posts"]) == (1, 9, 9)
    assert broken_laws(tmp_path / "lake") == []


def test_timeline_without_links_is_read_to_its_end(web: Web, tmp_path: Path) -> None:
    serve(web, 9, has_links=False)
    ask(tmp_path / "lake", tag(web))
    assert ids(tmp_path / "lake") == list(range(9))


def test_links_are_read_and_not_followed(web: Web, tmp_path: Path) -> None:
    timeline = serve(web, 9)
    ask(tmp_path / "lake", tag(web))
    assert [query.get("max_id") for query in timeline.asked] == [None, "105", "101"]


def test_links_that_lead_below_what_a_page_shows_are_obeyed(web: Web, tmp_path: Path) -> None:
    web.replies(json_reply([walk(9)], Link='<http://x/?max_id=105>; rel="next"'), json_reply([walk(2)], Link=""))
    ask(tmp_path / "lake", tag(web))
    assert [asked.query.get("max_id") for asked in web.asked] == [None, "105"]
    assert ids(tmp_path / "lake") == [2, 9]


def test_account_is_looked_up_and_read(web: Web, tmp_path: Path) -> None:
    serve(web, 5)
    for _ in range(2):
        ask(tmp_path / "lake", f"mastodon+{web.url}/@lin")
    assert ids(tmp_path / "lake") == list(range(5))
    assert [asked.path for asked in web.asked].count("/api/v1/accounts/lookup") == 1


def test_only_what_is_new_comes_the_next_time(web: Web, tmp_path: Path) -> None:
    timeline = serve(web, 6)
    ask(tmp_path / "lake", tag(web))
    timeline.statuses += [walk(number) for number in range(6, 17)]
    timeline.asked.clear()
    ask(tmp_path / "lake", tag(web))
    assert ids(tmp_path / "lake") == list(range(17))
    assert [query.get("min_id") for query in timeline.asked] == ["105", "109", "113", "116"]


def test_nothing_new_changes_nothing(web: Web, tmp_path: Path) -> None:
    serve(web, 6)
    ask(tmp_path / "lake", tag(web))
    before = Lake.open(str(tmp_path / "lake")).snapshot().number
    assert ask(tmp_path / "lake", tag(web), gathered_at="2026-03-09T00:00:00Z")["feeds_unchanged"] == 1
    assert Lake.open(str(tmp_path / "lake")).snapshot().number == before


def test_a_run_takes_no_more_rows_than_it_may_and_the_next_goes_on(web: Web, tmp_path: Path) -> None:
    timeline = serve(web, 20)
    ask(tmp_path / "lake", tag(web), feed_rows=8)
    assert ids(tmp_path / "lake") == list(range(12, 20))
    timeline.statuses += [walk(number) for number in range(20, 23)]
    for _ in range(3):
        ask(tmp_path / "lake", tag(web), feed_rows=8)
    assert ids(tmp_path / "lake") == list(range(23))


def test_pages_of_a_run_are_limited(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mastodon_timeline, "MAX_PAGES", 2)
    timeline = serve(web, 20)
    ask(tmp_path / "lake", tag(web))
    assert len(timeline.asked) == 2


def test_server_that_repeats_a_page_forever_is_left(web: Web, tmp_path: Path) -> None:
    page = json_reply([walk(3), walk(2)], Link='<http://x/?max_id=1>; rel="next"')
    web.replies(page)
    for _ in range(2):
        ask(tmp_path / "lake", tag(web))
    assert ids(tmp_path / "lake") == [2, 3]


def test_ids_of_more_digits_are_newer(web: Web, tmp_path: Path) -> None:
    timeline = Timeline([walk(-5), walk(950)])  # 95 and 1050
    web.answer = timeline
    ask(tmp_path / "lake", tag(web))
    timeline.statuses.append(walk(951))
    ask(tmp_path / "lake", tag(web))
    assert ids(tmp_path / "lake") == [-5, 950, 951]


def failing(timeline: Timeline, web: Web, at: int, *replies: Reply) -> None:
    """Let the server give these replies when it is asked for the page of this number, and be well otherwise."""
    left, pages = list(replies), iter(range(1000))

    def answer(asked: Asked) -> Reply:
        number = next(pages)
        return left.pop(0) if number >= at and left else timeline(asked)

    web.answer = answer


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=429, headers={"Retry-After": "0"}), Reply(status=503), Reply(b"[{", 200, {"Content-Length": "90"}, cut=2),
        Reply(b"", 200, {"Content-Length": "9"}, cut=0),
    ],
)  # fmt: skip
def test_a_page_that_fails_once_is_asked_for_again(web: Web, tmp_path: Path, reply: Reply) -> None:
    failing(serve(web, 9), web, 1, reply)
    ask(tmp_path / "lake", tag(web))
    assert ids(tmp_path / "lake") == list(range(9))


@pytest.mark.parametrize("at", [0, 1, 2])
def test_pages_before_a_failure_are_kept_and_the_next_run_goes_on(web: Web, tmp_path: Path, at: int) -> None:
    timeline = serve(web, 9)
    failing(timeline, web, at, *[Reply(status=503)] * 5)
    with pytest.raises(TransientError, match=r"got HTTP 503.*all else was gathered"):
        ask(tmp_path / "lake", tag(web))
    assert len(ids(tmp_path / "lake")) == 4 * at
    assert broken_laws(tmp_path / "lake") == []
    ask(tmp_path / "lake", tag(web))
    assert ids(tmp_path / "lake") == list(range(9))


def test_broken_json_is_transient_and_a_page_permanent(web: Web, tmp_path: Path) -> None:
    web.replies(Reply(b'[{"id":', headers={"Content-Type": "application/json"}))
    with pytest.raises(TransientError, match="broken JSON"):
        ask(tmp_path / "lake", tag(web))
    web.replies(Reply(b"<html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(PermanentError, match="no JSON"):
        ask(tmp_path / "lake", tag(web))


def test_one_bad_feed_keeps_no_other_from_being_gathered(web: Web, tmp_path: Path) -> None:
    serve(web, 3)
    with pytest.raises(PermanentError, match=r"got HTTP 404"):
        ask(tmp_path / "lake", f"{web.url}/gone.xml", tag(web))
    assert ids(tmp_path / "lake") == [0, 1, 2]


def test_what_is_no_status_is_a_reject_and_stops_nothing(web: Web, tmp_path: Path) -> None:
    web.answer = Timeline([walk(1)])
    web.replies(
        json_reply([walk(2), {"id": "x-ray"}, walk(1), {"id": "9" * 100}, "stray"], Link='<http://x/>; rel="prev"')
    )
    ask(tmp_path / "lake", tag(web))
    assert ids(tmp_path / "lake") == [1, 2]
    assert len(rows_of(tmp_path / "lake", "rejects")) == 3
    assert broken_laws(tmp_path / "lake") == []


def test_private_address_is_refused_unless_allowed(web: Web, tmp_path: Path) -> None:
    serve(web, 3)
    with pytest.raises(PermanentError, match="allow_private_addresses"):
        ask(tmp_path / "lake", tag(web), f"{web.url}/feed", allow_private_addresses=False)
    assert not web.asked


@pytest.mark.parametrize(
    "feed",
    [
        "ftp://a.example/",
        "mastodon+https://m.example/about",
        "postgresql://a.example/db",
        "a.example/feed",
        "https://u:p@a.example/",
    ],
)
def test_what_is_no_feed_is_said_before_anything_is_asked(web: Web, tmp_path: Path, feed: str) -> None:
    serve(web, 3)
    with pytest.raises(UsageError):
        ask(tmp_path / "lake", tag(web), feed)
    assert not web.asked


def test_token_is_sent_and_never_shown(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XINREN_TOKEN_127_0_0_1", SECRET)
    web.replies(Reply(status=401))
    caplog.set_level("DEBUG")
    with pytest.raises(PermanentError, match="XINREN_TOKEN_") as error:
        ask(tmp_path / "lake", tag(web))
    assert web.asked[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in caplog.text + str(error.value)
    assert all(SECRET.encode() not in path.read_bytes() for path in (tmp_path / "lake").rglob("*") if path.is_file())


def test_feed_is_fetched_only_where_it_has_changed(web: Web, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Reply:
        if (
            asked.headers["If-None-Match"] == '"v1"'
            and asked.headers["If-Modified-Since"] == "Sun, 01 Mar 2026 08:00:00 GMT"
        ):
            return Reply(status=304)
        return json_reply([walk(1)], ETag='"v1"', **{"Last-Modified": "Sun, 01 Mar 2026 08:00:00 GMT"})

    web.answer = answer
    assert ask(tmp_path / "lake", f"{web.url}/feed")["raw_posts"] == 1
    assert ask(tmp_path / "lake", f"{web.url}/feed")["feeds_unchanged"] == 1
    assert files_of(tmp_path / "lake").keys() == {f"{web.url}/feed"}


def test_feed_without_conditions_is_known_by_its_bytes(web: Web, tmp_path: Path) -> None:
    web.replies(json_reply([walk(1)]))
    ask(tmp_path / "lake", f"{web.url}/feed")
    assert ask(tmp_path / "lake", f"{web.url}/feed")["files_known"] == 1
    assert ids(tmp_path / "lake") == [1]


def test_feed_that_could_not_be_read_is_asked_for_anew(web: Web, tmp_path: Path) -> None:
    web.replies(Reply(b"\x00\x01", headers={"ETag": '"v1"'}))
    ask(tmp_path / "lake", f"{web.url}/feed")
    assert (cursors(tmp_path / "lake"), len(rows_of(tmp_path / "lake", "rejects"))) == ([], 1)
    assert broken_laws(tmp_path / "lake") == []


def test_feed_that_was_read_in_part_is_asked_for_anew(web: Web, tmp_path: Path) -> None:
    whole = json.dumps([walk(1), walk(2)])
    web.replies(Reply(whole[:-9].encode(), headers={"ETag": '"v1"'}))
    ask(tmp_path / "lake", f"{web.url}/feed")
    web.replies(Reply(whole.encode(), headers={"ETag": '"v1"'}))
    ask(tmp_path / "lake", f"{web.url}/feed")
    assert web.asked[-1].headers["If-None-Match"] is None
    assert set(ids(tmp_path / "lake")) == {1, 2}
    assert len(cursors(tmp_path / "lake")) == 1
    assert broken_laws(tmp_path / "lake") == []


def test_cursor_shows_no_query(web: Web, tmp_path: Path) -> None:
    web.replies(json_reply([walk(1)], ETag='"v1"'))
    ask(tmp_path / "lake", f"{web.url}/feed?key={SECRET}")
    (cursor,) = cursors(tmp_path / "lake")
    assert SECRET not in repr(cursor)
    assert (cursor["feed_kind"], cursor["position"]) == ("web_feed", '{"etag": "\\"v1\\""}')


@pytest.mark.parametrize("table", ["raw_posts", "gathered_files", "source_cursors", "posts", "commit"])
def test_a_run_killed_at_any_moment_loses_and_doubles_nothing(web: Web, tmp_path: Path, table: str) -> None:
    timeline = serve(web, 9)
    ask(tmp_path / "lake", tag(web), cleaned=True)
    timeline.statuses += [walk(number) for number in range(9, 15)]
    assert killed(tmp_path / "lake", tag(web), table) == KILLED
    assert ids(tmp_path / "lake") == list(range(9))
    ask(tmp_path / "lake", tag(web), cleaned=True)
    undisturbed(web, timeline, tmp_path / "other")
    assert rows_of(tmp_path / "lake", "raw_posts") == rows_of(tmp_path / "other", "raw_posts")
    assert cursors(tmp_path / "lake") == cursors(tmp_path / "other")
    assert broken_laws(tmp_path / "lake") == []


KILLED = 9


def killed(lake: Path, feed: str, table: str) -> int:
    """The exit status of a process that ends, without any tidying, when it comes to this table or to the commit."""
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patch:
                kill_after(patch, table)
                ask(lake, feed, cleaned=True)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def undisturbed(web: Web, timeline: Timeline, lake: Path) -> None:
    """The same gatherings without a disturbance."""
    everything, timeline.statuses = timeline.statuses, timeline.statuses[:9]
    ask(lake, tag(web), cleaned=True)
    timeline.statuses = everything
    ask(lake, tag(web), cleaned=True)


def kill_after(patch: pytest.MonkeyPatch, table: str) -> None:
    put, writer, commit = Transaction.put, Transaction.writer, Transaction._publish

    def killing_put(self: Transaction, name: str, *args: Any, **more: Any) -> None:
        put(self, name, *args, **more)
        if name == table:
            os._exit(KILLED)

    def killing_writer(self: Transaction, name: str, *args: Any, **more: Any) -> Any:
        if name == table:
            os._exit(KILLED)
        return writer(self, name, *args, **more)

    def killing_commit(self: Transaction, *args: Any) -> None:
        if table == "commit":
            os._exit(KILLED)
        commit(self, *args)

    patch.setattr(Transaction, "put", killing_put)
    patch.setattr(Transaction, "writer", killing_writer)
    patch.setattr(Transaction, "_publish", killing_commit)


def command(lake: Path, *words: str) -> int:
    return main(["gather", "--lake", str(lake), "--gathered-at", AT, "--quiet", "--corpora", str(CORPORA), *words])


def test_command_asks_feeds_and_keeps_what_came_beside_a_failure(
    web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(web, 3)
    assert command(tmp_path / "lake", "--feed", tag(web), f"{web.url}/gone", "--allow-private-addresses") == 1
    assert ids(tmp_path / "lake") == [0, 1, 2]
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"xinren: {web.url}/gone: got HTTP 404; expected 200; check the address; all else was gathered"
    )


def test_command_refuses_what_is_no_feed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path / "lake", "--feed", "feeds.example") == 2
    assert "expected https://host/feed.xml, mastodon+https://" in capsys.readouterr().err
    assert not (tmp_path / "lake" / "raw_posts").exists()


def test_transient_failure_is_told_first_so_that_it_is_tried_again(web: Web, tmp_path: Path) -> None:
    web.answer = lambda asked: Reply(status=404 if asked.path == "/gone" else 503)
    with pytest.raises(TransientError, match="1 more failed"):
        ask(tmp_path / "lake", f"{web.url}/gone", f"{web.url}/busy")


def test_a_feed_twice_is_asked_once(web: Web, tmp_path: Path) -> None:
    web.replies(json_reply([walk(1)]))
    assert ask(tmp_path / "lake", f"{web.url}/feed", f"{web.url}/feed")["feeds"] == 1
    assert len(web.asked) == 1


def test_files_and_feeds_are_gathered_together(web: Web, tmp_path: Path) -> None:
    serve(web, 3)
    (tmp_path / "a.csv").write_text("text\n一碗豆花\n", "utf-8")
    counts = run_gather(tmp_path / "lake", tmp_path / "a.csv", feeds=(tag(web),), allow_private_addresses=True)
    assert (counts["files"], counts["raw_posts"]) == (2, 4)
    assert broken_laws(tmp_path / "lake") == []


def test_edited_status_is_a_newer_version(web: Web, tmp_path: Path) -> None:
    web.replies(json_reply([walk(1)]))
    ask(tmp_path / "lake", f"{web.url}/a", cleaned=True)
    web.replies(json_reply([{**walk(1), "content": "<p>改过了</p>", "edited_at": "2026-03-02T00:00:00Z"}]))
    ask(tmp_path / "lake", f"{web.url}/b", cleaned=True)
    (post,) = Lake.open(str(tmp_path / "lake")).read("posts", ["text", "versions"]).to_pylist()
    assert (post["text"].strip(), post["versions"]) == ("改过了", 2)


def rss(*items: int) -> bytes:
    """A feed of walks, the newest first."""
    shown = "".join(
        f"<item><title>散步</title><link>https://blog.example/{n}</link><guid>blog-{n}</guid>"
        f"<pubDate>Sun, 01 Mar 2026 08:00:0{n} GMT</pubDate><description>第{n}次散步，看见了{WALKS[n]}</description></item>"
        for n in sorted(items, reverse=True)
    )
    feed = (
        f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>小路</title>{shown}</channel></rss>'
    )
    return feed.encode()


def guids(lake: Path) -> list[str]:
    rows = Lake.open(str(lake)).read("raw_posts", ["post_id"])["post_id"].to_pylist()
    return sorted(set(rows))


def test_rss_feed_that_grows_is_one_post_per_item(web: Web, tmp_path: Path) -> None:
    web.replies(
        Reply(rss(1, 2), headers={"ETag": '"v1"'}), Reply(status=304), Reply(rss(1, 2, 3), headers={"ETag": '"v2"'})
    )
    for _ in range(3):
        ask(tmp_path / "lake", f"{web.url}/feed.xml", cleaned=True)
    assert guids(tmp_path / "lake") == ["blog-1", "blog-2", "blog-3"]
    assert len(rows_of(tmp_path / "lake", "posts")) == 3
    assert [asked.headers["If-None-Match"] for asked in web.asked] == [None, '"v1"', '"v1"']
    assert broken_laws(tmp_path / "lake") == []


def test_rss_feed_that_breaks_off_is_asked_for_anew(web: Web, tmp_path: Path) -> None:
    web.replies(Reply(rss(1, 2)[:-60], headers={"ETag": '"v1"'}), Reply(rss(1, 2), headers={"ETag": '"v1"'}))
    for _ in range(2):
        ask(tmp_path / "lake", f"{web.url}/feed.xml")
    assert guids(tmp_path / "lake") == ["blog-1", "blog-2"]
    assert web.asked[-1].headers["If-None-Match"] is None


def test_entity_bomb_in_a_feed_is_a_reject(web: Web, tmp_path: Path) -> None:
    entities = b'<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    bomb = b'<?xml version="1.0"?>' + entities + b"<rss><channel><item><title>&b;</title></item></channel></rss>"
    web.replies(Reply(bomb))
    ask(tmp_path / "lake", f"{web.url}/feed.xml")
    assert (ids(tmp_path / "lake"), len(rows_of(tmp_path / "lake", "rejects"))) == ([], 1)
