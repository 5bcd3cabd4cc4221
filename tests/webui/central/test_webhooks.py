"""The page of webhooks: added, its secret shown until noted, tested, told again, removed."""

from typing import Any

from appliance.central import webhooks
from appliance.central.models import WebhookRow
from tests.e2e.browser import Browser
from tests.webui.central.pages import press, said

FIELDS = {"url": "https://desk.example.org/hallpass", "events": "request.created"}


def add(cora: Browser, **fields: str) -> Browser:
    return cora.open("/webhooks").send(cora.form_with("url"), files=None, **FIELDS | fields)


def test_a_webhook_is_added_and_its_secret_is_shown_until_it_is_noted(cora: Browser, school: Any) -> None:
    add(cora)
    assert "whsec_" in cora.text
    assert "whsec_" in cora.open("/webhooks").text
    press(cora, "/webhooks/noted")
    assert "whsec_" not in cora.open("/webhooks").text
    with school.store.read_session() as session:
        assert "whsec_" not in session.query(WebhookRow).one().secret


def test_what_became_of_it_stands_on_the_page_and_what_was_put_aside_is_told_again(
    cora: Browser, school: Any
) -> None:
    add(cora)
    press(cora.open("/webhooks"), "/test")
    assert "on its way" in said(cora)
    assert "<td>a test</td><td" in cora.open("/webhooks").text
    with school.store.write_session(affects_rooms=False) as session:
        for _ in range(webhooks.FAILURES_BEFORE_PAUSE):
            webhooks.note_failure(session, school.clock(), 1, "it answers 500")
    assert "12 times in a row" in cora.open("/webhooks").text
    press(cora, "/resume")
    assert "12 times in a row" not in cora.text
    press(cora.open("/webhooks"), "/remove")
    assert "Nobody is told yet" in cora.open("/webhooks").text


def test_one_that_was_removed_is_told_again_with_its_secret_by_the_undo(cora: Browser, school: Any) -> None:
    def rows() -> list[tuple[Any, ...]]:
        with school.store.read_session() as session:
            return [(row.url, row.events, row.secret, row.made_by) for row in webhooks.list_webhooks(session)]

    add(cora)
    before = rows()
    press(cora.open("/webhooks"), "/remove")
    assert not rows()
    undo = cora.form_with(action="/webhooks/undo/")
    cora.send(undo, files=None)
    assert "as it was before" in said(cora)
    assert rows() == before
    cora.send(undo, files=None)
    assert rows() == before, "by the second of two clicks"
    press(cora.open("/webhooks"), "/remove")
    undo = cora.form_with(action="/webhooks/undo/")
    add(cora)
    cora.send(undo, files=None)
    assert "changed again since" in said(cora)
    assert len(rows()) == 1


def test_a_form_comes_back_filled_after_a_mistake(cora: Browser) -> None:
    for fields, words in (
        ({"url": "http://desk.example.org/x"}, "begins with https"),
        ({"url": "https://10.0.0.1/x"}, "begins with https"),
        ({"url": "https://desk.example.org/x", "is_inside": "y"}, "a name of the internet"),
        ({"events": "incident.names"}, "Tell it when"),
    ):
        add(cora, **fields)
        assert words in cora.text, fields
        assert f'value="{(FIELDS | fields)["url"]}"' in cora.text
