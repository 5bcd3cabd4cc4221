"""Addresses that records of rarer types carry in their data (those of A, AAAA, SVCB and HTTPS are read elsewhere).

=========  ===========  ============================================================================
WKS        RFC 1035     the address of a host
A6         RFC 2874     an address, where no part of it is left to another name
APL        RFC 3123     networks that are meant: not those taken out (N), nor the whole internet
IPSECKEY   RFC 4025     a gateway
L32, L64   RFC 6742     a locator: an IPv4 address, or the upper half of an IPv6 one
AMTRELAY   RFC 8777     a relay
=========  ===========  ============================================================================

Names in such records must be asked for before anybody can go there, and are decided then.
"""

import ipaddress
from collections.abc import Iterator

from dns.errors import MalformedMessage
from dns.message.constants import RecordType

_A_BYTES, _AAAA_BYTES, _LOCATOR_BYTES = 4, 16, 8
_FAMILY_BYTES = {1: _A_BYTES, 2: _AAAA_BYTES}  # of addresses: IANA's numbers, and those of gateways and relays
_NEGATED = 0x80  # of the length of an address in APL: this network is not meant
_RELAY_TYPE = 0x7F  # of its byte in AMTRELAY; the rest is a flag

CARRIERS = frozenset(
    map(
        int,
        (
            RecordType.WKS,
            RecordType.A6,
            RecordType.APL,
            RecordType.IPSECKEY,
            RecordType.L32,
            RecordType.L64,
            RecordType.AMTRELAY,
        ),
    )
)


def carried_addresses(rtype: int, data: bytes) -> Iterator[str]:
    """Yield the addresses in the data of a record of one of `CARRIERS`, as text. Raises MalformedMessage."""
    match rtype:
        case RecordType.WKS:
            yield _read_address(data, 0, _A_BYTES)
        case RecordType.L32:
            yield _read_address(data, 2, _A_BYTES)
        case RecordType.L64:
            yield _read_address(data[: 2 + _LOCATOR_BYTES] + bytes(_LOCATOR_BYTES), 2, _AAAA_BYTES)
        case RecordType.A6 if data[:1] == b"\0":
            yield _read_address(data, 1, _AAAA_BYTES)
        case RecordType.APL:
            yield from _listed_networks(data)
        case RecordType.IPSECKEY | RecordType.AMTRELAY if len(data) > 1:
            size = _FAMILY_BYTES.get(data[1] & _RELAY_TYPE)
            if size is not None:
                yield _read_address(data, 3 if rtype == RecordType.IPSECKEY else 2, size)


def _listed_networks(data: bytes) -> Iterator[str]:
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise MalformedMessage("a network without an end")
        size = _FAMILY_BYTES.get(int.from_bytes(data[at : at + 2], "big"))
        prefix, length = data[at + 2], data[at + 3]
        end = at + 4 + (length & ~_NEGATED)
        given = data[at + 4 : end]
        if end > len(data) or (size is not None and len(given) > size):
            raise MalformedMessage("a network without an end")
        if size is not None and prefix and not length & _NEGATED:
            yield _read_address(given.ljust(size, b"\0"), 0, size)
        at = end


def _read_address(data: bytes, at: int, size: int) -> str:
    packed = data[at : at + size]
    if len(packed) != size:
        raise MalformedMessage("an address without an end")
    return str(ipaddress.ip_address(packed))
