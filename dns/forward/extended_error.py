"""Extended errors in what an upstream sent (RFC 8914): whether it fails on purpose, and what devices hear of it.

=====================  ====================================================================================
15, 16, 17             the upstream keeps the name closed: its refusal is final. For a device that is
                       Censored (16): "a requirement imposed by an external entity" (section 4.17)
18 (Prohibited)        final and passed on; but with REFUSED the server does not serve this room (section 4.19),
                       which is no verdict on the name: others are asked
6 to 12                the name is bogus (DNSSEC): final for a failed question, or a server that does not
                       validate would answer it; passed on
every other code       passed on as it is (section 3): what validation lacked (1, 2, 5), that the answer is
                       forged or stale (3, 4, 19), that servers cannot be reached (22, 23), and so on
=====================  ====================================================================================

Without one of the final codes a failure says something about the server, and the next one is asked.

Texts are passed on too, shortened and without anything that is not print. They never decide anything.
"""

import struct
from collections.abc import Iterator, Sequence

import msgspec

from dns.errors import MalformedMessage
from dns.message import edns
from dns.message.constants import EdnsOption, ExtendedErrorCode, Rcode, RecordType
from dns.message.header import COUNTS, QR, RA, RD, rcode_of
from dns.message.scanner import RecordTuple, scan_records

BLOCKED_CODES = frozenset({ExtendedErrorCode.BLOCKED, ExtendedErrorCode.CENSORED, ExtendedErrorCode.FILTERED})
MAX_PASSED_ON = 2  # errors of one answer; with their texts they must not push the answer out of a datagram
MAX_TEXT_CHARACTERS = 100

_BOGUS_CODES = frozenset(range(ExtendedErrorCode.DNSSEC_BOGUS, ExtendedErrorCode.NSEC_MISSING + 1))
_FINAL_CODES = BLOCKED_CODES | _BOGUS_CODES | {ExtendedErrorCode.PROHIBITED}
# Plain numbers: answers of upstreams are searched for these; see `dns.message.constants`.
_OPT, _EXTENDED_ERROR = int(RecordType.OPT), int(EdnsOption.EXTENDED_DNS_ERROR)
_PLAIN_HEAD = 0xFFFFFF  # of an OPT record, in place of a time to live: no upper bits of a response code
_OPTION = struct.Struct("!HH")
_FAILURE_HEAD = bytes((0, 0, QR | RD, RA | Rcode.SERVFAIL)) + COUNTS.pack(1, 0, 0, 1)


class ExtendedError(msgspec.Struct, frozen=True):
    """What an upstream said beside its answer."""

    blocked_text: str | None  # the text, perhaps empty, with which it keeps the name closed; None: it does not
    options: bytes  # the other errors, ready to be sent


def parse_extended_error(message: bytes, additional: Sequence[RecordTuple]) -> ExtendedError | None:
    """Return what a message's OPT record explains; None where it explains nothing: nearly every message.

    Raises MalformedMessage where it says BADVERS and the like (RFC 6891, section 6.1.3).
    """
    found: dict[int, str] = {}
    for rtype, _, head, _, at, size in additional:
        if rtype == _OPT:
            if head > _PLAIN_HEAD:
                raise MalformedMessage("an error beyond those of a header, which no question of ours can meet")
            if size:
                for code, text in _parse_errors(message, at, at + size):
                    found.setdefault(code, text)
    if not found:
        return None
    refusal = next((text for code, text in found.items() if code in BLOCKED_CODES), None)
    passed_on = [(code, text) for code, text in found.items() if code not in BLOCKED_CODES][:MAX_PASSED_ON]
    return ExtendedError(refusal, b"".join(edns.encode_extended_error(code, text) for code, text in passed_on))


def is_final_failure(message: bytes) -> bool:
    """Tell whether a failed answer is about the name: nobody else may then be asked. Raises MalformedMessage."""
    _, _, _, additional = scan_records(message)
    final = BLOCKED_CODES | _BOGUS_CODES if rcode_of(message) == Rcode.REFUSED else _FINAL_CODES
    return any(
        code in final
        for rtype, _, _, _, at, size in additional
        if rtype == _OPT
        for code, _ in _parse_errors(message, at, at + size)
    )


def build_failure_message(question: bytes, code: int, text: str) -> bytes:
    """Return SERVFAIL to a question, with an extended error of ours: why no server's answer could be used."""
    opt = edns.build_opt_record(dnssec_ok=False, options=edns.encode_extended_error(code, text))
    return _FAILURE_HEAD + question + opt


def _parse_errors(message: bytes, at: int, end: int) -> Iterator[tuple[int, str]]:
    while at + _OPTION.size <= end:
        code, size = _OPTION.unpack_from(message, at)
        at += _OPTION.size
        if code == _EXTENDED_ERROR and size >= 2 and at + size <= end:
            text = message[at + 2 : at + size].decode("utf-8", "replace")
            printable = "".join(one if one.isprintable() else " " for one in text)
            yield int.from_bytes(message[at : at + 2], "big"), printable[:MAX_TEXT_CHARACTERS].strip()
        at += size
