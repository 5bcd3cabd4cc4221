"""Incidents, as they are looked at and acknowledged at central."""

from typing import Any

from appliance.central import incidents
from appliance.protocol import Incident
from tests.e2e.browser import Browser
from tests.webui.central.pages import press, said


def test_an_incident_is_shown_in_words_until_it_is_acknowledged(lead: Browser, school: Any) -> None:
    seen = Incident(
        id="b" * 32, kind="told-a-grown-up", happened_at=school.clock(), device="", evidence=("bad.example.org",)
    )
    with school.store.write_session() as session:
        incidents.receive_incident(session, school.room(), seen)
    assert "somebody pressed" in lead.open("/incidents").text
    press(lead, "/acknowledge")
    assert "was acknowledged" in said(lead)
    assert "bad.example.org" not in lead.open("/incidents").text
