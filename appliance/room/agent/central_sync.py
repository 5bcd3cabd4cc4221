"""Follows central: the feed says where the room should be, this brings it there, and delivers what waits.

Three tasks of one event loop, each of which goes on whatever becomes of the others:

- `follow` holds the feed open and hands on the newest target. A line that goes dead is opened again, at first at
  once, then with growing, jittered pauses of at most `LONGEST_PAUSE_SECONDS`.
- `apply` brings the room to the newest target. What fails is tried again; newer targets replace older ones. It
  also looks, every `INSPECT_SECONDS`, whether the room still is there: what is damaged or gone is fetched again.
- `deliver` sends the outbox in its order. Central's "no" puts one parcel aside and goes on with the next; a parcel
  that fails by its own fault waits longer each time, and is put aside after an hour of it. While central is away
  nothing counts against any. No parcel waits for one that fails.
"""

import asyncio
import contextlib
import logging
import random
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime

from appliance.errors import HallpassError
from appliance.protocol import RoomHealth, Target
from appliance.room import health
from appliance.room.agent import installer
from appliance.room.agent.central_client import CentralClient, Faulty, Refused, Unreachable
from appliance.room.agent.ended_unblocks import Closings
from appliance.room.agent.store import Memory, Parcel
from appliance.room.health import Condition
from appliance.room.paths import RoomPaths

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = (
    1.0  # central's return is noticed within it; thirty rooms cost central thirty calls a second
)
HEALTH_SECONDS = 30.0
RETRY_SECONDS = 5.0
INSPECT_SECONDS = 2.0

log = logging.getLogger("hallpass.agent")

MOST_FAILURES_IN_A_ROW = 2  # of different parcels that get no answer: then it is central that is away

_NEVER = (400, 409, 410, 413, 414, 415, 422, 431)  # what central says of a parcel that it will never take
_NOT_LET_IN = (401, 403, 407, 408, 421, 425)  # the room's token, or something on the way: no parcel's fault
_PLURALS = {"request": "requests", "report": "reports", "incident": "incidents", "action": "actions"}


