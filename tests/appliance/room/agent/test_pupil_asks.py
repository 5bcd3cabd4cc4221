"""What pupils ask their teacher for: kept in the room, fair by device, answered once, told truly."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from appliance.room import pupil_asks
from appliance.room.agent import rpc
from appliance.room.agent.store import AgentStore
from appliance.room.pupil_asks import PupilAsk
from tests.appliance.room.agent.conftest import Agent, central, folder
from tests.appliance.room.agent.test_outbox import wish
from tests.fakes.central import FakeCentral

__all__ = ["central", "folder"]

NOW = 1_795_000_000.0
CHILD, OTHER, SITE = "c" * 12, "d" * 12, "games.example.org"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AgentStore]:
    one = AgentStore(tmp_path / "state.db")
    yield one
    one.close()


def test_an_ask_outlives_a_restart_and_is_one_for_half_an_hour(tmp_path: Path) -> None:
    store = AgentStore(tmp_path / "state.db")
    assert [store.insert_ask(CHILD, SITE, NOW + at) for at in range(3)] == ["asked", "again", "again"]
    store.close()
    again = AgentStore(tmp_path / "state.db")
    assert again.list_asks(NOW + 5) == [PupilAsk(device=CHILD, site=SITE, asked_at=NOW, times=3)]
    assert again.insert_ask(CHILD, SITE, NOW + pupil_asks.MERGE_SECONDS + 1) == "asked"
    again.close()


def test_one_device_drowns_nobody_and_many_addresses_keep_no_first_ask_away(store: AgentStore) -> None:
    said = [store.insert_ask(CHILD, f"s{number}.example.org", NOW) for number in range(10)]
    assert said == ["asked"] * pupil_asks.ASKS_PER_DEVICE + ["enough"] * 7
    many = [
        store.insert_ask(f"{number:012x}", site, NOW)
        for number in range(40)
        for site in ("a.example", "b.example")
    ]
    assert many.count("enough") == 40 - (pupil_asks.MORE_ASKS - 2)
    assert store.insert_ask(OTHER, SITE, NOW) == "asked"


def test_what_is_kept_is_bounded_and_ends_with_the_day(store: AgentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pupil_asks, "MAX_ASKS", 5)
    for number in range(9):
        assert store.insert_ask(f"{number:012x}", SITE, NOW + number) == "asked"
    assert [one.device for one in store.list_asks(NOW + 10)] == [f"{number:012x}" for number in range(4, 9)]
    store.insert_ask(CHILD, SITE, NOW + pupil_asks.KEPT_SECONDS + 20)
    assert len(store.list_asks(NOW + pupil_asks.KEPT_SECONDS + 20)) == 1


def test_a_clock_that_went_back_keeps_nobody_waiting(store: AgentStore) -> None:
    assert store.insert_ask(CHILD, SITE, NOW) == "asked"
    assert store.insert_ask(CHILD, SITE, NOW - 7200) == "asked"


def test_a_no_holds_for_whoever_asks_next_and_can_be_taken_back(store: AgentStore) -> None:
    store.insert_ask(CHILD, SITE, NOW)
    assert store.answer_asks(SITE, "no", by="tess", now=NOW + 1) == 1
    store.insert_ask(OTHER, SITE, NOW + 60)
    assert [one.answer for one in store.list_asks(NOW + 61)] == ["no", "no"]
    assert store.reopen_asks(SITE, NOW + 62) == 2
    assert [one.answer for one in store.list_asks(NOW + 63)] == ["", ""]


def answer(said: str, who: str = "tess", number: int = 1) -> rpc.AnswerAskRequest:
    request = msgspec.structs.replace(wish(number), site=SITE, teacher=who) if said == "yes" else None
    return rpc.AnswerAskRequest(who=who, site=SITE, answer=said, request=request)  # type: ignore[arg-type]  # one of the three


async def states(agent: Agent) -> list[str]:
    return [one.state for one in (await agent.ask(rpc.ListAsksRequest())).asks]


def test_nothing_reaches_central_before_a_teacher_says_yes_and_then_it_is_one_request(
    folder: Path, central: FakeCentral
) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            for device in (CHILD, OTHER):
                assert (await agent.ask(rpc.AskTeacherRequest(device, SITE))).ask_outcome == "asked"
            assert agent.memory.pending_messages() == []
            assert agent.memory.list_requests(datetime(2000, 1, 1, tzinfo=UTC)) == []
            revision = agent.memory.revision
            await agent.ask(answer("yes"))
            await agent.ask(answer("yes"))  # a double click
            await agent.ask(answer("yes", "tom", 2))  # a colleague
            assert agent.memory.revision > revision
            [only] = agent.memory.list_requests(datetime(2000, 1, 1, tzinfo=UTC))
            assert (only.request.site, only.request.teacher) == (SITE, "tess")
            assert await states(agent) == ["passed-on", "passed-on"]
            third = "e" * 12
            await agent.ask(rpc.AskTeacherRequest(third, SITE))  # gets the answer that was given already
            assert await states(agent) == ["passed-on"] * 3
            agent.memory.save_request_states([msgspec.structs.replace(only, state="denied")])
            assert await states(agent) == ["no"] * 3

    asyncio.run(story())


def test_whoever_answers_second_is_told_and_a_request_for_the_site_answers_too(
    folder: Path, central: FakeCentral
) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.AskTeacherRequest(CHILD, SITE))
            await agent.ask(answer("no"))
            for late in (answer("no", "tom"), answer("yes", "tom", 2)):
                with pytest.raises(rpc.RpcRejected, match="answered already"):
                    await agent.ask(late)
            await agent.ask(answer("undo"))
            assert await states(agent) == ["waiting"]
            await agent.ask(rpc.SubmitRequest(msgspec.structs.replace(wish(3), site=SITE)))
            assert await states(agent) == ["passed-on"]

    asyncio.run(story())


@pytest.mark.parametrize(
    "question",
    [
        rpc.AskTeacherRequest("192.0.2.1", SITE),
        rpc.AskTeacherRequest(CHILD, "a\x00b"),
        rpc.AnswerAskRequest(who="tess", site=SITE, answer="yes"),
        rpc.AnswerAskRequest(who="tess", site="\u202e", answer="no"),
        rpc.AnswerAskRequest(who="tom", site=SITE, answer="yes", request=wish(1)),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(
    folder: Path, central: FakeCentral, question: rpc.RpcRequest
) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            with pytest.raises(rpc.RpcRejected):
                await agent.ask(question)
            assert (await agent.ask(rpc.AskTeacherRequest(CHILD, "co.uk"))).ask_outcome == "closed"

    asyncio.run(story())
