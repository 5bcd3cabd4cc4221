"""Puts questions to one server over UDP, and over TCP where an answer did not fit.

Questions gather until the loop comes round, and leave together through one of several sockets
(`dns.forward.udp_socket`), which are renewed all the time. What a spoofer must guess is therefore the port, the id
and the case of the letters, within milliseconds (RFC 5452). A socket that gets wrong answers is under attack:
its open questions go over TCP, and it is closed.

What a server turns out not to bear is in `dns.forward.capabilities`; what tells it, in
`dns.forward.answer_doubts`. An answer that lost the case of its letters may be a spoofer's: the question is asked
over TCP, where nobody can spoof, and what comes there tells whether the server keeps case. An error, or "there is
none", in answer to mixed letters is asked about once more in plain ones, until the server has once answered mixed
letters well; and an error, or nothing at all, once more without EDNS, until it has once answered with it. A
question that UDP left unanswered twice goes over TCP.
"""

import asyncio
import socket
from typing import Final

from dns.forward.answer_doubts import (
    doubt_answer,
    doubt_bare_error,
    drop_case,
    drop_edns,
    has_records,
    note_evidence,
)
from dns.forward.block_signals import is_quad9
from dns.forward.capabilities import EVIDENCE_NEEDED, SMALL_DATAGRAM_BYTES, Capability, ServerCapabilities
from dns.forward.connected_batch import ConnectedDatagrams
from dns.forward.entropy import EntropyPool
from dns.forward.health import UpstreamHealth
from dns.forward.pending_query import NOT_UNDERSTOOD, PendingQuery
from dns.forward.server import AnswerHandler, UpstreamAddress, UpstreamServer, socket_address, upstream_title
from dns.forward.stream import StreamServer
from dns.forward.udp_socket import SOCKET_SECONDS, UdpSocket
from dns.message.header import is_truncated, rcode_of

SOCKETS: Final = 4  # sockets that take questions at a time
# Questions beyond that, while ports are not renewed: then what is open on one is let go.
SOCKET_OVERDRAFT: Final = 8192
# Sockets that wait for answers only; with more of them, ports are not renewed for a while.
MAX_DRAINING_SOCKETS: Final = 64


