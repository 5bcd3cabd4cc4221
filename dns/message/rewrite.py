"""Answers whose records are changed on the way: safe search, and HTTPS records without an encrypted hello.

These are rare and replayed once made, so they are made by a library (dnslib), which takes every name apart and
compresses anew. Whatever it makes of hostile bytes, the only error is MalformedMessage.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dnslib

from dns.errors import MalformedMessage
from dns.message import svcb
from dns.message.response import Answer
from dns.message.scanner import skim
from dns.message.wire import CNAME, HEADER_BYTES, HTTPS, NOERROR, NXDOMAIN, SVCB, Query, to_wire


def in_its_place(query: Query, target: str, message: bytes) -> Answer:
    """Return an answer that says "an alias of `target`", followed by what `message` says of the target."""
    with _only_malformed():
        found = dnslib.DNSRecord.parse(_asking_for(target, message))
        name = _asked_name(query)
        # The alias ages with its target's records, or their times to live would not count down together.
        lives = min((record.ttl for record in (*found.rr, *found.auth)), default=0)
        made = dnslib.DNSRecord(dnslib.DNSHeader(qr=1))
        made.add_question(dnslib.DNSQuestion(name, query.qtype))
        made.add_answer(dnslib.RR(name, CNAME, ttl=lives, rdata=dnslib.CNAME(target)))
        made.add_answer(*found.rr)
        made.add_auth(*found.auth)
        packed = made.pack()
    rcode = found.header.rcode
    answer = _made(packed, query, rcode, "rewritten" if rcode in {NOERROR, NXDOMAIN} else "failed")
    answer.replayable = rcode in {NOERROR, NXDOMAIN}
    return answer


def strip_ech(answer: Answer, query: Query) -> None:
    """Take the keys for an encrypted hello out of an answer's HTTPS and SVCB records. Raises MalformedMessage."""
    head = query.packet[:2] + b"\x80\0\0\1" + answer.counts + query.packet[HEADER_BYTES : query.question_end]
    message = head + answer.records
    services = [record for record in skim(message).answer if record.rtype in {HTTPS, SVCB}]
    if not any(
        code == svcb.ECH
        for record in services
        for code, _ in svcb.read(message[record.data_at : record.data_at + record.data_bytes]).parameters
    ):
        return
    with _only_malformed():
        parsed = dnslib.DNSRecord.parse(message)
        for record in parsed.rr:
            if record.rtype in {HTTPS, SVCB}:
                buffer = dnslib.DNSBuffer()
                record.rdata.pack(buffer)
                record.rdata = dnslib.RD(svcb.read(bytes(buffer.data)).without_ech())
        packed = parsed.pack()
    changed = _made(packed, query, answer.rcode, answer.outcome)
    # A signature over the record as it was would now fail to verify: say nothing of authenticity.
    answer.records, answer.counts, answer.ttls, answer.authentic = (
        changed.records,
        changed.counts,
        changed.ttls,
        False,
    )


def _made(packed: bytes, query: Query, rcode: int, outcome: str) -> Answer:
    skimmed = skim(packed)
    end = query.question_end
    if skimmed.question_end != end:
        raise MalformedMessage("the question changed its size")
    answer = Answer(rcode, outcome, records=packed[end:], counts=packed[6:12])
    answer.ttls = tuple(record.ttl_at for section in skimmed[1:] for record in section)
    return answer


def _asking_for(target: str, message: bytes) -> bytes:
    """Return a message whose question is written as `target` is: the case of its letters was left to chance."""
    name = to_wire(target)
    return message[:HEADER_BYTES] + name + message[HEADER_BYTES + len(name) :]


def _asked_name(query: Query) -> dnslib.DNSLabel:
    buffer = dnslib.DNSBuffer(query.packet)
    buffer.offset = HEADER_BYTES
    return buffer.decode_name()


@contextmanager
def _only_malformed() -> Iterator[None]:
    """Turn whatever the library raises over hostile bytes into the one error of ours."""
    try:
        yield
    except MalformedMessage:
        raise
    except Exception as problem:  # the library's errors have no common root
        raise MalformedMessage(f"cannot be rewritten: {problem}") from problem
