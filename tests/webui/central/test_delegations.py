"""What teachers may open by themselves, as the coordinator sees it at central."""

from typing import Any

from tests.e2e.browser import Browser
from tests.webui.central.pages import document, press, said


def test_a_category_is_delegated_and_waits_again_when_that_is_ended(cora: Browser, school: Any) -> None:
    cora.send(cora.open("/rules").form_with("per_day"), category="games", minutes="20")
    assert "by themselves now" in said(cora)
    assert [one.categories for one in document(school).delegations] == [("games",)]
    press(cora, "/delegations/games/end")
    assert "wait for you again" in said(cora)
    assert document(school).delegations == ()


def test_a_locked_category_is_refused_on_the_page_that_the_form_stands_on(cora: Browser, school: Any) -> None:
    cora.send(cora.open("/rules").form_with("per_day"), category="malware")
    assert "is locked" in said(cora)
    assert "What teachers may open by themselves" in cora.text
    assert document(school).delegations == ()
