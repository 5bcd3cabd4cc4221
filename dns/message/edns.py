"""EDNS (RFC 6891): what a client says in its OPT record, and what we say in ours.

We take and give at most 1232 bytes over UDP (no fragments on any common path), speak version 0, repeat the
client's DNSSEC OK bit, pass over options that we do not know, and use three: cookies (RFC 7873, 10), padding (RFC
7830, 12) and extended errors (RFC 8914, 15). Client subnet (RFC 7871, 8) is passed over like an unknown one: none
leaves the room, because every question to an upstream is made anew.
"""

import struct
from typing import Final

from dns.errors import MalformedMessage
from dns.message.constants import EdnsOption, RecordType

UDP_PAYLOAD_SIZE: Final = 1232
MIN_UDP_PAYLOAD_SIZE: Final = 512  # RFC 1035, section 2.3.4; RFC 6891, section 6.2.3: smaller values count as 512

OPT_BYTES: Final = 11  # of an OPT record without options (RFC 6891, section 6.1.2)
DNSSEC_OK: Final = 0x8000  # of an OPT record's TTL (RFC 3225)

# Plain numbers: options are read for every query that has some; see `dns.message.constants`.
_OPT_TYPE: Final = int(RecordType.OPT)
_COOKIE: Final = int(EdnsOption.COOKIE)
_PADDING: Final = int(EdnsOption.PADDING)
_OPTION: Final = struct.Struct("!HH")
_OPT: Final = struct.Struct(
    "!BHHBBHH"
)  # root, type, UDP size, extended code, version, flags, length of the options
_TEXT_BYTES: Final = 200  # of an extended error's text: it must never push the answer out of a datagram


class Edns:
    """What a client's OPT record says."""

    __slots__ = ("cookie", "dnssec_ok", "has_padding", "udp_payload_size", "version")

    def __init__(
        self, udp_payload_size: int, version: int, cookie: bytes | None, *, dnssec_ok: bool, has_padding: bool
    ) -> None:
        self.udp_payload_size = udp_payload_size
        self.version = version
        self.dnssec_ok = dnssec_ok
        self.cookie = cookie
        self.has_padding = has_padding


def parse_opt_record(rclass: int, ttl: int, options: bytes) -> Edns:
    """Read an OPT record's class, TTL and data. Raises MalformedMessage."""
    cookie = None
    padded = False
    at = 0
    version = ttl >> 16 & 0xFF
    if version:
        options = b""  # what they are in a version that we do not speak, we cannot know (RFC 6891, section 6.1.3)
    while at < len(options):
        if at + 4 > len(options):
            raise MalformedMessage("an option without an end")
        code, size = _OPTION.unpack_from(options, at)
        at += 4
        if at + size > len(options):
            raise MalformedMessage("an option without an end")
        if code == _COOKIE:
            # RFC 7873, section 5.2.2: 8 bytes of the client's, or with 8 to 32 of the server's; else FORMERR.
            if size != 8 and not 16 <= size <= 40:
                raise MalformedMessage("a cookie of a wrong length")
            cookie = cookie or options[at : at + size]
        elif code == _PADDING:
            padded = True
        at += size
    return Edns(rclass, version, cookie, dnssec_ok=bool(ttl & DNSSEC_OK), has_padding=padded)


def build_opt_record(*, dnssec_ok: bool, options: bytes = b"", rcode: int = 0) -> bytes:
    """Return our OPT record; `rcode` is the whole code, of which OPT carries the upper eight bits."""
    flags = DNSSEC_OK if dnssec_ok else 0
    return _OPT.pack(0, _OPT_TYPE, UDP_PAYLOAD_SIZE, rcode >> 4, 0, flags, len(options)) + options


def encode_option(code: int, data: bytes) -> bytes:
    """Return one option as it travels."""
    return _OPTION.pack(code, len(data)) + data


def encode_extended_error(code: int, text: str = "") -> bytes:
    """Return an extended error as an option (RFC 8914, section 2)."""
    words = text.encode("utf-8")
    if len(words) > _TEXT_BYTES:
        words = words[:_TEXT_BYTES].decode("utf-8", "ignore").encode("utf-8")
    return encode_option(EdnsOption.EXTENDED_DNS_ERROR, code.to_bytes(2, "big") + words)