class UdpServer:
    """One upstream over plain DNS."""

    def __init__(
        self,
        address: UpstreamAddress,
        handler: AnswerHandler,
        entropy: EntropyPool,
        batch: ConnectedDatagrams,
        health: UpstreamHealth,
    ) -> None:
        self.title = upstream_title(address)
        self.is_quad9 = is_quad9(address.host, address.server_name)
        self.health = health
        self.capabilities = ServerCapabilities(address.mixed_case, address.edns)
        self.handler = handler
        self.entropy = entropy
        self.batch = batch
        self.loop = asyncio.get_running_loop()
        self._host, self._port = address.host, address.port
        self._family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._outbox: list[PendingQuery] = []
        self._sockets: list[UdpSocket] = []
        self._draining: set[UdpSocket] = set()
        self._probes = 0
        self._tcp = StreamServer(address, _TcpFallback(self), entropy, health)

    def send_query(self, pending: PendingQuery) -> None:
        """Put a question to the server, together with all others of this turn of the loop."""
        if not self._outbox:
            self.loop.call_soon(self._send_outbox)
        self._outbox.append(pending)

    def send_probe(self, pending: PendingQuery) -> None:
        """Put a question to the server in order to see whether it is well again, and if not so, then so."""
        way = self._probes % 3
        self._probes += 1
        if way == 1 and self.capabilities.is_open(Capability.EDNS):
            drop_edns(pending)
        pending.is_udp_doubted = way == 2
        if pending.is_udp_doubted:
            self.send_over_tcp(pending)
        else:
            self.send_query(pending)

    def retry_query(self, pending: PendingQuery) -> None:
        """Put a question to the server once more, in another way: perhaps somebody cannot bear the usual one."""
        if not pending.may_ask(self):  # this is the last time
            pending.is_udp_doubted = True
            self.send_over_tcp(pending)
            return
        if self.capabilities.is_open(Capability.MIXED_CASE):
            drop_case(pending)
        if self.capabilities.is_open(Capability.EDNS) and (
            self.health.timeouts_in_row >= EVIDENCE_NEEDED or pending.malformed_server is self
        ):
            drop_edns(pending)
        self.send_query(pending)

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

    def handle_message(self, pending: PendingQuery, data: bytes, now: float) -> bool:
        """Take a message that came to the right port with the right id and question. False: it is malformed."""
        self.capabilities.note_shown(Capability.UDP)
        if not is_truncated(data):
            return self.take_answer(pending, data, now)
        self.health.counts.truncated += 1
        self.health.note_answer(now - pending.sent_at)
        self._ask_over_tcp(pending)
        return True

    def take_answer(self, pending: PendingQuery, data: bytes, now: float) -> bool:
        """Take an answer that came over UDP or TCP, or ask again in another way. False: it is malformed."""
        if pending.may_ask(self) and doubt_answer(self.capabilities, pending, data):
            self._ask_again(pending)
            return True
        note_evidence(self.capabilities, pending, data, now)
        return self.handler.handle_answer(pending, self, data)

    def handle_bare_error(self, pending: PendingQuery, data: bytes) -> None:
        """Take a message that is no more than a header with the right id: anybody can send that.

        Servers from before EDNS answer so: the question is asked again without, and then in plain letters. Beyond
        that it is passed over.
        """
        is_understood = rcode_of(data) not in NOT_UNDERSTOOD
        if is_understood or not pending.may_ask(self) or not doubt_bare_error(self.capabilities, pending):
            self.handler.handle_malformed_answer(pending, self)
        else:
            self._ask_again(pending)

    def handle_malformed_answer(self, pending: PendingQuery) -> None:
        """Take the news that a message with the right id and question is malformed."""
        self.handler.handle_malformed_answer(pending, self)

    def handle_late_answer(self, pending: PendingQuery, data: bytes) -> None:
        """Take an answer to a question that was given up."""
        if self.capabilities.is_case_proven or has_records(data):
            self.handler.handle_late_answer(pending, self, data)

    def handle_case_mismatch(self, pending: PendingQuery, data: bytes, now: float) -> bool:
        """Take a message that is right but for the case of the name. False: malformed."""
        self.health.counts.case_mismatches += 1
        if not self.capabilities.bears(Capability.MIXED_CASE, now):
            return self.handle_message(pending, data, now)
        self._ask_over_tcp(pending)
        return True

    def _ask_over_tcp(self, pending: PendingQuery) -> None:
        if pending.may_ask(self):
            pending.note_query(self)
            self.send_over_tcp(pending)
        else:
            self.handler.handle_failure(pending, self)

    def _ask_again(self, pending: PendingQuery) -> None:
        pending.note_query(self)
        self.send_query(pending)

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
        payload_size = None
        if now < self.capabilities.restricted_until:
            queries, payload_size = self._restrict_queries(queries, now)
            if not queries:
                return
        try:
            sock = self._pick_socket(now)
        except OSError as problem:
            self.health.note_trouble(problem.strerror or str(problem))
            self.health.counts.unreachable += 1
            for pending in queries:
                self.loop.call_soon(self.handler.handle_failure, pending, self)
            return
        sock.send_queries(queries, now, payload_size)

    def _restrict_queries(self, queries: list[PendingQuery], now: float) -> tuple[list[PendingQuery], int | None]:
        """Prepare questions for a server that does not bear everything: what is left to send, and its size."""
        bears = self.capabilities.bears
        for pending in queries:
            if not bears(Capability.MIXED_CASE, now):
                pending.send_plain()
            if not bears(Capability.EDNS, now):
                pending.has_edns = False
            if not bears(Capability.UDP, now):
                self.send_over_tcp(pending)
        size = None if bears(Capability.LARGE_DATAGRAMS, now) else SMALL_DATAGRAM_BYTES
        return queries if bears(Capability.UDP, now) else [], size

    def _pick_socket(self, now: float) -> UdpSocket:
        """Return one of the open ports, by chance; a worn one is replaced."""
        sockets = self._sockets
        if len(sockets) < SOCKETS:
            sockets.append(UdpSocket(self, self._family, socket_address(self._host, self._port), now))
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
            sock = sockets[at] = UdpSocket(self, self._family, socket_address(self._host, self._port), now)
        return sock


class _TcpFallback:
    """Hears how questions went that were put to the server over TCP, and speaks for the server as a whole."""

    def __init__(self, server: UdpServer) -> None:
        self._server = server

    def handle_answer(self, pending: PendingQuery, _: UpstreamServer, data: bytes) -> bool:
        server = self._server
        now = server.loop.time()
        if pending.is_mixed:
            if pending.is_answered_by(data):
                server.capabilities.note_shown(Capability.MIXED_CASE)
            else:
                server.capabilities.note_evidence_against(Capability.MIXED_CASE, now)
        return server.take_answer(pending, data, now)

    def handle_late_answer(self, pending: PendingQuery, _: UpstreamServer, data: bytes) -> None:
        self._server.handle_late_answer(pending, data)

    def handle_malformed_answer(self, pending: PendingQuery, _: UpstreamServer) -> None:
        self._server.handle_malformed_answer(pending)

    def handle_failure(self, pending: PendingQuery, _: UpstreamServer) -> None:
        server = self._server
        if pending.is_udp_doubted and not pending.is_probe:
            return  # UDP may bring an answer yet
        if pending.is_mixed and pending.may_ask(server):
            # A server without TCP, which perhaps cannot keep case: over UDP in plain case it is heard.
            server.capabilities.note_evidence_against(Capability.MIXED_CASE, server.loop.time())
            pending.send_plain()
            pending.note_query(server)
            server.send_query(pending)
        else:
            server.handler.handle_failure(pending, server)
