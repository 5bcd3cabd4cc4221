"""Three rooms and central, all real processes, through what can happen to a school in one story.

Request, approval, expiry; central gone and back; central restored from an older backup.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.browser import Browser
from tests.e2e.school import Room, School, answers, until
from tests.e2e.test_the_story import REFUSED, SITE, approve, ask_to_open, refuses, signed_in_page

pytestmark = pytest.mark.timeout(400)

SECOND_SITE, THIRD_SITE, FOURTH_SITE = "roblox.com", "twitch.tv", "tiktok.com"  # in the starter list as well
AWAY_SECONDS = 25  # in which central is killed
ROOMS = ("Room 4", "Room 5", "Room 6")


@pytest.fixture
def school() -> Iterator[School]:
    with School() as one:
        yield one


@pytest.fixture
def rooms(school: School) -> list[Room]:
    found = [school.room(name) for name in ROOMS]
    for room in found:
        room.wait_until_answering()
        until(f"{room.name} to follow central", partial(refuses, room, SITE))
    return found


@pytest.fixture
def teachers(school: School, rooms: list[Room]) -> Iterator[list[Browser]]:
    password = school.account("teacher", "teacher")
    with ExitStack() as stack:
        yield [stack.enter_context(Browser(room.url)).sign_in("teacher", password) for room in rooms]


@pytest.fixture
def password(school: School) -> str:
    return school.account("coordinator", "coordinator")


@pytest.fixture
def coordinator(school: School, password: str) -> Iterator[Browser]:
    with school.coordinator(password) as browser:
        yield browser


def opens_only_in(one: Room, rooms: list[Room], site: str) -> None:
    until(f"{site} to open in {one.name}", lambda: not refuses(one, site))
    for room in rooms:
        assert refuses(room, site) == (room is not one), room.name


def block(coordinator: Browser, name: str, rooms: list[Room]) -> None:
    coordinator.open("/rules").send(coordinator.form_with("name", action="/rules"), name=name, action="block")
    for room in rooms:
        until(f"the rule in {room.name}", partial(refuses, room, name))


def waits_at_central(coordinator: Browser, site: str) -> bool:
    return f'Request for {site}"' in signed_in_page(coordinator)


def rooms_in_step(coordinator: Browser) -> int:
    return coordinator.open("/rooms").text.count("<td>yes</td>")


def end_of_opening(room: Room, site: str) -> float:
    """Return until when a room has it open, by its own policy, in Unix seconds."""
    policy = json.loads((room.folder / "data" / "policy.json").read_bytes())
    (until_when,) = (one["until"] for one in policy["unblocks"] if one["site"] == site)
    return datetime.fromisoformat(until_when).timestamp()


def test_a_school_of_three_rooms_lives_through_a_day(
    school: School,
    rooms: list[Room],
    teachers: list[Browser],
    coordinator: Browser,
    *,
    password: str,
    tmp_path: Path,
) -> None:
    four, five, six = rooms
    at_four, at_five, at_six = teachers
    assert school.central is not None
    block(coordinator, "kept.example.org", rooms)

    # A request is approved, opens in the room that asked and nowhere else, and is over with its time.
    ask_to_open(at_four, SITE)
    approve(coordinator, SITE)
    opens_only_in(four, rooms, SITE)
    until("the teacher's page", lambda: "open until" in at_four.open("/").text)
    assert school.let_openings_end(seconds=2) == 1
    until("the site to close", lambda: refuses(four, SITE))
    until("the request to be over", lambda: "over" in at_four.open("/").text)

    # Another one is open when a backup is made; afterwards there is a rule and a request that it lacks.
    ask_to_open(at_five, SECOND_SITE)
    approve(coordinator, SECOND_SITE)
    opens_only_in(five, rooms, SECOND_SITE)
    until("the teacher's page", lambda: "open until" in at_five.open("/").text)
    epoch = school.epoch()
    school.back_up(tmp_path / "backup.db")
    block(coordinator, "forgotten.example.org", rooms)
    ask_to_open(at_six, THIRD_SITE)
    until("the request at central", lambda: waits_at_central(coordinator, THIRD_SITE))
    until("it to be central's", lambda: "kept here until" not in at_six.open("/").text)

    # One more opening is soon over.
    ask_to_open(at_six, FOURTH_SITE)
    approve(coordinator, FOURTH_SITE)
    opens_only_in(six, rooms, FOURTH_SITE)
    assert school.let_openings_end(seconds=AWAY_SECONDS, site=FOURTH_SITE) == 1
    until("the room to know it", lambda: end_of_opening(six, FOURTH_SITE) < time.time() + AWAY_SECONDS)

    # Central is gone: rooms go on, what is over ends, End now closes, a request waits.
    school.central.kill()
    assert time.time() < end_of_opening(six, FOURTH_SITE), "it ends by the room's own clock alone"
    until("the page to say so", lambda: "Central cannot be reached" in at_four.open("/").text)
    for room in rooms:
        assert room.dig.addresses("example.org")[0].startswith("192.0.2.")
        assert refuses(room, SITE)
        assert refuses(room, "forgotten.example.org")
    assert not refuses(five, SECOND_SITE), "what was granted stays granted"
    until("what is over to end without central", lambda: refuses(six, FOURTH_SITE), AWAY_SECONDS + 10)
    assert time.time() >= end_of_opening(six, FOURTH_SITE)
    at_five.open("/").send(at_five.form_with(action="/withdraw"))
    until("End now", lambda: refuses(five, SECOND_SITE), 5)
    ask_to_open(at_four, SITE)
    assert "kept here" in at_four.text

    # Central is back: it hears of the end, gets the request, and decides it.
    school.central.start()
    until("the request that waited", lambda: waits_at_central(coordinator, SITE), 60)
    until("the end", lambda: 'action="/openings/' not in signed_in_page(coordinator), 60)
    assert refuses(five, SECOND_SITE)
    approve(coordinator, SITE)
    opens_only_in(four, rooms, SITE)
    until("the teacher's page", lambda: "open until" in at_four.open("/").text)
    assert school.epoch() == epoch, "central was away, and not restored"

    # Central is restored from the backup: a new epoch, in which rooms follow what holds now.
    school.central.stop()
    school.restore(tmp_path / "backup.db")
    school.central.start()
    until("central's page", lambda: answers(school.url), 30)
    assert school.epoch() != epoch
    assert "Sign in" in signed_in_page(coordinator), "sessions of before may have been ended since"
    coordinator.sign_in("coordinator", password)
    for room in rooms:
        until(f"{room.name} to follow the backup", lambda room=room: not refuses(room, "forgotten.example.org"))  # type: ignore[misc]  # bound at once
        assert refuses(room, "kept.example.org")
    until("what it has forgotten to be closed", lambda: refuses(four, SITE))
    until("the forgotten request", lambda: waits_at_central(coordinator, THIRD_SITE), 60)
    until(
        "the opening that had ended to end again", lambda: 'action="/openings/' not in signed_in_page(coordinator)
    )
    until("it to be closed", lambda: refuses(five, SECOND_SITE))
    until("every room in step", lambda: rooms_in_step(coordinator) == len(rooms), 60)
    approve(coordinator, THIRD_SITE)
    opens_only_in(six, rooms, THIRD_SITE)
    assert signed_in_page(coordinator).count(f'Request for {THIRD_SITE}"') == 0
    for room in rooms:
        assert room.dig.addresses("example.org") != REFUSED
