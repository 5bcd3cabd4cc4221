"""What holds on all of central's pages, over real sockets, as a browser would."""

import re
from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import document, press

PAGES = ("/", "/rules", "/lists", "/rooms", "/accounts", "/audit")


def test_nobody_sees_a_page_without_signing_in(school: Any) -> None:
    with Browser(school.url) as stranger:
        for path in (*PAGES, "/events"):
            assert "Sign in" in stranger.open(path).text


def test_the_session_of_central_is_not_the_one_of_a_room(cora: Browser) -> None:
    assert "hallpass-central" in cora.client.cookies
    assert "hallpass-room" not in cora.client.cookies


@pytest.mark.parametrize("role", ["teacher", "supply"])
def test_who_only_teaches_does_not_come_in(school: Any, role: Any) -> None:
    school.account("ada", role)
    with Browser(school.url) as browser:
        browser.open("/sign-in")
        form = browser.form_with("username", "password")
        answer = browser.client.post("/sign-in", data=form.fields | {"username": "ada", "password": PASSWORD})
        assert answer.status_code == 401
        assert "for the whole school" in answer.text


def test_a_form_without_its_token_is_refused(cora: Browser, school: Any) -> None:
    for path in ("/rules", "/sign-out", "/rooms", "/accounts/cora/end", "/lists/compile"):
        assert cora.client.post(path, data={"name": "bad.example.org", "action": "block"}).status_code == 400
    assert document(school).rules == ()


def test_pages_are_protected_and_bring_no_script_of_their_own(cora: Browser) -> None:
    for path in PAGES:
        page = cora.open(path)
        assert page.response is not None
        assert "default-src 'self'" in page.response.headers["Content-Security-Policy"]
        assert page.response.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<script(?![^>]*\ssrc=)", page.text)
        assert not re.search(r"\son\w+=|style=\"", page.text)
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page.text)


def test_every_field_has_its_label_and_every_page_one_heading(cora: Browser, school: Any) -> None:
    school.request()
    for path in PAGES:
        text = cora.open(path).text
        assert len(re.findall(r"<h1[\s>]", text)) == 1, path
        labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', text))
        fields = re.findall(r"<(?:input|select|textarea)\b[^>]*>", text)
        for field in fields:
            if 'type="hidden"' not in field:
                identity = re.search(r'\bid="([^"]+)"', field)
                assert identity, field
                assert identity[1] in labelled, field


def test_signing_out_signs_out(cora: Browser) -> None:
    press(cora.open("/"), "/sign-out")
    assert "Sign in" in cora.open("/").text
