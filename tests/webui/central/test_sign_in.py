"""Signing in and out at central: what ends a session, who has to wait, and what the pages say of it."""

import re
import threading
import zlib
from datetime import timedelta
from typing import Any

import httpx
import pytest
from itsdangerous import base64_decode
from sqlalchemy import text

from appliance import sessions
from appliance.central import accounts
from appliance.central.models import SessionRow
from appliance.central.sign_in import PAGES
from appliance.sign_in_throttle import ACCOUNT_TRIES, KNOWN_DEVICE_TRIES, PLACE_TRIES, SOURCE_TRIES
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import press, said
from webui.central.app import create_central_app

WRONG = "not the password"
NEW = "an even longer pass phrase"


def try_to_sign_in(browser: Browser, username: str, password: str, *, source: str = "127.0.1.1") -> httpx.Response:
    """Fill in the form as somebody at an address does."""
    network = httpx.HTTPTransport(local_address=source)
    with httpx.Client(
        base_url=browser.client.base_url, transport=network, cookies=browser.client.cookies
    ) as client:
        answer = _fill_in(client, username, password)
        for cookie in client.cookies.jar:
            browser.client.cookies.jar.set_cookie(cookie)
    return answer


def _fill_in(client: httpx.Client, username: str, password: str) -> httpx.Response:
    page = client.get("/sign-in")
    token = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', page.text)
    assert token
    fields = {"csrf_token": token[1], "username": username, "password": password}
    return client.post("/sign-in", data=fields)


def is_signed_in(browser: Browser) -> bool:
    return "Sign out" in browser.open("/").text


def rows(school: Any) -> list[SessionRow]:
    with school.store.read_session() as session:
        return list(session.query(SessionRow))


def copy_of(browser: Browser, school: Any) -> Browser:
    """Return another browser with the cookies of one: somebody who copied them."""
    other = Browser(school.url)
    give_cookies(browser, other)
    return other


def give_cookies(one: Browser, other: Browser) -> None:
    for name, value in one.client.cookies.items():
        other.client.cookies.set(name, value, domain="127.0.0.1", path="/")


def test_a_cookie_that_is_replayed_after_sign_out_gives_nothing(cora: Browser, school: Any) -> None:
    with copy_of(cora, school) as thief:
        assert is_signed_in(thief)
        press(cora.open("/"), "/sign-out")
        assert not is_signed_in(thief)


def test_the_table_holds_nothing_that_a_browser_could_send(cora: Browser, school: Any) -> None:
    (row,) = rows(school)
    cookies = "".join(cora.client.cookies.values())
    assert row.id_hash not in cookies
    assert (row.username, row.device) == ("cora", "An unknown device")
    data = (school.central.settings.central.data / "central.db").read_bytes()
    with school.store.read_session() as session:
        names = [name for (name,) in session.execute(text("SELECT name FROM sqlite_master"))]
    assert "sessions" in names
    session_id = id_in(cora)
    assert sessions.hash_session_id(session_id) == row.id_hash
    assert session_id.encode() not in data


def id_in(browser: Browser) -> str:
    """Return the id that a browser's cookie holds."""
    cookie = browser.client.cookies["hallpass-central"]
    content = base64_decode(cookie.lstrip(".").partition(".")[0])
    if cookie.startswith("."):
        content = zlib.decompress(content)
    found = re.search(rb'"_user_id":"([^"]+)"', content)
    assert found
    return found[1].decode()


def test_somebody_who_has_not_signed_in_takes_no_room_in_the_table(school: Any) -> None:
    for _ in range(5):
        with Browser(school.url) as stranger:
            stranger.open("/")
    assert rows(school) == []


def test_a_session_that_was_there_before_is_not_the_one_that_is_signed_in(school: Any) -> None:
    school.account("cora", "coordinator")
    with Browser(school.url) as browser, Browser(school.url) as attacker:
        attacker.open("/sign-in")
        give_cookies(attacker, browser)
        browser.sign_in("cora", PASSWORD)
        assert is_signed_in(browser)
        assert not is_signed_in(attacker)


