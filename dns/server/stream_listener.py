"""Accepts connections: how many at a time, for how long, from whom (RFC 7766, section 6; RFC 7858).

Whatever speaks over connections does so behind a `StreamListener`. It counts a connection from the moment it is
accepted, before any TLS handshake, so that half-made ones count too. All listeners of a worker share one
limiter (`dns.server.connection_limiter`). One sweep a second closes those that have been
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

from dns.coalesced_timers import next_moment
from dns.forward.server import socket_address
from dns.server.connection_limiter import ClientConnection, ConnectionLimiter, ConnectionLimits

SWEEP_SECONDS = 1.0
DRAIN_DEADLINE_SECONDS = 3.0  # then even connections on which questions never cease are closed
DRAIN_QUIET_SECONDS = 0.5  # without a question; then a listener that drains closes a connection
_ACCEPT_AT_ONCE = 16  # a flood of connections must leave turns to questions over UDP
_BACKLOG = 1024
_PAUSE_SECONDS = 0.2  # after the system has run out of descriptors
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ConnectionFactory(Protocol):
    """Makes the protocol of one connection."""

    def __call__(self, address: str, now: float) -> ClientConnection:
        """Return the protocol for a peer's address."""


def open_tcp_socket(host: str, port: int) -> socket.socket:
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
        sock.bind(socket_address(host, port))
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


class StreamListener:
    """Accepts connections on one listening socket, which it closes in the end."""

    def __init__(
        self,
        sock: socket.socket,
        make_connection: ConnectionFactory,
        *,
        limits: ConnectionLimits,
        limiter: ConnectionLimiter | None = None,
        is_allowed: Callable[[str], bool] | None = None,
        tls_context: Callable[[], ssl.SSLContext | None] | None = None,
    ) -> None:
        """`tls_context` returns what TLS is spoken with; None as long as it cannot be: peers are turned away."""
        self.rejected_count = 0
        self.pause_count = 0  # how often the system had no more descriptors
        self._sock = sock
        self._make_connection = make_connection
        self._limits = limits
        self._is_allowed = is_allowed
        self._tls_context = tls_context
        self._loop = asyncio.get_running_loop()
        self._connections: dict[ClientConnection, asyncio.Task[None]] = {}
        self._limiter = limiter if limiter is not None else ConnectionLimiter(limits)
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def start_accepting(self) -> None:
        """Begin to accept."""
        self._loop.add_reader(self._sock.fileno(), self._accept)
        self._plan_sweep()

    def drain(self) -> None:
        """Accept who is waiting, then nobody; close each connection when nothing is under way on it."""
        self._accept()
        self._close_socket()
        for connection in self._connections:
            connection.send_goaway()
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self._close_drained(self._loop.time() + DRAIN_DEADLINE_SECONDS)

    async def close(self) -> None:
        """Accept no more, and abort what is open."""
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        if not self._is_closed:
            self._close_socket()
        tasks = list(self._connections.values())
        for connection in list(self._connections):
            connection.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def port(self) -> int:
        """The port, for whoever asked the system to choose one."""
        return int(self._sock.getsockname()[1])

    def _close_socket(self) -> None:
        self._is_closed = True
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
            if self._may_accept(address):
                sock.setblocking(False)  # noqa: FBT003 (its signature)
                self._start_connection(sock, address)
            else:
                self.rejected_count += 1
                sock.close()

    def _may_accept(self, address: str) -> bool:
        if self._is_allowed is not None and not self._is_allowed(address):
            return False
        return self._limiter.may_accept(address)

    def _start_connection(self, sock: socket.socket, address: str) -> None:
        connection = self._make_connection(address, self._loop.time())
        self._limiter.add_connection(connection, self._evict)
        task = self._connections[connection] = self._loop.create_task(self._serve(sock, connection))
        task.add_done_callback(partial(self._connection_ended, sock, connection))

    async def _serve(self, sock: socket.socket, connection: ClientConnection) -> None:
        lost = asyncio.Event()
        connection.on_lost = lost.set
        context = self._tls_context() if self._tls_context is not None else None
        if self._tls_context is not None and context is None:
            self.rejected_count += 1
            return
        # An OSError (also ssl.SSLError) here: this peer speaks no TLS, or left in the middle of it.
        with contextlib.suppress(OSError):
            await self._loop.connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=context,
                ssl_handshake_timeout=self._limits.handshake_seconds if context is not None else None,
            )
            await lost.wait()

    def _connection_ended(
        self, sock: socket.socket, connection: ClientConnection, _: "asyncio.Task[None]"
    ) -> None:
        """Clear up after a connection, however it ended; its task may never have begun to run."""
        connection.abort()
        sock.close()
        self._connections.pop(connection, None)
        self._limiter.remove_connection(connection)

    def _evict(self, connection: ClientConnection) -> None:
        connection.abort()
        self._connections.pop(connection).cancel()

    def _plan_sweep(self) -> None:
        at = next_moment(self._loop.time(), SWEEP_SECONDS)
        self._sweep_timer = self._loop.call_at(at, self._close_idle)

    def _close_idle(self) -> None:
        oldest = self._loop.time() - self._limits.idle_seconds
        for connection in [one for one in self._connections if one.last_active < oldest]:
            connection.abort()
        self._plan_sweep()

    def _close_drained(self, deadline: float) -> None:
        now = self._loop.time()
        for connection in list(self._connections):
            if now >= deadline:
                connection.drain()
            elif connection.last_active < now - DRAIN_QUIET_SECONDS and not connection.is_busy:
                connection.close()
        self._sweep_timer = self._loop.call_later(DRAIN_QUIET_SECONDS, self._close_drained, deadline)

    def _pause(self) -> None:
        """Stop accepting for a moment, and evict the quietest connections: descriptors have run out."""
        self.pause_count += 1
        for _ in range((len(self._limiter) + 3) // 4):
            self._limiter.evict_quietest()
        self._loop.remove_reader(self._sock.fileno())
        self._loop.call_later(_PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._sock.fileno(), self._accept)
