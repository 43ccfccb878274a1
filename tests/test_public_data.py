"""Public data sets come from a server with the hash that the registry says, or not at all."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline import public_data
from pipeline.cli import main
from pipeline.errors import PermanentError, TransientError, UsageError
from pipeline.public_data import fetch, read_registry
from tests.tiny import CORPORA

COMMIT = "0" * 39 + "1"
POSTS = "post,label\n今天下雨,0\n".encode()


class _Quiet(SimpleHTTPRequestHandler):
    asked: list[str]

    def log_message(self, *args: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """An address that serves tmp_path/served, and what it was asked for."""
    served = tmp_path / "served" / "ping" / "posts" / COMMIT / "data"
    served.mkdir(parents=True)
    (served / "十月 posts.csv").write_bytes(POSTS)
    handler = type("Handler", (_Quiet,), {"asked": []})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path / "served")))
    threading.Thread(target=partial(httpd.serve_forever, 0.01), daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}/{{repository}}/{{commit}}/{{path}}", handler.asked
    httpd.shutdown()
    httpd.server_close()


def _registry(folder: Path, address: str, body: str, git: str = "nowhere/{repository}") -> Path:
    corpora = folder / "corpora"
    corpora.mkdir(exist_ok=True)
    (corpora / "registry.toml").write_text(f'address = "{address}"\ngit = "{git}"\n{body}', "utf-8")
    return corpora


def _set(digest: str = hashlib.sha256(POSTS).hexdigest(), path: str = "data/十月 posts.csv") -> str:
    return (
        f'[sets.october]\nwhat = "posts"\nrepository = "ping/posts"\ncommit = "{COMMIT}"\nlicence = "MIT"\n'
        f'[sets.october.files]\n"{path}" = "{digest}"\n'
    )


def test_a_set_is_fetched_once(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    corpora = _registry(tmp_path, server[0], _set())
    for _ in range(2):
        assert (fetch(corpora, "october") / "data" / "十月 posts.csv").read_bytes() == POSTS
    assert len(server[1]) == 1


def test_a_file_with_another_hash_is_refused_and_not_kept(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    corpora = _registry(tmp_path, server[0], _set("0" * 64))
    with pytest.raises(PermanentError, match=r"its SHA-256 is not 0{64}") as told:
        fetch(corpora, "october")
    assert "\n" not in str(told.value)
    assert not [path for path in (corpora / "public").rglob("*") if path.is_file()]


def test_a_file_that_was_changed_here_is_fetched_again(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    corpora = _registry(tmp_path, server[0], _set())
    path = fetch(corpora, "october") / "data" / "十月 posts.csv"
    path.write_bytes(POSTS + b"more")
    fetch(corpora, "october")
    assert path.read_bytes() == POSTS


def test_a_server_without_the_file_and_none_at_all_may_be_tried_again(
    tmp_path: Path, server: tuple[str, list[str]]
) -> None:
    digest = hashlib.sha256(POSTS).hexdigest()
    for address in (server[0] + "x", "http://127.0.0.1:9/{path}"):
        with pytest.raises(TransientError, match="try again") as told:
            fetch(_registry(tmp_path, address, _set(digest)), "october")
        assert "\n" not in str(told.value)


def test_an_unknown_name_and_a_set_got_by_hand_say_what_to_do(tmp_path: Path) -> None:
    corpora = _registry(tmp_path, "", '[sets.task]\nwhat = "posts"\nlicence = "-"\nby_hand = "ask the organisers"\n')
    with pytest.raises(UsageError, match="expected one of task"):
        fetch(corpora, "october")
    with pytest.raises(UsageError, match="ask the organisers"):
        fetch(corpora, "task")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (_set("abc"), "expected 64 hex digits"),
        (_set(path="../up.csv"), "leads out of the folder"),
        (_set(path="/etc/hosts"), "leads out of the folder"),
        ("[sets.x\n", "registry"),
        ("x = 1\n", "sets"),
        ('[sets.x]\ncommit = "--upload-pack=x"\nfolders = ["a"]\n', "expected 40 hex digits"),
        (f'[sets.x]\ncommit = "{COMMIT}"\nfolders = ["--force"]\n', "leads out of the folder"),
        ('[sets.x]\ncolumns = { title = "t" }\n', "expected text"),
        ('[sets.x]\ncolumns = { text = "t", time = "at" }\n', "expected text"),
    ],
)
def test_a_wrong_registry_is_one_line(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(PermanentError, match=said) as told:
        read_registry(_registry(tmp_path, "", body))
    assert "\n" not in str(told.value)


@pytest.fixture
def repository(tmp_path: Path) -> tuple[str, str]:
    """A repository of two folders, and its commit."""
    if shutil.which("git") is None:
        pytest.skip("git is not on this machine")
    home = tmp_path / "ping" / "posts"
    for name in ("wanted", "left"):
        (home / name).mkdir(parents=True)
        (home / name / "a.csv").write_bytes(POSTS)
    who = ["-c", "user.name=ping", "-c", "user.email=ping@example.com"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "posts"]):
        subprocess.run(["git", *words], cwd=home, check=True, capture_output=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=home, check=True, capture_output=True, text=True)
    return f"file://{tmp_path}/{{repository}}", head.stdout.strip()


def test_folders_come_by_git_at_their_commit(tmp_path: Path, repository: tuple[str, str]) -> None:
    git, commit = repository
    body = f'[sets.many]\nwhat = "posts"\nrepository = "ping/posts"\ncommit = "{commit}"\nlicence = "-"\nfolders = ["wanted"]\n'
    corpora = _registry(tmp_path, "", body, git)
    for _ in range(2):
        home = fetch(corpora, "many")
        assert (home / "wanted" / "a.csv").read_bytes() == POSTS
        assert not (home / "left").exists()
    body = body.replace(commit, COMMIT)
    with pytest.raises(TransientError, match="git fetch"):
        fetch(_registry(tmp_path, "", body, git), "many")


def test_the_registry_of_the_repository_names_every_set_of_the_labels() -> None:
    import pyarrow.parquet as pq

    sets = read_registry(CORPORA).sets
    labelled = set(pq.read_table(CORPORA / "labels" / "posts_gold.parquet", columns=["dataset"])["dataset"].to_pylist())
    assert labelled <= set(sets)
    for entry in sets.values():
        assert entry.what
        assert entry.licence
        assert entry.files or entry.folders or entry.by_hand
        assert len(entry.commit) == 40 or entry.by_hand


def test_the_list_shows_licence_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpora", "list", "--corpora", str(CORPORA)]) == 0
    shown = capsys.readouterr().out
    assert "licence: GPL-3.0" in shown
    assert f"https://github.com/{read_registry(CORPORA).sets['weibo_2014'].repository}/tree/" in shown


def test_fetching_says_the_licence_first(
    tmp_path: Path, server: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    corpora = _registry(tmp_path, server[0], _set())
    assert main(["corpora", "fetch", "october", "--corpora", str(corpora)]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("october: licence: MIT; ")
    assert last.startswith("every hash is as registered: ")
    assert main(["corpora", "fetch", "none", "--corpora", str(corpora)]) == 2
    assert main(["corpora"]) == 2
    assert public_data.TIMEOUT <= 60
