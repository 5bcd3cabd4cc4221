"""Servers that stand in for each other: whom to ask first, whom next, and when to give up.

The quickest server that is well is asked. When it has not answered within `RETRY_SECONDS`, or has failed, the
next one is asked as well, and whichever answers first is heard. What a server says about the *name* is final: an
answer, "there is none", or a failure with a reason that is about the name (an extended error for blocked or bogus,
`dns.forward.extended_error`). Every other failure, REFUSED included, says something about the *server*: the next
one is asked, and a server that fails in a row is asked last until a real question put to it is answered well.

What is malformed is no answer: a better one may follow, then the next server is asked. No server gets more than
`pending_query.MAX_QUERIES` queries for one question (RFC 9520, section 3.1). Answers that come after a question
was given up are handed on all the same, for the next who asks.

There is one clock for all questions: a wheel of tables, each of the open questions that left within one tick. So
a question costs no timer, and not even a look at the time.

A message given to `done` has passed every check. It is a failure only when nothing better could be had.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from dns.errors import MalformedMessage
from dns.forward import extended_error
from dns.forward.block_signals import is_block_signal, with_refusal
from dns.forward.entropy import EntropyPool
from dns.forward.health import UpstreamState
from dns.forward.lame_answers import LAME_UPSTREAMS, find_lameness
from dns.forward.pending_query import ANSWER_RCODES, AnswerReceiver, PendingQuery, is_about_name
from dns.forward.probe import build_probe, judge_probe
from dns.forward.server import UpstreamServer
from dns.message.constants import ExtendedErrorCode, Rcode, rcode_name
from dns.message.header import RA, RCODE, is_truncated, rcode_of

RETRY_SECONDS: Final = 0.5
MAX_TIMEOUTS: Final = 6  # retries: 3 seconds, in which a client will ask again itself
MAX_TIMEOUTS_PER_TICK: Final = 512
TICKS_PER_RETRY: Final = 10  # looks at the clock within that time
DECAY_SECONDS: Final = 10.0

# Failures that a device may hear as they are, where all servers fail; others would tell it something untrue of
# its own question.
_TELLING_RCODES: Final = frozenset({int(Rcode.SERVFAIL), int(Rcode.REFUSED)})


class UpstreamPool:
    """Servers of which any may be asked."""

    def __init__(self, entropy: EntropyPool, retry_seconds: float = RETRY_SECONDS, zone: str = "") -> None:
        """`zone`: what the servers are there for (canonical); they are probed with a question about it."""
        self._probe = build_probe(zone)
        self._loop = asyncio.get_running_loop()
        self._entropy = entropy
        self._retry_seconds = retry_seconds
        self._servers: list[UpstreamServer] = []
        self._best: UpstreamServer | None = None
        # The oldest questions first.
        self._wheel: deque[dict[PendingQuery, None]] = deque({} for _ in range(TICKS_PER_RETRY + 1))
        self._newest_slot = self._wheel[-1]
        self._tick: asyncio.TimerHandle | None = None
        self._decay_at = 0.0
        self._closed = False

    def set_servers(self, servers: Sequence[UpstreamServer]) -> None:
        """Set the servers, the preferred one first."""
        self._servers = list(servers)
        self._rank_servers()

    async def close(self) -> None:
        """Let go of everything; questions under way are answered with None."""
        self._closed = True
        self._best = None
        if self._tick is not None:
            self._tick.cancel()
        for server in self._servers:
            await server.close()
        for pending in [one for due in self._wheel for one in due]:
            self._fail_query(pending)

    def states(self) -> tuple[UpstreamState, ...]:
        """Return how each server is."""
        return tuple(server.health.snapshot(server.title) for server in self._servers)

    def resolve_query(self, query: bytes, end: int, done: AnswerReceiver) -> None:
        """Put the question of a message, which ends at offset `end`, to the servers; see the module."""
        server = self._best
        if server is None:
            done(None)
            return
        server.send_query(
            PendingQuery.from_message(
                query, end, done, wheel_slot=self._newest_slot, server=server, entropy=self._entropy
            )
        )
        if self._tick is None:
            self._start_timer()

    def handle_answer(self, pending: PendingQuery, server: UpstreamServer, data: bytes) -> bool:
        """Take an answer from a server. False: it is malformed."""
        if data[3] & RCODE not in ANSWER_RCODES and not is_about_name(data):
            return self._handle_error(pending, server, data)
        if not data[3] & RA:
            if server.is_quad9 and is_block_signal(data):
                data = with_refusal(data)
            elif lameness := find_lameness(data):
                return self._handle_lame_answer(pending, server, lameness)
        return self._complete_query(pending, server, data)

    def _complete_query(self, pending: PendingQuery, server: UpstreamServer, data: bytes) -> bool:
        """Give an answer that is final to whoever asked. False: it is malformed."""
        health = server.health
        if is_truncated(data) or not pending.complete(data):
            self.handle_malformed_answer(pending, server)
            return False
        health.counts.answers += 1
        health.note_answer(self._loop.time() - pending.sent_at if pending.attempts == 1 else None)
        return True

    def handle_late_answer(self, pending: PendingQuery, server: UpstreamServer, data: bytes) -> None:
        """Hand on an answer to a question that was given up, if it is about the name."""
        if pending.is_failed and is_about_name(data) and not is_truncated(data):
            pending.is_failed = False
            if pending.done(data) is not False:
                server.health.note_answer(None)

    def handle_malformed_answer(self, pending: PendingQuery, server: UpstreamServer) -> None:
        """Take the news that what a server sent for a question is no message."""
        pending.malformed_server = server
        server.health.counts.malformed += 1
        self._note_failure(server, "sends malformed answers")

    def _handle_error(self, pending: PendingQuery, server: UpstreamServer, data: bytes) -> bool:
        try:
            is_final = extended_error.is_final_failure(data)
        except MalformedMessage:
            self.handle_malformed_answer(pending, server)
            return False
        if is_final:
            return self._complete_query(pending, server, data)
        server.health.counts.failures += 1
        rcode = rcode_of(data)
        self._note_failure(server, f"answers with {rcode_name(rcode)}")
        if rcode in _TELLING_RCODES:
            pending.fallback_answer = pending.fallback_answer or data
        self._try_next_server(pending, server)
        return True

    def _handle_lame_answer(self, pending: PendingQuery, server: UpstreamServer, lameness: str) -> bool:
        """Take an answer of a server that serves other names, and does not recurse."""
        server.health.counts.failures += 1
        self._note_failure(server, lameness)
        code = ExtendedErrorCode.NO_REACHABLE_AUTHORITY
        failure = extended_error.build_failure_message(pending.question, code, LAME_UPSTREAMS[lameness])
        pending.fallback_answer = pending.fallback_answer or failure
        self._try_next_server(pending, server)
        return True

    def _note_failure(self, server: UpstreamServer, failure: str) -> None:
        if server.health.note_failure(self._loop.time(), failure):
            self._rank_servers()

    def handle_failure(self, pending: PendingQuery, server: UpstreamServer) -> None:
        """Take the news that a server cannot be reached."""
        if server.health.note_unreachable(self._loop.time()):
            self._rank_servers()
        self._try_next_server(pending, server)

    def _try_next_server(self, pending: PendingQuery, server: UpstreamServer) -> None:
        """Ask the next server after one failed for certain; give up when none is left."""
        if pending.is_finished:
            return
        pending.failed_servers = (*pending.failed_servers, server)
        left = [one for one in self._servers if one not in pending.failed_servers]
        if not left or pending.timeouts >= MAX_TIMEOUTS:
            self._fail_query(pending)
        elif pending.server is server and (able := [one for one in left if pending.may_ask(one)]):
            self._send_to_server(pending, able[0])

    def _send_to_server(self, pending: PendingQuery, server: UpstreamServer) -> None:
        is_first = not pending.count_queries(server)
        pending.note_query(server)
        pending.server = server
        pending.attempts += 1
        if is_first:
            pending.send_as_usual()
            server.send_query(pending)
        else:
            server.retry_query(pending)

    def _fail_query(self, pending: PendingQuery) -> None:
        if pending.is_finished:
            return
        answer = pending.fallback_answer
        if answer is None and pending.malformed_server is not None:
            code = ExtendedErrorCode.NETWORK_ERROR
            answer = extended_error.build_failure_message(
                pending.question, code, "upstreams sent malformed answers"
            )
        pending.is_failed = True
        pending.complete(answer)

    def _start_timer(self) -> None:
        self._tick = self._loop.call_later(self._retry_seconds / TICKS_PER_RETRY, self._turn_wheel)

    def _turn_wheel(self) -> None:
        """Turn the wheel by one: the questions that come off have waited for `retry_seconds`."""
        now = self._loop.time()
        overdue = list(self._wheel.popleft())
        if len(overdue) > MAX_TIMEOUTS_PER_TICK:
            # A flood while upstreams are silent: the loop has others to serve between two ticks.
            left: dict[PendingQuery, None] = {}
            for pending in (*overdue[MAX_TIMEOUTS_PER_TICK:], *self._wheel[0]):
                pending.move_to_slot(left)
            self._wheel[0] = left
            del overdue[MAX_TIMEOUTS_PER_TICK:]
        self._newest_slot = {}
        self._wheel.append(self._newest_slot)
        for pending in overdue:
            if not pending.is_finished:  # it may have been, a moment ago, by what became of another
                self._handle_timeout(pending, now)
        self._send_probes(now)
        self._rank_servers()
        self._tick = None
        troubled = any(server.health.in_trouble for server in self._servers)
        if not self._closed and (troubled or any(self._wheel)):
            self._start_timer()

    def _handle_timeout(self, pending: PendingQuery, now: float) -> None:
        """Ask another server as well, or the same one again; give up when it has been long enough."""
        server = pending.server
        # A server that sent something malformed has been noted for that.
        if now - pending.sent_at >= self._retry_seconds * 0.9 and pending.malformed_server is not server:
            server.health.note_timeout(now)
        pending.timeouts += 1
        if pending.timeouts >= (1 if self._all_down() else MAX_TIMEOUTS):
            self._fail_query(pending)
            return
        chosen = self._server_after(server, pending)
        # The same server is asked after one interval, and after two more.
        if chosen is not None and (chosen is not server or pending.timeouts & 1):
            self._send_to_server(pending, chosen)
        pending.move_to_slot(self._newest_slot)

    def _server_after(self, server: UpstreamServer, pending: PendingQuery) -> UpstreamServer | None:
        """Return the next server in turn that may be asked, perhaps the same one."""
        left = [one for one in self._servers if one not in pending.failed_servers] or self._servers
        after = left.index(server) + 1 if server in left else 0
        return next((one for one in (*left[after:], *left[:after]) if pending.may_ask(one)), None)

    def _send_probes(self, now: float) -> None:
        for server in self._servers:
            if server.health.claim_probe(now):
                probe = PendingQuery.from_message(
                    self._probe,
                    len(self._probe),
                    judge_probe,
                    wheel_slot=self._newest_slot,
                    server=server,
                    entropy=self._entropy,
                )
                probe.timeouts = MAX_TIMEOUTS
                probe.is_probe = True
                server.send_probe(probe)

    def _all_down(self) -> bool:
        return all(server.health.down_since is not None for server in self._servers)

    def _rank_servers(self) -> None:
        """Put the servers in the order in which they are asked: well ones first, the quickest first."""
        now = self._loop.time()
        if now >= self._decay_at:
            self._decay_at = now + DECAY_SECONDS
            for server in self._servers[1:]:
                server.health.decay_latency()
        self._servers.sort(key=lambda server: (server.health.in_trouble, server.health.latency or 0.0))
        self._best = self._servers[0] if self._servers else None
