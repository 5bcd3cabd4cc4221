"""The pages of an enrolled room: the one for pupils, and the certificate that comes from central, to the browser.

Real processes of central and of a room, real TLS.
"""

import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from appliance.central import page_certificates, room_life
from appliance.central.models import PageCertificateRow, RoomRow
from appliance.central.page_authority import AUTHORITY_FILE
from appliance.central.service import open_central
from appliance.commands.central_pages import command
from appliance.operations import MAX_BODY_BYTES
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from tests.e2e.browser import Browser
from tests.e2e.school import Room, School, until
from tests.fakes.page_pairs import SUFFIX, PagePairs
from tests.fakes.pinned_room import PinnedRoom, call_plain

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("room pages")]

SITE = "coolmathgames.com"  # in the starter list: games
NOWHERE, THE_ROOM = "0.0.0.0", "127.0.0.1"
NAME = f"room-4.{SUFFIX}"
PAIRS = PagePairs(datetime.now(UTC))


def leads_to(room: Room, address: str) -> bool:
    return room.dig.addresses(SITE) == [address]


def choose_refusal(coordinator: Browser, refusal: str) -> None:
    coordinator.open("/profiles/change?profile=pupils")
    form = coordinator.form_with("revision")
    coordinator.client.post("/profiles/change", data=form.fields | {"closed": ["games"], "refusal": refusal})


def test_the_page_for_pupils_is_switched_on_at_central_and_a_pupil_tells_a_grown_up_from_it(
    school: School, room: Room
) -> None:
    until("the room to follow central", partial(leads_to, room, NOWHERE))
    password, leads = school.account("coordinator", "coordinator"), school.account("lead", "safeguarding")
    with Browser(school.url) as coordinator, Browser(school.url) as lead, Browser(room.url) as pupil:
        coordinator.sign_in("coordinator", password)
        lead.sign_in("lead", leads)
        choose_refusal(coordinator, "page")
        until("the site to lead to the room", partial(leads_to, room, THE_ROOM))
        told = {"Host": SITE, "Origin": f"http://{SITE}"}
        page = pupil.client.get("/", headers=told)
        assert page.status_code == 403
        pupil.response = page
        button = pupil.form_with(action="tell-a-grown-up")
        answer: httpx.Response = pupil.client.post(button.action, headers=told)
        assert "A grown-up will look at it" in answer.text
        until("central to hear of it", lambda: SITE in lead.open("/incidents").text)
        choose_refusal(coordinator, "null")
        until("the site to lead nowhere again", partial(leads_to, room, NOWHERE))


class Pages:
    """A school, and a room of it whose pages take their certificate from central."""

    def __init__(self, school: School, room: Room) -> None:
        self.school, self.room, self.https_port = school, room, room.https_port
        self.held = self.room.folder / "data" / "pages.pem"
        self.central = open_central(load_settings(school.config, CentralSettings))

    def run(self, *arguments: str) -> str:
        """Run `hallpass central pages`; return what it printed, or why it refused."""
        result = CliRunner().invoke(command, [*arguments, "--config", str(self.school.config)])
        return str(result.exception) if result.exception else result.output

    def hand_in(self, *names: str, room: str = "") -> str:
        """Hand a certificate in; return it as the room's page has to show it."""
        certificate, key = PAIRS.write(self.school.folder / "handed in", *names)
        said = self.run("hand-in", str(certificate), str(key), *(("--room", room) if room else ()))
        assert said.startswith("For "), said
        return certificate.read_text().partition("-----END")[0]

    def shown(self, root: str = PAIRS.root) -> str:
        """Return the certificate that the room's page shows to whoever trusts a root, or ""."""
        context = ssl.create_default_context(cadata=root)
        try:
            with (
                socket.create_connection(("127.0.0.1", self.https_port), 5) as plain,
                context.wrap_socket(plain, server_hostname=NAME) as connection,
            ):
                found = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"")
        except OSError:
            return ""
        return found.partition("-----END")[0]

    def is_shown(self, certificate: str) -> bool:
        return "".join(self.shown().split()) == "".join(certificate.split())

    def led_to(self) -> str:
        answer = httpx.get(f"{self.room.url}/sign-in", trust_env=False, timeout=20)
        return str(answer.headers.get("Location", ""))

    def key(self) -> str:
        return self.held.read_text().partition("PRIVATE KEY-----")[2]

    def enrol(self, name: str) -> str:
        with self.central.store.write_session() as session:
            return room_life.enrol_room(session, self.central.now(), name=name, by="test", replace=True)

    def card(self, name: str) -> PinnedRoom:
        """Return another room, that has called with its certificate."""
        room = PinnedRoom(self.school.folder / f"card of {name}", self.school.rooms_port)
        assert room.enrol(self.enrol(name)) == 200
        assert room.call("GET", "requests") == (200, [])
        return room


