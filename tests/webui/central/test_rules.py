"""Rules, as the coordinator sees them at central."""

import html
from typing import Any

import pytest

from appliance.central import rules
from tests.e2e.browser import Browser
from tests.webui.central.pages import document, press, said


def test_a_name_is_closed_and_the_undo_opens_it_again(cora: Browser, school: Any) -> None:
    cora.open("/rules")
    cora.send(cora.form_with("name", "action"), name="Bad.Example.org", action="block", note="asked for")
    assert document(school).rules[0].name == "bad.example.org"
    press(cora, "/remove")
    assert document(school).rules == ()
    cora.send(cora.form_with(action="/rules/undo/"))
    assert document(school).rules[0].note == "asked for"


@pytest.mark.parametrize("name", ["no name at all", "", "x" * 300, "<script>alert(1)</script>"])
def test_a_mistake_in_a_form_is_said_and_nothing_is_done(cora: Browser, school: Any, name: str) -> None:
    form = cora.open("/rules").form_with("name", "action")
    page = cora.client.post("/rules", data=form.fields | {"name": name})
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert "<script>alert" not in page.text
    assert document(school).rules == ()


def test_an_allow_rule_for_what_is_locked_does_not_say_open(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        rules.add_rule(
            session, school.clock(), name="example.org", action="block", note="", locked=True, by="cora"
        )
    cora.open("/rules")
    cora.send(cora.form_with("name", "action"), name="www.example.org", action="allow")
    assert "www.example.org stays closed" in said(cora)
    assert "Locked by the school's rule for example.org. Nobody can open it." in html.unescape(said(cora))


def test_an_allow_rule_for_a_group_without_devices_says_that_it_opens_for_nobody(cora: Browser) -> None:
    form = cora.open("/rules").form_with("name", "action")
    fields = form.fields | {"name": "example.org", "action": "allow", "groups": ["staff"]}
    page = cora.client.post("/rules", data=fields, headers={"Referer": "/rules"})
    assert "example.org would open for nobody: no device belongs to staff yet" in html.unescape(page.text)


def test_a_rule_for_some_groups_is_looked_at_and_comes_back_filled_in(cora: Browser, school: Any) -> None:
    form = cora.open("/rules").form_with("name", "action")
    wanted = {"name": "bad.example.org", "groups": ["pupils"], "exact": "y", "category": "games"}
    page = cora.client.post("/rules", data=form.fields | wanted | {"step": "look"})
    assert "For pupils:" in page.text
    assert "For staff:" not in page.text
    assert "Nothing is saved yet" in page.text
    assert document(school).rules == ()
    cora.response = cora.client.post("/rules", data=form.fields | wanted | {"step": "save"})
    assert "bad.example.org is closed for pupils in every room" in said(cora)
    (rule,) = document(school).rules
    assert (rule.groups, rule.subdomains, rule.category) == (("pupils",), False, "games")
    cora.send(cora.form_with(action="/rules/undo/"))
    assert document(school).rules == ()
    for field, odd in (("groups", "nobody"), ("category", "gamblign"), ("action", "explode"), ("name", "9" * 300)):
        assert cora.client.post("/rules", data=form.fields | wanted | {field: odd}).status_code == 422, field
