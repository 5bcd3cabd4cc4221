"""A school of 0.1 whose machines get today's Hallpass: central first, then the room, as docs/releasing.md says."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from appliance.room import health
from tests.e2e.browser import Browser
from tests.e2e.school import Dig, Process, School, answers, hallpass, until
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS
from tests.upgrade import old_data
from tests.upgrade.old_data import PASSWORD, SITE

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(300)]
REFUSED = ["0.0.0.0"]


class OldRoom:
    """The room's folder, today's processes in it."""

    def __init__(self, school: School) -> None:
        self.folder = school.folder / "room4"
        self.dns_port, web_port = free_port(), free_port()
        self.config = old_data.lay_out_room(
            self.folder, dns_port=self.dns_port, web_port=web_port, upstream_port=school.upstream_port,
            central=school.url,
        )  # fmt: skip
        lesson = self.folder / "data" / "own.json"
        lesson.write_text(lesson.read_text().replace('"2026-', '"2025-'))  # over, whenever this runs
        self.dig = Dig(self.dns_port)
        self.url = f"http://127.0.0.1:{web_port}"
        self.process = Process(self.folder, "room", *HALLPASS, "room", "--config", str(self.config))

    def conditions(self) -> set[str]:
        return {
            str(condition.value)
            for one in health.read_health(self.folder / "data" / "run" / "health", time.time())
            for condition in one.conditions
        }


@pytest.fixture(scope="module")
def school() -> Iterator[School]:
    folder = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))
    old_data.lay_out_central(folder / "central")
    with School(folder=folder) as served:
        yield served
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def room(school: School) -> Iterator[OldRoom]:
    old = OldRoom(school)
    try:
        until("DNS", lambda: old.dig("example.org")[1], 60)
        until("the room's page", lambda: answers(old.url), 60)
        yield old
    finally:
        old.process.stop()


@pytest.mark.xdist_group("upgraded")
def test_dns_is_answered_and_filtered_as_before(room: OldRoom) -> None:
    for name in (SITE, "listed.example.org", "blocked.example.org", "locked.example.org"):
        assert room.dig(name) == ("NOERROR", REFUSED), name
    assert room.dig("open.example.org")[1][0].startswith("192.0.2.")


@pytest.mark.xdist_group("upgraded")
def test_what_was_kept_reaches_central_and_is_decided_there(school: School, room: OldRoom) -> None:
    def audit() -> str:
        return hallpass("central", "audit", "list", "--words", "example.org", "--config", str(school.config))

    until(
        "the request and the lesson", lambda: {"kept.example.org", "lesson.example.org"} <= {*audit().split()}, 60
    )
    assert "Room 4" in hallpass("central", "room", "list", "--config", str(school.config), "--json")


@pytest.mark.xdist_group("upgraded")
def test_the_coordinator_opens_a_site_and_the_room_follows(school: School, room: OldRoom) -> None:
    assert room.dig("roblox.com")[1] == REFUSED
    with Browser(school.url) as coordinator:
        coordinator.sign_in("coordinator", PASSWORD).open("/rules")
        coordinator.send(coordinator.form_with("name", action="/rules"), name="roblox.com", action="allow")
    until("the room to follow", lambda: room.dig("roblox.com")[1] != REFUSED, 60)


@pytest.mark.xdist_group("upgraded")
def test_the_log_of_before_and_of_now_is_one(room: OldRoom) -> None:
    found = hallpass("log", "search", SITE, "--config", str(room.config), "--json")
    assert "2026-11-27T18:04" in found
    room.dig(SITE)
    until("a new row", lambda: _rows(room) > found.count(SITE), 30)


@pytest.mark.xdist_group("upgraded")
def test_a_teacher_of_before_signs_in_in_the_room(room: OldRoom) -> None:
    with Browser(room.url) as teacher:
        teacher.sign_in("teacher", PASSWORD)
        assert teacher.open("/").response is not None
        assert httpx.get(f"{room.url}/", timeout=20, trust_env=False).status_code in {200, 302}


@pytest.mark.xdist_group("upgraded")
def test_the_room_is_well(room: OldRoom) -> None:
    until("the room to be well", lambda: not room.conditions() - {"passwords-clear"}, 60)


def _rows(room: OldRoom) -> int:
    return hallpass("log", "search", SITE, "--config", str(room.config), "--json").count(SITE)
