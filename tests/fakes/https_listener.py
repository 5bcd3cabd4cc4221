"""A listener over HTTPS in this process, browsers that ask it, and a peer that sends whatever it likes."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import dnslib
import h2.config
import h2.connection
import h2.events
import httpx

from dns.server.connection_limiter import ConnectionLimits
from dns.server.https import https_listener
from dns.server.stream_listener import StreamListener, open_tcp_socket
from dns.server.tcp import Transport
from dns.server.tls import Certificate, tls_listener
from tests.fakes.authority import Authority

NAME = "room.example.org"
MESSAGE = {"content-type": "application/dns-message", "accept": "application/dns-message"}


class Resolver:
    """Answers every question with one address, or as it is told."""

    def __init__(self) -> None:
        self.answers = ["www.example.org. 120 A 192.0.2.7"]
        self.transports: list[str] = []
        self.reply_size = 0

    def __call__(
        self, packet: bytes, client_address: str, send: Callable[[bytes], None], transport: Transport
    ) -> None:
        self.transports.append(transport)
        record = dnslib.DNSRecord.parse(packet).reply()
        for line in self.answers:
            record.add_answer(*dnslib.RR.fromZone(line))
        asyncio.get_running_loop().call_soon(send, bytes(record.pack()) + bytes(self.reply_size))


class LaterResolver(Resolver):
    """Keeps every answer until it is told to give it."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Callable[[], None]] = []

    def __call__(
        self, packet: bytes, client_address: str, send: Callable[[bytes], None], transport: Transport
    ) -> None:
        record = dnslib.DNSRecord.parse(packet).reply()
        record.add_answer(*dnslib.RR.fromZone(self.answers[0]))
        self.held.append(lambda: send(bytes(record.pack())))


@asynccontextmanager
async def serving(
    authority: Authority, resolver: Resolver, **limits: float
) -> AsyncIterator[tuple[StreamListener, StreamListener]]:
    """Serve HTTPS and TLS."""
    loop = asyncio.get_running_loop()
    files = authority.sign(NAME, "127.0.0.1")
    bounds = ConnectionLimits(**limits)  # type: ignore[arg-type]  # whole numbers where they must be
    listeners = (
        https_listener(
            open_tcp_socket("127.0.0.1", 0), resolver, Certificate(*files, ["h2"], loop.time), limits=bounds
        ),
        tls_listener(
            open_tcp_socket("127.0.0.1", 0), resolver, Certificate(*files, ["dot"], loop.time), limits=bounds
        ),
    )
    for listener in listeners:
        listener.start_accepting()
    try:
        yield listeners
    finally:
        for listener in listeners:
            await listener.close()


@asynccontextmanager
async def browser(authority: Authority, listener: StreamListener) -> AsyncIterator[httpx.AsyncClient]:
    base = f"https://127.0.0.1:{listener.port}"
    async with httpx.AsyncClient(http2=True, verify=authority.trust(), base_url=base, trust_env=False) as client:
        yield client


def encoded(message: bytes) -> str:
    return base64.urlsafe_b64encode(message).rstrip(b"=").decode()


def request_headers() -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":path", "/dns-query"),
        (":scheme", "https"),
        (":authority", NAME),
        *MESSAGE.items(),
    ]


class Http2Peer:
    """A client that speaks HTTP/2 word by word."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self._reader, self._writer = reader, writer
        self._events: Iterator[h2.events.Event] = iter(())

    def send(self, data: bytes) -> None:
        """Send bytes that the library would not."""
        self.flush()
        self._writer.write(data)

    async def everything(self) -> bytes:
        """Return what comes until the connection ends."""
        return await self._reader.read()

    def flush(self) -> None:
        self._writer.write(self.http.data_to_send())

    async def ask(self, stream: int, message: bytes) -> None:
        self.http.send_headers(stream, request_headers())
        self.http.send_data(stream, message, end_stream=True)
        self.flush()

    async def next(self) -> h2.events.Event:
        while True:
            for event in self._events:
                return event
            data = await self._reader.read(65536)
            assert data, "the connection has ended"
            self._events = iter(self.http.receive_data(data))
            self.flush()


@asynccontextmanager
async def bare_connection(
    authority: Authority, listener: StreamListener, settings: dict[int, int] | None = None
) -> AsyncIterator[Http2Peer]:
    context: ssl.SSLContext = authority.trust()
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=context)
    peer = Http2Peer(reader, writer)
    peer.http.initiate_connection()
    peer.http.update_settings(settings or {})
    peer.flush()
    try:
        yield peer
    finally:
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()
