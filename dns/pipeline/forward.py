"""Asks an upstream for what nobody remembers. One question is under way for all who wait for its answer.

Whoever asks for a name, type and wishes (DNSSEC OK, checking disabled) that somebody was already sent for waits
for that answer. When upstreams fail, a stale answer is given if there is one (RFC 8767), else SERVFAIL with the
extended error that says so (RFC 8914, code 22). Nobody waits longer than `PATIENCE_SECONDS` where there is a stale
answer (RFC 8767, section 5: the client response timer); what comes later is still remembered.

Nothing here is a task or a future: a question costs one dictionary entry and one callback.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from dns.cache import Cached, Key, RecordCache
from dns.errors import MalformedMessage
from dns.message import edns, wire
from dns.message.builder import failure
from dns.message.wire import CD, HEADER_BYTES, OPT_BYTES, Query
from dns.pipeline.context import Asked
from dns.pipeline.pipeline import WAITING, Chain, Outcome

PATIENCE_SECONDS = 1.8
WAITING_AT_ONCE = 16384  # questions that may wait; beyond, the newest is failed at once

_log = logging.getLogger(__name__)

_DO = 0x100

Later = Callable[[float, Callable[[], None]], object]


class Upstream(Protocol):
    """What questions are put to (`dns.forward.upstreams.Upstreams`)."""

    def ask(self, query: bytes, end: int, name: str, done: Callable[[bytes | None], None]) -> None:
        """Put the one question of a message to a server; call `done` once with a whole answer, or None.

        The question ends at offset `end`; `name` is its name in canonical form.
        """


def wishes(query: Query) -> int:
    """Return what of a query changes the records of its answer (RFC 4035, sections 3.2.1 and 3.2.2)."""
    asked = query.edns
    if asked is None:
        return query.packet[3] & CD
    return query.packet[3] & CD | (_DO if asked.dnssec_ok else 0)


class Fetching:
    """The questions under way, and who waits for each."""

    def __init__(
        self, chain: Chain, cache: RecordCache, upstream: Upstream, clock: Callable[[], float], later: Later
    ) -> None:
        """`later` calls something after some seconds, as an event loop does."""
        self._later = later
        self._chain = chain
        self._cache = cache
        self._upstream = upstream
        self._clock = clock
        self._under_way: dict[Key, list[Asked]] = {}
        self._waiting = 0
        self._resumes_at = 0

    def find_place(self) -> None:
        """Find out where in the chain questions go on that have waited. Called once the chain is complete."""
        self._resumes_at = self._chain.after(self.stage)

    @property
    def waiting(self) -> int:
        """How many questions wait for an upstream's answer."""
        return self._waiting

    def stage(self, asked: Asked) -> Outcome:
        """Send for what was not remembered."""
        if asked.found is not None:
            return None
        if self._waiting >= WAITING_AT_ONCE:
            return failure(wire.SERVFAIL, (edns.OTHER_ERROR, "too many questions are waiting"))
        key = asked.key
        self._waiting += 1
        alone = [asked]
        waiting = self._under_way.setdefault(key, alone)
        if waiting is not alone:
            waiting.append(asked)
            return WAITING
        if asked.stale:
            self._later(PATIENCE_SECONDS, partial(self._lose_patience, key))
        self._ask(asked, key)
        return WAITING

    def renew(self, asked: Asked) -> None:
        """Send for something before it expires, with nobody waiting for it."""
        key = asked.key
        if key not in self._under_way:
            self._under_way[key] = []
            self._ask(asked, key)

    def _ask(self, asked: Asked, key: Key) -> None:
        query = asked.query
        message = asked.packet
        if asked.lookup != query.name:
            try:
                message = wire.ask_for(asked.lookup, query.qtype, flags=message[3] & CD, dnssec=bool(key[2] & _DO))
            except MalformedMessage:
                self._done(key, HEADER_BYTES, None)
                return
            end = len(message) - OPT_BYTES
        else:
            end = query.question_end
        try:
            self._upstream.ask(message, end, asked.lookup, partial(self._done, key, end))
        except Exception:  # noqa: BLE001 (logged with its trace; see the next line)
            # Whatever went wrong, nobody may be left to wait for an answer that cannot come.
            _log.exception("a question could not be put to an upstream")
            if key in self._under_way:
                self._done(key, end, None)

    def _done(self, key: Key, question_end: int, message: bytes | None) -> None:
        now = self._clock()
        found = self._cache.put(key, message, now, question_end) if message is not None else None
        if found is None:
            found = self._cache.failed(key, now)
        stale = found is not None and found.recheck_at > now and not found.is_failure
        self._go_on(self._under_way.pop(key), found, now, stale=stale)

    def _lose_patience(self, key: Key) -> None:
        """Give those who wait the stale answer. The question stays under way: its answer is still wanted."""
        waiting = self._under_way.get(key)
        if not waiting:
            return
        now = self._clock()
        found = self._cache.failed(key, now)
        if found is not None:
            self._under_way[key] = []
            self._go_on(waiting, found, now, stale=True)

    def _go_on(self, waiting: list[Asked], found: Cached | None, now: float, *, stale: bool) -> None:
        self._waiting -= len(waiting)
        for asked in waiting:
            asked.now = now
            asked.found = found
            asked.waited = True
            if asked.stale is not stale:
                asked.stale = stale
            self._chain.run(asked, self._resumes_at)
