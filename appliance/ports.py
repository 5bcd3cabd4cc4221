"""Asks for a port before a server is started on it, so that a person gets one clear line."""

import socket

from appliance.errors import HallpassError
from appliance.settings.values import Endpoint


def with_ipv6(endpoint: Endpoint) -> Endpoint:
    """Return where a server for all IPv4 addresses of this machine listens to be found by IPv6 too.

    One socket for both, as Linux offers it (ipv6(7), IPV6_V6ONLY); where there is no IPv6 it stays as it is.
    """
    if endpoint.host != "0.0.0.0":  # noqa: S104 (recognised, not bound)
        return endpoint
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            takes_both = not probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
            probe.bind(("::", 0))
    except OSError:
        return endpoint
    return Endpoint("::", endpoint.port) if takes_both else endpoint


def require_free_port(endpoint: Endpoint, kind: socket.SocketKind = socket.SOCK_STREAM, hint: str = "") -> None:
    """Raise HallpassError where somebody else holds a port, or we may not have it."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that is only lingering is free
        try:
            probe.bind((endpoint.host, endpoint.port))
        except OSError as problem:
            raise HallpassError(
                f"{endpoint} cannot be used ({problem.strerror}){hint or '; stop what holds it, or change listen'}"
            ) from None
