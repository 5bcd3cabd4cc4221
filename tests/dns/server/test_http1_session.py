"""DNS over HTTPS for who speaks HTTP/1.1: the same answers, one after the other on a connection."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import dnslib
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.message.constants import MEDIA_TYPE
from dns.pipeline.context import Transport
from dns.server.connection_limiter import ConnectionLimits
from dns.server.http1_session import Http1Session
from dns.server.https import https_listener
from dns.server.stream_listener import StreamListener, open_tcp_socket
from dns.server.tls import Certificate
from tests.fakes.authority import Authority
from tests.fakes.dns_client import query, run

POST = "POST /dns-query HTTP/1.1\r\nHost: room.example\r\nContent-Type: application/dns-message\r\n"


class Resolver:
    """Answers at once, or holds its answers back."""

    def __init__(self, *, holds: bool = False) -> None:
        self.holds = holds
        self.held: list[Callable[[], None]] = []
        self.transports: list[str] = []

    def __call__(
        self, packet: bytes, client_address: str, send: Callable[[bytes], None], transport: Transport
    ) -> None:
        self.transports.append(transport)
        record = dnslib.DNSRecord.parse(packet).reply()
        record.add_answer(*dnslib.RR.fromZone(f"{record.q.qname} 77 A 192.0.2.1"))
        if self.holds:
            self.held.append(lambda: send(bytes(record.pack())))
        else:
            send(bytes(record.pack()))


@pytest.fixture(name="authority", scope="module")
def _authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    authority.sign("127.0.0.1")
    return authority


@asynccontextmanager
async def serving(authority: Authority, resolver: Resolver) -> AsyncIterator[StreamListener]:
    loop = asyncio.get_running_loop()
    files = authority.folder / "server.pem", authority.folder / "server.key"
    certificate = Certificate(*files, ["h2"], loop.time)
    listener = https_listener(
        open_tcp_socket("127.0.0.1", 0), resolver, certificate, limits=ConnectionLimits(max_unread_bytes=4096)
    )
    listener.start_accepting()
    try:
        yield listener
    finally:
        await listener.close()


@asynccontextmanager
async def connected(
    authority: Authority, listener: StreamListener, offered: tuple[str, ...] = ("http/1.1",)
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    context = authority.trust()
    context.set_alpn_protocols(offered)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=context)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def posted(name: str, *headers: str) -> bytes:
    message = query(name)
    fields = "".join(f"{header}\r\n" for header in headers)
    return f"{POST}{fields}Content-Length: {len(message)}\r\n\r\n".encode() + message


async def next_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the status and the body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
    return int(head.split(" ", 2)[1]), await reader.readexactly(int(fields["content-length"]))


def test_rfc8484_5_2_who_speaks_http1_is_answered_on_one_connection(authority: Authority) -> None:
    async def story() -> None:
        resolver = Resolver()
        async with serving(authority, resolver) as listener:
            base = f"https://127.0.0.1:{listener.port}"
            async with httpx.AsyncClient(verify=authority.trust(), base_url=base, trust_env=False) as client:
                message = query("www.example.org")
                text = base64.urlsafe_b64encode(message).rstrip(b"=").decode()
                got = await client.get(f"/dns-query?dns={text}")
                post = await client.post("/dns-query", content=message, headers={"Content-Type": MEDIA_TYPE})
                missing = await client.get("/")
                wrong = await client.put("/dns-query")
                for answer in (got, post):
                    assert (answer.status_code, answer.http_version) == (200, "HTTP/1.1")
                    assert answer.headers["content-type"] == MEDIA_TYPE
                    assert answer.headers["cache-control"] == "max-age=77"
                    assert str(dnslib.DNSRecord.parse(answer.content).rr[0].rdata) == "192.0.2.1"
                assert (missing.status_code, wrong.status_code, wrong.headers["allow"]) == (404, 405, "GET, POST")
            assert len(listener) == 1
        assert resolver.transports == ["https"] * 2

    run(story())


@pytest.mark.parametrize(
    ("offered", "chosen"), [(("http/1.1", "h2"), "h2"), (("http/1.1",), "http/1.1"), (("dot",), None), ((), None)]
)
def test_http2_is_spoken_wherever_it_is_offered(
    authority: Authority, offered: tuple[str, ...], chosen: str | None
) -> None:
    async def story() -> None:
        async with (
            serving(authority, Resolver()) as listener,
            connected(authority, listener, offered) as (reader, writer),
        ):
            assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == chosen
            if chosen != "h2":
                writer.write(posted("www.example.org"))
                assert (await next_answer(reader))[0] == 200

    run(story())


def test_rfc9112_9_3_2_what_is_asked_ahead_is_answered_in_its_order(authority: Authority) -> None:
    async def story() -> None:
        resolver = Resolver(holds=True)
        async with serving(authority, resolver) as listener, connected(authority, listener) as (reader, writer):
            writer.write(b"".join(posted(f"n{n}.example.org") for n in range(3)))
            for n in range(3):
                while not resolver.held:
                    await asyncio.sleep(0)
                assert len(resolver.held) == 1
                resolver.held.pop()()
                status, body = await next_answer(reader)
                assert (status, str(dnslib.DNSRecord.parse(body).q.qname)) == (200, f"n{n}.example.org.")

    run(story())


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (POST.encode() + b"Content-Length: 70000\r\n\r\n" + bytes(66000), 413),
        (POST.encode() + b"Transfer-Encoding: chunked\r\n\r\n11170\r\n" + bytes(70000), 413),
        (b"GET /dns-query HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000, 431),
        (b"\0\x1d" + query("example.org") + b"\r\n\r\n", 400),
        (b"GET / FTP/1.1\r\nHost: a\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_or_too_long_gets_a_status_and_ends_the_connection(
    authority: Authority, sent: bytes, status: int
) -> None:
    async def story() -> None:
        resolver = Resolver()
        async with serving(authority, resolver) as listener, connected(authority, listener) as (reader, writer):
            writer.write(sent)
            assert await next_answer(reader) == (status, b"")
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        assert resolver.transports == []

    run(story())


def test_who_sends_more_ahead_than_questions_are_long_is_broken_off(authority: Authority) -> None:
    async def story() -> None:
        resolver = Resolver(holds=True)
        async with serving(authority, resolver) as listener, connected(authority, listener) as (reader, writer):
            with suppress(ConnectionError):
                for n in range(2000):
                    writer.write(posted(f"n{n}.example.org"))
                    await writer.drain()
                assert await reader.read() == b""
        assert len(resolver.held) == 1

    run(story())


def test_a_door_at_rest_answers_what_was_asked_and_says_that_it_closes(authority: Authority) -> None:
    async def story() -> None:
        resolver = Resolver(holds=True)
        async with serving(authority, resolver) as listener, connected(authority, listener) as (reader, writer):
            writer.write(posted("example.org"))
            while not resolver.held:
                await asyncio.sleep(0)
            listener.drain()
            resolver.held.pop()()
            said = await reader.read()
            assert said.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close" in said.lower()

    run(story())


@pytest.mark.parametrize("expected", ["Expect: 100-continue", "Connection: close"])
def test_what_a_client_wishes_beside_is_heard(authority: Authority, expected: str) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as listener, connected(authority, listener) as (reader, writer):
            head, _, body = posted("example.org", expected).partition(b"\r\n\r\n")
            writer.write(head + b"\r\n\r\n")
            if expected.startswith("Expect"):
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
            writer.write(body)
            assert (await next_answer(reader))[0] == 200
            if expected.startswith("Connection"):
                assert await reader.read() == b""

    run(story())


class _Nobody(asyncio.Transport):
    """A way back on which nothing arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = False
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.written += data

    def is_closing(self) -> bool:
        return self.ended

    def close(self) -> None:
        self.ended = True

    abort = close


