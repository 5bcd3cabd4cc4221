"""Signing in at a room's pages, with a real agent: what a guess costs, who is let in, and what outlives what."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.protocol import Account, AccountState
from appliance.room.account_states import read_account_states
from appliance.room.agent.sign_in import apply_account_states
from appliance.settings.dns import DnsSection
from appliance.settings.room import RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from appliance.sign_in_throttle import SOURCE_TRIES
from tests.appliance.room.agent.conftest import Agent, central, folder
from tests.fakes.central import FakeCentral
from webui.room.app import create_app

__all__ = ["central", "folder"]

T = TypeVar("T")
MORNING = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TESS = Account(username="tess", name="Tess Teacher", role="teacher", valid_after=MORNING)
STATE = AccountState(username="tess", valid_after=MORNING, role="teacher")
PASSWORD = "right password"


THREADS = ThreadPoolExecutor(40, "pages")  # not the agent's own: the pages wait for it


async def in_background(request: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(THREADS, request)


class Pages:
    """A room's pages, asked from several devices."""

    def __init__(self, agent: Agent) -> None:
        self.app: Flask = create_app(
            RoomSettings(
                room=RoomSection(name="Room 4", data=agent.paths.data, run=agent.paths.sockets),
                dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
            )
        )
        self.app.config["WTF_CSRF_ENABLED"] = False

    def browser(self) -> FlaskClient:
        return self.app.test_client()

    async def sign_in(
        self, browser: FlaskClient, password: str = PASSWORD, *, address: str = "192.0.2.1", username: str = "tess"
    ) -> tuple[int, str]:
        """Return the status and what the page says."""
        fields = {"username": username, "password": password}
        answer = await in_background(
            lambda: browser.post("/sign-in", data=fields, environ_base={"REMOTE_ADDR": address})
        )
        text = answer.get_data(as_text=True)
        return answer.status_code, text.partition('role="alert">')[2].partition("<")[0]

    async def is_signed_in(self, browser: FlaskClient) -> bool:
        return (await in_background(lambda: browser.get("/"))).status_code == 200


def test_a_dead_agent_signs_nobody_out(folder: Path, central: FakeCentral) -> None:
    central.accounts["tess", PASSWORD] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            pages = Pages(agent)
            tess = pages.browser()
            assert (await pages.sign_in(tess))[0] == 302
        assert await pages.is_signed_in(tess)
        assert await Pages(agent).is_signed_in(tess), "nor do pages that were started again"

    asyncio.run(story())


@pytest.mark.parametrize(
    ("wanted", "page"),
    [("/classroom", "/classroom"), ("/a%0d%0aSet-Cookie:%20a=b", "/"), ("/%00", "/"), ("/%e2%80%ae", "/"),
     ("//example.org", "/"), ("http://%5B", "/")],
)  # fmt: skip
def test_a_page_that_nobody_can_be_sent_to_is_none(
    folder: Path, central: FakeCentral, wanted: str, page: str
) -> None:
    central.accounts["tess", PASSWORD] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            tess = Pages(agent).browser()
            fields = {"username": "tess", "password": PASSWORD}
            answer = await in_background(lambda: tess.post(f"/sign-in?next={wanted}", data=fields))
            assert (answer.status_code, answer.location) == (302, page)

    asyncio.run(story())


def test_a_guess_costs_the_device_and_no_teacher(folder: Path, central: FakeCentral) -> None:
    central.accounts["tess", PASSWORD] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            pages = Pages(agent)
            tess, pupil = pages.browser(), pages.browser()
            assert (await pages.sign_in(tess))[0] == 302
            await in_background(lambda: tess.post("/sign-out"))
            guesses = [pages.sign_in(pupil, "wrong", address="192.0.2.66") for _ in range(40)]
            answers = await asyncio.gather(*guesses)
            assert [status for status, _ in answers].count(401) == SOURCE_TRIES.amount
            status, words = await pages.sign_in(pupil, "wrong", address="192.0.2.66")
            assert status == 429
            assert re.fullmatch(
                r"There were too many wrong tries from this device. Please wait \d+ seconds\.", words
            )
            assert (await pages.sign_in(tess, address="192.0.2.66"))[0] == 302, "a known device, wherever it is"
            assert (await pages.sign_in(pages.browser()))[0] == 302
            await asyncio.to_thread(central.stop)
            assert (await pages.sign_in(pages.browser()))[0] == 302, "and nobody's offline sign-in is gone"

    asyncio.run(story())


