"""Puts questions to one server over HTTPS (RFC 8484): HTTP/2 on one connection that is kept.

What is common to all kept connections: `dns.forward.kept_connection`.
The server's certificate is verified by the name that the settings give. A server given by name must first be
found: its name is looked up through the plain upstreams of the same room, never through the machine's own
resolver (which may be ourselves, and knows nothing of the school's filter).

Questions go with the id zero (section 4.1) and padded to blocks of 128 bytes (RFC 8467).
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence

from dns.forward import http2_connection
from dns.forward.block_signals import is_quad9
from dns.forward.health import UpstreamHealth
from dns.forward.http2_connection import Http2Connection
from dns.forward.kept_connection import KeptConnection
from dns.forward.pending_query import PendingQuery
from dns.forward.server import AnswerHandler, UpstreamAddress, is_ip_address, upstream_title
from dns.message.constants import MEDIA_TYPE

CONNECT_SECONDS = 3.0
ADDRESS_SECONDS = 600.0  # for how long a server's address is believed
_PROTOCOL = "h2"  # inside TLS (ALPN)

LookupAddresses = Callable[[str], Awaitable[Sequence[str]]]


class UnusableServer(Exception):
    """A server that cannot be asked; the message says why."""


class HttpsServer:
    """One upstream over HTTPS."""

    def __init__(
        self,
        address: UpstreamAddress,
        handler: AnswerHandler,
        health: UpstreamHealth,
        context: ssl.SSLContext,
        find: LookupAddresses,
    ) -> None:
        """`context`: for this server alone, because what is spoken inside TLS is set in it."""
        self.title = upstream_title(address)
        self.is_quad9 = is_quad9(address.host, address.server_name)
        self.health = health
        self.handler = handler
        self._address = address
        self._lookup_addresses = find
        self._loop = asyncio.get_running_loop()
        self._context = context
        self._context.set_alpn_protocols([_PROTOCOL])
        self._name = address.server_name or address.host
        self._connection: KeptConnection[Http2Connection] = KeptConnection(
            self, handler, self._open_connection, http2_connection.MAX_IN_FLIGHT
        )
        self._server_addresses: Sequence[str] = ()
        self._server_addresses_until = 0.0
        authority = self._name if address.port == 443 else f"{self._name}:{address.port}"
        self._headers = (
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", authority),
            (":path", address.path),
            ("accept", MEDIA_TYPE),
            ("accept-encoding", "identity"),
            ("content-type", MEDIA_TYPE),
            ("user-agent", "hallpass"),
        )

    def send_query(self, pending: PendingQuery) -> None:
        """Put a question to the server, over the connection that stands or a new one."""
        self._connection.send_query(pending)

    def retry_query(self, pending: PendingQuery) -> None:
        """Put a question to the server once more, unless it is on its way."""
        self._connection.send_query(pending)

    def send_probe(self, pending: PendingQuery) -> None:
        """Put a question to the server in order to see whether it is well again."""
        self._connection.send_query(pending)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    def request_headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers of a question, all but its length."""
        return self._headers

    def handle_answer(self, pending: PendingQuery, data: bytes) -> None:
        """Take what came for a question."""
        if not pending.is_answered_by(data):
            self.health.counts.mismatches += 1
            self.handle_unusable(pending, "an answer to another question")
        elif pending.is_finished:
            self.health.counts.late += 1
            self.handler.handle_late_answer(pending, self, data)
        elif not self.handler.handle_answer(pending, self, data):
            self.handler.handle_failure(pending, self)

    def handle_unusable(self, pending: PendingQuery, problem: str) -> None:
        """Hear why nothing usable came for a question."""
        self._note_trouble(problem)
        if not pending.is_finished:
            self.handler.handle_failure(pending, self)

    def handle_lost_connection(
        self, connection: Http2Connection, queries: list[PendingQuery], *, had_answers: bool
    ) -> None:
        """Take back the questions of a connection that ended."""
        if queries and not had_answers:
            self._note_trouble("the connection ended without an answer")
        self._connection.take_back(connection, queries, had_answers=had_answers)

    def detach_connection(self, connection: Http2Connection) -> None:
        """Ask nothing more over a connection that is about to end."""
        self._connection.detach(connection)

    def _note_trouble(self, problem: str) -> None:
        self.health.note_trouble(problem)
        self.health.counts.unreachable += 1
        self._server_addresses_until = 0.0

    async def _open_connection(self) -> Http2Connection | None:
        try:
            connection = await self._connect(await self._server_host())
        except (OSError, TimeoutError, UnusableServer) as problem:
            self._note_trouble(str(problem) or "no answer to a connection")
            return None
        if not connection.is_open:
            self._note_trouble("no answer to a connection")
        return connection

    async def _connect(self, host: str) -> Http2Connection:
        async with asyncio.timeout(CONNECT_SECONDS):
            transport, connection = await self._loop.create_connection(
                lambda: Http2Connection(self),
                host,
                self._address.port,
                ssl=self._context,
                server_hostname=self._name,
            )
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if tls is None or tls.selected_alpn_protocol() != _PROTOCOL:
            connection.abandon()
            raise UnusableServer("the server does not speak HTTP/2")
        return connection

    async def _server_host(self) -> str:
        """Return the server's address; looked up where the settings give a name."""
        if is_ip_address(self._address.host):
            return self._address.host
        if self._loop.time() >= self._server_addresses_until:
            self._server_addresses = await self._lookup_addresses(self._address.host)
            self._server_addresses_until = self._loop.time() + ADDRESS_SECONDS
        if not self._server_addresses:
            self._server_addresses_until = 0.0
            raise UnusableServer(
                f"the address of {self._address.host} could not be found through a plain upstream"
            )
        return self._server_addresses[0]
