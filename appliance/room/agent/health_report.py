"""Tells central how the room is: when it has changed, and every `HEALTH_SECONDS` else.

What changes within a second is told once. The feed's own life says that the room is there; a central of before,
which does not follow content yet, takes the health for that and is told every `OLD_HEALTH_SECONDS`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import msgspec

from appliance.errors import HallpassError
from appliance.protocol import HealthReceived, RoomHealth
from appliance.room.agent.backoff import Backoff
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_state import CentralState
from appliance.room.agent.thread_pool import run_in_turn
from dns.coalesced_timers import timeout_coalesced

HEALTH_SECONDS = 600.0
OLD_HEALTH_SECONDS = 30.0
MERGE_SECONDS = 1.0  # what a person notices late at the earliest
READ_SECONDS = 5.0  # a process that fell silent changes no file
RETRY_SECONDS = 5.0
MAX_RETRY_SECONDS = 60.0

log = logging.getLogger("hallpass.agent")


class HealthReport:
    """One room's health on its way to central."""

    def __init__(
        self,
        client: CentralClient,
        state: CentralState,
        read_health: Callable[[], RoomHealth],
        handle_answer: Callable[[HealthReceived], Awaitable[None]],
        look: Callable[[], object] = object,
    ) -> None:
        """`read_health` says how the room is; it reads files. `handle_answer` gets what central answers.

        `look` returns something that is not equal any more when one of the files has changed.
        """
        self._look = look
        self._handle_answer = handle_answer
        self._client = client
        self._state = state
        self._read_health = read_health
        self._changed = asyncio.Event()
        self._reported: RoomHealth | None = None
        self._reported_at = 0.0
        self.repeat_seconds = OLD_HEALTH_SECONDS

    def notify(self) -> None:
        """Say that something has changed; what else changes is found within a second."""
        self._changed.set()

    def report_again(self) -> None:
        """Have everything told once more: central was restored, and may have forgotten it."""
        self._reported = None
        self._changed.set()

    async def report(self) -> None:
        """Say how the room is, for ever."""
        loop = asyncio.get_running_loop()
        backoff = Backoff(RETRY_SECONDS, MAX_RETRY_SECONDS)
        seen, read_at = None, float("-inf")
        while True:
            await self._state.reached.wait()
            looks = self._look()
            is_due = loop.time() - read_at >= READ_SECONDS
            if not (is_due or self._changed.is_set() or looks != seen or self._reported is None):
                await self._wait_for_change()
                continue
            self._changed.clear()
            seen, read_at = looks, loop.time()
            found = await run_in_turn(self._read_health)
            is_news = self._reported is None or _comparable(found) != _comparable(self._reported)
            if is_news or loop.time() - self._reported_at >= self.repeat_seconds:
                try:
                    answer = await self._client.put_health(found)
                except HallpassError as problem:
                    log.info("health was not told: %s", problem)
                    await asyncio.sleep(backoff.next_pause_seconds(problem))
                    continue
                backoff.reset()
                self._reported, self._reported_at = found, loop.time()
                await self._handle_answer(answer)
                await asyncio.sleep(MERGE_SECONDS)
            await self._wait_for_change()

    async def _wait_for_change(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with timeout_coalesced(MERGE_SECONDS):
                await self._changed.wait()


def _comparable(health: RoomHealth) -> RoomHealth:
    """Return a health for comparing: its lists grow older, and clocks drift, without that being news."""
    difference = health.clock_difference_seconds
    return msgspec.structs.replace(
        health,
        index_age_seconds=0.0,
        clock_difference_seconds=None if difference is None else float(round(difference)),
    )
