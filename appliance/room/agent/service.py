"""The agent's process: follows central, answers the pages, says how it is."""

import asyncio
import contextlib
import logging
import signal
import sqlite3
import time
from importlib import metadata

from appliance.room import health
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_sync import Follower
from appliance.room.agent.ended_unblocks import Closings
from appliance.room.agent.room_decisions import Deciding
from appliance.room.agent.rpc import LINE_BYTES
from appliance.room.agent.rpc_server import Answers
from appliance.room.agent.store import Memory
from appliance.room.current_policy import PolicyInUse
from appliance.room.health import Condition, ProcessHealth
from appliance.room.paths import RoomPaths, open_to_the_room
from appliance.sd_notify import feed_watchdog, notify
from appliance.settings.room import RoomSettings

log = logging.getLogger("hallpass.agent")

RENEW_SECONDS = 2.0
AWAY_SECONDS = 60.0  # central may be away so long before the room says so


async def run(settings: RoomSettings) -> None:
    """Be the agent until SIGTERM or SIGINT. Raises HallpassError or OSError where it cannot begin."""
    paths = RoomPaths.of(settings)
    paths.sockets.mkdir(mode=0o770, parents=True, exist_ok=True)
    memory = Memory(paths.state)
    client = CentralClient(settings.central) if settings.central else None
    follower = Follower(client, memory, paths, metadata.version("hallpass")) if client else None
    paths.agent_socket.unlink(missing_ok=True)
    deciding = Deciding(paths, PolicyInUse(settings), memory)
    answers = Answers(memory, client, follower, deciding=deciding)
    server = await asyncio.start_unix_server(answers.serve, paths.agent_socket, limit=LINE_BYTES)
    open_to_the_room(paths.agent_socket)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    closings = Closings(paths, memory)
    _renew(closings)
    tasks = [asyncio.create_task(_say_how_it_is(paths, follower)), asyncio.create_task(_keep_closed(closings))]
    watchdog = asyncio.create_task(feed_watchdog())
    if follower is not None:
        work = (follower.follow, follower.apply, follower.deliver, follower.tell_health)
        tasks += [asyncio.create_task(one()) for one in work]
    ended = asyncio.create_task(stop.wait())
    notify("READY=1")
    try:
        # A task that ends is a fault of ours: it is raised here, the process ends, and its manager starts it anew.
        done, _ = await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (ended, watchdog, *tasks):
            task.cancel()
        server.close()
        for task in (ended, watchdog, *tasks):
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        if client is not None:
            await client.close()
        memory.close()


async def _say_how_it_is(paths: RoomPaths, follower: Follower | None) -> None:
    while True:
        now = time.time()
        away = follower is not None and not follower.reachable and now - follower.away_since > AWAY_SECONDS
        conditions = (Condition.CENTRAL_UNREACHABLE,) if away else ()
        health.report(paths.health, ProcessHealth(process="agent", time=now, conditions=conditions))
        await asyncio.sleep(health.RENEW_SECONDS)


async def _keep_closed(closings: Closings) -> None:
    """See to it, for ever, that what was ended is closed, whatever becomes of the files that say so."""
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        _renew(closings)


def _renew(closings: Closings) -> None:
    try:
        closings.renew()
    except (OSError, sqlite3.Error) as problem:
        log.warning("what was ended in this room cannot be written: %s", problem)
