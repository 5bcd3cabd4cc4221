"""Rules, as the coordinator sees them at central."""

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
    form = next(one for one in cora.forms() if one.fields.get("name") == "bad.example.org")
    cora.send(form)
    assert document(school).rules[0].note == "asked for"


@pytest.mark.parametrize("name", ["no name at all", "", "x" * 300, "<script>alert(1)</script>"])
def test_a_mistake_in_a_form_is_said_and_nothing_is_done(cora: Browser, school: Any, name: str) -> None:
    cora.open("/rules")
    cora.send(cora.form_with("name", "action"), name=name)
    assert said(cora)
    assert "<script>alert" not in cora.text
    assert document(school).rules == ()


def test_an_allow_rule_for_what_is_locked_does_not_say_open(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        rules.add_rule(
            session, school.clock(), name="example.org", action="block", note="", locked=True, by="cora"
        )
    cora.open("/rules")
    cora.send(cora.form_with("name", "action"), name="www.example.org", action="allow")
    assert "www.example.org stays closed" in said(cora)
