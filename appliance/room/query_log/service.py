"""The recorder's process: takes batches from workers, lights the lamp, stores, confirms, tells the followers.

The order for a batch: the lamp and the live feed first (a person is waiting), then the disk. What is pending is
stored `commit_seconds` after its second was over, or `REFUSAL_SECONDS` after it came where a refusal is among it
or it came late. Workers are told after that. The disk is another thread's work: a slow card keeps neither the
lamp nor the workers waiting.

If the log cannot be written, or its key is not there, batches stay unconfirmed: they wait here, up to
`WAITING_BATCHES`, and with their workers beyond that; the room says DISK_TROUBLE, and DNS notices nothing.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from appliance.room.incidents.monitor import Watch
from appliance.room.lamp.controller import SignalLight
from appliance.room.query_log import control
from appliance.room.query_log.live_feed import LiveFeed
from appliance.room.query_log.redaction import NOTEWORTHY
from appliance.room.query_log.writer import WRITING_FAILED, Ledger
from dns.errors import DECODING_FAILED
from dns.querylog.records import BatchAck, FrameReader, FrameTooLong, RecordBatch, batch_decoder, encode_frame

REFUSAL_SECONDS = 0.1
WAITING_BATCHES = 1000
RETRY_SECONDS = 5.0

T = TypeVar("T")

log = logging.getLogger("hallpass.recorder")


def patience(second: int, now: float, commit_seconds: float) -> float:
    """Return for how many seconds records may wait, the oldest of which are of a given Unix second.

    Workers hand a busy second over in portions, so the time counts from the end of the second, not from what came.
    """
    late = now - (second + 1)
    return min(max(commit_seconds - late, REFUSAL_SECONDS), commit_seconds)


class _NoRoom(Exception):
    """More batches wait than this process may hold."""


class Recorder:
    """The pending batches and what becomes of them."""

    def __init__(
        self,
        ledger: Ledger,
        live: LiveFeed,
        light: SignalLight,
        watch: Watch | None = None,
        *,
        commit_seconds: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._live = live
        self._light = light
        self._watch = watch
        self._commit_seconds = commit_seconds
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._disk = ThreadPoolExecutor(1, "disk")
        self._pending: list[tuple[RecordBatch, asyncio.StreamWriter]] = []
        self._refusals_pending = False
        self._workers = 0
        self._timer: asyncio.TimerHandle | None = None
        self._storing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.trouble = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one worker's batches until it goes."""
        frames = FrameReader()
        self._workers += 1
        try:
            while data := await reader.read(65536):
                for body in frames.feed(data):
                    self._take(batch_decoder.decode(body), writer)
        except (FrameTooLong, *DECODING_FAILED, ConnectionError, _NoRoom) as problem:
            log.warning("a worker's connection was closed: %s", problem)
        finally:
            self._workers -= 1
            writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the questions of `control` on one connection."""
        try:
            with contextlib.suppress(ConnectionError, ValueError):
                while line := await reader.readline():
                    writer.write(control.encoder.encode(await self._answer(line)) + b"\n")
                    await writer.drain()
        finally:
            writer.close()

    async def store(self) -> None:
        """Store what is pending, and confirm it."""
        async with self._storing:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            pending, durable = self._pending, self._refusals_pending
            if not pending:
                if self.trouble:
                    await self.tend()
                return
            self._pending, self._refusals_pending = [], False
            try:
                batches = [batch for batch, _ in pending]
                await self._on_disk(partial(self._ledger.write, batches, self._now(), durable=durable))
            except WRITING_FAILED as problem:
                self._pending = pending + self._pending
                self._refusals_pending = self._refusals_pending or durable
                await self._hold_back(problem)
                return
            self._writes_again()
            for batch, writer in pending:
                if not writer.is_closing():
                    writer.write(encode_frame(BatchAck(batch.worker, batch.sequence)))

    async def tend(self) -> None:
        """Do what is due by time."""
        try:
            await self._on_disk(partial(self._ledger.tend, self._now()))
        except WRITING_FAILED as problem:
            await self._hold_back(problem)
        else:
            if not self._pending:
                self._writes_again()

    async def hand_over_incidents(self) -> None:
        """Keep the incidents that were found, and give the agent those that it has not got."""
        watch, ledger = self._watch, self._ledger
        if watch is None or self.trouble:
            return
        try:
            found = watch.take()
            if found:
                await self._on_disk(partial(ledger.keep_incidents, found, self._now()))
            for incident in await self._on_disk(partial(ledger.incidents_to_hand_over, self._now())):
                # The agent may be slow: it is not the disk's thread that waits for it.
                if not await asyncio.to_thread(watch.tell, incident):
                    return
                await self._on_disk(partial(ledger.handed_over, incident.id, self._now()))
        except WRITING_FAILED as problem:
            await self._hold_back(problem)

    async def let_workers_finish(self, seconds: float) -> None:
        """Store what comes at once until every worker has gone, for so many seconds at most."""
        ends = self._loop.time() + seconds
        while self._workers and not self.trouble and self._loop.time() < ends:
            await self.store()
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Store what is pending and close the log."""
        await self.store()
        if self._timer is not None:
            self._timer.cancel()
        with contextlib.suppress(*WRITING_FAILED):
            await self._on_disk(partial(self._ledger.close, self._now()))
        self._disk.shutdown()

    def _take(self, batch: RecordBatch, writer: asyncio.StreamWriter) -> None:
        refused = False
        now = self._now()
        second = int(now)
        for record in batch.records:
            second = min(second, record.second)
            if record.verdict in NOTEWORTHY:
                if record.verdict == "refused":
                    refused = True
                    self._light.refused(record.device)
                self._live.tell(record)
        if len(self._pending) >= WAITING_BATCHES:
            # The worker keeps it and sends it again on its next connection. Going on with this connection would
            # store later batches first, and this one would then count as known.
            raise _NoRoom(f"{WAITING_BATCHES} batches wait already")
        self._pending.append((batch, writer))
        self._refusals_pending = self._refusals_pending or refused
        self._store_within(REFUSAL_SECONDS if refused else patience(second, now, self._commit_seconds))
        if self._watch is not None:
            self._watch.seen(batch, now)

    def _store_within(self, seconds: float) -> None:
        if self.trouble:
            return  # the retry that is under way takes everything along
        due = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._begin_to_store)

    def _begin_to_store(self) -> None:
        self._timer = None
        task = self._loop.create_task(self.store())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hold_back(self, problem: Exception) -> None:
        if not self.trouble:
            log.error("the query log cannot be written (%s); records wait in memory", problem)
        self.trouble = str(problem) or type(problem).__name__
        await self._on_disk(self._ledger.let_go)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(RETRY_SECONDS, self._begin_to_store)

    def _writes_again(self) -> None:
        if self.trouble:
            log.warning("the query log can be written again")
            self.trouble = ""

    async def _answer(self, line: bytes) -> control.Answer:
        try:
            question = control.question_decoder.decode(line)
        except DECODING_FAILED as problem:
            return control.Answer(error=f"not a question: {problem}")
        if isinstance(question, control.Acknowledge):
            self._light.acknowledge()
            return control.Answer()
        await self.store()
        try:
            return await self._on_disk(partial(self._ledger.answer, question, self._now()))
        except WRITING_FAILED as problem:
            return control.Answer(error=f"the query log cannot be written: {problem}")

    async def _on_disk(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._disk, work)
