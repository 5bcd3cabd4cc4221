"""Turns answers into messages: header, the question as it was asked, records, our OPT record.

- Over UDP an answer larger than the asker takes (RFC 6891, section 6.2.5; never more than 1232 bytes) becomes the
  question with TC set and no records at all (RFC 2181, section 9): the asker comes back over TCP.
- Refused answers (RFC 8914 code 15; 16 where the upstream refuses) live `REFUSED_TTL` seconds, so that an opening
  shows at once. Negative ones carry a SOA record, or clients would not cache them for even that long (RFC 2308,
  section 5).
"""

import ipaddress
import struct
from collections.abc import Sequence

from dns.message import edns
from dns.message.response import NO_COUNTS, Answer
from dns.message.wire import AAAA, AD, ANY, CD, CLASS_IN, NOERROR, NXDOMAIN, OPCODE, QR, RA, RD, SOA, TC, A, Query
from dns.policy.verdict import Step, Verdict

REFUSED_TTL = 10  # seconds

STREAM_BYTES = 65535

_OWNER_AND_TYPE = struct.Struct("!HHHIH")  # pointer to the question's name, type, class, TTL, length
_QUESTION_NAME = 0xC00C
_TTL = struct.Struct("!I")
_SOA_NUMBERS = struct.Struct("!IIIII")
_HINFO = 13
_HINFO_TTL = 3600

# Of header bytes 2 to 5, as one number: bits of byte 2 stand 24 higher, those of byte 3 16.
_REPEATED = (OPCODE | RD) << 24 | CD << 16  # of the query's flags
_RCODE = 0x0F << 16
_RESPONSE = QR << 24 | RA << 16
_AUTHENTIC = AD << 16
_TRUNCATED = TC << 24

_OPTS = (edns.opt_record(dnssec_ok=False), edns.opt_record(dnssec_ok=True))


def message(query: Query, answer: Answer, limit: int | None, options: bytes = b"") -> bytes:
    """Return the message for an answer, of at most `limit` bytes (None: as the asker takes over UDP).

    `options` are EDNS options for this asker, sent only to who speaks EDNS.
    """
    packet = query.packet
    asked = query.edns
    question = packet[12 : query.question_end]
    # Header bytes 2 to 5: flags, and the number of questions.
    head = (packet[2] << 8 | packet[3]) << 16 & _REPEATED | answer.rcode << 16 & _RCODE | _RESPONSE
    if question:
        head |= 1
    if asked is None:
        opt = b""
        counts = answer.counts
        room = edns.SMALLEST_UDP_BYTES
    else:
        options += answer.extended_errors
        dnssec_ok = asked.dnssec_ok
        if options or answer.rcode > 15:
            opt = edns.opt_record(dnssec_ok=dnssec_ok, options=options, rcode=answer.rcode)
        else:
            opt = _OPTS[dnssec_ok]
        counts = (
            answer.counts[:5] + bytes((answer.counts[5] + 1,)) if answer.counts[5] < 255 else _one_more(answer)
        )
        room = min(max(asked.udp_bytes, edns.SMALLEST_UDP_BYTES), edns.UDP_BYTES)
    if answer.authentic and (packet[3] & AD or (asked is not None and asked.dnssec_ok)):
        head |= _AUTHENTIC
    size = query.question_end + len(answer.records) + len(opt)
    if answer.truncated or size > (room if limit is None else limit):
        counts = b"\0\0\0\0\0\1" if opt else NO_COUNTS
        return packet[:2] + (head | _TRUNCATED).to_bytes(4, "big") + counts + question + opt
    return b"".join((packet[:2], head.to_bytes(4, "big"), counts, question, answer.records, opt))


def _one_more(answer: Answer) -> bytes:
    """Count our OPT record where the additional section holds 255 records already, or more."""
    return answer.counts[:4] + (int.from_bytes(answer.counts[4:]) + 1).to_bytes(2, "big")


