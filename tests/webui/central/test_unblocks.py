"""What is open, as the coordinator sees them at central."""

from typing import Any

from tests.e2e.browser import Browser
from tests.webui.central.pages import press, state


def test_what_is_open_can_be_ended_at_once(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "approve", scope="school")
    cora.open("/rules").open("/")
    assert "every room" in cora.text
    press(cora, "/end")
    assert state(school).state == "ended"