def test_a_try_that_nobody_could_judge_costs_nothing(folder: Path, central: FakeCentral) -> None:
    central.accounts["tess", PASSWORD] = TESS

    async def story() -> None:
        agent = Agent(folder, central.url)
        pages = Pages(agent)
        for _ in range(SOURCE_TRIES.amount * 2):
            assert "does not answer" in (await pages.sign_in(pages.browser()))[1]
        async with agent.running():
            assert (await pages.sign_in(pages.browser()))[0] == 302

    asyncio.run(story())


def test_central_hears_of_the_browser_by_a_token_that_stays_its_own(folder: Path, central: FakeCentral) -> None:
    central.accounts["tess", PASSWORD] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            pages = Pages(agent)
            tess = pages.browser()
            for _ in range(2):
                await pages.sign_in(tess)
                await in_background(lambda: tess.post("/sign-out"))
            await pages.sign_in(pages.browser())

    asyncio.run(story())
    first, second, other = (typed["device"] for typed in central.typed)
    assert first == second
    assert 40 < len(first) <= 64
    assert other not in ("", first)


def test_what_central_ends_is_over_in_the_room_online_and_offline(folder: Path, central: FakeCentral) -> None:
    central.accounts["tess", PASSWORD] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            pages = Pages(agent)
            tess = pages.browser()
            await pages.sign_in(tess)
            now = datetime.now(UTC)
            others = [AccountState(username="sam", valid_after=MORNING, role="teacher")]
            apply_account_states(agent.memory, agent.paths.account_states, [STATE, *others], "one", now)
            assert await pages.is_signed_in(tess)
            changed = msgspec.structs.replace(STATE, valid_after=MORNING + timedelta(seconds=1))
            apply_account_states(agent.memory, agent.paths.account_states, [changed, *others], "two", now)
            kept = read_account_states(agent.paths.account_states)
            assert (kept.digest, kept.accounts) == ("two", (changed,)), "nobody else's name lies on the card"
            assert not await pages.is_signed_in(tess)
            await asyncio.to_thread(central.stop)
            assert (await pages.sign_in(tess))[0] == 401

    asyncio.run(story())


def test_a_password_that_was_replaced_before_the_room_heard_of_it_ends_the_session_all_the_same(
    folder: Path, central: FakeCentral
) -> None:
    central.accounts["tess", PASSWORD] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            pages = Pages(agent)
            tess = pages.browser()
            await pages.sign_in(tess)
            central.accounts.clear()
            assert (await pages.sign_in(pages.browser()))[0] == 401  # its verifier goes, and not its name
            changed = msgspec.structs.replace(STATE, valid_after=MORNING + timedelta(seconds=1))
            apply_account_states(agent.memory, agent.paths.account_states, [changed], "d", datetime.now(UTC))
            assert not await pages.is_signed_in(tess)

    asyncio.run(story())


@pytest.mark.parametrize("role", ["technician", "safeguarding", "head", "governor"])
def test_who_is_no_teacher_is_told_kindly_where_to_sign_in(folder: Path, central: FakeCentral, role: str) -> None:
    account = msgspec.convert({**msgspec.to_builtins(TESS), "role": role}, Account)
    central.accounts["tess", PASSWORD] = account

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            pages = Pages(agent)
            status, words = await pages.sign_in(pages.browser())
            assert status == 401
            assert "Please sign in at central" in words

    asyncio.run(story())


def test_a_teacher_sees_and_ends_their_sign_ins_in_this_room(folder: Path, central: FakeCentral) -> None:
    central.accounts["tess", PASSWORD] = TESS

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            pages = Pages(agent)
            one, other = pages.browser(), pages.browser()
            await pages.sign_in(one)
            await pages.sign_in(other)
            page = (await in_background(lambda: one.get("/your-sign-ins"))).get_data(as_text=True)
            assert "in this room" in page
            assert page.count("Sign out there") == 1
            await in_background(lambda: one.post("/your-sign-ins/end-others"))
            assert await pages.is_signed_in(one)
            assert not await pages.is_signed_in(other)

    asyncio.run(story())
