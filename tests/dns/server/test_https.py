"""DNS over HTTPS (RFC 8484) and over TLS (RFC 7858), heard by real clients, polite and rude."""

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
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.server import https
from dns.server.connection_limiter import ConnectionLimits
from dns.server.http_request import DohRequest, cache_max_age
from dns.server.https import HttpsConnection, https_listener
from dns.server.stream_listener import StreamListener, open_tcp_socket
from dns.server.tcp import Transport
from dns.server.tls import Certificate, tls_listener
from tests.fakes.authority import Authority
from tests.fakes.dns_client import query, run

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


class _Later(Resolver):
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


@pytest.fixture(name="authority", scope="module")
def _authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


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


def test_get_and_post_are_answered_and_say_for_how_long(authority: Authority) -> None:
    """RFC 8484, sections 4.1 and 5.1."""

    async def story() -> None:
        resolver = Resolver()
        async with serving(authority, resolver) as (listener, _), browser(authority, listener) as client:
            message = query("www.example.org")
            for response in (
                await client.post("/dns-query", content=message, headers=MESSAGE),
                await client.get("/dns-query", params={"dns": encoded(message)}),
            ):
                assert response.http_version == "HTTP/2"
                assert response.status_code == 200
                assert response.headers["content-type"] == "application/dns-message"
                assert response.headers["cache-control"] == "max-age=120"
                assert str(dnslib.DNSRecord.parse(response.content).rr[0].rdata) == "192.0.2.7"
        assert resolver.transports == ["https", "https"]

    run(story())


def test_what_is_no_question_gets_the_status_that_says_why(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), browser(authority, listener) as client:
            message = query("www.example.org")
            answer = bytes([message[0], message[1], 0x81]) + message[3:]
            for expected, response in (
                (404, await client.get("/")),
                (404, await client.post("/resolve", content=message, headers=MESSAGE)),
                (400, await client.get("/dns-query")),
                (400, await client.get("/dns-query", params={"dns": "!!"})),
                (400, await client.get("/dns-query", params={"dns": encoded(b"short")})),
                (400, await client.post("/dns-query", content=answer, headers=MESSAGE)),
                (405, await client.put("/dns-query", content=message, headers=MESSAGE)),
                (415, await client.post("/dns-query", content=message, headers={"content-type": "text/plain"})),
                (413, await client.post("/dns-query", content=bytes(70_000), headers=MESSAGE)),
            ):
                assert response.status_code == expected, response.request.url
            response = await client.post("/dns-query", content=message, headers=MESSAGE)
            assert response.status_code == 200

    run(story())


def test_a_hundred_questions_at_once_share_one_connection(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), browser(authority, listener) as client:
            responses = await asyncio.gather(
                *(
                    client.post("/dns-query", content=query(f"n{n}.example.org"), headers=MESSAGE)
                    for n in range(100)
                )
            )
            assert {response.status_code for response in responses} == {200}
            assert len(listener) == 1

    run(story())


def test_an_answer_larger_than_the_peers_window_is_sent_piece_by_piece(authority: Authority) -> None:
    async def story() -> None:
        resolver = Resolver()
        resolver.reply_size = 60_000
        window = {int(h2.settings.SettingCodes.INITIAL_WINDOW_SIZE): 1000}
        async with serving(authority, resolver) as (listener, _), _bare(authority, listener, window) as peer:
            await peer.ask(1, query("www.example.org"))
            body = b""
            while True:
                event = await peer.next()
                if isinstance(event, h2.events.DataReceived):
                    body += event.data or b""
                    peer.http.acknowledge_received_data(event.flow_controlled_length or 0, 1)
                    peer.flush()
                elif isinstance(event, h2.events.StreamEnded):
                    break
            assert len(body) > 60_000

    run(story())


def test_a_peer_that_opens_and_cancels_without_end_is_broken_off(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), _bare(authority, listener) as peer:
            for stream in range(1, 2 * (https.MAX_CANCELLATIONS + 50), 2):
                peer.http.send_headers(stream, _headers())
                peer.http.reset_stream(stream)
                peer.flush()
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


