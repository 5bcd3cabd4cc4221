"""Sends the outbox, a few messages at once, what a teacher waits for first.

Central's "no" puts one message aside and goes on with the next; a message that fails by its own fault waits longer
each time, and is put aside after an hour of it. While central is away nothing counts against any. No message waits
for one that fails. A withdrawal is taken up only once its request is delivered.

At most `MAX_IN_FLIGHT` calls are under way. Actions, of which a room that was away for long has thousands, go
many in one call; where central does not know that call, or says no to it, each goes alone: a bad one stops nobody.
What was delivered is noted in as few transactions as the disk allows, beside the sending; whatever a crash forgets
of that is sent once more, and its id makes it one.
"""

import asyncio
import contextlib
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from itertools import chain

from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_errors import CentralFaulty, CentralRejected, CentralUnreachable
from appliance.room.agent.central_state import CentralState
from appliance.room.agent.outbox import OutboxMessage
from appliance.room.agent.store import AgentStore
from appliance.room.agent.thread_pool import run_blocking

MAX_IN_FLIGHT = 8
MAX_FAILURES_IN_A_ROW = 2  # messages that get no answer, and none between them that does: then central is away
MAX_UNRECORDED = 512  # delivered, and not noted yet
FIRST_PAUSE_SECONDS = 0.2
RETRY_SECONDS = 5.0
_BATCH = 128  # messages looked up at once
MAX_GROUP = 64  # actions in one call
MAX_GROUP_BYTES = 48 * 1024  # central takes 64 KB

log = logging.getLogger("hallpass.agent")

# What central says of a message that it will never take.
_REJECTED_STATUSES = (400, 409, 410, 413, 414, 415, 422, 431)
# The room's token, or something on the way: no message's fault.
_UNAUTHORIZED_STATUSES = (401, 403, 407, 408, 421, 425)
_UNKNOWN_CALL_STATUSES = (404, 405)  # a central that is older than the room
_PLURALS = {"request": "requests", "report": "reports", "incident": "incidents", "action": "actions"}


