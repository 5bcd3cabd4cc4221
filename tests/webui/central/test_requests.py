"""Requests, as the coordinator sees them at central."""

from typing import Any

from appliance.central import requests
from tests.e2e.browser import Browser
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