PING = b"\0\0\x08\6\0\0\0\0\0" + b"12345678"
SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
EMPTY_DATA = b"\0\0\0\0\0\0\0\0\1"
PRIORITY = b"\0\0\5\2\0\0\0\0\3\0\0\0\0\x10"
UNKNOWN = b"\0\0\0\x7f\0\0\0\0\0"


@pytest.mark.parametrize("frame", [PING, SETTINGS, EMPTY_DATA, PRIORITY, UNKNOWN])
def test_rfc9113_10_5_a_peer_that_sends_much_beside_questions_is_broken_off(
    authority: Authority, frame: bytes
) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), _bare(authority, listener) as peer:
            peer.http.send_headers(1, _headers())
            peer.flush()
            peer.send(frame * (https.MAX_OTHER_FRAMES + 10))
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


def test_a_peer_that_pings_now_and_then_is_answered_for_as_long_as_it_asks(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), _bare(authority, listener) as peer:
            for number in range(https.MAX_OTHER_FRAMES):
                peer.send(PING * 5)
                await peer.ask(2 * number + 1, query("www.example.org"))
                while not isinstance(await peer.next(), h2.events.StreamEnded):
                    pass
            assert len(listener) == 1

    run(story())


def test_headers_that_are_continued_without_end_end_the_connection(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), _bare(authority, listener) as peer:
            peer.send(b"\0\0\1\1\0\0\0\0\1\x82" + b"\0\0\1\x09\0\0\0\0\1\x84" * 1000)
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


def test_a_header_that_grows_when_it_is_unpacked_ends_the_connection(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), _bare(authority, listener) as peer:
            big = b"\x40\1a\x7f\x81\x1e" + b"b" * 4000  # kept in the table: "a: bbb...", 4000 bytes
            block = big + b"\xbe" * 1000  # and named a thousand times by one byte each
            peer.send(len(block).to_bytes(3, "big") + b"\1\5\0\0\0\1" + block)
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


@pytest.mark.parametrize("length", [b"\0\x40\1", b"\xff\xff\xff"])
@pytest.mark.parametrize("kind", [b"\0", b"\x7f"])
def test_rfc9113_4_2_a_frame_longer_than_any_may_be_ends_the_connection_when_it_is_announced(
    authority: Authority, length: bytes, kind: bytes
) -> None:
    """The library keeps up to 16 MB of one before it says so."""

    async def story() -> None:
        async with (
            serving(authority, Resolver(), idle_seconds=600) as (listener, _),
            _bare(authority, listener) as peer,
        ):
            peer.send(length + kind + b"\0\0\0\0\1" + bytes(100))
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


def test_questions_that_are_never_whole_are_held_within_bounds(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), _bare(authority, listener) as peer:
            for stream in range(1, 40, 2):
                peer.http.send_headers(stream, _headers())
                peer.send(b"\0\x30\0\0\0\0\0\0" + bytes((stream,)) + bytes(0x3000))
            peer.flush()
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


def test_rfc9113_6_8_a_door_at_rest_says_goodbye_and_still_answers_what_was_asked(authority: Authority) -> None:
    async def story() -> None:
        resolver = _Later()
        async with serving(authority, resolver) as (listener, _), _bare(authority, listener) as peer:
            await peer.ask(1, query("www.example.org"))
            while not resolver.held:
                await asyncio.sleep(0.01)
            listener.drain()
            seen: list[type[h2.events.Event]] = []
            while h2.events.ConnectionTerminated not in seen:
                seen.append(type(await peer.next()))
            resolver.held.pop()()
            data = await peer.everything()
            assert b"\xc0\0\2\7" in data
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


@pytest.mark.parametrize(
    "path", ["//[", "/dns-query/", "/DNS-query", "", "*", "/dns-query%00", "http://[/dns-query"]
)
def test_strange_paths_are_not_found(path: str) -> None:
    assert DohRequest([(":method", "GET"), (":path", path)]).dns_query() == 404


