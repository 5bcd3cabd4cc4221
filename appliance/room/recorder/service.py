"""The recorder's process: takes batches from workers, lights the lamp, commits, confirms, tells the followers.

The order for a batch: the lamp and the live feed first (a person is waiting), then the database. What is pending
is committed `commit_seconds` after it came, or `REFUSAL_SECONDS` where a refusal is among it. Workers are told
after the commit. If the database cannot be written, batches stay unconfirmed: they wait here, up to
`WAITING_BATCHES`, and with their workers beyond that; the room says DISK_TROUBLE, and DNS notices nothing.
"""

import asyncio
import contextlib
import logging
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from appliance.room import health
from appliance.room.health import Condition, ProcessHealth
from appliance.room.paths import RoomPaths
from appliance.room.recorder.live import LiveFeed
from appliance.room.recorder.signal_light import SignalLight
from appliance.room.recorder.store import LogStore
from appliance.room.recorder.tokens import Tokens
from appliance.settings.room import RoomSettings
from dns.records import Batch, FrameReader, FrameTooLong, Stored, batch_decoder, frame
from hardware import lamp

REFUSAL_SECONDS = 0.2
WAITING_BATCHES = 1000
RETRY_SECONDS = 5.0
_LOOK_SECONDS = 1.0

log = logging.getLogger("hallpass.recorder")


class _NoRoom(Exception):
    """More batches wait than this process may hold."""


class Recorder:
    """The pending batches and what becomes of them."""

    def __init__(
        self,
        path: Path,
        tokens: Tokens,
        live: LiveFeed,
        light: SignalLight,
        *,
        commit_seconds: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._tokens = tokens
        self._live = live
        self._light = light
        self._commit_seconds = commit_seconds
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._store: LogStore | None = None
        self._pending: list[tuple[Batch, asyncio.StreamWriter]] = []
        self._timer: asyncio.TimerHandle | None = None
        self.trouble = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one worker's batches until it goes."""
        frames = FrameReader()
        try:
            while data := await reader.read(65536):
                for body in frames.feed(data):
                    self._take(batch_decoder.decode(body), writer)
        except (FrameTooLong, msgspec.DecodeError, ConnectionError, _NoRoom) as problem:
            log.warning("a worker's connection was closed: %s", problem)
        finally:
            writer.close()

    def commit(self) -> None:
        """Write what is pending, and confirm it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._pending:
            return
        try:
            if self._store is None:
                self._store = LogStore(self._path, self._tokens)
            self._store.write([batch for batch, _ in self._pending], self._now())
        except (sqlite3.Error, OSError) as problem:
            self._hold_back(problem)
            return
        if self.trouble:
            log.warning("the query log can be written again")
            self.trouble = ""
        for batch, writer in self._pending:
            if not writer.is_closing():
                writer.write(frame(Stored(batch.worker, batch.sequence)))
        self._pending.clear()

    def close(self) -> None:
        """Commit what is pending and close the log."""
        self.commit()
        if self._store is not None:
            with contextlib.suppress(sqlite3.Error):
                self._store.close()

    def _take(self, batch: Batch, writer: asyncio.StreamWriter) -> None:
        refused = False
        for record in batch.records:
            if record.verdict in ("refused", "rewritten"):
                self._live.tell(record)
                refused = refused or record.verdict == "refused"
        if refused:
            self._light.refused()
        if len(self._pending) >= WAITING_BATCHES:
            # The worker keeps it and sends it again on its next connection. Going on with this connection would
            # store later batches first, and this one would then count as known.
            raise _NoRoom(f"{WAITING_BATCHES} batches wait already")
        self._pending.append((batch, writer))
        self._commit_within(REFUSAL_SECONDS if refused else self._commit_seconds)

    def _commit_within(self, seconds: float) -> None:
        if self.trouble:
            return  # the retry that is under way takes everything along
        due = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self.commit)

    def _hold_back(self, problem: Exception) -> None:
        if not self.trouble:
            log.error("the query log cannot be written (%s); records wait in memory", problem)
        self.trouble = str(problem)
        if self._store is not None:
            with contextlib.suppress(sqlite3.Error):
                self._store.close()
            self._store = None
        self._timer = self._loop.call_later(RETRY_SECONDS, self.commit)


async def run(settings: RoomSettings, *, now: Callable[[], float] = time.time) -> None:
    """Be the recorder until SIGTERM or SIGINT. Raises HardwareError or OSError where it cannot begin."""
    paths = RoomPaths.of(settings)
    paths.data.mkdir(parents=True, exist_ok=True)
    paths.sockets.mkdir(mode=0o770, parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    tokens = Tokens.of_room(paths.data)
    light = SignalLight(lamp.make(settings.led.driver, settings.led.pin, paths.lamp), loop)
    live = LiveFeed(tokens)
    recorder = Recorder(paths.log, tokens, live, light, commit_seconds=settings.log.commit_seconds, now=now)
    await live.start(paths.live_socket)
    paths.recorder_socket.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(recorder.serve, paths.recorder_socket)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    look = asyncio.create_task(_look_after_the_room(paths, recorder, light, now))
    try:
        await stop.wait()
    finally:
        look.cancel()
        server.close()
        recorder.close()
        live.close()
        light.close()


async def _look_after_the_room(
    paths: RoomPaths, recorder: Recorder, light: SignalLight, now: Callable[[], float]
) -> None:
    said_at = 0.0
    while True:
        if now() - said_at >= health.RENEW_SECONDS:
            said_at = now()
            conditions = (Condition.DISK_TROUBLE,) if recorder.trouble else ()
            details = {"log": recorder.trouble} if recorder.trouble else {}
            health.report(
                paths.health,
                ProcessHealth(process="recorder", time=said_at, conditions=conditions, details=details),
            )
        light.trouble(health.most_urgent(health.read(paths.health, now())))
        await asyncio.sleep(_LOOK_SECONDS)
