"""Requests, as the coordinator sees them at central."""

from typing import Any

from appliance.central import request_expiry, requests, rules
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import document, press, said, state


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


def test_what_nobody_can_open_is_said_and_stays_closed(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        rules.add_rule(
            session, school.clock(), name="example.org", action="block", note="", locked=True, by="cora"
        )
    school.request()
    assert "games.example.org stays closed: Nobody can open it." in cora.open("/").text
    press(cora, "/decide", "approve")
    assert "Nothing was opened; the request still waits." in said(cora)
    assert (state(school).state, document(school).unblocks) == ("waiting", ())


def test_the_coordinator_sees_why_a_site_is_closed_before_deciding(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        rules.add_rule(
            session, school.clock(), name="example.org", action="block", note="cards", locked=False, by="cora"
        )
    school.request()
    assert "Closed by the school&#39;s rule for example.org." in cora.open("/").text
    press(cora, "/decide", "approve")
    assert state(school).state == "approved"


def test_a_site_that_is_open_already_is_said_to_be(cora: Browser, school: Any) -> None:
    school.request()
    assert "Open already" in cora.open("/").text


def test_a_site_on_a_published_list_is_said_to_be_on_it(cora: Browser, school: Any) -> None:
    school.central.publisher.build_and_publish()  # the starter list
    school.request(site="www.tiktok.com")
    assert "Closed as Social networks, by the starter list." in cora.open("/").text
    press(cora, "/decide", "approve")
    assert state(school).state == "approved"


def test_a_denial_is_taken_back_from_the_message(cora: Browser, school: Any) -> None:
    school.request()
    press(press(cora.open("/"), "/decide", "deny"), "/reopen")
    assert "The request waits again." in said(cora)
    assert state(school).state == "waiting"


def test_what_nobody_decided_in_time_is_said_and_can_be_decided_after_all(cora: Browser, school: Any) -> None:
    school.request()
    school.clock.pass_minutes(3 * 24 * 60)
    with school.store.write_session() as session:
        request_expiry.expire_requests(session, school.clock())
    cora.sign_in("cora", PASSWORD)  # sessions are over by then
    assert "nobody decided in time" in cora.open("/").text
    press(cora, "/reopen")
    press(cora, "/decide", "approve")
    assert state(school).state == "approved"


def test_the_school_chooses_how_long_a_request_waits(cora: Browser, school: Any) -> None:
    press(cora.open("/"), "/requests/days", days="3")
    assert 'name="days" type="number" min="0" max="20" value="3"' in cora.text
    press(cora, "/requests/days", days="999")
    assert "School days" in said(cora)


def test_a_form_that_says_no_decision_decides_nothing(cora: Browser, school: Any) -> None:
    school.request()
    form = cora.open("/").form_with(action="/decide")
    for decision in ("", "Approve", "yes"):
        cora.send(form, files=None, decision=decision)
        assert "say what you have decided" in cora.text
        assert state(school).state == "waiting"
