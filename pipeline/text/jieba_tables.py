"""The tables of the segmenter, kept in the user's cache folder so that only the first run of a dictionary builds them.

A file's name holds a hash of all it was made from (the source of jieba, its dictionary and model, the user's words, this
module's format); a zip archive of plain arrays, it carries a checksum of each, so that a damaged one is built anew.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from contextlib import suppress
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import numpy as np

from pipeline.errors import PermanentError
from pipeline.text.compiled import cache_folder
from pipeline.text.jieba_build import Tables, build_tables, read_dictionary

_FORMAT = b"1"
_KEPT = 8  # files, some 25 MB each: dictionaries change, their tables should not pile up
_SOURCES = (
    "__init__.py",
    "finalseg/__init__.py",
    "finalseg/prob_start.py",
    "finalseg/prob_trans.py",
    "finalseg/prob_emit.py",
)


def load_tables(words: Path | None, dictionary: Path | None) -> Tables:
    """The tables of `dictionary` (None: jieba's own) and a user dictionary of `words`, read from the cache or built.

    jieba is imported only to build: its import alone takes 0.2 s. Raises PermanentError for a dictionary that jieba cannot
    read, OSError for one that cannot be opened.
    """
    home = _home()
    main = (dictionary or home / "dict.txt").read_bytes()
    user = None if words is None else words.read_bytes()
    path = _path(home, main, user)
    if path is not None and (found := _read(path)) is not None:
        return _still(found)
    try:
        tables = build_tables(read_dictionary(main, user))
    except ValueError as error:
        names = " and ".join(str(p) for p in (dictionary, words) if p is not None) or home / "dict.txt"
        raise PermanentError(
            f"{names}: {error}; expected UTF-8 lines of a word, a frequency and a tag; mend the file"
        ) from error
    if path is not None:
        _write(tables, path)
    return _still(tables)


def _still(tables: Tables) -> Tables:
    """The tables, read-only: many threads read them, and the kernel is compiled for just that."""
    for field in fields(tables):
        getattr(tables, field.name).flags.writeable = False
    return tables


def _home() -> Path:
    """The folder of the installed jieba, found without importing it."""
    spec = find_spec("jieba")
    if spec is None or spec.origin is None:
        raise PermanentError("jieba: not installed; expected jieba 0.42.1; install xinren with its dependencies")
    return Path(spec.origin).parent


def _path(home: Path, main: bytes, user: bytes | None) -> Path | None:
    """Where the tables of these dictionaries are kept; None where there is no cache folder."""
    try:
        folder = cache_folder()
    except OSError:
        return None
    parts = [_FORMAT, *((home / name).read_bytes() for name in _SOURCES), main, *([] if user is None else [user])]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return folder / f"segment-{digest.hexdigest()[:32]}.npz"


def _read(path: Path) -> Tables | None:
    """The tables kept at `path`; None where there are none or they are damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = Tables(**{field.name: arrays[field.name] for field in fields(Tables)})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError):
        return None
    with suppress(OSError):
        path.touch()  # so that _write knows which are in use
    return found


def _write(tables: Tables, path: Path) -> None:
    """Keep the tables: under another name first, so that no reader sees half of them. A full disk keeps nothing."""
    part = path.with_name(f"{path.stem}-{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            np.savez(file, **{field.name: getattr(tables, field.name) for field in fields(Tables)})
        part.replace(path)
        kept = sorted(path.parent.glob("segment-*.npz"), key=lambda p: p.stat().st_mtime)
        for old in kept[:-_KEPT]:
            old.unlink()
    except OSError:
        with suppress(OSError):
            part.unlink()
