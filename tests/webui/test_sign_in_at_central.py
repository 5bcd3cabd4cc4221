"""A room's page without HTTPS: no password is typed there; who signs in at central is let in, and nobody else.

A real agent and a real central; the room is asked as from its network, 192.0.2.7 asking 192.0.2.4.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.room.sign_in_offer import write_offer
from appliance.settings.dns import DnsSection
from appliance.settings.room import CentralLink, RoomSection, RoomSettings, WebSection
from appliance.settings.values import UpstreamSetting
from appliance.web_server import OWN_ADDRESS
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.conftest import ServedSchool
from tests.webui.test_every_door import RunningAgent
from webui.room.app import create_app

OWN, TESS, PUPIL = "192.0.2.4", "192.0.2.7", "192.0.2.66"
ROOM = f"http://{OWN}"


class Site:
    """A room without HTTPS, and its school."""

    def __init__(self, folder: Path, school: ServedSchool, name: str = "Room 4", *, offered: bool = True) -> None:
        folder.mkdir(parents=True)
        self.school = school
        self.agent = RunningAgent(folder, school.url, school.enrol(name))
        self.settings = RoomSettings(
            room=RoomSection(name=name, data=self.agent.paths.data, run=self.agent.paths.sockets),
            dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
            central=CentralLink(url=school.url, token_file=folder / "token"),
        )
        if offered:
            write_offer(self.agent.paths.sign_in_offer, school.url)
        self.app = create_app(self.settings)

    def with_web(self, **web: object) -> Flask:
        section = msgspec.convert(web, WebSection)
        return create_app(msgspec.structs.replace(self.settings, web=section))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("s")
    school = ServedSchool(folder / "central")
    section = msgspec.structs.replace(school.central.settings.central, url=school.url, room_sign_in=True)
    school.central.settings = msgspec.structs.replace(school.central.settings, central=section)
    school.account("tess", "teacher")
    school.account("cora", "coordinator")
    school.account("gov", "governor")
    with contextlib.closing(school), tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as short:
        made = Site(Path(short) / "room", school)
        with contextlib.closing(made.agent):
            yield made


def device(app: Flask, address: str = TESS) -> FlaskClient:
    browser = app.test_client()
    browser.environ_base |= {"REMOTE_ADDR": address, OWN_ADDRESS: OWN}
    return browser


def ask(browser: FlaskClient, path: str, host: str = OWN, **more: str) -> TestResponse:
    return browser.get(path, base_url=f"http://{host}", headers=more)


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, page
    return found[1]


def begin(browser: FlaskClient, path: str = "/sign-in/central") -> str:
    """Go to central, and return where."""
    answer = ask(browser, path)
    assert answer.status_code == 302, answer.get_data(as_text=True)
    return answer.headers["Location"]


def fetch_ticket(site: Site, page: str, username: str = "tess") -> str:
    """Sign in at central and go on; return where that leads."""
    with Browser(site.school.url) as person:
        person.sign_in(username, PASSWORD, page)
        form = person.forms()[-1]
        answer = person.client.post(page, data=form.fields, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]


def come_back(browser: FlaskClient, location: str) -> TestResponse:
    """Open the address that central gave, and press the button there."""
    parts = urlsplit(location)
    answer = ask(browser, f"{parts.path}?{parts.query}")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in/ticket"
    page = ask(browser, "/sign-in/ticket")
    if page.status_code != 200:
        return page
    fields = {"csrf_token": token_of(page.get_data(as_text=True))}
    return browser.post("/sign-in/ticket", base_url=ROOM, data=fields)


def is_signed_in(browser: FlaskClient) -> bool:
    return ask(browser, "/").status_code == 200


def test_a_teacher_signs_in_at_central_and_is_let_in_without_a_password_in_the_room(site: Site) -> None:
    tess = device(site.app)
    page = ask(tess, "/sign-in?next=/classroom").get_data(as_text=True)
    assert 'type="password"' not in page
    assert "/sign-in/central?next=/classroom" in page
    at_central = begin(tess, "/sign-in/central?next=/classroom")
    assert at_central.startswith(f"{site.school.url}/room-sign-in/")
    back = fetch_ticket(site, at_central)
    assert back.startswith(f"{ROOM}/sign-in/ticket?ticket=")
    answer = come_back(tess, back)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/classroom")
    assert is_signed_in(tess)
    assert not is_signed_in(device(site.app))


def test_a_password_that_is_sent_in_the_clear_all_the_same_is_not_looked_at(site: Site) -> None:
    tess = device(site.app)
    answer = tess.post("/sign-in", base_url=ROOM, data={"username": "tess", "password": PASSWORD})
    assert "Location" not in answer.headers
    assert not is_signed_in(tess)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Proto": "https"}, {"X-Forwarded-Ssl": "on"}, {"Forwarded": "proto=https"},
        {"X-Forwarded-For": "127.0.0.1"}, {"Host": "127.0.0.1"}, {"Host": "localhost"},
    ],
)  # fmt: skip
def test_nothing_that_a_browser_says_brings_the_place_for_a_password_back(
    site: Site, headers: dict[str, str]
) -> None:
    page = device(site.app).get("/sign-in", base_url=ROOM, headers=headers).get_data(as_text=True)
    assert 'type="password"' not in page


def test_https_and_this_machine_itself_keep_the_place_for_a_password(site: Site) -> None:
    secure = device(site.app).get("/sign-in", base_url="https://room-4.local").get_data(as_text=True)
    here = site.app.test_client().get("/sign-in", base_url="http://127.0.0.1:8080").get_data(as_text=True)
    assert 'type="password"' in secure
    assert 'type="password"' in here
    assert "not encrypted" not in here


@pytest.mark.parametrize(
    ("web", "offered", "is_typed"),
    [
        ({}, False, True),  # a school of before: nobody is locked out by an update
        ({}, True, False),
        ({"clear_passwords": True}, True, True),
        ({"clear_passwords": False}, False, False),
    ],
)
def test_where_a_password_may_be_typed_in_the_clear(
    site: Site, web: dict[str, object], offered: bool, is_typed: bool
) -> None:
    write_offer(site.agent.paths.sign_in_offer, site.school.url if offered else "")
    try:
        page = ask(device(site.with_web(**web)), "/sign-in").get_data(as_text=True)
    finally:
        write_offer(site.agent.paths.sign_in_offer, site.school.url)
    assert ('type="password"' in page) == is_typed
    assert ("not encrypted: whoever listens" in page) == is_typed


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\0" * 100, b'{"url": 5}'])
def test_a_damaged_note_of_what_central_offers_brings_no_password_back(site: Site, content: bytes) -> None:
    site.agent.paths.sign_in_offer.write_bytes(content)
    try:
        page = ask(device(site.app), "/sign-in").get_data(as_text=True)
    finally:
        write_offer(site.agent.paths.sign_in_offer, site.school.url)
    assert 'type="password"' not in page


def test_a_ticket_of_another_browser_lets_nobody_in(site: Site) -> None:
    """A pupil begins, and has the teacher sign in at the address that the pupil was led to."""
    pupil, tess = device(site.app, PUPIL), device(site.app)
    back = fetch_ticket(site, begin(pupil))
    assert come_back(tess, back).status_code == 409  # her browser began nothing
    begin(tess)
    assert come_back(tess, back).status_code == 409  # nor with a secret of its own
    assert not is_signed_in(tess)
    assert come_back(pupil, back).status_code == 409  # and the ticket is used up by then
    assert not is_signed_in(pupil)


def test_a_ticket_that_was_used_is_worth_nothing_to_who_read_it_and_its_cookie(site: Site) -> None:
    tess = device(site.app)
    begun = begin(tess)
    stolen = device(site.app, PUPIL)
    kept = tess.get_cookie("hallpass-room", domain=OWN)
    assert kept is not None
    stolen.set_cookie("hallpass-room", kept.value, domain=OWN)
    back = fetch_ticket(site, begun)
    assert come_back(tess, back).status_code == 302
    assert come_back(stolen, back).status_code == 409
    assert not is_signed_in(stolen)


def test_what_was_begun_in_the_clear_holds_for_that_address_of_the_network_alone(site: Site) -> None:
    tess = device(site.app)
    assert come_back(tess, fetch_ticket(site, begin(tess))).status_code == 302
    kept = tess.get_cookie("hallpass-room", domain=OWN)
    assert kept is not None
    pupil = device(site.app, PUPIL)
    pupil.set_cookie("hallpass-room", kept.value, domain=OWN)
    assert not is_signed_in(pupil)
    assert is_signed_in(tess)


def test_a_ticket_for_another_room_is_refused_there_and_used_up(site: Site, short_path: Path) -> None:
    other = Site(short_path / "5", site.school, "Room 5")
    with contextlib.closing(other.agent):
        tess, there = device(site.app), device(other.app)
        back = fetch_ticket(site, begin(tess))
        begin(there)
        assert come_back(there, back).status_code == 409
        assert not is_signed_in(there)
        assert come_back(tess, back).status_code == 409


@pytest.mark.parametrize("ticket", ["0" * 64, "x", "A" * 10_000, "%00%E2%80%AE", "é" * 64, "[]"])
def test_a_forged_ticket_is_refused_in_words(site: Site, ticket: str) -> None:
    tess = device(site.app)
    begin(tess)
    answer = come_back(tess, f"{ROOM}/sign-in/ticket?ticket={ticket}")
    assert answer.status_code == 409
    assert "begin again" in answer.get_data(as_text=True).lower()
    assert not is_signed_in(tess)


def test_the_way_back_is_never_what_a_browser_says(site: Site) -> None:
    """Whatever is asked for, the browser is first led to an address that is the room's for certain."""
    for host in ("evil", "evil.local", "192.0.2.66", "evil@192.0.2.4", "[2001:db8::66]", "localhost"):
        answer = ask(device(site.app), "/sign-in/central?next=/classroom", host)
        assert answer.headers.get("Location") in (None, f"{ROOM}/sign-in/central?next=/classroom"), host
    assert ask(device(site.app), "/sign-in/central", "www.evil.example").status_code == 403  # the block page's
    named = ask(device(site.app), "/sign-in/central", "hallpass.home.arpa")
    assert named.headers["Location"].startswith(site.school.url)
    assert fetch_ticket(site, named.headers["Location"]).startswith("http://hallpass.home.arpa/sign-in/ticket?")


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_page_that_was_wanted_is_one_of_ours(site: Site, wanted: str) -> None:
    tess = device(site.app)
    page = ask(tess, f"/sign-in?next={wanted}").get_data(as_text=True)
    assert "evil" not in page
    assert "javascript:" not in page
    at_central = begin(tess, f"/sign-in/central?next={wanted}")
    assert come_back(tess, fetch_ticket(site, at_central)).headers["Location"] == "/"