class OutboxDelivery:
    """One room's outbox on its way to central."""

    def __init__(
        self,
        client: CentralClient,
        store: AgentStore,
        state: CentralState,
        now: Callable[[], float],
        acknowledged: Callable[[], None],
    ) -> None:
        """`acknowledged` is called after central has taken a withdrawal."""
        self._client = client
        self._store = store
        self._state = state
        self._now = now
        self._on_acknowledged = acknowledged
        self._changed = asyncio.Event()
        self._takes_groups = True  # until central has said that it does not know them
        self._unanswered_tries: dict[int, int] = {}  # message: how often central gave no answer to it

    def notify(self) -> None:
        """Say that the outbox has something new, or that central is there."""
        self._changed.set()

    async def deliver(self) -> None:
        """Send what waits, for ever."""
        while True:
            await self._state.reached.wait()
            self._changed.clear()
            pause: float | None = RETRY_SECONDS
            try:
                retry_after = await _Delivery(self).run()
                pause = await run_blocking(self._store.seconds_until_due, self._now())
                if retry_after is not None:
                    await asyncio.sleep(max(FIRST_PAUSE_SECONDS, retry_after))
                    pause = RETRY_SECONDS
            except sqlite3.Error:
                log.exception("the outbox cannot be written")
                await asyncio.sleep(FIRST_PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def send_group(self, messages: tuple[OutboxMessage, ...]) -> list[OutboxMessage]:
        """Send messages in one call; return which have arrived. Raises CentralUnreachable: not their fault."""
        if len(messages) > 1 and self._takes_groups:
            try:
                await self._client.put_actions([message.body for message in messages])
            except CentralRejected as no:
                self._takes_groups = no.status not in _UNKNOWN_CALL_STATUSES
            except CentralFaulty as problem:
                log.info("central fails at %d actions at once; they go one by one: %s", len(messages), problem)
            else:
                return list(messages)
        return [message for message in messages if await self.send(message)]

    async def send(self, message: OutboxMessage) -> bool:
        """Send one message; return whether it has arrived. Raises CentralUnreachable: not its fault."""
        try:
            if message.kind == "withdrawal":
                await self._client.withdraw_request(message.id, message.body.decode())
            else:
                await self._client.put_message(_PLURALS[message.kind], message.id, message.body)
        except CentralFaulty as problem:
            await self._record_failure(message, str(problem))
            return False
        except CentralRejected as no:
            if no.status < 400 or no.status in _UNAUTHORIZED_STATUSES:
                raise CentralUnreachable(str(no)) from None
            if no.status in _REJECTED_STATUSES:
                log.warning("central will not take the %s %s: %s", message.kind, message.id, no)
                await run_blocking(self._store.reject_message, message, str(no), self._now())
            else:
                await self._record_failure(message, str(no))
            return False
        return True

    async def record_sent(self, messages: list[OutboxMessage]) -> None:
        """Take out of the outbox what has arrived."""
        await run_blocking(self._store.mark_sent, messages, self._now())
        if any(message.kind == "withdrawal" for message in messages):
            self._on_acknowledged()

    async def find_due(self, without: set[int]) -> list[OutboxMessage]:
        """Return the next messages to send; what central gave no answer to comes last."""
        self._changed.clear()
        due = await run_blocking(self._store.due_messages, self._now(), limit=_BATCH, without=without)
        return sorted(due, key=lambda message: self._unanswered_tries.get(message.number, 0))

    def has_news(self) -> bool:
        """Tell whether the outbox has got something since it was looked at."""
        return self._changed.is_set()

    def count_unanswered(self, message: OutboxMessage, *, is_answered: bool) -> None:
        """Note whether central gave an answer to a message."""
        if is_answered:
            self._unanswered_tries.pop(message.number, None)
        else:
            self._unanswered_tries[message.number] = self._unanswered_tries.get(message.number, 0) + 1

    async def _record_failure(self, message: OutboxMessage, why: str) -> None:
        is_dead = await run_blocking(self._store.record_failure, message, why, self._now())
        done = "is put aside" if is_dead else "waits for its next try"
        log.warning("central fails at the %s %s, which %s: %s", message.kind, message.id, done, why)


class _Delivery:
    """One pass over what is due: until nothing is, or central is away."""

    def __init__(self, outbox: OutboxDelivery) -> None:
        self._outbox = outbox
        self._waiting: deque[OutboxMessage] = deque()
        self._in_flight: dict[asyncio.Task[list[OutboxMessage]], tuple[OutboxMessage, ...]] = {}
        self._arrived: list[OutboxMessage] = []
        self._recording: asyncio.Task[None] | None = None
        self._being_recorded: list[OutboxMessage] = []
        self._unanswered: set[int] = set()  # in this pass
        self._in_a_row = 0
        self._retry_after: float | None = None  # set where something got no answer

    async def run(self) -> float | None:
        """Send; return None, or where something got no answer how long to wait. Raises sqlite3.Error."""
        try:
            while await self._fill():
                pending = [*self._in_flight, *([self._recording] if self._recording else [])]
                await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                self._collect()
                self._begin_to_record()
        finally:
            tasks = [*self._in_flight, *([self._recording] if self._recording else [])]
            for task in self._in_flight:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._retry_after

    async def _fill(self) -> bool:
        """Put the next messages under way; return whether anything is."""
        goes_on = self._in_a_row < MAX_FAILURES_IN_A_ROW and len(self._arrived) < MAX_UNRECORDED
        if goes_on and (not self._waiting or self._outbox.has_news()):
            self._waiting = deque(await self._outbox.find_due(self._known_numbers()))
        while goes_on and self._waiting and len(self._in_flight) < MAX_IN_FLIGHT:
            group = _pop_group(self._waiting)
            self._in_flight[asyncio.create_task(self._outbox.send_group(group))] = group
        return bool(self._in_flight or self._recording)

    def _known_numbers(self) -> set[int]:
        under_way = (*chain.from_iterable(self._in_flight.values()), *self._arrived, *self._being_recorded)
        return {message.number for message in under_way} | self._unanswered

    def _collect(self) -> None:
        if self._recording is not None and self._recording.done():
            recording, self._recording, self._being_recorded = self._recording, None, []
            recording.result()
        for task in [task for task in self._in_flight if task.done()]:
            group = self._in_flight.pop(task)
            try:
                self._arrived += task.result()
            except CentralUnreachable as problem:
                log.info("the outbox waits: %s", problem)
                self._unanswered.update(message.number for message in group)
                self._retry_after = max(self._retry_after or 0.0, problem.retry_after_seconds)
                self._in_a_row += 1
                is_answered = False
            else:
                self._in_a_row = 0
                is_answered = True
            for message in group:
                self._outbox.count_unanswered(message, is_answered=is_answered)

    def _begin_to_record(self) -> None:
        if self._arrived and self._recording is None:
            self._being_recorded, self._arrived = self._arrived, []
            self._recording = asyncio.create_task(self._outbox.record_sent(self._being_recorded))


def _pop_group(waiting: deque[OutboxMessage]) -> tuple[OutboxMessage, ...]:
    """Take the next message from what waits, and where it is an action those that follow it."""
    group = [waiting.popleft()]
    size = len(group[0].body)
    while group[0].kind == "action" and waiting and waiting[0].kind == "action" and len(group) < MAX_GROUP:
        size += len(waiting[0].body) + 1
        if size > MAX_GROUP_BYTES:
            break
        group.append(waiting.popleft())
    return tuple(group)
