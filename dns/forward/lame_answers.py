"""Answers of servers that serve other names, and do not recurse."""

from typing import Final

from dns.errors import MalformedMessage
from dns.message.constants import RecordType
from dns.message.header import AA, rcode_of
from dns.message.scanner import scan_records

_REFERS: Final = "refers to other servers"
_IS_SILENT: Final = "does not recurse"
# What a device is told where all servers are so.
LAME_UPSTREAMS: Final = {_REFERS: "upstreams refer to other servers", _IS_SILENT: "upstreams do not recurse"}


def find_lameness(message: bytes) -> str:
    """Return in what way an answer without RA is none, or "": it holds something, or a server speaks for the name.

    It names other servers and nothing else (RFC 1034, section 4.3.2), or says nothing at all.
    """
    try:
        _, answer, authority, _ = scan_records(message)
    except MalformedMessage:
        return ""
    kinds = {record[0] for record in authority}
    if rcode_of(message) or answer or RecordType.SOA in kinds:
        return ""
    if RecordType.NS in kinds:
        return _REFERS
    return "" if kinds or message[2] & AA else _IS_SILENT
