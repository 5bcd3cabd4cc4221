"""Brings one thing in the room to where central says it should be: policy, index, requests, accounts.

Each has a follower of its own, with a task, a state and retries of its own, so that none waits for another: an
index that takes an hour delays no policy. A newer target replaces an older one; what is under way for that is
given up where the newer one says so, and else finished, which is bounded. A follower also looks now and then
whether the room still is where it should be: what is damaged or gone is fetched again.
"""

import asyncio
import contextlib
import logging
import sqlite3
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from appliance.errors import HallpassError
from appliance.room.agent.backoff import Backoff
from dns.coalesced_timers import timeout_coalesced

CHECK_SECONDS = 2.0

log = logging.getLogger("hallpass.agent")

Wanted = TypeVar("Wanted")


class TargetFollower(ABC, Generic[Wanted]):
    """One thing's way to central's newest target."""

    check_seconds: float | None = CHECK_SECONDS  # None: it cannot be lost
    gives_up_for_newer = False

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._wanted: Wanted | None = None
        self._news = asyncio.Event()
        self._replaced = asyncio.Event()

    @abstractmethod
    async def is_applied(self, wanted: Wanted) -> bool:
        """Tell whether the room is where it should be."""

    @abstractmethod
    async def apply(self, wanted: Wanted) -> None:
        """Bring the room there. Raises HallpassError, OSError or sqlite3.Error, and then the room is as it was."""

    @property
    def wanted(self) -> Wanted | None:
        """Where the room should be, as far as central has said it."""
        return self._wanted

    def set_wanted(self, wanted: Wanted) -> None:
        """Take in where the room should be."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._replaced.set()
            self._news.set()

    def check_now(self) -> None:
        """Have it looked at whether the room is where it should be."""
        self._news.set()

    async def follow(self) -> None:
        """Follow, for ever."""
        while True:
            await _wait_for(self._news, timeout_coalesced(self.check_seconds))
            self._news.clear()
            self._replaced.clear()
            wanted = self._wanted
            if wanted is None:
                continue
            try:
                if not await self.is_applied(wanted):
                    await self._apply_unless_replaced(wanted)
            except (HallpassError, OSError, sqlite3.Error) as problem:
                log.warning("the room keeps what it has: %s", problem)
                # What is newer is a reason to try at once.
                await _wait_for(self._replaced, asyncio.timeout(self._backoff.next_pause_seconds(problem)))
                self._news.set()
            else:
                self._backoff.reset()

    async def _apply_unless_replaced(self, wanted: Wanted) -> None:
        if not self.gives_up_for_newer:
            await self.apply(wanted)
            return
        work = asyncio.ensure_future(self.apply(wanted))
        replaced = asyncio.ensure_future(self._replaced.wait())
        try:
            await asyncio.wait({work, replaced}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                log.info("what was under way is given up: central names something newer")
        finally:
            for task in (work, replaced):
                task.cancel()
            await asyncio.wait({work, replaced})
        if not work.cancelled():
            work.result()


async def _wait_for(event: asyncio.Event, limit: asyncio.Timeout) -> None:
    with contextlib.suppress(TimeoutError):
        async with limit:
            await event.wait()
