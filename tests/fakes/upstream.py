"""An upstream DNS server on loopback that does as it is told: answers well, late, wrongly, hugely, or never.

It speaks UDP and TCP on one port (chosen by the system), and DNS over TLS on another when it is given a
certificate. It runs in a thread of its own, so that tests may block, and remembers whatever it was asked.

    with FakeUpstream() as upstream:
        upstream.records["example.org", "A"] = ["192.0.2.7"]
        upstream.behave = never
"""

import asyncio
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import dnslib

from dns.forward.server import ServerAddress, socket_address

DEFAULT_ADDRESS = "192.0.2.1"
SOA = "ns.example.org. hostmaster.example.org. 1 3600 600 86400 60"


@dataclass(frozen=True)
class ReceivedQuery:
    """One question that arrived."""

    message: bytes
    transport: str  # "udp", "tcp" or "tls"
    peer: tuple[Any, ...]

    @property
    def record(self) -> dnslib.DNSRecord:
        return dnslib.DNSRecord.parse(self.message)

    @property
    def written(self) -> str:
        """The name in the case in which it arrived."""
        return str(self.record.q.qname).removesuffix(".")

    @property
    def name(self) -> str:
        return self.written.lower()

    @property
    def qtype(self) -> str:
        return str(dnslib.QTYPE[self.record.q.qtype])


@dataclass(frozen=True)
class Reply:
    """Something that is sent back, some seconds later."""

    data: bytes
    after: float = 0.0


Behaviour = Callable[[ReceivedQuery, bytes], Iterable[Reply]]


