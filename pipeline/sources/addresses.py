"""Which hosts may be asked: a name is looked up once, every address it has is judged, and the connection goes to one of those.

A guard that checks a name and lets the client look it up again is no guard: the second answer may be another. Here the
check is where connections are made, so that nothing (a redirect, a retry) gets past it.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

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


def checked(host: str, found: list[str], *, allow_private: bool) -> list[str]:
    """The addresses found for a host. Raises PermanentError where one of them is refused."""
    refused = [address for address in found if not is_allowed(address, allow_private=allow_private)]
    if refused or not found:
        raise PermanentError(
            f"host {one_line(host, 100)}: got address {refused[0] if refused else 'none'}, which is private, local or"
            " reserved; expected a public one; where this is meant, set allow_private_addresses"
        )
    return found
