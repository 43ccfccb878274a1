"""What went wrong on the way to a server: whether trying again can help, when, and how it is told without a secret."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import urlsplit

import httpcore
import httpx

from pipeline.errors import PermanentError, TransientError, UsageError, XinrenError, one_line

_LATER = (408, 425, 429)  # of the 4xx, those that say "later"
_PASSING = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError)
_ADVICE = {
    401: "a token is needed; set XINREN_TOKEN_<HOST>", 403: "it is closed to us, or a token is needed",
    404: "check the address", 410: "it is gone for good",
}  # fmt: skip


class LaterError(TransientError):
    """To be tried again, after `wait` seconds where the server said so."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


def shown_url(url: str) -> str:
    """The URL as it may be shown: without user, password, query and fragment; two queries still differ by 8 hex."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(no URL)"
    mark = f"?{sha256(parts.query.encode()).hexdigest()[:8]}" if parts.query else ""
    return one_line(f"{parts.scheme}://{host}{port}{parts.path}{mark}", 200)


def check_url(url: str) -> None:
    """Raises UsageError for what is no http(s) URL, or holds a user or password, which belong in a token."""
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        is_url = False
    if not is_url:
        raise UsageError(f"url {shown_url(url)}: expected http:// or https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"url {shown_url(url)}: holds a user or password, which logs would show; use a token instead")


def status_error(response: httpx.Response, shown: str) -> XinrenError:
    """The error of an answer that is not what was asked for."""
    status = response.status_code
    if status in _LATER or status >= 500:
        wait = retry_after(response.headers)
        later = f", to be tried again in {wait:.0f} s" if wait else ""
        return LaterError(f"{shown}: got HTTP {status}{later}; expected 200; run again later", wait)
    advice = _ADVICE.get(status, "check the address")
    return PermanentError(f"{shown}: got HTTP {status}; expected 200; {advice}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the server asks: Retry-After (seconds or a date), or else X-RateLimit-Reset as Mastodon has it.

    A date counts from the answer's own Date, so that the two clocks need not agree.
    """
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return float(said)
    now = _http_date(headers.get("date", "")) or datetime.now(UTC)
    until = _http_date(said)
    if until is None and headers.get("x-ratelimit-remaining", "").strip() == "0":
        with suppress(ValueError):
            until = datetime.fromisoformat(headers.get("x-ratelimit-reset", "").strip())
    if until is None:
        return None
    return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())


def translated(error: Exception, shown: str) -> XinrenError:
    """Our error for one of the client's. Its own text is told only where it holds no header and no address."""
    if isinstance(error, httpx.TooManyRedirects):
        return PermanentError(
            f"{shown}: too many redirects; expected a page at the end of at most five; use its own address"
        )
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return PermanentError(f"{shown}: leads to an address that is not http(s); use the address of the feed itself")
    if _is_untrusted(error):
        return PermanentError(f"{shown}: its certificate is not valid for it; expected one that is; check the address")
    if isinstance(error, _PASSING):
        return LaterError(f"{shown}: {_what(error)}; expected an answer; run again later")
    return PermanentError(f"{shown}: {type(error).__name__} while asking; expected an answer; check the address")


def _what(error: Exception) -> str:
    if isinstance(error, httpcore.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpcore.ConnectError):
        return f"no connection ({one_line(error, 100)})"
    return "the connection broke off"


def _is_untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _http_date(text: str) -> datetime | None:
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(text)
    return None