def test_a_thousand_questions_at_once_are_answered_one_after_the_other_not_one_within_the_other() -> None:
    way = _Nobody()
    session = Http1Session(way, lambda question, respond: respond(question))
    session.receive_data(posted("example.org") * 1000)
    assert way.written.count(b"HTTP/1.1 200 ") == 1000
    assert not session.is_busy


OTHER_REQUESTS = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 10_000
TINY_PIECES = f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode() + b"1\r\nX\r\n" * 40_000


@pytest.mark.parametrize("sent", [OTHER_REQUESTS, TINY_PIECES], ids=["other-requests", "tiny-pieces"])
def test_who_sends_much_that_is_no_question_is_broken_off(sent: bytes) -> None:
    way = _Nobody()
    Http1Session(way, lambda question, respond: respond(question)).receive_data(sent)
    assert way.ended
    assert way.written.count(b"HTTP/1.1 404 ") < 200


@given(st.lists(st.binary(min_size=1, max_size=60) | st.just(posted("example.org")), max_size=6), st.booleans())
def test_no_bytes_whatever_do_harm(pieces: list[bytes], answers: bool) -> None:
    way = _Nobody()
    session = Http1Session(way, lambda question, respond: respond(question) if answers else None)
    for piece in pieces:
        if not way.ended:
            session.receive_data(piece)
