"""Which address a request comes from, for who counts tries.

Whom a server before us speaks for, our own server has found out already (`appliance.web_worker`).
"""

import ipaddress

from flask import Request

_IPV6_SITE = 64  # bits: a device has all of a network's addresses to choose from


def client_address(request: Request) -> str:
    """Return the address of whoever asks, for IPv6 its network; "" where nobody knows."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_SITE), strict=False))
    return str(address)
