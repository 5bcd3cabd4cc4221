"""The story of the README, as people live it: real processes, real sockets, real SQLite, a real HTTP client."""

import json
import re
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest

from tests.e2e.browser import Browser
from tests.e2e.school import Room, School, hallpass, until
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS

pytestmark = pytest.mark.timeout(240)

SITE = "coolmathgames.com"  # in the starter list: games
REFUSED = ["0.0.0.0"]


@pytest.fixture(scope="module")
def rooms(school: School) -> tuple[Room, Room]:
    four, five = school.room("Room 4"), school.room("Room 5")
    for room in (four, five):
        room.wait_until_answering()
        until(f"{room.name} to follow central", partial(refuses, room, SITE))
    return four, five


@pytest.fixture(scope="module")
def teacher(school: School, rooms: tuple[Room, Room]) -> Iterator[Browser]:
    password = school.account("teacher", "teacher")
    with Browser(rooms[0].url) as browser:
        yield browser.sign_in("teacher", password)


@pytest.fixture(scope="module")
def coordinator(school: School) -> Iterator[Browser]:
    password = school.account("coordinator", "coordinator")
    with Browser(school.url) as browser:
        yield browser.sign_in("coordinator", password)


def refuses(room: Room, name: str) -> bool:
    return room.dig.addresses(name) == REFUSED


def is_open_for(room: Room, device: str) -> bool:
    """Ask for the site from another address of this machine."""
    status, addresses = room.dig(SITE, "-b", device)
    return status == "NOERROR" and addresses != REFUSED


def ask_to_open(teacher: Browser, site: str, minutes: str = "10") -> None:
    teacher.open("/")
    teacher.send(teacher.form_with("site", "reason", "minutes"), site=site, reason="a lesson", minutes=minutes)


def approve(coordinator: Browser, site: str, minutes: str = "10") -> None:
    until(f"the request for {site} at central", lambda: f'Request for {site}"' in coordinator.open("/").text)
    of_site = coordinator.text.partition(f'Request for {site}"')[2]
    action = re.search("/requests/[0-9a-f]+/decide", of_site)
    assert action
    form = coordinator.form_with("minutes", "scope", action=action[0])
    coordinator.send(form, decision="approve", minutes=minutes)


@pytest.mark.xdist_group("story")
def test_unlisted_names_are_answered_and_listed_ones_refused_over_udp_and_tcp(rooms: tuple[Room, Room]) -> None:
    for options in ((), ("+tcp",)):
        status, addresses = rooms[0].dig("example.org", *options)
        assert status == "NOERROR"
        assert addresses[0].startswith("192.0.2.")
        assert rooms[0].dig(SITE, *options) == ("NOERROR", REFUSED)


@pytest.mark.xdist_group("story")
def test_a_refusal_lights_the_lamp_and_is_logged(rooms: tuple[Room, Room]) -> None:
    room = rooms[0]
    until("the lamp to be dark", lambda: room.lamp.startswith("off"))
    until("the log to have its tables", lambda: room.has_log)  # the lamp is dark before that
    before = room.stats()["refused"]
    room.dig.addresses(SITE)
    until("the lamp", lambda: room.lamp.startswith("on refused"))
    stats = until("the log", lambda: found if (found := room.stats())["refused"] > before else None)
    assert stats["queries"] >= stats["refused"]
    assert not str(stats["since"]).startswith("1970")


@pytest.mark.xdist_group("story")
def test_the_log_is_a_database_that_anybody_can_read(rooms: tuple[Room, Room]) -> None:
    path = rooms[0].folder / "data" / "log.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as log:
        total = log.execute("SELECT sum(count) FROM queries").fetchone()[0]
        row = log.execute(
            "SELECT device, name, type, verdict, category FROM query_log WHERE verdict = 'refused'"
        ).fetchone()
    assert total > 0
    assert row[1:] == (SITE, "A", "refused", "games")
    assert "127.0.0.1" not in row[0], "devices appear as tokens"


@pytest.mark.xdist_group("story")
def test_the_page_hears_of_a_refusal_without_a_reload(rooms: tuple[Room, Room], teacher: Browser) -> None:
    with teacher.client.stream("GET", "/events") as events:
        lines = events.iter_lines()
        assert any(line == ":" for line in lines), "from here on it listens"
        rooms[0].dig.addresses(SITE)
        assert any(line == "event: changed" for line in lines)
    assert SITE in teacher.open("/").text


