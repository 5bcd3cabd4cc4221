"""Walks over a message's records without reading their names: where each is, its type, its time to live.

This is what a cache needs of every answer, so it is kept cheap: names are stepped over, never decoded (a
compression pointer ends a name here, so there is no loop to fall into; RFC 1035, section 4.1.4). Every offset
is checked against the end of the message; whatever the bytes, the only error is MalformedMessage.
"""

import struct
from typing import Final, NamedTuple

from dns.errors import MalformedMessage
from dns.message.header import COUNTS, COUNTS_OFFSET, HEADER_BYTES
from dns.message.wire_names import POINTER, skip_name

_FIXED: Final = struct.Struct("!HHIH")  # type, class, time to live, length of the data
_FIXED_BYTES: Final = _FIXED.size
_TTL_OFFSET: Final = 4  # of the time to live within the fixed part
_fixed: Final = _FIXED.unpack_from


class ScannedRecord(NamedTuple):
    """Where one record is. Offsets count from the start of the message."""

    rtype: int
    rclass: int
    ttl: int  # seconds; for OPT the extended code, version and flags
    offset: int  # of the owner's name
    rdata_offset: int
    rdlength: int

    @property
    def ttl_offset(self) -> int:
        """The offset of the time to live."""
        return self.rdata_offset - _FIXED_BYTES + _TTL_OFFSET


class ScannedMessage(NamedTuple):
    """The records of a message, section by section."""

    question_end: int
    answer: list[ScannedRecord]
    authority: list[ScannedRecord]
    additional: list[ScannedRecord]


RecordTuple = tuple[int, int, int, int, int, int]  # a `ScannedRecord`, without its names


def scan_message(message: bytes) -> ScannedMessage:
    """Return where every record of a message is. Raises MalformedMessage."""
    end, *sections = scan_records(message)
    return ScannedMessage(end, *([ScannedRecord(*record) for record in section] for section in sections))


def scan_records(
    message: bytes, question_end: int = 0
) -> tuple[int, list[RecordTuple], list[RecordTuple], list[RecordTuple]]:
    """Return the same in plain tuples, at a third of the cost: this is done to every answer of an upstream.

    `question_end`: where its one question ends, for who knows that already.
    """
    try:
        questions, answers, authorities, additionals = COUNTS.unpack_from(message, COUNTS_OFFSET)
        end = question_end
        if not end or questions != 1:
            end = HEADER_BYTES
            for _ in range(questions):
                end = skip_name(message, end) + 4
        records: list[RecordTuple] = []
        at = end
        for _ in range(answers + authorities + additionals):
            fixed_at = at + 2 if message[at] >= POINTER else skip_name(message, at)
            rtype, rclass, ttl, size = _fixed(message, fixed_at)
            data_at = fixed_at + _FIXED_BYTES
            records.append((rtype, rclass, ttl, at, data_at, size))
            at = data_at + size
    except (struct.error, IndexError):
        raise MalformedMessage("the message ends before its records do") from None
    if at != len(message):
        raise MalformedMessage("the records and the message do not end together")
    if not authorities and not additionals:
        return end, records, [], []
    additional_at = answers + authorities
    return end, records[:answers], records[answers:additional_at], records[additional_at:]
