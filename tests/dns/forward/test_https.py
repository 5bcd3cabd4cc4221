"""Upstreams over HTTPS (RFC 8484): verified by name, and found without the machine's help."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

import pytest

from dns.forward import http2_connection
from dns.forward.server import ServerAddress
from dns.server.connection_limiter import ConnectionLimits
from dns.server.https import https_listener
from dns.server.stream_listener import StreamListener, open_tcp_socket
from dns.server.tcp import Transport
from dns.server.tls import Certificate
from tests.fakes import upstream_behaviours as fake
from tests.fakes.authority import Authority
from tests.fakes.dns_client import addresses, answer, answer_bytes, asking, query, run
from tests.fakes.upstream import FakeUpstream
from tests.fakes.upstream_behaviours import ReceivedQuery, Reply

NAME = "dns.example.org"


class Provider:
    """A server over HTTPS that answers as a fake upstream would."""

    def __init__(self) -> None:
        self.book = FakeUpstream()
        self.packets: list[bytes] = []
        self.clients: set[str] = set()

    def __call__(
        self, packet: bytes, client_address: str, send: Callable[[bytes], None], transport: Transport
    ) -> None:
        self.packets.append(packet)
        asked = ReceivedQuery(packet, transport, (client_address,))
        for answered in self.book.behave(asked, self.book.answer(asked)):
            asyncio.get_running_loop().call_later(answered.after, send, answered.data)


@asynccontextmanager
async def providing(
    provider: Provider, authority: Authority, *names: str, limits: ConnectionLimits | None = None
) -> AsyncIterator[StreamListener]:
    loop = asyncio.get_running_loop()
    certificate = Certificate(*authority.sign(*(names or (NAME,)), file="provider"), ["h2"], loop.time)
    listener = https_listener(
        open_tcp_socket("127.0.0.1", 0), provider, certificate, limits=limits or ConnectionLimits()
    )
    listener.start_accepting()
    try:
        yield listener
    finally:
        await listener.close()


def at(listener: StreamListener, host: str = "127.0.0.1", name: str = NAME) -> ServerAddress:
    return ServerAddress("https", host, listener.port, name, "/dns-query")


def test_many_questions_share_one_connection(authority: Authority) -> None:
    async def story() -> None:
        provider = Provider()
        async with (
            providing(provider, authority) as listener,
            asking(at(listener), trust=authority.trust, retry_seconds=3.0) as upstreams,
        ):
            records = await asyncio.gather(*(answer(upstreams, f"n{n}.Example.org") for n in range(40)))
            assert all(addresses(record) == [fake.DEFAULT_ADDRESS] for record in records)
            assert all(record is not None and "Example" in str(record.q.qname) for record in records)
            assert len(listener) == 1
        assert {packet[:2] for packet in provider.packets} == {b"\0\0"}  # RFC 8484, section 4.1
        assert {len(packet) for packet in provider.packets} == {128}

    run(story())


def test_a_certificate_for_another_name_is_no_answer(authority: Authority) -> None:
    async def story() -> None:
        provider = Provider()
        async with (
            providing(provider, authority) as listener,
            asking(at(listener, name="other.example.org"), trust=authority.trust) as upstreams,
        ):
            assert await answer(upstreams, "example.org") is None
            assert "certificate" in upstreams.states()[0].trouble.lower()
        assert provider.packets == []

    run(story())


def test_a_server_given_by_name_is_found_through_a_plain_upstream(authority: Authority) -> None:
    async def story() -> None:
        provider = Provider()
        async with providing(provider, authority) as listener:
            plain.records[NAME, "A"] = ["127.0.0.1"]
            servers = (plain, at(listener, host=NAME))
            async with asking(*servers, trust=authority.trust, retry_seconds=0.5) as upstreams:
                plain.behave = lambda asked, data: [fake.Reply(data)] if asked.name == NAME else []
                assert addresses(await answer(upstreams, "www.example.org"))
        assert provider.packets

    with FakeUpstream() as plain:
        run(story())


def test_a_server_given_by_name_with_nobody_to_find_it_fails_and_says_so(authority: Authority) -> None:
    async def story() -> None:
        address = ServerAddress("https", NAME, 443, NAME, "/dns-query")
        async with asking(address, trust=authority.trust) as upstreams:
            assert await answer(upstreams, "example.org") is None
            assert "could not be found" in upstreams.states()[0].trouble

    run(story())


@pytest.mark.parametrize("behave", [fake.about_another_name, fake.failing(2), fake.garbage(5)])
def test_answers_that_are_none_are_failures(authority: Authority, behave: fake.Behaviour) -> None:
    async def story() -> None:
        provider = Provider()
        provider.book.behave = behave
        async with (
            providing(provider, authority) as listener,
            asking(at(listener), trust=authority.trust, retry_seconds=0.2) as upstreams,
        ):
            given = await answer_bytes(upstreams, query("example.org"), "example.org")
            assert given is None or given[3] & 15 == 2

    run(story())


def test_a_server_that_never_answers_is_given_up(authority: Authority) -> None:
    async def story() -> None:
        provider = Provider()
        provider.book.behave = fake.never
        async with (
            providing(provider, authority) as listener,
            asking(at(listener), trust=authority.trust, retry_seconds=0.1) as upstreams,
        ):
            assert await answer(upstreams, "example.org") is None

    run(story())


def slow_names(seconds: float) -> fake.Behaviour:
    """Answer names that begin with "slow" after a while, those that begin with "silent" never."""

    def behave(asked: ReceivedQuery, packet: bytes) -> Iterable[Reply]:
        if asked.name.startswith("silent"):
            return []
        return [Reply(packet, seconds if asked.name.startswith("slow") else 0.0)]

    return behave


def test_a_slow_answer_holds_up_no_quick_one(authority: Authority) -> None:
    async def story() -> None:
        provider = Provider()
        provider.book.behave = slow_names(3)
        async with (
            providing(provider, authority) as listener,
            asking(at(listener), trust=authority.trust) as upstreams,
        ):
            assert addresses(await answer(upstreams, "first.example.org"))
            names = [f"{kind}{number}.example.org" for kind in ("slow", "silent") for number in range(3)]
            late = [asyncio.ensure_future(answer(upstreams, name)) for name in names]
            await asyncio.sleep(0)
            for number in range(10):
                assert addresses(await answer(upstreams, f"n{number}.example.org"))
            assert not any(one.done() for one in late)
            assert all(addresses(one) for one in await asyncio.gather(*late[:3]))

    run(story())


def test_questions_that_a_server_never_answers_take_no_place_for_ever(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2_connection, "STREAM_SECONDS", 0.2)
    monkeypatch.setattr(http2_connection, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(http2_connection, "MAX_IN_FLIGHT", 3)

    async def story() -> None:
        provider = Provider()
        provider.book.behave = slow_names(0)
        async with (
            providing(provider, authority) as listener,
            asking(at(listener), trust=authority.trust) as upstreams,
        ):
            assert addresses(await answer(upstreams, "first.example.org"))
            silent = [
                asyncio.ensure_future(answer(upstreams, f"silent{number}.example.org")) for number in range(3)
            ]
            while len(provider.packets) < 4:
                await asyncio.sleep(0.01)
            while not await answer(upstreams, "again.example.org"):
                await asyncio.sleep(0.05)
        assert not any(await asyncio.gather(*silent))

    run(story())


def test_questions_wait_where_the_server_takes_no_more_at_once(authority: Authority) -> None:
    async def story() -> None:
        provider = Provider()
        provider.book.behave = slow_names(0.1)
        async with (
            providing(provider, authority, limits=ConnectionLimits(max_queries_in_flight=4)) as listener,
            asking(at(listener), trust=authority.trust) as upstreams,
        ):
            assert addresses(await answer(upstreams, "first.example.org"))
            found = await asyncio.gather(*(answer(upstreams, f"slow{number}.example.org") for number in range(20)))
            assert all(addresses(one) for one in found)
            assert len(listener) == 1

    run(story())


@pytest.mark.parametrize(
    "sent",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\x08\x07\0\0\0\0\0" + bytes(8), b"\xff" * 500, b"\0" * 9 + b"x"],
    ids=["another protocol", "a goodbye at once", "no frames", "data on no stream"],
)
def test_whatever_comes_in_place_of_http2_is_a_server_that_failed(authority: Authority, sent: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(sent)
        with suppress(ConnectionError):
            await writer.drain()
        await reader.read()
        writer.close()

    async def story() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.sign(NAME, file="odd"))
        context.set_alpn_protocols(["h2"])
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
        address = ServerAddress("https", "127.0.0.1", server.sockets[0].getsockname()[1], NAME, "/dns-query")
        async with asking(address, trust=authority.trust, retry_seconds=0.3) as upstreams:
            assert await answer(upstreams, "example.org") is None
            counts = upstreams.states()[0].counts
            assert counts.unreachable or counts.timeouts
        server.close()

    run(story())


def test_a_server_that_speaks_no_http2_says_so(authority: Authority) -> None:
    async def story() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.sign(NAME, file="old"))
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        address = ServerAddress("https", "127.0.0.1", server.sockets[0].getsockname()[1], NAME, "/dns-query")
        async with asking(address, trust=authority.trust, retry_seconds=0.3) as upstreams:
            assert await answer(upstreams, "example.org") is None
            assert upstreams.states()[0].trouble == "the server does not speak HTTP/2"
        server.close()

    run(story())


def test_a_connection_that_ended_is_made_again(authority: Authority) -> None:
    async def story() -> None:
        provider = Provider()
        async with providing(provider, authority) as listener:
            address = at(listener)
            async with asking(address, trust=authority.trust, retry_seconds=0.5) as upstreams:
                assert addresses(await answer(upstreams, "first.example.org"))
                listener.drain()  # says goodbye, and goes
                with open_tcp_socket("127.0.0.1", address.port) as sock:
                    certificate = Certificate(
                        *authority.sign(NAME, file="next"), ["h2"], asyncio.get_running_loop().time
                    )
                    again = https_listener(sock.dup(), provider, certificate, limits=ConnectionLimits())
                    again.start_accepting()
                while not await answer(upstreams, "second.example.org"):
                    pass
                await again.close()

    run(story())


def test_a_path_that_the_server_does_not_have_is_a_failure(authority: Authority) -> None:
    async def story() -> None:
        async with providing(Provider(), authority) as listener:
            address = ServerAddress("https", "127.0.0.1", listener.port, NAME, "/elsewhere")
            async with asking(address, trust=authority.trust) as upstreams:
                assert await answer(upstreams, "example.org") is None
                assert upstreams.states()[0].trouble == "status 404"

    run(story())
