"""A stand-in for the internet's DNS: answers every name from nothing but the name itself.

For `hallpass demo --offline` only. Every name has one IPv4 address in 192.0.2.0/24 and one IPv6 address in
2001:db8::/32 (the documentation ranges, RFC 5737 and RFC 3849), always the same ones, so that caching and
unblocking can be seen. Names below .invalid do not exist (RFC 6761). Other types have no data.
"""

import asyncio
import hashlib
import ipaddress
import struct
from typing import cast

from dnslib import AAAA, RR, SOA, A, DNSError, DNSRecord

from dns.message.constants import Rcode, RecordType

TTL_SECONDS = 60
_LENGTH = struct.Struct("!H")


def build_response(query: bytes) -> bytes | None:
    """Return the answer to a query, or None for bytes that are none."""
    try:
        message = DNSRecord.parse(query)
    except (DNSError, ValueError, IndexError, struct.error):
        return None
    if message.header.qr or len(message.questions) != 1:
        return None
    name, qtype = message.q.qname, message.q.qtype
    response = message.reply(ra=1, aa=0)
    digest = hashlib.sha256(str(name).lower().encode()).digest()
    if str(name).lower().rstrip(".").endswith("invalid"):
        response.header.rcode = Rcode.NXDOMAIN
    elif qtype == RecordType.A:
        address = ipaddress.IPv4Address("192.0.2.0") + 1 + digest[0] % 254
        response.add_answer(RR(name, qtype, ttl=TTL_SECONDS, rdata=A(str(address))))
    elif qtype == RecordType.AAAA:
        host = ipaddress.IPv6Address("2001:db8::") + int.from_bytes(digest[:8], "big")
        response.add_answer(RR(name, qtype, ttl=TTL_SECONDS, rdata=AAAA(str(host))))
    if not response.rr:
        authority = SOA("stand-in.invalid", "nobody.stand-in.invalid", (1, 3600, 600, 86400, TTL_SECONDS))
        response.add_auth(RR(name, RecordType.SOA, ttl=TTL_SECONDS, rdata=authority))
    packed: bytes = response.pack()
    return packed


class _UdpServer(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an instance check: asyncio's own datagram transports are no DatagramTransport before Python 3.12.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = build_response(data)
        if response is not None:
            self._transport.sendto(response, addr)


async def _serve_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
            response = build_response(await reader.readexactly(length))
            if response is None:
                break
            writer.write(_LENGTH.pack(len(response)) + response)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client has gone
    finally:
        writer.close()


async def serve_dns(host: str, port: int) -> None:
    """Answer on UDP and TCP until cancelled. Raises OSError where the port is taken."""
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(_serve_stream, host, port)
    transport, _ = await loop.create_datagram_endpoint(_UdpServer, local_addr=(host, port))
    try:
        async with server:
            await server.serve_forever()
    finally:
        transport.close()
