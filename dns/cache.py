"""Remembers what upstreams answered, for as long as each answer says, and a while longer for bad times.

Whole answers are kept, by name, type and flags (`query_flags`: whatever of the query changes the answer).

- An answer lives as long as the shortest-lived record of its answer section. One that says "there is no such
  name", or "no record of that type", lives as long as its SOA record says, and is not kept without one (RFC 2308).
  A failure is kept for some seconds, so that a broken name does not cost a question each time, and twice as long
  whenever it is found broken again, up to `MAX_FAILURE_TTL` (RFC 9520, section 3.2); so is an upstream's own
  refusal, which takes the place of whatever was known (`dns.forward.extended_error`).
- Signatures and proofs are kept with what they prove, and all of it goes with the first that ends (RFC 4035,
  section 4.5).
- Times to live are held between a minimum and a maximum; one with its top bit set counts as zero (RFC 2181).
- Past its life an answer is *stale*: it may be given when upstreams fail, with a short life (RFC 8767). After a
  failed attempt to renew it the next attempt waits for `RECHECK_SECONDS`.
- A popular answer about to expire is *due*: worth asking for before anybody has to wait.
- Memory is bounded by an estimate of bytes. When it is full the oldest entry goes, unless somebody asked for it
  since its last turn: then it goes to the end of the queue.

What does not belong to the question is left out (`dns.message.scrub`). So is an upstream's OPT record, which was
meant for us; what it explains (RFC 8914) is kept beside. Truncated messages are never kept. Times are seconds of
the clock that the caller passes in.
"""

import struct
from collections import deque
from collections.abc import Sequence
from typing import Final

from dns.cache_defaults import MAXIMUM_TTL, MEGABYTES, MINIMUM_TTL, STALE_HOURS
from dns.cached_message import CachedMessage
from dns.errors import MalformedMessage
from dns.forward.extended_error import ExtendedError, parse_extended_error
from dns.message.constants import Rcode, RecordType
from dns.message.header import RCODE, TC
from dns.message.scanner import RecordTuple, scan_records
from dns.message.scrub import scrub_answer, trim_sections

RECHECK_SECONDS: Final = 10.0
FAILURE_TTL: Final = 5
MAX_FAILURE_TTL: Final = 300
MAX_NEGATIVE_TTL: Final = 3600
PREFETCH_SHARE: Final = 0.1  # of its life that a popular answer has left when it is due
EVICT_SHIFT: Final = 11  # when memory is full, so small a part of it is made free: 30 entries of an ordinary room
PREFETCH_MINIMUM_TTL: Final = 10  # seconds; an answer with a shorter life is not worth asking for early

# Canonical name, type, and the client's wishes: CD, as it stands in a header, and `DNSSEC_OK`.
CacheKey = tuple[str, int, int]
DNSSEC_OK: Final = 0x100

_ENTRY_OVERHEAD_BYTES: Final = 430  # what an entry costs beside its message and its name
_TTL: Final = struct.Struct("!I")
_TTL_BEFORE_DATA: Final = 6  # bytes from a record's time to live to its data
# Plain numbers: these are used for every answer of an upstream; see `dns.message.constants`.
_NOERROR: Final = int(Rcode.NOERROR)
_NXDOMAIN: Final = int(Rcode.NXDOMAIN)
_YXDOMAIN: Final = int(Rcode.YXDOMAIN)
_SOA: Final = int(RecordType.SOA)
_ANY: Final = int(RecordType.ANY)
_CNAME: Final = int(RecordType.CNAME)
_DNAME: Final = int(RecordType.DNAME)
_ANSWERS: Final = frozenset({_NOERROR, _NXDOMAIN})
_MAX_TTL: Final = 0x7FFFFFFF