def refused(query: Query, verdict: Verdict, refusal: str, now: float, page: Sequence[str] = ()) -> Answer:
    """Return the answer that keeps a name closed, looking as the profile wishes: null, nxdomain or page.

    `page`: the addresses at which this room explains itself.
    """
    ttl = REFUSED_TTL if verdict.until is None else min(REFUSED_TTL, max(int(verdict.until - now), 0))
    # Some verdicts fix their look: a canary name answered with an address means "no filter here".
    look = verdict.answer or refusal
    exists = look != "nxdomain"
    records = _addresses(query.qtype, ttl, page if look == "page" else ()) if look in {"null", "page"} else []
    counts = struct.pack("!HHH", len(records), 0, 0)
    if not records:
        records, counts = [_negative_soa(ttl)], b"\0\0\0\1\0\0"
    answer = Answer(
        NOERROR if exists else NXDOMAIN,
        "refused",
        records=b"".join(records),
        counts=counts,
        verdict=verdict,
        extended_errors=edns.extended_error(
            edns.CENSORED if verdict.step is Step.UPSTREAM else edns.BLOCKED, reason(verdict)
        ),
    )
    # Its time to live does not count down: each is made afresh. Near the verdict's end it would get shorter.
    answer.expires = float("inf") if verdict.until is None else verdict.until - REFUSED_TTL
    answer.replayable = now < answer.expires
    return answer


def reason(verdict: Verdict) -> str:
    """Return the short text of an extended error: the category, and the list that has the name in it."""
    if verdict.step is Step.UPSTREAM:
        return f"{verdict.source}: {verdict.entry}" if verdict.entry else verdict.source
    if verdict.category and verdict.source:
        return f"{verdict.category} ({verdict.source})"
    return verdict.category or verdict.source or verdict.step.value


def capped(answer: Answer, verdict: Verdict | None, query: Query, now: float) -> Answer:
    """Hold an answer's times to live down to the end of the verdict that let it pass."""
    if verdict is None or verdict.until is None:
        return answer
    left = max(int(verdict.until - now), 0)
    shift = query.question_end
    records = bytearray(answer.records)
    for at in answer.ttls:
        (ttl,) = _TTL.unpack_from(records, at - shift)
        if ttl > left:
            # From here on it counts down by another clock than the rest: it is made anew for each asker.
            _TTL.pack_into(records, at - shift, left)
            answer.replayable = False
    answer.records = bytes(records)
    answer.expires = min(answer.expires, verdict.until)
    return answer


def minimal_any() -> Answer:
    """Return the answer to a question for every type: one HINFO record that says why (RFC 8482, section 4.2)."""
    data = b"\x07RFC8482\0"
    record = _OWNER_AND_TYPE.pack(_QUESTION_NAME, _HINFO, CLASS_IN, _HINFO_TTL, len(data)) + data
    return Answer(NOERROR, "allowed", records=record, counts=b"\0\1\0\0\0\0")


def failure(rcode: int, *extended: tuple[int, str]) -> Answer:
    """Return an error of DNS itself, with the extended errors that explain it."""
    options = b"".join(edns.extended_error(code, text) for code, text in extended)
    return Answer(rcode, "failed", extended_errors=options)


def _addresses(qtype: int, ttl: int, page: Sequence[str]) -> list[bytes]:
    if qtype not in {A, AAAA, ANY}:
        return []
    wanted = [ipaddress.ip_address(text) for text in page or ("0.0.0.0", "::")]  # noqa: S104 (an answer)
    return [
        _OWNER_AND_TYPE.pack(_QUESTION_NAME, A if one.version == 4 else AAAA, CLASS_IN, ttl, len(one.packed))
        + one.packed
        for one in wanted
        if qtype == ANY or one.version == (4 if qtype == A else 6)
    ]


def _negative_soa(ttl: int) -> bytes:
    # Server and mailbox are the root: no such zone exists, and nobody is to be written to.
    data = b"\0\0" + _SOA_NUMBERS.pack(1, ttl, ttl, ttl, ttl)
    return _OWNER_AND_TYPE.pack(_QUESTION_NAME, SOA, CLASS_IN, ttl, len(data)) + data
