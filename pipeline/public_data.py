"""Public data sets by registry (corpora/registry.toml): repository, commit, path, hash, licence. Nothing of them is kept here.

`fetch` downloads the files of one set into corpora/public/<name>/, which git ignores; a file whose SHA-256 is not the
registry's is refused and removed. Sets of hundreds of files come by git, which checks everything against the commit's hash.
"""

from __future__ import annotations

import logging
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from pipeline.errors import PermanentError, TransientError, UsageError, one_line

TIMEOUT = 60  # seconds without an answer
COLUMNS = ("text", "title", "author")  # of posts, which a set's `columns` may name
_HEX = set("0123456789abcdef")


@dataclass(frozen=True)
class DataSet:
    """One entry of the registry. `files`: path in the repository -> SHA-256; `folders`: what git is to check out instead."""

    name: str
    what: str
    repository: str
    commit: str
    licence: str
    files: dict[str, str]
    folders: tuple[str, ...] = ()
    by_hand: str = ""  # how to get it where there are no files to fetch
    columns: dict[str, str] = field(default_factory=dict)  # of COLUMNS -> theirs, where its files are read

    @property
    def folder_at_host(self) -> str:
        """The page of the repository at its commit."""
        return f"https://github.com/{self.repository}/tree/{self.commit}" if self.repository else ""


@dataclass(frozen=True)
class Registry:
    """The sets by name; where a file is (`address` with {repository}, {commit} and {path}) and where git finds a repository."""

    address: str
    git: str
    sets: dict[str, DataSet]


def read_registry(corpora: Path) -> Registry:
    """corpora/registry.toml. Raises PermanentError where it is absent or wrong."""
    path = corpora / "registry.toml"
    try:
        told = tomllib.loads(path.read_text("utf-8"))
        sets = {name: _data_set(name, entry) for name, entry in told["sets"].items()}
        return Registry(str(told["address"]), str(told["git"]), sets)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        why = one_line(getattr(error, "strerror", None) or error, 160)
        raise PermanentError(
            f"registry {one_line(path)}: {why}; expected the public data sets; set --corpora"
        ) from error


def _data_set(name: str, entry: dict[str, Any]) -> DataSet:
    files, columns = ({str(k): str(v) for k, v in entry.get(key, {}).items()} for key in ("files", "columns"))
    folders = tuple(map(str, entry.get("folders", ())))
    for path in (name, *files, *folders):
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts or "\\" in path or path.startswith("-"):
            raise ValueError(f"{name}: {path} leads out of the folder")
    for what, digest, size in [(path, digest, 64) for path, digest in files.items()] + [
        ("commit", str(entry["commit"]), 40) for _ in folders[:1]
    ]:
        if len(digest) != size or set(digest) - _HEX:
            raise ValueError(f"{name}: {what}: got hash {digest!r}, expected {size} hex digits")
    if columns and not ("text" in columns and columns.keys() <= set(COLUMNS)):
        raise ValueError(f"{name}: columns {', '.join(columns)}; expected text, and any of {', '.join(COLUMNS)}")
    what, repository, commit, licence, by_hand = (
        str(entry.get(key, "")) for key in ("what", "repository", "commit", "licence", "by_hand")
    )
    return DataSet(name, what, repository, commit, licence, files, folders, by_hand, columns)


def fetch(corpora: Path, name: str) -> Path:
    """Download what is not there yet of a set, all of it checked by hash; its folder.

    Raises UsageError for a name that is not in the registry or a set that is got by hand, PermanentError for a file with
    another hash, TransientError where the download failed.
    """
    registry = read_registry(corpora)
    entry = registry.sets.get(name)
    if entry is None:
        raise UsageError(f"corpora fetch {one_line(name, 80)}: no such set; expected one of {', '.join(registry.sets)}")
    home = corpora / "public" / name
    if entry.folders:
        _check_out(registry, entry, home)
    elif not entry.files:
        raise UsageError(f"corpora fetch {name}: {entry.by_hand}")
    for path in entry.files:
        _fetch(registry, entry, path, home)
    return home


def _fetch(registry: Registry, entry: DataSet, path: str, home: Path) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.CRITICAL)  # what it has to say is said here, in one line
    url = registry.address.format(repository=entry.repository, commit=entry.commit, path=quote(path))
    target = home / path
    try:
        pooch.retrieve(
            url, f"sha256:{entry.files[path]}", target.name, target.parent,
            downloader=pooch.HTTPDownloader(timeout=TIMEOUT),
        )  # fmt: skip
    except ValueError as error:
        raise PermanentError(
            f"corpora fetch {entry.name}: {one_line(path)}: its SHA-256 is not {entry.files[path]}; nothing of it was kept;"
            f" the file at {url} was changed, or the registry is wrong"
        ) from error
    except (requests.RequestException, OSError) as error:
        raise TransientError(
            f"corpora fetch {entry.name}: {one_line(path)}: {one_line(error, 160)}; try again"
        ) from error


def _check_out(registry: Registry, entry: DataSet, home: Path) -> None:
    """The folders as they are in the commit. Hooks, symbolic links and submodules of the repository stay without effect."""
    home.mkdir(parents=True, exist_ok=True)
    git = ["git", "-c", "core.symlinks=false", "-c", "core.hooksPath=/dev/null", "-c", "fetch.fsckObjects=true"]
    url = registry.git.format(repository=entry.repository)
    for words in (
        ["init", "--quiet"],
        ["fetch", "--quiet", "--depth", "1", "--no-recurse-submodules", url, entry.commit],
        ["checkout", "--quiet", "--force", entry.commit, "--", *entry.folders],
    ):
        try:
            done = subprocess.run([*git, *words], cwd=home, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
        except FileNotFoundError as error:
            raise PermanentError(
                f"corpora fetch {entry.name}: no git on this machine; expected it; install git"
            ) from error
        if done.returncode:
            why = one_line(done.stderr, 200)
            raise TransientError(f"corpora fetch {entry.name}: git {words[0]}: {why}; try again")
