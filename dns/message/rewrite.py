"""Answers whose records are changed on the way: safe search, and HTTPS records without an encrypted hello.

These are rare and replayed once made, so they are made by a library (dnslib), which takes every name apart and
compresses anew. Whatever it makes of hostile bytes, the only error is MalformedMessage.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dnslib

from dns.errors import MalformedMessage
from dns.message import svcb
from dns.message.constants import Rcode, RecordType, SvcParamKey
from dns.message.header import HEADER_BYTES
from dns.message.parsed_query import Query
from dns.message.response import Response
from dns.message.scanner import scan_message
from dns.message.wire_names import name_to_wire

_ANSWERS = frozenset({Rcode.NOERROR, Rcode.NXDOMAIN})
_SERVICE_TYPES = frozenset({RecordType.HTTPS, RecordType.SVCB})


def build_cname_response(query: Query, target: str, message: bytes) -> Response:
    """Return an answer that says "an alias of `target`", followed by what `message` says of the target."""
    with _malformed_on_error():
        found = dnslib.DNSRecord.parse(_with_question_name(target, message))
        name = _question_label(query)
        # The alias ages with its target's records, or their times to live would not count down together.
        lives = min((record.ttl for record in (*found.rr, *found.auth)), default=0)
        made = dnslib.DNSRecord(dnslib.DNSHeader(qr=1))
        made.add_question(dnslib.DNSQuestion(name, query.qtype))
        made.add_answer(dnslib.RR(name, RecordType.CNAME, ttl=lives, rdata=dnslib.CNAME(target)))
        made.add_answer(*found.rr)
        made.add_auth(*found.auth)
        packed = bytes(made.pack())
    rcode = found.header.rcode
    response = _response_from_packed(packed, query, rcode, "rewritten" if rcode in _ANSWERS else "failed")
    response.is_cacheable = rcode in _ANSWERS
    return response


def strip_ech(response: Response, query: Query) -> None:
    """Take the keys for an encrypted hello out of an answer's HTTPS and SVCB records. Raises MalformedMessage."""
    head = query.packet[:2] + b"\x80\0\0\1" + response.counts + query.packet[HEADER_BYTES : query.question_end]
    message = head + response.records
    services = [record for record in scan_message(message).answer if record.rtype in _SERVICE_TYPES]
    if not any(
        code == SvcParamKey.ECH
        for record in services
        for code, _ in svcb.parse_service_binding(
            message[record.rdata_offset : record.rdata_offset + record.rdlength]
        ).params
    ):
        return
    with _malformed_on_error():
        parsed = dnslib.DNSRecord.parse(message)
        for record in parsed.rr:
            if record.rtype in _SERVICE_TYPES:
                buffer = dnslib.DNSBuffer()
                record.rdata.pack(buffer)
                record.rdata = dnslib.RD(svcb.parse_service_binding(bytes(buffer.data)).without_ech())
        # A signature over the records as they were would fail to verify.
        parsed.rr = [
            one for one in parsed.rr if one.rtype != RecordType.RRSIG or one.rdata.covered not in _SERVICE_TYPES
        ]
        packed = bytes(parsed.pack())
    changed = _response_from_packed(packed, query, response.rcode, response.outcome)
    # What was changed is not authentic any more.
    response.records, response.counts, response.ttl_offsets, response.is_authentic = (
        changed.records,
        changed.counts,
        changed.ttl_offsets,
        False,
    )


def _response_from_packed(packed: bytes, query: Query, rcode: int, outcome: str) -> Response:
    scanned = scan_message(packed)
    end = query.question_end
    if scanned.question_end != end:
        raise MalformedMessage("the question changed its size")
    response = Response(rcode, outcome, records=packed[end:], counts=packed[6:12])
    response.ttl_offsets = tuple(record.ttl_offset for section in scanned[1:] for record in section)
    return response


def _with_question_name(target: str, message: bytes) -> bytes:
    """Return a message whose question is written as `target` is: the case of its letters was left to chance."""
    name = name_to_wire(target)
    return message[:HEADER_BYTES] + name + message[HEADER_BYTES + len(name) :]


def _question_label(query: Query) -> dnslib.DNSLabel:
    buffer = dnslib.DNSBuffer(query.packet)
    buffer.offset = HEADER_BYTES
    return buffer.decode_name()


@contextmanager
def _malformed_on_error() -> Iterator[None]:
    """Turn whatever the library raises over hostile bytes into the one error of ours."""
    try:
        yield
    except MalformedMessage:
        raise
    except Exception as problem:  # the library's errors have no common root
        raise MalformedMessage(f"cannot be rewritten: {problem}") from problem
