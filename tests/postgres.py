"""A real PostgreSQL server in a temporary folder, for the time of a test session."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER, PASSWORD = "lesende", "pa:ss@w0rd-北"
_ACCOUNT = "postgres"  # the server refuses to run as root


@dataclass(frozen=True)
class Server:
    """A running server with one database."""

    port: int

    def url(self, table: str = "", *, user: str = USER, password: str = "", database: str = "postgres") -> str:
        """The feed of a table."""
        login = f"{user}:{password}@" if password else f"{user}@"
        return f"postgresql://{login}127.0.0.1:{self.port}/{database}" + (f"#{table}" if table else "")

    def run(self, *statements: str, rows: Sequence[Sequence[Any]] = ()) -> None:
        """Run statements; the last one once for each of `rows`, where there are any."""
        import psycopg

        with psycopg.connect(self.url(), password=PASSWORD) as connection, connection.cursor() as cursor:
            for statement in statements[: -1 if rows else None]:
                cursor.execute(statement)
            if rows:
                cursor.executemany(statements[-1], rows)


def find_programs() -> Path | None:
    """The folder of initdb and pg_ctl: Debian keeps them off the PATH."""
    found = [
        *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        *map(Path, filter(None, [shutil.which("initdb")])),
    ]
    return found[-1].resolve().parent if found else None


@contextmanager
def running(programs: Path) -> Iterator[Server]:
    """A server for the block, as another user where we are root."""
    folder, data = Path(tempfile.mkdtemp(prefix="xinren-pg-")), "data"
    try:
        as_user = _as_user(folder)
        secret = folder / "secret"
        secret.write_text(f"{PASSWORD}\n", "utf-8")
        port = _free_port()
        _call(
            *as_user, programs / "initdb", "-D", folder / data, "-U", USER, f"--pwfile={secret}", "-A", "scram-sha-256",
            "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=10"
        control = [*as_user, programs / "pg_ctl", "-D", folder / data, "-w"]
        _call(*control, "-l", folder / "log", "-o", options, "start")
        try:
            yield Server(port)
        finally:
            _call(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_user(folder: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    account = pwd.getpwnam(_ACCOUNT)
    os.chown(folder, account.pw_uid, account.pw_gid)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _call(*command: object) -> None:
    # With its own standard streams: a server that inherits ours would keep a pipe open after the tests.
    done = subprocess.run(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        timeout=60,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")
