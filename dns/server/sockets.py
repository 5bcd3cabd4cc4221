"""Opens the sockets of one worker: UDP and TCP at each address, beside other workers' (SO_REUSEPORT)."""

import socket
from collections.abc import Sequence

from dns.forward.server import socket_address
from dns.server import udp
from dns.server.stream_listener import open_tcp_socket

_ATTEMPTS = 20  # to find a port that is free for both, where the port is the system's to choose

SocketAddress = tuple[str, int]


class WorkerSockets:
    """The listening sockets of one worker."""

    def __init__(
        self,
        udp_sockets: Sequence[socket.socket],
        tcp_sockets: Sequence[socket.socket],
        tls_sockets: Sequence[socket.socket] = (),
        https_sockets: Sequence[socket.socket] = (),
    ) -> None:
        self.udp = tuple(udp_sockets)
        self.tcp = tuple(tcp_sockets)
        self.tls = tuple(tls_sockets)
        self.https = tuple(https_sockets)

    @property
    def addresses(self) -> tuple[SocketAddress, ...]:
        """Where they listen; a port that the system chose is known now."""
        return _bound_addresses(self.udp)

    @property
    def tls_addresses(self) -> tuple[SocketAddress, ...]:
        """Where DNS over TLS is spoken."""
        return _bound_addresses(self.tls)

    @property
    def https_addresses(self) -> tuple[SocketAddress, ...]:
        """Where DNS over HTTPS is spoken."""
        return _bound_addresses(self.https)

    def all_sockets(self) -> tuple[socket.socket, ...]:
        """Every one of them."""
        return (*self.udp, *self.tcp, *self.tls, *self.https)

    def close(self) -> None:
        """Close them here; a worker that inherited them has its own hold on them."""
        for one in self.all_sockets():
            one.close()


def open_worker_sockets(
    addresses: Sequence[SocketAddress], tls: Sequence[SocketAddress] = (), https: Sequence[SocketAddress] = ()
) -> WorkerSockets:
    """Open UDP and TCP sockets at each of `addresses`. Raises OSError with the address in `filename`."""
    opened: list[socket.socket] = []
    try:
        for address in addresses:
            opened.extend(_open_pair(*address))
        for address in (*tls, *https):
            opened.append(_open_listening(address))  # noqa: PERF401 (what was opened is closed when the next fails)
    except OSError:
        for one in opened:
            one.close()
        raise
    pairs = 2 * len(addresses)
    return WorkerSockets(
        opened[0:pairs:2], opened[1:pairs:2], opened[pairs : pairs + len(tls)], opened[pairs + len(tls) :]
    )


def ensure_address_free(address: SocketAddress) -> None:
    """Raise OSError where another program holds an address.

    With SO_REUSEPORT a second resolver of the same user could sit down beside the first unnoticed and take half of
    its questions. A socket without that option cannot, so one is tried first.
    """
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(socket_address(host, port))
            except OSError as problem:
                raise _with_address(problem, address) from None


def _open_pair(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    for attempt in range(_ATTEMPTS):
        try:
            datagrams = udp.open_udp_socket(host, port)
        except OSError as problem:
            raise _with_address(problem, (host, port)) from None
        try:
            return datagrams, open_tcp_socket(host, datagrams.getsockname()[1])
        except OSError as problem:
            datagrams.close()
            if port or attempt + 1 == _ATTEMPTS:
                raise _with_address(problem, (host, port)) from None
    raise AssertionError("the loop above returns or raises")


def _open_listening(address: SocketAddress) -> socket.socket:
    try:
        return open_tcp_socket(*address)
    except OSError as problem:
        raise _with_address(problem, address) from None


def _bound_addresses(sockets: Sequence[socket.socket]) -> tuple[SocketAddress, ...]:
    return tuple(one.getsockname()[:2] for one in sockets)


def _with_address(problem: OSError, address: SocketAddress) -> OSError:
    host, port = address
    return OSError(problem.errno, problem.strerror, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
