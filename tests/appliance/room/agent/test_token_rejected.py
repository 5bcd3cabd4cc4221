"""A room that central does not know any more says so, goes on, and asks now and then."""

import asyncio
import time
from pathlib import Path

import pytest

from appliance.protocol import Account, Credentials
from appliance.room.agent import rpc
from appliance.room.agent.service import sync_conditions
from appliance.room.conditions import Condition
from tests.appliance.room.agent.conftest import Agent, until
from tests.fakes.central import TOKEN, FakeCentral

TESS = Credentials("tess", "secret")
ENROLLED_AGAIN = "no longer this room's"


def test_a_room_whose_token_is_dead_says_so_and_comes_back_when_it_is_known_again(
    folder: Path, central: FakeCentral
) -> None:
    central.accounts["tess", "secret"] = Account(username="tess", name="Tess", role="teacher")

    async def story() -> None:
        agent = Agent(folder, central.url)
        agent.follower.feed._rejected_pause_seconds = 0.2
        async with agent.running():
            await until("central", lambda: agent.follower.is_reachable)
            await agent.ask(rpc.SignInRequest(TESS))
            central.token = ENROLLED_AGAIN
            await until("the rejection", lambda: agent.follower.state.is_token_rejected)
            assert list(sync_conditions(agent.follower, time.time())) == [Condition.NO_LONGER_ENROLLED]
            assert (await agent.ask(rpc.SignInRequest(TESS))).account is not None, "who signed in here before"
            for typed in (Credentials("tess", "wrong"), Credentials("tom", "secret")):
                with pytest.raises(rpc.RpcRejected, match="does not know this room any more"):
                    await agent.ask(rpc.SignInRequest(typed))
            assert (await agent.ask(rpc.SignInRequest(TESS))).account is not None, "a guess took nobody's sign-in"
            central.token = TOKEN
            await until("central", lambda: agent.follower.is_reachable)
            assert list(sync_conditions(agent.follower, time.time())) == []

    asyncio.run(story())


def test_a_dead_token_takes_nobodys_kept_sign_in_while_the_feed_has_not_heard_of_it(
    folder: Path, central: FakeCentral
) -> None:
    central.accounts["tess", "secret"] = Account(username="tess", name="Tess", role="teacher")

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("central", lambda: agent.follower.is_reachable)
            await agent.ask(rpc.SignInRequest(TESS))
            central.token = ENROLLED_AGAIN
            assert (await agent.ask(rpc.SignInRequest(TESS))).account is not None

    asyncio.run(story())


def test_a_wrong_password_is_still_a_wrong_password(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("central", lambda: agent.follower.is_reachable)
            with pytest.raises(rpc.RpcRejected, match="is not right"):
                await agent.ask(rpc.SignInRequest(TESS))

    asyncio.run(story())


def test_the_page_of_a_proxy_that_says_no_says_nothing_of_the_token(folder: Path, central: FakeCentral) -> None:
    central.feed_answer = (403, "text/html")

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("a look", lambda: central.asked.count("feed") > 1)
            assert not agent.follower.state.is_token_rejected
            central.feed_answer = (403, "application/problem+json")
            await until("the rejection", lambda: agent.follower.state.is_token_rejected)

    asyncio.run(story())
