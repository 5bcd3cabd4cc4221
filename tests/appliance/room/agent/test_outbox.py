"""No message waits for a bad one: that one is tried less and less often, then put aside, kept and said."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import pytest

from appliance.protocol import RequestState, UnblockRequest
from appliance.room.agent import rpc
from appliance.room.agent.store import AgentStore
from tests.appliance.room.agent.conftest import Agent, until
from tests.fakes.central import FakeCentral
from tests.fakes.clock import FakeClock

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
HOUR = 3600.0


def wish(number: int) -> UnblockRequest:
    return UnblockRequest(
        id=f"{number:032x}", site="maps.example.org", reason="geography", minutes=10, teacher="tess",
        asked_at=datetime.now(UTC),
    )  # fmt: skip


BAD, GOOD = wish(1).id, wish(2).id


def was_tried(central: FakeCentral, message: str, times: int) -> bool:
    return central.tried.count(message) >= times


async def try_until(agent: Agent, clock: FakeClock, what: str, tries: int, central: FakeCentral) -> None:
    """Let time pass until a message was tried so often."""
    while (tried := central.tried.count(what)) < tries:
        clock.now += 60
        agent.follower.notify_outbox()
        async with asyncio.timeout(20):
            while central.tried.count(what) == tried and agent.memory.due_messages(clock.now):
                await asyncio.sleep(0.005)


@pytest.mark.parametrize("status", [500, 501, 507, 404, 405])
def test_the_first_failure_of_a_message_already_holds_nothing_up(
    folder: Path, central: FakeCentral, status: int
) -> None:
    central.answers[BAD] = status

    async def story() -> None:
        async with Agent(folder, central.url, clock=FakeClock()).running() as agent:
            await agent.ask(rpc.SubmitRequest(wish(1)))
            await agent.ask(rpc.SubmitRequest(wish(2)))
            await until("the one behind it", lambda: [one["id"] for one in central.taken["requests"]] == [GOOD])
            await until("the bad one alone", lambda: [one.id for one in agent.memory.pending_messages()] == [BAD])
            assert central.tried.count(BAD) == 1, "it waits for its next try"

    asyncio.run(story())


def test_a_message_that_central_cannot_even_answer_holds_nothing_up_and_is_not_given_up(
    folder: Path, central: FakeCentral
) -> None:
    central.answers[BAD] = 0

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.SubmitRequest(wish(1)))
            await agent.ask(rpc.SubmitRequest(wish(2)))
            await until("the one behind it", lambda: [one["id"] for one in central.taken["requests"]] == [GOOD])
            del central.answers[BAD]
            await until("the bad one", lambda: len(central.taken["requests"]) == 2)

    asyncio.run(story())


def test_five_failures_over_an_hour_put_a_message_aside_kept_and_said(folder: Path, central: FakeCentral) -> None:
    central.answers[BAD] = 500
    clock = FakeClock()

    async def story() -> None:
        async with Agent(folder, central.url, clock=clock).running() as agent:
            await agent.ask(rpc.SubmitRequest(wish(1)))
            begin = clock.now
            await until("the first try", lambda: central.tried == [BAD])
            await try_until(agent, clock, BAD, 4, central)
            assert [one.id for one in agent.memory.pending_messages()] == [BAD], "four times is not enough"
            await try_until(agent, clock, BAD, 5, central)
            await until("it to be put aside", lambda: not agent.memory.pending_messages())
            assert HOUR <= clock.now - begin <= 2 * HOUR
            answer = await agent.ask(rpc.ListRequestsRequest())
            assert [(one.kind, one.id) for one in answer.dead_letters] == [("request", BAD)]
            assert answer.dead_letters[0].why == "tried 5 times: something went wrong here"
            (state,) = answer.requests
            assert state.request.reason == "geography", "nothing is lost"
            clock.now += 10 * HOUR
            agent.follower.notify_outbox()
            await agent.ask(rpc.SubmitRequest(wish(2)))
            await until("the next one", lambda: central.taken["requests"])
            assert central.tried.count(BAD) == 5

    asyncio.run(story())


@pytest.mark.parametrize("status", [401, 403, 407, 429, 502, 503, 504, 511, 302])
def test_what_is_said_while_central_is_away_counts_against_no_message(
    folder: Path, central: FakeCentral, status: int
) -> None:
    central.answers[BAD] = status
    clock = FakeClock()

    async def story() -> None:
        async with Agent(folder, central.url, clock=clock).running() as agent:
            await agent.ask(rpc.SubmitRequest(wish(1)))
            for tries in range(1, 8):
                await until("a try", partial(was_tried, central, BAD, tries))
                clock.now += HOUR
                agent.follower.notify_outbox()
            assert [one.id for one in agent.memory.pending_messages()] == [BAD]
            central.answers.clear()
            agent.follower.notify_outbox()
            await until("the request", lambda: central.taken["requests"])

    asyncio.run(story())


def test_a_withdrawal_never_overtakes_its_request(folder: Path, central: FakeCentral) -> None:
    central.answers[BAD] = 500
    clock = FakeClock()

    async def story() -> None:
        async with Agent(folder, central.url, clock=clock).running() as agent:
            await agent.ask(rpc.SubmitRequest(wish(1)))
            await until("the first try", lambda: central.tried == [BAD])
            await agent.ask(rpc.WithdrawRequest(BAD, "tess"))
            await agent.ask(rpc.SubmitRequest(wish(2)))
            await until("another request", lambda: central.taken["requests"])
            assert central.withdrawn == []
            central.answers.clear()
            clock.now += HOUR
            agent.follower.notify_outbox()
            await until("the withdrawal", lambda: central.withdrawn == [BAD])
            assert [one["id"] for one in central.taken["requests"]] == [GOOD, BAD]

    asyncio.run(story())


def test_an_outbox_that_cannot_be_written_ends_nothing(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            agent.memory.post_message("report", BAD, b'{"id": "%s"}' % BAD.encode())
            agent.memory._connection.execute("PRAGMA query_only = ON")
            agent.follower.notify_outbox()
            await until("the try", lambda: BAD in central.tried)
            agent.memory._connection.execute("PRAGMA query_only = OFF")
            agent.follower.notify_outbox()
            await until("an empty outbox", lambda: not agent.memory.pending_messages())
            assert len(central.taken["reports"]) == 1

    asyncio.run(story())


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[AgentStore]:
    with closing(AgentStore(tmp_path / "state.db")) as store:
        yield store


def test_tries_outlive_the_agent(memory: AgentStore, tmp_path: Path) -> None:
    memory.post_message("report", BAD, b"{}")
    (parcel,) = memory.due_messages(0.0)
    assert not memory.record_failure(parcel, "trouble", 0.0)
    memory.close()
    with closing(AgentStore(tmp_path / "state.db")) as anew:
        assert anew.due_messages(1.0) == []
        assert anew.seconds_until_due(1.0) == 59.0
        for now in (60.0, 400.0, 1400.0):
            assert not anew.record_failure(parcel, "trouble", now)
        assert anew.record_failure(parcel, "trouble", 4000.0)
        assert [(one.kind, one.why) for one in anew.dead_letters(4000.0)] == [("report", "tried 5 times: trouble")]


def test_five_failures_within_less_than_an_hour_are_not_enough(memory: AgentStore) -> None:
    memory.post_message("report", BAD, b"{}")
    (parcel,) = memory.due_messages(0.0)
    assert not any(memory.record_failure(parcel, "trouble", float(now)) for now in range(0, 3600, 300))
    assert memory.record_failure(parcel, "trouble", 3600.0)


def test_a_clock_that_was_set_back_neither_delays_a_message_nor_puts_it_aside(memory: AgentStore) -> None:
    memory.post_message("report", BAD, b"{}")
    (parcel,) = memory.due_messages(0.0)
    for now in (9e9, 9e9 + 60, 9e9 + 400):
        memory.record_failure(parcel, "trouble", now)
    assert memory.due_messages(1000.0) == [parcel]
    assert not any(memory.record_failure(parcel, "trouble", now) for now in (1000.0, 1100.0, 2000.0))
    assert memory.due_messages(2000.0) == []


def test_a_request_that_had_arrived_after_all_is_no_longer_aside(memory: AgentStore) -> None:
    memory.save_and_post_request(RequestState(request=wish(1), state="waiting"))
    (parcel,) = memory.pending_messages()
    memory.reject_message(parcel, "no", 0.0)
    memory.save_request_states([RequestState(request=wish(1), state="approved", decided_by="coordinator")])
    assert memory.dead_letters(0.0) == []
    assert [one.state for one in memory.list_requests(LONG_AGO)] == ["approved"]


def test_a_database_of_the_first_version_opens_with_all_that_waits_in_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = RequestState(request=wish(1), state="withdrawn")
    with closing(sqlite3.connect(path)) as old, old:
        old.execute(
            "CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL,"
            " body BLOB NOT NULL, failed TEXT, UNIQUE (kind, id))"
        )
        old.execute("CREATE TABLE requests (id TEXT PRIMARY KEY, asked_at TEXT NOT NULL, state BLOB NOT NULL)")
        old.execute(
            "CREATE TABLE verifiers (username TEXT PRIMARY KEY, verifier TEXT NOT NULL, account BLOB NOT NULL,"
            " until TEXT NOT NULL)"
        )
        old.execute("PRAGMA user_version = 1")
        asked = wish(1).asked_at.isoformat()
        old.execute("INSERT INTO requests VALUES (?, ?, ?)", (BAD, asked, msgspec.json.encode(state)))
        for row in (("withdrawal", BAD, None), ("withdrawal", GOOD, None), ("report", "f" * 32, "never")):
            old.execute("INSERT INTO outbox (kind, id, body, failed) VALUES (?, ?, x'7b7d', ?)", row)
    with closing(AgentStore(path)) as memory:
        assert [(one.kind, one.id) for one in memory.due_messages(0.0)] == [
            ("withdrawal", BAD),
            ("withdrawal", GOOD),
        ]
        assert [(one.request, one.site) for one in memory.ended_unblocks()] == [
            (BAD, "maps.example.org"),
            (GOOD, ""),
        ]
        assert [one.state for one in memory.list_requests(LONG_AGO)] == ["withdrawn"]
    with closing(AgentStore(path)) as again:
        assert len(again.pending_messages()) == 2
