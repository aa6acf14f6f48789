"""Addresses on which a server may listen, and to whom they are open."""

from __future__ import annotations

import ipaddress
import re
import socket

from service.errors import AssayError, Code

# Without brackets and port gRPC would take an IPv6 address to mean port 443.
_SHAPE = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")


def refuse_open_wildcard(address: str, *, protected: bool) -> None:
    """Raise where every network could reach a server that asks nobody who they are."""
    if not protected and any(_plain(ip).is_unspecified for ip in _resolved(address)):
        raise AssayError(
            Code.WILDCARD_REFUSED,
            f"{address} is open to every network, and the server has no credentials.",
            "Listen on 127.0.0.1 or on a Unix socket, or give the server a certificate.",
        )


def is_local(address: str) -> bool:
    """Whether only this machine can reach it."""
    ips = _resolved(address)
    return address.startswith("unix:") or (bool(ips) and all(_plain(ip).is_loopback for ip in ips))


def _resolved(address: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """What the host stands for: 0 and the empty name are wildcards as well, so ask the system."""
    if address.startswith("unix:"):
        return []
    # Without brackets and port gRPC would take an IPv6 address to mean port 443.
    shape = re.fullmatch(
        r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})", address
    )
    if shape is None:
        raise _unreadable(address)
    name = shape["six"] or shape["host"] or "0.0.0.0"  # noqa: S104 - named in order to be refused
    try:
        found = socket.getaddrinfo(name, int(shape["port"]), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _unreadable(address) from None
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _plain(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address in IPv6 clothes counts as what it is."""
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip


def _unreadable(address: str) -> AssayError:
    return AssayError(
        Code.REQUEST_INVALID,
        f"{address!r} is no address that this machine knows.",
        "Write host:port, [IPv6]:port or unix:path.",
    )
