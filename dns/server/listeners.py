"""The listeners of connections that a worker has: one for each of its sockets, of TCP, TLS and HTTPS."""

from collections.abc import Callable, Iterator
from functools import partial

from dns.server.connection_limiter import ConnectionLimiter, ConnectionLimits
from dns.server.sockets import WorkerSockets
from dns.server.stream_listener import StreamListener
from dns.server.tcp import QueryHandler, TcpConnection
from dns.server.tls import Certificate, tls_listener


def open_stream_listeners(
    sockets: WorkerSockets,
    handle: QueryHandler,
    is_allowed: Callable[[str], bool],
    *,
    limits: ConnectionLimits,
    certificate: Certificate | None,
    clock: Callable[[], float],
) -> Iterator[StreamListener]:
    """Yield a listener for each socket, not accepting yet; all share one limit of connections.

    Without a certificate the sockets of TLS and HTTPS stay unanswered. `clock`: the loop's.
    """
    limiter = ConnectionLimiter(limits)
    make = partial(TcpConnection, handle=handle, limits=limits, clock=clock)
    for sock in sockets.tcp:
        yield StreamListener(sock, make, limits=limits, limiter=limiter, is_allowed=is_allowed)
    if certificate is None:
        return
    for sock in sockets.tls:
        yield tls_listener(sock, handle, certificate, limits=limits, limiter=limiter, is_allowed=is_allowed)
    if sockets.https:
        # Only who serves HTTPS pays for its library.
        from dns.server.https import https_listener  # noqa: PLC0415 (see the line above)

        for sock in sockets.https:
            yield https_listener(sock, handle, certificate, limits=limits, limiter=limiter, is_allowed=is_allowed)
