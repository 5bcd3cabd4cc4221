"""Puts questions to one server over HTTPS (RFC 8484): HTTP/2 on one connection that is kept, by way of httpx.

The server's certificate is verified by the name that the settings give. A server given by name must first be
found: its name is looked up through the plain upstreams of the same room, never through the machine's own
resolver (which may be ourselves, and knows nothing of the school's filter).

Questions go with the id zero (section 4.1) and padded to blocks of 128 bytes (RFC 8467). A connection that was
closed just as we wrote to it costs one more attempt.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence

from dns.forward.block_signals import is_quad9
from dns.forward.health import UpstreamHealth
from dns.forward.pending_query import PendingQuery
from dns.forward.server import AnswerHandler, UpstreamAddress, is_ip_address, upstream_title
from dns.http_client import httpx
from dns.message.constants import MEDIA_TYPE

TIMEOUT_SECONDS = 3.0
IDLE_SECONDS = 60.0
MAX_IN_FLIGHT = 500
ADDRESS_SECONDS = 600.0  # for how long a server's address is believed
_MAX_MESSAGE_BYTES = 65535
_ATTEMPTS = 2

LookupAddresses = Callable[[str], Awaitable[Sequence[str]]]


class UnusableAnswer(Exception):
    """What came back over HTTPS is no DNS answer; the message says why."""


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
        self.title = upstream_title(address)
        self.is_quad9 = is_quad9(address.host, address.server_name)
        self.health = health
        self.handler = handler
        self._address = address
        self._lookup_addresses = find
        self._loop = asyncio.get_running_loop()
        self._client = httpx.AsyncClient(
            http2=True,
            verify=context,
            trust_env=False,  # a proxy in the environment is none that the school's settings name
            timeout=TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=2, max_keepalive_connections=1, keepalive_expiry=IDLE_SECONDS),
        )
        self._tasks: dict[PendingQuery, asyncio.Task[None]] = {}
        self._server_addresses: Sequence[str] = ()
        self._server_addresses_until = 0.0

    def send_query(self, pending: PendingQuery) -> None:
        """Put a question to the server."""
        if pending in self._tasks:
            return
        if len(self._tasks) >= MAX_IN_FLIGHT:
            self._loop.call_soon(self.handler.handle_failure, pending, self)
            return
        task = self._tasks[pending] = self._loop.create_task(self._send_and_receive(pending))
        task.add_done_callback(lambda _: self._tasks.pop(pending, None))

    def retry_query(self, pending: PendingQuery) -> None:
        """Put a question to the server once more, unless it is on its way."""
        self.send_query(pending)

    def send_probe(self, pending: PendingQuery) -> None:
        """Put a question to the server in order to see whether it is well again."""
        self.send_query(pending)

    async def close(self) -> None:
        """Close the connection."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    async def _send_and_receive(self, pending: PendingQuery) -> None:
        pending.sent_at = self._loop.time()
        pending.send_plain()  # nobody can spoof here, and in one spelling caches on the way are of use
        problem = ""
        for _ in range(_ATTEMPTS):
            try:
                data = await self._post_query(pending)
            except (httpx.HTTPError, httpx.StreamError, OSError, UnusableAnswer) as wrong:
                problem = str(wrong) or type(wrong).__name__
                continue
            if pending.is_finished:
                self.health.counts.late += 1
                self.handler.handle_late_answer(pending, self, data)
            elif not self.handler.handle_answer(pending, self, data):
                self.handler.handle_failure(pending, self)
            return
        self.health.note_trouble(problem)
        self.health.counts.unreachable += 1
        self._server_addresses_until = 0.0
        self.handler.handle_failure(pending, self)

    async def _post_query(self, pending: PendingQuery) -> bytes:
        message = b"\0\0" + pending.build_message(use_0x20=False, padded=True)
        address = self._address
        host = await self._url_host()
        name = address.server_name or address.host
        port = "" if address.port == 443 else f":{address.port}"
        headers = {
            "host": name + port,
            "accept": MEDIA_TYPE,
            "accept-encoding": "identity",
            "content-type": MEDIA_TYPE,
            "user-agent": "hallpass",
        }
        url = f"https://{host}:{address.port}{address.path}"
        async with self._client.stream(
            "POST", url, content=message, headers=headers, extensions={"sni_hostname": name}
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise UnusableAnswer(f"status {response.status_code}")
            if response.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
                raise UnusableAnswer("an answer that is no DNS message")
            body = b""
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > _MAX_MESSAGE_BYTES:
                    raise UnusableAnswer("an answer longer than DNS has")
        if not pending.is_answered_by(body):
            self.health.counts.mismatches += 1
            raise UnusableAnswer("an answer to another question")
        return body

    async def _url_host(self) -> str:
        """Return the server's address as it stands in a URL; looked up where the settings give a name."""
        if is_ip_address(self._address.host):
            return f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        if self._loop.time() >= self._server_addresses_until:
            self._server_addresses = await self._lookup_addresses(self._address.host)
            self._server_addresses_until = self._loop.time() + ADDRESS_SECONDS
        if not self._server_addresses:
            self._server_addresses_until = 0.0
            raise UnusableAnswer(
                f"the address of {self._address.host} could not be found through a plain upstream"
            )
        return self._server_addresses[0]
