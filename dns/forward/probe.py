"""Questions that ask a server of an upstream pool whether it is well again."""

import struct
from typing import Final

from dns.errors import MalformedMessage
from dns.message.constants import RecordClass, RecordType
from dns.message.header import COUNTS, RD
from dns.message.scanner import scan_records
from dns.message.wire_names import name_to_wire

_PROBE_HEAD: Final = bytes((0, 0, RD, 0)) + COUNTS.pack(1, 0, 0, 0)
_QUESTION_TAIL: Final = struct.Struct("!HH")


def build_probe(zone: str) -> bytes:
    """Return a question that every server for a zone can answer."""
    rtype = RecordType.SOA if zone else RecordType.NS
    return _PROBE_HEAD + name_to_wire(zone) + _QUESTION_TAIL.pack(rtype, RecordClass.IN)


def judge_probe(answer: bytes | None) -> bool:
    """Take the answer to a probe: what it says about the server has been noted. Tell whether it is a message."""
    try:
        if answer is not None:
            scan_records(answer)
    except MalformedMessage:
        return False
    return True