def test_a_device_may_not_begin_without_end(site: Site) -> None:
    pupil = device(site.app, "192.0.2.99")
    statuses = [ask(pupil, "/sign-in/central").status_code for _ in range(25)]
    assert statuses == [302] * 20 + [429] * 5
    assert ask(device(site.app, "192.0.2.100"), "/sign-in/central").status_code == 302


def test_a_teachers_sign_in_at_central_ends_with_it_and_opens_nothing_there(site: Site) -> None:
    page = begin(device(site.app))
    with Browser(site.school.url) as tess:
        tess.sign_in("tess", PASSWORD, page)
        assert "Go on to Room 4" in tess.text
        assert tess.client.get("/requests").status_code == 403
        form = tess.forms()[-1]
        assert tess.client.post(page, data=form.fields, follow_redirects=False).status_code == 303
        assert tess.client.get("/requests", follow_redirects=False).headers["Location"].startswith("/sign-in")
        again = tess.client.post(page, data=form.fields, follow_redirects=False)
        assert again.status_code < 500
        assert "ticket=" not in again.headers.get("Location", "")


def test_a_teacher_without_a_room_that_waits_is_sent_to_the_room_as_before(site: Site) -> None:
    for wanted in ("", "?next=/room-sign-in/", f"?next=/room-sign-in/{'0' * 32}", "?next=/room-sign-in/%00"):
        with httpx.Client(base_url=site.school.url, trust_env=False) as client:
            fields = {"username": "tess", "password": PASSWORD}
            fields["csrf_token"] = token_of(client.get("/sign-in").text)
            answer = client.post(f"/sign-in{wanted}", data=fields)
            assert answer.status_code in (400, 401), wanted
            assert "Location" not in answer.headers


