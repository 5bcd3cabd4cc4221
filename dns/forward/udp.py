"""Puts questions to one server over UDP, and over TCP where an answer did not fit.

Questions gather until the loop comes round, and leave together through one of several sockets
(`dns.forward.udp_socket`), which are renewed all the time. What a spoofer must guess is therefore the port, the id
and the case of the letters, within milliseconds (RFC 5452). A socket that gets wrong answers is under attack:
its open questions go over TCP, and it is closed.

A server that does not keep the case of names ("0x20") is asked over TCP, where nobody can spoof, until it has
done so `CASE_MISMATCHES_ALLOWED` times without ever keeping it; from then on its answers are compared regardless
of case. A server that answers a few questions only without EDNS (RFC 6891, section 7) is asked without it for a
while.
"""

import asyncio
import socket

from dns.forward.connected_batch import ConnectedDatagramBatch
from dns.forward.entropy import EntropyPool
from dns.forward.health import UpstreamHealth
from dns.forward.pending_query import NOT_UNDERSTOOD, PendingQuery
from dns.forward.server import AnswerHandler, UpstreamAddress, UpstreamServer, upstream_title
from dns.forward.stream import StreamServer
from dns.forward.udp_socket import SOCKET_SECONDS, UdpSocket
from dns.message.header import is_truncated, rcode_of

SOCKETS = 4  # sockets that take questions at a time
SOCKET_OVERDRAFT = 8192  # questions beyond that, while ports are not renewed: then what is open on one is let go
MAX_DRAINING_SOCKETS = (
    64  # sockets that wait for answers only; with more of them, ports are not renewed for a while
)
CASE_MISMATCHES_ALLOWED = 3
EDNS_REFUSALS_ALLOWED = 3
EDNS_REFUSED_SECONDS = 900.0


