"""The agent answers the pages: who signs in, what may be asked, and nothing that strangers send harms it."""

import asyncio
import socket
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.protocol import Account, AccountState, Credentials, SiteReport, UnblockRequest
from appliance.rights import Role
from appliance.room.agent import rpc
from appliance.room.agent.sign_in import AgentSignIn, SignInFailed, apply_account_states
from tests.appliance.room.agent.conftest import Agent, until
from tests.fakes.central import FakeCentral

TESS = Account(username="tess", name="Tess Teacher", role="teacher")
RIGHT = rpc.SignInRequest(Credentials("tess", "right password"))
WRONG = rpc.SignInRequest(Credentials("tess", "wrong password"))


def request(site: str) -> UnblockRequest:
    return UnblockRequest(
        id="a" * 32, site=site, reason="a lesson", minutes=10, teacher="tess", asked_at=datetime.now(UTC)
    )


def test_central_says_who_signs_in(folder: Path, central: FakeCentral) -> None:
    central.accounts["tess", "right password"] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            assert (await agent.ask(RIGHT)).account == TESS
            with pytest.raises(rpc.RpcRejected, match="not right"):
                await agent.ask(WRONG)

    asyncio.run(story())


def test_who_signed_in_before_can_sign_in_while_central_is_away(folder: Path, central: FakeCentral) -> None:
    central.accounts["tess", "right password"] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(RIGHT)
            await asyncio.to_thread(central.stop)
            assert (await agent.ask(RIGHT)).account == TESS
            with pytest.raises(rpc.RpcRejected):
                await agent.ask(WRONG)
            with pytest.raises(rpc.RpcRejected, match="has not signed in here before"):
                await agent.ask(rpc.SignInRequest(Credentials("sam", "right password")))

    asyncio.run(story())


def test_an_account_that_ended_cannot_sign_in_while_central_is_away(folder: Path, central: FakeCentral) -> None:
    ended = Account(username="tess", name="Tess", role="teacher", ends=datetime.now(UTC) - timedelta(seconds=1))
    central.accounts["tess", "right password"] = ended

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(RIGHT)
            await asyncio.to_thread(central.stop)
            with pytest.raises(rpc.RpcRejected):
                await agent.ask(RIGHT)

    asyncio.run(story())


def test_what_central_ended_is_over_also_where_state_db_could_not_be_written(
    folder: Path, central: FakeCentral
) -> None:
    central.accounts["tess", "right password"] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            sign_in = AgentSignIn(agent.memory, agent.paths.account_states)
            await sign_in.sign_in(agent._client, RIGHT.credentials)
            await asyncio.to_thread(central.stop)
            assert await sign_in.sign_in(agent._client, RIGHT.credentials) == TESS
            agent.memory._connection.execute("PRAGMA query_only = ON")
            now = datetime.now(UTC)
            ended = AccountState(username="tess", valid_after=now, role="teacher")
            with pytest.raises(sqlite3.OperationalError):
                apply_account_states(agent.memory, agent.paths.account_states, [ended], "a1", now)
            with pytest.raises(SignInFailed):
                await sign_in.sign_in(agent._client, RIGHT.credentials)

    asyncio.run(story())


def test_a_password_that_central_no_longer_takes_is_forgotten_in_the_room(
    folder: Path, central: FakeCentral
) -> None:
    central.accounts["tess", "right password"] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(RIGHT)
            central.accounts.clear()
            with pytest.raises(rpc.RpcRejected):
                await agent.ask(RIGHT)
            await asyncio.to_thread(central.stop)
            with pytest.raises(rpc.RpcRejected):
                await agent.ask(RIGHT)

    asyncio.run(story())


def test_no_password_and_no_list_of_accounts_lies_on_the_card(folder: Path, central: FakeCentral) -> None:
    central.accounts["tess", "right password"] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(RIGHT)

    asyncio.run(story())
    assert b"right password" not in (folder / "data" / "state.db").read_bytes()


def test_wrong_guesses_take_nobodys_sign_in_away(folder: Path, central: FakeCentral) -> None:
    central.accounts["tess", "right password"] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(RIGHT)
            for _ in range(20):
                with pytest.raises(rpc.RpcRejected, match="not right"):
                    await agent.ask(WRONG)
            await asyncio.to_thread(central.stop)
            assert (await agent.ask(RIGHT)).account == TESS

    asyncio.run(story())


