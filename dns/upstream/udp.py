"""Puts questions to one server over UDP, and over TCP where an answer did not fit.

Questions gather until the loop comes round, and leave together through one socket. Sockets are connected, so
that the kernel itself passes over whatever does not come from the server; each has a port that the kernel chose
at random, serves at most `PORT_QUESTIONS` questions or `PORT_SECONDS`, and several are open at a time. What a
spoofer must guess is therefore the port, the id and the case of the letters, within milliseconds (RFC 5452). A
socket on which `PORT_STRANGERS` answers were wrong is under attack: its open questions go over TCP, and it is
closed.

A server that does not keep the case of names ("0x20") is asked over TCP, where nobody can spoof, until it has
done so `CASE_LOST_AFTER` times without ever keeping it; from then on its answers are compared regardless of
case. A server that answers a few questions only without EDNS (RFC 6891, section 7) is asked without it for a
while.
"""

import asyncio
import socket

from dns.upstream.burst import Burst
from dns.upstream.chance import Chance
from dns.upstream.exchange import FORMERR, HEADER_BYTES, NOTIMP, Exchange, is_bare_error, is_truncated, rcode
from dns.upstream.health import Health
from dns.upstream.server import Address, Asker, Server, title
from dns.upstream.stream import StreamServer

PORTS = 4  # sockets that take questions at a time
PORT_QUESTIONS = 256
PORT_SECONDS = 10.0
PORT_OVERDRAFT = 8192  # questions beyond that, while ports are not renewed: then what is open on one is let go
PORT_STRANGERS = 8
PORTS_WAITING = 64  # sockets that wait for answers only; with more of them, ports are not renewed for a while
CASE_LOST_AFTER = 3
EDNS_REFUSED_AFTER = 3
EDNS_REFUSED_SECONDS = 900.0
RECEIVE_BUFFER = 1 << 20


class UdpServer:
    """One upstream over plain DNS."""

    def __init__(self, address: Address, asker: Asker, chance: Chance, burst: Burst, health: Health) -> None:
        self.title = title(address)
        self.health = health
        self.keeps_case = True
        self.asker = asker
        self.chance = chance
        self.burst = burst
        self.loop = asyncio.get_running_loop()
        self._where = (address.host, address.port)
        self._family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._outbox: list[Exchange] = []
        self._ports: list[_Port] = []
        self._waiting: set[_Port] = set()
        self.case_lost = 0  # how often in a row
        self._edns_refused = 0
        self._edns_again = 0.0
        self._tcp = StreamServer(address, _OverTcp(self), chance, health)

    def send(self, exchange: Exchange) -> None:
        """Put a question to the server, together with all others of this turn of the loop."""
        if not self._outbox:
            self.loop.call_soon(self._flush)
        self._outbox.append(exchange)

    def send_over_tcp(self, exchange: Exchange) -> None:
        """Put a question to the server where nobody can spoof and every answer fits."""
        self._tcp.send(exchange)

    async def close(self) -> None:
        """Close every socket."""
        self._outbox.clear()
        for port in (*self._ports, *self._waiting):
            port.close()
        self._ports.clear()
        self._waiting.clear()
        await self._tcp.close()

    def took(self, exchange: Exchange, data: bytes, now: float) -> None:
        """Take a message that came to the right port with the right id and the right question."""
        if is_truncated(data):
            self.health.counts.truncated += 1
            self.health.answered(now - exchange.sent_at)
            self.send_over_tcp(exchange)
        elif rcode(data) in {FORMERR, NOTIMP} and exchange.has_edns:
            exchange.has_edns = False  # is it the question that it does not understand, or our OPT record?
            self.send(exchange)
        else:
            if not exchange.has_edns and rcode(data) not in {FORMERR, NOTIMP} and now >= self._edns_again:
                self._edns_refused += 1
                if self._edns_refused >= EDNS_REFUSED_AFTER:
                    self._edns_refused = 0
                    self._edns_again = now + EDNS_REFUSED_SECONDS
            self.asker.answered(exchange, self, data)

    def took_case_lost(self, exchange: Exchange, data: bytes, now: float) -> None:
        """Take a message that is right but for the case of the name."""
        self.health.counts.case_lost += 1
        if not self.keeps_case:
            self.took(exchange, data, now)
            return
        self.case_lost += 1
        if self.case_lost >= CASE_LOST_AFTER:
            self.keeps_case = False
        self.send_over_tcp(exchange)

    def under_attack(self, port: "_Port") -> None:
        """Take a port out of use, and ask its questions again where nobody can guess."""
        exchanges = self._retire(port)
        for exchange in exchanges:
            self.send_over_tcp(exchange)

    def gone(self, port: "_Port") -> None:
        """Tell the asker that nothing listens there: the kernel was told so (ICMP)."""
        self.health.counts.refused_by_host += 1
        self.health.note("nothing listens there")
        for exchange in self._retire(port):
            self.asker.failed(exchange, self)

    def emptied(self, port: "_Port") -> None:
        """Close a port that was only waiting, and waits for nothing any more."""
        if port in self._waiting:
            self._waiting.discard(port)
            port.close()

    def _retire(self, port: "_Port") -> list[Exchange]:
        if port in self._ports:
            self._ports.remove(port)
        self._waiting.discard(port)
        port.close()
        return port.unanswered()

    def _flush(self) -> None:
        exchanges, self._outbox = self._outbox, []
        if not exchanges:
            return
        now = self.loop.time()
        edns = now >= self._edns_again
        try:
            port = self._port(now)
        except OSError:
            self.health.counts.refused_by_host += 1
            for exchange in exchanges:
                self.loop.call_soon(self.asker.failed, exchange, self)
            return
        port.send(exchanges, now, edns=edns)

    def _port(self, now: float) -> "_Port":
        """Return one of the open ports, by chance; a worn one is replaced."""
        ports = self._ports
        if len(ports) < PORTS:
            ports.append(_Port(self, self._family, self._where, now))
            return ports[-1]
        at = self.chance.number(1) % PORTS
        port = ports[at]
        # A server in trouble may be well, and our own address another since the socket was opened.
        is_suspect = self.health.in_trouble and port.opened < self.health.trouble_began
        is_worn = port.room <= 0 or now > port.until or is_suspect
        has_place = len(self._waiting) < PORTS_WAITING
        if (is_worn and has_place) or port.room < -PORT_OVERDRAFT:
            if port.is_waiting() and has_place:
                self._waiting.add(port)
                self.loop.call_later(PORT_SECONDS, self.emptied, port)
            else:
                port.close()
            port = ports[at] = _Port(self, self._family, self._where, now)
        return port


