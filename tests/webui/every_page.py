"""Every page of a site, and every answer to a form, found by its routes, so that a new one cannot be forgotten."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from urllib.parse import urljoin

import msgspec
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import IntegerConverter, Rule

from appliance.protocol import Account
from appliance.rights import ANYBODY, ROLES, Role, Scope, has_right
from tests.e2e.browser import parse_forms
from tests.fakes.signed_in import signed_in_client
from webui.shared.access import find_right

SCOPES = {"central": Scope.SCHOOL, "room": Scope.ROOM, "trust": Scope.TRUST}
NO_PAGES = {
    "static",
    "shared.static",
    "shared.stylesheet",
    "bootstrap.static",
    "events.changes",
}  # files, and a stream
# What shows another face when it is asked for with more than its address.
QUESTIONS = {
    "today.show": ("?site=coolmathgames.com", "?site=locked.example&device=0123456789ab&also=example.org"),
    "site_search.show": ("?site=coolmathgames.com", "?site=example.org"),
}
FIRST: tuple[Role, ...] = ("coordinator", *ROLES)  # who looks at a page: the first of them who may


class PageVisit(msgspec.Struct, frozen=True):
    """A page, and who looks at it."""

    path: str
    role: Role | None  # None: nobody has to sign in


class FormAnswer(msgspec.Struct, frozen=True):
    """What is shown in answer to a form, at the form's own address: mistakes, a look ahead, a question."""

    endpoint: str
    path: str
    role: Role | None
    html: str


def list_pages(app: Flask, site: str, arguments: Mapping[str, object]) -> list[PageVisit]:
    """Return the pages that are asked for with GET.

    `arguments`: an example of each part of an address; of numbers, which are rows, the first.
    """
    found = []
    for rule in _get_routes(app):
        visit = _visit(app, rule, SCOPES[site], arguments)
        asked = (PageVisit(visit.path + question, visit.role) for question in QUESTIONS.get(rule.endpoint, ()))
        found += [visit, *asked]
    assert len(found) > 3
    return found


def is_page(app: Flask, visit: PageVisit) -> bool:
    """Tell whether an address shows a page: not a file to save, nor the way to another page."""
    answer = sign_in(app, visit.role).get(visit.path)
    assert answer.status_code < 500, visit  # of an example that leads nowhere the page says so
    return answer.mimetype == "text/html"


def sign_in(app: Flask, role: Role | None) -> FlaskClient:
    """Return somebody's browser."""
    if role is None:
        return app.test_client()
    return signed_in_client(app, Account(username=role, name=role.title(), role=role))


def list_answers(app: Flask, site: str, arguments: Mapping[str, object]) -> Iterator[FormAnswer]:
    """Send every form with nothing in it, and yield the pages that come back instead of a way to another one."""
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or ()) and not rule.endpoint.startswith("api."):
            visit = _visit(app, rule, SCOPES[site], arguments, method="POST")
            yield from _send(app, rule.endpoint, visit, {})


def list_filled_answers(app: Flask, pages: Iterable[PageVisit]) -> Iterator[FormAnswer]:
    """Send every form of some pages as it stands there, with each of its buttons."""
    urls, sent = app.url_map.bind("localhost"), set()
    shown = [(page, sign_in(app, page.role).get(page.path).get_data(as_text=True)) for page in pages]
    for page, html in shown:
        for form in parse_forms(html):
            for action, button in product(form.other_actions or [form.action], form.buttons or [("", "")]):
                path = urljoin(page.path, action or page.path)
                key = (path, button, *sorted(form.fields))
                if form.method == "post" and key not in sent:
                    sent.add(key)
                    endpoint, _ = urls.match(path.partition("?")[0], method="POST")
                    fields = form.fields | ({button[0]: button[1]} if button[0] else {})
                    yield from _send(app, endpoint, PageVisit(path, page.role), fields)


def _send(app: Flask, endpoint: str, visit: PageVisit, fields: Mapping[str, str]) -> Iterator[FormAnswer]:
    answer = sign_in(app, visit.role).post(visit.path, data=fields)
    assert answer.status_code < 500 or answer.status_code == 503, visit  # 503: it says that nothing can be kept
    if answer.mimetype == "text/html" and answer.status_code not in {302, 303}:
        yield FormAnswer(endpoint, visit.path, visit.role, answer.get_data(as_text=True))
    answer.close()


def _get_routes(app: Flask) -> list[Rule]:
    return [
        rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and rule.endpoint not in NO_PAGES
        and not rule.endpoint.startswith(("api.", "trust_api."))
    ]


def _visit(
    app: Flask, rule: Rule, scope: Scope, arguments: Mapping[str, object], method: str = "GET"
) -> PageVisit:
    numbers = {name: 1 for name, kind in rule._converters.items() if isinstance(kind, IntegerConverter)}
    given = numbers | {name: value for name, value in arguments.items() if name in rule.arguments}
    unknown = set(rule.arguments) - set(given)
    assert not unknown, f"{rule}: give an example of {unknown} in tests/fakes/furnished.py"
    path = app.url_map.bind("localhost").build(rule.endpoint, given, method=method)
    right = find_right(app, rule.endpoint)
    assert right is not None
    if has_right(ANYBODY, right, scope):
        return PageVisit(path, None)
    return PageVisit(path, next(role for role in FIRST if has_right(role, right, scope)))
