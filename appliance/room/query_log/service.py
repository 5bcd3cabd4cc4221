"""The recorder's process: takes batches from workers, lights the lamp, stores, confirms, tells the followers.

The order for a batch: the lamp and the live feed first (a person is waiting), then the disk. What is pending is
stored `commit_seconds` after its second was over, or `BLOCK_COMMIT_SECONDS` after it came where a refusal is
among it or it came late. Workers are told after that. The disk is another thread's work: a slow card keeps
neither the lamp nor the workers waiting.

If the log cannot be written, its key is not there, or the disk does not answer, batches stay unconfirmed: they
wait here, up to `MAX_PENDING_BATCHES`, and with their workers beyond that; the room says DISK_TROUBLE, and DNS
notices nothing.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from appliance.metrics.samples import Sample
from appliance.room.incidents.monitor import IncidentMonitor
from appliance.room.lamp.controller import LampController
from appliance.room.query_log import control
from appliance.room.query_log.disk_thread import DiskThread
from appliance.room.query_log.live_feed import LiveFeed
from appliance.room.query_log.writer import WRITE_ERRORS, QueryLogWriter
from dns.errors import DECODING_FAILED
from dns.policy.steps import STEPS
from dns.querylog.records import (
    BLOCKED_VERDICTS,
    BatchAck,
    FrameReader,
    FrameTooLong,
    RecordBatch,
    decode_batch,
    encode_frame,
)

BLOCK_COMMIT_SECONDS = 0.1
MAX_PENDING_BATCHES = 1000
MAX_KNOWN_WORKERS = 256  # each is one process; those that ended are forgotten first
RETRY_SECONDS = 5.0
STALLED_SECONDS = 12.0  # of one write; reading a large log whole, at the start, can take as long on a slow card
IN_USE_SECONDS = 5.0  # after the last batch

T = TypeVar("T")

log = logging.getLogger("hallpass.recorder")


def commit_delay(second: int, now: float, commit_seconds: float) -> float:
    """Return for how many seconds records may wait, the oldest of which are of a given Unix second.

    Workers hand a busy second over in portions, so the time counts from the end of the second, not from what came.
    """
    late = now - (second + 1)
    return min(max(commit_seconds - late, BLOCK_COMMIT_SECONDS), commit_seconds)


class QueryLogService:
    """The pending batches and what becomes of them."""

    def __init__(
        self,
        log_writer: QueryLogWriter,
        live_feed: LiveFeed,
        lamp: LampController,
        monitor: IncidentMonitor | None = None,
        *,
        commit_seconds: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._log_writer = log_writer
        self._live_feed = live_feed
        self._lamp = lamp
        self._monitor = monitor
        self._commit_seconds = commit_seconds
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._disk = DiskThread()
        self._pending: list[tuple[RecordBatch, asyncio.StreamWriter]] = []
        self._has_blocks_pending = False
        self._overflowing: set[asyncio.StreamWriter] = set()  # connections of which something was not taken
        self._seen: OrderedDict[str, int] = OrderedDict()  # worker: the newest of its batches that came here
        self._workers = 0
        self._received_at = float("-inf")  # the last batch, by the loop's clock
        self._may_have_unsent_incidents = True  # those of a run before
        self._timer: asyncio.TimerHandle | None = None
        self._store_lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: Counter[str] = Counter()  # by verdict, since the start
        self._write_failures = 0  # likewise
        self.is_stalled = False  # what was begun on the disk does not return
        self.problem = ""

    def is_in_use(self) -> bool:
        """Tell whether a worker handed anything over lately."""
        return self._loop.time() - self._received_at < IN_USE_SECONDS

    def samples(self) -> tuple[Sample, ...]:
        """Return what was counted, for Prometheus (`appliance.room.metrics`)."""
        return (
            *(Sample("hallpass_dns_answers_total", count, (one,)) for one, count in sorted(self._answers.items())),
            Sample("hallpass_log_waiting_batches", len(self._pending)),
            Sample("hallpass_log_write_failures_total", self._write_failures),
            Sample("hallpass_log_deleted_rows_total", self._log_writer.deleted_when_full),
        )

    async def serve_worker(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one worker's batches until it goes."""
        frames = FrameReader()
        self._workers += 1
        try:
            while data := await reader.read(65536):
                for body in frames.feed(data):
                    self._receive_batch(decode_batch(body), writer)
        except (FrameTooLong, *DECODING_FAILED, ConnectionError) as problem:
            log.warning("a worker's connection was closed: %s", problem)
        finally:
            self._workers -= 1
            self._overflowing.discard(writer)
            writer.close()

    async def store_pending(self) -> None:
        """Store what is pending, and confirm it."""
        async with self._store_lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            pending, durable = self._pending, self._has_blocks_pending
            if not pending:
                if self.problem:
                    await self.run_maintenance()
                return
            self._pending, self._has_blocks_pending = [], False
            try:
                batches = [batch for batch, _ in pending]
                await self.run_on_disk_thread(
                    partial(self._log_writer.write_batches, batches, self._now(), durable=durable)
                )
            except WRITE_ERRORS as problem:
                self._pending = pending + self._pending
                self._has_blocks_pending = self._has_blocks_pending or durable
                await self._handle_write_error(problem)
                return
            self._handle_write_success()
            for batch, writer in pending:
                if not writer.is_closing():
                    writer.write(encode_frame(BatchAck(batch.worker, batch.sequence)))
            self._call_again_who_overflowed()

    async def run_maintenance(self) -> None:
        """Do what is due by time."""
        try:
            await self.run_on_disk_thread(partial(self._log_writer.run_maintenance, self._now()))
        except WRITE_ERRORS as problem:
            await self._handle_write_error(problem)
        else:
            if not self._pending:
                self._handle_write_success()

    async def send_incidents(self) -> None:
        """Keep the incidents that were found, and give the agent those that it has not got."""
        monitor, log_writer = self._monitor, self._log_writer
        if monitor is None or self.problem:
            return
        if not await self.keep_incidents(monitor) or not self._may_have_unsent_incidents:
            return
        self._may_have_unsent_incidents = False  # whoever keeps one meanwhile says that there is one
        try:
            unsent = await self.run_on_disk_thread(partial(log_writer.read_unsent_incidents, self._now()))
            self._may_have_unsent_incidents = self._may_have_unsent_incidents or bool(unsent)
            for incident in unsent:
                # The agent may be slow: it is not the disk's thread that waits for it.
                if not await asyncio.to_thread(monitor.send_incident, incident):
                    return
                await self.run_on_disk_thread(partial(log_writer.mark_incident_sent, incident.id, self._now()))
        except WRITE_ERRORS as problem:
            self._may_have_unsent_incidents = True
            await self._handle_write_error(problem)

    async def keep_incidents(self, monitor: IncidentMonitor) -> bool:
        """Write down what was found; where that fails it waits for the next time."""
        found = monitor.take_incidents()
        try:
            if found:
                self._may_have_unsent_incidents = True
                await self.run_on_disk_thread(partial(self._log_writer.write_incidents, found, self._now()))
        except WRITE_ERRORS as problem:
            monitor.put_back_incidents(found)
            await self._handle_write_error(problem)
            return False
        return True

    async def handle_log_request(self, request: control.ControlRequest) -> control.ControlResponse:
        """Do what is asked of the log's one writer, once what is pending is stored."""
        if self.is_stalled:
            return control.ControlResponse(error="the query log cannot be written: the disk does not answer")
        await self.store_pending()
        try:
            return await self.run_on_disk_thread(
                partial(self._log_writer.handle_control_request, request, self._now())
            )
        except WRITE_ERRORS as problem:
            return control.ControlResponse(error=f"the query log cannot be written: {problem}")

    async def drain_workers(self, seconds: float) -> None:
        """Store what comes at once until every worker has gone, for so many seconds at most."""
        ends = self._loop.time() + seconds
        while self._workers and not self.problem and self._loop.time() < ends:
            await self.store_pending()
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Store what is pending and close the log."""
        await self.store_pending()
        if self._timer is not None:
            self._timer.cancel()
        with contextlib.suppress(*WRITE_ERRORS):
            await self.run_on_disk_thread(partial(self._log_writer.close, self._now()))
        self._disk.close()

    def _receive_batch(self, batch: RecordBatch, writer: asyncio.StreamWriter) -> None:
        now = self._now()
        self._received_at = self._loop.time()
        self._show_once(batch, now)
        if writer in self._overflowing or len(self._pending) >= MAX_PENDING_BATCHES:
            # Its worker keeps it, and sends it again on its next connection. What comes after it on this one is
            # not taken either: it would be stored first, and this one would then count as known.
            if not self._overflowing:
                log.warning("%d batches wait already: what comes now waits with the workers", len(self._pending))
            self._overflowing.add(writer)
            return
        self._pending.append((batch, writer))
        blocked = any(record.verdict == "refused" for record in batch.records)
        second = min((int(now), *(record.second for record in batch.records)))
        self._has_blocks_pending = self._has_blocks_pending or blocked
        self._store_within(BLOCK_COMMIT_SECONDS if blocked else commit_delay(second, now, self._commit_seconds))

    def _show_once(self, batch: RecordBatch, now: float) -> None:
        """Show, count and judge a batch that comes for the first time: it may come again on another connection."""
        if batch.sequence <= self._seen.get(batch.worker, 0):
            return
        self._seen[batch.worker] = batch.sequence
        self._seen.move_to_end(batch.worker)
        if len(self._seen) > MAX_KNOWN_WORKERS:
            self._seen.popitem(last=False)
        for record in batch.records:
            self._answers[record.verdict] += record.count
            if record.verdict in BLOCKED_VERDICTS:
                if record.verdict == "refused" and record.step not in STEPS.quiet_values:
                    self._lamp.flash_for_block(record.device)
                self._live_feed.send_record(record)
        if self._monitor is not None:
            self._monitor.observe_batch(batch, now)

    def _call_again_who_overflowed(self) -> None:
        """Part from workers of whom something was not taken: they come again at once, with all that they keep."""
        for writer in self._overflowing:
            writer.close()
        self._overflowing.clear()

    def _store_within(self, seconds: float) -> None:
        if self.problem:
            return  # the retry that is under way takes everything along
        due = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._start_storing)

    def _start_storing(self) -> None:
        self._timer = None
        task = self._loop.create_task(self.store_pending())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle_write_error(self, problem: Exception) -> None:
        self._write_failures += 1
        if not self.problem:
            log.error("the query log cannot be written (%s); records wait in memory", problem)
        self.problem = str(problem) or type(problem).__name__
        await self.run_on_disk_thread(self._log_writer.close_without_writing)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(RETRY_SECONDS, self._start_storing)

    def _handle_write_success(self) -> None:
        if self.problem:
            log.warning("the query log can be written again")
            self.problem = ""

    async def run_on_disk_thread(self, work: Callable[[], T]) -> T:
        """Do something where the log is written, after what is under way there."""
        return await self._disk.run(work)

    def find_disk_problem(self) -> str:
        """Return why the log cannot be written, or "". Called about once a second; waits for nothing."""
        self._disk.look(self._loop.time())
        seconds = self._disk.waiting_seconds
        was_stalled, self.is_stalled = self.is_stalled, seconds >= STALLED_SECONDS
        if self.is_stalled and not was_stalled:
            log.error("the disk has not answered for %d seconds; records wait in memory", seconds)
        elif was_stalled and not self.is_stalled:
            log.warning("the disk answers again")
        if self.is_stalled:
            return f"the disk has not answered for {int(seconds)} seconds"
        return self.problem
