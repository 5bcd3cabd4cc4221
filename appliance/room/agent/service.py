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
from appliance.room.agent.central_sync import CentralSync
from appliance.room.agent.ended_unblocks import EndedUnblocks
from appliance.room.agent.room_decisions import RoomDecisions
from appliance.room.agent.rpc import LINE_BYTES
from appliance.room.agent.rpc_server import RpcServer
from appliance.room.agent.sign_in import AgentSignIn
from appliance.room.agent.store import AgentStore
from appliance.room.current_policy import CurrentPolicy
from appliance.room.health import Condition, ProcessHealth
from appliance.room.paths import RoomPaths, allow_room_group
from appliance.sd_notify import sd_notify, send_keepalives
from appliance.settings.room import RoomSettings

log = logging.getLogger("hallpass.agent")

RECONCILE_SECONDS = 2.0
UNREACHABLE_SECONDS = 60.0  # central may be away so long before the room says so


async def run_agent(settings: RoomSettings) -> None:
    """Be the agent until SIGTERM or SIGINT. Raises HallpassError or OSError where it cannot begin."""
    paths = RoomPaths.from_settings(settings)
    paths.sockets.mkdir(mode=0o770, parents=True, exist_ok=True)
    store = AgentStore(paths.agent_store)
    client = CentralClient(settings.central) if settings.central else None
    sync = CentralSync(client, store, paths, metadata.version("hallpass")) if client else None
    paths.agent_socket.unlink(missing_ok=True)
    decisions = RoomDecisions(paths, CurrentPolicy(settings), store)
    rpc_server = RpcServer(
        store, client, sync, decisions=decisions, sign_in=AgentSignIn(store, paths.account_states)
    )
    server = await asyncio.start_unix_server(rpc_server.serve_connection, paths.agent_socket, limit=LINE_BYTES)
    allow_room_group(paths.agent_socket)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ended_unblocks = EndedUnblocks(paths, store)
    _reconcile(ended_unblocks)
    tasks = [
        asyncio.create_task(_write_health_regularly(paths, sync)),
        asyncio.create_task(_reconcile_regularly(ended_unblocks)),
    ]
    watchdog = asyncio.create_task(send_keepalives())
    if sync is not None:
        work = (sync.follow_feed, sync.apply_targets, sync.deliver_outbox, sync.send_health)
        tasks += [asyncio.create_task(run_forever()) for run_forever in work]
    ended = asyncio.create_task(stop.wait())
    sd_notify("READY=1")
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
        store.close()


async def _write_health_regularly(paths: RoomPaths, sync: CentralSync | None) -> None:
    while True:
        now = time.time()
        away = sync is not None and not sync.is_reachable and now - sync.unreachable_since > UNREACHABLE_SECONDS
        conditions = (Condition.CENTRAL_UNREACHABLE,) if away else ()
        health.write_health(paths.health_folder, ProcessHealth(process="agent", time=now, conditions=conditions))
        await asyncio.sleep(health.RENEW_SECONDS)


async def _reconcile_regularly(ended_unblocks: EndedUnblocks) -> None:
    """See to it, for ever, that what was ended is closed, whatever becomes of the files that say so."""
    while True:
        await asyncio.sleep(RECONCILE_SECONDS)
        _reconcile(ended_unblocks)


def _reconcile(ended_unblocks: EndedUnblocks) -> None:
    try:
        ended_unblocks.reconcile_stores()
    except (OSError, sqlite3.Error) as problem:
        log.warning("what was ended in this room cannot be written: %s", problem)
