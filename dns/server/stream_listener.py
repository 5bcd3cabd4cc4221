"""Lets connections in: how many at a time, for how long, from whom (RFC 7766, section 6; RFC 7858).

Every listener that speaks over connections stands behind a `Door`. It counts a connection from the moment it is
accepted, before any TLS handshake, so that half-made ones count too. All doors of a worker lead into one
house (`dns.server.connection_limiter`), which says who may enter. One sweep a second closes those that have been
quiet for too long; what counts is the last whole question, so bytes that trickle in keep nothing open.
"""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Protocol

from dns.server.connection_limiter import Connection, House, Limits

SWEEP_SECONDS = 1.0
FINISHING_SECONDS = 3.0  # at rest; then a door parts with connections on which questions never cease, too
PARTING_SECONDS = 0.5  # without a question; then a door that is at rest parts with a connection
_ACCEPT_AT_ONCE = 16  # a flood of connections must leave turns to questions over UDP
_BACKLOG = 1024
_PAUSE_SECONDS = 0.2  # after the system has run out of descriptors
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


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
        self._shut()
        for connection in self._inside:
            connection.say_goodbye()
        if self._sweep is not None:
            self._sweep.cancel()
        self._part(self._loop.time() + FINISHING_SECONDS)

    async def close(self) -> None:
        """Accept no more, and break off what is open."""
        if self._sweep is not None:
            self._sweep.cancel()
        if not self._closed:
            self._shut()
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

    def _shut(self) -> None:
        self._closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()  # another worker that looks after it has its own hold on it

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
