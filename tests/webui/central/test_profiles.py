"""Categories of profiles, as the coordinator sees them at central."""

from typing import Any

from tests.e2e.browser import Browser
from tests.webui.central.pages import document


def test_categories_are_closed_and_opened_for_a_profile(cora: Browser, school: Any) -> None:
    form = cora.open("/rules").form_with(action="/profiles/staff")
    token = {"csrf_token": form.fields["csrf_token"]}
    cora.client.post("/profiles/staff", data=token | {"closed": ["gambling", "games"]})
    (staff,) = [one for one in document(school).profiles if one.name == "staff"]
    assert staff.closed == ("gambling", "games")
