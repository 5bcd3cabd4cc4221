"""Leaves out of an upstream's answer what does not belong to its question, before anybody sees or remembers it.

======================  ====================================================================================
the answer section      keeps the question's own records of the type that was asked for and those of its aliases,
                        in their order; an alias that a DNAME record stands for is put behind it where it is
                        missing (`dns.message.alias_path`)
the authority section   is kept where it says something: why there is nothing (SOA), or a proof (NSEC, NSEC3);
                        and where it holds nothing that belongs elsewhere
signatures and proofs   are kept for who set DO, whole: a signature goes with the records that it signs. For others
                        they are left out, but for the type that was asked for (RFC 4035, section 3.2.1)
the additional section  is left out: nobody has decided where it leads, and what did not fit because of it
                        would have to be asked for again over TCP (RFC 2181, section 9)
======================  ====================================================================================

Of Unbound these are the rules for owners, for authority and additional data, and the one for who did not set DO:
of the type that was asked for, only the answer section keeps records. Its check of delegations
is not needed: we follow none. So is its limit of aliases in one answer: what looks at them must not take longer
than any other answer does.

Nearly every answer passes at the cost of one comparison for each record: an owner is a pointer to the question's
name, or to the target of the alias before. Only others are read. Addresses may stand beside another type: where
they lead is decided anyway.
"""

from typing import Final

from dns.errors import MalformedMessage
from dns.message.alias_path import MAX_ALIASES, AliasPath, find_alias_path
from dns.message.constants import Rcode, RecordClass, RecordType
from dns.message.header import HEADER_BYTES, RCODE
from dns.message.scanner import RecordTuple, scan_records
from dns.message.whole_records import WholeRecord, build_whole_message, read_record
from dns.message.wire_names import POINTER, name_from_wire, name_to_wire

# Plain numbers: these are used for every answer of an upstream; see `dns.message.constants`.
_A: Final = int(RecordType.A)
_AAAA: Final = int(RecordType.AAAA)
_A_BYTES: Final = 4
_AAAA_BYTES: Final = 16
_CNAME: Final = int(RecordType.CNAME)
_DNAME: Final = int(RecordType.DNAME)
_SOA: Final = int(RecordType.SOA)
_ANY: Final = int(RecordType.ANY)
_IN: Final = int(RecordClass.IN)
_SAYS_SOMETHING: Final = frozenset({_SOA, int(RecordType.NSEC), int(RecordType.NSEC3)})
_PROOFS: Final = _SAYS_SOMETHING - {_SOA}
_RRSIG: Final = int(RecordType.RRSIG)
_ALIASES: Final = frozenset({_CNAME, _DNAME})
_BESIDE_AN_ANSWER: Final = (_ALIASES, _ALIASES | {_RRSIG})  # without DO, and with it; likewise below
# What an authority section is kept for: beside no answer, and beside one.
_WANTED: Final = ((frozenset({_SOA}), frozenset[int]()), (_SAYS_SOMETHING, _PROOFS))
_DNSSEC: Final = _PROOFS | {_RRSIG, int(RecordType.DS)}
_BESIDE_A_REASON: Final = _DNSSEC | {_SOA, int(RecordType.NS)}
# Two names and five numbers; no type has the number 0.
_SOA_BYTES: Final = 22
_NONE: Final = 0
_QUESTION: Final = HEADER_BYTES | POINTER << 8
_QUESTION_NAME: Final = _QUESTION.to_bytes(2, "big")
_FIXED_BYTES: Final = 10  # of a record, between its owner and its data

Sections = tuple[bytes, list[RecordTuple], list[RecordTuple]]


def scrub_answer(
    message: bytes, name: str, qtype: int, answer: list[RecordTuple], *, dnssec: bool
) -> Sections | None:
    """Return the message without records that do not belong to it, and its sections; None where there are none.

    `name`: the canonical name that was asked, `qtype` for which type; `dnssec`: whoever asked set DO. Raises
    MalformedMessage.
    """
    expected = _QUESTION_NAME
    beside = _BESIDE_AN_ANSWER[dnssec]
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
            aliases = _count_alias(message, data_at, size, aliases)
            expected = (data_at | POINTER << 8).to_bytes(2, "big")
        elif rtype == _AAAA:
            if size != _AAAA_BYTES:
                raise MalformedMessage("an address of another size")
        elif rtype != qtype and rtype not in beside:
            plain = False
    return None if plain else _scrub_by_names(message, name, qtype, answer, beside)


def _count_alias(message: bytes, at: int, size: int, before: int) -> int:
    """Return how many aliases there are with this one.

    Raises MalformedMessage where they are too many, or its data cannot be one name: only its end is looked at.
    """
    end = at + size - 1
    if size < 1 or (
        message[end]
        and (size < 2 or message[end - 1] < POINTER or (message[end - 1] & ~POINTER) << 8 | message[end] >= at)
    ):
        raise MalformedMessage("an alias that is no name")
    if before >= MAX_ALIASES:
        raise MalformedMessage("more aliases than any way has")
    return before + 1


