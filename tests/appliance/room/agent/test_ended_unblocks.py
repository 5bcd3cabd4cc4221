"""What a teacher ends is closed in the room at once, whoever is away, until central has ended it too."""

import asyncio
import errno
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.protocol import RequestState, Target, UnblockRequest
from appliance.room import guarded_file, local_overrides
from appliance.room.agent import installer, rpc
from appliance.room.agent.ended_unblocks import EndedUnblocks
from appliance.room.agent.store import AgentStore
from appliance.room.paths import RoomPaths
from dns.policy.document import PolicyDocument, Unblock, json_decoder
from tests.appliance.room.agent.conftest import Agent, until
from tests.fakes.central import FakeCentral

NOW = datetime.now(UTC)
ENDS = NOW + timedelta(minutes=10)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SITE = "games.example.org"


def wish(number: int = 1, site: str = SITE) -> UnblockRequest:
    return UnblockRequest(
        id=f"{number:032x}", site=site, reason="maths", minutes=10, teacher="tess", asked_at=datetime.now(UTC)
    )


ID = wish().id


def policy(version: int, *requests: str, groups: tuple[str, ...] = ()) -> bytes:
    unblocks = tuple(
        Unblock(id=str(number), site=SITE, request=request, until=ENDS, groups=groups)
        for number, request in enumerate(requests)
    )
    return msgspec.json.encode(PolicyDocument(version=version, unblocks=unblocks))


def grant(central: FakeCentral, *, version: int = 1, groups: tuple[str, ...] = ()) -> None:
    """Let central have opened the site for the room's request."""
    central.policy = policy(version, ID, groups=groups)
    central.states = [RequestState(request=wish(), state="approved", decided_by="coordinator", until=ENDS)]
    central.target = Target(policy=version, index="", requests=version)


def open_sites(paths: RoomPaths) -> list[str]:
    """Return what is open as the resolver reads it."""
    document = json_decoder.decode(paths.policy.read_bytes())
    return [
        one.site
        for one in local_overrides.apply_overrides(
            document, local_overrides.read_active_overrides(paths.local_overrides, NOW.timestamp())
        ).unblocks
    ]


async def is_open(agent: Agent) -> None:
    def approved() -> bool:
        return [one.state for one in agent.memory.list_requests(LONG_AGO)] == ["approved"]

    await until("the approval", lambda: approved() and agent.paths.policy.exists())
    assert open_sites(agent.paths) == [SITE]


@pytest.mark.parametrize("groups", [(), ("pupils",)])
def test_end_now_closes_at_once_while_central_is_away_and_central_hears_of_it_later(
    folder: Path, central: FakeCentral, groups: tuple[str, ...]
) -> None:
    grant(central, groups=groups)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await is_open(agent)
            await asyncio.to_thread(central.stop)
            answer = await agent.ask(rpc.WithdrawRequest(ID, "tess & tom"))
            assert open_sites(agent.paths) == []
            assert answer.ended
            (state,) = (await agent.ask(rpc.ListRequestsRequest())).requests
            assert state.state == "ended"
            central.start()
            await until("the withdrawal", lambda: central.withdrawn == [ID])
            assert central.withdrawn_by == ["tess & tom"]

    asyncio.run(story())


def test_it_stays_closed_when_the_room_starts_anew_and_a_policy_comes_before_central_has_heard(
    folder: Path, central: FakeCentral
) -> None:
    grant(central)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await is_open(agent)
            await asyncio.to_thread(central.stop)
            await agent.ask(rpc.WithdrawRequest(ID, "tess"))
        assert open_sites(agent.paths) == [], "to a resolver that starts before the agent, too"
        grant(central, version=2)
        central.answers[ID] = 503
        central.start()
        async with Agent(folder, central.url).running() as again:
            await until("the newer policy", lambda: installer.installed_policy_version(again.paths) == 2)
            assert open_sites(again.paths) == []
            assert [one.state for one in again.memory.list_requests(LONG_AGO)] == ["ended"]
            central.policy, central.target = policy(3), Target(policy=3, index="", requests=3)
            central.answers.clear()
            await until("the withdrawal", lambda: central.withdrawn == [ID])

    asyncio.run(story())