class UdpServer:
    """One upstream over plain DNS."""

    def __init__(
        self,
        address: UpstreamAddress,
        handler: AnswerHandler,
        entropy: EntropyPool,
        batch: ConnectedDatagramBatch,
        health: UpstreamHealth,
    ) -> None:
        self.title = upstream_title(address)
        self.health = health
        self.keeps_case = True
        self.handler = handler
        self.entropy = entropy
        self.batch = batch
        self.loop = asyncio.get_running_loop()
        self._socket_address = (address.host, address.port)
        self._family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._outbox: list[PendingQuery] = []
        self._sockets: list[UdpSocket] = []
        self._draining: set[UdpSocket] = set()
        self.case_mismatches = 0  # how often in a row
        self._edns_refusals = 0
        self._edns_retry_at = 0.0
        self._tcp = StreamServer(address, _TcpFallback(self), entropy, health)

    def send_query(self, pending: PendingQuery) -> None:
        """Put a question to the server, together with all others of this turn of the loop."""
        if not self._outbox:
            self.loop.call_soon(self._send_outbox)
        self._outbox.append(pending)

    def send_over_tcp(self, pending: PendingQuery) -> None:
        """Put a question to the server where nobody can spoof and every answer fits."""
        self._tcp.send_query(pending)

    async def close(self) -> None:
        """Close every socket."""
        self._outbox.clear()
        for sock in (*self._sockets, *self._draining):
            sock.close()
        self._sockets.clear()
        self._draining.clear()
        await self._tcp.close()

    def handle_message(self, pending: PendingQuery, data: bytes, now: float) -> None:
        """Take a message that came to the right port with the right id and the right question."""
        if is_truncated(data):
            self.health.counts.truncated += 1
            self.health.note_answer(now - pending.sent_at)
            self.send_over_tcp(pending)
        elif rcode_of(data) in NOT_UNDERSTOOD and pending.has_edns:
            pending.has_edns = False  # is it the question that it does not understand, or our OPT record?
            self.send_query(pending)
        else:
            if not pending.has_edns and rcode_of(data) not in NOT_UNDERSTOOD and now >= self._edns_retry_at:
                self._edns_refusals += 1
                if self._edns_refusals >= EDNS_REFUSALS_ALLOWED:
                    self._edns_refusals = 0
                    self._edns_retry_at = now + EDNS_REFUSED_SECONDS
            self.handler.handle_answer(pending, self, data)

    def handle_case_mismatch(self, pending: PendingQuery, data: bytes, now: float) -> None:
        """Take a message that is right but for the case of the name."""
        self.health.counts.case_mismatches += 1
        if not self.keeps_case:
            self.handle_message(pending, data, now)
            return
        self.case_mismatches += 1
        if self.case_mismatches >= CASE_MISMATCHES_ALLOWED:
            self.keeps_case = False
        self.send_over_tcp(pending)

    def handle_spoofing(self, sock: UdpSocket) -> None:
        """Take a port out of use, and ask its questions again where nobody can guess."""
        queries = self._retire_socket(sock)
        for pending in queries:
            self.send_over_tcp(pending)

    def handle_unreachable(self, sock: UdpSocket) -> None:
        """Tell the client that nothing listens there: the kernel was told so (ICMP)."""
        self.health.counts.unreachable += 1
        self.health.note_trouble("nothing listens there")
        for pending in self._retire_socket(sock):
            self.handler.handle_failure(pending, self)

    def handle_drained(self, sock: UdpSocket) -> None:
        """Close a port that was only waiting, and waits for nothing any more."""
        if sock in self._draining:
            self._draining.discard(sock)
            sock.close()

    def _retire_socket(self, sock: UdpSocket) -> list[PendingQuery]:
        if sock in self._sockets:
            self._sockets.remove(sock)
        self._draining.discard(sock)
        sock.close()
        return sock.open_queries()

    def _send_outbox(self) -> None:
        queries, self._outbox = self._outbox, []
        if not queries:
            return
        now = self.loop.time()
        edns = now >= self._edns_retry_at
        try:
            sock = self._pick_socket(now)
        except OSError:
            self.health.counts.unreachable += 1
            for pending in queries:
                self.loop.call_soon(self.handler.handle_failure, pending, self)
            return
        sock.send_queries(queries, now, edns=edns)

    def _pick_socket(self, now: float) -> UdpSocket:
        """Return one of the open ports, by chance; a worn one is replaced."""
        sockets = self._sockets
        if len(sockets) < SOCKETS:
            sockets.append(UdpSocket(self, self._family, self._socket_address, now))
            return sockets[-1]
        at = self.entropy.draw_number(1) % SOCKETS
        sock = sockets[at]
        # A server in trouble may be well, and our own address another since the socket was opened.
        is_doubtful = self.health.in_trouble and sock.opened_at < self.health.trouble_since
        is_worn = sock.queries_left <= 0 or now > sock.retire_at or is_doubtful
        has_place = len(self._draining) < MAX_DRAINING_SOCKETS
        if (is_worn and has_place) or sock.queries_left < -SOCKET_OVERDRAFT:
            if sock.has_open_queries() and has_place:
                self._draining.add(sock)
                self.loop.call_later(SOCKET_SECONDS, self.handle_drained, sock)
            else:
                sock.close()
            sock = sockets[at] = UdpSocket(self, self._family, self._socket_address, now)
        return sock


class _TcpFallback:
    """Hears how questions went that were put to the server over TCP, and speaks for the server as a whole."""

    def __init__(self, server: UdpServer) -> None:
        self._server = server

    def handle_answer(self, pending: PendingQuery, _: UpstreamServer, data: bytes) -> None:
        self._server.handler.handle_answer(pending, self._server, data)

    def handle_failure(self, pending: PendingQuery, _: UpstreamServer) -> None:
        if pending.uses_0x20:
            # A server without TCP, which perhaps cannot keep case: over UDP in plain case it is heard.
            pending.uses_0x20 = False
            self._server.send_query(pending)
        else:
            self._server.handler.handle_failure(pending, self._server)
