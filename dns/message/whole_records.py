"""Records taken out of a message whole, and a message written anew of them.

In a message names point into each other (RFC 1035, section 4.1.4), so no record can be left out or put between
others as it stands. Here each is read with its names written out, and written with pointers to whole names that
came before. Nothing else of a record's data is touched, so signatures and proofs stay what they are (RFC 3597,
section 4: names may be compressed only in the types that RFC 1035 knew; a few others are read so all the same).

This is done to few answers. Whatever the bytes, the only error is MalformedMessage.
"""

import struct
from collections.abc import Sequence

import msgspec

from dns.errors import MalformedMessage
from dns.message.constants import RecordType
from dns.message.header import HEADER_BYTES
from dns.message.scanner import RecordTuple
from dns.message.wire_names import POINTER, expand_name

_FIXED = struct.Struct("!HHIH")  # type, class, time to live, length of the data
_MESSAGE_BYTES = 65535
_POINTED_BYTES = 0x4000  # of a message, into which a pointer can lead

# Where names stand in the data of a type: how many octets come before the first, and how many names follow.
_NAMES_IN_DATA = {
    int(RecordType.NS): (0, 1),
    int(RecordType.CNAME): (0, 1),
    int(RecordType.SOA): (0, 2),
    int(RecordType.PTR): (0, 1),
    int(RecordType.DNAME): (0, 1),
    int(RecordType.MX): (2, 1),
    int(RecordType.SRV): (6, 1),
}
_POINTING = frozenset((RecordType.NS, RecordType.CNAME, RecordType.SOA, RecordType.PTR, RecordType.MX))


class WholeRecord(msgspec.Struct, frozen=True):
    """One record that points nowhere."""

    owner: bytes  # as it travels, written out
    rtype: int
    rclass: int
    ttl: int  # seconds
    data: bytes  # its names written out


def read_record(message: bytes, record: RecordTuple) -> WholeRecord:
    """Return a record (as `dns.message.scanner` finds it) whole. Raises MalformedMessage."""
    rtype, rclass, ttl, at, data_at, size = record
    owner, _ = expand_name(message, at)
    before, names = _NAMES_IN_DATA.get(rtype, (0, 0))
    if not names:
        return WholeRecord(owner, rtype, rclass, ttl, message[data_at : data_at + size])
    end = data_at + size
    parts, at = [message[data_at : data_at + before]], data_at + before
    for _ in range(names):
        name, at = expand_name(message, at)
        parts.append(name)
    if at > end:
        raise MalformedMessage("a name that ends after its record")
    parts.append(message[at:end])
    return WholeRecord(owner, rtype, rclass, ttl, b"".join(parts))


def build_whole_message(head: bytes, sections: Sequence[Sequence[WholeRecord]]) -> bytes:
    """Return a message of these records: `head` is its header and its one question, whose name is written out.

    Raises MalformedMessage where it would be longer than DNS has.
    """
    made = bytearray(head)
    made[6:HEADER_BYTES] = b"".join(len(section).to_bytes(2, "big") for section in sections)
    known = {bytes(head[HEADER_BYTES:-4]): HEADER_BYTES}
    for section in sections:
        for record in section:
            _write_name(made, record.owner, known)
            made += _FIXED.pack(record.rtype, record.rclass, record.ttl, 0)
            start = len(made)
            _write_data(made, record, known)
            size = len(made) - start
            made[start - 2 : start] = size.to_bytes(2, "big")
    if len(made) > _MESSAGE_BYTES:
        raise MalformedMessage("more records than a message holds")
    return bytes(made)


def _write_data(made: bytearray, record: WholeRecord, known: dict[bytes, int]) -> None:
    if record.rtype not in _POINTING:
        made += record.data
        return
    before, names = _NAMES_IN_DATA[record.rtype]
    made += record.data[:before]
    at = before
    for _ in range(names):
        name, at = expand_name(record.data, at)
        _write_name(made, name, known)
    made += record.data[at:]


def _write_name(made: bytearray, name: bytes, known: dict[bytes, int]) -> None:
    """Write a name, or a pointer to where the very same one stands already."""
    at = known.get(name)
    if at is not None and len(name) > 2:
        made += (at | POINTER << 8).to_bytes(2, "big")
        return
    if len(made) < _POINTED_BYTES:
        known[name] = len(made)
    made += name
