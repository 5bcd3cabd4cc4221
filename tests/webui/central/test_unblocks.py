"""What is open, as the coordinator sees them at central."""

from datetime import timedelta
from typing import Any

from appliance.central.models import UnblockRow
from tests.e2e.browser import Browser
from tests.webui.central.pages import press, state


def test_what_is_open_can_be_ended_at_once(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "approve", scope="school")
    cora.open("/rules").open("/")
    assert "every room" in cora.text
    press(cora, "/end")
    assert state(school).state == "ended"


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
