"""What was denied, or not decided in time, is asked again with one tap."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from flask.testing import FlaskClient

from appliance.protocol import RequestState
from appliance.room.agent import rpc
from tests.appliance.room.agent.conftest import Agent, central, folder, until
from tests.appliance.room.agent.test_outbox import wish
from tests.fakes.central import FakeCentral
from tests.webui.room.test_with_an_agent import page_of, teacher_of

__all__ = ["central", "folder"]


async def tap(teacher: FlaskClient, address: str) -> str:
    return await asyncio.to_thread(lambda: teacher.post(address, follow_redirects=True).get_data(as_text=True))


def test_a_request_that_nobody_decided_is_said_to_be_and_asked_again_once_however_often_it_is_tapped(
    folder: Path, central: FakeCentral
) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            teacher = teacher_of(agent)
            asked = msgspec.structs.replace(wish(1), asked_at=datetime.now(UTC) - timedelta(hours=60))
            agent.memory.save_request_states(
                [
                    RequestState(
                        request=asked, state="denied", expired=True, answer="Please ask again.",
                        decided_at=datetime.now(UTC) - timedelta(hours=30),
                    )
                ]
            )  # fmt: skip
            page = await page_of(teacher)
            assert "not decided in time: “Please ask again.”" in page
            for _ in range(2):
                page = await tap(teacher, f"/requests/{asked.id}/again")
                assert "Asked again." in page
            await until("it to arrive", lambda: central.taken["requests"])
            assert [one["id"] for one in central.taken["requests"]] == [rpc.again_id(asked.id)]
            assert central.taken["requests"][0]["reason"] == "geography"
            assert "Ask again<span" not in page  # the old row offers it no more

            # It was in vain once more: the same tap asks a third time.
            agent.memory.save_request_states(
                [RequestState(request=msgspec.structs.replace(asked, id=rpc.again_id(asked.id)), state="denied")]
            )
            await tap(teacher, f"/requests/{asked.id}/again")
            await until("the third", lambda: len(central.taken["requests"]) == 2)

    asyncio.run(story())


def test_a_lesson_that_is_over_is_asked_for_as_from_now(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            over, to_come = (
                msgspec.structs.replace(wish(number), since=datetime.now(UTC) + timedelta(hours=hours))
                for number, hours in ((1, -1), (2, 24))
            )
            agent.memory.save_request_states(
                [RequestState(request=one, state="denied") for one in (over, to_come)]
            )
            for one in (over, to_come):
                await agent.ask(rpc.AskAgainRequest(one.id, "tess"))
            await until("both", lambda: len(central.taken["requests"]) == 2)
            since = {one["id"]: one["since"] for one in central.taken["requests"]}
            assert since[rpc.again_id(over.id)] is None
            assert since[rpc.again_id(to_come.id)] is not None

    asyncio.run(story())


def test_what_waits_is_not_asked_twice_and_what_is_unknown_is_said_to_be(
    folder: Path, central: FakeCentral
) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            teacher = teacher_of(agent)
            await agent.ask(rpc.SubmitRequest(wish(1)))
            await tap(teacher, f"/requests/{wish(1).id}/again")
            await until("it to arrive", lambda: central.taken["requests"])
            assert len(central.taken["requests"]) == 1
            assert "does not know that request" in await tap(teacher, f"/requests/{'e' * 32}/again")

    asyncio.run(story())
