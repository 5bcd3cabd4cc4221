"""A fresh central leads its coordinator to the first room, and says what is done because it is so."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import select

from appliance import protocol
from appliance.central import account_links, rooms
from appliance.central.first_start import read_first_start, suggest_username
from appliance.central.models import AccountLinkRow, RoomRow, SourceRow, UserRow
from appliance.commands.forked_servers import say_who_may_sign_in
from appliance.settings.central import CentralSection, CentralSettings
from appliance.settings.values import Endpoint
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import press


@pytest.fixture
def nell(school: Any) -> Iterator[Browser]:
    """A coordinator who is new, at a central where there is nothing yet."""
    school.account("nell", "coordinator")
    with Browser(school.url) as browser:
        yield browser.sign_in("nell", PASSWORD)


def done(school: Any) -> frozenset[str]:
    with school.store.read_session() as session:
        return read_first_start(session, school.clock()).done


def serve_at(school: Any, url: str) -> None:
    section = msgspec.structs.replace(school.central.settings.central, url=url)
    school.central.settings = msgspec.structs.replace(school.central.settings, central=section)


def words(browser: Browser) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", browser.text)))


def see(school: Any, name: str) -> None:
    health = protocol.RoomHealth(version="1", policy=1, index="", index_age_seconds=1, conditions=())
    with school.store.write_session() as session:
        rooms.record_health(session, school.clock(), session.merge(school.room(name)), health)


def send_raw(browser: Browser, path: str, **data: str) -> httpx.Response:
    token = browser.open("/first-start/school").form_with("csrf_token", action="school").fields["csrf_token"]
    return browser.client.post(path, data={"csrf_token": token, **data}, follow_redirects=False)


def test_somebody_new_comes_from_signing_in_to_a_room_that_works(nell: Browser, school: Any) -> None:
    assert nell.response is not None
    assert nell.response.url.path == "/first-start", "an empty central leads there by itself"
    assert "four steps" in words(nell).lower()

    nell.open("/first-start/school")
    assert "Example Primary" in words(nell)
    token = nell.form_with("csrf_token", action="/first-start/school").fields["csrf_token"]
    week = {"csrf_token": token, "days": ["mon", "tue", "wed", "thu", "fri"]}
    nell.response = nell.client.post("/first-start/school", data=week)
    assert nell.response.url.path == "/first-start/people"
    assert done(school) == {"school"}

    nell.send(nell.form_with("name", action="/safeguarding/invite"), name="Zoë Lead")
    link = re.search(r"http://[^<\s]+/new-password/[\w-]+", nell.text)
    assert link, "the page shows the link for whoever was invited"
    nell.send(nell.form_with("username", action="/leadership/give"), username="nell")
    assert nell.open("/first-start/people").response is not None, "still signed in, with one role more"
    press(nell, "/governor/later")
    press(nell, "/technician/later")
    assert "2 roles for later" in words(nell)
    assert done(school) == {"school", "people"}
    assert "zoe.lead" in words(nell)

    nell.open("/first-start/lists")
    light = next(form for form in nell.forms() if form.fields.get("set") == "light")
    nell.send(light)
    assert done(school) == {"school", "people", "lists"}

    nell.send(nell.form_with("name", action="/first-start/room"), name="Room 4")
    assert "No file can be made yet" in words(nell)
    serve_at(school, "https://central.example.org")
    nell.open("/first-start/room")
    assert "has not been seen yet" in words(nell)
    assert 'src="data:image/svg+xml' in nell.text
    assert done(school) == {"school", "people", "lists"}, "a room is done once it was seen"
    assert "2 of 4" not in words(nell.open("/home"))
    assert "3 of 4 steps are done." in words(nell)

    see(school, "Room 4")
    assert "Room 4 works." in words(nell.open("/first-start/room"))
    said = words(nell.open("/first-start/done"))
    assert "The school is set up" in said
    assert "Left for later: Governor , Technician" in said or "Left for later: Governor, Technician" in said
    assert "steps are done" not in words(nell.open("/home")), "Home offers it no more"
    with httpx.Client(base_url=school.url, trust_env=False) as zoe:
        assert "Hello, Zoë Lead" in html.unescape(zoe.get(link[0]).text)


def test_what_is_done_is_undone_as_soon_as_it_is_not_true_any_more(nell: Browser, school: Any) -> None:
    token = nell.open("/first-start/school").form_with("csrf_token", action="/school").fields["csrf_token"]
    nell.client.post("/first-start/school", data={"csrf_token": token, "days": ["mon", "sat"]})
    assert done(school) == {"school"}
    school.account("lead", "safeguarding")
    for role in ("leadership", "governor", "technician"):
        send_raw(nell, f"/first-start/people/{role}/later")
    assert done(school) == {"school", "people"}
    nell.open("/accounts")
    press(nell, "/accounts/lead/end")
    send_raw(nell, "/timetables/week", days="tue")
    assert done(school) == frozenset()


def test_it_can_be_put_away_and_brought_back(nell: Browser, school: Any) -> None:
    nell.open("/home")
    press(nell, "/first-start/put-away")
    assert "steps are done" not in words(nell)
    assert nell.open("/").response is not None
    assert nell.response is not None
    assert nell.response.url.path == "/requests"
    nell.open("/first-start")
    press(nell, "/first-start/bring-back")
    assert "0 of 4 steps are done." in words(nell)


def test_what_is_pressed_twice_is_done_once(nell: Browser, school: Any) -> None:
    for _ in range(2):
        send_raw(nell, "/first-start/people/governor/invite", name="Gov One")
        send_raw(nell, "/first-start/people/governor/later")
        send_raw(nell, "/first-start/lists", set="light")
        send_raw(nell, "/first-start/room", name="Room 4")
    with school.store.read_session() as session:
        assert len(session.scalars(select(UserRow)).all()) == 2
        assert len(session.scalars(select(AccountLinkRow)).all()) == 1
        assert len(session.scalars(select(RoomRow)).all()) == 1
        lists = [one.name for one in session.scalars(select(SourceRow))]
    assert len(lists) == len(set(lists)) > 1
    assert "The file for Room 4" in words(nell.open("/first-start/room"))


def test_what_cannot_be_comes_back_filled_in_and_says_why(nell: Browser, school: Any) -> None:
    nell.open("/first-start/people")
    for path, data, said in (
        ("/people/technician/invite", {"name": "Tec Nician", "username": "nell"}, "There is an account 'nell'"),
        ("/people/technician/invite", {"name": "Tec Nician", "username": "no name"}, "is no user name"),
        ("/people/technician/give", {"username": "nobody"}, "There is no account"),
        ("/people/coordinator/invite", {"name": "Second"}, "no role that a school has to name"),
        ("/school", {"days": "caturday"}, "is no day of the week"),
        ("/school", {}, "open on one day at least"),
        ("/room", {"name": " "}, "Name of the room"),
    ):
        answer = send_raw(nell, f"/first-start{path}", **data)
        assert answer.status_code == 422, path
        assert said in html.unescape(answer.text), path
        if "technician/invite" in path:
            assert 'value="Tec Nician"' in answer.text
    for path in ("/people/x/later", "/people/coordinator/later", "/people/x/now", "/lists", "/room/9/saved"):
        assert send_raw(nell, f"/first-start{path}", set="none").status_code == 302, path


def test_nobody_on_the_network_makes_the_first_account_and_the_page_says_who_can(school: Any) -> None:
    with httpx.Client(base_url=school.url, trust_env=False) as pupil:
        page = html.unescape(pupil.get("/sign-in").text)
        assert "Nobody can sign in here yet." in page
        assert "hallpass account add NAME --role coordinator --link" in page
        for path in ("/first-start", "/first-start/people", "/accounts", "/"):
            assert pupil.get(path).headers["Location"].startswith("/sign-in"), path
        school.account("nell", "coordinator")
        assert "Nobody can sign in" not in pupil.get("/sign-in").text


def test_central_says_at_its_start_how_the_first_account_is_made(
    school: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    say_who_may_sign_in(school.central, Path("central.toml"))
    assert "hallpass account add NAME --role coordinator --link --config central.toml" in capsys.readouterr().err
    school.account("nell", "coordinator")
    say_who_may_sign_in(school.central, Path("central.toml"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("listen", "url", "shown"),
    [
        ("127.0.0.1:8081", "", "http://127.0.0.1:8081"),
        ("[::1]:8081", "", "http://[::1]:8081"),
        ("127.0.0.1:8081", "https://central.example.org/", "https://central.example.org"),
    ],
)
def test_a_link_is_a_whole_address_whatever_is_set(listen: str, url: str, shown: str, tmp_path: Path) -> None:
    section = CentralSection(school="Example", data=tmp_path, listen=Endpoint.parse(listen), url=url)
    assert CentralSettings(central=section).pages_url == shown


def test_others_are_not_offered_it(school: Any) -> None:
    school.account("dep", "deputy_coordinator")
    with Browser(school.url) as browser:
        browser.sign_in("dep", PASSWORD)
        assert "First start" not in words(browser.open("/home"))
        assert browser.client.get("/first-start").status_code == 403


def test_a_user_name_is_made_of_any_name(school: Any) -> None:
    school.account("sam.lead", "teacher")
    with school.store.read_session() as session:
        made = [suggest_username(session, name) for name in ("Sam Lead", "Zoë O'Neil", "日本", "%_", "x " * 90)]
    assert made[:4] == ["sam.lead2", "zoe.oneil", "colleague", "colleague"]
    assert len(made[4]) <= 48


def test_a_new_teacher_is_told_where_to_sign_in_and_is_shown_no_form_that_turns_them_away(school: Any) -> None:
    for username, role, page in (("tess", "teacher", "/your-room"), ("lena", "safeguarding", "/sign-in")):
        school.account(username, role)
        with school.store.write_session() as session:
            link = account_links.make_link(session, school.clock(), username=username, by="test")
        with Browser(school.url) as browser:
            browser.open(f"/new-password/{link.token}")
            browser.send(browser.form_with("new", "again"), new="a few good words", again="a few good words")
            assert browser.response is not None
            assert browser.response.url.path == page
            assert f"your user name is {username}." in words(browser)
            assert ("Each room has a page of its own" in words(browser)) == (role == "teacher")