def test_a_coordinator_goes_on_with_one_click_and_stays_signed_in_and_a_governor_goes_nowhere(site: Site) -> None:
    with Browser(site.school.url) as cora:
        cora.sign_in("cora", PASSWORD)
        browser = device(site.app)
        page = begin(browser)
        cora.open(page)
        assert cora.response is not None
        assert f"form-action 'self' {ROOM}" in cora.response.headers["Content-Security-Policy"]
        answer = cora.client.post(page, data=cora.forms()[-1].fields, follow_redirects=False)
        assert come_back(browser, answer.headers["Location"]).status_code == 302
        assert is_signed_in(browser)
        assert cora.client.get("/requests").status_code == 200
    with Browser(site.school.url) as gov:
        gov.sign_in("gov", PASSWORD)
        page = begin(device(site.app))
        gov.open(page)
        answer = gov.client.post(page, data=gov.forms()[-1].fields, follow_redirects=False)
        assert answer.status_code == 409
        assert "teaches in Room 4" in answer.text


@pytest.mark.parametrize("sign_in_id", ["0" * 32, "x", "%00", "A" * 5000, "%E2%80%AE", "..%2f.."])
def test_an_address_of_central_that_nobody_was_led_to_says_so(site: Site, sign_in_id: str) -> None:
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"{site.school.url}/room-sign-in/{sign_in_id}", trust_env=False)
        assert 300 <= answer.status_code < 500, (method, answer.text)
        assert "ticket=" not in answer.headers.get("Location", "")


def test_while_central_is_away_the_page_says_what_to_do_and_takes_no_password(
    tmp_path: Path, short_path: Path
) -> None:
    school = ServedSchool(tmp_path / "central")
    away = Site(short_path / "4", school)
    school.close()
    with contextlib.closing(away.agent):
        browser = device(away.app)
        answer = ask(browser, "/sign-in/central")
        text = answer.get_data(as_text=True)
        assert answer.status_code == 503
        assert "Central cannot be reached" in text
        assert 'type="password"' not in ask(browser, "/sign-in").get_data(as_text=True)
