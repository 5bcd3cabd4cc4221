"""A resolver with everything around it made of fakes, to put bytes in and see bytes come out."""

from collections.abc import Callable

import dnslib
import msgspec

from dns.cache import MessageCache
from dns.clients import Client
from dns.forward.pending_query import AnswerReceiver
from dns.message.constants import EdnsOption, RecordType
from dns.message.wire_names import skip_name
from dns.pipeline.context import Transport
from dns.querylog.records import QueryRecord
from dns.querylog.sender import QueryLogSender
from dns.resolver import Resolver
from dns.resolver_config import ResolverConfig
from tests.fakes.clock import FakeClock
from tests.fakes.policy import FakePolicy

PUPIL = "127.0.0.1"
STRANGER = "198.51.100.7"


class DirectUpstream:
    """Answers within the call, from a dictionary; names that are not in it have one address."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}  # zone-file lines by name and type
        self.asked: list[tuple[str, int]] = []
        self.silent = False
        self.held: list[Callable[[], None]] | None = None  # a list: answers wait in it
        self.change: Callable[[dnslib.DNSRecord], None] = lambda _message: None
        self.raw: Callable[[bytes], bytes] = lambda message: message

    def resolve_query(self, query: bytes, end: int, name: str, done: AnswerReceiver) -> None:
        self.asked.append((name, int.from_bytes(query[end - 4 : end - 2], "big")))
        answer = None if self.silent else self.answer(query)
        if self.held is not None:
            self.held.append(lambda: _give(answer, done))
        else:
            _give(answer, done)

    def answer(self, query: bytes) -> bytes:
        try:
            message = dnslib.DNSRecord.parse(query).reply(ra=1, aa=0)
        except dnslib.DNSError:  # dnslib reads no label that is no UTF-8, which aliases may lead to
            return b"\xca\xfe\x81\x81\0\1" + bytes(6) + query[12 : skip_name(query, 12) + 4]
        asked = str(message.q.qname).lower().removesuffix(".")
        kind = str(dnslib.QTYPE[message.q.qtype])
        lines = self.records.get((asked, kind), [])
        for line in lines:
            message.add_answer(*dnslib.RR.fromZone(line))
        if kind == "A" and (asked, kind) not in self.records:
            message.add_answer(dnslib.RR(message.q.qname, ttl=300, rdata=dnslib.A("192.0.2.1")))
        elif not lines:
            message.add_auth(*dnslib.RR.fromZone("example. 600 IN SOA ns.example. x.example. 1 2 3 4 60"))
        self.change(message)
        return self.raw(_as_it_comes(bytes(message.pack())))


def _give(answer: bytes | None, done: AnswerReceiver) -> None:
    """Give an answer to who asked, or none where it is malformed: there is no other server."""
    if done(answer) is False:
        done(None)


def _as_it_comes(message: bytes) -> bytes:
    """Return an answer under the id that a server was asked with, the letters of its question in another case."""
    end = message.index(b"\0", 12)
    return b"\xca\xfe" + message[2:12] + message[12:end].swapcase() + message[end:]


class InTest:
    """A resolver, and ways to talk to it."""

    def __init__(self, policy: FakePolicy | None = None, **more: object) -> None:
        self.clock = FakeClock()
        self.policy = policy or FakePolicy()
        self.upstream = DirectUpstream()
        self.query_log = QueryLogSender(None)
        self.cache = MessageCache()
        self.timers: list[tuple[float, Callable[[], None]]] = []
        settings: dict[str, object] = {
            "networks": ("127.0.0.0/8", "::1/128"),
            "cookie_secret": b"0123456789abcdef",
        }
        settings["call_later"] = lambda seconds, what: self.timers.append((seconds, what))
        settings.update(more)
        self.resolver = Resolver(
            ResolverConfig(
                policy=self.policy,
                upstream=self.upstream,
                query_log=self.query_log,
                cache=self.cache,
                clock=self.clock,
                **settings,  # type: ignore[arg-type]  # a test may set any of them
            )
        )

    def send(self, packet: bytes, address: str = PUPIL, transport: Transport = "udp") -> list[bytes]:
        """Put bytes in; return what came out at once."""
        replies: list[bytes] = []
        self.resolver.handle_stream_query(packet, address, replies.append, transport)
        return replies

    def ask(
        self,
        name: str,
        qtype: str = "A",
        *,
        address: str = PUPIL,
        transport: Transport = "udp",
        edns: bytes | None = b"",
        size: int = 1232,
        dnssec: bool = False,
        flags: int = 0,
    ) -> dnslib.DNSRecord:
        """Ask as a device would; return the one answer, parsed."""
        packet = question(name, qtype, edns=edns, size=size, dnssec=dnssec, flags=flags)
        (reply,) = self.send(packet, address, transport)
        return dnslib.DNSRecord.parse(reply)

    def client(self, address: str = PUPIL) -> Client:
        client = self.resolver.clients.lookup_client_by_text(address)
        assert client is not None
        return client

    def records(self) -> list[QueryRecord]:
        """Return what would be handed to the recorder for everything answered until now."""
        handed = handed_over(self.query_log)
        self.resolver.tick(self.clock.now, 0.0)
        self.resolver.tick(self.clock.now + 1, 0.0)
        return handed


def handed_over(sender: QueryLogSender) -> list[QueryRecord]:
    """Return a list to which every record that a sender hands over is added from now on."""
    handed: list[QueryRecord] = []
    decoder = msgspec.msgpack.Decoder(QueryRecord)
    sender.delivery.send_records = lambda records: handed.extend(map(decoder.decode, records))  # type: ignore[method-assign]  # a recorder in its place
    return handed


def question(
    name: str,
    qtype: str = "A",
    *,
    edns: bytes | None = b"",
    size: int = 1232,
    dnssec: bool = False,
    flags: int = 0,
    version: int = 0,
    identity: int = 0x1234,
) -> bytes:
    """Return a query; `edns`: the options of its OPT record, None for no such record; `flags`: header byte 3."""
    asked = dnslib.DNSQuestion(name, getattr(dnslib.QTYPE, qtype))
    record = dnslib.DNSRecord(dnslib.DNSHeader(id=identity, rd=1), q=asked)
    packed = bytearray(record.pack())
    packed[3] = flags
    if edns is not None:
        packed[11] = 1
        packed += b"\0\0\x29" + size.to_bytes(2, "big") + bytes((0, version, 0x80 if dnssec else 0, 0))
        packed += len(edns).to_bytes(2, "big") + edns
    return bytes(packed)


def extended_errors(answer: dnslib.DNSRecord) -> list[tuple[int, str]]:
    """Return the extended errors of an answer: code and text (RFC 8914)."""
    return [
        (int.from_bytes(option.data[:2], "big"), bytes(option.data[2:]).decode())
        for record in answer.ar
        if record.rtype == RecordType.OPT
        for option in record.rdata
        if option.code == EdnsOption.EXTENDED_DNS_ERROR
    ]
