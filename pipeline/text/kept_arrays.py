"""Arrays that take long to make, kept in the user's cache folder so that only the first run makes them.

A file's name holds a hash of all it was made from; a zip archive of plain arrays, it carries a checksum of each, so that a
damaged one is made anew.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from pipeline.text.compiled import cache_folder

Arrays = dict[str, NDArray[Any]]
MOST = 16  # files of one kind: what they are made from changes, they should not pile up


def kept(kind: str, made_from: Iterable[bytes], names: list[str], make: Callable[[], Arrays]) -> Arrays:
    """The arrays of these names, from the cache or made."""
    path = _path(kind, made_from)
    if path is not None and (found := _read(path, names)) is not None:
        return found
    arrays = make()
    if path is not None:
        _write(arrays, path, kind)
    return arrays


def _path(kind: str, made_from: Iterable[bytes]) -> Path | None:
    """Where they are kept; None where there is no cache folder."""
    digest = hashlib.sha256()
    for part in made_from:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    try:
        return cache_folder() / f"{kind}-{digest.hexdigest()[:32]}.npz"
    except OSError:
        return None


def _read(path: Path, names: list[str]) -> Arrays | None:
    """The arrays kept at `path`; None where there are none or they are damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError):
        return None
    with suppress(OSError):
        path.touch()  # so that _write knows which are in use
    return found


def _write(arrays: Arrays, path: Path, kind: str) -> None:
    """Keep the arrays: under another name first, so that no reader sees half of them. A full disk keeps nothing."""
    part = path.with_name(f"{path.stem}-{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes names for options
        part.replace(path)
        for old in sorted(path.parent.glob(f"{kind}-*.npz"), key=lambda p: p.stat().st_mtime)[:-MOST]:
            old.unlink()
    except OSError:
        with suppress(OSError):
            part.unlink()
