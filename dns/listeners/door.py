"""Lets connections in: how many at a time, for how long, from whom (RFC 7766, section 6; RFC 7858).

Every listener that speaks over connections stands behind a `Door`. It counts a connection from the moment it is
accepted, before any TLS handshake, so that half-made ones count too. All doors of a worker lead into one
`House`. A device over its share is turned away; when the house is full, a connection makes room that never
asked anything, or else the one that has been quiet the longest: who only holds connections open keeps nobody
out. One sweep a second closes those that have been quiet for too long; what counts is the last whole question,
so bytes that trickle in keep nothing open.
"""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec

SWEEP_SECONDS = 1.0
FINISHING_SECONDS = 3.0  # at rest; then a door parts with connections on which questions never cease, too
PARTING_SECONDS = 0.5  # without a question; then a door that is at rest parts with a connection
_ACCEPT_AT_ONCE = 16  # a flood of connections must leave turns to questions over UDP
_BACKLOG = 1024
_PAUSE_SECONDS = 0.2  # after the system has run out of descriptors
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of itself a listener gives away."""

    connections: int = 1000
    connections_per_device: int = 50
    idle_seconds: float = 10.0
    handshake_seconds: float = 5.0
    questions_in_flight: int = 100  # per connection; more are read only when some have been answered
    unread_bytes: int = 256 * 1024  # answers that a device does not take; then the connection is broken off


class Connection(asyncio.Protocol):
    """One connection, as far as the door is concerned."""

    def __init__(self, address: str, now: float) -> None:
        self.address = address
        self.last_use = now
        self.has_asked = False
        self.transport: asyncio.Transport | None = None
        self.on_lost: Callable[[], None] = _nothing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        """Give the place free."""
        self.transport = None
        self.on_lost()

    def asks(self, now: float) -> None:
        """Note a whole question."""
        self.last_use = now
        self.has_asked = True

    @property
    def is_busy(self) -> bool:
        """Whether a question is under way, or a part of one has come."""
        return False

    def say_goodbye(self) -> None:
        """Tell the peer, where the protocol has words for it, to ask nothing more on this connection."""

    def finish(self) -> None:
        """Take no more questions, and part as soon as those under way are answered."""
        self.part()

    def part(self) -> None:
        """Close in good order, after what is still to be sent."""
        if self.transport is not None:
            self.transport.close()

    def break_off(self) -> None:
        """Close at once, whatever was still to be sent."""
        if self.transport is not None:
            self.transport.abort()


class House:
    """Everybody who is inside, through whichever door."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside: dict[Connection, Callable[[Connection], None]] = {}
        self._per_device: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._inside)

    def has_place_for(self, address: str) -> bool:
        """Tell whether a device may have one more connection; where the house is full, one makes room."""
        if self._per_device[address] >= self._limits.connections_per_device:
            return False
        if len(self._inside) >= self._limits.connections:
            self.make_room()
        return True

    def enter(self, connection: Connection, turn_out: Callable[[Connection], None]) -> None:
        """Count a connection in. `turn_out` ends it at once."""
        self._inside[connection] = turn_out
        self._per_device[connection.address] += 1

    def leave(self, connection: Connection) -> None:
        """Count a connection out; called once for each that entered."""
        self._inside.pop(connection, None)
        self._per_device[connection.address] -= 1
        if self._per_device[connection.address] <= 0:
            del self._per_device[connection.address]

    def make_room(self) -> None:
        """Turn somebody out."""
        quietest = min(self._inside, key=lambda connection: (connection.has_asked, connection.last_use))
        self._inside.pop(quietest)(quietest)


class MakesConnections(Protocol):
    """Makes the protocol of one connection."""

    def __call__(self, address: str, now: float) -> Connection:
        """Return the protocol for a peer's address."""


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address, beside those of other workers. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by what is accepted
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)  # noqa: FBT003 (its signature)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


