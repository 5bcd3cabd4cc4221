"""What a restored central has forgotten of today is sent again, once; what is over is not."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from appliance.protocol import RequestState, SiteReport
from appliance.room.agent import rpc
from appliance.room.agent.outbox import KEPT_SENT_SECONDS
from appliance.room.agent.store import AgentStore
from appliance.room.local_overrides import read_kept_overrides
from tests.appliance.room.agent.conftest import Agent, until
from tests.appliance.room.agent.test_central_sync import wish
from tests.fakes.central import FakeCentral

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=1)


def restore(central: FakeCentral) -> None:
    """Give central the state of before anything was said to it."""
    central.taken = {kind: [] for kind in central.taken}
    central.withdrawn, central.states = [], []
    central.target = msgspec.structs.replace(central.target, epoch="e2")


def ids(central: FakeCentral, kind: str) -> set[str]:
    return {one["id"] for one in central.taken[kind]}


def test_a_new_epoch_brings_back_what_was_taken_today_but_for_what_is_over(
    folder: Path, central: FakeCentral
) -> None:
    central.target = msgspec.structs.replace(central.target, epoch="e1")
    central.policy = b'{"version": 0}'
    report = SiteReport(id="f" * 32, site="bad.example.org", teacher="tess", reported_at=NOW)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            for number in range(1, 6):
                await agent.ask(rpc.SubmitRequest(wish(number)))
            await agent.ask(rpc.ReportRequest(report))
            await until("all", lambda: not agent.memory.count_pending())
            await agent.ask(rpc.WithdrawRequest(wish(2).id, "tess"))
            await until("the withdrawal", lambda: central.withdrawn)
            central.states = [
                RequestState(request=wish(1), state="waiting"),
                RequestState(request=wish(3), state="denied", answer="no"),
                RequestState(request=wish(4), state="approved", until=NOW - timedelta(minutes=1)),
                RequestState(request=wish(5), state="approved", until=NOW + timedelta(hours=1)),
            ]
            central.target = msgspec.structs.replace(central.target, requests=9)
            await until("the answers", lambda: any(one.answer for one in agent.memory.list_requests(LONG_AGO)))
            await until("what is over to be forgotten", lambda: not agent.memory.ended_unblocks())
            restore(central)
            await until("the withdrawal again", lambda: central.withdrawn == [wish(2).id])
            await until("all again", lambda: not agent.memory.count_pending())
            assert ids(central, "requests") == {wish(1).id, wish(2).id, wish(5).id}
            assert ids(central, "reports") == {report.id}

    asyncio.run(story())


def test_what_was_ended_here_is_closed_again_before_a_restored_central_can_open_it(
    folder: Path, central: FakeCentral
) -> None:
    with closing(AgentStore(folder / "state.db")) as memory:
        memory.save_and_post_request(RequestState(request=wish(1), state="approved", until=NOW))
        memory.adopt_epoch("e1", NOW)
        memory.withdraw_request(wish(1).id, NOW)
        memory.mark_sent(memory.pending_messages(), NOW.timestamp())
        memory.delete_ended_unblocks([wish(1).id])
        assert memory.adopt_epoch("e2", NOW)
        assert [one.request for one in memory.ended_unblocks()] == [wish(1).id]
        assert [(one.kind, one.id) for one in memory.pending_messages()] == [
            ("request", wish(1).id),
            ("withdrawal", wish(1).id),
        ]
        assert not memory.adopt_epoch("e2", NOW), "once"


def test_the_first_epoch_that_a_room_hears_of_sends_nothing_again(tmp_path: Path) -> None:
    with closing(AgentStore(tmp_path / "state.db")) as memory:
        memory.save_and_post_request(RequestState(request=wish(1), state="waiting"))
        memory.mark_sent(memory.pending_messages(), NOW.timestamp())
        assert not memory.adopt_epoch("e1", NOW)
        assert memory.pending_messages() == []


def test_the_closing_is_in_the_resolvers_file_when_the_policy_comes(folder: Path, central: FakeCentral) -> None:
    central.target = msgspec.structs.replace(central.target, epoch="e1")

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.SubmitRequest(wish(1)))
            await agent.ask(rpc.WithdrawRequest(wish(1).id, "tess"))
            await until("the withdrawal", lambda: central.withdrawn and not agent.memory.count_pending())
            agent.memory.delete_ended_unblocks([wish(1).id])
            agent.paths.local_overrides.unlink()
            central.answers[wish(1).id] = 503
            restore(central)
            central.set_policy(b'{"version": 4}', "d4", inline=True, version=4, epoch="e2")
            await until("the policy", lambda: agent.follower.policy.installed_policy().digest == "d4")
            closings = read_kept_overrides(agent.paths.local_overrides, NOW.timestamp()).closings
            assert [one.request for one in closings] == [wish(1).id]

    asyncio.run(story())


def test_a_request_that_centrals_list_lacks_is_sent_again_without_an_epoch(
    folder: Path, central: FakeCentral
) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.SubmitRequest(wish(1)))
            await until("the request", lambda: central.taken["requests"] and not agent.memory.count_pending())
            central.taken["requests"].clear()
            central.target = msgspec.structs.replace(central.target, requests=5)
            await until("the request again", lambda: central.taken["requests"])
            await until("an empty outbox", lambda: not agent.memory.count_pending())
            tried = central.tried.count(wish(1).id)
            central.target = msgspec.structs.replace(central.target, requests=6)
            asked = central.asked.count("requests")
            await until("another look", lambda: central.asked.count("requests") > asked)
            assert central.tried.count(wish(1).id) == tried, "once is enough"

    asyncio.run(story())


def test_what_was_sent_is_kept_for_a_day(tmp_path: Path) -> None:
    with closing(AgentStore(tmp_path / "state.db")) as memory:
        for number, now in ((1, 0.0), (2, KEPT_SENT_SECONDS + 1.0)):
            memory.post_message("report", wish(number).id, b"{}")
            memory.mark_sent(memory.pending_messages(), now)
        assert [row[0] for row in memory._rows("SELECT id FROM sent")] == [wish(2).id]