class MessageCache:
    """The answers that are remembered."""

    def __init__(
        self,
        *,
        max_bytes: int = MEGABYTES * 1024 * 1024,
        minimum_ttl: int = MINIMUM_TTL,
        maximum_ttl: int = MAXIMUM_TTL,
        stale_seconds: float = STALE_HOURS * 3600.0,
    ) -> None:
        self._max_bytes = max_bytes
        self._minimum_ttl = minimum_ttl
        self._maximum_ttl = maximum_ttl
        self._stale_seconds = stale_seconds
        self._entries: dict[CacheKey, CachedMessage] = {}
        self._queue: deque[CacheKey] = deque()  # the oldest first
        self._used_bytes = 0
        self._failures_forgotten_at = float("-inf")
        self.hit_count = 0  # since the start

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def used_bytes(self) -> int:
        """About how many bytes the answers take."""
        return self._used_bytes

    def get(self, key: CacheKey, now: float) -> CachedMessage | None:
        """Return what is remembered: fresh, or stale where upstreams must be asked first. See `CachedMessage`."""
        cached = self._entries.get(key)
        if cached is None or now >= cached.expires_at + self._stale_seconds:
            return None
        if cached.is_failure and (now >= cached.expires_at or cached.stored_at <= self._failures_forgotten_at):
            return None
        cached.hits += 1
        self.hit_count += 1
        return cached

    def put(self, key: CacheKey, message: bytes, now: float, question_end: int = 0) -> CachedMessage | None:
        """Remember an answer, if it is one that may be, and return it ready to be given out.

        A failure does not take the place of an answer that can still be given stale; that one is returned then.
        Returns None for bytes that are no message. `question_end`: as `dns.message.scanner` takes it.
        """
        try:
            message, answer, authority, explained = _read_answer(message, key, question_end)
        except MalformedMessage:
            return None
        # What only some answers need is asked for only where they are those: this is done for every miss.
        code = message[3] & RCODE
        is_failure = code not in _ANSWERS
        is_refusal = _is_refusal(explained)
        if is_failure and not is_refusal and (older := self.mark_refresh_failed(key, now)):
            return older
        changed: list[tuple[int, int]] = []
        ttls_at: list[int] = []
        life = self._lowest_ttl(answer, ttls_at, changed)
        if authority:
            # What is proven lives no longer than its proof (RFC 4035, section 4.5).
            life = min(life, self._lowest_ttl(authority, ttls_at, changed))
        if is_failure:
            life = self._failure_ttl(key, now)
        elif code or not answer or answer[-1][0] != key[1]:
            if answer and not code and not _may_answer(answer, key[1]):
                return None
            life = self._ttl_without_answer(life, key[1], message, answer, authority, changed)
        life = max(life, FAILURE_TTL) if is_refusal else life  # many refusals come without a SOA record
        message = _with_ttls(message, changed) if changed else message
        expires = now + life
        due_at = expires - life * PREFETCH_SHARE if life >= PREFETCH_MINIMUM_TTL else expires
        cached = CachedMessage(message, tuple(ttls_at), now, expires, due_at, answer, is_failure, explained)
        if life > 0 and not message[2] & TC:
            entries = self._entries
            used = self._used_bytes + _ENTRY_OVERHEAD_BYTES + len(key[0]) + len(message)
            if (replaced := entries.get(key)) is None:
                self._queue.append(key)
            else:
                used -= _entry_bytes(key, replaced)
                cached.hits = replaced.hits >> 1
            entries[key] = cached
            self._used_bytes = used
            if used > self._max_bytes:
                self._evict_oldest(now)
        return cached

    def forget_failures(self, now: float) -> None:
        """Forget every failure until now: what they came from has changed."""
        self._failures_forgotten_at = now

    def mark_refresh_failed(self, key: CacheKey, now: float) -> CachedMessage | None:
        """Note that an answer could not be renewed; return it, if there is one that may be given stale."""
        cached = self._entries.get(key)
        if cached is None or cached.is_failure or now >= cached.expires_at + self._stale_seconds:
            return None
        cached.recheck_at = now + RECHECK_SECONDS
        return cached

    def flush_name(self, name: str) -> int:
        """Forget every answer for a name and its subdomains; return how many there were."""
        under = "." + name
        keys = [key for key in self._entries if not name or key[0] == name or key[0].endswith(under)]
        for key in keys:
            self._used_bytes -= _entry_bytes(key, self._entries.pop(key))
        self._queue = deque(key for key in self._queue if key in self._entries)
        return len(keys)

    def _lowest_ttl(self, section: list[RecordTuple], ttls_at: list[int], changed: list[tuple[int, int]]) -> int:
        """Return the shortest time to live of a section; note where each is, and which must be changed."""
        minimum, maximum = self._minimum_ttl, self._maximum_ttl
        shortest = maximum
        for _, _, ttl, _, data_at, _ in section:
            ttls_at.append(data_at - _TTL_BEFORE_DATA)
            if not minimum <= ttl <= maximum:
                ttl = self._clamp_ttl(ttl)  # noqa: PLW2901 (held within bounds)
                changed.append((ttls_at[-1], ttl))
            if ttl < shortest:  # noqa: PLR1730 (a call of min() for each record of each answer costs more)
                shortest = ttl
        return shortest

    def _failure_ttl(self, key: CacheKey, now: float) -> int:
        """Return for how long a failure is remembered: longer where it follows upon another."""
        before = self._entries.get(key)
        if before is None or not before.is_failure or before.stored_at <= self._failures_forgotten_at:
            return FAILURE_TTL
        life = round(before.expires_at - before.stored_at)
        if not before.expires_at <= now < before.expires_at + max(life, 2 * FAILURE_TTL):
            return FAILURE_TTL
        return min(2 * life, MAX_FAILURE_TTL)

    def _clamp_ttl(self, ttl: int) -> int:
        return min(max(ttl if ttl <= _MAX_TTL else 0, self._minimum_ttl), self._maximum_ttl)

    def _ttl_without_answer(  # noqa: PLR0917 (what `put` knows of the answer)
        self,
        life: int,
        qtype: int,
        message: bytes,
        answer: list[RecordTuple],
        authority: list[RecordTuple],
        changed: list[tuple[int, int]],
    ) -> int:
        """Return how long an answer lives that may not hold what was asked for."""
        if message[3] & RCODE != _NXDOMAIN and _has_type(answer, qtype):
            return life
        negative, soa_at = self._negative_ttl(message, authority)
        if soa_at:
            changed.append((soa_at, negative))
        return min(life, negative)

    def _negative_ttl(self, message: bytes, authority: list[RecordTuple]) -> tuple[int, int]:
        """Return for how long there is nothing, and where the SOA's time to live stands (RFC 2308, section 5)."""
        for rtype, _, ttl, _, data_at, size in authority:
            if rtype == _SOA and size >= 22:
                (minimum,) = _TTL.unpack_from(message, data_at + size - 4)
                return min(self._clamp_ttl(min(ttl, minimum)), MAX_NEGATIVE_TTL), data_at - _TTL_BEFORE_DATA
        return 0, 0

    def _evict_oldest(self, now: float) -> None:
        """Let the oldest go, some at once, but give each that was asked for since its last turn another one."""
        entries, turns, used = self._entries, self._queue, self._used_bytes
        enough = self._max_bytes - (self._max_bytes >> EVICT_SHIFT)
        while used > enough and turns:
            key = turns.popleft()
            cached = entries.pop(key)
            if cached.hits > cached.hits_seen and now < cached.expires_at:
                cached.hits_seen = cached.hits
                entries[key] = cached
                turns.append(key)
            else:
                used -= _entry_bytes(key, cached)
        self._used_bytes = used


