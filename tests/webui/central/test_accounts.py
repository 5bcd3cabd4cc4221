"""People, as the coordinator and the office see them at central, and the links that they hand out."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.central import accounts
from appliance.protocol import Account
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import press, said

NEW = "a new long password"


def link_on(browser: Browser) -> str:
    found = re.search(r"user-select-all[^>]*>([^<]+)<", browser.text)
    return found[1] if found else ""


def add(browser: Browser, **fields: str) -> Browser:
    form = browser.open("/accounts").form_with("username", "name")
    return browser.send(form, files=None, **{"username": "sam", "name": "Sam", "ends": "2026-12-18"} | fields)


def sign_in(school: Any, username: str, password: str) -> Account | None:
    return accounts.authenticate(school.store, school.clock(), username, password)


@pytest.fixture
def stranger(school: Any) -> Iterator[Browser]:
    with Browser(school.url) as browser:
        yield browser


@pytest.fixture
def office(school: Any) -> Iterator[Browser]:
    school.enrol("Room 4")
    school.account("olive", "office")
    with Browser(school.url) as browser:
        yield browser.sign_in("olive", PASSWORD)


def test_somebody_is_invited_by_a_link_that_a_reload_shows_again_until_it_is_noted(
    cora: Browser, school: Any, stranger: Browser
) -> None:
    add(cora, roles="supply")
    assert cora.response is not None
    page, link = cora.response.url.path, link_on(cora)
    assert link.startswith(f"{school.url}/new-password/")
    assert link_on(cora.open(page)) == link
    press(cora, "/noted")
    assert "not shown any more" in said(cora.open(page))

    for _ in range(2):
        assert "Hello, Sam" in stranger.open(link).text
    stranger.send(stranger.form_with("new", "again"), new=NEW, again=NEW)
    assert "Your password is set" in said(stranger)
    assert sign_in(school, "sam", NEW)
    assert "18 December 2026" in cora.open("/accounts").text


def test_a_link_that_was_used_meanwhile_is_not_shown_as_one_that_works(
    cora: Browser, school: Any, stranger: Browser
) -> None:
    add(cora, roles="supply")
    assert cora.response is not None
    page = cora.response.url.path
    stranger.open(link_on(cora))
    form = stranger.form_with("new", "again")
    token = {"csrf_token": form.fields["csrf_token"], "new": NEW, "again": NEW}
    address = str(stranger.response.url) if stranger.response else ""
    stranger.client.post(address, data=token)
    again = stranger.client.post(address, data=token | {"new": "another long one", "again": "another long one"})
    assert (again.status_code, "does not work any more" in again.text) == (404, True)
    assert sign_in(school, "sam", NEW)
    assert "not shown any more" in said(cora.open(page))
    assert stranger.client.get("/new-password/" + "x" * 43).status_code == 404


def test_two_passwords_that_differ_leave_the_link_as_it_was(cora: Browser, school: Any, stranger: Browser) -> None:
    add(cora, roles="teacher", ends="")
    stranger.open(link_on(cora))
    stranger.send(stranger.form_with("new", "again"), new=NEW, again="another")
    assert "not the same twice" in said(stranger)
    stranger.send(stranger.form_with("new", "again"), new=NEW, again=NEW)
    assert sign_in(school, "sam", NEW)


def test_a_form_comes_back_filled_with_what_is_wrong_with_it(cora: Browser, school: Any) -> None:
    for fields, says in (({"ends": "2020-01-01"}, "day is over"), ({"ends": ""}, "needs the day"),
                         ({"username": "cora"}, "already"), ({"username": "a b"}, "no user name")):  # fmt: skip
        add(cora, roles="supply", **fields)
        assert says in said(cora)
        form = cora.form_with("username", "name")
        assert (form.fields["name"], form.fields["roles"]) == ("Sam", "supply")


def test_a_user_name_may_stay_empty_and_is_made_of_the_name(cora: Browser, school: Any) -> None:
    form = cora.open("/accounts").form_with("username", "name")
    cora.send(form, username="", name="Zoë New", roles="teacher")
    assert "zoe.new" in cora.text
    assert "A link for Zoë New" in cora.text


def test_ending_an_account_has_an_undo_and_the_name_can_return(cora: Browser, school: Any) -> None:
    school.account("tess", "teacher")
    press(cora.open("/accounts"), "/accounts/tess/end")
    assert "has ended" in said(cora)
    assert sign_in(school, "tess", PASSWORD) is None
    press(cora, "/accounts/tess/undo-end")
    assert sign_in(school, "tess", PASSWORD)
    press(cora.open("/accounts"), "/accounts/tess/end")
    press(cora.open("/accounts/tess"), "/return")
    assert "/new-password/" in link_on(cora)
    assert sign_in(school, "tess", PASSWORD) is None


def test_roles_are_added_and_the_forms_of_one_person_open_with_what_is(cora: Browser, school: Any) -> None:
    school.account("tess", "teacher")
    token = cora.open("/accounts/tess").form_with("name").fields["csrf_token"]
    data = {"csrf_token": token, "username": "tess", "name": "Tess T", "roles": ["teacher", "safeguarding"]}
    cora.client.post("/accounts/tess", data=data)
    text = cora.open("/accounts").text
    assert "Teacher, Safeguarding lead" in text
    assert "Nobody is the safeguarding lead" not in text
    assert "Still to be named: Leadership, Governor, Technician" in text


def test_nobody_locks_themself_out(cora: Browser) -> None:
    token = cora.open("/accounts").form_with("username").fields["csrf_token"]
    cora.client.post("/accounts/cora/end", data={"csrf_token": token})
    data = {"csrf_token": token, "username": "cora", "name": "Cora", "roles": "governor"}
    assert "somebody has to remain" in cora.client.post("/accounts/cora", data=data).text
    assert "Sign out" in cora.open("/accounts").text


def test_an_account_that_was_ended_is_signed_out_at_once(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        accounts.end_account(session, school.clock(), username="cora", by="head")
    assert "Sign in" in cora.open("/").text


def test_the_office_makes_and_ends_supply_teachers_in_rooms_and_reaches_nobody_else(
    office: Browser, school: Any
) -> None:
    school.account("tess", "teacher")
    school.account("both", ("supply", "head"))
    text = office.open("/").text
    assert "Supply teachers" in text
    assert "tess" not in text
    add(office, roles="coordinator", rooms=str(school.room().id))
    account = sign_in(school, "sam", PASSWORD)
    assert account is None
    assert "/new-password/" in link_on(office)
    with school.store.read_session() as session:
        sam = accounts.find_user(session, "sam")
        assert sam is not None
        assert (sam.roles, sam.room_ids) == (["supply"], [school.room().id])

    token = office.open("/accounts").form_with("username").fields["csrf_token"]
    data = {"csrf_token": token, "username": "x", "name": "X", "roles": "coordinator", "ends": "2026-12-18"}
    for username in ("tess", "both", "olive"):
        assert office.client.get(f"/accounts/{username}").status_code == 403
        for what in ("", "/link", "/return", "/undo-end"):
            answer = office.client.post(f"/accounts/{username}{what}", data=data)
            assert answer.status_code == 403, (username, what)
    office.client.post("/accounts/tess/end", data=data)
    assert sign_in(school, "tess", PASSWORD)
    press(office.open("/accounts"), "/accounts/sam/end")
    assert "has ended" in said(office)


def test_a_supply_teacher_of_one_room_is_no_teacher_in_another(school: Any) -> None:
    with school.as_room("Room 4") as here, school.as_room("Room 5") as there:
        with school.store.write_session() as session:
            accounts.add_account(
                session, school.clock(), username="sam", name="Sam", roles=("supply",), password=PASSWORD,
                by="olive", room_ids=[school.room("Room 4").id],
            )  # fmt: skip
        typed = {"username": "sam", "password": PASSWORD, "device": ""}
        assert here.post("/sign-in", json=typed).json()["role"] == "teacher"
        assert there.post("/sign-in", json=typed).json()["role"] == "governor"
