"""What is open, as the coordinator sees them at central."""

from datetime import timedelta
from typing import Any

from appliance.central import unblocks
from appliance.central.audit import RoomClaim
from appliance.central.models import UnblockRow
from tests.appliance.central.factories import approve
from tests.e2e.browser import Browser, Form
from tests.webui.central.pages import press, said, state


def test_what_is_open_can_be_ended_at_once(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "approve", scope="school")
    cora.open("/rules").open("/")
    assert "every room" in cora.text
    press(cora, "/end")
    assert state(school).state == "ended"
    assert school.document().unblocks == ()


def test_what_was_closed_by_mistake_opens_again_until_it_would_have_ended(cora: Browser, school: Any) -> None:
    def undo_of_closing() -> Form:
        press(cora.open("/requests"), "/end")
        return cora.form_with(action="/openings/undo/")

    school.request()
    press(cora.open("/"), "/decide", "approve", scope="school")
    before = school.document().unblocks
    undo = undo_of_closing()
    for _ in range(2):  # a double click
        cora.send(undo, files=None)
        assert "as it was before" in said(cora)
        assert (state(school).state, school.document().unblocks) == ("approved", before)
    undo = undo_of_closing()
    school.clock.pass_minutes(31)
    cora.send(undo, files=None)
    assert "it would be over by now" in said(cora)
    assert school.document().unblocks == ()


def test_what_a_room_has_closed_for_itself_has_no_undo_at_central(school: Any) -> None:
    school.enrol()
    request_id = school.request()
    unblock = approve(school, request_id)
    with school.store.write_session() as session:
        by = RoomClaim("Room 4")
        assert unblocks.end_unblock(session, school.clock(), unblock_id=unblock.id, by=by) == ""


def test_many_openings_come_a_page_at_a_time_and_are_found_by_words(cora: Browser, school: Any) -> None:
    now = school.clock()
    with school.store.write_session() as session:
        for i in range(60):
            session.add(
                UnblockRow(
                    site=f"site-{i:02}.example.org", by="dan", since=now, until=now + timedelta(minutes=i + 1)
                )
            )
    cora.open("/requests")
    assert cora.text.count("End now") == 25
    assert "35 more are open or planned" in cora.text
    cora.open("/openings?page=3")
    assert "Page 3 of 3" in cora.text
    assert "site-59.example.org" in cora.text
    assert "site-10.example.org" not in cora.text
    cora.open("/openings?q=site-42+dan")
    assert cora.text.count("End now") == 1
    assert "There is nothing like that" in cora.open("/openings?q=%25").text
    assert "Page 3 of 3" in cora.open("/openings?page=99999").text
