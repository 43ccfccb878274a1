"""Tables of a real PostgreSQL as feeds: pages by the primary key, cursors, what is refused and what is never shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PermanentError, TransientError, UsageError
from pipeline.sources.live import postgres
from pipeline.sources.live.feeds import parse_feed
from pipeline.sources.live.tokens import provided, variable_of
from pipeline.store import Lake
from tests.postgres import PASSWORD, Server, find_programs, running
from tests.stages.gathering import broken_laws, files_of, reasons_of, rows_of, run_gather

pytest.importorskip("psycopg", reason="psycopg is not installed")

_numbers = count()
NOTES = "(id bigserial PRIMARY KEY, note_id text, content text, liked_count text, create_time bigint, nickname text)"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb is not installed (Debian: postgresql)")
    with running(programs) as server:
        yield server


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINREN_TOKEN_127_0_0_1", PASSWORD)


@pytest.fixture
def notes(server: Server) -> str:
    """The name of a new table of MediaCrawler's Weibo notes."""
    name = f"notes_{next(_numbers)}"
    server.run(f"CREATE TABLE {name} {NOTES}")
    return name


def add(server: Server, table: str, numbers: range) -> None:
    rows = [(str(5000 + n), f"第{n}天，菜园里又长高了一截\n浇了水", f"{n}", 1_772_000_000 + n) for n in numbers]
    server.run(f"INSERT INTO {table} (note_id, content, liked_count, create_time) VALUES (%s, %s, %s, %s)", rows=rows)


def ask(lake: Path, *feeds: str, **settings: Any) -> dict[str, int]:
    return run_gather(lake, **{"feeds": feeds, "cleaned": False, **settings})


def ids(lake: Path) -> list[int]:
    rows = Lake.open(str(lake)).read("raw_posts", ["post_id"])["post_id"].to_pylist()
    return sorted(int(id_) - 5000 for id_ in rows)


def test_rows_are_recognised_as_those_of_a_file_are(server: Server, notes: str, tmp_path: Path) -> None:
    add(server, notes, range(3))
    ask(tmp_path / "lake", server.url(notes), cleaned=True)
    (post, *_) = Lake.open(str(tmp_path / "lake")).read("raw_posts").to_pylist()
    assert (post["platform"], post["post_id"], post["likes"]) == ("weibo", "5000", 0)
    assert post["text"] == "第0天，菜园里又长高了一截\n浇了水"
    assert post["posted_at"].timestamp() == 1_772_000_000
    assert files_of(tmp_path / "lake").keys() == {f"postgresql://127.0.0.1:{server.port}/postgres#{notes}"}
    assert broken_laws(tmp_path / "lake") == []


def test_only_new_rows_come_the_next_time(server: Server, notes: str, tmp_path: Path) -> None:
    for numbers in (range(4), range(4, 9)):
        add(server, notes, numbers)
        assert ask(tmp_path / "lake", server.url(notes))["raw_posts"] == len(numbers)
    assert ask(tmp_path / "lake", server.url(notes))["feeds_unchanged"] == 1
    assert ids(tmp_path / "lake") == list(range(9))


