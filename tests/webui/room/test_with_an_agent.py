"""The teacher's page and a real agent: what central did not take is said; what is typed wrongly goes nowhere."""

import asyncio
from functools import partial
from pathlib import Path

import msgspec
import pytest
from flask.testing import FlaskClient

from appliance.protocol import Account
from appliance.room.agent import rpc
from appliance.room.local_overrides import LocalOverrides
from appliance.settings.dns import DnsSection
from appliance.settings.room import RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from tests.appliance.room.agent.conftest import Agent, central, folder, until
from tests.appliance.room.agent.test_outbox import BAD, try_until, wish
from tests.fakes.central import FakeCentral
from tests.fakes.clock import FakeClock
from tests.fakes.signed_in import signed_in_client
from webui.room.app import create_app

__all__ = ["central", "folder"]

TESS = Account(username="tess", name="Tess Teacher", role="teacher")


def teacher_of(agent: Agent) -> FlaskClient:
    app = create_app(
        RoomSettings(
            room=RoomSection(name="Room 4", data=agent.paths.data, run=agent.paths.sockets),
            dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
        )
    )
    app.config["WTF_CSRF_ENABLED"] = False
    return signed_in_client(app, TESS)


async def page_of(teacher: FlaskClient) -> str:
    return await asyncio.to_thread(lambda: teacher.get("/").get_data(as_text=True))


def test_the_teacher_sees_what_central_did_not_take_and_why(folder: Path, central: FakeCentral) -> None:
    clock = FakeClock()
    central.answers = {BAD: 500, "f" * 32: 400}

    async def story() -> None:
        async with Agent(folder, central.url, clock=clock).running() as agent:
            teacher = teacher_of(agent)
            await agent.ask(rpc.SubmitRequest(wish(1)))
            agent.memory.post_message("report", "f" * 32, b"{}")
            await until("the first try", lambda: BAD in central.tried)
            await try_until(agent, clock, BAD, 5, central)
            await until("it to be put aside", lambda: not agent.memory.pending_messages())
            page = await page_of(teacher)
            assert "kept here: central did not take it (tried 5 times: something went wrong here)" in page
            assert "a report of a site: “something went wrong here”" in page
            assert "geography" in page

    asyncio.run(story())


@pytest.mark.parametrize(
    "question",
    [
        rpc.SubmitRequest(msgspec.structs.replace(wish(1), reason="a\x00b")),
        rpc.SubmitRequest(msgspec.structs.replace(wish(1), reason="  ")),
        rpc.SubmitRequest(msgspec.structs.replace(wish(1), teacher="tess\x00")),
        rpc.WithdrawRequest(BAD, "tess\x1b"),
        rpc.StartLessonRequest("tess", ("maps.example.org",), 10, "a\nb"),
        rpc.PauseRoomRequest("\x00", 10),
    ],
)
def test_what_may_not_enter_is_refused_by_the_agent_in_one_sentence(
    folder: Path, central: FakeCentral, question: rpc.RpcRequest
) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            with pytest.raises(rpc.RpcRejected, match=r"control character|blank"):
                await agent.ask(question)
            assert agent.memory.pending_messages() == []

    asyncio.run(story())


def test_a_reason_with_a_nul_is_said_on_the_page_and_goes_nowhere(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            teacher = teacher_of(agent)
            data = {"site": "example.org", "reason": "a\x00b", "minutes": "10"}
            answer = await asyncio.to_thread(lambda: teacher.post("/requests", data=data))
            assert "a character in it (U+0000) that no text may hold" in answer.get_data(as_text=True)
            assert agent.memory.pending_messages() == []

    asyncio.run(story())


@pytest.mark.parametrize("host", ["x" * 64 + ".example.org", "x" * 64 + ":80", "x..example.org:80", "x" * 5000])
def test_a_host_that_is_none_is_answered_in_calm(folder: Path, central: FakeCentral, host: str) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            teacher = teacher_of(agent)
            # In a thread: the page asks the agent, which runs in this one.
            for said, status in ((host, 400), ("localhost:8080", 200)):
                answer = await asyncio.to_thread(partial(teacher.get, "/", headers={"Host": said}))
                assert answer.status_code == status

    asyncio.run(story())


async def overrides_of(agent: Agent) -> LocalOverrides:
    found = (await agent.ask(rpc.ActiveOverridesRequest())).overrides
    assert found is not None
    return found


LESSON = {"sites": "bbc.co.uk", "minutes": "30", "title": "Rivers"}


def test_a_colleagues_lesson_is_named_before_it_is_replaced(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.StartLessonRequest("sam", ("example.org",), 60, "The Romans"))
            (running,) = (await overrides_of(agent)).lessons
            teacher = teacher_of(agent)

            page = (await asyncio.to_thread(teacher.post, "/classroom/lesson", data=LESSON)).get_data(as_text=True)
            assert "sam has the lesson “The Romans” running in this room" in page
            assert "Start mine instead" in page
            assert 'value="Rivers"' in page
            assert (await overrides_of(agent)).lessons == (running,)

            await asyncio.to_thread(teacher.post, "/classroom/lesson", data={**LESSON, "replaces": running.id})
            (mine,) = (await overrides_of(agent)).lessons
            assert (mine.title, mine.by) == ("Rivers", "tess")

    asyncio.run(story())


def test_what_was_decided_can_be_undone_on_the_next_page(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            teacher = teacher_of(agent)
            await asyncio.to_thread(teacher.post, "/classroom/pause", data={"minutes": "10", "from": "today"})
            (pause,) = (await overrides_of(agent)).pauses
            page = await page_of(teacher)

            assert f'action="/classroom/end/{pause.id}"' in page
            assert "The room is paused until" in page
            await asyncio.to_thread(teacher.post, f"/classroom/end/{pause.id}")
            assert not (await overrides_of(agent)).pauses

    asyncio.run(story())


def test_a_form_that_is_sent_twice_is_one_request(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            teacher = teacher_of(agent)
            form = {"site": "example.org", "reason": "The Romans", "minutes": "30", "key": "a" * 32, "anyway": "1"}
            for _ in range(2):
                await asyncio.to_thread(teacher.post, "/requests", data=form)
            assert [one.request.id for one in (await agent.ask(rpc.ListRequestsRequest())).requests] == ["a" * 32]

    asyncio.run(story())
