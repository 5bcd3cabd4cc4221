"""Puts the recorder together from a room's settings, and runs it until it is told to stop.

A lamp or a button that cannot be used is said and gone without: the log comes first.
"""

import asyncio
import itertools
import logging
import signal
import time
from collections.abc import Callable
from functools import partial

from appliance.files import remove_whatever
from appliance.ipc_server import start_room_server
from appliance.metrics.samples import Sample
from appliance.room import blocked_tunnels, button_pause, clock, guarded_file, health
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth
from appliance.room.incidents.monitor import IncidentMonitor
from appliance.room.lamp.button import RoomButton, shut_down
from appliance.room.lamp.controller import LampController
from appliance.room.paths import RoomPaths
from appliance.room.query_log import control, log_key
from appliance.room.query_log.adaptive_scheduling import adapt_scheduling
from appliance.room.query_log.control_server import ControlServer
from appliance.room.query_log.live_feed import LiveFeed
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.service import QueryLogService
from appliance.room.query_log.writer import QueryLogWriter
from appliance.sd_notify import sd_notify, send_keepalives
from appliance.settings.room import RoomSettings
from dns.coalesced_timers import sleep_coalesced
from hardware import lamp
from hardware.button import GpioButton
from hardware.errors import HardwareError

SEND_INCIDENTS_SECONDS = 3.0
DRAIN_SECONDS = 2.5  # a room is stopped as a whole: its workers hand over what they counted last
_LOOK_SECONDS = 1.0  # how often the lamp follows what the room says of itself
_LOOKS_PER_MAINTENANCE = 2
_LOOKS_PER_REPAIR = 6

log = logging.getLogger("hallpass.recorder")


async def run_query_log(settings: RoomSettings, *, now: Callable[[], float] = time.time) -> None:
    """Be the recorder until SIGTERM or SIGINT. Raises OSError where it cannot begin."""
    paths = RoomPaths.from_settings(settings)
    paths.data.mkdir(parents=True, exist_ok=True)
    paths.sockets.mkdir(mode=0o770, parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    pseudonyms = Pseudonyms.load_or_create(paths.data)
    lamp_controller = LampController(_make_lamp(settings, paths), loop)
    live_feed = LiveFeed(pseudonyms)
    key_source = log_key.make_log_key_source(settings.log, paths)
    writer = QueryLogWriter(
        paths.query_log,
        paths.query_log_journal,
        settings.log,
        pseudonyms,
        key_source,
        clock_trusted=clock.is_clock_trusted,
    )
    monitor = IncidentMonitor(settings, paths, pseudonyms)
    service = QueryLogService(
        writer, live_feed, lamp_controller, monitor, commit_seconds=settings.log.commit_seconds, now=now
    )
    control_server = ControlServer(service, lamp_controller, monitor, now=now)
    button = _make_button(settings, paths, lamp_controller, monitor, now)
    # Before anybody can reach it: who is told to stop while it starts hands over what it has, too.
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await live_feed.start_server(paths.live_feed_socket)
    servers = [
        await start_room_server(service.serve_worker, paths.query_log_socket),
        await start_room_server(
            control_server.serve_client, paths.query_log_control_socket, line_bytes=control.LINE_BYTES
        ),
    ]
    samples = service.samples if settings.metrics is not None else None  # None: nobody reads figures
    tasks = [
        asyncio.create_task(_maintain_regularly(paths, service, now)),
        asyncio.create_task(_report_regularly(paths, service, lamp_controller, now, samples)),
        asyncio.create_task(_send_incidents_regularly(service)),
        asyncio.create_task(send_keepalives()),
        asyncio.create_task(adapt_scheduling(service.is_in_use)),
    ]
    sd_notify("READY=1")
    try:
        await stop.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await service.drain_workers(DRAIN_SECONDS)
        for server in servers:
            server.close()
        await service.close()
        live_feed.close()
        lamp_controller.close()
        if button is not None:
            button.close()


def _make_lamp(settings: RoomSettings, paths: RoomPaths) -> lamp.Lamp:
    # An earlier run may have gone without its pin: by this file the doctor knows that this one does, too.
    remove_whatever(paths.simulated_lamp)
    try:
        return lamp.make_lamp(settings.led.driver, settings.led.pin, paths.simulated_lamp)
    except HardwareError as problem:
        log.warning("%s; the room goes on without a lamp", problem)
        return lamp.SimulatedLamp(paths.simulated_lamp)


def _make_button(
    settings: RoomSettings,
    paths: RoomPaths,
    lamp_controller: LampController,
    monitor: IncidentMonitor,
    now: Callable[[], float],
) -> GpioButton | None:
    if settings.button.pin is None:
        return None

    def minutes() -> int:
        monitor.poll_policy(now())
        return monitor.button_pause_minutes

    room_button = RoomButton(
        lamp_controller,
        paths.button_pause,
        minutes,
        now=now,
        shut_down=partial(shut_down, paths.power_off_request),
    )
    try:
        return GpioButton(settings.button.pin, room_button.on_press, room_button.on_release)
    except HardwareError as problem:
        log.warning("%s; the room goes on without a button", problem)
        return None


async def _send_incidents_regularly(service: QueryLogService) -> None:
    while True:
        await sleep_coalesced(SEND_INCIDENTS_SECONDS)
        await service.send_incidents()


def _repair_files(paths: RoomPaths, now: float) -> None:
    """Repair what the recorder alone writes."""
    for path, is_usable in (
        (paths.button_pause, button_pause.is_pause),
        (paths.blocked_tunnels, blocked_tunnels.is_tunnels),
    ):
        try:
            guarded_file.repair_file(path, is_usable, now)
        except OSError as problem:
            log.warning("%s cannot be repaired: %s", path, problem)


async def _maintain_regularly(paths: RoomPaths, service: QueryLogService, now: Callable[[], float]) -> None:
    for look in itertools.count(step=_LOOKS_PER_MAINTENANCE):
        if not service.problem:
            await service.run_maintenance()
        if look % _LOOKS_PER_REPAIR == 0:
            await service.run_on_disk_thread(partial(_repair_files, paths, now()))
        await sleep_coalesced(_LOOK_SECONDS * _LOOKS_PER_MAINTENANCE)


async def _report_regularly(
    paths: RoomPaths,
    service: QueryLogService,
    lamp_controller: LampController,
    now: Callable[[], float],
    samples: Callable[[], tuple[Sample, ...]] | None,
) -> None:
    loop = asyncio.get_running_loop()
    reported_at, reported = 0.0, (-1, False)
    healths = health.HealthReader(paths.health_folder)
    while True:  # the disk may stay away: nothing here waits for it
        problem = service.find_disk_problem()
        turn = int(loop.time() // health.RENEW_SECONDS)  # the other processes renew theirs at the same moments
        if (turn, bool(problem)) != reported or abs(now() - reported_at) >= health.RENEW_SECONDS:
            reported_at, reported = now(), (turn, bool(problem))
            conditions = (Condition.DISK_TROUBLE,) if problem else ()
            details = {"log": problem} if problem else {}
            health.write_health(
                paths.health_folder,
                ProcessHealth(
                    process="recorder",
                    time=reported_at,
                    conditions=conditions,
                    details=details,
                    samples=samples() if samples is not None else (),
                ),
            )
        lamp_controller.show_condition(health.most_urgent_condition(healths.read(now())))
        await sleep_coalesced(_LOOK_SECONDS)
