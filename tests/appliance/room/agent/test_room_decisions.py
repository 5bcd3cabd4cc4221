"""A teacher decides in the room: it takes effect at once, also without central, which is told for its audit."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from appliance.protocol import RequestState, Target, UnblockRequest
from appliance.room import local_overrides
from appliance.room.agent import installer, rpc
from appliance.room.agent.room_decisions import RoomDecisions
from appliance.room.current_policy import CurrentPolicy
from dns.policy.document import Delegation, Group, PolicyDocument, Profile, Rule
from tests.appliance.room.agent.conftest import Agent, until
from tests.fakes.central import FakeCentral

POLICY = PolicyDocument(
    version=1,
    groups=(Group(name="pupils", profile="pupils"),),
    profiles=(Profile(name="pupils", closed=("games", "gambling")),),
    rules=(Rule(name="closed-by-us.example", action="block"),),
    delegations=(Delegation(categories=("games",), minutes=30, per_day=2),),
)


def request(number: int, site: str, minutes: int = 10) -> UnblockRequest:
    return UnblockRequest(
        id=f"{number:032x}", site=site, reason="maths", minutes=minutes, teacher="tess", asked_at=datetime.now(UTC)
    )


def in_force(agent: Agent) -> local_overrides.LocalOverrides:
    return local_overrides.read_active_overrides(agent.paths.local_overrides, datetime.now(UTC).timestamp())


def test_a_lesson_starts_and_ends_and_central_hears_of_both(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.StartLessonRequest("tess", ("Maps.Example.org", "maps.example.org"), 30, "Rivers"))
            (lesson,) = in_force(agent).lessons
            assert (lesson.sites, lesson.by, lesson.title) == (("maps.example.org",), "tess", "Rivers")
            answer = await agent.ask(rpc.EndOverrideRequest("tess", lesson.id))
            assert answer.overrides == local_overrides.LocalOverrides()
            await until("the audit", lambda: len(central.taken["actions"]) == 2)
            assert [one["what"] for one in central.taken["actions"]] == ["lesson started", "lesson ended"]

    asyncio.run(story())


def test_a_pause_works_while_central_is_away(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        central.stop()
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.PauseRoomRequest("tess", 10))
            assert len(in_force(agent).pauses) == 1
            central.start()
            await until("the audit", lambda: central.taken["actions"])

    asyncio.run(story())


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (rpc.StartLessonRequest("tess", (), 30), "from one to 50 sites"),
        (rpc.StartLessonRequest("tess", ("no name",), 30), "not the name of a site"),
        (rpc.PauseRoomRequest("tess", 0), "lasts from one minute"),
        (rpc.PauseRoomRequest("tess", 10_000), "lasts from one minute"),
        (rpc.SuspendDeviceRequest("tess", "0" * 12, 10), r".+"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    folder: Path, central: FakeCentral, question: rpc.OverrideRequest, words: str
) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            with pytest.raises(rpc.RpcRejected, match=words):
                await agent.ask(question)
            assert in_force(agent) == local_overrides.LocalOverrides()

    asyncio.run(story())


def test_what_is_delegated_opens_at_once_and_everything_else_waits(folder: Path, central: FakeCentral) -> None:
    central.policy = msgspec.json.encode(POLICY)
    central.target = Target(policy=1, index="", requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the policy", lambda: installer.installed_policy_version(agent.paths) == 1)
            opened = await agent.ask(rpc.SubmitRequest(request(1, "coolmathgames.com")))
            assert opened.opened_until is not None
            assert [one.site for one in in_force(agent).unblocks] == ["coolmathgames.com"]
            for number, site, minutes in (
                (2, "bet365.com", 10),  # another category
                (3, "closed-by-us.example", 10),  # closed by the school itself
                (4, "roblox.com", 60),  # longer than delegated
            ):
                assert (await agent.ask(rpc.SubmitRequest(request(number, site, minutes)))).opened_until is None
            assert (await agent.ask(rpc.SubmitRequest(request(5, "roblox.com")))).opened_until is not None
            third = await agent.ask(rpc.SubmitRequest(request(6, "friv.com")))
            assert third.opened_until is None, "twice a day"
            await until("those that wait", lambda: len(central.taken["requests"]) == 4)
            await until("the audit", lambda: len(central.taken["actions"]) == 2)
            assert [one["what"] for one in central.taken["actions"]] == ["opened without waiting"] * 2
            assert {one.groups for one in in_force(agent).unblocks} == {("pupils",)}, "granted to no other group"

    asyncio.run(story())


def test_what_a_teacher_opened_alone_a_teacher_can_end(folder: Path, central: FakeCentral) -> None:
    central.policy = msgspec.json.encode(POLICY)
    central.target = Target(policy=1, index="", requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the policy", lambda: installer.installed_policy_version(agent.paths) == 1)
            await agent.ask(rpc.SubmitRequest(request(1, "coolmathgames.com")))
            await agent.ask(rpc.WithdrawRequest(request(1, "").id, "sam"))
            assert in_force(agent).unblocks == ()
            (state,) = (await agent.ask(rpc.ListRequestsRequest())).requests
            assert state.state == "ended"
            assert central.withdrawn == []
            await until("the audit", lambda: len(central.taken["actions"]) == 2)
            assert central.taken["actions"][1]["who"] == "sam", "who pressed, not who asked"

    asyncio.run(story())


def test_an_opening_that_is_ended_on_the_lesson_page_is_over_on_todays(folder: Path, central: FakeCentral) -> None:
    central.policy = msgspec.json.encode(POLICY)
    central.target = Target(policy=1, index="", requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the policy", lambda: installer.installed_policy_version(agent.paths) == 1)
            await agent.ask(rpc.SubmitRequest(request(1, "coolmathgames.com")))
            await agent.ask(rpc.EndOverrideRequest("tess", request(1, "").id))
            (state,) = (await agent.ask(rpc.ListRequestsRequest())).requests
            assert state.state == "ended"

    asyncio.run(story())


def test_a_withdrawal_of_nothing_known_is_refused(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            for odd in ("\n", "../feed", "f" * 32):
                with pytest.raises(rpc.RpcRejected, match="does not know"):
                    await agent.ask(rpc.WithdrawRequest(odd, "tess"))
            assert agent.memory.pending_messages() == []

    asyncio.run(story())


def test_a_parcel_that_no_address_can_carry_is_put_aside_and_the_agent_lives(
    folder: Path, central: FakeCentral
) -> None:
    async def story() -> None:
        agent = Agent(folder, central.url)
        agent.memory.post_message("withdrawal", "\n")
        async with agent.running():
            await until("the outbox to be empty", lambda: not agent.memory.pending_messages())

    asyncio.run(story())


def test_how_often_a_day_is_counted_from_the_schools_midnight_on(folder: Path, central: FakeCentral) -> None:
    """Whatever zone the card's clock keeps: in Auckland it is half past midnight."""
    now = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
    agent = Agent(folder, central.url)
    policy = msgspec.structs.replace(POLICY, timezone="Pacific/Auckland")
    agent.paths.policy.parent.mkdir(parents=True, exist_ok=True)
    agent.paths.policy.write_bytes(msgspec.json.encode(policy))
    decisions = RoomDecisions(agent.paths, CurrentPolicy(agent.settings), agent.memory, lambda: now)
    for number, asked_at in enumerate((now.replace(hour=10), now.replace(hour=10, minute=59), now)):
        asked = msgspec.structs.replace(request(number, "coolmathgames.com"), asked_at=asked_at)
        state = RequestState(request=asked, state="approved", decided_by="tess")
        agent.memory.save_request(state)
    assert decisions.grant_delegated_unblock(request(5, "roblox.com")) is not None, "the second of this day"
    agent.memory.close()
