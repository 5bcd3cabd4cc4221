"""Central is restored from a backup while a room is away: the room gets what holds now, not what it has heard."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import Browser
from tests.e2e.school import School, answers, until
from tests.e2e.test_the_story import REFUSED

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def school() -> Iterator[School]:
    with School() as one:
        yield one


def block(coordinator: Browser, name: str) -> None:
    coordinator.open("/rules")
    coordinator.send(coordinator.form_with("name", "action"), name=name, action="block")


def in_step(coordinator: Browser) -> bool:
    return "<td>yes</td>" in coordinator.open("/rooms").text


def test_a_room_that_was_away_over_a_restore_follows_what_holds_now(school: School, tmp_path: Path) -> None:
    assert school.central is not None
    room = school.room("Room 4")
    room.wait_until_answering()
    password = school.account("coordinator", "coordinator")
    backup = tmp_path / "backup.db"
    with school.coordinator(password) as coordinator:
        block(coordinator, "two.example.org")
        until("the first rule", lambda: room.dig.addresses("two.example.org") == REFUSED)
        school.back_up(backup)
        block(coordinator, "forgotten.example.org")
        until("the rule after the backup", lambda: room.dig.addresses("forgotten.example.org") == REFUSED)

    room.process.stop()
    school.central.stop()
    school.restore(backup)
    school.central.start()
    until("central's page", lambda: answers(school.url), 30)

    with school.coordinator(password) as coordinator:
        block(coordinator, "other.example.org")  # the same number of changes as the room has heard of
        room.process.start()
        room.wait_until_answering()
        until("the rule of now", lambda: room.dig.addresses("other.example.org") == REFUSED)
        until("what was forgotten", lambda: room.dig.addresses("forgotten.example.org") != REFUSED)
        assert room.dig.addresses("two.example.org") == REFUSED
        until("the page to say so", lambda: in_step(coordinator), 60)
        assert "database restored" in coordinator.open("/audit").text
