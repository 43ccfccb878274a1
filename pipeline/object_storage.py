"""Bytes under a prefix of an object store (s3://, gs://, any fsspec URI): a local folder's promises by other means.

There is no lock: of two writers that start from one snapshot the second to publish is refused. That needs a store that
honours exclusive creation (S3's If-None-Match; writer() tries it). Address and credentials come from the environment,
as the store's own tools read them (AWS_ENDPOINT_URL, AWS_PROFILE, ...).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.errors import PermanentError, UsageError, one_line
from pipeline.storage import MARKER, Stage, explained

# A file that no snapshot names may belong to a writer who is about to name it; no commit takes a day from its first
# upload to its snapshot.
ABANDONED_AFTER = timedelta(hours=24)


class ObjectStorage:
    """A prefix of an object store. Its methods are LocalStorage's; the docstrings say what differs."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._fs, self._base = _file_system(self.root)

    def address(self, path: str) -> str:
        """The URI of `path`."""
        return f"{self.root}/{path}"

    def source(self, path: str) -> Any:
        """An open file. Raises FileNotFoundError."""
        with self._explained(f"read {path}", passing=FileNotFoundError):
            return self._fs.open(self._key(path), "rb")

    def read(self, path: str) -> bytes:
        """The bytes of `path`. Raises FileNotFoundError."""
        with self._explained(f"read {path}", passing=FileNotFoundError):
            return bytes(self._fs.cat_file(self._key(path)))

    def entries(self) -> list[str]:
        """Names directly under the prefix."""
        with self._explained("list it"):
            found = self._fs.ls(self._base, detail=False) if self._fs.exists(self._base) else []
            return [str(key).rstrip("/").rpartition("/")[2] for key in found]

    def files(self, folder: str) -> list[str]:
        """Paths below `folder`, sorted."""
        with self._explained(f"list {folder}"):
            return sorted(str(key).removeprefix(self._key("")) for key in self._fs.find(self._key(folder)))

    def abandoned(self, paths: Iterable[str]) -> list[str]:
        """Those written more than ABANDONED_AFTER ago."""
        limit = datetime.now(UTC) - ABANDONED_AFTER
        with self._explained("look at the age of its files"):
            return [path for path in paths if self._fs.modified(self._key(path)) < limit]

    @contextmanager
    def undisturbed(self) -> Iterator[bool]:
        """Always True: another writer cannot be seen, and abandoned() allows for one."""
        yield True

    @contextmanager
    def writer(self) -> Iterator[Stage]:
        """Raises PermanentError where the store would let two writers take one name."""
        self._require_exclusive_creation()
        with tempfile.TemporaryDirectory(prefix="xinren-") as folder:

            def stage(name: str, data: bytes) -> Path:
                staged = Path(folder, name)
                with self._explained(f"write {staged}"):
                    staged.write_bytes(data)
                return staged

            yield stage

    def install(self, staged: Mapping[str, Path]) -> None:
        """Upload every staged file."""
        for path, file in staged.items():
            with self._explained(f"write {path}"):
                self._fs.put_file(str(file), self._key(path))

    def create(self, path: str, data: bytes) -> None:
        """Raises FileExistsError when it is there already with other bytes."""
        with self._explained(f"write {path}", passing=FileExistsError):
            try:
                self._fs.pipe_file(self._key(path), data, mode="create")
            except Exception:
                # Stores word the refusal in their own ways, and the answer to a write that was done can get lost.
                if not self._fs.exists(self._key(path)):
                    raise
                if self.read(path) != data:
                    raise FileExistsError(path) from None

    def publish(self, path: str, data: bytes, pointer: str, value: bytes) -> None:
        """`create` of `path`, then `point` to it."""
        self.create(path, data)
        self.point(pointer, value, path)

    def point(self, pointer: str, value: bytes, path: str) -> None:  # noqa: ARG002 - `path` is durable once seen
        """Write `value` over `pointer`."""
        with self._explained(f"write {pointer}"):
            self._fs.pipe_file(self._key(pointer), value)

    def remove(self, paths: Iterable[str], folders: Iterable[str] = ()) -> None:  # noqa: ARG002 - there are no folders
        """Delete objects."""
        with self._explained("delete replaced files"):
            for path in paths:
                if self._fs.exists(self._key(path)):
                    self._fs.rm_file(self._key(path))

    def _require_exclusive_creation(self) -> None:
        try:
            marker = self.read(MARKER)
        except FileNotFoundError:
            return  # a new lake: nothing to try it on
        try:
            self._fs.pipe_file(self._key(MARKER), marker, mode="create")
        except Exception:  # refused, as it should be; a network that is down is met again by the next call
            return
        raise PermanentError(
            f"lake {self.root}: its store overwrote a file that was to be created once; expected a refusal"
            " (If-None-Match); use a store that gives it, or a local folder"
        )

    def _key(self, path: str) -> str:
        return f"{self._base}/{path}"

    def _explained(self, doing: str, passing: type[Exception] | None = None) -> AbstractContextManager[None]:
        return explained(self.root, doing, errors=Exception, passing=passing)  # clients raise more than OSError


def _file_system(root: str) -> tuple[Any, str]:
    import fsspec

    try:
        # No caches: another machine may have written since, and the environment may name another store.
        found, base = fsspec.url_to_fs(root, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        raise UsageError(f"lake {root}: {one_line(error)}; for s3:// install xinren[s3]") from error
    except ValueError as error:
        raise UsageError(
            f"lake {root}: {one_line(error)}; expected a folder or a URI such as s3://bucket/lake"
        ) from error
    return found, str(base).rstrip("/")