def test_a_request_taken_back_does_not_open_when_it_was_approved_meanwhile(
    folder: Path, central: FakeCentral
) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.SubmitRequest(wish()))
            await until("the request", lambda: central.taken["requests"])
            await asyncio.to_thread(central.stop)
            assert not (await agent.ask(rpc.WithdrawRequest(ID, "tess"))).ended
            grant(central)
            central.answers[ID] = 503
            central.start()
            await until("the policy", lambda: installer.installed_policy_version(agent.paths) == 1)
            assert open_sites(agent.paths) == []

    asyncio.run(story())


def test_a_closing_is_forgotten_once_central_has_taken_it_and_not_by_a_policy_that_is_older(
    folder: Path, central: FakeCentral
) -> None:
    grant(central)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await is_open(agent)
            await agent.ask(rpc.WithdrawRequest(ID, "tess"))
            await until("the withdrawal", lambda: central.withdrawn == [ID])
            # Central has taken it, but the policy it sends was made before.
            central.target = Target(policy=2, index="", requests=1)
            central.policy = policy(2, ID)
            await until("the policy", lambda: installer.installed_policy_version(agent.paths) == 2)
            assert open_sites(agent.paths) == []
            assert agent.memory.ended_unblocks() != ()
            central.policy, central.target = policy(3), Target(policy=3, index="", requests=1)
            await until("the closing to be forgotten", lambda: agent.memory.ended_unblocks() == ())
            assert (
                local_overrides.read_active_overrides(agent.paths.local_overrides, NOW.timestamp())
                == local_overrides.LocalOverrides()
            )

    asyncio.run(story())


def test_a_policy_of_the_same_version_is_fetched_to_see_that_nothing_is_left_to_close(
    folder: Path, central: FakeCentral
) -> None:
    central.policy, central.target = policy(1), Target(policy=1, index="", requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.SubmitRequest(wish()))
            await agent.ask(rpc.WithdrawRequest(ID, "tess"))
            await until("the withdrawal", lambda: central.withdrawn == [ID])
            await until("the closing to be forgotten", lambda: agent.memory.ended_unblocks() == ())

    asyncio.run(story())


@pytest.mark.parametrize("status", [400, 409, 410, 404, 500])
def test_what_central_refuses_to_end_stays_closed_and_is_said(
    folder: Path, central: FakeCentral, status: int
) -> None:
    grant(central)
    central.answers[ID] = status

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await is_open(agent)
            await agent.ask(rpc.WithdrawRequest(ID, "tess"))
            await until("the attempt", lambda: central.tried == [ID])
            grant(central, version=2)
            await until("the policy", lambda: installer.installed_policy_version(agent.paths) == 2)
            assert open_sites(agent.paths) == []
            answer = await agent.ask(rpc.ListRequestsRequest())
            assert [one.state for one in answer.requests] == ["ended"]
            said = [(one.kind, one.why) for one in answer.dead_letters]
            at_once = status not in (404, 500)
            assert said == ([("withdrawal", "something went wrong here")] if at_once else [])

    asyncio.run(story())


def test_pressing_twice_and_pressing_when_it_is_over_changes_nothing_more(
    folder: Path, central: FakeCentral
) -> None:
    grant(central)
    central.states[0] = msgspec.structs.replace(central.states[0], until=NOW - timedelta(minutes=1))

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await is_open(agent)
            for _ in range(3):
                await agent.ask(rpc.WithdrawRequest(ID, "tess"))
            await until("the withdrawal", lambda: central.withdrawn)
            await until("an empty outbox", lambda: not agent.memory.pending_messages())
            await agent.ask(rpc.WithdrawRequest(ID, "tess"))
            assert central.withdrawn == [ID]

    asyncio.run(story())


def test_a_lesson_and_a_pause_leave_closings_as_they_are(folder: Path, central: FakeCentral) -> None:
    grant(central)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await is_open(agent)
            await asyncio.to_thread(central.stop)
            await agent.ask(rpc.WithdrawRequest(ID, "tess"))
            shown = (await agent.ask(rpc.StartLessonRequest("tess", ("maps.example.org",), 10))).overrides
            assert shown is not None
            assert shown.closings == (), "no decision of a teacher's that a page could end"
            await agent.ask(rpc.EndOverrideRequest("tess", shown.lessons[0].id))
            await agent.ask(rpc.PauseRoomRequest("tess", 10))
            assert open_sites(agent.paths) == []

    asyncio.run(story())


# Files that were lost, damaged, or cannot be written


@pytest.fixture
def paths(folder: Path) -> RoomPaths:
    (folder / "data").mkdir()
    return RoomPaths(data=folder / "data", sockets=folder / "run")


