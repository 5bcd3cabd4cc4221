"""Leaves out of an upstream's answer what does not belong to its question, before anybody sees or remembers it.

======================  ====================================================================================
the answer section      keeps the question's own records and those of its aliases, in their order
the authority section   is kept where it says something: why there is nothing (SOA), or a proof (NSEC, NSEC3);
                        and where it holds nothing that belongs elsewhere
the additional section  is left out: nobody has decided where it leads, and what did not fit because of it
                        would have to be asked for again over TCP (RFC 2181, section 9)
======================  ====================================================================================

Of Unbound's scrubber these are its rules for owners, for authority and additional data. Its check of delegations
is not needed: we follow none. So is its limit of aliases in one answer: what looks at them must not take longer
than any other answer does.

Nearly every answer passes at the cost of one comparison for each record: an owner is a pointer to the question's
name, or to the target of the alias before. Only others are read.
"""

import dnslib

from dns.errors import MalformedMessage
from dns.message.constants import RecordClass, RecordType
from dns.message.header import HEADER_BYTES
from dns.message.names import is_under
from dns.message.scanner import RecordTuple, scan_records
from dns.message.wire_names import POINTER, name_from_wire

# Plain numbers: these are used for every answer of an upstream; see `dns.message.constants`.
_A, _AAAA, _A_BYTES, _AAAA_BYTES = int(RecordType.A), int(RecordType.AAAA), 4, 16
_CNAME, _DNAME, _SOA = int(RecordType.CNAME), int(RecordType.DNAME), int(RecordType.SOA)
_IN = int(RecordClass.IN)
_SAYS_SOMETHING = frozenset({_SOA, int(RecordType.NSEC), int(RecordType.NSEC3)})
_PROOFS = _SAYS_SOMETHING - {_SOA}
MAX_ALIASES = 32  # in one answer; ways of the world have ten at most, and the policy decides each
_LONGEST_NAME = 1024  # as text

_BESIDE_A_REASON = _SAYS_SOMETHING | {int(RecordType.NS), int(RecordType.DS), int(RecordType.RRSIG)}
_SOA_BYTES, _NONE = 22, 0  # two names and five numbers; no type has the number 0
_QUESTION = HEADER_BYTES | POINTER << 8
_QUESTION_NAME = _QUESTION.to_bytes(2, "big")
_FIXED_BYTES = 10  # of a record, between its owner and its data

Sections = tuple[bytes, list[RecordTuple], list[RecordTuple]]


def scrub_answer(message: bytes, name: str, answer: list[RecordTuple]) -> Sections | None:
    """Return the message without records of other owners, and its sections; None where there are none.

    `name`: the canonical name that was asked. Raises MalformedMessage.
    """
    expected = _QUESTION_NAME
    plain, aliases = True, 0
    for rtype, rclass, _, at, data_at, size in answer:
        if rclass != _IN:
            raise MalformedMessage("a record of another class than the question")
        owner = message[at : at + 2]
        if owner != expected and owner != _QUESTION_NAME:  # noqa: PLR1714 (a set would cost every record more)
            plain = False
        if rtype == _A:
            if size != _A_BYTES:
                raise MalformedMessage("an address of another size")
        elif rtype == _CNAME:
            _check_alias(message, data_at, size)
            aliases += 1
            expected = (data_at | POINTER << 8).to_bytes(2, "big")
        elif rtype == _AAAA and size != _AAAA_BYTES:
            raise MalformedMessage("an address of another size")
    if aliases > MAX_ALIASES:
        raise MalformedMessage("more aliases than any way has")
    return None if plain else _scrub_by_names(message, name, answer)


def _check_alias(message: bytes, at: int, size: int) -> None:
    """Raise MalformedMessage where an alias's data cannot be one name: only its end is looked at."""
    end = at + size - 1
    if size < 1 or (
        message[end]
        and (size < 2 or message[end - 1] < POINTER or (message[end - 1] & ~POINTER) << 8 | message[end] >= at)
    ):
        raise MalformedMessage("an alias that is no name")


