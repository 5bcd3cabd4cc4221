"""Somebody with a second factor at a room's page, with a real agent and a real central."""

import asyncio
from pathlib import Path

from flask.testing import FlaskClient

from appliance.central import second_factor, second_factor_rule
from tests.appliance.room.agent.conftest import Agent, folder
from tests.fakes.code_app import code_of
from tests.fakes.school import PASSWORD
from tests.webui.conftest import ServedSchool, school
from tests.webui.room.test_sign_in import Pages, in_background

__all__ = ["folder", "school"]


def set_up(school: ServedSchool, username: str) -> str:
    keys, now = school.central.keys, school.clock()
    with school.store.write_session() as session:
        second_factor.begin(session, keys, now, username=username)
        found = second_factor.find_set_up(session, keys, now, username=username, school="Example Primary")
        assert found is not None
    with school.store.write_session() as session:
        second_factor.confirm(session, keys, now, username=username, code=code_of(found.secret, now, steps=-1))
    return found.secret


async def bring(browser: FlaskClient, code: str) -> tuple[int, str]:
    answer = await in_background(lambda: browser.post("/sign-in/code?next=/classroom", data={"code": code}))
    return answer.status_code, answer.location or answer.get_data(as_text=True)


def test_a_code_is_asked_at_a_rooms_page_and_nothing_is_kept_that_would_do_without(
    folder: Path, school: ServedSchool
) -> None:
    token = school.enrol()
    school.account("cora", "coordinator")

    async def story() -> None:
        async with Agent(folder, school.url, token).running() as agent:
            pages = Pages(agent)
            cora, thief = pages.browser(), pages.browser()
            assert (await pages.sign_in(cora, PASSWORD, username="cora"))[0] == 302
            assert await pages.is_signed_in(cora), "without a second factor the password is enough"
            assert agent.memory.find_kept_sign_in("cora", school.clock()) is not None
            secret = await asyncio.to_thread(set_up, school, "cora")

            status, _ = await pages.sign_in(thief, PASSWORD, username="cora")
            assert status == 302
            assert not await pages.is_signed_in(thief)
            assert agent.memory.find_kept_sign_in("cora", school.clock()) is None
            status, text = await bring(thief, "000000")
            assert status == 401
            assert "The code is not right" in text or "the code is not right" in text
            assert await bring(thief, code_of(secret, school.clock())) == (302, "/classroom")
            assert await pages.is_signed_in(thief)
            assert agent.memory.find_kept_sign_in("cora", school.clock()) is None
            assert "cora" in agent.memory.usernames_signed_in_here(), "so that central can end it here"

            other = pages.browser()
            await pages.sign_in(other, PASSWORD, username="cora")
            status, _ = await bring(other, code_of(secret, school.clock()))
            assert status == 401, "a code is taken once, at whatever door"
            assert (await bring(pages.browser(), "123456"))[1].startswith("/sign-in"), "nobody gave a password"
            school.clock.pass_minutes(6)
            assert (await bring(other, code_of(secret, school.clock())))[1].startswith("/sign-in")

            school.central.feed.stop()
            school._server.shutdown()
            school._server.server_close()
            away = pages.browser()
            status, words = await pages.sign_in(away, PASSWORD, username="cora")
            assert (status, await pages.is_signed_in(away)) == (401, False), words

    asyncio.run(story())


def test_whoever_has_to_have_one_is_sent_to_central_first(folder: Path, school: ServedSchool) -> None:
    token = school.enrol()
    school.account("cora", "coordinator")
    with school.store.write_session() as session:
        second_factor_rule.ask_of_roles(
            session, school.clock(), roles=["coordinator"], since=school.clock(), by="head"
        )

    async def story() -> None:
        async with Agent(folder, school.url, token).running() as agent:
            pages = Pages(agent)
            status, words = await pages.sign_in(pages.browser(), PASSWORD, username="cora")
            assert status == 401
            assert "sign in at central" in words
            assert agent.memory.find_kept_sign_in("cora", school.clock()) is None

    asyncio.run(story())
