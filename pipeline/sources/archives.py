"""Files packed in zip, tar and gzip: each is unpacked to a scratch file of our own naming, in bounded space.

No name in an archive ever becomes a path. What an archive must not hold (a path that leads out of it, a link, far more
than it looks, archives in archives in archives) is refused, member by member, each in one line.
"""

from __future__ import annotations

import gzip
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from pipeline.sources.inputs import InputFile, printable
from pipeline.sources.rejects import RefusedFileError, detail

ZIP, GZIP, TAR = b"PK\x03\x04", b"\x1f\x8b", b"ustar"
_TAR_AT = 257
_OFFICE = ("[Content_Types].xml", "mimetype")  # what stands in an Office file, which is a form and no archive
_CHUNK = 1 << 20
MAX_DEPTH = 2  # an archive in an archive
MAX_MEMBERS = 10_000
MAX_BYTES = 1 << 36  # of all members: 64 GB
MAX_RATIO = 200  # bytes unpacked for a byte packed, once FREE_BYTES are unpacked; text packs to a twentieth
FREE_BYTES = 1 << 26
_OUT_OF_IT = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)")
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
           ValueError, KeyError, UnicodeError)  # fmt: skip


@dataclass(frozen=True)
class Refused:
    """A member that is not read; `number` is its place in the archive, from 1 (hidden ones and folders not counted)."""

    number: int
    reason: str
    detail: str
    name: str


@dataclass(frozen=True)
class _Packed:
    """A member as its archive tells of it; `open` gives its bytes."""

    name: str
    is_link: bool
    is_locked: bool
    open: Callable[[], IO[bytes]]


def is_archive(path: Path) -> bool:
    """Whether the contents are a zip (and no Office file), a tar or a gzip; a damaged one is told when it is unpacked."""
    with path.open("rb") as file:
        head = file.read(_TAR_AT + len(TAR))
    if head.startswith(ZIP):
        return not _is_office(path)
    return head.startswith(GZIP) or head[_TAR_AT:] == TAR


def unpack(archive: InputFile, scratch: Callable[[], Path]) -> Iterator[InputFile | Refused]:
    """The members of an archive in its order, each in a scratch file that lives until the next one is asked for.

    Raises RefusedFileError where the archive cannot be read at all.
    """
    room = _Room(archive.path.stat().st_size)
    number = 0
    try:
        for number, member in enumerate(_members(archive.path, archive.name), 1):
            if number > MAX_MEMBERS:
                yield _refused(number, "archive_bomb", f"more than {MAX_MEMBERS:,} files", member.name)
                return
            yield from _one(archive, member, number, room, scratch)
    except _DAMAGE as error:
        if number == 0:
            raise RefusedFileError("broken_archive", error) from error
        yield _refused(number + 1, "broken_archive", error, "")


def _one(
    archive: InputFile, member: _Packed, number: int, room: _Room, scratch: Callable[[], Path]
) -> Iterator[InputFile | Refused]:
    unsafe = (
        "a path that leads out of the archive" if _OUT_OF_IT.search(member.name) else "a link" if member.is_link else ""
    )
    if unsafe:
        yield _refused(number, "unsafe_member", unsafe, member.name)
    elif member.is_locked:
        yield _refused(number, "locked_member", "an encrypted file", member.name)
    else:
        path = scratch()
        try:
            room.copy(member, path)
        except RefusedFileError as refused:
            yield Refused(number, refused.reason, refused.detail, printable(member.name))
        except (*_DAMAGE, OSError) as error:
            yield _refused(number, "broken_archive", error, member.name)
        else:
            yield InputFile(path, f"{archive.name}/{printable(member.name)}", modified_at=archive.modified_at)
        finally:
            path.unlink(missing_ok=True)


def _refused(number: int, reason: str, got: object, name: str) -> Refused:
    return Refused(number, reason, detail(reason, f"{got}: {printable(name)}" if name else got), printable(name))


class _Room:
    """How much an archive may still unpack to."""

    def __init__(self, packed: int) -> None:
        self._left = min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * packed))

    def copy(self, member: _Packed, path: Path) -> None:
        """Unpack a member. Raises RefusedFileError where it would be too much."""
        with member.open() as source, path.open("wb") as out:
            while chunk := source.read(_CHUNK):
                self._left -= len(chunk)
                if self._left < 0:
                    raise RefusedFileError(
                        "archive_bomb", f"more than {MAX_RATIO} times its size: {printable(member.name)}"
                    )
                out.write(chunk)


def _members(path: Path, name: str) -> Iterator[_Packed]:
    with path.open("rb") as file:
        head = file.read(_TAR_AT + len(TAR))
    if head.startswith(ZIP):
        return _of_zip(path)
    if head.startswith(GZIP):
        with gzip.open(path) as unpacked:
            inside = unpacked.read(_TAR_AT + len(TAR))
        if inside[_TAR_AT:] != TAR:
            return iter([_Packed(_inner(name), False, False, lambda: cast(IO[bytes], gzip.open(path)))])
    return _of_tar(path)


def _inner(name: str) -> str:
    """What a gzip holds is named as the gzip, without its ending."""
    last = name.rpartition("/")[2]
    return last[:-3] if last.lower().endswith(".gz") and len(last) > 3 else last


def _of_zip(path: Path) -> Iterator[_Packed]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir() and not is_hidden(info.filename):
                is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
                locked = bool(info.flag_bits & 1)
                yield _Packed(info.filename, is_link, locked, lambda info=info: archive.open(info))  # type: ignore[misc]


def _of_tar(path: Path) -> Iterator[_Packed]:
    with tarfile.open(path, "r:*") as archive:
        met: Any = archive
        for info in archive:
            if not info.isdir() and not is_hidden(info.name):
                yield _Packed(info.name, not info.isreg(), False, lambda info=info: _opened(archive, info))  # type: ignore[misc]
            met.members = []  # tarfile keeps all it has met


def _opened(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    found = archive.extractfile(info)
    if found is None:
        raise tarfile.TarError("no file")
    return found


def is_hidden(name: str) -> bool:
    """Whether a part of the path begins with . or _ (but for . and .. themselves), as in a folder: left out."""
    return any(part[:1] in (".", "_") and part not in (".", "..") for part in re.split(r"[/\\]", name))


def _is_office(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name in _OFFICE for name in archive.namelist())
    except _DAMAGE:
        return False
