"""What the coordinator does on central's pages, over real sockets, as a browser would."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from appliance.card import enrolment_file
from appliance.central import accounts, audit, policies, requests
from appliance.central.models import PublicationRow
from appliance.protocol import SiteReport
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD

PAGES = ("/", "/rules", "/lists", "/rooms", "/accounts", "/audit")


@pytest.fixture
def cora(school: Any) -> Iterator[Browser]:
    school.enrol("Room 4")
    school.account("cora", "coordinator")
    with Browser(school.url) as browser:
        yield browser.sign_in("cora", PASSWORD)


def document(school: Any) -> Any:
    with school.store.write_session(affects_rooms=False) as session:
        return policies.build_policy(session, school.clock(), session.merge(school.room()))


def state(school: Any) -> Any:
    with school.store.read_session() as session:
        return requests.list_request_states(session, school.clock(), school.room())[-1]


def said(browser: Browser) -> str:
    """Return what the page's messages say."""
    found = re.findall(r'<div class="alert[^>]*>\s*<span>(.*?)</span>', browser.text, re.DOTALL)
    return " ".join(found)


def press(browser: Browser, action: str, button: str = "", **values: str) -> Browser:
    """Send the first form whose action contains a text, with the button of that name pressed."""
    form = browser.form_with(action=action)
    if button:
        name, value = next(one for one in form.buttons if one[1] == button)
        values[name] = value
    return browser.send(form, files=None, **values)


def test_nobody_sees_a_page_without_signing_in(school: Any) -> None:
    with Browser(school.url) as stranger:
        for path in (*PAGES, "/events"):
            assert "Sign in" in stranger.open(path).text


@pytest.mark.parametrize("role", ["teacher", "governor", "technician"])
def test_only_the_coordinator_comes_in(school: Any, role: Any) -> None:
    school.account("ada", role)
    with Browser(school.url) as browser:
        browser.open("/sign-in")
        form = browser.form_with("username", "password")
        answer = browser.client.post("/sign-in", data=form.fields | {"username": "ada", "password": PASSWORD})
        assert answer.status_code == 401
        assert "for the coordinator" in answer.text


def test_a_form_without_its_token_is_refused(cora: Browser, school: Any) -> None:
    for path in ("/rules", "/sign-out", "/rooms", "/accounts/cora/end", "/lists/compile"):
        assert cora.client.post(path, data={"name": "bad.example.org", "action": "block"}).status_code == 400
    assert document(school).rules == ()


def test_pages_are_protected_and_bring_no_script_of_their_own(cora: Browser) -> None:
    for path in PAGES:
        page = cora.open(path)
        assert page.response is not None
        assert "default-src 'self'" in page.response.headers["Content-Security-Policy"]
        assert page.response.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<script(?![^>]*\ssrc=)", page.text)
        assert not re.search(r"\son\w+=|style=\"", page.text)
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page.text)


def test_every_field_has_its_label_and_every_page_one_heading(cora: Browser, school: Any) -> None:
    school.request()
    for path in PAGES:
        text = cora.open(path).text
        assert len(re.findall(r"<h1[\s>]", text)) == 1, path
        labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', text))
        fields = re.findall(r"<(?:input|select|textarea)\b[^>]*>", text)
        for field in fields:
            if 'type="hidden"' not in field:
                identity = re.search(r'\bid="([^"]+)"', field)
                assert identity, field
                assert identity[1] in labelled, field


def test_the_coordinator_approves_and_the_room_is_told(cora: Browser, school: Any) -> None:
    school.request()
    cora.open("/")
    assert "games.example.org" in cora.text
    press(cora, "/decide", "approve", minutes="15", answer="Enjoy")
    assert "games.example.org is open until" in said(cora)
    told = state(school)
    assert (told.state, told.decided_by, told.answer) == ("approved", "cora", "Enjoy")
    assert (told.until - school.clock()).total_seconds() == 15 * 60
    assert document(school).unblocks[0].site == "games.example.org"


