"""The audit, as the coordinator sees them at central."""

from typing import Any

import msgspec
import pytest

from appliance.central import audit
from appliance.protocol import RoomAction, SiteReport
from tests.e2e.browser import Browser
from tests.webui.central.pages import press


def test_everything_stands_in_the_audit(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "deny", answer="Not today")
    text = cora.open("/audit").text
    for words in ("room enrolled", "account added", "denied", "Not today"):
        assert words in text
    with school.store.read_session() as session:
        assert audit.list_audit_entries(session)


@pytest.mark.parametrize("who", ["cora", "nobody"])
def test_whom_a_room_names_is_what_that_room_says(cora: Browser, school: Any, who: str) -> None:
    now = school.clock()
    asked = msgspec.structs.replace(school.unblock_request(), teacher=who)
    messages = {
        f"actions/{'a' * 32}": RoomAction(id="a" * 32, who=who, what="room paused", happened_at=now),
        f"reports/{'b' * 32}": SiteReport(id="b" * 32, site="bad.example.org", teacher=who, reported_at=now),
        f"requests/{asked.id}": asked,
    }
    with school.as_room("Room 7") as room:
        for path, message in messages.items():
            assert room.put(path, content=msgspec.json.encode(message)).status_code == 201
    with school.store.read_session() as session:
        lines = audit.list_audit_entries(session, len(messages))
    assert [(line.room, line.who) for line in lines] == [("Room 7", who)] * len(messages)
    assert {line.detail.endswith("; there is no account nobody") for line in lines} == {who == "nobody"}
    assert cora.open("/audit").text.count(f"Room 7 says: {who}") == len(messages)


def test_who_takes_a_request_back_is_not_said_to_be_who_asked(cora: Browser, school: Any) -> None:
    with school.as_room() as room:
        for opened in (False, True):
            asked = school.unblock_request()
            room.put(f"requests/{asked.id}", content=msgspec.json.encode(asked))
            if opened:
                press(cora.open("/"), "/decide", "approve", minutes="10")
            assert room.delete(f"requests/{asked.id}").status_code == 200
            with school.store.read_session() as session:
                (line,) = audit.list_audit_entries(session, 1)
            assert line.what == ("ended" if opened else "request withdrawn")
            assert (line.room, line.who) == ("Room 4", "")


def test_what_the_coordinator_does_is_no_claim(cora: Browser, school: Any) -> None:
    school.request()
    press(cora.open("/"), "/decide", "deny", answer="Not today")
    with school.store.read_session() as session:
        (line,) = audit.list_audit_entries(session, 1)
    assert (line.room, line.who, line.what) == ("", "cora", "denied")