def _read_answer(
    message: bytes, key: CacheKey, question_end: int
) -> tuple[bytes, list[RecordTuple], list[RecordTuple], ExtendedError | None]:
    """Return a message without what does not belong to it, its first two sections, and what was explained."""
    _, answer, authority, additional = scan_records(message, question_end)
    explained, dnssec = None, key[2] >= DNSSEC_OK
    if authority or additional:
        explained = parse_extended_error(message, additional)
        message = trim_sections(message, key[0], key[1], answer, authority, additional, dnssec=dnssec)
    if scrubbed := scrub_answer(message, key[0], key[1], answer, dnssec=dnssec):
        message, answer, authority = scrubbed
    if (code := message[3] & RCODE) and _is_contradictory(code, answer, key[1]) and not _is_refusal(explained):
        raise MalformedMessage("a code that denies its own records")
    return message, answer, authority, explained


def _is_refusal(explained: ExtendedError | None) -> bool:
    return explained is not None and explained.blocked_text is not None


def _is_contradictory(code: int, answer: list[RecordTuple], qtype: int) -> bool:
    """Tell whether a response code denies what its own answer section says.

    A name that has a record exists (RFC 2308, section 2.1), and none is too long for a redirection where there is
    no redirection (RFC 6672, section 2.2).
    """
    if code == _NXDOMAIN:
        return any(record[0] == qtype for record in answer)
    return code == _YXDOMAIN and all(record[0] != _DNAME for record in answer)


def _may_answer(answer: list[RecordTuple], qtype: int) -> bool:
    """Tell whether an answer holds what was asked for, or aliases that may lead there."""
    return qtype == _ANY or any(record[0] in {qtype, _CNAME, _DNAME} for record in answer)


def _has_type(answer: list[RecordTuple], qtype: int) -> bool:
    """Tell whether an answer holds what was asked for, and not only the aliases on the way to nothing."""
    return any(qtype in {record[0], _ANY} for record in answer)


def _with_ttls(message: bytes, changed: Sequence[tuple[int, int]]) -> bytes:
    rewritten = bytearray(message)
    for at, ttl in changed:
        _TTL.pack_into(rewritten, at, ttl)
    return bytes(rewritten)


def _entry_bytes(key: CacheKey, cached: CachedMessage) -> int:
    return _ENTRY_OVERHEAD_BYTES + len(key[0]) + len(cached.message)
