"""Follows an alias whose target a server did not give (RFC 1034, section 5.3.3): servers that do not recurse.

What is found is put together to one answer, records in the order of the way, so that the policy decides every name
and address on it like those of any other answer. A way is followed over `MAX_ALIASES` questions at most and never
in a circle. Where the target fails, so does the whole.

A target that is answered here (`dns.local_zones`), the names of special use among them, is asked of nobody.

Redirected trees (DNAME; RFC 6672) lead on by the alias that stands for them (`dns.message.alias_path`).
"""

import struct
from collections.abc import Callable
from functools import partial

import msgspec

from dns.cache import DNSSEC_OK, CacheKey, MessageCache
from dns.cached_message import CachedMessage
from dns.errors import MalformedMessage
from dns.forward.extended_error import build_failure_message
from dns.forward.pending_query import AnswerReceiver
from dns.message.constants import ExtendedErrorCode, Rcode, RecordClass, RecordType
from dns.message.edns import OPT_BYTES, build_opt_record, encode_extended_error
from dns.message.header import AD, CD, HEADER_BYTES, QR, RA, RCODE, RD
from dns.message.parsed_query import Query
from dns.message.query import build_query
from dns.message.scanner import scan_records
from dns.message.whole_records import WholeRecord, build_whole_message, read_record
from dns.message.wire_names import POINTER, name_from_wire, name_to_wire
from dns.pipeline.local_zones import LocalZoneLookup

MAX_ALIASES = 8  # that are followed for one question

_PROOFS = frozenset({RecordType.NSEC, RecordType.NSEC3})
_LOCAL_TTL = 60  # seconds, of an alias of the school's own
_ONE_ANSWER = b"\0\1\0\0\0\0"
_TO_QUESTION = (POINTER << 8 | HEADER_BYTES).to_bytes(2, "big")
_FIXED = struct.Struct("!HHIH")
_FOLLOWED_NEVER = frozenset({int(RecordType.CNAME), int(RecordType.ANY)})

Resolve = Callable[[bytes, int, str, AnswerReceiver], None]


class AliasChain(msgspec.Struct):
    """One way under way."""

    key: CacheKey  # what was asked
    done: Callable[[bytes], None]  # takes the whole answer, or a failure
    found: list[tuple[str, bytes]]  # each name on the way, and what is said of it
    names: set[str]  # where it has been


class AliasFollower:
    """Asks for the targets of aliases."""

    def __init__(
        self,
        cache: MessageCache,
        resolve: Resolve,
        clock: Callable[[], float],
        local: LocalZoneLookup | None = None,
    ) -> None:
        self._cache = cache
        self._local = local
        self._resolve = resolve
        self._clock = clock

    def follow(self, key: CacheKey, cached: CachedMessage, done: Callable[[bytes], None]) -> bool:
        """Follow the alias that an answer ends with; False: it ends with none. `done` is called once, or never."""
        target = dangling_target(key, cached)
        if target is None:
            return False
        self._take_step(AliasChain(key, done, [(key[0], cached.message)], {key[0]}), target)
        return True

    def _take_step(self, chain: AliasChain, target: str) -> None:
        if target in chain.names:
            self._fail(chain, "aliases that lead in a circle")
            return
        if len(chain.names) > MAX_ALIASES:
            self._fail(chain, "too many aliases")
            return
        chain.names.add(target)
        _, qtype, flags = chain.key
        key = (target, qtype, flags)
        try:
            query = build_query(target, qtype, flags=flags & CD, dnssec=bool(flags & DNSSEC_OK))
        except MalformedMessage:
            self._fail(chain, "an alias of a name that cannot be")
            return
        now = self._clock()
        cached = answer_locally(self._local, query, target, qtype, now) or self._cache.get(key, now)
        if cached is not None and cached.is_fresh(now):
            self._take_answer(chain, key, cached)
            return
        end = len(query) - OPT_BYTES
        self._resolve(query, end, target, partial(self._handle_answer, chain, key, end))

    def _handle_answer(self, chain: AliasChain, key: CacheKey, question_end: int, message: bytes | None) -> bool:
        if message is None:
            self._fail(chain, "no upstream answered for an alias's target")
            return True
        cached = self._cache.put(key, message, self._clock(), question_end)
        if cached is None:
            return False
        if chain.found:  # else it was given up before
            self._take_answer(chain, key, cached)
        return True

    def _take_answer(self, chain: AliasChain, key: CacheKey, cached: CachedMessage) -> None:
        chain.found.append((key[0], cached.with_aged_ttls(self._clock())))
        if (target := dangling_target(key, cached)) is not None:
            self._take_step(chain, target)
            return
        try:
            whole = join_answers(chain.found, cached)
        except MalformedMessage:
            self._fail(chain, "an alias whose target cannot be read")
            return
        self._finish(chain, whole)

    def _fail(self, chain: AliasChain, text: str) -> None:
        name, qtype, _ = chain.key
        question = name_to_wire(name) + qtype.to_bytes(2, "big") + b"\0\1"
        self._finish(chain, build_failure_message(question, ExtendedErrorCode.OTHER, text))

    @staticmethod
    def _finish(chain: AliasChain, message: bytes) -> None:
        if chain.found:
            chain.found = []
            chain.done(message)


