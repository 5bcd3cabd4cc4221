"""Asks an upstream for what nobody remembers. One question is under way for all who wait for its answer.

Whoever asks for a name, type and wishes (DNSSEC OK, checking disabled) that somebody was already sent for waits
for that answer. When upstreams fail, a stale answer is given if there is one (RFC 8767), else SERVFAIL with the
extended error that says so (RFC 8914, code 22). Nobody waits longer than `CLIENT_RESPONSE_SECONDS` where there is
a stale answer (RFC 8767, section 5: the client response timer); what comes later is still remembered.

Who does not desire recursion (RFC 1035, section 4.1.1: RD) gets what is known here, and no upstream is asked:
REFUSED with the extended error for it (RFC 8914, section 4.21).

Nothing here is a task or a future: a question costs one dictionary entry and one callback.
"""

import logging
import struct
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from dns.cache import DNSSEC_OK, CacheKey, MessageCache
from dns.cached_message import CachedMessage
from dns.errors import MalformedMessage
from dns.forward.extended_error import build_failure_message
from dns.forward.pending_query import AnswerReceiver
from dns.message.builder import build_error_response
from dns.message.constants import ExtendedErrorCode, Rcode, RecordClass
from dns.message.edns import OPT_BYTES
from dns.message.header import CD, HEADER_BYTES, RD
from dns.message.parsed_query import Query
from dns.message.query import build_query
from dns.message.wire_names import name_to_wire
from dns.pipeline.alias_chain import AliasFollower
from dns.pipeline.context import RequestContext
from dns.pipeline.local_zones import LocalZoneLookup
from dns.pipeline.pipeline import PENDING, Pipeline, StageResult

CLIENT_RESPONSE_SECONDS: Final = 1.8
MAX_PENDING: Final = 16384  # questions that may wait; beyond, the newest is failed at once

_log: Final = logging.getLogger(__name__)

_QUESTION_TAIL: Final = struct.Struct("!HH")

CallLater = Callable[[float, Callable[[], None]], object]


class UpstreamResolver(Protocol):
    """What questions are put to (`dns.forward.upstreams.Upstreams`)."""

    def resolve_query(self, query: bytes, end: int, name: str, done: AnswerReceiver) -> None:
        """Put the one question of a message to a server; call `done` with an answer, or None.

        The question ends at offset `end`; `name` is its name in canonical form. Where `done` returns False,
        because the answer is malformed, it is called again; after None perhaps once more, with a late answer.
        """


def query_flags(query: Query) -> int:
    """Return what of a query changes the records of its answer (RFC 4035, sections 3.2.1 and 3.2.2)."""
    opt = query.edns
    if opt is None:
        return query.packet[3] & CD
    return query.packet[3] & CD | (DNSSEC_OK if opt.dnssec_ok else 0)


