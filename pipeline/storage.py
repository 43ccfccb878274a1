"""Bytes under the root of a lake: a local folder, or an object store by its URI (s3://bucket/lake).

Both kinds promise the store the same: a staged file becomes durable under its name in one step, the name of a snapshot
can be taken once only, and an error of the disk or the network is one line. Paths are relative to the root, with `/`
between their parts; an absent file is a FileNotFoundError.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pipeline.errors import PermanentError, TransientError, XinrenError, one_line

if TYPE_CHECKING:
    from pipeline.object_storage import ObjectStorage

MARKER, LOCK, STAGING = "_lake.json", "_lock", "_tmp"
LASTING = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}
FULL = {errno.ENOSPC, errno.EDQUOT}
_START = ctypes.c_uint(2)  # SYNC_FILE_RANGE_WRITE

# (name, data) -> a file on this machine that no reader sees and that goes when the writer ends; durable when installed.
Stage = Callable[[str, bytes], Path]


class Disk:
    """The operations that change a local disk, one method each: the seam at which tests stop or break them."""

    def write(self, path: Path, data: bytes) -> None:
        """Write a new file. It must not exist: what a crash left may be a second name of a published file."""
        with path.open("xb") as file:
            file.write(data)

    def begin_sync(self, path: Path) -> None:
        """Let the system begin to write a file's bytes out, and do not wait: a later `sync` has less left. Linux only."""
        with suppress(OSError, AttributeError), path.open("rb") as file:
            ctypes.CDLL(None).sync_file_range(file.fileno(), ctypes.c_int64(0), ctypes.c_int64(0), _START)

    def sync(self, path: Path) -> None:
        """Make a file's bytes, or a folder's names, survive a loss of power."""
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        """Give `source` the name `target`, over what was there, in one step."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Give `source` the second name `target`; FileExistsError when it is taken."""
        target.hardlink_to(source)

    def unlink(self, path: Path) -> None:
        """Delete a file, if it is there."""
        path.unlink(missing_ok=True)

    def mkdir(self, path: Path) -> None:
        """Make a folder, if it is not there."""
        path.mkdir(exist_ok=True)

    def rmdir(self, path: Path) -> None:
        """Delete an empty folder."""
        path.rmdir()


