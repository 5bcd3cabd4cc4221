"""Everything that takes bytes off the network, each as a function that may raise nothing but an AssertionError.

A target gets bytes of a fuzzer's choosing. What they mean is for the target to say: a packet, a stream cut into
pieces, an upstream's answer. Raising is a finding; so is an answer that breaks a promise of ours, or an error in
the log. `tests/fuzz/__main__.py` lets atheris run them; `tests/fuzz/test_targets.py` sends a few inputs through
each in every `make test`, so that they cannot rot.
"""

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import Callable
from typing import Any

import dnslib

from dns.errors import MalformedMessage
from dns.forward import extended_error
from dns.forward.entropy import EntropyPool
from dns.forward.pending_query import PendingQuery
from dns.message import edns, svcb
from dns.message.carried_addresses import CARRIERS, carried_addresses
from dns.message.constants import RecordType, SvcParamKey
from dns.message.cookies import ServerCookies
from dns.message.edns import OPT_BYTES
from dns.message.parsed_query import Query
from dns.message.query import InvalidQuery, NotAQuery, build_query, parse_query
from dns.message.scanner import scan_message
from dns.message.wire_names import name_from_wire, name_to_wire
from dns.pipeline.context import Transport
from dns.server import http_request
from dns.server.connection_limiter import ConnectionLimits
from dns.server.http_request import DohRequest
from dns.server.https import HttpsConnection
from dns.server.tcp import TcpConnection
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import PUPIL, STRANGER, InTest, question

NAMES = ("fine.example", "www.bets.example", "search.example", "a.b.c.d.example")
KINDS = ("A", "AAAA", "HTTPS", "SVCB", "TXT", "ANY")
TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp", "tls", "https")
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
_UDP_BYTES, _STREAM_BYTES = 1232, 65535


class _ErrorsAreFindings(logging.Handler):
    """The chain logs a mistake of ours and goes on: here it must not go unnoticed."""

    def emit(self, record: logging.LogRecord) -> None:
        raise AssertionError(record.getMessage()) from (record.exc_info or (None, None))[1]


def strict() -> None:
    """Make every error that the resolver would log and survive an AssertionError."""
    log = logging.getLogger("dns")
    log.handlers = [_ErrorsAreFindings(logging.ERROR)]
    log.propagate = False


def room() -> InTest:
    one = InTest(FakePolicy(blocked={"bets.example"}, rewritten={"search.example": "safe.example"}))
    one.policy.shared.strip_ech = True
    return one


def reading(data: bytes) -> None:
    with contextlib.suppress(InvalidQuery, NotAQuery):
        asked = parse_query(data)
        assert isinstance(asked, Query)
        assert len(name_to_wire(asked.name)) <= 255


def names(data: bytes) -> None:
    with contextlib.suppress(MalformedMessage):
        assert len(name_to_wire(name_from_wire(data[1:], data[0] if data else 0))) <= 255


def skimming(data: bytes) -> None:
    http_request.cache_max_age(data.ljust(12, b"\0"))
    with contextlib.suppress(MalformedMessage):
        extended_error.is_final_failure(data)
        skimmed = scan_message(data)
        for section in skimmed[1:]:
            for record in section:
                assert record.rdata_offset + record.rdlength <= len(data)


def options(data: bytes) -> None:
    with contextlib.suppress(MalformedMessage):
        edns.parse_opt_record(1232, 0x8000, data)


def services(data: bytes) -> None:
    with contextlib.suppress(MalformedMessage):
        service = svcb.parse_service_binding(data)
        again = svcb.parse_service_binding(service.without_ech())
        assert again.target == service.target
        assert SvcParamKey.ECH not in {code for code, _ in again.params}
        list(service.address_hints())


def cookies(data: bytes) -> None:
    jar = ServerCookies(b"0123456789abcdef")
    sent = data[:40].ljust(8, b"\0")
    made = jar.build_option(sent, b"\x7f\0\0\1", 1_000_000.0)
    assert jar.is_valid(made[4:], b"\x7f\0\0\1", 1_000_000.0)
    assert not jar.is_valid(sent, b"\x7f\0\0\2", 1_000_000.0)


def asking(data: bytes) -> None:
    """The whole resolver: first byte transport and asker, then the packet; it is sent twice, as devices do."""
    choice, packet = data[:1] or b"\0", data[1:]
    transport = TRANSPORTS[choice[0] & 3]
    stranger = bool(choice[0] & 4)
    one = room()
    one.upstream.silent = bool(choice[0] & 8)
    one.upstream.answer = _one_address  # type: ignore[method-assign]  # dnslib cannot read every name that we can
    for _ in range(2):
        replies = one.send(packet, STRANGER if stranger else PUPIL, transport)
        assert len(replies) <= 1
        for reply in replies:
            assert reply[:2] == packet[:2]
            assert reply[2] & 0x80
            assert len(reply) <= (_UDP_BYTES if transport == "udp" else _STREAM_BYTES)
            assert not stranger or len(reply) <= len(packet)
            scan_message(reply)


