"""Asks a server one question, as a device in the room would."""

import secrets
import socket
import time

import dnslib
import msgspec

from dns.message.constants import EdnsOption, ExtendedErrorCode, Rcode, RecordType
from dns.message.edns import UDP_PAYLOAD_SIZE

TIMEOUT_SECONDS = 3.0


class DnsResponse(msgspec.Struct, frozen=True):
    """What came back."""

    rcode: int
    is_blocked: bool  # the server itself says that it keeps the name closed
    addresses: tuple[str, ...]
    seconds: float
    explanation: str = ""  # what the server says about it itself (RFC 8914)

    @property
    def is_nxdomain(self) -> bool:
        """Whether the name is said not to exist."""
        return self.rcode == Rcode.NXDOMAIN


def query_server(
    host: str,
    port: int,
    name: str,
    *,
    kind: str = "A",
    tcp: bool = False,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> DnsResponse:
    """Ask over UDP, or over TCP. Raises OSError where nothing usable comes back in time."""
    query = dnslib.DNSRecord.question(name, kind)
    query.header.id = secrets.randbelow(0x10000)
    query.add_ar(dnslib.EDNS0(udp_len=UDP_PAYLOAD_SIZE))
    packet = bytes(query.pack())
    began = time.perf_counter()
    data = (_over_tcp if tcp else _over_udp)(host, port, packet, timeout_seconds)
    seconds = time.perf_counter() - began
    try:
        response = dnslib.DNSRecord.parse(data)
    except (dnslib.DNSError, ValueError, IndexError) as problem:
        raise OSError(f"answers with something that is not DNS ({problem})") from None
    if response.header.id != query.header.id:
        raise OSError("answers another question")
    options = [option for extra in response.ar if extra.rtype == RecordType.OPT for option in extra.rdata]
    errors = [bytes(option.data) for option in options if option.code == EdnsOption.EXTENDED_DNS_ERROR]
    return DnsResponse(
        rcode=int(response.header.rcode),
        is_blocked=any(int.from_bytes(error[:2], "big") == ExtendedErrorCode.BLOCKED for error in errors),
        explanation="; ".join(filter(None, (error[2:].decode(errors="replace") for error in errors))),
        addresses=tuple(str(one.rdata) for one in response.rr if one.rtype in {RecordType.A, RecordType.AAAA}),
        seconds=seconds,
    )


def _over_udp(host: str, port: int, packet: bytes, timeout_seconds: float) -> bytes:
    # A name may stand for addresses of both kinds; the first is asked, as with any resolver's address.
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as sock:
        sock.settimeout(timeout_seconds)
        sock.connect(address)
        sock.send(packet)
        try:
            return sock.recv(4096)
        except TimeoutError:
            raise OSError(f"no answer within {timeout_seconds:.0f} seconds") from None


def _over_tcp(host: str, port: int, packet: bytes, timeout_seconds: float) -> bytes:
    with socket.create_connection((host, port), timeout_seconds) as sock:
        sock.sendall(len(packet).to_bytes(2, "big") + packet)
        with sock.makefile("rb") as stream:
            size = int.from_bytes(stream.read(2), "big")
            return stream.read(size)