@pytest.mark.parametrize("what", ["a new password", "an ended account", "signed out everywhere"])
def test_what_ends_an_accounts_sign_ins_ends_them_with_the_next_page(
    cora: Browser, school: Any, what: str
) -> None:
    assert is_signed_in(cora)
    with school.store.write_session() as session:
        if what == "a new password":
            accounts.set_password(session, school.clock(), username="cora", password=NEW, by="office")
        elif what == "an ended account":
            accounts.end_account(session, school.clock(), username="cora", by="office")
        else:
            accounts.sign_out_everywhere(session, school.clock(), username="cora", by="cora")
    assert not is_signed_in(cora)


def test_nobody_stays_signed_in_longer_than_a_school_day_however_busy(cora: Browser, school: Any) -> None:
    for _ in range(9):
        school.clock.pass_minutes(60)
        assert is_signed_in(cora)
    school.clock.pass_minutes(60)
    assert not is_signed_in(cora)


def test_two_idle_hours_end_a_session_and_what_the_page_does_by_itself_is_idle(cora: Browser, school: Any) -> None:
    school.clock.pass_minutes(119)
    assert cora.client.get("/requests", headers={"X-Refresh": "1"}).url.path == "/requests"
    with cora.client.stream("GET", "/events", headers={"Accept": "text/event-stream"}) as stream:
        assert stream.url.path == "/events"
    school.clock.pass_minutes(2)
    assert not is_signed_in(cora)


def test_the_owner_sees_and_ends_their_sign_ins(cora: Browser, school: Any) -> None:
    chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML) Chrome/140.0 Safari/537.36"
    school.account("ben", "coordinator")
    with Browser(school.url) as other, Browser(school.url) as ben:
        other.client.headers["User-Agent"] = chrome
        other.sign_in("cora", PASSWORD)
        ben.sign_in("ben", PASSWORD)
        page = cora.open("/your-sign-ins")
        assert "Chrome on Windows" in page.text
        assert page.text.count("<td><bdi>127.0.0.1</bdi></td>") == 2
        form = page.form_with(action="/end")
        token = ben.open("/your-sign-ins").form_with(action="/sign-out").fields["csrf_token"]
        ben.client.post(form.action, data={"csrf_token": token})
        assert is_signed_in(other), "what is another's nobody ends"
        press(cora.open("/your-sign-ins"), form.action)
        assert "Signed out there" in said(cora)
        assert not is_signed_in(other)
        assert is_signed_in(cora)
        assert is_signed_in(ben)


def test_a_new_password_by_its_owner_ends_every_sign_in_but_their_own(cora: Browser, school: Any) -> None:
    with Browser(school.url) as other:
        other.sign_in("cora", PASSWORD)
        form = cora.open("/your-password").form_with("new")
        cora.send(form, password=WRONG, new=NEW, again=NEW)
        assert "not right" in said(cora)
        cora.send(cora.open("/your-password").form_with("new"), password=PASSWORD, new=NEW, again=NEW)
        assert "signed out everywhere else" in said(cora)
        assert is_signed_in(cora)
        assert not is_signed_in(other)
        assert try_to_sign_in(other, "cora", PASSWORD).status_code == 401
        assert try_to_sign_in(other, "cora", NEW).status_code == 302


def test_signing_out_everywhere_else_keeps_the_one_who_does(cora: Browser, school: Any) -> None:
    with copy_of(cora, school) as other:
        other.client.cookies.clear()
        other.sign_in("cora", PASSWORD)
        press(cora.open("/your-password"), "/everywhere/end")
        assert is_signed_in(cora)
        assert not is_signed_in(other)


