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
from collections import deque
from collections.abc import Callable, Sequence

from dns.forward import extended_error
from dns.forward.entropy import Chance
from dns.forward.health import State
from dns.forward.pending_query import FORMERR, NOTIMP, SERVFAIL, Exchange
from dns.forward.server import Server

RETRY_SECONDS = 0.5
GIVE_UP_AFTER = 6  # retries: 3 seconds, in which a client will ask again itself
OVERDUE_AT_ONCE = 512
TICKS = 10  # looks at the clock within that time
FADE_SECONDS = 10.0

_PROBE = b"\0\0\1\0\0\1\0\0\0\0\0\0" + b"\0" + b"\0\2\0\1"  # the root's name servers: everybody knows them
_FAILURES = frozenset({SERVFAIL, FORMERR, NOTIMP})


class Rota:
    """Servers of which any may be asked."""

    def __init__(self, chance: Chance, retry_seconds: float = RETRY_SECONDS) -> None:
        self._loop = asyncio.get_running_loop()
        self._chance = chance
        self._retry_seconds = retry_seconds
        self._servers: list[Server] = []
        self._best: Server | None = None
        # The oldest questions first.
        self._wheel: deque[dict[Exchange, None]] = deque({} for _ in range(TICKS + 1))
        self._newest = self._wheel[-1]
        self._tick: asyncio.TimerHandle | None = None
        self._fade_at = 0.0
        self._closed = False

    def staff(self, servers: Sequence[Server]) -> None:
        """Set the servers, the preferred one first."""
        self._servers = list(servers)
        self._rank()

    async def close(self) -> None:
        """Let go of everything; questions under way are answered with None."""
        self._closed = True
        self._best = None
        if self._tick is not None:
            self._tick.cancel()
        for server in self._servers:
            await server.close()
        for exchange in [one for due in self._wheel for one in due]:
            self._give_up(exchange)

    def states(self) -> tuple[State, ...]:
        """Return how each server is."""
        return tuple(server.health.state(server.title) for server in self._servers)

    def ask(self, query: bytes, end: int, done: Callable[[bytes | None], None]) -> None:
        """Put the question of a message, which ends at offset `end`, to the servers; see the module."""
        server = self._best
        if server is None:
            done(None)
            return
        server.send(Exchange.of(query, end, done, due_with=self._newest, server=server, chance=self._chance))
        if self._tick is None:
            self._wind_the_clock()

    def answered(self, exchange: Exchange, server: Server, data: bytes) -> None:
        """Take an answer from a server."""
        health = server.health
        code = data[3] & 0x0F
        if code in _FAILURES:
            health.counts.failures += 1
            health.answered(self._retry_seconds)  # so that a server that fails all the time is not asked first
            if not extended_error.is_meant(data):
                if code == SERVFAIL:
                    exchange.last_resort = data
                self._next(exchange, server)
                return
        else:
            health.answered(self._loop.time() - exchange.sent_at if exchange.tries == 1 else None)
        health.counts.answers += 1
        exchange.finish(data)

    def failed(self, exchange: Exchange, server: Server) -> None:
        """Take the news that a server cannot be reached."""
        if server.health.unreachable(self._loop.time()):
            self._rank()
        self._next(exchange, server)

    def _next(self, exchange: Exchange, server: Server) -> None:
        """Ask the next server after one failed for certain; give up when none is left."""
        if exchange.finished:
            return
        exchange.failed = (*exchange.failed, server)
        left = [one for one in self._servers if one not in exchange.failed]
        if not left or exchange.overdue >= GIVE_UP_AFTER:
            self._give_up(exchange)
        elif exchange.server is server:
            self._put(exchange, left[0])

    def _put(self, exchange: Exchange, server: Server) -> None:
        exchange.server = server
        exchange.tries += 1
        server.send(exchange)

    def _give_up(self, exchange: Exchange) -> None:
        if not exchange.finished:
            exchange.finish(exchange.last_resort)

    def _wind_the_clock(self) -> None:
        self._tick = self._loop.call_later(self._retry_seconds / TICKS, self._look_at_the_clock)

    def _look_at_the_clock(self) -> None:
        """Turn the wheel by one: the questions that come off have waited for `retry_seconds`."""
        now = self._loop.time()
        overdue = list(self._wheel.popleft())
        if len(overdue) > OVERDUE_AT_ONCE:
            # A flood while upstreams are silent: the loop has others to serve between two ticks.
            left: dict[Exchange, None] = {}
            for exchange in (*overdue[OVERDUE_AT_ONCE:], *self._wheel[0]):
                exchange.come_due_with(left)
            self._wheel[0] = left
            del overdue[OVERDUE_AT_ONCE:]
        self._newest = {}
        self._wheel.append(self._newest)
        for exchange in overdue:
            if not exchange.finished:  # it may have been, a moment ago, by what became of another
                self._overdue(exchange, now)
        self._probe(now)
        self._rank()
        self._tick = None
        troubled = any(server.health.in_trouble for server in self._servers)
        if not self._closed and (troubled or any(self._wheel)):
            self._wind_the_clock()

    def _overdue(self, exchange: Exchange, now: float) -> None:
        """Ask another server as well, or the same one again; give up when it has been long enough."""
        server = exchange.server
        if now - exchange.sent_at >= self._retry_seconds * 0.9:
            server.health.unanswered(now)
        exchange.overdue += 1
        if exchange.overdue >= (1 if self._all_down() else GIVE_UP_AFTER):
            self._give_up(exchange)
            return
        left = [one for one in self._servers if one not in exchange.failed] or self._servers
        after = left.index(server) + 1 if server in left else 0
        chosen = left[after % len(left)]
        if chosen is server:
            exchange.case_kept = False  # perhaps somebody on the way cannot bear mixed case
        self._put(exchange, chosen)
        exchange.come_due_with(self._newest)

    def _probe(self, now: float) -> None:
        for server in self._servers:
            if server.health.wants_probe(now):
                probe = Exchange.of(
                    _PROBE, len(_PROBE), _nobody_asked, due_with=self._newest, server=server, chance=self._chance
                )
                probe.overdue = GIVE_UP_AFTER
                server.send(probe)

    def _all_down(self) -> bool:
        return all(server.health.down_since is not None for server in self._servers)

    def _rank(self) -> None:
        """Put the servers in the order in which they are asked: well ones first, the quickest first."""
        now = self._loop.time()
        if now >= self._fade_at:
            self._fade_at = now + FADE_SECONDS
            for server in self._servers[1:]:
                server.health.forget_a_little()
        self._servers.sort(key=lambda server: (server.health.in_trouble, server.health.latency or 0.0))
        self._best = self._servers[0] if self._servers else None


def _nobody_asked(_: bytes | None) -> None:
    """Take the answer to a probe: what it says about the server's health has been noted already."""