def test_rfc9110_15_5_6_an_unknown_method_is_told_which_there_are(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), browser(authority, listener) as client:
            response = await client.put("/dns-query", content=query("www.example.org"), headers=MESSAGE)
            assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")

    run(story())


def test_questions_over_tls_are_answered(authority: Authority) -> None:
    async def story() -> None:
        resolver = Resolver()
        async with serving(authority, resolver) as (_, listener):
            context = authority.trust()
            context.set_alpn_protocols(["dot"])
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=context)
            for n in range(5):
                message = query(f"n{n}.example.org")
                writer.write(len(message).to_bytes(2, "big") + message)
            for _ in range(5):
                size = int.from_bytes(await reader.readexactly(2), "big")
                assert dnslib.DNSRecord.parse(await reader.readexactly(size)).rr
            assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "dot"
            writer.close()
            await writer.wait_closed()
        assert resolver.transports == ["tls"] * 5

    run(story())


def test_whoever_speaks_no_tls_is_let_go(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver(), handshake_seconds=0.2) as (_, listener):
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(b"\0\x1d" + query("example.org"))
            await asyncio.gather(reader.read(), return_exceptions=True)
            writer.close()
            silent_reader, silent = await asyncio.open_connection("127.0.0.1", listener.port)
            await asyncio.gather(silent_reader.read(), return_exceptions=True)  # says nothing at all
            silent.close()
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


def test_half_made_connections_count_towards_a_devices_share(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver(), max_connections_per_client=3) as (_, listener):
            pairs = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(6)]
            for reader, _ in pairs[:3]:
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
            assert len(listener) == 3
            for _, writer in pairs:
                writer.close()

    run(story())


@given(st.lists(st.binary(max_size=200), max_size=6), st.booleans())
def test_no_bytes_whatever_do_harm(pieces: list[bytes], greet: bool) -> None:
    connection = HttpsConnection("192.0.2.7", 0.0, handle=_never, limits=ConnectionLimits(), clock=lambda: 0.0)
    if greet:
        connection.data_received(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
    for piece in pieces:
        connection.data_received(piece)


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), max_size=6), st.binary(max_size=60))
def test_no_headers_whatever_do_harm(headers: list[tuple[str, str]], body: bytes) -> None:
    for path in ("/dns-query", "/dns-query?dns=AAAA", ""):
        request = DohRequest([*headers, (":path", path)])
        request.body += body
        question = request.dns_query()
        assert isinstance(question, bytes) or question in {400, 404, 405, 415}


@given(st.binary(max_size=100))
def test_a_lifetime_is_found_in_any_bytes(data: bytes) -> None:
    assert cache_max_age(data) >= 0


def test_a_negative_answer_is_kept_as_long_as_its_soa_says() -> None:
    reply = dnslib.DNSRecord.question("x.example.org").reply()
    reply.header.rcode = 3
    reply.add_auth(*dnslib.RR.fromZone("example.org. 300 SOA ns.example.org. host.example.org. 1 2 3 4 60"))
    assert cache_max_age(bytes(reply.pack())) == 60
    reply.header.rcode = 2
    assert cache_max_age(bytes(reply.pack())) == 0


def _never(packet: bytes, client_address: str, send: Callable[[bytes], None], transport: Transport) -> None:
    pass


def _headers() -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":path", "/dns-query"),
        (":scheme", "https"),
        (":authority", NAME),
        *MESSAGE.items(),
    ]


class _Peer:
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
        self.http.send_headers(stream, _headers())
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
async def _bare(
    authority: Authority, listener: StreamListener, settings: dict[int, int] | None = None
) -> AsyncIterator[_Peer]:
    context: ssl.SSLContext = authority.trust()
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=context)
    peer = _Peer(reader, writer)
    peer.http.initiate_connection()
    peer.http.update_settings(settings or {})
    peer.flush()
    try:
        yield peer
    finally:
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()
