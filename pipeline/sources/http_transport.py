"""Connections for the HTTP client: to checked addresses alone, and none that outlives its fetch by dripping bytes."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore
import httpx

from pipeline.errors import PermanentError
from pipeline.sources.addresses import Resolve, checked, resolve


class Guard(httpcore.NetworkBackend):
    """Opens connections. A host is looked up once in its life; until `expires_at` of the clock it may take its time.

    Raises PermanentError for a host that has an address it must not have, before anything is sent.
    """

    def __init__(self, *, allow_private: bool, resolve: Resolve = resolve, clock: Callable[[], float] = time.monotonic):
        self.expires_at = float("inf")
        self._allow_private, self._resolve, self._clock = allow_private, resolve, clock
        self._addresses: dict[tuple[str, int], list[str]] = {}
        self._sockets = httpcore.SyncBackend()

    def left(self, timeout: float | None) -> float:
        """Seconds that an operation may take. Raises ReadTimeout where none are left."""
        left = self.expires_at - self._clock()
        if left <= 0:
            raise httpcore.ReadTimeout("the time of this fetch is over")
        return min(left, timeout) if timeout is not None else left

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        """A connection to the first address of the host that lets itself be connected to."""
        if (host, port) not in self._addresses:
            found = self._resolve(host, port)
            self._addresses[host, port] = checked(host, found, allow_private=self._allow_private)
        addresses = self._addresses[host, port]
        for number, address in enumerate(addresses, start=1):
            try:
                stream = self._sockets.connect_tcp(address, port, self.left(timeout), local_address, socket_options)
                return _Stream(stream, self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise AssertionError("checked lets no host without an address through")

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        """Never: a file of this machine is no host."""
        raise PermanentError("a socket of this machine is not to be fetched from")


class _Stream(httpcore.NetworkStream):
    """A connection whose every operation ends when the guard says so."""

    def __init__(self, stream: httpcore.NetworkStream, guard: Guard) -> None:
        self._stream, self._guard = stream, guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._guard.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._guard.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, self._guard.left(timeout)), self._guard)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class GuardedTransport(httpx.BaseTransport):
    """httpx's transport over connections of a guard. Raises httpcore's errors as they are."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._pools: dict[str, httpcore.ConnectionPool] = {}  # by scheme: reading the certificates takes 20 ms

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer; its body is read as it is asked for."""
        url = request.url
        asked = httpcore.Request(
            request.method, httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw, content=request.stream, extensions=request.extensions,
        )  # fmt: skip
        response = self._pool(url.scheme).handle_request(asked)
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response), extensions=response.extensions
        )

    def _pool(self, scheme: str) -> httpcore.ConnectionPool:
        if scheme not in self._pools:
            context = httpx.create_ssl_context() if scheme == "https" else None
            self._pools[scheme] = httpcore.ConnectionPool(context, keepalive_expiry=5.0, network_backend=self._guard)
        return self._pools[scheme]

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()
