"""Puts questions to one server over a connection that is kept: DNS over TCP (RFC 7766) and over TLS (RFC 7858).

One connection at a time (`dns.forward.kept_connection`), closed after `IDLE_SECONDS` without anything. Questions
are pipelined: they leave at once, and answers may come in any order.

With a TLS context the server's certificate is verified, by the name that the settings give; a server that
cannot show such a certificate is a server that failed.
"""

import asyncio
import ssl
from typing import cast

from dns.forward.block_signals import is_quad9
from dns.forward.entropy import EntropyPool
from dns.forward.health import UpstreamHealth
from dns.forward.kept_connection import KeptConnection
from dns.forward.pending_query import PendingQuery
from dns.forward.server import AnswerHandler, UpstreamAddress, upstream_title
from dns.message.header import HEADER_BYTES

CONNECT_SECONDS = 3.0
IDLE_SECONDS = 10.0
STALLED_SECONDS = 3.0  # with open questions and not a byte
MAX_OPEN_QUERIES = 2048  # open questions on one connection; more are refused
_LENGTH_BYTES = 2


class StreamServer:
    """One upstream over TCP or TLS."""

    def __init__(
        self,
        address: UpstreamAddress,
        handler: AnswerHandler,
        entropy: EntropyPool,
        health: UpstreamHealth,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.title = upstream_title(address)
        self.is_quad9 = is_quad9(address.host, address.server_name)
        self.health = health
        self.handler = handler
        self.entropy = entropy
        self.loop = asyncio.get_running_loop()
        self.is_encrypted = context is not None
        self._address = address
        self._context = context
        self.connection: KeptConnection[_Connection] = KeptConnection(
            self, handler, self._open_connection, MAX_OPEN_QUERIES
        )

    def send_query(self, pending: PendingQuery) -> None:
        """Put a question to the server, over the connection that stands or a new one."""
        self.connection.send_query(pending)

    def retry_query(self, pending: PendingQuery) -> None:
        """Put a question to the server once more, unless it waits on the connection that stands."""
        self.connection.send_query(pending)

    def send_probe(self, pending: PendingQuery) -> None:
        """Put a question to the server in order to see whether it is well again."""
        self.connection.send_query(pending)

    async def close(self) -> None:
        """Close the connection."""
        await self.connection.close()

    async def _open_connection(self) -> "_Connection | None":
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await self.loop.create_connection(
                    lambda: _Connection(self),
                    self._address.host,
                    self._address.port,
                    ssl=self._context,
                    server_hostname=self._address.server_name if self._context else None,
                )
        except (OSError, ssl.SSLError, TimeoutError) as problem:
            self.health.note_trouble(str(problem) or "no answer to a connection")
            self.health.counts.unreachable += 1
            return None
        return connection


class _Connection(asyncio.Protocol):
    """One connection: the questions that are open on it, by id."""

    def __init__(self, server: StreamServer) -> None:
        self._server = server
        self._loop = server.loop
        self._transport: asyncio.Transport | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._open: dict[int, PendingQuery] = {}
        self._received = bytearray()
        self._had_answers = False
        self._last_use = self._loop.time()
        self._waiting_since = self._last_use
        self._idle_check: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._transport is not None and not self._transport.is_closing()

    def has_query(self, pending: PendingQuery) -> bool:
        """Tell whether a question is open on this connection."""
        return pending in self._open.values()

    def send_query(self, pending: PendingQuery) -> bool:
        """Send a question. Tell False where the connection has too many open, or is closing."""
        if len(self._open) >= MAX_OPEN_QUERIES:
            self._open = {number: one for number, one in self._open.items() if not one.is_finished}
        if self._transport is None or self._transport.is_closing() or len(self._open) >= MAX_OPEN_QUERIES:
            return False
        identity = self._server.entropy.draw_number(2)
        while identity in self._open:
            identity = self._server.entropy.draw_number(2)
        self._last_use = pending.sent_at = self._loop.time()
        if not self._open:
            self._waiting_since = self._last_use
        self._open[identity] = pending
        is_encrypted = self._server.is_encrypted
        if is_encrypted:
            pending.send_plain()  # nobody can spoof here, and some servers cannot bear mixed case
        message = pending.build_message(use_0x20=pending.uses_0x20, padded=is_encrypted)
        length = len(message) + 2
        self._transport.write(length.to_bytes(2, "big") + identity.to_bytes(2, "big") + message)
        return True

    def abort_if_stalled(self) -> None:
        """Break a connection on which nothing has come for long although something should."""
        if self._open and self._loop.time() - self._waiting_since > STALLED_SECONDS:
            self._server.connection.detach(self)
            self.abort()

    def abandon(self) -> None:
        """Close without telling anybody."""
        self._open.clear()
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the idle check."""
        self._transport = cast("asyncio.Transport", transport)
        self._idle_check = self._loop.call_later(IDLE_SECONDS, self._close_if_idle)

    def data_received(self, data: bytes) -> None:
        """Cut the stream into messages."""
        self._waiting_since = self._loop.time()
        received = self._received
        received += data
        while len(received) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(received[:_LENGTH_BYTES], "big")
            if len(received) < end:
                return
            message = bytes(received[_LENGTH_BYTES:end])
            del received[:end]
            if not self._handle_message(message):
                self.abort()
                return

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        """Hand the open questions back."""
        if self._idle_check is not None:
            self._idle_check.cancel()
        queries = [pending for pending in self._open.values() if not pending.is_finished]
        self._open.clear()
        self._server.connection.take_back(self, queries, had_answers=self._had_answers)
        if not self.closed.done():
            self.closed.set_result(None)

    def _handle_message(self, message: bytes) -> bool:
        """Hand an answer on. Tell False where the server does not speak DNS as we do."""
        counts = self._server.health.counts
        pending = self._open.get(int.from_bytes(message[:2], "big"))
        if len(message) < HEADER_BYTES or pending is None:
            counts.mismatches += 1
            return False
        del self._open[int.from_bytes(message[:2], "big")]
        if not (pending.is_answered_by(message) or pending.is_answered_but_for_case(message)):
            counts.mismatches += 1
            self._server.handler.handle_failure(pending, self._server)
            return False
        self._had_answers = True
        handler = self._server.handler
        if pending.is_finished:
            counts.late += 1
            handler.handle_late_answer(pending, self._server, message)
        elif not handler.handle_answer(pending, self._server, message):
            handler.handle_failure(pending, self._server)  # nothing better can follow on a connection
        return True

    def _close_if_idle(self) -> None:
        quiet = self._loop.time() - self._last_use
        if quiet >= IDLE_SECONDS and self._transport is not None:
            self._server.connection.detach(self)
            self._transport.close()
            return
        self._idle_check = self._loop.call_later(max(IDLE_SECONDS - quiet, 0.1), self._close_if_idle)
