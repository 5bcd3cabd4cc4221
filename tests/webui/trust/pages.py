"""Short ways to use a trust's pages as a browser does: each form with its token."""

import html
import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.fakes.school import PASSWORD
from tests.fakes.trust import FakeTrust

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Pages:
    """A browser at a trust's pages."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.text = ""

    def open(self, path: str) -> str:
        """Look at a page, wherever it leads."""
        return self._read(self.client.get(path, follow_redirects=True))

    def send(self, path: str, *, token_from: str = "/your-password", **fields: Any) -> TestResponse:
        """Send a form, with the token that a page's forms have."""
        found = _TOKEN.search(self.client.get(token_from).get_data(as_text=True))
        token = found[1] if found is not None else ""
        return self.client.post(path, data={"csrf_token": token, **fields})

    def press(self, path: str, **fields: Any) -> str:
        """Send a form, and return the page that it leads to."""
        answer = self.send(path, **fields)
        location = answer.headers.get("Location", "")
        return self.open(location) if location else self._read(answer)

    def sign_in(self, username: str, password: str = PASSWORD) -> TestResponse:
        """Send the form of the sign-in page."""
        return self.send("/sign-in", token_from="/sign-in", username=username, password=password)

    def said(self) -> str:
        """Return what the page's messages say."""
        found = re.findall(r'<div class="alert[^>]*>\s*<span>(.*?)</span>', self.text, re.DOTALL)
        return " ".join(found)

    def undo(self) -> str:
        """Press the button of the page's message."""
        form = re.search(
            r'<form action="([^"]+)" method="post" class="ms-3[^>]*>(.*?)</form>', self.text, re.DOTALL
        )
        assert form is not None, "no message offers to undo anything"
        fields = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form[2])
        return self.press(form[1], **{name: value for name, value in fields if name != "csrf_token"})

    def _read(self, answer: TestResponse) -> str:
        self.text = html.unescape(answer.get_data(as_text=True))
        assert answer.status_code < 500, self.text
        return self.text


def signed_in(trust: FakeTrust, username: str = "tina") -> Pages:
    """Return the browser of an administrator who has signed in."""
    trust.account(username)
    pages = Pages(trust.app)
    assert pages.sign_in(username).status_code == 302
    return pages
