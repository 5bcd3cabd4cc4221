"""A request for the one device that met a refusal: what central grants for it opens for no other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.protocol import RequestState, UnblockRequest
from appliance.room import local_overrides
from appliance.room.agent import installer, rpc
from appliance.room.agent.ended_unblocks import EndedUnblocks
from appliance.room.agent.room_decisions import RoomDecisions
from appliance.room.current_policy import CurrentPolicy
from appliance.room.query_log import control
from dns.policy.document import ONE_DEVICE, Unblock
from dns.policy.verdict import Action
from tests.appliance.room.agent.conftest import Agent, until
from tests.appliance.room.agent.test_room_decisions import POLICY, request
from tests.fakes.central import FakeCentral

TOKEN = "a1b2c3d4e5f6"
DEVICE, OTHER = "192.0.2.10", "192.0.2.11"
MAC = "02:00:5e:00:53:01"
SITE = "closed-by-us.example"


def wish(number: int = 1, site: str = SITE) -> UnblockRequest:
    return msgspec.structs.replace(request(number, site), device=TOKEN)


@asynccontextmanager
async def recorder(agent: Agent, address: str = DEVICE) -> AsyncIterator[list[control.LookupRequest]]:
    """The query log's writer, as far as it tells whose a token is."""
    asked: list[control.LookupRequest] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = control.request_decoder.decode(await reader.readline())
        told = ""
        if isinstance(found, control.LookupRequest):
            asked.append(found)
            told = address if found.token == TOKEN else ""
        writer.write(msgspec.json.encode(control.ControlResponse(address=told)) + b"\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, agent.paths.query_log_control_socket)
    async with server:
        yield asked


def install(agent: Agent, *unblocks: Unblock) -> None:
    installer.install_policy(agent.paths, msgspec.json.encode(msgspec.structs.replace(POLICY, unblocks=unblocks)))


def granted(request_id: str, minutes: int = 30, since: int = -1) -> Unblock:
    now = datetime.now(UTC)
    return Unblock(
        id="7", site=SITE, device=f"token:{TOKEN}", groups=(ONE_DEVICE,), request=request_id, by="cora",
        since=now + timedelta(minutes=since), until=now + timedelta(minutes=minutes),
    )  # fmt: skip


def is_open(agent: Agent, address: str, site: str = SITE) -> bool:
    view = CurrentPolicy(agent.settings).load_if_changed().view(address)
    return view.decide(site, 1, datetime.now(UTC).timestamp()).action is not Action.BLOCK


def run_story(folder: Path, central: FakeCentral, story: Callable[[Agent], object]) -> None:
    async def run() -> None:
        async with Agent(folder, central.url).running() as agent, recorder(agent) as asked:
            await story(agent)  # type: ignore[misc]  # a coroutine
            assert {one.who for one in asked} <= {"tess"}  # it is written down who asked whose the token is

    asyncio.run(run())


def test_what_central_grants_for_the_token_opens_for_the_device_alone(folder: Path, central: FakeCentral) -> None:
    async def story(agent: Agent) -> None:
        await agent.ask(rpc.SubmitRequest(wish()))
        await until("it to arrive", lambda: central.taken["requests"])
        assert central.taken["requests"][0]["device"] == TOKEN  # and no address leaves the room
        assert DEVICE not in str(central.taken)
        install(agent, granted(wish().id))
        assert (is_open(agent, DEVICE), is_open(agent, OTHER)) == (True, False)
        install(agent, granted(wish().id, since=10))
        assert not is_open(agent, DEVICE)

    run_story(folder, central, story)


def test_of_a_token_that_nobody_here_knows_it_opens_for_nobody(folder: Path, central: FakeCentral) -> None:
    async def story(agent: Agent) -> None:
        install(agent, granted("f" * 32))
        assert (is_open(agent, DEVICE), is_open(agent, OTHER)) == (False, False)
        with pytest.raises(rpc.RpcRejected, match="not known in this room"):
            await agent.ask(rpc.SubmitRequest(msgspec.structs.replace(wish(), device="0" * 12)))
        assert agent.memory.pending_messages() == []

    run_story(folder, central, story)


def test_which_device_it_is_survives_a_lost_file_and_is_forgotten_with_the_request(
    folder: Path, central: FakeCentral
) -> None:
    async def story(agent: Agent) -> None:
        await agent.ask(rpc.SubmitRequest(wish()))
        path = agent.paths.local_overrides
        local_overrides.write_overrides(path, local_overrides.LocalOverrides())
        install(agent, granted(wish().id))
        assert not is_open(agent, DEVICE)
        EndedUnblocks(agent.paths, agent.memory).reconcile_stores()
        assert is_open(agent, DEVICE)
        agent.memory.save_request_states([RequestState(request=wish(), state="denied")])
        EndedUnblocks(agent.paths, agent.memory).reconcile_stores()
        assert local_overrides.read_kept_overrides(path, 0.0).devices == ()
        assert not is_open(agent, DEVICE)

    run_story(folder, central, story)


def test_what_is_delegated_is_opened_at_once_for_the_device_alone(folder: Path, central: FakeCentral) -> None:
    async def story(agent: Agent) -> None:
        install(agent)
        opened = await agent.ask(rpc.SubmitRequest(wish(2, "coolmathgames.com")))
        assert opened.opened_until is not None
        assert (is_open(agent, DEVICE, "coolmathgames.com"), is_open(agent, OTHER, "coolmathgames.com")) == (
            True,
            False,
        )
        later = msgspec.structs.replace(wish(3, "roblox.com"), since=datetime.now(UTC) + timedelta(hours=2))
        assert (await agent.ask(rpc.SubmitRequest(later))).opened_until is None

    run_story(folder, central, story)


def test_a_device_is_known_by_its_mac_address_where_the_network_tells_one(
    folder: Path, central: FakeCentral
) -> None:
    async def story(agent: Agent) -> None:
        decisions = RoomDecisions(
            agent.paths, CurrentPolicy(agent.settings), agent.memory, read_neighbours=lambda: {DEVICE: MAC}
        )
        found = await asyncio.to_thread(decisions.find_request_device, wish())
        assert found is not None
        assert (found.address, found.member) == (DEVICE, MAC)

    run_story(folder, central, story)
