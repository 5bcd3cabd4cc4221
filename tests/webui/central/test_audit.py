"""The audit, as the coordinator sees them at central."""

from typing import Any

from appliance.central import audit
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
