"""One connected UDP socket to an upstream: the questions that left through it, and which answers are believed.

The kernel passes over whatever does not come from the server, and chose the socket's port at random. Of what
does come, only a message with the id of an open question, and that very question in it, is an answer. A port
serves at most `PORT_QUESTIONS` questions or `PORT_SECONDS`, and no id twice.
"""

import asyncio
import socket
from typing import Protocol

from dns.forward.connected_batch import Burst
from dns.forward.entropy import Chance
from dns.forward.health import Health
from dns.forward.pending_query import Exchange, is_bare_error

PORT_QUESTIONS = 256
PORT_SECONDS = 10.0
PORT_STRANGERS = 8  # wrong answers, after which a port is under attack
RECEIVE_BUFFER = 1 << 20


class PortOwner(Protocol):
    """The server that a port belongs to, as far as the port is concerned."""

    health: Health
    chance: Chance
    burst: Burst
    loop: asyncio.AbstractEventLoop
    case_lost: int

    def took(self, exchange: Exchange, data: bytes, now: float) -> None:
        """Take a message that came to the right port with the right id and the right question."""

    def took_case_lost(self, exchange: Exchange, data: bytes, now: float) -> None:
        """Take a message that is right but for the case of the name."""

    def under_attack(self, port: "Port") -> None:
        """Take a port out of use: too much that came to it was wrong."""

    def gone(self, port: "Port") -> None:
        """Take a port out of use: nobody listens at its other end."""

    def emptied(self, port: "Port") -> None:
        """Hear that a port waits for no answer any more."""


class Port:
    """One socket: the questions that left through it, by id, and what comes back."""

    __slots__ = ("_loop", "_open", "_pending", "_server", "_socket", "_strangers", "opened", "room", "until")

    def __init__(self, server: PortOwner, family: int, where: tuple[str, int], now: float) -> None:
        self._server = server
        self._loop = server.loop
        self._pending: dict[bytes, Exchange | None] = {}  # by id, as it travels; None: answered
        self._open = 0
        self._strangers = 0
        self.room = PORT_QUESTIONS
        self.opened = now
        self.until = now + PORT_SECONDS
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)  # noqa: FBT003 (its signature)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            self._socket.connect(where)
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def is_waiting(self) -> bool:
        """Tell whether a question that left here has no answer yet."""
        return self._open > 0

    def unanswered(self) -> list[Exchange]:
        """Return the questions that nobody has answered yet."""
        return [exchange for exchange in self._pending.values() if exchange is not None and not exchange.finished]

    def send(self, exchanges: list[Exchange], now: float, *, edns: bool) -> None:
        """Send questions, each with an id that this socket never had before."""
        pending, chance = self._pending, self._server.chance
        datagrams = []
        for exchange in exchanges:
            if exchange.finished:
                continue
            if not edns:
                exchange.has_edns = False
            identity = exchange.identity
            while identity in pending:
                identity = chance.draw(2)
            pending[identity] = exchange
            exchange.sent_at = now
            if exchange.case_kept and exchange.has_edns:
                message = exchange.usual
            else:
                message = exchange.message(mixed=exchange.case_kept, edns=exchange.has_edns)
            datagrams.append(identity + message)
        self._open += len(datagrams)
        self.room -= len(datagrams)
        try:
            self._server.burst.send(self._socket, datagrams)
        except OSError:
            self._loop.call_soon(self._server.gone, self)

    def close(self) -> None:
        """Close the socket."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _readable(self) -> None:
        server = self._server
        try:
            datagrams = server.burst.receive(self._socket)
        except OSError:
            server.gone(self)
            return
        if not datagrams:
            return
        now = self._loop.time()
        pending = self._pending
        health = server.health
        latency, heard = None, 0
        for data in datagrams:
            # The usual answer is taken right here, everything else in `_take`: each step costs every question.
            identity = data[:2]
            exchange = pending.get(identity)
            if (
                exchange is not None
                and not exchange.finished
                and exchange.has_edns
                and exchange.is_plainly_answered_by(data)
            ):
                pending[identity] = None
                heard += 1
                if exchange.tries == 1:
                    latency = now - exchange.sent_at
                exchange.finish(data)
            else:
                self._take(data, now)
                if self._socket.fileno() < 0:
                    break
        if heard:
            self._open -= heard
            health.counts.answers += heard
            server.case_lost = 0
            health.answered(latency)
        if not self._open and self._socket.fileno() >= 0:
            server.emptied(self)

    def _take(self, data: bytes, now: float) -> None:
        server = self._server
        identity = data[:2]
        exchange = self._pending.get(identity)
        if identity in self._pending and (exchange is None or exchange.finished):
            if exchange is not None:
                self._answered(identity)
            server.health.counts.late += 1
        elif exchange is not None and (exchange.is_answered_by(data) or is_bare_error(data)):
            self._answered(identity)
            server.case_lost = 0
            server.took(exchange, data, now)
        elif exchange is not None and exchange.is_answered_but_for_case(data):
            self._answered(identity)
            server.took_case_lost(exchange, data, now)
        else:
            server.health.counts.wrong += 1
            self._strangers += 1
            if self._strangers >= PORT_STRANGERS:
                server.under_attack(self)

    def _answered(self, identity: bytes) -> None:
        self._pending[identity] = None
        self._open -= 1