class Forwarder:
    """The questions under way, and who waits for each."""

    def __init__(
        self,
        pipeline: Pipeline,
        cache: MessageCache,
        upstream: UpstreamResolver,
        clock: Callable[[], float],
        call_later: CallLater,
        *,
        local: LocalZoneLookup | None = None,
    ) -> None:
        """`call_later` calls something after some seconds, as an event loop does."""
        self._call_later = call_later
        self._pipeline = pipeline
        self._cache = cache
        self._upstream = upstream
        self._clock = clock
        self._aliases = AliasFollower(cache, upstream.resolve_query, clock, local)
        self._pending: dict[CacheKey, list[RequestContext]] = {}
        self._pending_count = 0
        self.forwarded_count = 0  # since the start
        self._resume_position = 0

    def set_resume_position(self) -> None:
        """Find out where in the pipeline a request resumes that was forwarded. Called once it is complete."""
        self._resume_position = self._pipeline.position_after(self.forward_stage)

    @property
    def pending_count(self) -> int:
        """How many questions wait for an upstream's answer."""
        return self._pending_count

    def forward_stage(self, context: RequestContext) -> StageResult:
        """Send for what was not remembered."""
        if context.cached is not None:
            return None
        if not context.packet[2] & RD:
            return build_error_response(
                Rcode.REFUSED, (ExtendedErrorCode.NOT_AUTHORITATIVE, "recursion was not desired")
            )
        if self._pending_count >= MAX_PENDING:
            return build_error_response(
                Rcode.SERVFAIL, (ExtendedErrorCode.OTHER, "too many questions are waiting")
            )
        key = context.cache_key
        self._pending_count += 1
        self.forwarded_count += 1
        alone = [context]
        waiting = self._pending.setdefault(key, alone)
        if waiting is not alone:
            waiting.append(context)
            return PENDING
        if context.is_stale:
            self._call_later(CLIENT_RESPONSE_SECONDS, partial(self._serve_stale, key))
        self._forward_query(context, key)
        return PENDING

    def prefetch(self, context: RequestContext) -> None:
        """Send for something before it expires, with nobody waiting for it."""
        key = context.cache_key
        if key not in self._pending:
            self._pending[key] = []
            self._forward_query(context, key)

    def _forward_query(self, context: RequestContext, key: CacheKey) -> None:
        query = context.query
        message = context.packet
        if context.lookup_name != query.name:
            try:
                message = build_query(
                    context.lookup_name, query.qtype, flags=message[3] & CD, dnssec=bool(key[2] & DNSSEC_OK)
                )
            except MalformedMessage:
                self._handle_answer(key, HEADER_BYTES, None)
                return
            end = len(message) - OPT_BYTES
        else:
            end = query.question_end
        try:
            self._upstream.resolve_query(message, end, context.lookup_name, partial(self._handle_answer, key, end))
        except Exception:  # noqa: BLE001 (logged with its trace; see the next line)
            # Whatever went wrong, nobody may be left to wait for an answer that cannot come.
            _log.exception("a question could not be put to an upstream")
            if key in self._pending:
                self._handle_answer(key, end, None)

    def _handle_answer(self, key: CacheKey, question_end: int, message: bytes | None) -> bool:
        """Take an answer, for whoever waits for it; where it comes late, for the next. False: it is malformed."""
        now = self._clock()
        if message is None:
            message, question_end = _build_silence(key), 0
        cached = self._cache.put(key, message, now, question_end)
        if cached is None:
            return False
        # What is not kept may be an alias without its target: nothing else without a SOA record ends so.
        if cached.expires_at <= now and key in self._pending and self._follow_alias(key, cached):
            return True
        waiting = self._pending.pop(key, None)
        if waiting:
            is_stale = cached.recheck_at > now and not cached.is_failure
            self._resume_requests(waiting, cached, now, is_stale=is_stale)
        return True

    def _follow_alias(self, key: CacheKey, cached: CachedMessage) -> bool:
        return self._aliases.follow(key, cached, partial(self._handle_whole_answer, key))

    def _handle_whole_answer(self, key: CacheKey, message: bytes) -> None:
        now = self._clock()
        cached = self._cache.put(key, message, now)
        if cached is None:
            cached = self._cache.put(key, _build_silence(key), now)
        if cached is not None:
            is_stale = cached.recheck_at > now and not cached.is_failure
            self._resume_requests(self._pending.pop(key, []), cached, now, is_stale=is_stale)

    def _serve_stale(self, key: CacheKey) -> None:
        """Give those who wait the stale answer. The question stays under way: its answer is still wanted."""
        waiting = self._pending.get(key)
        if not waiting:
            return
        now = self._clock()
        cached = self._cache.mark_refresh_failed(key, now)
        if cached is not None:
            self._pending[key] = []
            self._resume_requests(waiting, cached, now, is_stale=True)

    def _resume_requests(
        self, waiting: list[RequestContext], cached: CachedMessage, now: float, *, is_stale: bool
    ) -> None:
        self._pending_count -= len(waiting)
        for context in waiting:
            context.now = now
            context.cached = cached
            context.was_forwarded = True
            if context.is_stale is not is_stale:
                context.is_stale = is_stale
            self._pipeline.run_stages(context, self._resume_position)


def _build_silence(key: CacheKey) -> bytes:
    """Return the failure that stands for "no upstream answered"; it is remembered like every other (RFC 9520)."""
    try:
        name = name_to_wire(key[0])
    except MalformedMessage:  # a name that nobody could be asked for
        name = b"\0"
    question = name + _QUESTION_TAIL.pack(key[1], RecordClass.IN)
    return build_failure_message(question, ExtendedErrorCode.NO_REACHABLE_AUTHORITY, "no upstream answered")