class LocalStorage:
    """A folder on a local or mounted disk; one writer at a time, by a lock that the system frees with its process."""

    def __init__(self, root: str, disk: Disk | None = None) -> None:
        self.root = root
        self._folder = Path(root).expanduser().absolute()
        self._disk = disk or Disk()

    def address(self, path: str) -> str:
        """Where other programs open `path`: an absolute file name."""
        return str(self._folder / path)

    def source(self, path: str) -> str:
        """What pyarrow opens to read `path`."""
        return self.address(path)

    def read(self, path: str) -> bytes:
        """The bytes of `path`. Raises FileNotFoundError."""
        with explained(self.root, f"read {path}", passing=FileNotFoundError):
            return (self._folder / path).read_bytes()

    def entries(self) -> list[str]:
        """Names of the files and folders directly under the root; none when there is no root."""
        with explained(self.root, "list it"):
            return [path.name for path in self._folder.iterdir()] if self._folder.exists() else []

    def files(self, folder: str) -> list[str]:
        """Paths of all files below `folder`, sorted; none when there is no such folder."""
        with explained(self.root, f"list {folder}"):
            found = [path for path in (self._folder / folder).rglob("*") if not path.is_dir()]
        return sorted(path.relative_to(self._folder).as_posix() for path in found)

    def abandoned(self, paths: Iterable[str]) -> list[str]:
        """Those of `paths`, named by no snapshot, that no running writer can still be about to name."""
        return list(paths)  # whoever asks holds the lock

    @contextmanager
    def undisturbed(self) -> Iterator[bool]:
        """Whether no writer is at work; if so, none starts before the block ends."""
        if not (self._folder / LOCK).exists():  # nobody has written yet
            yield True
            return
        with self._open_lock(os.O_RDONLY) as handle:
            yield self._locked(handle, fcntl.LOCK_SH)

    @contextmanager
    def writer(self) -> Iterator[Stage]:
        """The right to use the methods below, and where to stage. Raises TransientError while another run has it."""
        with explained(self.root, f"make {self.address('')}"):
            self._make_folder(self._folder)
        with self._open_lock(os.O_RDWR | os.O_CREAT) as handle:
            if not self._locked(handle, fcntl.LOCK_EX):
                raise TransientError(
                    f"lake {self.root}: another run is writing; expected one at a time; run again later"
                )
            self._clear()
            try:
                yield self._written
            finally:
                with suppress(XinrenError):  # what stays in the way is cleared, or complained of, by the next writer
                    self._clear()

    @contextmanager
    def _open_lock(self, flags: int) -> Iterator[int]:
        with explained(self.root, f"open {self.address(LOCK)}"):
            handle = os.open(self._folder / LOCK, flags, 0o644)
        try:
            yield handle
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)  # said aloud: a forked child may share the open file
            os.close(handle)

    def _locked(self, handle: int, kind: int) -> bool:
        with explained(self.root, f"lock {LOCK}"):
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def _clear(self) -> None:
        with explained(self.root, f"clear {STAGING}"):
            self._disk.mkdir(self._folder / STAGING)
            for path in (self._folder / STAGING).iterdir():
                self._disk.unlink(path)

    def _written(self, name: str, data: bytes) -> Path:
        staged = self._folder / STAGING / name
        with explained(self.root, f"write {STAGING}/{name}"):
            self._disk.unlink(staged)
            self._disk.write(staged, data)
            if len(data):
                self._disk.begin_sync(staged)
        return staged

    def _stage(self, name: str, data: bytes) -> Path:
        staged = self._written(name, data)
        with explained(self.root, f"write {STAGING}/{name}"):
            self._disk.sync(staged)
        return staged

    def install(self, staged: Mapping[str, Path]) -> None:
        """Move every staged file to its path; all are durable when this returns."""
        targets = {self._folder / path: file for path, file in staged.items()}
        with explained(self.root, "write data files"):
            for file in staged.values():  # all at the end: the system has written most of them by then
                self._disk.sync(file)
            for target, file in targets.items():
                self._make_folder(target.parent)
                self._disk.rename(file, target)
            for folder in sorted({above for target in targets for above in target.parents}, reverse=True):
                if folder.is_relative_to(self._folder):  # those that were there too: a crash may have come before this
                    self._disk.sync(folder)

    def create(self, path: str, data: bytes) -> None:
        """Write `path` whole and durably. Raises FileExistsError, with nothing changed, when it is there already."""
        staged, target = self._stage("created", data), self._folder / path
        with explained(self.root, f"write {path}", passing=FileExistsError):
            self._make_folder(target.parent)
            self._disk.link(staged, target)
            self._disk.sync(target.parent)
            self._disk.sync(target.parent.parent)  # which holds the folder's name, perhaps a new one
            self._disk.unlink(staged)

    def publish(self, path: str, data: bytes, pointer: str, value: bytes) -> None:
        """`create` of `path`, then `point` to it; a disk that is full is met before either."""
        staged = self._stage("pointer", value)
        self.create(path, data)
        self._put_over(staged, pointer)

    def point(self, pointer: str, value: bytes, path: str) -> None:
        """Write `value` over `pointer`, whole and durably, once `path`, which it stands for, is durable itself."""
        with explained(self.root, f"sync {path}"):
            self._disk.sync((self._folder / path).parent)  # a run that was killed may have made it and not synced
        self._put_over(self._stage("pointer", value), pointer)

    def _put_over(self, staged: Path, path: str) -> None:
        with explained(self.root, f"write {path}"):
            self._disk.rename(staged, self._folder / path)
            self._disk.sync(self._folder)

    def remove(self, paths: Iterable[str], folders: Iterable[str] = ()) -> None:
        """Delete files (an absent one is no error), durably, then every empty folder at or below `folders`."""
        targets = [self._folder / path for path in paths]
        with explained(self.root, "delete replaced files"):
            for target in targets:
                self._disk.unlink(target)
            for folder in sorted({target.parent for target in targets if target.parent.exists()}):
                self._disk.sync(folder)
            for top in folders:
                for here, _, _ in os.walk(self._folder / top, topdown=False):
                    if not any(Path(here).iterdir()):
                        self._disk.rmdir(Path(here))

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make_folder(folder.parent)
            self._disk.mkdir(folder)
            self._disk.sync(folder.parent)


Storage: TypeAlias = "LocalStorage | ObjectStorage"


def open_storage(root: str) -> Storage:
    """The storage for a path or a URI. Raises UsageError for a URI that cannot be opened here."""
    local = root.removeprefix("file://")
    if "://" not in local:
        return LocalStorage(local)
    from pipeline.object_storage import ObjectStorage

    return ObjectStorage(root)


@contextmanager
def explained(
    root: str, doing: str, *, errors: type[Exception] = OSError, passing: type[Exception] | None = None
) -> Iterator[None]:
    """Turn `errors` of a disk or network into one line; `passing` is the caller's to judge.

    Raises PermanentError where trying again cannot help, TransientError for the rest.
    """
    try:
        yield
    except XinrenError:
        raise
    except errors as error:
        if passing is not None and isinstance(error, passing):
            raise
        code = getattr(error, "errno", None)
        why = one_line(getattr(error, "strerror", None) or repr(error), 200)
        said = f"lake {root}: cannot {doing}: {why}"
        if isinstance(error, PermissionError) or code in LASTING:
            raise PermanentError(f"{said}; expected a place to write to; make it writable or choose another") from error
        step = "free some space" if code in FULL else "check the address, the rights and the network"
        raise TransientError(f"{said}; {step}, then run again") from error