def test_central_that_will_not_look_at_a_password_says_how_long(folder: Path, central: FakeCentral) -> None:
    central.accounts["tess", "right password"] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(RIGHT)
            central.throttled_seconds = 42
            with pytest.raises(rpc.RpcRejected, match="too many") as no:
                await agent.ask(RIGHT)  # and nothing that is kept here is asked instead
            assert (no.value.refusal, no.value.wait_seconds) == ("throttled", 42)

    asyncio.run(story())


def test_a_room_that_central_no_longer_knows_says_nothing_about_passwords(
    folder: Path, central: FakeCentral
) -> None:
    central.accounts["tess", "right password"] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(RIGHT)
            central.token = "another"
            assert (await agent.ask(RIGHT)).account == TESS, "who signed in before is known here"
            with pytest.raises(rpc.RpcRejected, match="Central does not know this room any more"):
                await agent.ask(WRONG)

    asyncio.run(story())


def test_a_coordinator_teaches_here_and_is_kept_as_a_teacher(folder: Path, central: FakeCentral) -> None:
    central.accounts["tess", "right password"] = msgspec.structs.replace(TESS, role="coordinator")

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            assert (await agent.ask(RIGHT)).account == TESS
            kept = agent.memory.find_kept_sign_in("tess", datetime.now(UTC))
            assert kept is not None
            assert kept.account == TESS

    asyncio.run(story())


@pytest.mark.parametrize("role", ["technician", "safeguarding", "head", "governor"])
def test_who_is_no_teacher_is_sent_to_central_and_nothing_of_theirs_is_kept(
    folder: Path, central: FakeCentral, role: Role
) -> None:
    central.accounts["tess", "right password"] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(RIGHT)
            central.accounts["tess", "right password"] = msgspec.structs.replace(TESS, role=role)
            with pytest.raises(rpc.RpcRejected, match="Please sign in at central"):
                await agent.ask(RIGHT)
            await asyncio.to_thread(central.stop)
            with pytest.raises(rpc.RpcRejected, match="has not signed in here before"):
                await agent.ask(RIGHT)

    asyncio.run(story())


@pytest.mark.parametrize("site", ["", "no name at all", "-" * 70 + ".example", "a..b"])
def test_a_request_for_a_name_that_is_none_is_refused_with_a_reason(
    folder: Path, central: FakeCentral, site: str
) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            with pytest.raises(rpc.RpcRejected, match="give the whole name of the site"):
                await agent.ask(rpc.SubmitRequest(request(site)))
            assert agent.memory.pending_messages() == []

    asyncio.run(story())


def test_reports_and_withdrawals_reach_central(folder: Path, central: FakeCentral) -> None:
    report = SiteReport(id="b" * 32, site="bad.example", teacher="tess", reported_at=datetime.now(UTC))

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.ReportRequest(report))
            await agent.ask(rpc.SubmitRequest(request("maps.example.org")))
            await agent.ask(rpc.WithdrawRequest("a" * 32, "tess"))
            await until("the report", lambda: central.taken["reports"])
            await until("the withdrawal", lambda: central.withdrawn == ["a" * 32])
            (state,) = (await agent.ask(rpc.ListRequestsRequest())).requests
            assert state.state == "withdrawn"

    asyncio.run(story())


@pytest.mark.parametrize("junk", [b"\n", b"{}\n", b'{"type": "nonsense"}\n', b"\xff\xfe\n", b"[" * 5000 + b"\n"])
def test_junk_gets_an_answer_and_the_agent_goes_on(folder: Path, central: FakeCentral, junk: bytes) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            reader, writer = await asyncio.open_unix_connection(agent.paths.agent_socket)
            writer.write(junk)
            async with asyncio.timeout(10):
                assert b"not understood" in await reader.readline()
            writer.close()
            assert (await agent.ask(rpc.StatusRequest())).status is not None

    asyncio.run(story())


def test_an_agent_that_is_away_is_said_in_one_sentence(folder: Path) -> None:
    with pytest.raises(rpc.AgentUnavailable, match="does not answer"):
        rpc.send_rpc_request(folder / "nobody.sock", rpc.StatusRequest())
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder / "silent.sock"))
        with pytest.raises(rpc.AgentUnavailable):
            rpc.send_rpc_request(folder / "silent.sock", rpc.StatusRequest())
