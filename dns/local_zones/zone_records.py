"""Reads the school's own records as a person writes them: a name, a type, a value, a time to live."""

import ipaddress
import shlex
import struct
from collections.abc import Callable, Iterator, Mapping

import msgspec

from dns.errors import DnsError, MalformedMessage
from dns.message.constants import RecordType
from dns.message.names import canonical
from dns.message.wire_names import name_to_wire

DEFAULT_TTL = 300  # seconds
MAX_DATA_BYTES = 16384  # bytes; a message of several such records still fits into what TCP carries


class InvalidRecord(DnsError, ValueError):
    """A record in the settings that cannot be one; the message says why."""


class LocalRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the school's own, as a person writes it."""

    name: str
    type: str
    value: str
    ttl: int = DEFAULT_TTL

    def __post_init__(self) -> None:
        parse_record(self)


class RecordData(msgspec.Struct, frozen=True):
    """A record's data as it travels, and for an alias the name it leads to."""

    data: bytes
    ttl: int
    target: str = ""


def parse_record(record: LocalRecord) -> tuple[str, int, RecordData]:
    """Return a record's name in canonical form, its type and its data. Raises InvalidRecord."""
    rtype = TYPES.get(record.type.upper())
    if rtype is None:
        raise InvalidRecord(f"type: {record.type!r} is none of {', '.join(TYPES)}")
    if not 0 <= record.ttl <= 0x7FFFFFFF:
        raise InvalidRecord(f"ttl: {record.ttl} is not between 0 and {0x7FFFFFFF}")
    try:
        name = canonical(record.name)
    except DnsError as problem:
        raise InvalidRecord(f"name: {problem}") from None
    try:
        data, target = _PARSERS[rtype](record.value.strip())
    except (ValueError, DnsError, struct.error) as problem:
        raise InvalidRecord(f"value: {record.value!r} is no {record.type.upper()} record: {problem}") from None
    if len(data) > MAX_DATA_BYTES:
        raise InvalidRecord(f"value: is longer than {MAX_DATA_BYTES} bytes")
    return name, rtype, RecordData(data, record.ttl, target)


def _parse_a(value: str) -> tuple[bytes, str]:
    return ipaddress.IPv4Address(value).packed, ""


def _parse_aaaa(value: str) -> tuple[bytes, str]:
    return ipaddress.IPv6Address(value).packed, ""


def _parse_name(value: str) -> tuple[bytes, str]:
    target = canonical(value)
    return name_to_wire(target), target


def _parse_text(value: str) -> tuple[bytes, str]:
    """Read text: as it stands, or as several strings in quotes. One string holds at most 255 bytes."""
    strings = shlex.split(value) if value.startswith('"') else [value]
    pieces = [piece for text in strings for piece in _text_chunks(text.encode())]
    return b"".join(bytes((len(piece),)) + piece for piece in pieces), ""


def _text_chunks(text: bytes) -> Iterator[bytes]:
    yield text[:255]
    for at in range(255, len(text), 255):
        yield text[at : at + 255]


def _parse_service(value: str) -> tuple[bytes, str]:
    words = value.split()
    if len(words) != 4:
        raise MalformedMessage("it needs priority, weight, port and target")
    priority, weight, port = (int(word) for word in words[:3])
    return struct.pack("!HHH", priority, weight, port) + (
        _parse_name(words[3])[0] if words[3] != "." else b"\0"
    ), ""


_PARSERS: Mapping[RecordType, Callable[[str], tuple[bytes, str]]] = {
    RecordType.A: _parse_a,
    RecordType.AAAA: _parse_aaaa,
    RecordType.CNAME: _parse_name,
    RecordType.PTR: _parse_name,
    RecordType.TXT: _parse_text,
    RecordType.SRV: _parse_service,
}
TYPES = {rtype.name: rtype for rtype in _PARSERS}  # those that the settings may name
