"""Servers that stand in for each other: whom to ask first, whom next, and when to give up.

The quickest server that is well is asked. When it has not answered within `RETRY_SECONDS`, or has failed, the
next one is asked as well, and whichever answers first is heard. SERVFAIL and the like count as failures of that
server, unless the server says that it means it (an extended error for blocked, censored or filtered, RFC 8914):
a server's refusal is final, and nobody else is asked behind its back. NXDOMAIN, REFUSED and every other answer
are final too.

There is one clock for all questions: a wheel of tables, each of the open questions that left within one tick. So
a question costs no timer, and not even a look at the time.

A message given to `done` has passed every check. It is a server's SERVFAIL only when nothing better could be
had.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable, Sequence

from dns.forward import extended_error
from dns.forward.entropy import EntropyPool
from dns.forward.health import UpstreamState
from dns.forward.pending_query import PendingQuery
from dns.forward.server import UpstreamServer
from dns.message.constants import Rcode, RecordClass, RecordType
from dns.message.header import COUNTS, RCODE, RD

RETRY_SECONDS = 0.5
MAX_TIMEOUTS = 6  # retries: 3 seconds, in which a client will ask again itself
MAX_TIMEOUTS_PER_TICK = 512
TICKS_PER_RETRY = 10  # looks at the clock within that time
DECAY_SECONDS = 10.0

# For the root's name servers: everybody knows them.
_PROBE = bytes((0, 0, RD, 0)) + COUNTS.pack(1, 0, 0, 0) + b"\0" + struct.pack("!HH", RecordType.NS, RecordClass.IN)
# Plain numbers: every answer's code is looked up; see `dns.message.constants`.
_SERVFAIL = int(Rcode.SERVFAIL)
_FAILURES = frozenset({_SERVFAIL, int(Rcode.FORMERR), int(Rcode.NOTIMP)})


class UpstreamPool:
    """Servers of which any may be asked."""

    def __init__(self, entropy: EntropyPool, retry_seconds: float = RETRY_SECONDS) -> None:
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

    def resolve_query(self, query: bytes, end: int, done: Callable[[bytes | None], None]) -> None:
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

    def handle_answer(self, pending: PendingQuery, server: UpstreamServer, data: bytes) -> None:
        """Take an answer from a server."""
        health = server.health
        code = data[3] & RCODE
        if code in _FAILURES:
            health.counts.failures += 1
            health.note_answer(self._retry_seconds)  # so that a server that fails all the time is not asked first
            if not extended_error.is_deliberate_failure(data):
                if code == _SERVFAIL:
                    pending.fallback_answer = data
                self._try_next_server(pending, server)
                return
        else:
            health.note_answer(self._loop.time() - pending.sent_at if pending.attempts == 1 else None)
        health.counts.answers += 1
        pending.complete(data)

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
        elif pending.server is server:
            self._send_to_server(pending, left[0])

    def _send_to_server(self, pending: PendingQuery, server: UpstreamServer) -> None:
        pending.server = server
        pending.attempts += 1
        server.send_query(pending)

    def _fail_query(self, pending: PendingQuery) -> None:
        if not pending.is_finished:
            pending.complete(pending.fallback_answer)

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
        if now - pending.sent_at >= self._retry_seconds * 0.9:
            server.health.note_timeout(now)
        pending.timeouts += 1
        if pending.timeouts >= (1 if self._all_down() else MAX_TIMEOUTS):
            self._fail_query(pending)
            return
        left = [one for one in self._servers if one not in pending.failed_servers] or self._servers
        after = left.index(server) + 1 if server in left else 0
        chosen = left[after % len(left)]
        if chosen is server:
            pending.uses_0x20 = False  # perhaps somebody on the way cannot bear mixed case
        self._send_to_server(pending, chosen)
        pending.move_to_slot(self._newest_slot)

    def _send_probes(self, now: float) -> None:
        for server in self._servers:
            if server.health.claim_probe(now):
                probe = PendingQuery.from_message(
                    _PROBE,
                    len(_PROBE),
                    _ignore_answer,
                    wheel_slot=self._newest_slot,
                    server=server,
                    entropy=self._entropy,
                )
                probe.timeouts = MAX_TIMEOUTS
                server.send_query(probe)

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


def _ignore_answer(_: bytes | None) -> None:
    """Take the answer to a probe: what it says about the server's health has been noted already."""
