"""An agent as it runs in a room, and the central that it follows."""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.room.agent import rpc
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_connection import CentralConnection
from appliance.room.agent.central_sync import CentralSync
from appliance.room.agent.ended_unblocks import EndedUnblocks
from appliance.room.agent.room_decisions import RoomDecisions
from appliance.room.agent.rpc_server import RpcServer
from appliance.room.agent.store import AgentStore
from appliance.room.current_policy import CurrentPolicy
from appliance.room.paths import RoomPaths
from appliance.settings.dns import DnsSection
from appliance.settings.room import CentralLink, RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from tests.fakes.central import TOKEN, FakeCentral


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))  # short: sockets have short paths
    yield path
    shutil.rmtree(path)


@pytest.fixture
def central() -> Iterator[FakeCentral]:
    with FakeCentral() as one:
        yield one


class Agent:
    """A running agent."""

    def __init__(
        self,
        folder: Path,
        url: str,
        token: str = TOKEN,
        clock: Callable[[], float] = time.time,
        index_spread_seconds: float = 0.0,
    ) -> None:
        (folder / "token").write_text(token + "\n")
        self.paths = RoomPaths(data=folder / "data", sockets=folder / "run")
        self.paths.sockets.mkdir(exist_ok=True)
        self.memory = AgentStore(self.paths.agent_store)
        link = CentralLink(url=url, token_file=folder / "token")
        self._client = CentralClient(CentralConnection(link))
        self.follower = CentralSync(
            self._client, self.memory, self.paths, "0.0.0", clock, index_spread_seconds=index_spread_seconds
        )
        self.settings = settings = RoomSettings(
            room=RoomSection(name="Room 4", data=self.paths.data, run=self.paths.sockets),
            dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
            central=link,
        )
        deciding = RoomDecisions(self.paths, CurrentPolicy(settings), self.memory)
        self._answers = RpcServer(self.memory, self._client, self.follower, decisions=deciding)

    async def ask(self, question: rpc.RpcRequest) -> rpc.RpcResponse:
        return await asyncio.to_thread(rpc.send_rpc_request, self.paths.agent_socket, question)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Agent"]:
        self.paths.agent_socket.unlink(missing_ok=True)
        EndedUnblocks(self.paths, self.memory).reconcile_stores()
        server = await asyncio.start_unix_server(self._answers.serve_connection, self.paths.agent_socket)
        tasks = [asyncio.create_task(work) for work in self.follower.tasks()]
        try:
            yield self
            for task in tasks:
                assert not task.done(), task
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await self._client.connection.close()
            self.memory.close()


async def until(what: str, look: Callable[[], Any]) -> Any:
    """Wait until something is there, and return it."""
    try:
        async with asyncio.timeout(20):
            while not (found := look()):
                await asyncio.sleep(0.01)
            return found
    except TimeoutError:
        pytest.fail(f"waited for {what}")