def test_approving_can_be_undone_from_the_message(cora: Browser, school: Any) -> None:
    school.request()
    press(press(cora.open("/"), "/decide", "approve"), "/end")
    assert state(school).state == "ended"
    assert document(school).unblocks == ()


def test_what_is_open_can_be_ended_at_once(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "approve", scope="school")
    cora.open("/rules").open("/")
    assert "every room" in cora.text
    press(cora, "/end")
    assert state(school).state == "ended"


def test_a_denial_gives_the_teacher_words(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "deny", answer="Please use the library's copy.")
    assert (state(school).state, state(school).answer) == ("denied", "Please use the library's copy.")


def test_a_request_that_was_decided_meanwhile_is_said_so(cora: Browser, school: Any) -> None:
    request_id = school.request()
    cora.open("/")
    with school.store.write_session() as session:
        requests.deny_request(session, school.clock(), request_id=request_id, by="other", answer="no")
    press(cora, "/decide", "approve")
    assert "denied already" in said(cora)


def test_a_name_is_closed_and_the_undo_opens_it_again(cora: Browser, school: Any) -> None:
    cora.open("/rules")
    cora.send(cora.form_with("name", "action"), name="Bad.Example.org", action="block", note="asked for")
    assert document(school).rules[0].name == "bad.example.org"
    press(cora, "/remove")
    assert document(school).rules == ()
    form = next(one for one in cora.forms() if one.fields.get("name") == "bad.example.org")
    cora.send(form)
    assert document(school).rules[0].note == "asked for"


@pytest.mark.parametrize("name", ["no name at all", "", "x" * 300, "<script>alert(1)</script>"])
def test_a_mistake_in_a_form_is_said_and_nothing_is_done(cora: Browser, school: Any, name: str) -> None:
    cora.open("/rules")
    cora.send(cora.form_with("name", "action"), name=name)
    assert said(cora)
    assert "<script>alert" not in cora.text
    assert document(school).rules == ()


def test_categories_are_closed_and_opened_for_a_profile(cora: Browser, school: Any) -> None:
    form = cora.open("/rules").form_with(action="/profiles/staff")
    token = {"csrf_token": form.fields["csrf_token"]}
    cora.client.post("/profiles/staff", data=token | {"closed": ["gambling", "games"]})
    (staff,) = [one for one in document(school).profiles if one.name == "staff"]
    assert staff.closed == ("gambling", "games")


def test_a_list_is_handed_in_and_its_bad_lines_are_shown(cora: Browser, school: Any) -> None:
    cora.open("/lists")
    cora.send(
        cora.form_with("category", "format"),
        files={"file": ("list.txt", b"bad.example.org\nthis is no entry\n")},
        name="our-list", category="gambling",
    )  # fmt: skip
    assert "The list was added" in said(cora)
    school.central.publisher.build_and_publish()
    cora.open("/lists")
    assert "1 line passed over" in cora.text
    assert "this is no entry" in cora.text
    with school.store.read_session() as session:
        newest = policies.latest_publication(session)
    assert isinstance(newest, PublicationRow)
    press(cora, "/remove")
    assert "/remove" not in cora.open("/lists").text


@pytest.mark.parametrize(
    ("fields", "says"),
    [({"location": ""}, "either an https address or a file"),
     ({"location": "http://lists.example.org/x"}, "https"),
     ({"location": "/etc/passwd"}, "https"),
     ({"location": "https://lists.example.org/x", "name": "Bad Name!"}, "no name for a source")],
)  # fmt: skip
def test_a_source_that_cannot_be_is_refused_in_words(cora: Browser, fields: dict[str, str], says: str) -> None:
    cora.open("/lists")
    form = cora.form_with("category", "format")
    cora.send(form, files=None, **({"name": "a-list", "category": "games"} | fields))
    assert says in said(cora)


