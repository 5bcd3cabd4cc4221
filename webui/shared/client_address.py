"""Which address a request comes from.

Where the pages stand behind a server on the same machine that ends TLS (nginx, Caddy), everybody would come from
that machine: then the last address in X-Forwarded-For is the one that this server saw. From elsewhere the header
is anybody's word, and worth nothing.
"""

import ipaddress

from flask import Request

_IPV6_SITE = 64  # bits: a device has all of a network's addresses to choose from


def client_address(request: Request) -> str:
    """Return the address of whoever asks, for IPv6 its network; "" where nobody knows."""
    direct = _parse(request.remote_addr or "")
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    address = (_parse(forwarded) if direct is None or direct.is_loopback else None) or direct
    if address is None:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_SITE), strict=False))
    return str(address)


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
