"""The files that the words of a command or setting mean."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError, one_line

LAKE = "_lake.json"  # storage.MARKER: the folder that holds it is a lake, and no inbox


@dataclass(frozen=True)
class InputFile:
    """A file to gather; `name` is its path below the input that named it, with `/` and without control characters."""

    path: Path
    name: str
    modified_at: float | None = None  # seconds since 1970, where the path's own time is not what counts
    url: str = ""  # of a file elsewhere, which `remote.fetched` brings to `path`


@dataclass(frozen=True)
class Left:
    """A file that is not gathered now, and why, in words."""

    name: str
    why: str


def find_inputs(inputs: Sequence[str]) -> list[InputFile]:
    """The files of `look`, without those that are left."""
    return look(inputs)[0]


def look(inputs: Sequence[str]) -> tuple[list[InputFile], list[Left]]:
    """The files of these files, folders (with all below; names that begin with . or _ are left out, and lakes), globs and
    URLs; and what lies in these folders and cannot be read as a file.

    Sorted by name, then path; a file that several inputs name is there once. An empty folder gives none. Raises UsageError where an
    input does not exist, matches nothing or cannot be read.
    """
    left: list[Left] = []
    found = [file for text in inputs for file in _expand(text, left)]
    once: dict[str, InputFile] = {}
    for file in sorted(found, key=lambda file: (file.name, file.url, str(file.path))):
        once.setdefault(file.url or str(file.path.resolve()), file)
    return list(once.values()), left


def _expand(text: str, left: list[Left]) -> list[InputFile]:
    if "://" in text and not text.startswith("file://"):
        from pipeline.sources.remote import listed

        return listed(text)
    text = text.removeprefix("file://")
    try:
        path = Path(text).expanduser()
        named = list(_named(path))
        if path.is_file():
            path.open("rb").close()
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in the path; ~ of an unknown user
        raise _unusable(text, str(getattr(error, "strerror", None) or error)) from error
    if not named and not path.is_dir():  # an empty folder is an inbox to which nothing came
        raise _unusable(text, "no file")
    return [file for file in named if _is_readable(file, left)]


def _is_readable(file: InputFile, left: list[Left]) -> bool:
    """Whether it is a plain file that opens; if not, it is among those left."""
    try:
        if file.path.is_file():
            file.path.open("rb").close()
            return True
        why = "a link that leads nowhere" if file.path.is_symlink() else "no plain file"
    except OSError as error:
        why = str(error.strerror)
    left.append(Left(file.name, f"{one_line(why, 100)}; expected a readable file"))
    return False


def _named(path: Path) -> Iterator[InputFile]:
    if path.is_dir():
        return (_input(file, path) for file in _below(path))
    if path.exists() or not glob.has_magic(str(path)):
        if not path.is_file():
            raise FileNotFoundError(0, "no file" if path.exists() else "does not exist")
        return iter([_input(path, path.parent)])
    fixed = _fixed(path)
    matches = (Path(match) for match in glob.glob(str(path), recursive=True))  # noqa: PTH207  Path.glob matches hidden names
    files = (file for match in matches for file in (_below(match) if match.is_dir() else [match]))
    return (_input(file, fixed) for file in files)


def _below(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder, onerror=_raise):
        if LAKE in names:  # a lake would feed on itself, more at every run
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        yield from (Path(here) / name for name in names if not name.startswith((".", "_")))


def _fixed(pattern: Path) -> Path:
    """The folder before the first part with a wildcard."""
    parts = list(pattern.parts)
    first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first])


def _input(path: Path, base: Path) -> InputFile:
    return InputFile(path, printable(path.relative_to(base).as_posix()))


def printable(name: str) -> str:
    """A name without control characters."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name)


def _raise(error: OSError) -> None:
    raise error


def _unusable(text: str, why: str) -> UsageError:
    return UsageError(f"input {one_line(text, 200)}: {one_line(why, 100)}; expected a readable file, folder or glob")
