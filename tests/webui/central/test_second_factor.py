"""The second step at central's pages: set up, asked for at signing in, asked of roles, taken off."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.central import accounts, second_factor
from tests.e2e.browser import Browser
from tests.fakes.code_app import code_of
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import press, said
from tests.webui.conftest import ServedSchool


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSchool]:
    served = ServedSchool(tmp_path_factory.mktemp("central"))
    served.account("ben", "coordinator")
    yield served
    served.close()


@pytest.fixture
def phone(request: pytest.FixtureRequest) -> Iterator[Browser]:
    with Browser(request.getfixturevalue("school").url) as browser:
        yield browser


@pytest.fixture
def ben(school: ServedSchool) -> Iterator[Browser]:
    with Browser(school.url) as browser:
        yield browser.sign_in("ben", PASSWORD)


def set_up(browser: Browser, school: ServedSchool) -> str:
    """Set a second step up as a person does, and return the secret that their app has."""
    press(browser.open("/your-second-step"), "/begin")
    assert "<svg" in browser.text
    found = re.search(r"type this into the app: <code[^>]*>([^<]+)<", browser.text)
    assert found
    secret = found[1].replace(" ", "")
    form = browser.form_with("code", "password")
    browser.send(form, code=code_of(secret, school.clock(), steps=-1), password=PASSWORD)
    assert "is set up" in said(browser)
    return secret


def bring(browser: Browser, code: str) -> None:
    """Send a code, which may be refused."""
    assert browser.response is not None
    fields = {"csrf_token": browser.form_with("code").fields["csrf_token"], "code": code}
    browser.response = browser.client.post(str(browser.response.url), data=fields)


def test_a_person_sets_it_up_notes_recovery_codes_and_is_asked_on_the_way_to_where_they_were_going(
    school: ServedSchool, phone: Browser
) -> None:
    school.account("dora", "coordinator")
    with Browser(school.url) as dora, Browser(school.url) as other:
        dora.sign_in("dora", PASSWORD)
        other.sign_in("dora", PASSWORD)
        secret = set_up(dora, school)
        codes = re.findall(r"<code[^>]*>((?:\w{4}-){3}\w{4})</code>", dora.text)
        assert len(codes) == 10
        assert re.findall(r"<code[^>]*>((?:\w{4}-){3}\w{4})</code>", dora.open("/your-second-step").text) == codes
        press(dora, "/noted")
        assert codes[0] not in dora.text
        assert "Password" in other.open("/").text, "signed out everywhere else"

        phone.open("/rules?page=1")
        phone.send(phone.form_with("username", "password"), username="dora", password=PASSWORD)
        assert "Your code" in phone.text
        assert "Sign out" not in phone.text
        assert "Password" in Browser(school.url).open("/rules").text
        bring(phone, "000000")
    assert phone.text.lower().count("not right") == 1
    bring(phone, code_of(secret, school.clock()))
    assert phone.response is not None
    assert str(phone.response.url) == f"{school.url}/rules?page=1"
    with Browser(school.url) as thief:
        thief.sign_in("dora", PASSWORD)
        bring(thief, code_of(secret, school.clock()))
        assert "used already" in thief.text
        bring(thief, codes[0])
        assert "Sign out" in thief.text


def test_no_page_opens_between_the_password_and_the_code(school: ServedSchool, phone: Browser) -> None:
    school.account("emma", "coordinator")
    with Browser(school.url) as emma:
        set_up(emma.sign_in("emma", PASSWORD), school)
    phone.sign_in("emma", PASSWORD)
    for path in ("/", "/rules", "/accounts", "/your-second-step", "/your-password", "/events"):
        assert "Password" in phone.client.get(path).text, path
    for path in ("/your-second-step/off", "/accounts/emma/second-step/take-off", "/your-second-step/noted"):
        token = phone.open("/sign-in/code").form_with("code").fields["csrf_token"]
        phone.client.post(path, data={"csrf_token": token, "password": PASSWORD, "code": "000000"})
    with school.store.read_session() as session:
        user = accounts.find_user(session, "emma")
        assert user is not None
        assert user.has_second_factor
    school.clock.pass_minutes(6)
    bring(phone.open("/sign-in/code"), "123456")
    assert "took too long" in said(phone)
    assert phone.form_with("username", "password")
    for odd in ("//example.org", "/%5Cexample.org", "https://example.org"):
        answer = phone.client.get(f"/sign-in/code?next={odd}", follow_redirects=False)
        assert "example.org" not in answer.headers.get("Location", "")


def test_it_is_turned_off_with_password_and_code_and_not_with_one_of_them(
    school: ServedSchool, phone: Browser
) -> None:
    school.account("fay", "head")
    secret = set_up(phone.sign_in("fay", PASSWORD), school)
    for fields in ({"password": "wrong", "code": code_of(secret, school.clock())},
                   {"password": PASSWORD, "code": "000000"}):  # fmt: skip
        phone.send(phone.open("/your-second-step").form_with("password", action="/off"), files=None, **fields)
        assert "not right" in said(phone)
    form = phone.form_with("code", action="/recovery-codes")
    phone.send(form, code=code_of(secret, school.clock()))
    assert "other recovery codes" in said(phone)
    form = phone.form_with("password", action="/off")
    phone.send(form, password=PASSWORD, code=code_of(secret, school.clock(), steps=1))
    assert "is off" in said(phone)
    with Browser(school.url) as other:
        assert "Sign out" in other.sign_in("fay", PASSWORD).text


def test_a_lost_phone_is_taken_off_by_whoever_manages_the_account_and_by_nobody_else(
    school: ServedSchool, ben: Browser, phone: Browser
) -> None:
    school.account("gwen", "head")
    school.account("olive", "office")
    with Browser(school.url) as gwen:
        set_up(gwen.sign_in("gwen", PASSWORD), school)
        phone.sign_in("olive", PASSWORD)
        token = phone.open("/accounts").form_with("username").fields["csrf_token"]
        for what in ("second-step/take-off", "sign-out"):
            answer = phone.client.post(f"/accounts/gwen/{what}", data={"csrf_token": token})
            assert answer.status_code == 403
        assert "Sign out" in gwen.open("/").text
        assert "<bdi>An unknown device</bdi>, from <bdi>127.0.0.1</bdi>, since" in ben.open("/accounts/gwen").text
        press(ben, "/accounts/gwen/sign-out")
        assert "signed out everywhere" in said(ben)
        assert "Password" in gwen.open("/").text
    press(ben.open("/accounts/gwen"), "/second-step/take-off")
    assert "is off" in said(ben)
    assert "second step taken off" in ben.open("/audit").text
    with Browser(school.url) as gwen:
        assert "Sign out" in gwen.sign_in("gwen", PASSWORD).text
    ben.client.post("/accounts/ben/second-step/take-off", data={"csrf_token": token})
    assert "Sign out" in ben.open("/").text


def test_one_that_was_taken_off_by_mistake_is_put_back_by_whoever_may_manage_the_account(
    school: ServedSchool, ben: Browser, phone: Browser
) -> None:
    school.account("ivy", "head")
    school.account("oscar", "office")
    with Browser(school.url) as ivy:
        secret = set_up(ivy.sign_in("ivy", PASSWORD), school)
    press(ben.open("/accounts/ivy"), "/second-step/take-off")
    undo = ben.form_with(action="/put-back")
    with Browser(school.url) as thief:
        assert "Sign out" in thief.sign_in("ivy", PASSWORD).text
        phone.sign_in("oscar", PASSWORD)
        token = phone.open("/accounts").form_with("username").fields["csrf_token"]
        assert phone.client.post(undo.action, data={"csrf_token": token}).status_code == 403
        odd = ben.client.post("/accounts/second-steps/" + "f" * 32 + "/put-back", data=undo.fields)
        assert "can no longer be undone" in odd.text
        ben.send(undo, files=None)
        assert "as it was before" in said(ben)
        assert "Password" in thief.open("/").text, "what the password alone had opened is over"
    with Browser(school.url) as ivy:
        assert "Your code" in ivy.sign_in("ivy", PASSWORD).text
        bring(ivy, code_of(secret, school.clock()))
        assert "Sign out" in ivy.text


def test_whoever_has_to_have_one_can_do_nothing_else_from_that_day_on(
    school: ServedSchool, ben: Browser, phone: Browser
) -> None:
    school.account("hal", "technician")
    phone.sign_in("hal", PASSWORD)
    form = ben.open("/second-step").form_with("since")
    ben.send(form, roles="technician", since="")
    assert "from which day" in said(ben)
    ben.send(ben.form_with("since"), roles="technician", since="2026-11-26")
    assert "Saved" in said(ben)
    assert "<li>hal</li>" in ben.text
    assert "asks you for a second step at signing in from 26 November 2026" in phone.open("/rooms").text
    school.clock.pass_minutes(3 * 24 * 60)
    phone.sign_in("hal", PASSWORD)
    for path in ("/", "/rooms", "/sign-in?next=/rooms", "/new-password/x"):
        assert "Your second step" in phone.open(path).text, path
    assert phone.client.get("/shared/style.css", follow_redirects=False).status_code == 200
    set_up(phone, school)
    assert "Rooms" in phone.open("/rooms").text
    assert second_factor.RECOVERY_CODES == 10


def test_odd_codes_are_refused_in_words(school: ServedSchool, phone: Browser) -> None:
    school.account("ida", "head")
    with Browser(school.url) as ida:
        set_up(ida.sign_in("ida", PASSWORD), school)
    phone.sign_in("ida", PASSWORD)
    token = phone.form_with("code").fields["csrf_token"]
    odd: list[Any] = ["\x00", "\u202e", "x" * 20_000, ["1", "2"], "", "9" * 65]
    for code in odd:
        answer = phone.client.post("/sign-in/code", data={"csrf_token": token, "code": code})
        assert answer.status_code < 500, code
        assert "Sign out" not in answer.text
