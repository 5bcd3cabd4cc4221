"""An upstream DNS server on loopback that does as it is told: answers well, late, wrongly, hugely, or never.

It speaks UDP and TCP on one port (chosen by the system), and DNS over TLS on another when it is given a
certificate. It runs in a thread of its own, so that tests may block, and remembers whatever it was asked.

    with FakeUpstream() as upstream:
        upstream.records["example.org", "A"] = ["192.0.2.7"]
        upstream.behave = never
"""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import dnslib

from dns.forward.server import ServerAddress, socket_address
from tests.fakes.upstream_behaviours import DEFAULT_ADDRESS, SOA, Behaviour, ReceivedQuery, Reply, honest


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
