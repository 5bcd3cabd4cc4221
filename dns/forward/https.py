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

import httpx

from dns.forward.health import Health
from dns.forward.pending_query import Exchange
from dns.forward.server import Address, Asker, is_address, title

TIMEOUT_SECONDS = 3.0
IDLE_SECONDS = 60.0
IN_FLIGHT = 500
FOUND_SECONDS = 600.0  # for how long a server's address is believed
_LONGEST = 65535
_MESSAGE = "application/dns-message"
_ATTEMPTS = 2

Find = Callable[[str], Awaitable[Sequence[str]]]


class Unusable(Exception):
    """What came back over HTTPS is no DNS answer; the message says why."""


class HttpsServer:
    """One upstream over HTTPS."""

    def __init__(
        self, address: Address, asker: Asker, health: Health, context: ssl.SSLContext, find: Find
    ) -> None:
        self.title = title(address)
        self.health = health
        self.asker = asker
        self._address = address
        self._find = find
        self._loop = asyncio.get_running_loop()
        self._client = httpx.AsyncClient(
            http2=True,
            verify=context,
            trust_env=False,  # a proxy in the environment is none that the school's settings name
            timeout=TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=2, max_keepalive_connections=1, keepalive_expiry=IDLE_SECONDS),
        )
        self._tasks: dict[Exchange, asyncio.Task[None]] = {}
        self._found: Sequence[str] = ()
        self._found_until = 0.0

    def send(self, exchange: Exchange) -> None:
        """Put a question to the server."""
        if exchange in self._tasks:
            return
        if len(self._tasks) >= IN_FLIGHT:
            self._loop.call_soon(self.asker.failed, exchange, self)
            return
        task = self._tasks[exchange] = self._loop.create_task(self._ask(exchange))
        task.add_done_callback(lambda _: self._tasks.pop(exchange, None))

    async def close(self) -> None:
        """Close the connection."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    async def _ask(self, exchange: Exchange) -> None:
        exchange.sent_at = self._loop.time()
        exchange.case_kept = False  # nobody can spoof here, and in one spelling caches on the way are of use
        problem = ""
        for _ in range(_ATTEMPTS):
            try:
                data = await self._post(exchange)
            except (httpx.HTTPError, httpx.StreamError, OSError, Unusable) as wrong:
                problem = str(wrong) or type(wrong).__name__
                continue
            if exchange.finished:
                self.health.counts.late += 1
            else:
                self.asker.answered(exchange, self, data)
            return
        self.health.note(problem)
        self.health.counts.refused_by_host += 1
        self._found_until = 0.0
        self.asker.failed(exchange, self)

    async def _post(self, exchange: Exchange) -> bytes:
        message = b"\0\0" + exchange.message(mixed=False, padded=True)
        address = self._address
        host = await self._host()
        name = address.server_name or address.host
        port = "" if address.port == 443 else f":{address.port}"
        headers = {
            "host": name + port,
            "accept": _MESSAGE,
            "accept-encoding": "identity",
            "content-type": _MESSAGE,
            "user-agent": "hallpass",
        }
        url = f"https://{host}:{address.port}{address.path}"
        async with self._client.stream(
            "POST", url, content=message, headers=headers, extensions={"sni_hostname": name}
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise Unusable(f"status {response.status_code}")
            if response.headers.get("content-type", "").partition(";")[0].strip().lower() != _MESSAGE:
                raise Unusable("an answer that is no DNS message")
            body = b""
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > _LONGEST:
                    raise Unusable("an answer longer than DNS has")
        if not exchange.is_answered_by(body):
            self.health.counts.wrong += 1
            raise Unusable("an answer to another question")
        return body

    async def _host(self) -> str:
        """Return the server's address as it stands in a URL; looked up where the settings give a name."""
        if is_address(self._address.host):
            return f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        if self._loop.time() >= self._found_until:
            self._found = await self._find(self._address.host)
            self._found_until = self._loop.time() + FOUND_SECONDS
        if not self._found:
            self._found_until = 0.0
            raise Unusable(f"the address of {self._address.host} could not be found through a plain upstream")
        return self._found[0]
