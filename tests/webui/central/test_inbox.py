"""The inbox at central: decided from a link, by two people at once, with odd input; never by looking."""

import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from appliance.central import inbox, requests, rules
from appliance.protocol import UnblockRequest
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import document, press, said, state
from webui.shared.languages import COOKIE


def ask(school: Any, **fields: Any) -> str:
    message: UnblockRequest = msgspec.structs.replace(school.unblock_request(), **fields)
    with school.store.write_session() as session:
        requests.submit_request(session, school.clock(), session.merge(school.room()), message)
    return message.id


def test_a_link_leads_to_the_decision_after_signing_in_and_decides_nothing_by_itself(school: Any) -> None:
    school.enrol("Room 4")
    school.account("cora", "coordinator")
    request_id = school.request()
    with Browser(school.url) as browser:
        browser.open(f"/requests/{request_id}")
        form = browser.form_with("password")
        browser.send(form, username="cora", password=PASSWORD)
        assert "Open it" in browser.text
        assert state(school).state == "waiting"
        press(browser, "/decide", "approve")
    assert state(school).state == "approved"


def test_the_second_of_two_coordinators_is_told_what_the_first_decided(cora: Browser, school: Any) -> None:
    request_id = school.request()
    cora.open(f"/requests/{request_id}")
    with school.store.write_session() as session:
        requests.approve_request(session, school.clock(), request_id=request_id, by="dan")
    press(cora, "/decide", "deny")
    assert "this request is approved already by dan" in said(cora)
    assert state(school).state == "approved"
    assert "Approved by dan" in cora.open(f"/requests/{request_id}").text


def test_a_double_click_is_one_decision(cora: Browser, school: Any) -> None:
    school.request()
    cora.open("/")
    form = cora.form_with(action="/decide")
    for _ in range(2):
        cora.send(form, files=None, decision="approve")
    assert len(document(school).unblocks) == 1
    assert "approved already by cora" in said(cora)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"minutes": "0"}, "Minutes"),
        ({"minutes": "1" * 400}, "too large"),
        ({"start": "2020-01-01T10:00"}, "over already"),
        ({"start": "2199-01-01T10:00"}, "days ahead"),
        ({"start": "2027-03-28T01:30"}, "no such hour"),
        ({"start": "soon"}, "From"),
        ({"scope": "universe"}, "Where"),
        ({"scope": "device"}, "one device"),
        ({"group": "nobody"}, "no group"),
        ({"more": "co.uk"}, "co.uk"),
        ({"more": "not!a!name"}, "not the name of a site"),
    ],
)
def test_what_cannot_be_done_is_said_beside_the_form_which_stays_filled(
    cora: Browser, school: Any, fields: dict[str, str], words: str
) -> None:
    school.request()
    cora.open("/")
    press(cora, "/decide", "approve", answer="Have fun", **fields)
    assert words in cora.text
    assert 'value="Have fun"' in cora.text
    assert (state(school).state, document(school).unblocks) == ("waiting", ())


def test_a_planned_opening_is_never_said_to_be_open_and_gets_another_time(cora: Browser, school: Any) -> None:
    ask(school, since=school.clock() + timedelta(days=1), minutes=45)
    press(cora.open("/"), "/decide", "approve")
    assert "games.example.org opens by itself: tomorrow, 09:00, until tomorrow, 09:45." in said(cora)
    press(cora, "/change", start="2026-11-25T11:00", end="2026-11-25T10:00")
    assert "end before it begins" in said(cora)
    press(cora, "/change", start="2026-11-25T11:00", end="2026-11-25T12:00")
    assert "opens by itself: tomorrow, 11:00" in said(cora)
    assert document(school).unblocks[0].since == school.clock() + timedelta(hours=26)


def test_names_that_it_also_needed_are_granted_with_a_tick(cora: Browser, school: Any) -> None:
    ask(school, also=("cdn.example.org",), seen_with=("img.example.org",))
    cora.open("/")
    assert "(this site also needed it)" in cora.text
    press(cora, "/decide", "approve", also="img.example.org", more="fonts.example.org, maps.example.org")
    assert document(school).unblocks[0].also == ("img.example.org", "fonts.example.org", "maps.example.org")


def test_a_denial_takes_a_reason_that_is_chosen(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "deny", reason="It is not suitable for this age.", answer="Sorry.")
    assert state(school).answer == "It is not suitable for this age. Sorry."


def test_a_reason_that_is_chosen_is_read_in_the_language_of_each_page(cora: Browser, school: Any) -> None:
    school.request()
    cora.client.cookies.set(COOKIE, "cy")
    form = cora.open("/").text
    assert '<option value="It is not suitable for this age.">Nid yw' in form
    press(cora, "/decide", "deny", reason="It is not suitable for this age.", answer="Sorry.")
    assert state(school).answer == "It is not suitable for this age. Sorry.", "it is kept as it was"
    assert re.search(r"Nid yw[^<]* Sorry\.", cora.open("/requests/decided").text)


def test_a_site_is_opened_for_good_and_that_is_undone(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "permanent")
    assert "is open for good, in every room" in said(cora)
    assert [rule.name for rule in document(school).rules] == ["games.example.org"]
    press(cora, "/undo-permanent")
    assert document(school).rules == ()


def test_a_request_is_passed_on_with_a_note_and_the_colleague_sees_it_first(cora: Browser, school: Any) -> None:
    school.account("dan", "coordinator")
    ask(school, site="first.example.org")
    school.clock.pass_minutes(1)
    ask(school, site="second.example.org")
    cora.open("/requests?q=second")
    press(cora, "/pass-on", to="dan", note="You know that site")
    with Browser(school.url) as dan:
        page = dan.sign_in("dan", PASSWORD).open("/requests").text
    assert "For you, from Cora" in page
    assert page.index("second.example.org") < page.index("first.example.org")


def test_a_site_that_nobody_asked_for_is_opened_and_a_locked_one_is_not(cora: Browser, school: Any) -> None:
    cora.open("/")
    press(cora, "/openings", site="https://plans.example.org/page", minutes="20", room="Room 4")
    assert "plans.example.org is open until" in said(cora)
    cora.send(cora.form_with("site", action="/openings"), site="co.uk")
    assert "co.uk" in said(cora)
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name="locked.example.org", action="block", locked=True, by="dan")
    cora.send(cora.form_with("site", action="/openings"), site="locked.example.org")
    assert "Nothing was opened" in said(cora)
    assert [one.site for one in document(school).unblocks] == ["plans.example.org"]


def test_many_requests_are_paged_and_found(cora: Browser, school: Any) -> None:
    for number in range(inbox.PAGE_SIZE + 1):
        ask(school, site=f"s{number:02}.example.org")
        school.clock.pass_minutes(0.01)
    page = cora.open("/").text
    assert "Page 1 of 2" in page
    assert "s25.example.org" not in page
    assert "s25.example.org" in cora.open("/requests?page=2").text
    assert "s07.example.org" in cora.open("/requests?q=S07").text
    odd_addresses = ("?page=x", "?page=-1", "?page=999999999999", "?q=%25%00", "/%F0%9F%92%A9", "/decided?q=s")
    for odd in odd_addresses:
        assert cora.client.get(f"{school.url}/requests{odd}").status_code < 500, odd
