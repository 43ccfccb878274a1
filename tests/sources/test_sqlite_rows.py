import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest

from pipeline.settings import Settings
from pipeline.sources import InputFile, gather_file, sqlite_rows

NOTE = "note_id, content, create_time, create_date_time, liked_count, comments_count, shared_count, user_id, nickname"
NOTES = [
    (f"53012345678901{n:02}", f"第{n}天的豆芽", 1772330465, "2026-03-01 10:01:05", "3", "0", "1.2万", 1700000000 + n, "发芽")
    for n in range(5)
]  # fmt: skip
COMMENTS = [
    ("c1", "5301234567890100", "长得真快", 1772330999, 4, "0"),
    ("c2", "5301234567890100", "", 1772331999, 0, "c1"),
]


def database(statements: Iterable[str] = (), page_size: int = 4096) -> bytes:
    """A database with posts, comments and creators of Weibo as MediaCrawler keeps them, after `statements`."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"PRAGMA page_size = {page_size}")
    connection.execute(f"CREATE TABLE weibo_note (id INTEGER PRIMARY KEY, {NOTE})")
    connection.executemany(f"INSERT INTO weibo_note ({NOTE}) VALUES (?,?,?,?,?,?,?,?,?)", NOTES)
    connection.execute(
        "CREATE TABLE weibo_note_comment (comment_id, note_id, content, create_time, comment_like_count, parent_comment_id)"
    )
    connection.executemany("INSERT INTO weibo_note_comment VALUES (?,?,?,?,?,?)", COMMENTS)
    connection.execute('CREATE TABLE weibo_creator (user_id, nickname, "desc", follows, fans, tag_list)')
    connection.execute("INSERT INTO weibo_creator VALUES (1700000001, '发芽', '豆芽日记', 7, 12000, '')")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    return connection.serialize()


def told(gathered):
    return gathered.rejects.select(["source_row", "reason"]).to_pylist()


def test_every_known_table_is_read_row_by_row(gather, check_law):
    gathered = gather(database())
    check_law(gathered)
    assert gathered.file["source"].to_pylist() == ["mediacrawler"]
    assert gathered.file["n_rows_framed"].to_pylist() == [8]
    posts = {row["post_id"]: row for row in gathered.posts.to_pylist()}
    assert posts["5301234567890101"]["text"] == "第1天的豆芽"
    assert posts["5301234567890101"]["reposts"] == 12_000
    assert posts["5301234567890101"]["author_id"] == "1700000001"
    assert (posts["c1"]["kind"], posts["c1"]["parent_id"]) == ("comment", "5301234567890100")
    author = gathered.authors.to_pylist()[0]
    assert (author["author_id"], author["followers"], author["description"]) == ("1700000001", 12_000, "豆芽日记")
    assert gathered.rejects["reason"].to_pylist() == ["empty_text"]


def test_rows_do_not_hang_on_the_size_of_a_page(gather):
    numbers = "WITH RECURSIVE t(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM t WHERE n < 199) SELECT n FROM t"
    others = NOTE.split(", ", 1)[1]
    many = f"INSERT INTO weibo_note ({NOTE}) SELECT note_id || '9' || n, {others} FROM weibo_note, ({numbers})"
    small, large = gather(database([many]), batch_rows=100), gather(database([many]), batch_rows=20_000)
    assert len(small.posts) == 5 * 101 + 1
    assert small.posts.equals(large.posts)


def test_table_that_no_source_knows_is_one_reject_by_name(gather, check_law):
    gathered = gather(
        database(["CREATE TABLE bins (key, value)", "INSERT INTO bins VALUES (1, 2), (3, 4)", "CREATE TABLE empty (x)"])
    )
    check_law(gathered)
    reject = gathered.rejects.to_pylist()[-1]
    assert (reject["source_row"], reject["reason"]) == (9, "unknown_table")
    assert "table bins of 2 rows with columns key, value" in reject["detail"]


def test_weibo_crawlers_database_is_read(gather, check_law):
    gathered = gather(database([
        "DROP TABLE weibo_note", "DROP TABLE weibo_note_comment", "DROP TABLE weibo_creator",
        "CREATE TABLE user (id, nick_name, gender, follower_count, follow_count, location, reg_date, bio)",
        "INSERT INTO user VALUES ('1700000171', '磨坊', 'f', 12, 3, '山西', '2012-03-04', '磨面')",
        "CREATE TABLE weibo (id, bid, user_id, screen_name, text, created_at, attitudes_count, reposts_count, retweet_id)",
        "INSERT INTO weibo VALUES (4857000000000011, 'MoBBBBBB1', '1700000171', '磨坊', '新麦下来了', '2023-06-14T08:00:00', 1, 3, '')",
        "INSERT INTO weibo VALUES (4857000000000012, 'MoBBBBBB2', '1700000171', '磨坊', '转发', '2023-06-15', 0, 0, '4857000000000001')",
        "CREATE TABLE comments (id, weibo_id, root_id, user_id, created_at, user_screen_name, text, like_count)",
        "INSERT INTO comments VALUES ('48570000000001', '4857000000000011', '', '1700000172', '2023-06-14', '打谷', '多少钱一斤', 4)",
        "INSERT INTO comments VALUES ('48570000000002', 4857000000000011, 48570000000001, 1700000171, '2023-06-14', '磨坊', '两块二', 1)",
        "CREATE TABLE reposts (id, bid, weibo_id, user_id, created_at, user_screen_name, text)",
        "INSERT INTO reposts VALUES ('4857000000000013', '', '4857000000000011', '1700000173', '2023-06-16 09:00:00', '晾场', '想念')",
    ]))  # fmt: skip
    check_law(gathered)
    assert gathered.file["source"].to_pylist() == ["weibo_crawler"]
    rows = {
        row["post_id"]: (row["kind"], row["parent_id"], row["root_id"], row["author_id"])
        for row in gathered.posts.to_pylist()
    }
    assert rows == {
        "4857000000000011": ("post", None, None, "1700000171"),
        "4857000000000012": ("repost", "4857000000000001", "4857000000000001", "1700000171"),
        "48570000000001": ("comment", "4857000000000011", "4857000000000011", "1700000172"),
        "48570000000002": ("comment", "48570000000001", "4857000000000011", "1700000171"),
        "4857000000000013": ("repost", "4857000000000011", "4857000000000011", "1700000173"),
    }
    assert gathered.authors["author_name"].to_pylist() == ["磨坊"]


def test_views_and_triggers_of_a_hostile_database_are_left_alone(gather, check_law):
    gathered = gather(database([
        "CREATE VIEW all_notes AS SELECT note_id, content, liked_count, zeroblob(1000000000) AS x FROM weibo_note",
        "CREATE TRIGGER grow AFTER INSERT ON weibo_note BEGIN DELETE FROM weibo_note; END",
    ]))  # fmt: skip
    check_law(gathered)
    assert len(gathered.posts) == 6


def test_column_that_an_expression_makes_is_not_run(gather, check_law):
    made = "CREATE TABLE note (text, post_id, big AS (zeroblob(1000000000)) VIRTUAL)"
    drop = [f"DROP TABLE {name}" for name in ("weibo_note", "weibo_note_comment", "weibo_creator")]
    gathered = gather(database([*drop, made, "INSERT INTO note VALUES ('没有算出来', 'n1')"]))
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["没有算出来"]
    assert gathered.file["source"].to_pylist() == ["native"]


def test_virtual_table_is_not_opened(gather, check_law):
    gathered = gather(database(["CREATE VIRTUAL TABLE search USING fts4(note_id, content, liked_count)"]))
    check_law(gathered)
    details = [detail for detail in gathered.rejects["detail"].to_pylist() if "table search," in detail]
    assert len(details) == 1


def test_cell_larger_than_any_post_refuses_the_file_in_one_line(gather, check_law):
    gathered = gather(database(["UPDATE weibo_note SET content = zeroblob(5000000)"]))
    check_law(gathered)
    assert told(gathered) == [{"source_row": None, "reason": "too_large_cell"}]


@pytest.mark.parametrize("cut", [16, 100, 4096, 9000])
def test_damaged_database_is_one_reject(gather, check_law, cut):
    whole = database()
    for damaged in (whole[:cut], whole[:cut] + b"\xff" * (len(whole) - cut)):
        gathered = gather(damaged)
        check_law(gathered)
        assert told(gathered) == [{"source_row": None, "reason": "broken_sqlite"}]


def test_texts_that_are_no_utf8_and_blobs_do_not_break_off(gather, check_law):
    gathered = gather(database([
        "UPDATE weibo_note SET content = CAST(x'e69ca5ff' AS TEXT) WHERE id = 1", "UPDATE weibo_note SET content = x'00ff' WHERE id = 2",
        "UPDATE weibo_note SET note_id = 4.45457E+25 WHERE id = 3",
    ]))  # fmt: skip
    check_law(gathered)
    assert gathered.posts["text"].to_pylist()[0] == "朥\ufffd"
    assert {"source_row": 3, "reason": "empty_text"} in told(gathered)  # row 1 is the creator: tables by name
    assert {"source_row": 4, "reason": "mangled_id"} in told(gathered)


def test_database_that_is_still_written_is_refused(tmp_path: Path):
    path = tmp_path / "crawl.db"
    path.write_bytes(database())
    (tmp_path / "crawl.db-wal").write_bytes(b"rows that are not in the file yet")
    gathered = gather_file(InputFile(path, "crawl.db"), Settings())
    assert told(gathered) == [{"source_row": None, "reason": "open_database"}]


def test_file_is_never_written_to(tmp_path: Path):
    path = tmp_path / "crawl.db"
    path.write_bytes(database())
    before = path.read_bytes()
    gather_file(InputFile(path, "crawl.db"), Settings())
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["crawl.db"]


def test_table_is_read_in_pages_by_its_row_ids(gather, check_law, monkeypatch):
    pages = []
    real = sqlite_rows._pages

    def watched(*args):
        for page in real(*args):
            pages.append(len(page))
            yield page

    monkeypatch.setattr(sqlite_rows, "_pages", watched)
    drop = [f"DROP TABLE {name}" for name in ("weibo_note", "weibo_note_comment", "weibo_creator")]
    last = (1 << 63) - 1
    content = database([
        *drop, "CREATE TABLE note (rowid TEXT, text, post_id)", "CREATE INDEX covering ON note (text, post_id, rowid)",
        "INSERT INTO note (_rowid_, text, post_id) VALUES (-7, '丙', 'c'), (0, '乙', 'b')",
        *(f"INSERT INTO note (_rowid_, text, post_id) VALUES ({n * 3}, '第{999 - n}个', 'n{n}')" for n in range(1, 249)),
        f"INSERT INTO note (_rowid_, text, post_id) VALUES ({last}, '甲', 'a')",
    ])  # fmt: skip
    gathered = gather(content, batch_rows=100, columns={"rowid": ""})
    check_law(gathered)
    assert pages == [100, 100, 51]
    assert gathered.posts["post_id"].to_pylist() == ["c", "b", *(f"n{n}" for n in range(1, 249)), "a"]


def test_table_without_row_ids_is_read_whole(gather, check_law):
    drop = [f"DROP TABLE {name}" for name in ("weibo_note", "weibo_note_comment", "weibo_creator")]
    make = "CREATE TABLE note (post_id TEXT PRIMARY KEY, text) WITHOUT ROWID"
    rows = [f"INSERT INTO note VALUES ('n{n:03}', '第{n}个')" for n in range(250)]
    gathered = gather(database([*drop, make, *rows]), batch_rows=100)
    check_law(gathered)
    assert gathered.posts["post_id"].to_pylist() == [f"n{n:03}" for n in range(250)]
