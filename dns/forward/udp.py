"""Puts questions to one server over UDP, and over TCP where an answer did not fit.

Questions gather until the loop comes round, and leave together through one of several sockets
(`dns.forward.udp_socket`), which are renewed all the time. What a spoofer must guess is therefore the port, the id
and the case of the letters, within milliseconds (RFC 5452). A socket that gets wrong answers is under attack:
its open questions go over TCP, and it is closed.

A server that does not keep the case of names ("0x20") is asked over TCP, where nobody can spoof, until it has
done so `CASE_LOST_AFTER` times without ever keeping it; from then on its answers are compared regardless of
case. A server that answers a few questions only without EDNS (RFC 6891, section 7) is asked without it for a
while.
"""

import asyncio
import socket

from dns.forward.connected_batch import Burst
from dns.forward.entropy import Chance
from dns.forward.health import Health
from dns.forward.pending_query import FORMERR, NOTIMP, Exchange, is_truncated, rcode
from dns.forward.server import Address, Asker, Server, title
from dns.forward.stream import StreamServer
from dns.forward.udp_socket import PORT_SECONDS, Port

PORTS = 4  # sockets that take questions at a time
PORT_OVERDRAFT = 8192  # questions beyond that, while ports are not renewed: then what is open on one is let go
PORTS_WAITING = 64  # sockets that wait for answers only; with more of them, ports are not renewed for a while
CASE_LOST_AFTER = 3
EDNS_REFUSED_AFTER = 3
EDNS_REFUSED_SECONDS = 900.0


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
        self._ports: list[Port] = []
        self._waiting: set[Port] = set()
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

    def under_attack(self, port: Port) -> None:
        """Take a port out of use, and ask its questions again where nobody can guess."""
        exchanges = self._retire(port)
        for exchange in exchanges:
            self.send_over_tcp(exchange)

    def gone(self, port: Port) -> None:
        """Tell the asker that nothing listens there: the kernel was told so (ICMP)."""
        self.health.counts.refused_by_host += 1
        self.health.note("nothing listens there")
        for exchange in self._retire(port):
            self.asker.failed(exchange, self)

    def emptied(self, port: Port) -> None:
        """Close a port that was only waiting, and waits for nothing any more."""
        if port in self._waiting:
            self._waiting.discard(port)
            port.close()

    def _retire(self, port: Port) -> list[Exchange]:
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

    def _port(self, now: float) -> Port:
        """Return one of the open ports, by chance; a worn one is replaced."""
        ports = self._ports
        if len(ports) < PORTS:
            ports.append(Port(self, self._family, self._where, now))
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
            port = ports[at] = Port(self, self._family, self._where, now)
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
