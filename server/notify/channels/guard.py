"""Where a webhook may go: never into our own network, unless an address is allowed by name.

A name is resolved once; every address it has must be public; the connection is made to exactly
the address that was checked, so that a second answer of the name server changes nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from server.errors import ServerError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host as texts; raises OSError when it has none."""

_PORTS: Final = {"http": 80, "https": 443}
_CARRIERS: Final = tuple(
    ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")
)
"""IPv6 networks whose addresses carry an IPv4 address, besides those Python names."""
_SPECIAL: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "2001::/23",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
"""Special-purpose networks of IANA's registries that older Pythons call global."""


class RefusedAddressError(ServerError):
    """A webhook's address is one that this server does not connect to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect, checked."""

    scheme: str
    host: str
    """As the address names it: for the Host header and the certificate."""
    port: int
    ip: str
    """The very address to connect to."""
    path: str
    """Path and query."""

    @property
    def url(self) -> str:
        """The address with the checked IP in place of the name."""
        ip = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{self.scheme}://{ip}:{self.port}{self.path}"

    @property
    def host_header(self) -> str:
        """The name the receiver knows itself by."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


async def find_target(url: str, *, allowed: frozenset[str], resolve: Resolve | None = None) -> Target:
    """Check an address and resolve it once.

    Args:
        url: the webhook's address.
        allowed: `host:port` entries that may lead into our own network.
        resolve: finds the addresses of a name; the system's resolver by default.

    Raises:
        RefusedAddressError: the address is malformed, not http or https, or not public.
        OSError: the name has no address (now).
    """
    scheme, host, port, path = _split(url)
    found = await (resolve or _resolve)(host, port)
    if not found:
        raise OSError("the name has no address")
    if f"{host}:{port}" not in allowed:
        for text in found:
            if not is_public(ipaddress.ip_address(text.split("%")[0])):
                raise RefusedAddressError("the address is not a public one")
    return Target(scheme=scheme, host=host, port=port, ip=found[0], path=path)


def is_public(address: Address) -> bool:
    """Tell whether an address lies outside every private, local or special range.

    IPv6 forms that carry an IPv4 address are refused whatever they carry.
    """
    if isinstance(address, ipaddress.IPv6Address) and _carries_ipv4(address):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not address.is_loopback
        and not address.is_link_local
        and not any(address in network for network in _SPECIAL)
    )


def _carries_ipv4(address: ipaddress.IPv6Address) -> bool:
    return (
        address.ipv4_mapped is not None
        or address.sixtofour is not None
        or address.teredo is not None
        or any(address in network for network in _CARRIERS)
    )


def _split(url: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedAddressError(str(error)) from error
    if parts.scheme not in _PORTS:
        raise RefusedAddressError("only http and https are allowed")
    if parts.username is not None or parts.password is not None or not parts.hostname:
        raise RefusedAddressError("the address has no host, or names a user")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme], path


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