@pytest.mark.xdist_group("story")
def test_a_device_that_is_put_into_staff_gets_the_answers_of_staff_at_once(
    rooms: tuple[Room, Room], coordinator: Browser
) -> None:
    device = "127.0.0.2"
    assert rooms[1].dig(SITE, "-b", device) == ("NOERROR", REFUSED)
    form = coordinator.open("/devices/new").form_with("name", "addresses")
    coordinator.send(form, name="Office laptop", addresses=device, group="staff")
    assert "Nothing is saved yet" in coordinator.text
    coordinator.send(coordinator.form_with("name", "addresses"), confirmed="1")
    for room in rooms:
        until("staff's answer", partial(is_open_for, room, device), 5)
    assert refuses(rooms[0], SITE), "no other device"
    coordinator.send(coordinator.form_with(action="/remove"))
    until("the device to be unknown again", lambda: not is_open_for(rooms[0], device), 5)


@pytest.mark.xdist_group("story")
def test_a_teacher_sees_the_name_of_a_device_in_their_own_room(
    rooms: tuple[Room, Room], teacher: Browser, coordinator: Browser
) -> None:
    rooms[0].dig(SITE, "-b", "127.0.0.3")
    rooms[1].dig(SITE, "-b", "127.0.0.4")
    for name, address in (("Class tablet", "127.0.0.3"), ("Another room's tablet", "127.0.0.4")):
        form = coordinator.open("/devices/new").form_with("name", "addresses")
        coordinator.send(form, name=name, addresses=address)
    until("the name on the page", lambda: "Class tablet" in teacher.open("/").text)
    assert "Another room" not in teacher.text
    assert "127.0.0.3" not in teacher.text
    (found,) = json.loads(
        hallpass("check", SITE, "--client", "Class tablet", "--config", str(rooms[0].config), "--json")
    )
    assert (found["group"], found["verdict"]) == ("pupils", "refused")


@pytest.mark.xdist_group("story")
def test_a_teacher_asks_the_coordinator_opens_and_time_closes(
    school: School, rooms: tuple[Room, Room], teacher: Browser, coordinator: Browser
) -> None:
    here, elsewhere = rooms
    ask_to_open(teacher, SITE)
    approve(coordinator, SITE)
    until("the site to open", lambda: here.dig.addresses(SITE) != REFUSED)
    assert here.dig.addresses(SITE)[0].startswith("192.0.2.")
    assert elsewhere.dig.addresses(SITE) == REFUSED, "only the room that asked"
    until("the teacher's page", lambda: "open until" in teacher.open("/").text)
    coordinator.open("/").send(coordinator.form_with(action="/end"))
    until("the site to close", lambda: here.dig.addresses(SITE) == REFUSED)


@pytest.mark.xdist_group("story")
def test_an_opening_closes_by_itself_when_its_time_is_over(
    school: School, rooms: tuple[Room, Room], teacher: Browser, coordinator: Browser
) -> None:
    ask_to_open(teacher, SITE)
    approve(coordinator, SITE)
    until("the site to open", lambda: rooms[0].dig.addresses(SITE) != REFUSED)
    assert school.let_openings_end(seconds=2) == 1
    until("the site to close", lambda: rooms[0].dig.addresses(SITE) == REFUSED)
    until("the request to be over", lambda: "over" in teacher.open("/").text)


@pytest.mark.xdist_group("story")
def test_a_rule_and_a_source_of_the_coordinator_reach_every_room(
    rooms: tuple[Room, Room], coordinator: Browser
) -> None:
    assert rooms[1].dig.addresses("one.example") != REFUSED
    coordinator.open("/rules").send(
        coordinator.form_with("name", action="/rules"), name="one.example", action="block"
    )
    for room in rooms:
        until(f"the rule in {room.name}", partial(refuses, room, "www.one.example"))
    assert rooms[1].dig.addresses("two.example") != REFUSED
    coordinator.open("/lists").send(
        coordinator.form_with("name", action="/lists"),
        files={"file": ("list.txt", b"# a list\ntwo.example\nbad line here\n")},
        name="our-list", category="games", format="domains", match="subdomains",
    )  # fmt: skip
    for room in rooms:
        until(f"the list in {room.name}", partial(refuses, room, "two.example"), 60)
    until("the list's report", lambda: "passed over" in coordinator.open("/lists").text)
    assert "our-list" in coordinator.text