def honest(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return [Reply(answer)]


def never(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return []


def late(seconds: float) -> Behaviour:
    return lambda asked, answer: [Reply(answer, seconds)]


def twice(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return [Reply(answer), Reply(answer)]


def failing(code: int, options: bytes = b"") -> Behaviour:
    """Answer every question with a response code, and EDNS options if any are given."""

    def behave(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
        reply = asked.record.reply()
        reply.header.rcode = code
        packed = bytearray(reply.pack())
        if options:
            packed[10:12] = b"\0\1"
            packed += b"\0\0\x29\x04\xd0\0\0\0\0" + len(options).to_bytes(2, "big") + options
        return [Reply(bytes(packed))]

    return behave


def truncated_over_udp(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return [Reply(cut(asked, answer) if asked.transport == "udp" else answer)]


def spoofed_before(count: int) -> Behaviour:
    """Send wrong answers to the right port, each with an id that was not asked, and then the right one."""

    def behave(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
        identity = int.from_bytes(answer[:2], "big")
        lies = [
            Reply(
                ((identity + 1 + n) % 65536).to_bytes(2, "big")
                + answer[2:].replace(b"\xc0\0\2\1", b"\xc6\x33\x64\x42")
            )
            for n in range(count)
        ]
        return [*lies, Reply(answer)] if asked.transport == "udp" else [Reply(answer)]

    return behave


def about_another_name(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Send the right id with an answer to another question, and nothing else."""
    other = dnslib.DNSRecord.question("other.example.net").reply()
    other.header.id = asked.record.header.id
    other.add_answer(*dnslib.RR.fromZone("other.example.net. 60 A 198.51.100.66"))
    return [Reply(other.pack())]


def in_lower_case(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Answer as a server that does not keep the case of names."""
    size = len(asked.record.q.qname.idna()) + 1
    return [Reply(answer[:12] + answer[12 : 12 + size].lower() + answer[12 + size :])]


def lower_case_over_udp(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return in_lower_case(asked, answer) if asked.transport == "udp" else [Reply(answer)]


def without_edns(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Answer as a server from before EDNS."""
    record = asked.record
    if record.ar:
        return [Reply(asked.message[:2] + b"\x81\x81" + bytes(8))]
    return [Reply(answer)]


def wrong_counts(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Promise four records more than there are."""
    return [Reply(answer[:6] + (int.from_bytes(answer[6:8], "big") + 4).to_bytes(2, "big") + answer[8:])]


def too_long(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Count fewer records than there are."""
    return [Reply(answer[:6] + b"\0\0" + answer[8:])]


def cut_short(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return [Reply(answer[:-3])]


def question_alone_twice(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Say that there are two questions."""
    return [Reply(answer[:4] + b"\0\2" + answer[6:])]


def without_question(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Send the records of the answer and no question."""
    size = len(asked.record.q.qname.idna()) + 1 + 4
    return [Reply(answer[:4] + b"\0\0" + answer[6:12] + answer[12 + size :])]


def header_only(code: int) -> Behaviour:
    """Send a header with a response code, and nothing else."""
    return lambda asked, answer: [Reply(asked.message[:2] + bytes((0x81, 0x80 | code)) + bytes(8))]


def junk(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return [Reply(answer[:2] + b"\xff" * 40)]


def answering(
    *records: tuple[int, bytes], owner: bytes = b"\xc0\x0c", opt: bytes = b"", flags: bytes = b"\x81\x80"
) -> Behaviour:
    """Answer with records of these types and data, whatever they are, for the question's name or another `owner`.

    `opt`: an OPT record, as it travels.
    """

    def behave(asked: ReceivedQuery, _: bytes) -> Iterable[Reply]:
        end = asked.message.index(b"\0", 12) + 5
        counts = struct.pack("!HHHH", 1, len(records), 0, bool(opt))
        packed = b"".join(owner + struct.pack("!HHIH", rtype, 1, 300, len(data)) + data for rtype, data in records)
        return [Reply(asked.message[:2] + flags + counts + asked.message[12:end] + packed + opt)]

    return behave


def followed_by(first: Behaviour, second: Behaviour, after: float = 0.02) -> Behaviour:
    """Send what both would send, the second a little later."""
    return lambda asked, answer: [
        *first(asked, answer),
        *(Reply(reply.data, reply.after + after) for reply in second(asked, answer)),
    ]


def case_sensitive(wrong: Behaviour) -> Behaviour:
    """Know names in lower case only; answer others as `wrong` does."""
    return lambda asked, answer: (honest if asked.written == asked.name else wrong)(asked, answer)


def over(transport: str, other: Behaviour) -> Behaviour:
    """Answer well over one transport, and as `other` does over the rest."""
    return lambda asked, answer: (honest if asked.transport == transport else other)(asked, answer)


def referring(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Answer as a server does that does not recurse and serves other names."""
    reply = asked.record.reply(ra=0, aa=0)
    reply.add_auth(*dnslib.RR.fromZone(". 3600 NS a.root-servers.net."))
    return [Reply(bytes(reply.pack()))]


def with_edns(other: Behaviour) -> Behaviour:
    """Answer well without EDNS, and as `other` does to whoever speaks it."""
    return lambda asked, answer: (other if asked.record.ar else honest)(asked, answer)


def losing_large(size: int) -> Behaviour:
    """Lose what is larger on its way over UDP; truncate what is larger than the asker takes."""

    def behave(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
        if asked.transport == "udp" and len(answer) > size:
            fits = not asked.record.ar or asked.record.ar[0].rclass <= size
            return [Reply(cut(asked, answer))] if fits else []
        return [Reply(answer)]

    return behave


def garbage(seed: int = 1) -> Behaviour:
    """Send random bytes, some of them under the right id and question."""
    chance = random.Random(seed)

    def behave(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
        head = answer[: chance.choice([0, 2, 4, 12, 20, len(asked.message) - 11, len(answer)])]
        return [Reply(head + chance.randbytes(chance.randrange(0, 200)))]

    return behave


def cut(asked: ReceivedQuery, answer: bytes) -> bytes:
    """Return an answer that says that it did not fit (TC)."""
    reply = asked.record.reply()
    reply.header.tc = 1
    return bytes(reply.pack())


@dataclass
class FakeUpstream:
    """The server. Everything may be changed while it runs."""

    behave: Behaviour = honest
    certificate: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    speaks_tcp: bool = True
    ttl: int = 300
    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)  # names that do not exist
    asked: list[ReceivedQuery] = field(default_factory=list)
    connections: int = 0  # in all
    open_connections: int = 0
    port: int = 0
    tls_port: int = 0

    def __enter__(self) -> "FakeUpstream":
        self._loop = asyncio.new_event_loop()
        self._arrived = threading.Condition()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    stop = __exit__  # a server that dies in the middle of a story

    @property
    def address(self) -> ServerAddress:
        return ServerAddress("plain", self.host, self.port)

    def tls_address(self, name: str) -> ServerAddress:
        return ServerAddress("tls", self.host, self.tls_port, name)

    def names(self) -> list[str]:
        return [asked.name for asked in self.asked]

    def wait_until_asked(self, count: int, seconds: float = 10.0) -> None:
        """Wait until so many questions have arrived in all."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.asked) >= count, seconds), self.asked

    def answer(self, asked: ReceivedQuery) -> bytes:
        """Return the honest answer."""
        record = asked.record
        reply = record.reply(ra=1, aa=0)
        name, written = asked.name, asked.written
        values = self.records.get((name, asked.qtype))
        if values is None and name not in self.missing and asked.qtype == "A" and name:
            values = [DEFAULT_ADDRESS]
        for value in values or ():
            for line in dnslib.RR.fromZone(f"{written}. {self.ttl} {asked.qtype} {value}"):
                reply.add_answer(line)
        if not values:
            reply.header.rcode = dnslib.RCODE.NXDOMAIN if name in self.missing else dnslib.RCODE.NOERROR
            reply.add_auth(*dnslib.RR.fromZone(f"example.org. {self.ttl} SOA {SOA}"))
        return bytes(reply.pack())

    def _replies(self, message: bytes, transport: str, peer: tuple[Any, ...]) -> Iterator[Reply]:
        asked = ReceivedQuery(message, transport, peer)
        with self._arrived:
            self.asked.append(asked)
            self._arrived.notify_all()
        yield from self.behave(asked, self.answer(asked))

    def _run(self, started: threading.Event) -> None:
        try:
            self._loop.run_until_complete(self._serve(started))
        finally:
            self._loop.close()

    async def _serve(self, started: threading.Event) -> None:
        self._stop = asyncio.Event()
        udp, tcp = self._sockets()
        transport, _ = await self._loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=udp)
        servers = []
        if tcp is not None:
            servers.append(await asyncio.start_server(self._connected("tcp"), sock=tcp))
        if self.certificate is not None:
            server = await asyncio.start_server(
                self._connected("tls"), self.host, self.tls_port, ssl=self.certificate
            )
            self.tls_port = server.sockets[0].getsockname()[1]
            servers.append(server)
        started.set()
        await self._stop.wait()
        transport.close()
        for server in servers:
            server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(5):
            await asyncio.sleep(0)  # transports close themselves in the loop's next turns

    def _sockets(self) -> tuple[socket.socket, socket.socket | None]:
        """Return a UDP and a TCP socket on one port; the port of a server that was stopped is taken again."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        deadline = time.monotonic() + 10
        while True:
            tcp = socket.socket(family, socket.SOCK_STREAM)
            udp = socket.socket(family, socket.SOCK_DGRAM)
            try:
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tcp.bind(socket_address(self.host, self.port))
                udp.bind(socket_address(self.host, tcp.getsockname()[1]))
            except OSError:
                tcp.close()
                udp.close()
                if time.monotonic() > deadline:
                    raise
                continue
            self.port = udp.getsockname()[1]
            if not self.speaks_tcp:
                tcp.close()
                return udp, None
            return udp, tcp

    def _connected(self, transport: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            self.open_connections += 1
            tasks: set[asyncio.Task[None]] = set()
            try:
                while True:
                    message = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                    for reply in self._replies(message, transport, writer.get_extra_info("peername")):
                        tasks.add(asyncio.create_task(_write_later(writer, reply)))
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                for task in tasks:
                    task.cancel()
                writer.transport.abort()
                self.open_connections -= 1

        return talk


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, upstream: FakeUpstream) -> None:
        self._upstream = upstream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        for reply in self._upstream._replies(data, "udp", addr):
            if reply.after:
                asyncio.get_running_loop().call_later(reply.after, self._send, reply.data, addr)
            else:
                self._transport.sendto(reply.data, addr)

    def _send(self, data: bytes, addr: Any) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(data, addr)


async def _write_later(writer: asyncio.StreamWriter, reply: Reply) -> None:
    if reply.after:
        await asyncio.sleep(reply.after)
    if not writer.is_closing():
        writer.write(len(reply.data).to_bytes(2, "big") + reply.data)
