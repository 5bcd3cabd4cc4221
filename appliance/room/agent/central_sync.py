"""Follows central: the feed says where the room should be, this brings it there, and delivers what waits.

Three tasks of one event loop, each of which goes on whatever becomes of the others:

- `follow_feed` holds the feed open and hands on the newest target. A line that goes dead is opened again, at
  first at once, then with growing, jittered pauses of at most `MAX_PAUSE_SECONDS`.
- `apply_targets` brings the room to the newest target. What fails is tried again; newer targets replace older
  ones. It also looks, every `CHECK_SECONDS`, whether the room still is there: what is damaged or gone is fetched
  again.
- `deliver_outbox` sends the outbox in its order. Central's "no" puts one message aside and goes on with the next;
  a message that fails by its own fault waits longer each time, and is put aside after an hour of it. While
  central is away nothing counts against any. No message waits for one that fails.
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
from appliance.room.agent.central_client import CentralClient, CentralFaulty, CentralRejected, CentralUnreachable
from appliance.room.agent.ended_unblocks import EndedUnblocks
from appliance.room.agent.store import AgentStore, OutboxMessage
from appliance.room.conditions import Condition
from appliance.room.paths import RoomPaths

FIRST_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 1.0  # central's return is noticed within it; thirty rooms cost central thirty calls a second
HEALTH_SECONDS = 30.0
RETRY_SECONDS = 5.0
CHECK_SECONDS = 2.0

log = logging.getLogger("hallpass.agent")

MAX_FAILURES_IN_A_ROW = 2  # of different messages that get no answer: then it is central that is away

_REJECTED_STATUSES = (
    400,
    409,
    410,
    413,
    414,
    415,
    422,
    431,
)  # what central says of a message that it will never take
_UNAUTHORIZED_STATUSES = (
    401,
    403,
    407,
    408,
    421,
    425,
)  # the room's token, or something on the way: no message's fault
_PLURALS = {"request": "requests", "report": "reports", "incident": "incidents", "action": "actions"}


class CentralSync:
    """One room's way of following central."""

    def __init__(
        self,
        client: CentralClient,
        store: AgentStore,
        paths: RoomPaths,
        version: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._store = store
        self._paths = paths
        self._version = version
        self._now = now
        self._target: Target | None = None
        self._installed_index = installer.InstalledIndex(paths)
        self._requests_revision = -1
        self._ended_unblocks = EndedUnblocks(paths, store, lambda: datetime.fromtimestamp(now(), UTC))
        self._unanswered_tries: dict[int, int] = {}  # message: how often central gave no answer to it
        self._target_changed = asyncio.Event()
        self._outbox_changed = asyncio.Event()
        self._health_changed = asyncio.Event()
        self.is_reachable = False
        self.unreachable_since = now()

    def notify_outbox(self) -> None:
        """Say that the outbox has something new."""
        self._outbox_changed.set()

    def index_age_seconds(self) -> float | None:
        """Return how many seconds ago the lists in use were fetched, or None where there are none yet."""
        try:
            fetched = (self._paths.index.resolve() / "index.hpx").stat().st_mtime
        except (OSError, RuntimeError):  # RuntimeError: links in a circle
            return None
        return max(0.0, self._now() - fetched)

    def confirmed_index(self) -> str:
        """Return the hash of the index in use where central, which is reachable, names that very one; else ""."""
        if not self.is_reachable or self._target is None:
            return ""
        installed = installer.installed_index_version(self._paths)
        return installed if installed == self._target.index else ""

    async def follow_feed(self) -> None:
        """Hold the feed open, for ever."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async for target in self._client.stream_feed():
                    pause = FIRST_PAUSE_SECONDS
                    self._set_reachable()
                    if target is not None and target != self._target:
                        self._target = target
                        self._target_changed.set()
                why = "central closed the feed"
            except HallpassError as problem:
                why = str(problem)
            self._set_unreachable(why)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 (to spread rooms, not to hide)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)

    async def apply_targets(self) -> None:
        """Bring the room to the newest target, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._target_changed.wait()
            if not self._target_changed.is_set() and await self._is_target_applied(self._target):
                continue
            self._target_changed.clear()
            try:
                await self._apply_target(self._target)
            except (HallpassError, OSError, sqlite3.Error) as problem:
                log.warning("the room keeps what it has: %s", problem)
                with contextlib.suppress(TimeoutError):  # a newer target is a reason to try at once
                    async with asyncio.timeout(RETRY_SECONDS):
                        await self._target_changed.wait()
                self._target_changed.set()

    async def deliver_outbox(self) -> None:
        """Send what waits in the outbox, for ever."""
        while True:
            self._outbox_changed.clear()
            answered = True
            if self.is_reachable:
                try:
                    answered = await self._send_due_messages()
                except sqlite3.Error:
                    log.exception("the outbox cannot be written")
                    answered = False
                if not answered:
                    await asyncio.sleep(FIRST_PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(
                    self._store.seconds_until_due(self._now()) if answered else RETRY_SECONDS
                ):
                    await self._outbox_changed.wait()

    async def send_health(self) -> None:
        """Say how the room is, regularly and after each change, for ever."""
        while True:
            self._health_changed.clear()
            if self.is_reachable:
                try:
                    await self._client.put_health(self._room_health())
                except HallpassError as problem:
                    log.info("health was not told: %s", problem)
            try:
                async with asyncio.timeout(HEALTH_SECONDS):
                    await self._health_changed.wait()
            except TimeoutError:
                continue

    async def _is_target_applied(self, target: Target | None) -> bool:
        """Tell whether the room has, whole, what central says it should have."""
        if target is None:
            return True
        if target.policy != installer.installed_policy_version(self._paths):
            return False
        return not target.index or target.index == await asyncio.to_thread(self._installed_index.verified_version)

    async def _apply_target(self, target: Target | None) -> None:
        if target is None:
            return
        if target.index and target.index != await asyncio.to_thread(self._installed_index.verified_version):
            await installer.install_index(
                self._paths, target.index, lambda base, path: self._client.fetch_index(target.index, base, path)
            )
            log.info("the index %s is in use", target.index[:12])
        acknowledged = (
            self._ended_unblocks.acknowledged_requests()
        )  # before the policy is fetched, so that it is no older
        if acknowledged or target.policy != installer.installed_policy_version(self._paths):
            document = installer.install_policy(self._paths, await self._client.fetch_policy())
            self._ended_unblocks.delete_ended(acknowledged, document)
            log.info("the policy %d is in use", document.version)
        if target.requests != self._requests_revision:
            self._store.save_request_states(await self._client.fetch_request_states())
            self._requests_revision = target.requests
        self._health_changed.set()

    async def _send_due_messages(self) -> bool:
        """Send until nothing is due; return False where central gave no answer to something."""
        answered = True
        while answered and (due := self._store.due_messages(self._now())):
            due.sort(key=lambda message: self._unanswered_tries.get(message.number, 0))
            in_a_row = 0
            for message in due:
                try:
                    await self._send_message(message)
                except CentralUnreachable as problem:
                    log.info("the outbox waits: %s", problem)
                    self._unanswered_tries[message.number] = self._unanswered_tries.get(message.number, 0) + 1
                    answered, in_a_row = False, in_a_row + 1
                    if in_a_row == MAX_FAILURES_IN_A_ROW:
                        break
                else:
                    self._unanswered_tries.pop(message.number, None)
                    in_a_row = 0
        return answered

    async def _send_message(self, message: OutboxMessage) -> None:
        """Send one message, or note why not. Raises CentralUnreachable where it is not the message's fault."""
        try:
            if message.kind == "withdrawal":
                await self._client.withdraw_request(message.id)
            else:
                await self._client.put_message(_PLURALS[message.kind], message.id, message.body)
        except CentralFaulty as problem:
            self._record_failure(message, str(problem))
        except CentralRejected as no:
            if no.status < 400 or no.status in _UNAUTHORIZED_STATUSES:
                raise CentralUnreachable(str(no)) from None
            if no.status in _REJECTED_STATUSES:
                log.warning("central will not take the %s %s: %s", message.kind, message.id, no)
                self._store.reject_message(message, str(no), self._now())
            else:
                self._record_failure(message, str(no))
        else:
            self._store.delete_sent_message(message)
            if message.kind == "withdrawal":
                self._target_changed.set()  # a policy without what it ended

    def _record_failure(self, message: OutboxMessage, why: str) -> None:
        is_dead = self._store.record_failure(message, why, self._now())
        done = "is put aside" if is_dead else "waits for its next try"
        log.warning("central fails at the %s %s, which %s: %s", message.kind, message.id, done, why)

    def _set_reachable(self) -> None:
        if not self.is_reachable:
            log.info("central is reachable")
            self.is_reachable = True
            self._store.revision += 1
            self._health_changed.set()
        self._outbox_changed.set()

    def _set_unreachable(self, why: str) -> None:
        if self.is_reachable or self._target is None:
            log.warning("central is away: %s", why)
        if self.is_reachable:
            self.is_reachable = False
            self.unreachable_since = self._now()
            self._store.revision += 1

    def _room_health(self) -> RoomHealth:
        now = self._now()
        conditions: list[Condition] = []
        for process in health.read_health(self._paths.health_folder, now):
            conditions += process.conditions
        return RoomHealth(
            version=self._version,
            policy=installer.installed_policy_version(self._paths),
            index=installer.installed_index_version(self._paths),
            index_age_seconds=self.index_age_seconds() or 0.0,
            conditions=tuple(sorted({condition.value for condition in conditions})),
        )