class Door:
    """Accepts connections on one listening socket, which it closes in the end."""

    def __init__(
        self,
        sock: socket.socket,
        make: MakesConnections,
        *,
        limits: Limits,
        house: House | None = None,
        welcome: Callable[[str], bool] | None = None,
        context: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self.turned_away = 0
        self.pauses = 0  # how often the system had no more descriptors
        self._sock = sock
        self._make = make
        self._limits = limits
        self._welcome = welcome
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._inside: dict[Connection, asyncio.Task[None]] = {}
        self._house = house if house is not None else House(limits)
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def open(self) -> None:
        """Begin to accept."""
        self._loop.add_reader(self._sock.fileno(), self._accept)
        self._sweep = self._loop.call_later(SWEEP_SECONDS, self._close_idle)

    def rest(self) -> None:
        """Let in who is waiting, accept no more, and part with each connection when nothing is under way on it."""
        self._accept()
        self._closed = True
        self._loop.remove_reader(self._sock.fileno())
        for connection in self._inside:
            connection.say_goodbye()
        if self._sweep is not None:
            self._sweep.cancel()
        self._part(self._loop.time() + FINISHING_SECONDS)

    async def close(self) -> None:
        """Accept no more, and break off what is open."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        tasks = list(self._inside.values())
        for connection in list(self._inside):
            connection.break_off()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._inside)

    @property
    def port(self) -> int:
        """The port, for whoever asked the system to choose one."""
        return int(self._sock.getsockname()[1])

    def _accept(self) -> None:
        for _ in range(_ACCEPT_AT_ONCE):
            try:
                sock, peer = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as problem:
                if problem.errno in _EXHAUSTED:
                    self._pause()
                return
            address = str(peer[0]).partition("%")[0]
            if self._may_enter(address):
                sock.setblocking(False)  # noqa: FBT003 (its signature)
                self._let_in(sock, address)
            else:
                self.turned_away += 1
                sock.close()

    def _may_enter(self, address: str) -> bool:
        if self._welcome is not None and not self._welcome(address):
            return False
        return self._house.has_place_for(address)

    def _let_in(self, sock: socket.socket, address: str) -> None:
        connection = self._make(address, self._loop.time())
        self._house.enter(connection, self._turn_out)
        task = self._inside[connection] = self._loop.create_task(self._serve(sock, connection))
        task.add_done_callback(partial(self._left, sock, connection))

    async def _serve(self, sock: socket.socket, connection: Connection) -> None:
        lost = asyncio.Event()
        connection.on_lost = lost.set
        # An OSError (also ssl.SSLError) here: this peer speaks no TLS, or left in the middle of it.
        with contextlib.suppress(OSError):
            await self._loop.connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=self._context() if self._context else None,
                ssl_handshake_timeout=self._limits.handshake_seconds if self._context else None,
            )
            await lost.wait()

    def _left(self, sock: socket.socket, connection: Connection, _: "asyncio.Task[None]") -> None:
        """Clear up after a connection, however it ended; its task may never have begun to run."""
        connection.break_off()
        sock.close()
        self._inside.pop(connection, None)
        self._house.leave(connection)

    def _turn_out(self, connection: Connection) -> None:
        connection.break_off()
        self._inside.pop(connection).cancel()

    def _close_idle(self) -> None:
        oldest = self._loop.time() - self._limits.idle_seconds
        for connection in [one for one in self._inside if one.last_use < oldest]:
            connection.break_off()
        self._sweep = self._loop.call_later(SWEEP_SECONDS, self._close_idle)

    def _part(self, patience: float) -> None:
        now = self._loop.time()
        for connection in list(self._inside):
            if now >= patience:
                connection.finish()
            elif connection.last_use < now - PARTING_SECONDS and not connection.is_busy:
                connection.part()
        self._sweep = self._loop.call_later(PARTING_SECONDS, self._part, patience)

    def _pause(self) -> None:
        """Stop accepting for a moment, and part with the quietest connections: descriptors have run out."""
        self.pauses += 1
        for _ in range((len(self._house) + 3) // 4):
            self._house.make_room()
        self._loop.remove_reader(self._sock.fileno())
        self._loop.call_later(_PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._sock.fileno(), self._accept)


def _nothing() -> None:
    """Do nothing: nobody waits for this connection to end yet."""
