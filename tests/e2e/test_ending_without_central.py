"""A teacher ends an opening while central is dead: closed at once, and through a restart, until central hears."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.browser import Browser
from tests.e2e.school import Room, School, until
from tests.e2e.test_the_story import REFUSED, SITE, approve, ask_to_open, signed_in_page

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def school() -> Iterator[School]:
    with School() as one:
        yield one


def closings(room: Room) -> list[object]:
    found: list[object] = json.loads((room.folder / "data" / "own.json").read_bytes()).get("closings", [])
    return found


def test_end_now_closes_while_central_is_dead_and_stays_closed_until_central_has_ended_it(school: School) -> None:
    assert school.central is not None
    room = school.room("Room 4")
    room.wait_until_answering()
    until("the room to follow central", lambda: room.dig.addresses(SITE) == REFUSED)
    with (
        Browser(room.url).sign_in("teacher", school.account("teacher", "teacher")) as teacher,
        school.coordinator(school.account("coordinator", "coordinator")) as coordinator,
    ):
        ask_to_open(teacher, SITE)
        approve(coordinator, SITE)
        assert 'action="/openings/' in until("the opening at central", lambda: signed_in_page(coordinator))
        until("the site to open", lambda: room.dig.addresses(SITE) != REFUSED)
        until("the teacher's page", lambda: "open until" in teacher.open("/").text)
        school.central.kill()

        teacher.send(teacher.form_with(action="/withdraw"))
        said = teacher.text
        until("the site to close", lambda: room.dig.addresses(SITE) == REFUSED, seconds=5)
        assert f"{SITE} is closed again in this room." in said
        assert "open until" not in said
        assert len(closings(room)) == 1

        room.process.stop()
        room.process.start()
        room.wait_until_answering()
        assert room.dig.addresses(SITE) == REFUSED, "also to a resolver and an agent that start anew"
        until("the page to say so", lambda: "Central cannot be reached" in signed_in_page(teacher))
        assert room.dig.addresses(SITE) == REFUSED

        school.central.start()

        def central_has_ended_it() -> bool:
            assert room.dig.addresses(SITE) == REFUSED, "never open in between"
            return not closings(room)

        until("central to have ended it", central_has_ended_it, 60)
        page = until("central's page", lambda: signed_in_page(coordinator), 60)
        assert 'action="/openings/' not in page, "nothing is open at central"
        assert room.dig.addresses(SITE) == REFUSED
        assert "over" in teacher.open("/").text