def trim_sections(
    message: bytes,
    qtype: int,
    answer: list[RecordTuple],
    authority: list[RecordTuple],
    additional: list[RecordTuple],
) -> bytes:
    """Return the message without what is only a help; `authority` and `additional` lose their records too."""
    if authority:
        kinds = {record[0] if record[5] >= _SOA_BYTES or record[0] != _SOA else _NONE for record in authority}
        wanted = _PROOFS if answer and answer[-1][0] == qtype else _SAYS_SOMETHING
        if wanted.isdisjoint(kinds) or not kinds <= _BESIDE_A_REASON:
            end = authority[0][3]
            authority.clear()
            additional.clear()
            return message[:8] + b"\0\0\0\0" + message[12:end]
    if additional:
        end = additional[0][3]
        additional.clear()
        return message[:10] + b"\0\0" + message[12:end]
    return message


def _scrub_by_names(message: bytes, name: str, answer: list[RecordTuple]) -> Sections | None:
    owners = [name_from_wire(message, record[3]) for record in answer]
    belonging = _belonging_owners(message, name, answer, owners)
    foreign = [at for at, owner in enumerate(owners) if owner not in belonging]
    if len(foreign) == len(answer):
        raise MalformedMessage("records of other names alone")
    if foreign:
        return _without_records(message, frozenset(foreign))
    lowered = bytearray(message)
    for owner, record in zip(owners, answer, strict=True):
        if owner == name:
            _lower_labels(lowered, record[3])
    if lowered == message:
        return None
    return _sections(bytes(lowered))


def _belonging_owners(message: bytes, name: str, answer: list[RecordTuple], owners: list[str]) -> set[str]:
    """Return the owners whose records answer the question: its name, and wherever aliases lead from there.

    Every alias is followed once, so it takes as long as there are aliases, however they lead.
    """
    targets: dict[str, list[str]] = {}
    redirections: dict[str, str] = {}  # of DNAME records
    for owner, record in zip(owners, answer, strict=True):
        if record[0] == _CNAME:
            targets.setdefault(owner, []).append(name_from_wire(message, record[4]))
        elif record[0] == _DNAME:
            redirections[owner] = name_from_wire(message, record[4])
    if sum(map(len, targets.values())) + len(redirections) > MAX_ALIASES:
        raise MalformedMessage("more aliases than any way has")
    names, upper, left = {name}, set[str](), [name]
    while left and len(names) <= len(answer) + 1:  # more names than records: DNAME records that lead in a circle
        current = left.pop()
        found = targets.get(current, [])
        for owner, target in redirections.items():
            if owner != current and is_under(current, owner):
                upper.add(owner)
                if not found:
                    found = [current[: len(current) - len(owner)] + target if target else current]
        new = [one for one in found if one not in names and len(one) <= _LONGEST_NAME]
        names.update(new)
        left += new
    return names | upper


def _without_records(message: bytes, foreign: frozenset[int]) -> Sections:
    """Make the message anew without some records: names point into what is cut, so it is taken apart."""
    try:
        parsed = dnslib.DNSRecord.parse(message)
        parsed.rr = [record for at, record in enumerate(parsed.rr) if at not in foreign]
        return _sections(bytes(parsed.pack()))
    except MalformedMessage:
        raise
    except Exception as problem:  # the library's errors have no common root
        raise MalformedMessage(f"cannot be scrubbed: {problem}") from problem


def _sections(message: bytes) -> Sections:
    _, answer, authority, _ = scan_records(message)
    return message, answer, authority


def _lower_labels(message: bytearray, at: int) -> None:
    """Write a name in lower case, as far as it is not a pointer: the case of our question's letters is chance."""
    while 0 < (length := message[at]) < POINTER:
        message[at + 1 : at + 1 + length] = message[at + 1 : at + 1 + length].lower()
        at += length + 1
