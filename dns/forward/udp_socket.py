"""One connected UDP socket to an upstream: the questions that left through it, and which answers are believed.

The kernel passes over whatever does not come from the server, and chose the socket's port at random. Of what
does come, only a message with the id of an open question, and that very question in it, is an answer. A port
serves at most `SOCKET_QUERIES` questions or `SOCKET_SECONDS`, and no id twice.
"""

import asyncio
import socket
from typing import Any, Final, Protocol

from dns.forward.capabilities import SMALL_DATAGRAM_BYTES, Capability, ServerCapabilities
from dns.forward.connected_batch import ConnectedDatagrams
from dns.forward.entropy import EntropyPool
from dns.forward.health import UpstreamHealth
from dns.forward.pending_query import PendingQuery, is_bare_error

SOCKET_QUERIES: Final = 256
SOCKET_SECONDS: Final = 10.0
SOCKET_MISMATCHES: Final = 8  # wrong answers, after which a port is under attack
RECEIVE_BUFFER: Final = 1 << 20


class UdpSocketOwner(Protocol):
    """The server that a port belongs to, as far as the port is concerned."""

    health: UpstreamHealth
    entropy: EntropyPool
    batch: ConnectedDatagrams
    loop: asyncio.AbstractEventLoop
    capabilities: ServerCapabilities

    def handle_message(self, pending: PendingQuery, data: bytes, now: float) -> bool:
        """Take a message that came to the right port with the right id and question. False: it is malformed."""

    def handle_case_mismatch(self, pending: PendingQuery, data: bytes, now: float) -> bool:
        """Take a message that is right but for the case of the name. False: malformed."""

    def handle_bare_error(self, pending: PendingQuery, data: bytes) -> None:
        """Take a message that is no more than a header with the right id, and says that something went wrong."""

    def handle_malformed_answer(self, pending: PendingQuery) -> None:
        """Take the news that a message with the right id and question is malformed."""

    def handle_late_answer(self, pending: PendingQuery, data: bytes) -> None:
        """Take an answer to a question that was given up."""

    def handle_spoofing(self, sock: "UdpSocket") -> None:
        """Take a port out of use: too much that came to it was wrong."""

    def handle_unreachable(self, sock: "UdpSocket") -> None:
        """Take a port out of use: nobody listens at its other end."""

    def handle_drained(self, sock: "UdpSocket") -> None:
        """Hear that a port waits for no answer any more."""


