"""A room hears through the feed that it is asked, and answers once; and which of its incidents are dealt with."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from appliance.protocol import ClosedIncident, LookupQuestion, Target
from appliance.room.agent import rpc
from tests.appliance.room.agent.conftest import Agent, until
from tests.fakes.central import FakeCentral


def question(number: int, reason: str = "a parent asked") -> LookupQuestion:
    now = datetime.now(UTC)
    return LookupQuestion(
        id=f"{number:032x}", device="0123456789ab", since=now - timedelta(hours=1), until=now, who="lead",
        reason=reason, staff_groups=("staff",), of_staff=False,
    )  # fmt: skip


def told(central: FakeCentral) -> list[str]:
    return [one["id"] for one in central.taken["lookups"]]


def test_what_a_room_is_asked_is_answered_once_also_after_central_was_away(
    folder: Path, central: FakeCentral
) -> None:
    central.lookups = [question(1), question(2, " ")]
    central.answers[question(1).id] = 503

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            central.target = Target(policy=0, index="", requests=0, lookups=1)
            await until("a first try", lambda: question(1).id in central.tried)
            del central.answers[question(1).id]
            await until("both answers", lambda: len(told(central)) == 2)
            assert agent.memory.pending_messages() == [], "nothing of it waits on the card"
            central.lookups = []
            asked = len(central.asked)
            central.target = Target(policy=0, index="", requests=1, lookups=1)
            await until("the requests", lambda: "requests" in central.asked[asked:])
            assert "lookups" not in central.asked[asked:]

    asyncio.run(story())
    answers = {one["id"]: one.get("error", "") for one in central.taken["lookups"]}
    assert "reason is blank" in answers[question(2).id]


def test_an_answer_that_central_does_not_take_keeps_no_other_from_being_given(
    folder: Path, central: FakeCentral
) -> None:
    central.lookups = [question(1), question(2)]
    central.answers[question(1).id] = 404
    central.target = Target(policy=0, index="", requests=0, lookups=1)

    async def story() -> None:
        async with Agent(folder, central.url).running():
            await until("the other answer", lambda: told(central) == [question(2).id])

    asyncio.run(story())


def test_the_rooms_pages_hear_that_an_incident_was_dealt_with_and_nothing_more(
    folder: Path, central: FakeCentral
) -> None:
    at = datetime.fromtimestamp(int(time.time()), UTC)
    central.closed_incidents = [ClosedIncident(id="c" * 32, happened_at=at)]
    central.target = Target(policy=0, index="", requests=0, incidents=1)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("what was dealt with", lambda: agent.memory.closed_incidents)
            answer = await agent.ask(rpc.ListRequestsRequest())
            assert [one.happened_at for one in answer.closed_incidents] == [at]

    asyncio.run(story())
    assert msgspec.structs.fields(ClosedIncident)[0].name == "id"
    assert len(msgspec.structs.fields(ClosedIncident)) == 2
