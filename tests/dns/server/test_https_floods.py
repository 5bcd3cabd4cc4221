"""What peers may send beside questions over HTTP/2, and that no bytes do harm."""

import asyncio
from collections.abc import Callable

import dnslib
import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.server import https
from dns.server.connection_limiter import ConnectionLimits
from dns.server.http_request import DohRequest, cache_max_age
from dns.server.https import HttpsConnection
from dns.server.tcp import Transport
from tests.fakes.authority import Authority
from tests.fakes.dns_client import query, run
from tests.fakes.https_listener import Resolver, bare_connection, request_headers, serving


def test_a_peer_that_opens_and_cancels_without_end_is_broken_off(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), bare_connection(authority, listener) as peer:
            for stream in range(1, 2 * (https.MAX_CANCELLATIONS + 50), 2):
                peer.http.send_headers(stream, request_headers())
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
        async with serving(authority, Resolver()) as (listener, _), bare_connection(authority, listener) as peer:
            peer.http.send_headers(1, request_headers())
            peer.flush()
            peer.send(frame * (https.MAX_OTHER_FRAMES + 10))
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


def test_a_peer_that_pings_now_and_then_is_answered_for_as_long_as_it_asks(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), bare_connection(authority, listener) as peer:
            for number in range(https.MAX_OTHER_FRAMES):
                peer.send(PING * 5)
                await peer.ask(2 * number + 1, query("www.example.org"))
                while not isinstance(await peer.next(), h2.events.StreamEnded):
                    pass
            assert len(listener) == 1

    run(story())


def test_headers_that_are_continued_without_end_end_the_connection(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), bare_connection(authority, listener) as peer:
            peer.send(b"\0\0\1\1\0\0\0\0\1\x82" + b"\0\0\1\x09\0\0\0\0\1\x84" * 1000)
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


def test_a_header_that_grows_when_it_is_unpacked_ends_the_connection(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), bare_connection(authority, listener) as peer:
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
            bare_connection(authority, listener) as peer,
        ):
            peer.send(length + kind + b"\0\0\0\0\1" + bytes(100))
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


def test_questions_that_are_never_whole_are_held_within_bounds(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), bare_connection(authority, listener) as peer:
            for stream in range(1, 40, 2):
                peer.http.send_headers(stream, request_headers())
                peer.send(b"\0\x30\0\0\0\0\0\0" + bytes((stream,)) + bytes(0x3000))
            peer.flush()
            while len(listener):
                await asyncio.sleep(0.01)

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