def test_a_message_waits_for_the_page_that_a_person_sees(cora: Browser) -> None:
    rules = cora.open("/rules")
    token = rules.form_with("name", "action").fields["csrf_token"]
    fields = {"csrf_token": token, "name": "bad.example.org", "action": "block"}
    cora.client.post("/rules", data=fields, follow_redirects=False)
    refreshed = cora.client.get("/rules", headers={"X-Refresh": "1"})
    assert "Set-Cookie" not in refreshed.headers
    assert 'class="alert' not in refreshed.text
    assert "bad.example.org" in said(cora.open("/rules"))


def test_a_form_that_was_open_when_its_session_ended_leads_to_signing_in(cora: Browser, school: Any) -> None:
    form = cora.open("/rules").form_with("name", "action")
    school.clock.pass_minutes(11 * 60)
    cora.send(form, name="bad.example.org", action="block")
    assert "Password" in cora.text


def test_wrong_passwords_cost_the_source_and_the_page_says_so(school: Any) -> None:
    school.account("cora", "coordinator")
    with Browser(school.url) as stranger:
        for name in ("cora", "nobody") * (SOURCE_TRIES.amount // 2):
            assert "not right" in try_to_sign_in(stranger, name, WRONG).text
        refused = [try_to_sign_in(stranger, name, PASSWORD) for name in ("cora", "nobody")]
        assert [one.status_code for one in refused] == [429, 429]
        words = [re.search(r'role="alert">([^<]+)<', one.text) for one in refused]
        assert {one and one[1] for one in words} == {
            "There were too many wrong tries from this device. Please wait 300 seconds."
        }
        assert refused[0].headers["Retry-After"] == "300"
        assert try_to_sign_in(stranger, "cora", PASSWORD, source="127.0.1.2").status_code == 302
    with Browser(school.url) as later:
        school.clock.time += timedelta(seconds=301)
        assert try_to_sign_in(later, "cora", PASSWORD).status_code == 302


def test_a_right_password_from_where_it_was_right_before_passes_whoever_else_guesses(
    cora: Browser, school: Any
) -> None:
    press(cora.open("/"), "/sign-out")
    with Browser(school.url) as stranger:
        for number in range(ACCOUNT_TRIES.amount * 2):
            try_to_sign_in(stranger, "cora", WRONG, source=f"127.0.2.{number}")
        slowed = try_to_sign_in(stranger, "cora", PASSWORD, source="127.0.3.1")
        assert slowed.status_code == 429
        assert "use a device where you have signed in" in slowed.text
    assert try_to_sign_in(cora, "cora", PASSWORD, source="127.0.1.1").status_code == 302


def test_a_device_that_is_known_may_not_guess_for_ever_either(cora: Browser, school: Any) -> None:
    press(cora.open("/"), "/sign-out")
    for _ in range(KNOWN_DEVICE_TRIES.amount + SOURCE_TRIES.amount):
        assert try_to_sign_in(cora, "cora", WRONG).status_code == 401
    assert try_to_sign_in(cora, "cora", WRONG).status_code == 429


def test_the_token_of_a_device_is_worth_nothing_for_another_account(cora: Browser, school: Any) -> None:
    school.account("dora", "coordinator")
    press(cora.open("/"), "/sign-out")
    for _ in range(SOURCE_TRIES.amount):
        try_to_sign_in(cora, "dora", WRONG)
    assert try_to_sign_in(cora, "dora", PASSWORD).status_code == 429


def test_right_passwords_cost_nothing(school: Any) -> None:
    school.account("cora", "coordinator")
    for _ in range(SOURCE_TRIES.amount + 5):
        with Browser(school.url) as browser:
            assert try_to_sign_in(browser, "cora", PASSWORD).status_code == 302


def test_forty_guesses_at_once_count_as_forty(school: Any) -> None:
    school.account("cora", "coordinator")
    start, answers = threading.Barrier(40), []

    def guess() -> None:
        with Browser(school.url) as browser:
            browser.open("/sign-in")
            start.wait(30)
            answers.append(try_to_sign_in(browser, "cora", WRONG).status_code)

    threads = [threading.Thread(target=guess) for _ in range(40)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers.count(401) == SOURCE_TRIES.amount
    assert answers.count(429) == 40 - SOURCE_TRIES.amount


def test_pupils_cannot_shut_the_coordinator_out(school: Any) -> None:
    school.account("cora", "coordinator")
    with school.as_room("Room 4") as room, Browser(school.url) as usual, Browser(school.url) as new:
        usual.sign_in("cora", PASSWORD)
        press(usual.open("/"), "/sign-out")
        for _ in range(10):
            for _ in range(5):
                answer = room.post("sign-in", json={"username": "cora", "password": WRONG, "device": "a pupil's"})
                assert answer.status_code in (401, 429)
            school.clock.pass_minutes(1)
        assert try_to_sign_in(usual, "cora", PASSWORD).status_code == 302
        assert try_to_sign_in(new, "cora", PASSWORD).status_code == 302


def test_a_rooms_devices_are_throttled_each_by_itself_and_a_room_by_itself(school: Any) -> None:
    school.account("tess", "teacher")

    def sign_in(
        room: httpx.Client, device: str, password: str = PASSWORD, username: str = "tess"
    ) -> httpx.Response:
        return room.post("sign-in", json={"username": username, "password": password, "device": device})

    with school.as_room("Room 4") as room, school.as_room("Room 5") as other:
        assert sign_in(room, "teacher's").status_code == 200
        for _ in range(SOURCE_TRIES.amount):
            assert sign_in(room, "pupil's", WRONG).status_code == 401
        refused = sign_in(room, "pupil's")
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) == 300
        assert "too many wrong tries from this device" in refused.json()["detail"]
        assert sign_in(room, "another").status_code == 200
        for number in range(PLACE_TRIES.amount):  # a room full of guessers, at every name they know
            sign_in(room, f"pupil {number}", WRONG, username=f"name {number}")
        assert sign_in(room, "new").status_code == 429
        assert sign_in(room, "teacher's").status_code == 200
        assert sign_in(other, "new").status_code == 200
        assert sign_in(other, "pupil's").status_code == 200, "another room's device of that name is another device"


def test_an_old_room_that_says_nothing_of_devices_can_still_sign_people_in(school: Any) -> None:
    school.account("tess", "teacher")
    with school.as_room() as room:
        for _ in range(SOURCE_TRIES.amount * 2):
            assert room.post("sign-in", json={"username": "tess", "password": WRONG}).status_code == 401
        assert room.post("sign-in", json={"username": "tess", "password": PASSWORD}).status_code == 200


def test_guesses_at_an_account_are_written_down_once_in_a_while(school: Any) -> None:
    school.account("cora", "coordinator")
    with Browser(school.url) as stranger:
        for _ in range(SOURCE_TRIES.amount * 2):
            try_to_sign_in(stranger, "cora", WRONG)
    with school.store.read_session() as session:
        noted = session.execute(text("SELECT who, detail FROM audit WHERE what = 'wrong passwords'")).all()
    assert [tuple(one) for one in noted] == [("cora", f"too many, at {PAGES}'s pages")]


def test_a_name_with_a_nul_is_nobodys(school: Any) -> None:
    with Browser(school.url) as stranger:
        assert try_to_sign_in(stranger, "cora\x00", WRONG).status_code == 400


@pytest.mark.parametrize(("scheme", "is_secure"), [("https", True), ("http", False)])
def test_where_a_proxy_encrypts_the_cookie_is_for_encrypted_connections_alone(
    school: Any, scheme: str, is_secure: bool
) -> None:
    """Central has no certificate of its own here; whose word counts for the scheme, the server decides."""
    pages = create_central_app(school.central).test_client()
    answer = pages.get("/sign-in", base_url=f"{scheme}://central.example.org")
    assert answer.status_code == 200
    assert ("; Secure" in answer.headers["Set-Cookie"]) == is_secure
