"""Turns answers into messages: header, the question as it was asked, records, our OPT record.

- Over UDP an answer larger than the client takes (RFC 6891, section 6.2.5; never more than 1232 bytes) becomes the
  question with TC set and no records at all (RFC 2181, section 9): the client comes back over TCP.
- Refused answers (RFC 8914 code 15; 16 where the upstream refuses) live `BLOCKED_TTL` seconds, so that an opening
  shows at once. Negative ones carry a SOA record, or clients would not cache them for even that long (RFC 2308,
  section 5).
"""

import ipaddress
import struct
from collections.abc import Sequence
from typing import Final

from dns.message import edns
from dns.message.constants import ExtendedErrorCode, Rcode, RecordClass, RecordType
from dns.message.header import AD, CD, HEADER_BYTES, OPCODE, QR, RA, RCODE, RD, TC
from dns.message.parsed_query import Query
from dns.message.response import NO_COUNTS, Response
from dns.policy.verdict import Step, Verdict

BLOCKED_TTL: Final = 10  # seconds

STREAM_BYTES: Final = 65535

# Plain numbers: they go into every blocked answer, and into its log entry; see `dns.message.constants`.
_NOERROR: Final = int(Rcode.NOERROR)
_NXDOMAIN: Final = int(Rcode.NXDOMAIN)
_A: Final = int(RecordType.A)
_SOA: Final = int(RecordType.SOA)
_AAAA: Final = int(RecordType.AAAA)
_ANY: Final = int(RecordType.ANY)
_IN: Final = int(RecordClass.IN)
_OWNER_AND_TYPE: Final = struct.Struct("!HHHIH")  # pointer to the question's name, type, class, TTL, length
_QUESTION_NAME: Final = 0xC00C
_TTL: Final = struct.Struct("!I")
_SOA_NUMBERS: Final = struct.Struct("!IIIII")
_HINFO_TTL: Final = 3600

# Of header bytes 2 to 5, as one number: bits of byte 2 stand 24 higher, those of byte 3 16.
_REPEATED: Final = (OPCODE | RD) << 24 | CD << 16  # of the query's flags
_RCODE: Final = RCODE << 16
_RESPONSE: Final = QR << 24 | RA << 16
_AUTHENTIC: Final = AD << 16
_TRUNCATED: Final = TC << 24

_OPTS: Final = (edns.build_opt_record(dnssec_ok=False), edns.build_opt_record(dnssec_ok=True))


def build_message(query: Query, response: Response, limit: int | None, options: bytes = b"") -> bytes:
    """Return the message for an answer, of at most `limit` bytes (None: as the client takes over UDP).

    `options` are EDNS options for this client, sent only to who speaks EDNS.
    """
    packet = query.packet
    client_edns = query.edns
    question = packet[HEADER_BYTES : query.question_end]
    # Header bytes 2 to 5: flags, and the number of questions.
    head = (packet[2] << 8 | packet[3]) << 16 & _REPEATED | response.rcode << 16 & _RCODE | _RESPONSE
    if question:
        head |= 1
    if client_edns is None:
        opt = b""
        counts = response.counts
        room = edns.MIN_UDP_PAYLOAD_SIZE
    else:
        options += response.extended_errors
        dnssec_ok = client_edns.dnssec_ok
        if options or response.rcode > 15:
            opt = edns.build_opt_record(dnssec_ok=dnssec_ok, options=options, rcode=response.rcode)
        else:
            opt = _OPTS[dnssec_ok]
        # Never near 255: upstreams' additional records are left out (`dns.message.scrub`).
        counts = response.counts[:5] + bytes((response.counts[5] + 1,))
        room = min(max(client_edns.udp_payload_size, edns.MIN_UDP_PAYLOAD_SIZE), edns.UDP_PAYLOAD_SIZE)
    if response.is_authentic and (packet[3] & AD or (client_edns is not None and client_edns.dnssec_ok)):
        head |= _AUTHENTIC
    size = query.question_end + len(response.records) + len(opt)
    if response.is_truncated or size > (room if limit is None else limit):
        counts = b"\0\0\0\0\0\1" if opt else NO_COUNTS
        return packet[:2] + (head | _TRUNCATED).to_bytes(4, "big") + counts + question + opt
    return b"".join((packet[:2], head.to_bytes(4, "big"), counts, question, response.records, opt))


