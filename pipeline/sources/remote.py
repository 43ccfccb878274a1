"""Files elsewhere (s3:// and whatever else fsspec opens; http(s)://), brought to this machine before they are read."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pipeline.errors import TransientError, UsageError, one_line
from pipeline.settings import Settings
from pipeline.sources.http import Http, Limits, check_url
from pipeline.sources.inputs import InputFile, printable

_HTTP = ("http://", "https://")
_SECONDS = 3600.0  # for one file
_CHUNK = 1 << 20
MAX_BYTES = 1 << 36  # of one file: 64 GB


def listed(url: str) -> list[InputFile]:
    """The files of a URL: an object, a prefix with all below it, or a glob; over HTTP the one file. Raises UsageError
    where there is none.
    """
    if url.startswith(_HTTP):
        check_url(url)
        name = unquote(urlsplit(url).path).rpartition("/")[2] or urlsplit(url).hostname or "file"
        return [InputFile(Path(), printable(name), url=url)]
    store, base = _store(url)
    try:
        single = not glob.has_magic(base) and store.isfile(base)
        found = (
            store.glob(base, detail=True) if glob.has_magic(base) else {} if single else store.find(base, detail=True)
        )
        keys = [base] if single else [key for key, about in found.items() if about["type"] == "file"]
    except Exception as error:  # clients raise more than OSError
        raise _unusable(url, error) from error
    fixed = _fixed(base) if glob.has_magic(base) else base.rpartition("/")[0] if single else base
    names = {key: str(key).removeprefix(fixed.rstrip("/") + "/") for key in keys}
    shown = [key for key in keys if not _is_hidden(names[key])]
    if not shown:
        raise _unusable(url, "no file")
    return [InputFile(Path(), printable(names[key]), url=store.unstrip_protocol(key)) for key in shown]


@contextmanager
def fetched(item: InputFile, scratch: Callable[[], Path], settings: Settings) -> Iterator[InputFile]:
    """The file on this machine, as it was at one moment; a scratch file where it is elsewhere.

    Raises TransientError, or PermanentError over HTTP, where it cannot be fetched.
    """
    if not item.url:
        yield item
        return
    path = scratch()
    try:
        copy = _over_http(item.url, path, settings) if item.url.startswith(_HTTP) else _copy(item.url, path)
        yield replace(item, path=path, modified_at=copy)
    finally:
        path.unlink(missing_ok=True)


def _over_http(url: str, path: Path, settings: Settings) -> float | None:
    """Fetch to `path`, from public addresses alone unless the settings allow others; when the server says it changed."""
    limits = Limits(max_bytes=MAX_BYTES, seconds=_SECONDS)
    with Http(allow_private=settings.allow_private_addresses, limits=limits) as http, path.open("w+b") as out:
        answer = http.download(url, out)
    try:
        return parsedate_to_datetime(answer.headers["last-modified"]).timestamp()
    except (KeyError, ValueError):
        return None


def _copy(url: str, path: Path) -> float | None:
    """Fetch to `path`; when the file was last changed, where its store says so."""
    store, key = _store(url)
    try:
        size = 0
        with store.open(key, "rb", cache_type="none", block_size=_CHUNK) as source, path.open("wb") as out:
            while chunk := source.read(_CHUNK):
                size += len(chunk)
                if size > MAX_BYTES:
                    raise TransientError(f"input {one_line(url, 200)}: more than {MAX_BYTES >> 30} GB; split it")
                out.write(chunk)
        return _modified(store, key)
    except TransientError:
        raise
    except Exception as error:  # clients raise more than OSError
        raise TransientError(f"input {one_line(url, 200)}: {one_line(error, 100)}; check it and run again") from error


def _modified(store: Any, key: str) -> float | None:
    try:
        found: datetime = store.modified(key)
        return found.timestamp()
    except (NotImplementedError, AttributeError, OSError):
        return None


def _store(url: str) -> tuple[Any, str]:
    import fsspec

    try:
        store, base = fsspec.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
    except (ImportError, ValueError) as error:
        raise UsageError(f"input {one_line(url, 200)}: {one_line(error)}; for s3:// install xinren[s3]") from error
    return store, str(base)


def _fixed(pattern: str) -> str:
    """The folder before the first part with a wildcard."""
    parts = pattern.split("/")
    first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    return "/".join(parts[:first])


def _is_hidden(name: str) -> bool:
    return any(part[:1] in (".", "_") for part in name.split("/"))


def _unusable(url: str, why: object) -> UsageError:
    return UsageError(f"input {one_line(url, 200)}: {one_line(why, 100)}; expected a readable object, prefix or glob")