class _OverTcp:
    """Hears how questions went that were put to the server over TCP, and speaks for the server as a whole."""

    def __init__(self, server: UdpServer) -> None:
        self._server = server

    def answered(self, exchange: Exchange, _: Server, data: bytes) -> None:
        self._server.asker.answered(exchange, self._server, data)

    def failed(self, exchange: Exchange, _: Server) -> None:
        if exchange.case_kept:
            # A server without TCP, which perhaps cannot keep case: over UDP in plain case it is heard.
            exchange.case_kept = False
            self._server.send(exchange)
        else:
            self._server.asker.failed(exchange, self._server)


class _Port:
    """One socket: the questions that left through it, by id, and what comes back."""

    __slots__ = ("_loop", "_open", "_pending", "_server", "_socket", "_strangers", "opened", "room", "until")

    def __init__(self, server: UdpServer, family: int, where: tuple[str, int], now: float) -> None:
        self._server = server
        self._loop = server.loop
        self._pending: dict[int, Exchange | None] = {}  # None: answered
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
        pending, number = self._pending, self._server.chance.number
        datagrams = []
        for exchange in exchanges:
            if exchange.finished:
                continue
            if not edns:
                exchange.has_edns = False
            identity = exchange.identity
            while identity in pending:
                identity = number(2)
            pending[identity] = exchange
            exchange.sent_at = now
            datagrams.append(
                identity.to_bytes(2, "big") + exchange.message(mixed=exchange.case_kept, edns=exchange.has_edns)
            )
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
        latency, heard = None, False
        for data in datagrams:
            # The usual answer is taken right here, everything else in `_take`: each step costs every question.
            exchange = pending.get(data[0] << 8 | data[1]) if len(data) > HEADER_BYTES else None
            if (
                exchange is not None
                and not exchange.finished
                and exchange.has_edns
                and exchange.is_plainly_answered_by(data)
            ):
                pending[data[0] << 8 | data[1]] = None
                self._open -= 1
                health.counts.answers += 1
                server.case_lost = 0
                heard = True
                if exchange.tries == 1:
                    latency = now - exchange.sent_at
                exchange.finished = True
                exchange.done(exchange.restored(data))
            else:
                self._take(data, now)
                if self._socket.fileno() < 0:
                    return
        if heard:
            health.answered(latency)
        if not self._open:
            server.emptied(self)

    def _take(self, data: bytes, now: float) -> None:
        server = self._server
        identity = int.from_bytes(data[:2], "big")
        exchange = self._pending.get(identity)
        if exchange is not None and exchange.is_answered_by(data):
            self._answered(identity)
            if exchange.finished:
                server.health.counts.late += 1
                return
            server.case_lost = 0
            server.took(exchange, data, now)
        elif exchange is not None and exchange.is_answered_but_for_case(data):
            self._answered(identity)
            server.took_case_lost(exchange, data, now)
        elif exchange is not None and not exchange.finished and is_bare_error(data):
            self._answered(identity)
            server.took(exchange, data, now)
        elif identity in self._pending and exchange is None:
            server.health.counts.late += 1
        else:
            server.health.counts.wrong += 1
            self._strangers += 1
            if self._strangers >= PORT_STRANGERS:
                server.under_attack(self)

    def _answered(self, identity: int) -> None:
        self._pending[identity] = None
        self._open -= 1
