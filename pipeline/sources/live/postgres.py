"""A table of a PostgreSQL database that a crawler fills, read in pages by its primary key.

`postgresql://user@host/database#table`; a password rather from PGPASSWORD, a .pgpass file or XINREN_TOKEN_<HOST> than from
the URL. The columns are recognised as those of a file are: MediaCrawler's tables, for instance. Rows that were changed
after they were read are not met again, nor are rows whose key is below one that was read: the key must grow, as serial
keys do, and what a transaction held back meanwhile is missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit

from pipeline.errors import PermanentError, TransientError, XinrenError, one_line
from pipeline.sources.live.feeds import Cursor, Feed, Fetch, Tools
from pipeline.sources.live.tokens import token_for

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

PAGE = 2_000  # rows
_CONNECT_SECONDS = 10
_OPTIONS = "-c default_transaction_read_only=on -c statement_timeout=120s -c timezone=UTC -c datestyle=ISO"
# SQLSTATE classes of what may pass: connection, resources, operator intervention, lock and serialisation.
_PASSING = ("08", "53", "57", "55P03", "40")
_RELATIONS = """
    SELECT n.nspname, c.relname, c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1, 2
"""
_KEY_COLUMNS = """
    SELECT a.attname FROM pg_catalog.pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE i.indrelid = %s AND i.indisprimary ORDER BY k.place
"""


@dataclass(frozen=True)
class _Table:
    """A table as the database's catalogue lists it, and its primary key."""

    schema: str
    name: str
    key: tuple[str, ...]


def fetch(feed: Feed, cursor: Cursor, out: BinaryIO, tools: Tools) -> Fetch:
    """The rows after the cursor in the order of their key, one JSON object a line."""
    got = Fetch(dict(cursor))
    try:
        with _connected(feed) as connection:
            table = _listed(connection, feed)
            while got.records < tools.max_rows:
                size = min(PAGE, tools.max_rows - got.records)
                rows = connection.execute(
                    _page(table, bool(got.cursor)), [*_after(got.cursor, table, feed), size]
                ).fetchall()
                _write(rows, table, out, got)
                if len(rows) < size:
                    break
    except XinrenError as error:
        got.failed = error
    return got


def _write(rows: Sequence[tuple[Any, ...]], table: _Table, out: BinaryIO, got: Fetch) -> None:
    for text, *_ in rows:  # outside strings a line break in JSON is but a space; in them there is none
        out.write(text.replace("\r", " ").replace("\n", " ").encode() + b"\n")
    if rows:
        got.cursor = dict(zip(table.key, rows[-1][1:], strict=True))
    got.records += len(rows)


def _page(table: _Table, has_cursor: bool) -> sql.Composed:
    """The query for the next rows. Its names are the catalogue's and quoted, its values are bound."""
    from psycopg import sql

    key = sql.SQL(", ").join(sql.Identifier("t", name) for name in table.key)
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier("t", name)) for name in table.key)
    bound = sql.SQL(", ").join(sql.Placeholder() for _ in table.key)
    after = sql.SQL("WHERE ({}) > ({})").format(key, bound) if has_cursor else sql.SQL("")
    return sql.SQL("SELECT row_to_json(t)::text, {} FROM {} t {} ORDER BY {} LIMIT %s").format(
        texts, sql.Identifier(table.schema, table.name), after, key
    )


def _after(cursor: Cursor, table: _Table, feed: Feed) -> list[str]:
    if cursor and tuple(cursor) != table.key:
        raise PermanentError(
            f"{feed.name}: its primary key is {', '.join(table.key)}; expected {', '.join(cursor)}, by which it was read"
            " before; gather it under another name of its host"
        )
    return list(cursor.values())


def _listed(connection: psycopg.Connection[Any], feed: Feed) -> _Table:
    """The table that the URL names, as the catalogue lists it."""
    wanted = unquote(urlsplit(feed.url).fragment)
    found = connection.execute(_RELATIONS).fetchall()
    fitting = [row for row in found if wanted in (row[1], f"{row[0]}.{row[1]}")]
    if len(fitting) != 1:
        names = ", ".join(f"{schema}.{name}" for schema, name, _ in (fitting or found)[:10]) or "none"
        got = "several tables" if fitting else "no table"
        raise PermanentError(
            f"{feed.name}: got {got} of that name that can be read; expected one of {one_line(names, 200)}"
        )
    schema, name, oid = fitting[0]
    key = tuple(row[0] for row in connection.execute(_KEY_COLUMNS, [oid]).fetchall())
    if not key:
        raise PermanentError(f"{feed.name}: has no primary key; expected one that grows, to read on by; add one")
    return _Table(schema, name, key)


@contextmanager
def _connected(feed: Feed) -> Iterator[psycopg.Connection[Any]]:
    """A connection that can only read, and sees the database as it is at one moment."""
    try:
        import psycopg
    except ImportError:
        raise PermanentError(f"{feed.name}: psycopg is not installed; install xinren[postgres]") from None
    token = token_for(feed.url)
    stated: dict[str, Any] = {"password": token.get_secret_value()} if token else {}
    try:
        with psycopg.connect(
            urlsplit(feed.url)._replace(fragment="").geturl(), connect_timeout=_CONNECT_SECONDS, options=_OPTIONS,
            client_encoding="utf8", application_name="xinren", **stated,
        ) as connection:  # fmt: skip
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            yield connection
    except psycopg.Error as error:
        raise _translated(error, feed) from None  # its text may hold the URL


def _translated(error: psycopg.Error, feed: Feed) -> XinrenError:
    """Our error for one of the database's: of its own words only the first line the server sent."""
    import psycopg

    said = one_line(error.diag.message_primary or "", 150)
    state = error.sqlstate or ""
    if state and not state.startswith(_PASSING):
        return PermanentError(
            f"{feed.name}: {said} ({state}); expected a table that can be read; check user, database and table"
        )
    if not isinstance(error, psycopg.OperationalError):
        return PermanentError(f"{feed.name}: {type(error).__name__} {said}; expected postgresql://host/database#table")
    if "authentication failed" in str(error) or "no password supplied" in str(error) or "does not exist" in str(error):
        return PermanentError(
            f"{feed.name}: the server lets us not in; expected a user, password and database that exist"
        )
    return TransientError(
        f"{feed.name}: {said or 'no connection'}; expected an answer; check that it runs, run again later"
    )
