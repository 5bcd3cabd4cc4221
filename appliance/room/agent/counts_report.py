"""Tells central every five minutes what the room's query log says in numbers.

An hour is told as a whole each time, so that telling it twice changes nothing. After a long silence the hours that
central has not got are told, of a week at most. Counts are no promise: whatever goes wrong here is tried again
soon, then less and less often, and keeps nothing else from working.
"""

import logging
import sqlite3
from collections.abc import Awaitable, Callable

from appliance.errors import HallpassError
from appliance.protocol import HourCounts
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_state import CentralState
from appliance.room.agent.store import AgentStore
from appliance.room.agent.thread_pool import run_blocking
from dns.coalesced_timers import sleep_coalesced

REPORT_SECONDS = 300.0
RETRY_SECONDS = 10.0  # after what went wrong; each time twice as long
MAX_HOURS = 168  # that are told again after a silence
FINAL_AFTER_HOURS = 1  # an hour may grow so long after it is over: the recorder keeps some rows in its journal
HOUR_SECONDS = 3600

log = logging.getLogger("hallpass.agent")


class CountsReport:
    """One room's counts on their way to central."""

    def __init__(
        self,
        client: CentralClient,
        state: CentralState,
        store: AgentStore,
        read_counts: Callable[[int, int], list[HourCounts]],
        now: Callable[[], float],
    ) -> None:
        """`read_counts` gives the counts of the hours between two, which it reads from the log."""
        self._client = client
        self._state = state
        self._store = store
        self._read_counts = read_counts
        self._now = now
        self._sent: dict[int, HourCounts] = {}  # hours that may still grow, as central has them

    async def report_regularly(self, pause: Callable[[float], Awaitable[None]] = sleep_coalesced) -> None:
        """Tell central, for ever."""
        retry_seconds = RETRY_SECONDS
        while True:
            await self._state.reached.wait()
            try:
                await self.report()
                seconds, retry_seconds = REPORT_SECONDS, RETRY_SECONDS
            except (HallpassError, OSError, sqlite3.Error) as problem:
                log.info("counts were not told: %s", problem)
                seconds, retry_seconds = min(retry_seconds, REPORT_SECONDS), retry_seconds * 2
            await pause(seconds)

    async def report(self) -> None:
        """Tell what central has not got. Raises HallpassError, OSError or sqlite3.Error."""
        current = int(self._now() // HOUR_SECONDS)
        final = await run_blocking(self._store.counted_hour)
        first = max(current - MAX_HOURS, final + 1)
        if final > current:  # the clock was ahead once
            first = current - FINAL_AFTER_HOURS
        for found in await run_blocking(self._read_counts, first, current):
            if self._sent.get(found.hour) != found:
                await self._client.put_counts(found)
                self._sent[found.hour] = found
        done = current - FINAL_AFTER_HOURS - 1
        if done != final:
            await run_blocking(self._store.set_counted_hour, done)
        self._sent = {hour: found for hour, found in self._sent.items() if hour > done}
