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


def find_inputs(inputs: Sequence[str]) -> list[InputFile]:
    """The files of these files, folders (with all below; names that begin with . or _ are left out, and lakes) and globs.

    Sorted by name, then path; a file that several inputs name is there once. An empty folder gives none. Raises UsageError where an
    input does not exist, matches nothing or cannot be read.
    """
    found = sorted((file for text in inputs for file in _expand(text)), key=lambda file: (file.name, str(file.path)))
    once: dict[Path, InputFile] = {}
    for file in found:
        once.setdefault(file.path.resolve(), file)
    return list(once.values())


def _expand(text: str) -> list[InputFile]:
    try:
        named = list(_named(Path(text).expanduser()))
        for file in named:
            file.path.open("rb").close()
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in the path; ~ of an unknown user
        raise _unusable(text, str(getattr(error, "strerror", None) or error)) from error
    if not named and not Path(text).expanduser().is_dir():  # an empty folder is an inbox to which nothing came
        raise _unusable(text, "no file")
    return named


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
    return (_input(file, fixed) for file in files if file.is_file())


def _below(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder, onerror=_raise):
        if LAKE in names:  # a lake would feed on itself, more at every run
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        paths = (Path(here) / name for name in names if not name.startswith((".", "_")))
        yield from (path for path in paths if path.is_file())


def _fixed(pattern: Path) -> Path:
    """The folder before the first part with a wildcard."""
    parts = list(pattern.parts)
    first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first])


def _input(path: Path, base: Path) -> InputFile:
    name = path.relative_to(base).as_posix()
    return InputFile(path, "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name))


def _raise(error: OSError) -> None:
    raise error


def _unusable(text: str, why: str) -> UsageError:
    return UsageError(f"input {one_line(text, 200)}: {one_line(why, 100)}; expected a readable file, folder or glob")
