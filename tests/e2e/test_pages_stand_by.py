"""The pages of a room in which nothing happens stand by, and are awake before somebody opens one of them."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.bench.servers import family
from tests.e2e.school import Room, School, until

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with School(central=False) as school:
        room = school.room("Room 4", web="standby_minutes = 0.01\n")
        room.wait_until_answering()
        yield room


def stand_by(room: Room) -> bool:
    processes = [Path(f"/proc/{pid}/cmdline") for pid in family(room.process.pid)]
    return any(b"appliance.standby" in one.read_bytes() for one in processes if one.exists())


@pytest.mark.parametrize(
    "name", ["first.example.org", "second.example.org"]
)  # into the database, into the journal
def test_pages_are_awake_as_soon_as_a_name_is_asked(room: Room, name: str) -> None:
    until("the pages to stand by", lambda: stand_by(room))
    room.dig(name)
    until("the pages to be awake", lambda: not stand_by(room))


def test_a_visitor_is_answered_and_the_pages_rest_again(room: Room) -> None:
    for _ in range(2):
        until("the pages to stand by", lambda: stand_by(room))
        assert httpx.get(f"{room.url}/pupils", timeout=60, follow_redirects=True).status_code == 200
    assert "starting it again" not in room.process.said