def trim_sections(  # noqa: PLR0917 (what is known of the answer)
    message: bytes,
    name: str,
    qtype: int,
    answer: list[RecordTuple],
    authority: list[RecordTuple],
    additional: list[RecordTuple],
    *,
    dnssec: bool,
) -> bytes:
    """Return the message without what is only a help; the lists of its records change with it.

    Raises MalformedMessage.
    """
    if authority:
        kinds = {record[0] if record[5] >= _SOA_BYTES or record[0] != _SOA else _NONE for record in authority}
        wanted = _WANTED[dnssec][bool(answer) and answer[-1][0] == qtype]
        if wanted.isdisjoint(kinds) or not kinds <= _BESIDE_A_REASON:
            end = authority[0][3]
            authority.clear()
            additional.clear()
            return message[:8] + b"\0\0\0\0" + message[12:end]
        if not dnssec and not kinds.isdisjoint(_DNSSEC):
            message = _without_proofs(message, name)
            _, answer[:], authority[:], additional[:] = scan_records(message)
            return message
    if additional:
        end = additional[0][3]
        additional.clear()
        return message[:10] + b"\0\0" + message[12:end]
    return message


def _without_proofs(message: bytes, name: str) -> bytes:
    """Return a message whose authority section holds neither signatures nor proofs; nothing is left behind it."""
    message = _with_plain_question(message, name)
    end, answer, authority, _ = scan_records(message)
    reason = [read_record(message, record) for record in authority if record[0] not in _DNSSEC]
    return build_whole_message(message[:end], ([read_record(message, record) for record in answer], reason, ()))


def _with_plain_question(message: bytes, name: str) -> bytes:
    """Return a message whose question is in lower case: its case is chance, and what points into it shows it."""
    wire = name_to_wire(name)
    return message[:HEADER_BYTES] + wire + message[HEADER_BYTES + len(wire) :]


def _scrub_by_names(
    message: bytes, name: str, qtype: int, answer: list[RecordTuple], beside: frozenset[int]
) -> Sections | None:
    owners = [name_from_wire(message, record[3]) for record in answer]
    path = find_alias_path(message, name, answer, owners)
    wanted = beside | {qtype}
    foreign = {
        at
        for at, (owner, record) in enumerate(zip(owners, answer, strict=True))
        if (record[0] not in wanted and qtype != _ANY) or not _belongs(owner, record[0], path)
    } | path.wrong
    if qtype not in {_RRSIG, _ANY}:
        foreign |= _lone_signatures(message, answer, owners, foreign)
    if len(foreign) == len(answer):
        raise MalformedMessage("records of other names alone")
    if foreign or path.missing or path.is_too_long or _has_compressed_redirection(message, answer):
        return _written_anew(message, name, foreign, path)
    lowered = bytearray(message)
    for owner, record in zip(owners, answer, strict=True):
        if owner == name:
            _lower_labels(lowered, record[3])
    if lowered == message:
        return None
    return _sections(bytes(lowered))


def _lone_signatures(message: bytes, answer: list[RecordTuple], owners: list[str], foreign: set[int]) -> set[int]:
    """Return the numbers of the signatures whose records are not there, or are left out."""
    kept = {
        (owner, record[0])
        for at, (owner, record) in enumerate(zip(owners, answer, strict=True))
        if at not in foreign
    }
    return {
        at
        for at, (owner, (rtype, _, _, _, data_at, _)) in enumerate(zip(owners, answer, strict=True))
        if rtype == _RRSIG and (owner, int.from_bytes(message[data_at : data_at + 2], "big")) not in kept
    }


def _belongs(owner: str, rtype: int, path: AliasPath) -> bool:
    if rtype == _DNAME:
        return owner in path.redirecting or owner in path.names
    if rtype == _RRSIG and owner in path.redirecting:
        return True
    return owner in path.names and (rtype == _CNAME or owner not in path.redirected)


def _has_compressed_redirection(message: bytes, answer: list[RecordTuple]) -> bool:
    """Tell whether a DNAME record's target is not written out, as it must be (RFC 6672, section 2.5)."""
    return any(
        record[0] == _DNAME and record[5] != len(name_to_wire(name_from_wire(message, record[4])))
        for record in answer
    )


def _written_anew(message: bytes, name: str, foreign: set[int], path: AliasPath) -> Sections:
    """Make the message anew: without some records, and with the aliases that its redirections stand for."""
    message = _with_plain_question(message, name)
    end, answer, authority, _ = scan_records(message)
    records = []
    for at, record in enumerate(answer):
        if at in foreign:
            continue
        records.append(read_record(message, record))
        for alias in path.missing:
            if alias.redirection == at:
                owner, target = name_to_wire(alias.owner), name_to_wire(alias.target)
                records.append(WholeRecord(owner, _CNAME, _IN, record[2], target))
    sections = (records, [read_record(message, record) for record in authority], ())
    made = build_whole_message(message[:end], sections)
    if path.is_too_long:
        made = made[:3] + bytes((made[3] & ~RCODE | Rcode.YXDOMAIN,)) + made[4:]
    return _sections(made)


def _sections(message: bytes) -> Sections:
    _, answer, authority, _ = scan_records(message)
    return message, answer, authority


def _lower_labels(message: bytearray, at: int) -> None:
    """Write a name in lower case, as far as it is not a pointer: the case of our question's letters is chance."""
    while 0 < (length := message[at]) < POINTER:
        message[at + 1 : at + 1 + length] = message[at + 1 : at + 1 + length].lower()
        at += length + 1