@pytest.mark.xdist_group("story")
def test_a_room_goes_on_without_central_and_delivers_its_requests_once(
    school: School, rooms: tuple[Room, Room], teacher: Browser, coordinator: Browser
) -> None:
    assert school.central is not None
    school.central.stop()
    room = rooms[0]
    until("the page to say so", lambda: "Central cannot be reached" in teacher.open("/").text)
    assert room.dig.addresses("example.org")
    assert room.dig.addresses(SITE) == REFUSED
    for site in ("roblox.com", "twitch.tv"):
        ask_to_open(teacher, site)
        assert "kept here" in teacher.text
    school.central.start()
    until(
        "both requests at central", lambda: signed_in_page(coordinator).count('aria-label="Request for') == 2, 60
    )
    until("nothing left to send", lambda: "kept here until" not in teacher.open("/").text)
    assert signed_in_page(coordinator).count('aria-label="Request for') == 2, "once each"


def signed_in_page(browser: Browser) -> str:
    """Return the queue, or nothing while central is not there."""
    try:
        return browser.open("/").text
    except Exception:  # noqa: BLE001 (central is coming back: whatever the client says meanwhile is no answer)
        return ""


def test_a_room_alone_follows_its_own_settings() -> None:
    with School(central=False) as school:
        (school.folder / "list.txt").write_text("casino.example\nchat.example\n")
        (school.folder / "sources.toml").write_text(
            '[[source]]\nname = "ours"\ncategory = "gambling"\nlocation = "list.txt"\nmatch = "subdomains"\n'
        )
        index = school.folder / "index"
        hallpass("lists", "build", str(school.folder / "sources.toml"), "--output", str(index))
        assert hallpass("lists", "export", str(index)).splitlines() == ["casino.example", "chat.example"]
        room = school.room("Room 1", alone=f'[lists]\nindex = "{index}"\n[policy]\nclosed = ["gambling"]\n')
        room.wait_until_answering()
        assert room.dig("www.casino.example") == ("NOERROR", REFUSED)
        assert room.dig("chess.example")[1] != REFUSED
        said = hallpass("check", "www.casino.example", "--config", str(room.config), "--json")
        assert '"refused"' in said
        assert '"gambling"' in said


def test_nothing_that_strangers_send_stops_a_room() -> None:
    with School(central=False) as school:
        room = school.room("Room 1")
        room.wait_until_answering()
        with socket.socket(type=socket.SOCK_DGRAM) as stranger:
            for junk in (b"", b"\x00", b"\xff" * 512, b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c"):
                stranger.sendto(junk, ("127.0.0.1", room.dns_port))
        with socket.create_connection(("127.0.0.1", room.dns_port), timeout=5) as stranger:
            stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert room.dig.addresses("example.org")
        with Browser(room.url) as browser:
            browser.open("/sign-in")
            form = browser.form_with("username", "password")
            response = browser.client.post("/sign-in", data=form.fields | {"username": "x", "password": "y"})
            assert response.status_code == 401
            assert "Traceback" not in response.text


def test_ctrl_c_stops_a_demo_and_leaves_nothing_running() -> None:
    ports = {
        name: str(free_port())
        for name in ("--dns-port", "--web-port", "--central-port", "--rooms-port", "--stand-in-port")
    }
    arguments = [word for pair in ports.items() for word in pair]
    with subprocess.Popen(
        [*HALLPASS, "demo", "--offline", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        assert demo.stdout is not None
        said = ""
        for line in demo.stdout:
            said += line
            if "Ctrl-C stops everything" in line:
                break
        children = subprocess.run(
            ["pgrep", "-P", str(demo.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        demo.send_signal(2)
        said += demo.stdout.read()
        assert demo.wait(timeout=30) == 0, said
    assert "Everything has stopped." in said
    assert len(children) >= 5
    alive = subprocess.run(
        ["ps", "-o", "pid=", "-p", ",".join(children)], capture_output=True, text=True, check=False
    )
    assert alive.stdout.strip() == ""
