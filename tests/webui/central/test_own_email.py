"""Whoever is to be told of incidents says where to, on a page."""

from typing import Any

from appliance.central.models import UserRow
from tests.e2e.browser import Browser
from tests.webui.central.pages import said


def test_the_lead_gives_an_address_takes_it_back_and_is_told_what_is_none(lead: Browser, school: Any) -> None:
    def address() -> str:
        with school.store.read_session() as session:
            return str(session.get_one(UserRow, "lead").email)

    form = lead.open("/your-sign-ins").open("/your-email").form_with("email")
    lead.send(form, email="lead@school.example.org")
    assert (said(lead), address()) == ("Saved.", "lead@school.example.org")
    lead.send(lead.form_with("email"), email="no address")
    assert lead.form_with("email").fields["email"] == "no address"
    assert address() == "lead@school.example.org"
    lead.send(lead.form_with("email"), email="")
    assert address() == ""