def memory_with_an_opening(paths: RoomPaths) -> AgentStore:
    memory = AgentStore(paths.agent_store)
    memory.save_request(RequestState(request=wish(), state="approved", decided_by="coordinator", until=ENDS))
    paths.policy.write_bytes(policy(1, ID))
    return memory


def test_a_file_that_was_damaged_or_lost_is_made_anew_from_what_was_kept(paths: RoomPaths) -> None:
    with closing(memory_with_an_opening(paths)) as memory:
        closings = EndedUnblocks(paths, memory)
        closings.end_unblock(ID)
        paths.local_overrides.write_bytes(b"{")
        assert open_sites(paths) == []
        closings.reconcile_stores()
        assert not local_overrides.read_active_overrides(paths.local_overrides, NOW.timestamp()).damaged
        assert open_sites(paths) == []
        paths.local_overrides.unlink()
        closings.reconcile_stores()
        assert open_sites(paths) == []


def test_a_database_that_was_lost_learns_from_the_file_what_is_to_be_told(paths: RoomPaths) -> None:
    with closing(memory_with_an_opening(paths)) as memory:
        EndedUnblocks(paths, memory).end_unblock(ID)
    for path in paths.data.glob("state.db*"):
        path.unlink()
    with closing(AgentStore(paths.agent_store)) as anew:
        EndedUnblocks(paths, anew).reconcile_stores()
        assert [(one.kind, one.id) for one in anew.pending_messages()] == [("withdrawal", ID)]
        assert open_sites(paths) == []


def test_where_the_file_cannot_be_written_the_teacher_is_told_and_it_is_closed_as_soon_as_it_can(
    paths: RoomPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with closing(memory_with_an_opening(paths)) as memory:
        closings = EndedUnblocks(paths, memory)
        with monkeypatch.context() as full:  # for this one file, and not for state.db
            full.setattr(guarded_file, "replace_with_spare", no_space)
            with pytest.raises(Exception, match="could not be closed: this room's disk cannot be written"):
                closings.end_unblock(ID)
        closings.reconcile_stores()
        assert open_sites(paths) == []


def test_where_the_database_cannot_be_written_it_is_closed_and_central_is_told_later(paths: RoomPaths) -> None:
    with closing(memory_with_an_opening(paths)) as memory:
        closings = EndedUnblocks(paths, memory)
        memory._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(Exception, match="It is closed in this room; central is told once"):
            closings.end_unblock(ID)
        assert open_sites(paths) == []
        memory._connection.execute("PRAGMA query_only = OFF")
        closings.reconcile_stores()
        assert [(one.kind, one.id) for one in memory.pending_messages()] == [("withdrawal", ID)]


def test_an_agent_whose_disk_cannot_be_written_says_so_and_goes_on(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            agent.memory._connection.execute("PRAGMA query_only = ON")
            with pytest.raises(rpc.RpcRejected, match="disk cannot be written"):
                await agent.ask(rpc.SubmitRequest(wish()))
            agent.memory._connection.execute("PRAGMA query_only = OFF")
            await agent.ask(rpc.SubmitRequest(wish()))
            await until("the request", lambda: central.taken["requests"])

    asyncio.run(story())


def test_a_withdrawal_of_an_older_version_closes_too(paths: RoomPaths) -> None:
    with closing(memory_with_an_opening(paths)) as memory:
        memory.post_message("withdrawal", ID)
        for table in ("DROP TABLE closings", "PRAGMA user_version = 1", *_dropped()):
            memory._connection.execute(table)
    with closing(AgentStore(paths.agent_store)) as memory:
        EndedUnblocks(paths, memory).reconcile_stores()
        assert open_sites(paths) == []


def _dropped() -> list[str]:
    columns = ("tries", "first_try", "next_try", "failed_at")
    assert sqlite3.sqlite_version_info >= (3, 35)
    return [
        *("DROP INDEX outbox_order", "DROP INDEX outbox_next_try", "DROP TABLE sent", "DROP TABLE central"),
        "DROP TABLE kept_policy",
        "DROP TABLE audit_heads",
        "DROP TABLE counted_hours",
        "DROP TABLE request_devices",
        "DROP TABLE links",
        "DROP TABLE pupil_asks",
        "DROP TABLE lesson_plans",
        *(f"ALTER TABLE outbox DROP COLUMN {column}" for column in columns),
        "ALTER TABLE requests DROP COLUMN from_central",
    ]
