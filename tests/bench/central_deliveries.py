"""What the benchmark of central lets rooms hand in and fetch: requests, a long outbox, a new index."""

import argparse
import asyncio
import contextlib
import os
import random
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import msgspec

from appliance.protocol import RequestState, RoomAction
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_connection import CentralConnection
from appliance.room.agent.central_sync import CentralSync
from appliance.room.agent.store import AgentStore
from appliance.room.paths import RoomPaths
from appliance.settings.room import CentralLink
from tests.bench.central_service import HOST, Central, approve_one, ask, percentile, report, running
from tests.bench.simulated_rooms import Interrupted, SimulatedRoom

_AWAY = (OSError, Interrupted, asyncio.IncompleteReadError, TimeoutError)
REQUESTS_A_MINUTE = 200
KILLS = 10
MESSAGES = 10_000
INDEX_BYTES = 31 * 1024 * 1024
ROOM_BYTES_PER_SECOND = 20e6 / 8


async def many_requests(central: Central, options: argparse.Namespace) -> None:
    """200 requests a minute, central killed ten times: none lost, none doubled."""
    await asyncio.to_thread(central.start)
    seconds = options.minutes * 60
    tries = Counter[str]()
    kills = [seconds / (KILLS + 1) * number for number in range(1, KILLS + 1)]

    async def one_request(room: SimulatedRoom) -> None:
        request = ask(f"{uuid4().hex[:12]}.example.org")
        while True:
            tries[request.id] += 1
            try:
                async with asyncio.timeout(20):
                    await room.put(f"requests/{request.id}", request)
            except _AWAY:
                await asyncio.sleep(0.5)
            else:
                return

    async with asyncio.TaskGroup() as group:
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            group.create_task(one_request(random.choice(central.rooms)))
            await asyncio.sleep(60 / REQUESTS_A_MINUTE)
            if kills and time.monotonic() - begun >= kills[0]:
                kills.pop(0)
                await asyncio.to_thread(central.kill)
                group.create_task(asyncio.to_thread(central.start))
    answers = [msgspec.json.decode(await room.call("GET /api/v1/requests")) for room in central.rooms]
    found = Counter[str](one["request"]["id"] for answer in answers for one in answer)
    report("requests", len(tries), "")
    report("sent more than once", sum(count > 1 for count in tries.values()), "")
    report("kills", KILLS - len(kills), "10")
    report("lost", len(tries.keys() - found.keys()), "0")
    report("doubled", sum(count > 1 for count in found.values()), "0")
    await asyncio.to_thread(central.stop)


async def long_outbox(central: Central, options: argparse.Namespace) -> None:
    """An outbox of 10,000 messages: <= 20 s, a new request behind it <= 1 s."""
    async with running(central):
        with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
            await _deliver(central, Path(folder))


async def _deliver(central: Central, folder: Path) -> None:
    room = central.rooms[0]
    (folder / "token").write_text(room.token)
    store = AgentStore(folder / "state.db")
    _fill(store)
    url = f"https://{HOST}:{central.rooms_port}"
    link = CentralLink(url=url, token_file=folder / "token", certificate=central.authority)
    client = CentralClient(CentralConnection(link))
    sync = CentralSync(client, store, RoomPaths(data=folder, sockets=folder), "0.0.0")
    tasks = [asyncio.create_task(task) for task in sync.tasks()]
    try:
        begun, cpu = time.monotonic(), central.cpu()
        while store.count_pending() > MESSAGES * 0.9:
            await asyncio.sleep(0.01)
        request = ask("maps.example.org")
        asked = time.monotonic()
        store.save_and_post_request(RequestState(request=request, state="waiting"))
        sync.notify_outbox()
        while store.pending_request_ids():
            await asyncio.sleep(0.005)
        report("a new request, s", round(time.monotonic() - asked, 3), "<= 1")
        report("  messages still behind it", store.count_pending(), "")
        while store.count_pending():
            await asyncio.sleep(0.02)
        report("the outbox is empty, s", round(time.monotonic() - begun, 1), "<= 20")
        report("  central's CPU a message, ms", round((central.cpu() - cpu) / MESSAGES * 1000, 2), "")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.connection.close()
        store.close()


def _fill(store: AgentStore) -> None:
    now = datetime.now(UTC)
    with store._transaction():
        for _ in range(MESSAGES):
            action = RoomAction(id=uuid4().hex, who="teacher", what="lesson", happened_at=now)
            store._insert_message("action", action.id, msgspec.json.encode(action))


async def new_index(central: Central, options: argparse.Namespace) -> None:
    """30 rooms fetch a new 31 MB index at 20 Mbit/s each: an approval meanwhile still <= 1 s in the last room."""
    name = central.publish_index(os.urandom(INDEX_BYTES))
    async with running(central) as coordinator:
        looking = asyncio.create_task(coordinator.keep_looking())
        begun = time.monotonic()
        fetching = [asyncio.create_task(_fetch(room, name)) for room in central.rooms]
        spent: list[float] = []
        while not all(task.done() for task in fetching):
            spent.append(await approve_one(central, coordinator, "school"))
            await asyncio.sleep(1)
        later = sum(task.result() for task in fetching)
        looking.cancel()
        report("all have the index, s", round(time.monotonic() - begun, 1), "")
        report("told to come later", later, "")
        report("approvals meanwhile", len(spent), "")
        report("last room, s: median", round(percentile(spent, 50), 3), "")
        report("last room, s: longest", round(max(spent), 3), "<= 1")
        report("page, s: longest", round(max(coordinator.page_seconds), 3), "")
        report("feeds cut", sum(room.cuts for room in central.rooms), "0")


async def _fetch(room: SimulatedRoom, name: str) -> int:
    """Fetch an index as fast as the room's line allows; return how often central said to come later."""
    later = 0
    while True:
        with contextlib.suppress(Interrupted):
            size = await room.download(f"index/{name}", ROOM_BYTES_PER_SECOND)
            if size != INDEX_BYTES:
                raise ValueError(f"{room.name} got {size} bytes")
            return later
        later += 1
        await asyncio.sleep(random.uniform(5, 30))  # as central says in `Retry-After`