class Follower:
    """One room's way of following central."""

    def __init__(
        self,
        client: CentralClient,
        memory: Memory,
        paths: RoomPaths,
        version: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._memory = memory
        self._paths = paths
        self._version = version
        self._now = now
        self._target: Target | None = None
        self._index = installer.IndexOnDisk(paths)
        self._requests_known = -1
        self._closings = Closings(paths, memory, lambda: datetime.fromtimestamp(now(), UTC))
        self._unanswered: dict[int, int] = {}  # parcel: how often central gave no answer to it
        self._news = asyncio.Event()
        self._post = asyncio.Event()
        self._say_health = asyncio.Event()
        self.reachable = False
        self.away_since = now()

    def something_to_send(self) -> None:
        """Say that the outbox has something new."""
        self._post.set()

    def index_age(self) -> float | None:
        """Return how many seconds ago the lists in use were fetched, or None where there are none yet."""
        try:
            fetched = (self._paths.index.resolve() / "index.hpx").stat().st_mtime
        except (OSError, RuntimeError):  # RuntimeError: links in a circle
            return None
        return max(0.0, self._now() - fetched)

    async def follow(self) -> None:
        """Hold the feed open, for ever."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async for target in self._client.feed():
                    pause = FIRST_PAUSE_SECONDS
                    self._is_reachable()
                    if target is not None and target != self._target:
                        self._target = target
                        self._news.set()
                why = "central closed the feed"
            except HallpassError as problem:
                why = str(problem)
            self._is_away(why)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 (to spread rooms, not to hide)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def apply(self) -> None:
        """Bring the room to the newest target, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(INSPECT_SECONDS):
                    await self._news.wait()
            if not self._news.is_set() and await self._is_reached(self._target):
                continue
            self._news.clear()
            try:
                await self._reach(self._target)
            except (HallpassError, OSError, sqlite3.Error) as problem:
                log.warning("the room keeps what it has: %s", problem)
                with contextlib.suppress(TimeoutError):  # a newer target is a reason to try at once
                    async with asyncio.timeout(RETRY_SECONDS):
                        await self._news.wait()
                self._news.set()

    async def deliver(self) -> None:
        """Send what waits in the outbox, for ever."""
        while True:
            self._post.clear()
            answered = True
            if self.reachable:
                try:
                    answered = await self._deliver_what_is_due()
                except sqlite3.Error:
                    log.exception("the outbox cannot be written")
                    answered = False
                if not answered:
                    await asyncio.sleep(FIRST_PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._memory.next_due(self._now()) if answered else RETRY_SECONDS):
                    await self._post.wait()

    async def tell_health(self) -> None:
        """Say how the room is, regularly and after each change, for ever."""
        while True:
            self._say_health.clear()
            if self.reachable:
                try:
                    await self._client.report_health(self._health())
                except HallpassError as problem:
                    log.info("health was not told: %s", problem)
            try:
                async with asyncio.timeout(HEALTH_SECONDS):
                    await self._say_health.wait()
            except TimeoutError:
                continue

    async def _is_reached(self, target: Target | None) -> bool:
        """Tell whether the room has, whole, what central says it should have."""
        if target is None:
            return True
        if target.policy != installer.installed_policy(self._paths):
            return False
        return not target.index or target.index == await asyncio.to_thread(self._index.version)

    async def _reach(self, target: Target | None) -> None:
        if target is None:
            return
        if target.index and target.index != await asyncio.to_thread(self._index.version):
            await installer.install_index(
                self._paths, target.index, lambda base, path: self._client.index(target.index, base, path)
            )
            log.info("the index %s is in use", target.index[:12])
        told = self._closings.told()  # before the policy is fetched, so that it is no older
        if told or target.policy != installer.installed_policy(self._paths):
            document = installer.install_policy(self._paths, await self._client.policy())
            self._closings.forget(told, document)
            log.info("the policy %d is in use", document.version)
        if target.requests != self._requests_known:
            self._memory.learn(await self._client.request_states())
            self._requests_known = target.requests
        self._say_health.set()

    async def _deliver_what_is_due(self) -> bool:
        """Send until nothing is due; return False where central gave no answer to something."""
        answered = True
        while answered and (due := self._memory.due(self._now())):
            due.sort(key=lambda parcel: self._unanswered.get(parcel.number, 0))
            in_a_row = 0
            for parcel in due:
                try:
                    await self._send(parcel)
                except Unreachable as problem:
                    log.info("the outbox waits: %s", problem)
                    self._unanswered[parcel.number] = self._unanswered.get(parcel.number, 0) + 1
                    answered, in_a_row = False, in_a_row + 1
                    if in_a_row == MOST_FAILURES_IN_A_ROW:
                        break
                else:
                    self._unanswered.pop(parcel.number, None)
                    in_a_row = 0
        return answered

    async def _send(self, parcel: Parcel) -> None:
        """Send one parcel, or note why not. Raises Unreachable where it is not the parcel's fault."""
        try:
            if parcel.kind == "withdrawal":
                await self._client.withdraw(parcel.id)
            else:
                await self._client.put(_PLURALS[parcel.kind], parcel.id, parcel.body)
        except Faulty as problem:
            self._failed(parcel, str(problem))
        except Refused as no:
            if no.status < 400 or no.status in _NOT_LET_IN:
                raise Unreachable(str(no)) from None
            if no.status in _NEVER:
                log.warning("central will not take the %s %s: %s", parcel.kind, parcel.id, no)
                self._memory.refused(parcel, str(no), self._now())
            else:
                self._failed(parcel, str(no))
        else:
            self._memory.sent(parcel)
            if parcel.kind == "withdrawal":
                self._news.set()  # a policy without what it ended

    def _failed(self, parcel: Parcel, why: str) -> None:
        aside = self._memory.failed(parcel, why, self._now())
        done = "is put aside" if aside else "waits for its next try"
        log.warning("central fails at the %s %s, which %s: %s", parcel.kind, parcel.id, done, why)

    def _is_reachable(self) -> None:
        if not self.reachable:
            log.info("central is reachable")
            self.reachable = True
            self._memory.revision += 1
            self._say_health.set()
        self._post.set()

    def _is_away(self, why: str) -> None:
        if self.reachable or self._target is None:
            log.warning("central is away: %s", why)
        if self.reachable:
            self.reachable = False
            self.away_since = self._now()
            self._memory.revision += 1

    def _health(self) -> RoomHealth:
        now = self._now()
        conditions: list[Condition] = []
        for process in health.read(self._paths.health, now):
            conditions += process.conditions
        return RoomHealth(
            version=self._version,
            policy=installer.installed_policy(self._paths),
            index=installer.installed_index(self._paths),
            index_age_seconds=self.index_age() or 0.0,
            conditions=tuple(sorted({condition.value for condition in conditions})),
        )
