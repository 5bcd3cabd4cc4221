"""What teachers may open by themselves, as the coordinator sees it at central."""

from typing import Any

from tests.e2e.browser import Browser
from tests.webui.central.pages import document, press, said


def delegate(browser: Browser, **values: Any) -> Any:
    form = browser.open("/delegations").form_with("per_day")
    browser.response = browser.client.post("/delegations", data=form.fields | values)
    return browser.response


def test_a_category_is_delegated_for_a_group_and_waits_again_when_that_is_ended(
    cora: Browser, school: Any
) -> None:
    delegate(cora, category="games", minutes="20", groups=["staff"])
    assert "by themselves now" in said(cora)
    assert [(one.categories, one.groups) for one in document(school).delegations] == [(("games",), ("staff",))]
    press(cora, "/delegations/end")
    assert "wait for you again" in said(cora)
    assert document(school).delegations == ()
    press(cora, "/delegations/undo/")
    assert [one.groups for one in document(school).delegations] == [("staff",)]


def test_a_locked_category_is_refused_on_the_page_that_the_form_stands_on(cora: Browser, school: Any) -> None:
    page = delegate(cora, category="malware", minutes="77")
    assert page.status_code == 422
    assert 'value="77"' in page.text, "it comes back filled in"
    assert document(school).delegations == ()


def test_extremism_is_delegated_only_after_a_warning(cora: Browser, school: Any) -> None:
    page = delegate(cora, category="extremism", minutes="15", groups=["staff"])
    assert "every school is expected to keep it closed" in page.text
    assert document(school).delegations == ()
    sent = cora.form_with("per_day").fields
    assert (sent["minutes"], sent["groups"]) == ("15", "staff")
    changed = sent | {"confirmed": "extremism", "category": "drugs"}
    assert "every school is expected" in cora.client.post("/delegations", data=changed).text, "another category"
    cora.client.post("/delegations", data=sent | {"confirmed": "extremism"})
    assert [one.categories for one in document(school).delegations] == [("extremism",)]


def test_the_undo_of_a_delegation_undoes_nothing_else(cora: Browser, school: Any) -> None:
    delegate(cora, category="games")
    change = cora.form_with(action="/delegations/undo/").action.rpartition("/")[2]
    token = cora.form_with("per_day").fields["csrf_token"]
    cora.response = cora.client.post(f"/profiles/undo/{change}", data={"csrf_token": token})
    assert "no longer be undone" in cora.text
    assert document(school).delegations