@pytest.fixture(scope="module")
def pages(school: School, room: Room) -> Iterator[Pages]:
    one = Pages(school, room)
    yield one
    one.central.store.close()


@pytest.fixture
def handed_in(pages: Pages) -> Pages:
    """A school that has handed in the certificate of all rooms, and a room whose page shows it."""
    with pages.central.store.read_session() as session:
        is_there = session.query(PageCertificateRow).first() is not None
    if not is_there:
        pages.hand_in(f"*.{SUFFIX}")
    until("the page over HTTPS", pages.shown)
    return pages


@pytest.fixture(scope="module")
def other(pages: Pages) -> PinnedRoom:
    return pages.card("Room 5")


def test_a_certificate_is_handed_in_once_and_the_rooms_page_answers_with_it(pages: Pages) -> None:
    assert pages.led_to() == ""
    assert not pages.held.exists()

    first = pages.hand_in(f"*.{SUFFIX}")

    until("the page over HTTPS", lambda: pages.is_shown(first))
    assert pages.led_to() == f"https://{NAME}:{pages.https_port}/sign-in"
    assert pages.held.stat().st_mode & 0o777 == 0o600
    until("the name in the room's DNS", lambda: pages.room.dig(NAME)[1] == ["127.0.0.1"])

    second = pages.hand_in(f"*.{SUFFIX}")
    until("the one that replaces it", lambda: pages.is_shown(second))
    assert json.loads(pages.run("list", "--json"))[0]["name"] == NAME


def test_what_is_refused_at_the_door_changes_nothing(handed_in: Pages, tmp_path: Path) -> None:
    pages = handed_in
    certificate, key = PAIRS.write(tmp_path / "one", f"*.{SUFFIX}")
    _, other_key = PAIRS.write(tmp_path / "two", f"*.{SUFFIX}")
    (tmp_path / "large").write_bytes(b"x" * 10_000_000)
    with pages.central.store.read_session() as session:
        before = session.query(PageCertificateRow).one().certificate
    for words, arguments in (
        ("not the one of this certificate", (certificate, other_key)),
        ("too large", (tmp_path / "large", key)),
        ("No such file", (certificate, tmp_path / "nothing")),
        ("there is no room", (certificate, key, "--room", "Room 99")),
    ):
        assert words in pages.run("hand-in", *map(str, arguments))
    with pages.central.store.read_session() as session:
        assert session.query(PageCertificateRow).one().certificate == before


def test_no_room_gets_anothers_and_none_gets_a_key_by_its_token(handed_in: Pages, other: PinnedRoom) -> None:
    pages = handed_in
    token = pages.enrol("Room 6")
    status, said = call_plain(pages.school.rooms_port, "GET", "page-certificate", token)
    assert (status, "PRIVATE KEY" in json.dumps(said)) == (409, False)

    assert other.call("GET", "page-certificate")[1]["name"] == f"room-5.{SUFFIX}"
    own = pages.hand_in(NAME, room="Room 4")
    until("the room's own", lambda: pages.is_shown(own))
    status, given = other.call("GET", "page-certificate")
    assert (status, given["name"]) == (200, f"room-5.{SUFFIX}")
    assert own not in given["certificate"]
    assert pages.key().strip() not in given["key"]
    pages.run("take-back", "--room", "Room 4")


