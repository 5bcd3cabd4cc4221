"""The listening sockets of all workers: they stay while workers come and go.

At each address stand several sockets side by side (SO_REUSEPORT), and the kernel deals out what arrives among
them. What waits in a socket is lost when it is closed. So none is closed while its address is wanted: where
there are fewer workers than sockets, each looks after several. New settings get a new `ListenSockets` that holds
on to every socket of the old one whose address they still name; the others are closed by whoever knows when
(`close_except`).
"""

import socket
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from dns.server.sockets import SocketAddress, WorkerSockets, ensure_address_free, open_worker_sockets

_Kind = Literal["plain", "tls", "https"]
_SocketGroup = tuple[socket.socket, ...]  # plain DNS: UDP and TCP at the same port
_Endpoint = tuple[_Kind, SocketAddress]


class ListenAddresses(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses at which questions are answered; port 0: the system chooses one."""

    plain: tuple[SocketAddress, ...]
    tls: tuple[SocketAddress, ...] = ()
    https: tuple[SocketAddress, ...] = ()

    def endpoints(self) -> Iterator[_Endpoint]:
        """Yield each address with what is spoken there, once."""
        kinds: tuple[tuple[_Kind, tuple[SocketAddress, ...]], ...]
        kinds = (("plain", self.plain), ("tls", self.tls), ("https", self.https))
        for kind, addresses in kinds:
            for address in dict.fromkeys(addresses):
                yield kind, address


class ListenSockets:
    """At each address one socket for each worker, or more."""

    def __init__(self) -> None:
        """Hold nothing: the start, from which `with_addresses` leads on."""
        self._sockets: dict[_Endpoint, list[_SocketGroup]] = {}
        self._ports: dict[_Endpoint, int] = {}  # those that the system chose are known

    def with_addresses(self, addresses: ListenAddresses, workers: int) -> "ListenSockets":
        """Return the shares for other addresses, or another number of workers.

        Sockets whose address is named again are the same ones. Raises OSError with the address in `filename` where
        one cannot be opened; nothing has changed then.
        """
        made = ListenSockets()
        try:
            for endpoint in addresses.endpoints():
                made._adopt_or_open(endpoint, self, workers)
        except OSError:
            made.close_except(self.all_sockets())
            raise
        return made

    def sockets_of_worker(self, number: int, workers: int) -> WorkerSockets:
        """Return what one worker of so many looks after; they are numbered from 1."""
        mine: dict[_Kind, list[_SocketGroup]] = {"plain": [], "tls": [], "https": []}
        for (kind, _), sockets in self._sockets.items():
            mine[kind] += sockets[number - 1 :: workers]
        plain = mine["plain"]
        return WorkerSockets(
            [udp for udp, _ in plain],
            [tcp for _, tcp in plain],
            [tcp for (tcp,) in mine["tls"]],
            [tcp for (tcp,) in mine["https"]],
        )

    def close_sockets_of_worker(self, number: int, workers: int) -> None:
        """Close what one worker looked after, so that the others get its part of what arrives."""
        self.sockets_of_worker(number, workers).close()

    def reopen_sockets_of_worker(self, number: int, workers: int) -> None:
        """Open anew what was closed for one worker. Raises OSError."""
        for endpoint, sockets in self._sockets.items():
            for at in range(number - 1, len(sockets), workers):
                if sockets[at][0].fileno() < 0:
                    sockets[at] = _open_group(endpoint[0], (endpoint[1][0], self._ports[endpoint]))

    def close_except(self, kept: Iterable[socket.socket]) -> None:
        """Close every socket that is not among `kept`."""
        staying = set(kept)
        for one in self.all_sockets():
            if one not in staying:
                one.close()

    def all_sockets(self) -> Iterator[socket.socket]:
        """Yield every socket."""
        for sockets in self._sockets.values():
            for group in sockets:
                yield from group

    @property
    def addresses(self) -> tuple[SocketAddress, ...]:
        """Where plain DNS is spoken."""
        return tuple(
            (host, self._ports[kind, (host, port)]) for kind, (host, port) in self._sockets if kind == "plain"
        )

    def _adopt_or_open(self, endpoint: _Endpoint, before: "ListenSockets", workers: int) -> None:
        kind, (host, port) = endpoint
        # One that is closed belongs to a worker that keeps dying (see `close`).
        sockets = [one for one in before._sockets.get(endpoint, ()) if one[0].fileno() >= 0]
        self._sockets[endpoint] = sockets
        if sockets:
            self._ports[endpoint] = before._ports[endpoint]
        else:
            if port not in before._ports.values():  # a socket of our own there (0.0.0.0) would look like another's
                ensure_address_free((host, port))
            sockets.append(_open_group(kind, (host, port)))
            self._ports[endpoint] = sockets[0][0].getsockname()[1]
        while len(sockets) < workers:
            sockets.append(_open_group(kind, (host, self._ports[endpoint])))


def _open_group(kind: _Kind, address: SocketAddress) -> _SocketGroup:
    if kind == "plain":
        one = open_worker_sockets([address])
        return one.udp[0], one.tcp[0]
    one = open_worker_sockets([], [address])
    return (one.tls[0],)