def answering(data: bytes) -> None:
    """An upstream's answer: first byte which question, then everything after the header's id and the question.

    It goes through cache, inspection, safe search and rendering, fresh and again from memory, aged and stale.
    """
    choice, rest = data[:1] or b"\0", data[1:]
    name, kind = NAMES[choice[0] & 3], KINDS[(choice[0] >> 2) % len(KINDS)]
    head, records = rest[:10].ljust(10, b"\0"), rest[10:]

    def instead(answer: bytes) -> bytes:
        end = answer.index(b"\0", 12) + 5
        return answer[:2] + bytes((head[0] | 0x80, head[1])) + b"\0\1" + head[2:8] + answer[12:end] + records

    one = room()
    one.upstream.raw = instead
    for later in (0.0, 1.0, 30.0, 5000.0):
        one.clock.now += later
        one.upstream.silent = later > 1000
        for transport in ("udp", "tcp"):
            (reply,) = one.send(question(name, kind, dnssec=bool(choice[0] & 0x80)), transport=transport)
            assert reply[2] & 0x80
            assert len(reply) <= (_UDP_BYTES if transport == "udp" else _STREAM_BYTES)
            dnslib.DNSHeader.parse(dnslib.DNSBuffer(reply))


def exchanging(data: bytes) -> None:
    """What a UDP upstream, or somebody else, sends to the port of a question."""
    message = build_query("www.example.org", RecordType.A)
    exchange = PendingQuery.from_message(
        message, len(message) - OPT_BYTES, _nobody, wheel_slot={}, server=None, entropy=EntropyPool()
    )
    for one in (data, bytes((*data[:12].ljust(12, b"\0"), *exchange.question_0x20, *data[12:]))):
        exchange.is_answered_by(one)
        exchange.is_answered_but_for_case(one)
        if len(one) >= 12 and exchange.is_commonly_answered_by(one):
            assert exchange.is_answered_by(one)


def streaming(data: bytes) -> None:
    """DNS over TCP: first byte the length of the pieces, then the stream."""
    one = room()
    one.upstream.silent = True
    way = _Way()
    connection = TcpConnection(
        PUPIL, 0.0, handle=one.resolver.handle_stream_query, limits=ConnectionLimits(), clock=lambda: 0.0
    )
    connection.connection_made(way)
    _in_pieces(connection, way, data)
    at = 0
    while at < len(way.sent):
        size = int.from_bytes(way.sent[at : at + 2], "big")
        scan_message(bytes(way.sent[at + 2 : at + 2 + size]))
        at += 2 + size
    assert at == len(way.sent)


def hypertext(data: bytes) -> None:
    """DNS over HTTPS: HTTP/2 frames as they come after the greeting."""
    one = room()
    one.upstream.silent = True
    way = _Way()
    connection = HttpsConnection(
        PUPIL, 0.0, handle=one.resolver.handle_stream_query, limits=ConnectionLimits(), clock=lambda: 0.0
    )
    connection.connection_made(way)
    connection.data_received(_PREFACE)
    _in_pieces(connection, way, data)


def hypertext_of_old(data: bytes) -> None:
    """DNS over HTTPS: what who speaks HTTP/1.1 sends, in pieces."""
    one = room()
    way = _Way()
    connection = HttpsConnection(
        PUPIL, 0.0, handle=one.resolver.handle_stream_query, limits=ConnectionLimits(), clock=lambda: 0.0
    )
    way.protocol = "http/1.1"
    connection.connection_made(way)
    _in_pieces(connection, way, data)


def carriers(data: bytes) -> None:
    """The data of records that carry addresses."""
    for rtype in CARRIERS:
        with contextlib.suppress(MalformedMessage):
            for text in carried_addresses(rtype, data):
                ipaddress.ip_address(text)


def requests(data: bytes) -> None:
    """DNS over HTTPS: the headers of a request, as text, and its body."""
    path, _, rest = data.partition(b"\n")
    kind, _, body = rest.partition(b"\n")
    for method in ("GET", "POST", "PUT"):
        request = DohRequest(
            [(":method", method), (":path", path.decode("latin-1")), ("content-type", kind.decode("latin-1"))]
        )
        request.body += body
        found = request.dns_query()
        assert isinstance(found, bytes) or found in {400, 404, 405, 415}


class _Way(asyncio.Transport):
    """As much of a transport as a listener's connection uses."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.closed = False
        self.protocol = ""  # agreed on within TLS; empty: there is no TLS

    def write(self, data: Any) -> None:
        self.sent += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def is_reading(self) -> bool:
        return not self.closed

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "ssl_object" and self.protocol else default

    def selected_alpn_protocol(self) -> str:
        return self.protocol


def _one_address(query: bytes) -> bytes:
    end = parse_query(query).question_end
    counts = b"\0\1\0\1\0\0\0\0"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
    return query[:2] + b"\x81\x80" + counts + query[12:end] + record


def _in_pieces(connection: asyncio.Protocol, way: _Way, data: bytes) -> None:
    size = data[0] + 1 if data else 1
    for at in range(1, len(data), size):
        if way.closed:
            break
        connection.data_received(data[at : at + size])


def _nobody(_: bytes | None) -> None:
    pass


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        reading,
        names,
        skimming,
        options,
        services,
        cookies,
        asking,
        answering,
        exchanging,
        streaming,
        hypertext,
        requests,
        hypertext_of_old,
        carriers,
    )
}
