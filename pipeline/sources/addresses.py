"""Which hosts may be asked: a name is looked up once, every address it has is judged, and the connection goes to one of those.

A guard that checks a name and lets the client look it up again is no guard: the second answer may be another. Here the
request itself is turned to the address, with the name kept for the Host header and the certificate.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable
from functools import cached_property

import httpx

from pipeline.errors import PermanentError, TransientError, one_line

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]

# Cloud metadata outside the link-local range: Alibaba, AWS over IPv6.
_METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system's resolver gives them. Raises PermanentError where the name has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        kind = TransientError if error.errno == socket.EAI_AGAIN else PermanentError
        raise kind(
            f"host {one_line(host, 100)}: no address ({error.strerror}); check the name and the network"
        ) from None
    except (OSError, UnicodeError):
        raise PermanentError(f"host {one_line(host, 100)}: no host name; expected one such as example.org") from None
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def is_allowed(text: str, *, allow_private: bool) -> bool:
    """Whether an address may be connected to: a public one, or with `allow_private` one of this network or machine.

    Link-local, multicast and unspecified addresses and cloud metadata never are: nothing to gather lives there. An IPv6
    address that holds an IPv4 one is judged by that as well.
    """
    return all(_is_allowed(address, allow_private) for address in _meant(ipaddress.ip_address(text)))


def _meant(address: Address) -> list[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    inner = [address.sixtofour, *(address.teredo or ())]
    inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None)
    return [address, *(one for one in inner if one)]


def _is_allowed(address: Address, allow_private: bool) -> bool:
    if address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA:
        return False
    return address.is_global or (allow_private and (address.is_private or address.is_loopback))


class PinnedTransport(httpx.BaseTransport):
    """Sends each request, redirected ones too, to an address that was checked; a host is looked up once in its life.

    Raises PermanentError for a host that has an address it must not have, before anything is sent.
    """

    def __init__(self, *, allow_private: bool, resolve: Resolve = resolve) -> None:
        self._allow_private, self._resolve = allow_private, resolve
        self._addresses: dict[tuple[str, int], list[str]] = {}
        self._transports: dict[
            tuple[str, int], httpx.HTTPTransport
        ] = {}  # one for each host: no host answers for another

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the first address that lets itself be connected to."""
        url = request.url
        host, port = url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)
        addresses = self.checked(host, port)
        if (host, port) not in self._transports:
            self._transports[host, port] = httpx.HTTPTransport(verify=self._context(url.scheme))
        transport = self._transports[host, port]
        for number, address in enumerate(addresses, start=1):
            try:
                return transport.handle_request(_turned(request, address, host))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise PermanentError(f"host {one_line(host, 100)}: no address")

    def _context(self, scheme: str) -> ssl.SSLContext:
        """For http:// one that trusts nobody, since reading the certificates takes 20 ms."""
        return self._trusting if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    @cached_property
    def _trusting(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()

    def checked(self, host: str, port: int) -> list[str]:
        """The addresses of the host. Raises PermanentError where one of them is refused."""
        found = self._addresses.get((host, port)) or self._resolve(host, port)
        refused = [address for address in found if not is_allowed(address, allow_private=self._allow_private)]
        if refused:
            raise PermanentError(
                f"host {one_line(host, 100)}: got address {refused[0]}, which is private, local or reserved; expected a"
                " public one; where this is meant, set allow_private_addresses"
            )
        self._addresses[host, port] = found
        return found

    def close(self) -> None:
        """Close every connection."""
        for transport in self._transports.values():
            transport.close()


def _turned(request: httpx.Request, address: str, host: str) -> httpx.Request:
    """The request to the address; Host header and certificate stay those of the name."""
    extensions = {**request.extensions, "sni_hostname": host}
    url = request.url.copy_with(host=address)
    return httpx.Request(request.method, url, headers=request.headers, stream=request.stream, extensions=extensions)