def test_a_file_that_is_no_list_is_refused_in_words(cora: Browser) -> None:
    cora.open("/lists")
    page = {"file": ("list.txt", b"<!doctype html><html>sign in first</html>\n")}
    cora.send(cora.form_with("category", "format"), files=page, name="a-list", category="games")
    assert "no list" in said(cora)


def test_a_rooms_token_is_shown_once_and_opens_the_interface(cora: Browser, school: Any) -> None:
    cora.open("/rooms")
    cora.send(cora.form_with("name", action="/rooms"), name="Room 5")
    token = re.search(r"user-select-all[^>]*>([^<]+)<", cora.text)
    assert token
    answer = cora.client.get("/api/v1/policy", headers={"Authorization": f"Bearer {token[1].strip()}"})
    assert answer.json()["room"] == "Room 5"
    assert token[1] not in cora.open("/rooms").text


def test_an_account_is_added_with_a_password_shown_once_and_ended(cora: Browser, school: Any) -> None:
    cora.open("/accounts")
    cora.send(cora.form_with("username", "role"), username="supply", name="Sam", role="teacher", ends="2030-01-31")
    password = re.search(r"user-select-all[^>]*>([^<]+)<", cora.text)
    assert password
    assert "31 January 2030" in cora.open("/accounts").text
    press(cora, "/accounts/supply/end")
    assert "has ended" in said(cora)


def test_nobody_locks_themself_out(cora: Browser) -> None:
    token = cora.open("/accounts").form_with("username").fields["csrf_token"]
    cora.client.post("/accounts/cora/end", data={"csrf_token": token})
    assert "Sign out" in cora.open("/accounts").text


def test_an_account_that_was_ended_is_signed_out_at_once(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        accounts.end_account(session, school.clock(), username="cora", by="head")
    assert "Sign in" in cora.open("/").text


def test_a_report_closes_the_site_or_is_put_away(cora: Browser, school: Any) -> None:
    for number, site in enumerate(("bad.example.org", "fine.example.org")):
        report = SiteReport(id=str(number) * 32, site=site, teacher="ada", reported_at=school.clock())
        with school.store.write_session() as session:
            requests.receive_report(session, school.clock(), session.merge(school.room()), report)
    press(cora.open("/"), "/settle", "bad.example.org")
    assert document(school).rules[0].name == "bad.example.org"
    press(cora, "/settle")
    assert "fine.example.org" not in cora.open("/").text
    assert len(document(school).rules) == 1


def test_everything_stands_in_the_audit(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "deny", answer="Not today")
    text = cora.open("/audit").text
    for words in ("room enrolled", "account added", "denied", "Not today"):
        assert words in text
    with school.store.read_session() as session:
        assert audit.list_audit_entries(session)


def test_a_room_is_enrolled_into_the_file_for_its_card(cora: Browser, school: Any) -> None:
    form = cora.open("/rooms").form_with(action="/rooms")
    assert "Set url in [central]" in said(cora.send(form, name="Room 9", bundle="1"))
    assert "Room 9" not in cora.open("/rooms").text
    school.central.settings = msgspec.structs.replace(
        school.central.settings,
        central=msgspec.structs.replace(school.central.settings.central, url="https://central.example.org"),
    )
    cora.send(cora.open("/rooms").form_with(action="/rooms"), name="Room 9", bundle="1")
    made = enrolment_file.decode_enrolment(cora.text.encode())
    assert (made.room, made.url) == ("Room 9", "https://central.example.org")


def test_the_page_hears_when_something_changed(cora: Browser, school: Any) -> None:
    with cora.client.stream("GET", "/events") as events:
        assert events.headers["Content-Type"].startswith("text/event-stream")
        lines = events.iter_lines()
        assert next(lines).startswith("retry:")
        school.request()
        assert "event: changed" in (line for line in lines)


def test_signing_out_signs_out(cora: Browser) -> None:
    press(cora.open("/"), "/sign-out")
    assert "Sign in" in cora.open("/").text