class UdpSocket:
    """One socket: the questions that left through it, by id, and what comes back."""

    __slots__ = (
        "_loop",
        "_mismatches",
        "_open_count",
        "_pending",
        "_server",
        "_socket",
        "opened_at",
        "queries_left",
        "retire_at",
    )

    def __init__(self, server: UdpSocketOwner, family: int, address: tuple[Any, ...], now: float) -> None:
        self._server = server
        self._loop = server.loop
        self._pending: dict[bytes, PendingQuery | None] = {}  # by id, as it travels; None: answered
        self._open_count = 0
        self._mismatches = 0
        self.queries_left = SOCKET_QUERIES
        self.opened_at = now
        self.retire_at = now + SOCKET_SECONDS
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)  # noqa: FBT003 (its signature)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket.fileno(), self._receive_answers)

    def has_open_queries(self) -> bool:
        """Tell whether a question that left here has no answer yet."""
        return self._open_count > 0

    def open_queries(self) -> list[PendingQuery]:
        """Return the questions that nobody has answered yet."""
        return [pending for pending in self._pending.values() if pending is not None and not pending.is_finished]

    def send_queries(self, queries: list[PendingQuery], now: float, payload_size: int | None = None) -> None:
        """Send questions, each with an id that this socket never had before; `payload_size`: if not the usual."""
        by_id, entropy = self._pending, self._server.entropy
        datagrams = []
        for pending in queries:
            if pending.is_finished:
                continue
            identity = pending.message_id
            while identity in by_id:
                identity = entropy.draw_bytes(2)
            by_id[identity] = pending
            pending.sent_at = now
            if pending.uses_0x20 and pending.has_edns and payload_size is None:
                message = pending.default_message
            else:
                message = pending.build_message(
                    use_0x20=pending.uses_0x20, edns=pending.has_edns, payload_size=payload_size
                )
            datagrams.append(identity + message)
        self._open_count += len(datagrams)
        self.queries_left -= len(datagrams)
        try:
            self._server.batch.send(self._socket, datagrams)
        except OSError:
            self._loop.call_soon(self._server.handle_unreachable, self)

    def close(self) -> None:
        """Close the socket."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _receive_answers(self) -> None:
        server = self._server
        datagrams = self._receive_datagrams()
        if not datagrams:
            return
        now = self._loop.time()
        by_id = self._pending
        health, capabilities = server.health, server.capabilities
        is_proven = capabilities.is_case_proven and capabilities.is_edns_proven
        latency, heard = None, 0
        for data in datagrams:
            # The usual answer is taken right here, everything else in `_handle_uncommon`: each step costs every
            # question.
            identity = data[:2]
            pending = by_id.get(identity)
            if (
                pending is not None
                and not pending.is_finished
                and is_proven
                and pending.has_edns
                and pending.is_commonly_answered_by(data)
            ):
                if not pending.complete(data):
                    server.handle_malformed_answer(pending)
                    continue
                by_id[identity] = None
                heard += 1
                if pending.attempts == 1:
                    latency = now - pending.sent_at
            else:
                self._handle_uncommon(data, now)
                if self._socket.fileno() < 0:
                    break
        if heard:
            self._open_count -= heard
            health.counts.answers += heard
            if capabilities.has_doubts:
                _clear_doubts(capabilities, datagrams)
            health.note_answer(latency)
        if not self._open_count and self._socket.fileno() >= 0:
            server.handle_drained(self)

    def _receive_datagrams(self) -> list[bytes]:
        try:
            return self._server.batch.receive(self._socket)
        except OSError:
            self._server.handle_unreachable(self)
            return []

    def _handle_uncommon(self, data: bytes, now: float) -> None:
        server = self._server
        identity = data[:2]
        pending = self._pending.get(identity)
        if pending is None:
            self._handle_unknown(identity)
        elif pending.is_finished:
            self._mark_answered(identity)
            server.health.counts.late += 1
            if pending.is_failed and pending.is_answered_by(data):
                server.handle_late_answer(pending, data)
        elif pending.is_answered_by(data):
            if server.handle_message(pending, data, now):
                self._mark_answered(identity)
        elif pending.is_answered_but_for_case(data):
            if server.handle_case_mismatch(pending, data, now):
                self._mark_answered(identity)
        elif is_bare_error(data):
            server.handle_bare_error(pending, data)
        else:
            self._handle_mismatch()

    def _handle_unknown(self, identity: bytes) -> None:
        if identity in self._pending:
            self._server.health.counts.late += 1
        else:
            self._handle_mismatch()

    def _handle_mismatch(self) -> None:
        """Count a wrong answer. Whatever it is, the genuine one may follow."""
        self._server.health.counts.mismatches += 1
        self._mismatches += 1
        if self._mismatches >= SOCKET_MISMATCHES:
            self._server.handle_spoofing(self)

    def _mark_answered(self, identity: bytes) -> None:
        if self._pending.get(identity) is not None:
            self._pending[identity] = None
            self._open_count -= 1


def _clear_doubts(capabilities: ServerCapabilities, datagrams: list[bytes]) -> None:
    """Note what usual answers show: that the server bears the usual questions."""
    capabilities.note_shown(Capability.MIXED_CASE, Capability.EDNS, Capability.UDP)
    if any(len(data) > SMALL_DATAGRAM_BYTES for data in datagrams):
        capabilities.note_shown(Capability.LARGE_DATAGRAMS)
