"""A person at a page, without a screen: follows links and fills in forms over real HTTP.

Knows HTML forms and nothing of Hallpass, so that a story can say what a person would do: open a page, find the
form that has a field, fill it in, send it.
"""

import ssl
from html.parser import HTMLParser
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx


class Form:
    """A form as it stands on a page, filled in with what it already holds."""

    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method
        self.fields: dict[str, str] = {}
        self.buttons: list[tuple[str, str]] = []
        self.other_actions: list[str] = []  # to which some of its buttons send it

    def __repr__(self) -> str:
        return f"<form {self.method} {self.action} {sorted(self.fields)}>"


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is not None:
            self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        assert self._form is not None
        name = given.get("name", "")
        if tag == "button" and "formaction" in given:
            self._form.other_actions.append(given["formaction"])
        if tag == "input" and name:
            kind = given.get("type", "text")
            if kind == "submit":
                self._form.buttons.append((name, given.get("value", "")))
            elif kind not in ("checkbox", "radio") or "checked" in given:
                self._form.fields[name] = given.get("value", "on" if kind == "checkbox" else "")
        elif tag == "button" and name:
            self._form.buttons.append((name, given.get("value", "")))
        elif tag == "textarea" and name:
            self._form.fields[name] = ""
        elif tag == "select" and name:
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in self._form.fields):
            self._form.fields[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None


def parse_forms(html: str) -> list[Form]:
    """Return the forms of a page, in their order."""
    parser = _Forms()
    parser.feed(html)
    return parser.forms


class Browser:
    """One person's browser: keeps cookies, follows redirects, remembers the page it is on."""

    def __init__(self, base: str, trust: ssl.SSLContext | None = None) -> None:
        self._client = httpx.Client(
            base_url=base, follow_redirects=True, timeout=20, trust_env=False, verify=trust or True
        )
        self.response: httpx.Response | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @property
    def client(self) -> httpx.Client:
        return self._client

    @property
    def text(self) -> str:
        assert self.response is not None
        return self.response.text

    def open(self, path: str) -> "Browser":
        self.response = self._client.get(path)
        assert self.response.status_code == 200, (
            f"{path}: {self.response.status_code}\n{self.response.text[:2000]}"
        )
        return self

    def forms(self) -> list[Form]:
        return parse_forms(self.text)

    def form_with(self, *fields: str, action: str = "") -> Form:
        """Return the first form on the page that has these fields and an action that contains a text."""
        for form in self.forms():
            if all(field in form.fields for field in fields) and action in form.action:
                return form
        raise AssertionError(f"no form with {fields} and action {action!r}; there are {self.forms()}")

    def send(self, form: Form, *, files: dict[str, tuple[str, bytes]] | None = None, **values: str) -> "Browser":
        """Fill in a form and send it."""
        assert self.response is not None
        where = urljoin(str(self.response.url), form.action or str(self.response.url))
        fields = form.fields | values
        for name in files or {}:
            fields.pop(name, None)
        page = {"Referer": str(self.response.url)}
        self.response = self._client.request(form.method.upper(), where, data=fields, files=files, headers=page)
        assert self.response.status_code < 400, (
            f"{where}: {self.response.status_code}\n{self.response.text[:2000]}"
        )
        return self

    def sign_in(self, username: str, password: str, path: str = "/sign-in") -> "Browser":
        self.open(path)
        return self.send(self.form_with("username", "password"), username=username, password=password)
