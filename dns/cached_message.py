"""One answer that is remembered, and what becomes of it with time. Where all of them are kept: `dns.cache`.

Never compiled, like every module that defines a struct (docs/adr/0023-the-hot-path-is-compiled.md).
"""

import struct

import msgspec

from dns.forward.extended_error import ExtendedError
from dns.message.scanner import RecordTuple, scan_records

STALE_TTL = 30  # seconds to live that a stale answer is given with (RFC 8767, section 4)
PREFETCH_AFTER_HITS = 2

_TTL = struct.Struct("!I")


class CachedMessage(msgspec.Struct, gc=False, eq=False):
    """One whole answer, and how long it lives. Whoever gives it out without asking the cache raises `hits`."""

    message: bytes
    ttl_offsets: tuple[int, ...]  # where each record's time to live stands; the EDNS record has none
    stored_at: float
    expires_at: float
    prefetch_at: float  # when it is worth renewing, if it is popular
    records: list[RecordTuple] | None  # of the answer section; at hand once
    is_failure: bool
    extended_error: ExtendedError | None  # what the upstream explained
    hits: int = 0
    hits_seen: int = 0  # the hits at its last turn in the queue
    recheck_at: float = 0.0

    def take_records(self) -> list[RecordTuple]:
        """Return the records of the answer section, as `dns.message.scanner.scan_records` finds them."""
        # They are at hand once, right after the message was read; to keep them would cost more than the message.
        records, self.records = self.records, None
        return records if records is not None else scan_records(self.message)[1]

    def is_fresh(self, now: float) -> bool:
        """Tell whether it may be given as it is."""
        return now < self.expires_at

    def needs_prefetch(self, now: float) -> bool:
        """Tell whether it is worth renewing already: popular, and about to expire."""
        return now >= self.prefetch_at and self.hits >= PREFETCH_AFTER_HITS and now >= self.recheck_at

    def is_awaiting_recheck(self, now: float) -> bool:
        """Tell whether an attempt to renew it failed a moment ago: it is given stale, without another attempt."""
        return now < self.recheck_at

    def ttl_left(self, now: float) -> float:
        """Return for how many seconds it may be given; a stale answer for `STALE_TTL`."""
        left = self.expires_at - now
        return left if left > 0 else float(STALE_TTL)

    def with_aged_ttls(self, now: float) -> bytes:
        """Return the message with its times to live counted down; those of a stale answer are `STALE_TTL`."""
        age = int(now - self.stored_at)
        stale = now >= self.expires_at
        if age <= 0 and not stale:
            return self.message
        message = bytearray(self.message)
        for at in self.ttl_offsets:
            ttl = STALE_TTL if stale else max(_TTL.unpack_from(message, at)[0] - age, 0)
            _TTL.pack_into(message, at, ttl)
        return bytes(message)