@pytest.mark.parametrize("end", [room_life.retire_room, room_life.revoke_room])
def test_a_room_that_has_ended_gets_none(pages: Pages, end: object) -> None:
    name = f"Ended {end.__name__}"  # type: ignore[attr-defined]  # a function
    room = pages.card(name)
    with pages.central.store.write_session() as session:
        room_id = session.query(RoomRow).filter_by(name=name).one().id
        end(session, pages.central.now(), room_id=room_id, by="test")  # type: ignore[operator]  # as above
    status, said = room.call("GET", "page-certificate")
    assert (status, "PRIVATE KEY" in json.dumps(said)) == (403, False)
    assert room.call("POST", "page-certificate", {"request": room.signing_request()})[0] == 403


def test_a_damaged_file_is_fetched_again_also_when_the_room_starts(handed_in: Pages) -> None:
    pages = handed_in
    until("the rooms' certificate again", lambda: b"PRIVATE KEY" in pages.held.read_bytes() and pages.shown())
    content = pages.held.read_bytes()
    pages.room.process.stop()
    pages.held.write_bytes(content[:200])
    pages.room.process.start()
    until("DNS", lambda: pages.room.dig("example.org")[1], 30)
    until("the whole file", lambda: pages.held.read_bytes() == content, 40)
    until("the page over HTTPS", pages.shown)


def test_where_the_authority_signs_each_room_keeps_its_own_key(pages: Pages, other: PinnedRoom) -> None:
    assert other.call("POST", "page-certificate", {"request": other.signing_request()})[0] == 409
    assert "make the authority first" in pages.run("issue-to-rooms", SUFFIX)
    pages.run("authority", "--suffix", SUFFIX)
    assert "outside what this authority may sign" in pages.run("issue-to-rooms", "rooms.example.net")
    pages.run("issue-to-rooms", SUFFIX)
    folder = pages.central.settings.central.data / page_certificates.AUTHORITY_FOLDER
    root = (folder / AUTHORITY_FILE).read_text()

    until("a page that the authority's devices trust", lambda: pages.shown(root), 40)
    assert pages.led_to().startswith(f"https://{NAME}")
    assert not (pages.room.folder / "data" / "page-key").exists()
    with pages.central.store.read_session() as session:
        assert session.query(PageCertificateRow).filter_by(room_id=None).one().sealed_key == ""

    status, given = other.call("POST", "page-certificate", {"request": other.signing_request()})
    assert (status, given["name"], given.get("key", "")) == (200, f"room-5.{SUFFIX}", "")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"request": "AAAA"}, 409), ({"request": "AAA"}, 409), ({"request": ""}, 400), ({"request": "\x00"}, 400),
        ({"request": "\u202e"}, 400), ({"request": 10**30}, 400), ([], 400), ({}, 400),
        ({"request": "A" * (MAX_BODY_BYTES + 1)}, 413), ({"request": "A" * 3000}, 400),
    ],
)  # fmt: skip
def test_what_is_no_signing_request_is_refused_in_words(other: PinnedRoom, body: object, status: int) -> None:
    answered, said = other.call("POST", "page-certificate", body)
    assert (answered, bool(said["detail"])) == (status, True)


def test_what_is_taken_back_is_let_go_and_plain_http_leads_nowhere(pages: Pages) -> None:
    assert f"Room 4: {NAME} -> no certificate from here" in pages.run("take-back", "--dry-run")
    assert pages.held.exists()
    said = pages.run("take-back")
    assert "undo with: hallpass central pages give-back" in said
    until("the file to go", lambda: not pages.held.exists())
    assert pages.led_to() == ""
    assert "there is no certificate" in pages.run("take-back")
    pages.run("give-back")
    until("what was given back", pages.held.exists, 40)
    until("plain HTTP to lead to HTTPS again", pages.led_to, 40)
    pages.run("take-back")
