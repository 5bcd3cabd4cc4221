"""Reads a query: the header and the one question of a message, every byte checked before it is believed.

Rules (RFC 1035, section 4.1; RFC 9619): a query has exactly one question, no answer and no authority records; the
name of its question is not compressed, its labels are 1 to 63 bytes, the whole at most 255; whatever stands after
the question is additional records, of which only OPT is of interest (`dns.message.edns`); nothing follows the
last record.

`parse_query` raises `InvalidQuery` with the response code that the RFC asks for. Bytes that deserve no answer at
all (too short for a header, or themselves an answer) raise `NotAQuery`. Nothing else is raised, whatever the
bytes. `build_query` makes a query of our own. What this module does not do: read answers (`dns.message.scanner`
does), or build them (`dns.message.builder`).
"""

import re
import struct
from functools import lru_cache
from typing import Final

from dns.errors import MalformedMessage
from dns.message.constants import Rcode, RecordClass, RecordType
from dns.message.edns import OPT_BYTES, Edns, build_opt_record, parse_opt_record
from dns.message.header import COUNTS, COUNTS_OFFSET, HEADER_BYTES, OPCODE, QR, RD
from dns.message.names import LABEL_BYTES
from dns.message.parsed_query import Query
from dns.message.wire_names import NAME_BYTES, labels_to_name, name_to_wire, skip_name

QUESTION_OFFSET: Final = HEADER_BYTES

# Plain numbers: these are used for every query; see `dns.message.constants`.
_IN: Final = int(RecordClass.IN)
_OPT: Final = int(RecordType.OPT)
_NO_QUERY: Final = QR | OPCODE
_ONLY_A_QUESTION: Final = b"\0\1" + bytes(6)
_TYPE_AND_CLASS: Final = struct.Struct("!HH")
_CLASS_AND_TTL: Final = struct.Struct("!HI")
_FIXED: Final = struct.Struct("!HHIH")  # type, class, time to live, length of the data
_OPT_HEAD: Final = b"\0" + _OPT.to_bytes(2, "big")  # the root's name, and the type

_PLAIN: Final = re.compile(rb"[a-z0-9_.-]*")
# Turns a plain name as it travels into text: letters become small, and whatever is no letter, digit, hyphen or
# underscore becomes a dot, the lengths before the labels included; see `_question_name`.
_WIRE_TO_TEXT: Final = bytes(
    byte if _PLAIN.fullmatch(bytes((byte,))) else 0x2E for byte in bytes(range(256)).lower()
)
_LONGEST_DOTTED_LABEL: Final = 44  # a longer label's length would pass for a hyphen or a digit


class InvalidQuery(MalformedMessage):
    """A query that gets an error for an answer. `rcode`: which; `end`: after what was read of the question."""

    def __init__(self, rcode: int, reason: str, end: int = HEADER_BYTES, edns: Edns | None = None) -> None:
        super().__init__(reason)
        self.rcode = rcode
        self.end = end
        self.edns = edns


class NotAQuery(MalformedMessage):
    """Bytes that get no answer."""


def parse_query(packet: bytes) -> Query:
    """Read a query. Raises InvalidQuery or NotAQuery."""
    if len(packet) < HEADER_BYTES:
        raise NotAQuery("too short for a header")
    if packet[2] & _NO_QUERY:
        if packet[2] & QR:
            raise NotAQuery("an answer, not a question")  # answering answers makes two servers talk for ever
        raise InvalidQuery(Rcode.NOTIMP, "an operation other than a query")
    counts = packet[4:12]
    if counts != _ONLY_A_QUESTION and counts[:2] != b"\0\1":
        raise _question_count_error(packet)
    name, at = _question_name(packet)
    end = at + 4
    if len(packet) < end:
        raise InvalidQuery(Rcode.FORMERR, "no room for type and class")
    qtype, qclass = _TYPE_AND_CLASS.unpack_from(packet, at)
    edns = None
    if counts != _ONLY_A_QUESTION:
        _, answers, authorities, additionals = COUNTS.unpack_from(packet, COUNTS_OFFSET)
        if answers or authorities:
            raise InvalidQuery(Rcode.FORMERR, "a query with answers", end)
        edns = _plain_edns(packet, end) if additionals == 1 else None
        edns = edns or _parse_additional(packet, end, additionals)
    elif end != len(packet):
        raise InvalidQuery(Rcode.FORMERR, "bytes after the last record", end)
    return Query(packet, name, qtype, qclass, end, edns)