def build_blocked_response(
    query: Query, verdict: Verdict, refusal: str, now: float, page_addresses: Sequence[str] = ()
) -> Response:
    """Return the answer that keeps a name closed, looking as the profile wishes: null, nxdomain or page.

    `page_addresses`: the addresses at which this room explains itself.
    """
    ttl = BLOCKED_TTL if verdict.until is None else min(BLOCKED_TTL, max(int(verdict.until - now), 0))
    # Some verdicts fix their look: a canary name answered with an address means "no filter here".
    mode = verdict.answer or refusal
    exists = mode != "nxdomain"
    records = (
        _addresses(query.qtype, ttl, page_addresses if mode == "page" else ()) if mode in {"null", "page"} else []
    )
    counts = struct.pack("!HHH", len(records), 0, 0)
    if not records:
        records, counts = [_negative_soa(ttl)], b"\0\0\0\1\0\0"
    response = Response(
        _NOERROR if exists else _NXDOMAIN,
        "refused",
        records=b"".join(records),
        counts=counts,
        verdict=verdict,
        extended_errors=edns.encode_extended_error(
            ExtendedErrorCode.CENSORED if verdict.step is Step.UPSTREAM else ExtendedErrorCode.BLOCKED,
            block_reason(verdict),
        ),
    )
    # Its time to live does not count down: each is made afresh. Near the verdict's end it would get shorter.
    response.expires_at = float("inf") if verdict.until is None else verdict.until - BLOCKED_TTL
    response.is_cacheable = now < response.expires_at
    return response


def block_reason(verdict: Verdict) -> str:
    """Return the short text of an extended error: the category, and the list that has the name in it."""
    if verdict.step is Step.UPSTREAM:
        return f"{verdict.source}: {verdict.entry}" if verdict.entry else verdict.source
    if verdict.category and verdict.source:
        return f"{verdict.category} ({verdict.source})"
    return verdict.category or verdict.source or verdict.step.value


def cap_ttls(response: Response, verdict: Verdict | None, query: Query, now: float) -> Response:
    """Hold an answer's times to live down to the end of the verdict that let it pass."""
    if verdict is None or verdict.until is None:
        return response
    left = max(int(verdict.until - now), 0)
    shift = query.question_end
    records = bytearray(response.records)
    for at in response.ttl_offsets:
        (ttl,) = _TTL.unpack_from(records, at - shift)
        if ttl > left:
            # From here on it counts down by another clock than the rest: it is made anew for each client.
            _TTL.pack_into(records, at - shift, left)
            response.is_cacheable = False
    response.records = bytes(records)
    response.expires_at = min(response.expires_at, verdict.until)
    return response


def build_minimal_any_response() -> Response:
    """Return the answer to a question for every type: one HINFO record that says why (RFC 8482, section 4.2)."""
    data = b"\x07RFC8482\0"
    record = _OWNER_AND_TYPE.pack(_QUESTION_NAME, RecordType.HINFO, _IN, _HINFO_TTL, len(data)) + data
    return Response(_NOERROR, "allowed", records=record, counts=b"\0\1\0\0\0\0")


def build_error_response(rcode: int, *extended: tuple[int, str]) -> Response:
    """Return an error of DNS itself, with the extended errors that explain it."""
    options = b"".join(edns.encode_extended_error(code, text) for code, text in extended)
    return Response(rcode, "failed", extended_errors=options)


def _addresses(qtype: int, ttl: int, page: Sequence[str]) -> list[bytes]:
    if qtype not in {_A, _AAAA, _ANY}:
        return []
    wanted = [ipaddress.ip_address(text) for text in page or ("0.0.0.0", "::")]  # noqa: S104 (an answer)
    return [
        _OWNER_AND_TYPE.pack(_QUESTION_NAME, _A if one.version == 4 else _AAAA, _IN, ttl, len(one.packed))
        + one.packed
        for one in wanted
        if qtype == _ANY or one.version == (4 if qtype == _A else 6)
    ]


def _negative_soa(ttl: int) -> bytes:
    # Server and mailbox are the root: no such zone exists, and nobody is to be written to.
    data = b"\0\0" + _SOA_NUMBERS.pack(1, ttl, ttl, ttl, ttl)
    return _OWNER_AND_TYPE.pack(_QUESTION_NAME, _SOA, _IN, ttl, len(data)) + data
