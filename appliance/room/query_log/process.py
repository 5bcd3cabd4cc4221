"""Puts the recorder together from a room's settings, and runs it until it is told to stop.

A lamp or a button that cannot be used is said and gone without: the log comes first.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from appliance.room import clock, health
from appliance.room.health import Condition, ProcessHealth
from appliance.room.incidents.monitor import Watch
from appliance.room.lamp.button import RoomButton, shut_down
from appliance.room.lamp.controller import SignalLight
from appliance.room.paths import RoomPaths, open_to_the_room
from appliance.room.query_log import log_key
from appliance.room.query_log.cpu_scheduling import give_way
from appliance.room.query_log.live_feed import LiveFeed
from appliance.room.query_log.pseudonyms import Tokens
from appliance.room.query_log.service import Recorder
from appliance.room.query_log.writer import Ledger
from appliance.sd_notify import feed_watchdog, notify
from appliance.settings.room import RoomSettings
from hardware import lamp
from hardware.button import GpioButton
from hardware.errors import HardwareError

HAND_OVER_SECONDS = 3.0
FINISH_SECONDS = 2.5  # a room is stopped as a whole: its workers hand over what they counted last
_LOOK_SECONDS = 1.0

log = logging.getLogger("hallpass.recorder")


async def run(settings: RoomSettings, *, now: Callable[[], float] = time.time) -> None:
    """Be the recorder until SIGTERM or SIGINT. Raises OSError where it cannot begin."""
    paths = RoomPaths.of(settings)
    paths.data.mkdir(parents=True, exist_ok=True)
    paths.sockets.mkdir(mode=0o770, parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    tokens = Tokens.of_room(paths.data)
    light = SignalLight(_lamp(settings, paths), loop)
    live = LiveFeed(tokens)
    source = log_key.of_room(settings.log, paths)
    ledger = Ledger(paths.log, paths.log_spool, settings.log, tokens, source, clock_trusted=clock.is_trusted)
    watch = Watch(settings, paths, tokens)
    recorder = Recorder(ledger, live, light, watch, commit_seconds=settings.log.commit_seconds, now=now)
    button = _button(settings, paths, light, watch, now)
    await live.start(paths.live_socket)
    servers = [
        await _serve(recorder.serve, paths.recorder_socket),
        await _serve(recorder.answer, paths.log_socket),
    ]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [
        asyncio.create_task(_look_after_the_room(paths, recorder, light, now)),
        asyncio.create_task(_hand_over_incidents(recorder)),
        asyncio.create_task(feed_watchdog()),
        asyncio.create_task(give_way()),
    ]
    notify("READY=1")
    try:
        await stop.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await recorder.let_workers_finish(FINISH_SECONDS)
        for server in servers:
            server.close()
        await recorder.close()
        live.close()
        light.close()
        if button is not None:
            button.close()


def _lamp(settings: RoomSettings, paths: RoomPaths) -> lamp.Lamp:
    # An earlier run may have gone without its pin: by this file the doctor knows that this one does, too.
    paths.lamp.unlink(missing_ok=True)
    try:
        return lamp.make_lamp(settings.led.driver, settings.led.pin, paths.lamp)
    except HardwareError as problem:
        log.warning("%s; the room goes on without a lamp", problem)
        return lamp.SimulatedLamp(paths.lamp)


def _button(
    settings: RoomSettings, paths: RoomPaths, light: SignalLight, watch: Watch, now: Callable[[], float]
) -> GpioButton | None:
    if settings.button.pin is None:
        return None

    def minutes() -> int:
        watch.look(now())
        return watch.button_pause_minutes

    pressed = RoomButton(light, paths.pause, minutes, now=now, shut_down=partial(shut_down, paths.power_off))
    try:
        return GpioButton(settings.button.pin, pressed.down, pressed.up)
    except HardwareError as problem:
        log.warning("%s; the room goes on without a button", problem)
        return None


async def _serve(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], path: Path
) -> asyncio.Server:
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(answer, path)
    open_to_the_room(path)
    return server


async def _hand_over_incidents(recorder: Recorder) -> None:
    while True:
        await asyncio.sleep(HAND_OVER_SECONDS)
        await recorder.hand_over_incidents()


async def _look_after_the_room(
    paths: RoomPaths, recorder: Recorder, light: SignalLight, now: Callable[[], float]
) -> None:
    said_at = 0.0
    while True:
        if not recorder.trouble:
            await recorder.tend()
        if abs(now() - said_at) >= health.RENEW_SECONDS:
            said_at = now()
            conditions = (Condition.DISK_TROUBLE,) if recorder.trouble else ()
            details = {"log": recorder.trouble} if recorder.trouble else {}
            health.report(
                paths.health,
                ProcessHealth(process="recorder", time=said_at, conditions=conditions, details=details),
            )
        light.trouble(health.most_urgent(health.read(paths.health, now())))
        await asyncio.sleep(_LOOK_SECONDS)