def build_query(name: str, qtype: int, *, flags: int = 0, dnssec: bool = False) -> bytes:
    """Return a query of our own: `flags` is header byte 3 (CD, AD). Raises MalformedMessage for no name."""
    opt = build_opt_record(dnssec_ok=dnssec)
    counts = COUNTS.pack(1, 0, 0, 1)
    return b"\0\0" + bytes((RD, flags)) + counts + name_to_wire(name) + _TYPE_AND_CLASS.pack(qtype, _IN) + opt


def _question_name(packet: bytes) -> tuple[str, int]:
    """Return the name of the question, and where it ends. Raises InvalidQuery.

    Read for every question on first sight, so nothing is taken apart: the walk only counts the labels, and the
    name becomes text in one step. There must then be one dot fewer than labels; where there is another number, a
    byte was no plain one, and the name is read label by label.
    """
    at, labels = QUESTION_OFFSET, 0
    try:
        while length := packet[at]:
            if length > _LONGEST_DOTTED_LABEL:
                return _escaped_question_name(packet)
            at += length + 1
            labels += 1
    except IndexError:
        raise InvalidQuery(Rcode.FORMERR, "a name without an end") from None
    if not labels:
        return "", at + 1  # compiled, a slice that ends before it begins raises SystemError
    text = packet[QUESTION_OFFSET + 1 : at].translate(_WIRE_TO_TEXT)
    if text.count(b".") != labels - 1 or at - QUESTION_OFFSET >= NAME_BYTES:
        return _escaped_question_name(packet)
    return text.decode(), at + 1


def _escaped_question_name(packet: bytes) -> tuple[str, int]:
    labels: list[bytes] = []
    at = QUESTION_OFFSET
    try:
        while length := packet[at]:
            if length > LABEL_BYTES:
                raise InvalidQuery(Rcode.FORMERR, "a question that is compressed, or of an unknown kind")
            labels.append(packet[at + 1 : at + 1 + length])
            at += length + 1
    except IndexError:
        raise InvalidQuery(Rcode.FORMERR, "a name without an end") from None
    at += 1
    if at - QUESTION_OFFSET > NAME_BYTES:
        raise InvalidQuery(Rcode.FORMERR, "a name that is too long")
    return labels_to_name(labels), at


def _question_count_error(packet: bytes) -> InvalidQuery:
    counts = COUNTS.unpack_from(packet, COUNTS_OFFSET)
    # RFC 7873, section 5.4: no question and a cookie is how a client asks for a cookie; the answer has no error.
    if counts == (0, 0, 0, 1):
        try:
            edns = _parse_additional(packet, HEADER_BYTES, 1)
        except InvalidQuery as problem:
            return problem
        if edns is not None and edns.cookie is not None:
            return InvalidQuery(Rcode.NOERROR, "a question for a cookie", edns=edns)
    return InvalidQuery(Rcode.FORMERR, f"{counts[0]} questions")


@lru_cache(maxsize=256)
def _cached_edns(rclass_and_ttl: bytes) -> Edns:
    rclass, ttl = _CLASS_AND_TTL.unpack(rclass_and_ttl)
    return parse_opt_record(rclass, ttl, b"")


def _plain_edns(packet: bytes, at: int) -> Edns | None:
    """Return what an OPT record without options says, if nothing else follows the question: nearly every query."""
    if len(packet) == at + OPT_BYTES and packet[at : at + 3] == _OPT_HEAD and packet[at + 9 :] == b"\0\0":
        return _cached_edns(packet[at + 3 : at + 9])
    return None


def _parse_additional(packet: bytes, at: int, count: int) -> Edns | None:
    """Step over the additional records; return what OPT says. Raises InvalidQuery."""
    question_end = at
    edns = None
    try:
        for _ in range(count):
            root = packet[at] == 0
            at = skip_name(packet, at)
            rtype, rclass, ttl, size = _FIXED.unpack_from(packet, at)
            at += _FIXED.size + size
            if rtype == _OPT:
                edns = _only_opt(edns, root=root, read=parse_opt_record(rclass, ttl, packet[at - size : at]))
    except (IndexError, struct.error):
        raise InvalidQuery(Rcode.FORMERR, "a record without an end", question_end) from None
    except MalformedMessage as problem:
        raise InvalidQuery(Rcode.FORMERR, str(problem), question_end) from None
    if at != len(packet):
        raise InvalidQuery(Rcode.FORMERR, "bytes after the last record, or too few of them", question_end)
    return edns


def _only_opt(before: Edns | None, *, root: bool, read: Edns) -> Edns:
    if before is not None or not root:  # RFC 6891, section 6.1.1
        raise MalformedMessage("more than one OPT record, or a misplaced one")
    return read
