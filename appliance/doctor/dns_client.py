"""Asks a server one question, as a device in the room would."""

import secrets
import socket
import time

import dnslib
import msgspec

PATIENCE_SECONDS = 3.0
BLOCKED = 15  # RFC 8914: the extended error of an answer that a filter keeps closed

_EXTENDED_ERROR = 15  # its option code in EDNS
_NXDOMAIN = 3


class Reply(msgspec.Struct, frozen=True):
    """What came back."""

    rcode: int
    blocked: bool  # the server itself says that it keeps the name closed
    addresses: tuple[str, ...]
    seconds: float

    @property
    def is_nxdomain(self) -> bool:
        """Whether the name is said not to exist."""
        return self.rcode == _NXDOMAIN


def ask(host: str, port: int, name: str, *, kind: str = "A", tcp: bool = False) -> Reply:
    """Ask over UDP, or over TCP. Raises OSError where nothing usable comes back in time."""
    question = dnslib.DNSRecord.question(name, kind)
    question.header.id = secrets.randbelow(0x10000)
    question.add_ar(dnslib.EDNS0(udp_len=1232))
    packet = bytes(question.pack())
    began = time.perf_counter()
    data = _over_tcp(host, port, packet) if tcp else _over_udp(host, port, packet)
    seconds = time.perf_counter() - began
    try:
        answer = dnslib.DNSRecord.parse(data)
    except (dnslib.DNSError, ValueError, IndexError) as problem:
        raise OSError(f"answers with something that is not DNS ({problem})") from None
    if answer.header.id != question.header.id:
        raise OSError("answers another question")
    options = [option for extra in answer.ar if extra.rtype == dnslib.QTYPE.OPT for option in extra.rdata]
    return Reply(
        rcode=int(answer.header.rcode),
        blocked=any(
            option.code == _EXTENDED_ERROR and int.from_bytes(option.data[:2], "big") == BLOCKED
            for option in options
        ),
        addresses=tuple(str(one.rdata) for one in answer.rr if one.rtype in {dnslib.QTYPE.A, dnslib.QTYPE.AAAA}),
        seconds=seconds,
    )


def _over_udp(host: str, port: int, packet: bytes) -> bytes:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE_SECONDS)
        sock.connect((host, port))
        sock.send(packet)
        try:
            return sock.recv(4096)
        except TimeoutError:
            raise OSError(f"no answer within {PATIENCE_SECONDS:.0f} seconds") from None


def _over_tcp(host: str, port: int, packet: bytes) -> bytes:
    with socket.create_connection((host, port), PATIENCE_SECONDS) as sock:
        sock.sendall(len(packet).to_bytes(2, "big") + packet)
        with sock.makefile("rb") as stream:
            size = int.from_bytes(stream.read(2), "big")
            return stream.read(size)