@pytest.mark.parametrize("page", [1, 3, 4, 100])
def test_pages_join_without_gap_or_repeat(
    server: Server, notes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(postgres, "PAGE", page)
    add(server, notes, range(12))
    ask(tmp_path / "lake", server.url(notes))
    assert ids(tmp_path / "lake") == list(range(12))


def test_a_run_takes_no_more_rows_than_it_may_and_the_next_goes_on(server: Server, notes: str, tmp_path: Path) -> None:
    add(server, notes, range(12))
    for done in (5, 10, 12):
        ask(tmp_path / "lake", server.url(notes), feed_rows=5)
        assert ids(tmp_path / "lake") == list(range(done))


def test_key_of_several_columns_of_text_and_time(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PAGE", 2)
    server.run(
        'CREATE TABLE "Beiträge; DROP" ("der Name" text, seen timestamptz, text text, PRIMARY KEY (seen, "der Name"))',
        'INSERT INTO "Beiträge; DROP" VALUES (%s, %s, %s)',
        rows=[
            (name, f"2026-03-0{day} 10:00:00.123456+08", f"{name}{day}")
            for day in range(1, 4)
            for name in ("乙'", "甲")
        ],
    )
    feed = server.url("Beitr%C3%A4ge%3B DROP")
    columns = {"der Name": "author_name", "seen": "posted_at"}
    ask(tmp_path / "lake", feed, feed_rows=4, columns=columns)
    ask(tmp_path / "lake", feed, columns=columns)
    texts = Lake.open(str(tmp_path / "lake")).read("raw_posts", ["text"])["text"].to_pylist()
    assert sorted(texts) == sorted(f"{name}{day}" for day in range(1, 4) for name in ("乙'", "甲"))


def test_json_columns_with_line_breaks_stay_one_row(server: Server, tmp_path: Path) -> None:
    server.run(
        "CREATE TABLE documents (id int PRIMARY KEY, text text, topics json)",
        """INSERT INTO documents VALUES (1, 'a', '["一",\n\r "二"]'), (2, 'b', null)""",
    )
    ask(tmp_path / "lake", server.url("documents"), columns={"id": "post_id"})
    assert len(rows_of(tmp_path / "lake", "raw_posts")) == 2


def test_killed_before_the_commit_the_next_run_reads_the_same_rows(
    server: Server, notes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(server, notes, range(8))
    ask(tmp_path / "lake", server.url(notes), feed_rows=5)
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr("pipeline.store.Transaction.commit", kill)
        ask(tmp_path / "lake", server.url(notes), feed_rows=5)
    assert ids(tmp_path / "lake") == list(range(5))
    ask(tmp_path / "lake", server.url(notes), feed_rows=5)
    for _ in range(2):
        ask(tmp_path / "other", server.url(notes), feed_rows=5)
    assert rows_of(tmp_path / "lake", "raw_posts") == rows_of(tmp_path / "other", "raw_posts")


def kill(_: object) -> None:
    raise KeyboardInterrupt


def test_pages_before_the_server_went_are_kept(
    server: Server, notes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PAGE", 3)
    add(server, notes, range(8))
    write = postgres._write

    def write_then_end(*args: Any) -> None:
        write(*args)
        server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'xinren'")

    monkeypatch.setattr(postgres, "_write", write_then_end)
    with pytest.raises(TransientError):
        ask(tmp_path / "lake", server.url(notes))
    monkeypatch.setattr(postgres, "_write", write)
    assert ids(tmp_path / "lake") == [0, 1, 2]
    ask(tmp_path / "lake", server.url(notes))
    assert ids(tmp_path / "lake") == list(range(8))


def test_columns_that_no_dialect_knows_are_a_reject(server: Server, tmp_path: Path) -> None:
    server.run("CREATE TABLE stock (id int PRIMARY KEY, shelf text)", "INSERT INTO stock VALUES (1, 'oben')")
    ask(tmp_path / "lake", server.url("stock"))
    assert [reason for _, _, reason in reasons_of(tmp_path / "lake")] == ["unknown_dialect"]
    assert Lake.open(str(tmp_path / "lake")).read("source_cursors").num_rows == 0


def test_table_of_another_schema(server: Server, tmp_path: Path) -> None:
    server.run("CREATE SCHEMA crawl", f"CREATE TABLE crawl.notes {NOTES}")
    add(server, "crawl.notes", range(2))
    ask(tmp_path / "lake", server.url("crawl.notes"))
    assert ids(tmp_path / "lake") == [0, 1]


@pytest.mark.parametrize("table", ["nowhere", "pg_authid", "notes; DROP TABLE x", 'x" UNION SELECT 1 --'])
def test_only_tables_that_the_catalogue_lists_are_read(server: Server, tmp_path: Path, table: str) -> None:
    with pytest.raises(PermanentError, match="got no table of that name"):
        ask(tmp_path / "lake", server.url(table))


def test_table_without_a_primary_key_is_refused(server: Server, tmp_path: Path) -> None:
    server.run("CREATE TABLE keyless (text text)")
    with pytest.raises(PermanentError, match="no primary key"):
        ask(tmp_path / "lake", server.url("keyless"))


def test_another_primary_key_than_before_is_refused(server: Server, notes: str, tmp_path: Path) -> None:
    add(server, notes, range(2))
    ask(tmp_path / "lake", server.url(notes))
    server.run(f"ALTER TABLE {notes} DROP CONSTRAINT {notes}_pkey, ADD PRIMARY KEY (note_id)")
    with pytest.raises(PermanentError, match="primary key is note_id"):
        ask(tmp_path / "lake", server.url(notes))


def test_the_connection_cannot_write(
    server: Server, notes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(server, notes, range(1))
    monkeypatch.setattr(postgres, "_RELATIONS", f"DELETE FROM {notes}")
    with pytest.raises(PermanentError, match="read-only"):
        ask(tmp_path / "lake", server.url(notes))


WRONG = "geh3im-0815"


def test_wrong_password_is_permanent_and_not_shown(
    server: Server, notes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("XINREN_TOKEN_127_0_0_1")
    caplog.set_level("DEBUG")
    with pytest.raises(PermanentError, match="lets us not in") as error:
        ask(tmp_path / "lake", server.url(notes, password=WRONG))
    assert WRONG not in f"{error.value} {caplog.text}"


def test_database_that_is_not_there_is_permanent(server: Server, tmp_path: Path) -> None:
    with pytest.raises(PermanentError):
        ask(tmp_path / "lake", server.url("notes", database="nirgends"))


def test_server_that_does_not_answer_is_transient(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="no connection"):
        ask(tmp_path / "lake", "postgresql://me@127.0.0.1:9/db#notes")


def test_password_in_the_url_is_used_and_shown_nowhere(
    server: Server, notes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XINREN_TOKEN_127_0_0_1")
    add(server, notes, range(1))
    ask(tmp_path / "lake", server.url(notes, password="pa%3Ass%40w0rd-%E5%8C%97"))
    assert ids(tmp_path / "lake") == [0]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "lake").rglob("*") if path.is_file())
    assert b"w0rd" not in stored


def test_url_with_and_without_a_password_is_the_same_feed(server: Server) -> None:
    assert parse_feed(server.url("notes", password="x")).key == parse_feed(server.url("notes", user="other")).key
    assert (
        parse_feed(server.url() + "?password=x&sslmode=prefer#notes").key
        == parse_feed(server.url() + "?sslmode=prefer#notes").key
    )
    assert "x@" not in repr(parse_feed(server.url("notes", password="x")))


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{WRONG}@host:99999/db#t",
        f"postgresql://me:{WRONG}@[host/db#t",
        f"postgres://me:{WRONG}@host/db",
    ],
)
def test_broken_urls_tell_no_password(url: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_feed(url)
    assert WRONG not in str(error.value)


def test_password_of_a_block_is_used(
    server: Server, notes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydantic import SecretStr

    monkeypatch.delenv("XINREN_TOKEN_127_0_0_1")
    add(server, notes, range(1))
    with provided({variable_of(server.url()): SecretStr(PASSWORD)}):
        ask(tmp_path / "lake", server.url(notes))
    assert ids(tmp_path / "lake") == [0]
