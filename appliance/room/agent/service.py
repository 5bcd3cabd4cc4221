"""The agent's process: follows central, answers the pages, says how it is."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING

from appliance.ipc_server import start_room_server
from appliance.room import health, index_age
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_connection import CentralConnection
from appliance.room.agent.central_sync import CentralSync
from appliance.room.agent.certificate_monitor import CertificateMonitor
from appliance.room.agent.counts_report import CountsReport
from appliance.room.agent.device_lookups import answer_lookup
from appliance.room.agent.ended_unblocks import EndedUnblocks
from appliance.room.agent.link_chain import LinkChain, read_board_serial
from appliance.room.agent.metrics import AgentMetrics
from appliance.room.agent.pinned_connection import INTERCEPTED_WORDS
from appliance.room.agent.policy_backup import PolicyBackup
from appliance.room.agent.reconciler import Reconciler
from appliance.room.agent.room_decisions import RoomDecisions
from appliance.room.agent.rpc import LINE_BYTES
from appliance.room.agent.rpc_server import RpcServer
from appliance.room.agent.sign_in import AgentSignIn
from appliance.room.agent.store import AgentStore
from appliance.room.agent.thread_pool import run_in_turn
from appliance.room.conditions import Condition
from appliance.room.current_policy import CurrentPolicy
from appliance.room.database_file import recently_set_aside
from appliance.room.health import ProcessHealth
from appliance.room.metrics import render_room
from appliance.room.paths import RoomPaths
from appliance.room.query_log.counts import CountsReader
from appliance.room.sign_in_offer import are_passwords_clear
from appliance.sd_notify import sd_notify, send_keepalives
from appliance.settings.room import RoomSettings
from dns.coalesced_timers import sleep_coalesced, timeout_coalesced

if TYPE_CHECKING:
    from appliance.metrics.server import MetricsServer

log = logging.getLogger("hallpass.agent")

UNREACHABLE_SECONDS = 60.0  # central may be away so long before the room says so


async def run_agent(settings: RoomSettings, *, now: Callable[[], float] = time.time) -> None:
    """Be the agent until SIGTERM or SIGINT. Raises HallpassError or OSError where it cannot begin."""
    paths = RoomPaths.from_settings(settings)
    paths.sockets.mkdir(mode=0o770, parents=True, exist_ok=True)
    store = AgentStore(paths.agent_store)
    chain = LinkChain(store, read_board_serial())
    client = _create_client(settings, paths, chain)
    sync = _create_sync(settings, client, store, paths, now)
    decisions = RoomDecisions(paths, CurrentPolicy(settings), store)
    rpc_server = RpcServer(
        store, client, sync, decisions=decisions, sign_in=AgentSignIn(store, paths.account_states)
    )
    server = await start_room_server(rpc_server.serve_connection, paths.agent_socket, line_bytes=LINE_BYTES)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ended_unblocks = EndedUnblocks(paths, store)
    backup = PolicyBackup(paths, store, settings.central.url) if settings.central is not None else None
    reconciler = Reconciler(paths, store, ended_unblocks, backup)
    reconciler.reconcile()
    certificates = CertificateMonitor(settings)
    figures = AgentMetrics(settings, paths, store, sync)
    metrics = _start_metrics(settings, partial(render_room, paths, now))
    write_health = partial(_write_health, settings, paths, sync, certificates, figures=figures)
    tasks = [
        asyncio.create_task(_write_health_regularly(write_health, sync, now)),
        asyncio.create_task(certificates.check_regularly()),
        asyncio.create_task(reconciler.reconcile_regularly()),
    ]
    watchdog = asyncio.create_task(send_keepalives())
    if sync is not None:
        tasks += [asyncio.create_task(work) for work in sync.tasks()]
    if sync is not None and client is not None:
        reader = CountsReader.for_counting(settings)
        counts = CountsReport(client, sync.state, store, reader.read_counts, now)
        tasks.append(asyncio.create_task(counts.report_regularly()))
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
        if metrics is not None:
            metrics.stop()
        for task in (ended, watchdog, *tasks):
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        if client is not None:
            await client.connection.close()
        store.close()


def _start_metrics(settings: RoomSettings, render: Callable[[], bytes]) -> "MetricsServer | None":
    if settings.metrics is None:
        return None
    from appliance.metrics.server import MetricsServer  # noqa: PLC0415 (an HTTP server, where somebody reads figures)

    server = MetricsServer(settings.metrics, render)
    server.start()
    return server


def _create_client(settings: RoomSettings, paths: RoomPaths, chain: LinkChain) -> CentralClient | None:
    if settings.central is None:
        return None
    return CentralClient(CentralConnection(settings.central, links=chain, identity_folder=paths.identity))


def _create_sync(
    settings: RoomSettings,
    client: CentralClient | None,
    store: AgentStore,
    paths: RoomPaths,
    now: Callable[[], float],
) -> CentralSync | None:
    if client is None or settings.central is None:
        return None
    spread = settings.central.index_spread_seconds
    return CentralSync(
        client, store, paths, metadata.version("hallpass"), now, index_spread_seconds=spread,
        mirrors=tuple(map(str, settings.lists.mirrors)), answer_lookup=partial(answer_lookup, settings),
    )  # fmt: skip


async def _write_health_regularly(
    write_health: Callable[[float], None], sync: CentralSync | None, now: Callable[[], float]
) -> None:
    while True:
        await run_in_turn(write_health, now())
        await _wait_for_change(sync)


def _write_health(
    settings: RoomSettings,
    paths: RoomPaths,
    sync: CentralSync | None,
    certificates: CertificateMonitor,
    now: float,
    *,
    figures: AgentMetrics | None = None,
) -> None:
    _note_confirmed_index(paths, sync, now)
    ends, unusable = certificates.problem(now), certificates.pages_problem(now)
    conditions = (
        *(sync_conditions(sync, now) if sync is not None else ()),
        *((Condition.CERTIFICATE_ENDS,) if ends else ()),
        *((Condition.PAGES_CERTIFICATE,) if unusable else ()),
        *((Condition.PASSWORDS_CLEAR,) if are_passwords_clear(settings) else ()),
        *_index_conditions(settings, paths, now),
    )
    said = ((Condition.CERTIFICATE_ENDS, ends), (Condition.PAGES_CERTIFICATE, unusable))
    details = {condition.value: words for condition, words in said if words}
    if sync is not None and sync.state.is_token_rejected:
        condition = Condition.COPY_STOPPED if sync.state.is_copy else Condition.NO_LONGER_ENROLLED
        details[condition.value] = f"Central says: {sync.state.rejection}."
    if sync is not None and sync.is_intercepted():
        details[Condition.CONNECTION_OPENED.value] = INTERCEPTED_WORDS
    if sync is not None and sync.index.refusal:
        conditions = (*conditions, Condition.LISTS_NOT_TRUSTED)
        details[Condition.LISTS_NOT_TRUSTED.value] = sync.index.refusal
    if set_aside := recently_set_aside((paths.data, paths.sessions.parent), now):
        conditions = (*conditions, Condition.STORE_SET_ASIDE)
        details[Condition.STORE_SET_ASIDE.value] = ", ".join(set_aside)
    health.write_health(
        paths.health_folder,
        ProcessHealth(
            process="agent",
            time=now,
            conditions=conditions,
            details=details,
            samples=figures.collect_samples(now) if figures is not None else (),
        ),
    )


async def _wait_for_change(sync: CentralSync | None) -> None:
    """Wait until health is to be written again: what is said of the token is on the pages at once."""
    if sync is None:
        await sleep_coalesced(health.RENEW_SECONDS)
        return
    sync.state.changed.clear()
    with contextlib.suppress(TimeoutError):
        async with timeout_coalesced(health.RENEW_SECONDS):
            await sync.state.changed.wait()


def sync_conditions(sync: CentralSync, now: float) -> Iterator[Condition]:
    """Yield what a person should know of the room's way to central."""
    if sync.state.is_copy:
        yield Condition.COPY_STOPPED
    elif sync.state.is_token_rejected:
        yield Condition.NO_LONGER_ENROLLED
    elif sync.is_intercepted():
        yield Condition.CONNECTION_OPENED
    elif not sync.is_reachable and now - sync.state.unreachable_since > UNREACHABLE_SECONDS:
        yield Condition.CENTRAL_UNREACHABLE
    if sync.do_clocks_differ():
        yield Condition.CLOCK_DIFFERS


def _note_confirmed_index(paths: RoomPaths, sync: CentralSync | None, now: float) -> None:
    version = sync.confirmed_index() if sync is not None else ""
    if not version:
        return
    try:
        index_age.note_confirmed_index(paths, version, now)
    except OSError as problem:
        log.warning("that central names the lists in use cannot be noted: %s", problem)


def _index_conditions(settings: RoomSettings, paths: RoomPaths, now: float) -> Iterator[Condition]:
    age = index_age.read_index_age(settings, paths, now)
    if age is not None and age > index_age.STALE_SECONDS:
        yield Condition.LISTS_STALE
