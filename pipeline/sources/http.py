"""Fetching over HTTP from hosts that nobody vouches for: checked addresses, bounded size and time, patient retries.

    with Http(allow_private=settings.allow_private_addresses) as http:
        answer = http.get("https://example.org/feed.xml", headers={"If-None-Match": etag})

What may pass is tried again here, with jitter and as the server asks (Retry-After); what then still fails is a
TransientError, and what no second try can mend a PermanentError. No message, log line or traceback shows a query, a
password or a token. Proxies and .netrc of the environment are not used: the address that was checked is the one connected.
"""

from __future__ import annotations

import io
import logging
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import BinaryIO, Self

import httpx
import tenacity
from pydantic import SecretStr

from pipeline.errors import PermanentError, TransientError, UsageError, XinrenError
from pipeline.sources.addresses import Resolve, resolve
from pipeline.sources.http_errors import LaterError, check_url, shown_url, status_error, translated
from pipeline.sources.http_transport import Guard, GuardedTransport

__all__ = ["Answer", "Http", "Limits", "check_url", "shown_url"]

MAX_REDIRECTS = 5
_OK, _NOT_MODIFIED = 200, 304
_CONDITIONS = ("if-none-match", "if-modified-since")
_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")
_TOKEN = re.compile(r"[!-~]{1,4096}")  # what a header can carry
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Limits:
    """What one fetch may cost: bytes after unpacking, seconds per try and per read, tries, seconds between two of them."""

    max_bytes: int = 256 * 2**20
    seconds: float = 600.0
    read_seconds: float = 20.0
    attempts: int = 5
    max_wait: float = 60.0


@dataclass(frozen=True)
class Answer:
    """What a server answered: 200 and its body, or 304 (not modified) without one. `url` is as it may be shown."""

    status: int
    headers: httpx.Headers
    url: str
    body: bytes = b""


@dataclass
class Http:
    """A client for many fetches, one after another, and a context manager. `resolve`, `sleep` and `clock` are there for tests."""

    allow_private: bool = False
    limits: Limits = field(default_factory=Limits)
    resolve: Resolve = resolve
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __enter__(self) -> Self:
        _silence()
        self._guard = Guard(allow_private=self.allow_private, resolve=self.resolve, clock=self.clock)
        self._client = httpx.Client(
            transport=GuardedTransport(self._guard), trust_env=False, follow_redirects=True,
            max_redirects=MAX_REDIRECTS, timeout=self.limits.read_seconds,
            headers={"User-Agent": _agent(), "Accept-Encoding": "gzip"},
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, token: SecretStr | None = None) -> Answer:
        """The answer to a GET, its body in memory; 304 where `headers` made the request conditional.

        A token goes into the Authorization header, and not to another host by a redirect. Raises UsageError for what is
        no URL, TransientError and PermanentError as the module says.
        """
        body = io.BytesIO()
        answer = self.download(url, body, headers=headers, token=token)
        return Answer(answer.status, answer.headers, answer.url, body.getvalue())

    def download(
        self, url: str, target: BinaryIO, *, headers: Mapping[str, str] | None = None, token: SecretStr | None = None
    ) -> Answer:
        """As `get`, the body written into `target`, which is emptied before each try and after the last that failed."""
        check_url(url)
        asked = {**(headers or {}), **_authorised(token)}
        tries = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.limits.attempts), wait=self._wait, sleep=self.sleep, reraise=True,
            retry=tenacity.retry_if_exception(self._is_worth_waiting),
        )  # fmt: skip
        return tries(self._once, url, target, asked)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, LaterError) and error.wait is not None:
            return error.wait
        return tenacity.wait_random_exponential(multiplier=1, max=self.limits.max_wait)(state)

    def _is_worth_waiting(self, error: BaseException) -> bool:
        wait = getattr(error, "wait", None) or 0.0
        return isinstance(error, TransientError) and wait <= self.limits.max_wait

    def _once(self, url: str, target: BinaryIO, headers: Mapping[str, str]) -> Answer:
        shown = shown_url(url)
        _empty(target)
        self._guard.expires_at = self.clock() + self.limits.seconds
        try:
            with _unlogged(), self._client.stream("GET", url, headers=headers) as response:
                if not (response.status_code == _NOT_MODIFIED and _is_conditional(headers)):
                    self._save(response, target, shown)
                return Answer(response.status_code, response.headers, shown)
        except XinrenError:
            _empty(target)
            raise
        except Exception as error:
            _empty(target)
            raise translated(error, shown) from None  # its text and its request hold what must not be shown

    def _save(self, response: httpx.Response, target: BinaryIO, shown: str) -> None:
        if response.status_code != _OK:
            raise status_error(response, shown)
        limit, done = self.limits.max_bytes, 0
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        for piece in _unpacked(response.iter_raw(_PIECE), encoding, shown):
            done += len(piece)
            if done > limit:
                raise PermanentError(f"{shown}: more than {limit:,} bytes; expected at most that; fetch it by hand")
            target.write(piece)


def _unpacked(pieces: Iterable[bytes], encoding: str, shown: str) -> Iterator[bytes]:
    """The body in pieces of at most _PIECE bytes, however far it unpacks: one gzip layer and no other is taken."""
    if encoding in ("identity", ""):
        yield from pieces
        return
    if encoding not in ("gzip", "x-gzip"):
        raise PermanentError(f"{shown}: got Content-Encoding {encoding[:40]!r}; expected gzip or none; report it there")
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        for packed in pieces:
            while packed and not unpacker.eof:
                yield unpacker.decompress(packed, _PIECE)
                packed = unpacker.unconsumed_tail  # noqa: PLW2901 - what did not fit is unpacked next
    except zlib.error:
        raise LaterError(f"{shown}: broken gzip; expected a whole body; run again later") from None
    if not unpacker.eof:
        raise LaterError(f"{shown}: the gzip breaks off; expected a whole body; run again later")


def _authorised(token: SecretStr | None) -> dict[str, str]:
    if token is None:
        return {}
    if not _TOKEN.fullmatch(token.get_secret_value()):
        raise UsageError("token: holds spaces, line breaks or other characters no header can carry; set it again")
    return {"Authorization": f"Bearer {token.get_secret_value()}"}


def _is_conditional(headers: Mapping[str, str]) -> bool:
    return any(name.lower() in _CONDITIONS for name in headers)


def _empty(target: BinaryIO) -> None:
    target.seek(0)
    target.truncate()


def _agent() -> str:
    try:
        return f"xinren/{version('xinren')}"
    except PackageNotFoundError:
        return "xinren"


_asking: ContextVar[bool] = ContextVar("asking", default=False)


class _Filter(logging.Filter):
    """Drops what the client's own loggers say of our requests: whole URLs and headers. Other users' records pass."""

    def filter(self, _record: logging.LogRecord) -> bool:
        return not _asking.get()


_FILTER = _Filter()


def _silence() -> None:
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)  # adding it again changes nothing


@contextmanager
def _unlogged() -> Iterator[None]:
    token = _asking.set(True)
    try:
        yield
    finally:
        _asking.reset(token)
