"""The listening sockets of all workers: they stay while workers come and go.

At each address stand several sockets side by side (SO_REUSEPORT), and the kernel deals out what arrives among
them. What waits in a socket is lost when it is closed. So none is closed while its address is wanted: where
there are fewer workers than sockets, each looks after several. New settings get a new `Shares` that holds on to
every socket of the old one whose address they still name; the others are closed by whoever knows when
(`close_beyond`).
"""

import socket
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from dns.server.sockets import Address, Sockets, ensure_free, open_sockets

_Kind = Literal["plain", "tls", "https"]
_Together = tuple[socket.socket, ...]  # plain DNS: UDP and TCP at the same port
_Place = tuple[_Kind, Address]


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses at which questions are answered; port 0: the system chooses one."""

    plain: tuple[Address, ...]
    tls: tuple[Address, ...] = ()
    https: tuple[Address, ...] = ()

    def places(self) -> Iterator[_Place]:
        """Yield each address with what is spoken there, once."""
        kinds: tuple[tuple[_Kind, tuple[Address, ...]], ...]
        kinds = (("plain", self.plain), ("tls", self.tls), ("https", self.https))
        for kind, addresses in kinds:
            for address in dict.fromkeys(addresses):
                yield kind, address


class Shares:
    """At each address one socket for each worker, or more."""

    def __init__(self) -> None:
        """Hold nothing: the start, from which `renewed` leads on."""
        self._sockets: dict[_Place, list[_Together]] = {}
        self._ports: dict[_Place, int] = {}  # those that the system chose are known

    def renewed(self, where: Where, workers: int) -> "Shares":
        """Return the shares for other addresses, or another number of workers.

        Sockets whose address is named again are the same ones. Raises OSError with the address in `filename` where
        one cannot be opened; nothing has changed then.
        """
        made = Shares()
        try:
            for place in where.places():
                made._take(place, self, workers)
        except OSError:
            made.close_beyond(self.all())
            raise
        return made

    def of(self, number: int, workers: int) -> Sockets:
        """Return what one worker of so many looks after; they are numbered from 1."""
        mine: dict[_Kind, list[_Together]] = {"plain": [], "tls": [], "https": []}
        for (kind, _), sockets in self._sockets.items():
            mine[kind] += sockets[number - 1 :: workers]
        plain = mine["plain"]
        return Sockets(
            [udp for udp, _ in plain],
            [tcp for _, tcp in plain],
            [tcp for (tcp,) in mine["tls"]],
            [tcp for (tcp,) in mine["https"]],
        )

    def close(self, number: int, workers: int) -> None:
        """Close what one worker looked after, so that the others get its part of what arrives."""
        self.of(number, workers).close()

    def reopen(self, number: int, workers: int) -> None:
        """Open anew what was closed for one worker. Raises OSError."""
        for place, sockets in self._sockets.items():
            for at in range(number - 1, len(sockets), workers):
                if sockets[at][0].fileno() < 0:
                    sockets[at] = _opened(place[0], (place[1][0], self._ports[place]))

    def close_beyond(self, kept: Iterable[socket.socket]) -> None:
        """Close every socket that is not among `kept`."""
        staying = set(kept)
        for one in self.all():
            if one not in staying:
                one.close()

    def all(self) -> Iterator[socket.socket]:
        """Yield every socket."""
        for sockets in self._sockets.values():
            for together in sockets:
                yield from together

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where plain DNS is spoken."""
        return tuple(
            (host, self._ports[kind, (host, port)]) for kind, (host, port) in self._sockets if kind == "plain"
        )

    def _take(self, place: _Place, before: "Shares", workers: int) -> None:
        kind, (host, port) = place
        # One that is closed belongs to a worker that keeps dying (see `close`).
        sockets = [one for one in before._sockets.get(place, ()) if one[0].fileno() >= 0]
        self._sockets[place] = sockets
        if sockets:
            self._ports[place] = before._ports[place]
        else:
            if port not in before._ports.values():  # a socket of our own there (0.0.0.0) would look like another's
                ensure_free((host, port))
            sockets.append(_opened(kind, (host, port)))
            self._ports[place] = sockets[0][0].getsockname()[1]
        while len(sockets) < workers:
            sockets.append(_opened(kind, (host, self._ports[place])))


def _opened(kind: _Kind, address: Address) -> _Together:
    if kind == "plain":
        one = open_sockets([address])
        return one.udp[0], one.tcp[0]
    one = open_sockets([], [address])
    return (one.tls[0],)