def answer_locally(
    local: LocalZoneLookup | None, query: bytes, name: str, qtype: int, now: float
) -> CachedMessage | None:
    """Return this room's own answer to a query of ours, as an upstream would give it; None: it has none.

    An alias of the school's own that leads elsewhere is answered without its target.
    """
    if local is None or not local.may_hold_name(name):
        return None
    end = len(query) - OPT_BYTES
    response = local.answer_query(Query(query, name, qtype, RecordClass.IN, end, None))
    if response is not None:
        rcode, counts, records = response.rcode, response.counts, response.records
    elif target := local.alias_target(name):
        rcode, counts, records = int(Rcode.NOERROR), _ONE_ANSWER, _pack_alias(name_to_wire(target))
    else:
        return None
    message = query[:2] + bytes((QR | RD, RA | rcode)) + b"\0\1" + counts + query[HEADER_BYTES:end] + records
    return CachedMessage(
        message, (), now, now + _LOCAL_TTL, now + _LOCAL_TTL, None, is_failure=False, extended_error=None
    )


def _pack_alias(target: bytes) -> bytes:
    return _TO_QUESTION + _FIXED.pack(RecordType.CNAME, RecordClass.IN, _LOCAL_TTL, len(target)) + target


def dangling_target(key: CacheKey, cached: CachedMessage) -> str | None:
    """Return the name at which an answer's aliases end without anything said about it; None: there are none."""
    message, (name, qtype, _) = cached.message, key
    if message[3] & RCODE or qtype in _FOLLOWED_NEVER or cached.extended_error is not None:
        return None
    try:
        _, answer, authority, _ = scan_records(message)
        if any(record[0] == qtype for record in answer):
            return None
        if any(record[0] == RecordType.SOA for record in authority):
            return None  # there is nothing (RFC 2308, section 2.2)
        aliases = {
            name_from_wire(message, at): name_from_wire(message, data_at)
            for rtype, _, _, at, data_at, _ in answer
            if rtype == RecordType.CNAME
        }
    except MalformedMessage:
        return None
    if name not in aliases:
        return None
    end = name
    while end in aliases:
        end = aliases.pop(end)
    return end


def join_answers(found: list[tuple[str, bytes]], last: CachedMessage) -> bytes:
    """Return one answer made of several, each to the target of the one before. Raises MalformedMessage.

    The proofs beside each are kept, so that a validator can follow the whole way (RFC 4035, section 3.1.3).
    """
    records: list[WholeRecord] = []
    authority: dict[WholeRecord, None] = {}  # each once
    for at, (name, written) in enumerate(found, 1):
        message = _with_plain_question(name, written)
        _, answers, beside, _ = scan_records(message)
        records += [read_record(message, record) for record in answers]
        proofs = [read_record(message, record) for record in beside]
        authority.update(dict.fromkeys(one for one in proofs if at == len(found) or _is_proof(one)))
    first, end = found[0][1], HEADER_BYTES + len(name_to_wire(found[0][0])) + 4
    flags = (first[3] & ~RCODE) | (found[-1][1][3] & RCODE)
    if not all(message[3] & AD for _, message in found):
        flags &= ~AD
    head = first[:3] + bytes((flags,)) + first[4:end]
    made = build_whole_message(_with_plain_question(found[0][0], head), (records, tuple(authority), ()))
    return made if last.extended_error is None else _with_errors(made, last)


def _is_proof(record: WholeRecord) -> bool:
    covered = int.from_bytes(record.data[:2], "big") if record.rtype == RecordType.RRSIG else record.rtype
    return covered in _PROOFS


def _with_plain_question(name: str, message: bytes) -> bytes:
    """Return a message whose question is in lower case, as the records' owners are: its own case is chance."""
    wire = name_to_wire(name)
    return message[:HEADER_BYTES] + wire + message[HEADER_BYTES + len(wire) :]


def _with_errors(message: bytes, last: CachedMessage) -> bytes:
    """Add what the last server explained: perhaps it keeps the target closed."""
    explained = last.extended_error
    if explained is None:
        return message
    options = explained.options
    if explained.blocked_text is not None:
        options += encode_extended_error(ExtendedErrorCode.BLOCKED, explained.blocked_text)
    return message[:10] + b"\0\1" + message[12:] + build_opt_record(dnssec_ok=False, options=options)
