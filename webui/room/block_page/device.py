"""Who stands before a page that needs no account: which device, at which name, and by which page's button."""

import ipaddress
from urllib.parse import urlsplit

from flask import Request


def device_address(request: Request) -> str:
    """Return the address of the device as the query log has it."""
    try:
        address = ipaddress.ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    if host.startswith("["):
        return host[1 : host.find("]")]
    return host.rsplit(":", 1)[0]


def comes_from_this_page(request: Request) -> bool:
    """Tell whether the button on this very page was pressed: a browser says so, and no other page can make it.

    Sec-Fetch-Site is sent over HTTPS alone; Origin with every form (WHATWG Fetch, sections 3.2 and 3.7).
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return site == "same-origin"
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == request.host.lower()


def wants_page(request: Request) -> bool:
    """Tell whether somebody looks at the page: a picture or a script that is closed costs no look at the room."""
    return request.method == "POST" or "text/html" in request.headers.get("Accept", "text/html")
