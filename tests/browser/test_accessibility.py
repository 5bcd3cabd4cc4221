"""No page of any site and no answer to a form has a barrier or moves sideways: light, dark, small and large."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from appliance.rights import Role
from tests.browser.chromium import CHROMIUM
from tests.docs.sources import ROOT
from tests.fakes.furnished import furnished_sites, served
from tests.fakes.furnished_trust import furnished_trust
from tests.webui.every_page import (
    FormAnswer,
    PageVisit,
    is_page,
    list_answers,
    list_filled_answers,
    list_pages,
    sign_in,
)
from webui.shared.languages import COOKIE

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("browser")]

AXE = ROOT / ".ci/axe/node_modules/axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
LOOK = """async (tags) => {
    const found = await axe.run(document, {runOnly: tags, resultTypes: ["violations"], elementRef: false});
    const why = (node) => node.any.concat(node.all, node.none).map((check) => check.message);
    return found.violations.map((one) =>
        `${one.id}: ${one.nodes.map((node) => `${node.target} ${why(node)}`).join(" | ")}`);
}"""
OF_A_TRUST = ("/schools", "/laid-down", "/numbers", "/audit")  # its other pages are central's, in the same frame
Scheme = Literal["light", "dark"]


class Sites:
    """All sites in one browser, with one session for each role that looks at pages."""

    def __init__(
        self,
        browser: Browser,
        apps: dict[str, Flask],
        urls: dict[str, str],
        visits: Any,
        arguments: dict[str, Any],
    ) -> None:
        self.browser = browser
        self.apps = apps
        self.urls = urls
        self.visits: dict[str, list[PageVisit]] = visits
        self.arguments = arguments
        self._pages: dict[tuple[str, Role | None], Page] = {}

    def page(self, site: str, role: Role | None) -> Page:
        if (site, role) not in self._pages:
            context = self.browser.new_context(reduced_motion="reduce")
            self.add_cookie(context, site, role)
            self._pages[site, role] = context.new_page()
        return self._pages[site, role]

    def add_cookie(self, context: BrowserContext, site: str, role: Role | None) -> None:
        name = f"hallpass-{site}"
        if role is None:
            return
        cookie = sign_in(self.apps[site], role).get_cookie(name)
        assert cookie is not None
        context.add_cookies([{"name": name, "value": cookie.value, "url": self.urls[site]}])


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp")))
        school, apps = stack.enter_context(furnished_sites(folder))
        trust = stack.enter_context(furnished_trust(folder / "trust"))
        urls = {site: stack.enter_context(served(app)) for site, app in apps.items()}
        playwright = stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        stack.callback(chromium.close)
        visits = {
            site: [visit for visit in list_pages(app, site, school.arguments) if is_page(app, visit)]
            for site, app in apps.items()
        }
        apps["trust"], urls["trust"] = trust.app, stack.enter_context(served(trust.app))
        visits["trust"] = [
            visit
            for visit in list_pages(trust.app, "trust", trust.arguments)
            if visit.path.startswith(OF_A_TRUST) and is_page(trust.app, visit)
        ]
        yield Sites(chromium, apps, urls, visits, school.arguments)


def look(sites: Sites, site: str, widths: tuple[int, ...], schemes: tuple[Scheme, ...]) -> list[str]:
    """Return what is wrong on the pages of a site."""
    wrong: list[str] = []
    for visit in sites.visits[site]:
        page = sites.page(site, visit.role)
        answer = page.goto(sites.urls[site] + visit.path, wait_until="load")
        assert answer is not None
        assert answer.status < 500, visit.path
        wrong += find_barriers(page, f"{site} {visit.path}", widths, schemes)
    return wrong


def find_barriers(page: Page, what: str, widths: tuple[int, ...], schemes: tuple[Scheme, ...]) -> list[str]:
    """Return what is wrong on the page that is shown."""
    wrong: list[str] = []
    page.evaluate(AXE.read_text())
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            where = f"{what} at {width} px, {scheme}"
            if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
                wrong.append(f"{where}: {wide} px wide")
            wrong += [f"{where}: {one}" for one in page.evaluate(LOOK, TAGS)]
    return wrong


def look_at_answers(
    sites: Sites, site: str, answers: Iterable[FormAnswer], widths: tuple[int, ...], schemes: tuple[Scheme, ...]
) -> list[str]:
    """Return what is wrong in answers to forms, each shown at its own address."""
    wrong: list[str] = []
    for answer in answers:
        page, url = sites.page(site, answer.role), sites.urls[site] + answer.path
        page.route(url, _always(answer.html))
        page.goto(url, wait_until="load")
        wrong += find_barriers(page, f"{site}, answer to {answer.path}", widths, schemes)
        page.unroute(url)
    return wrong


def _always(html: str) -> Callable[[Route], None]:
    return lambda route: route.fulfill(body=html, content_type="text/html")


@pytest.mark.parametrize("site", ["central", "room", "trust"])
def test_no_page_has_a_barrier_or_moves_sideways(sites: Sites, site: str) -> None:
    wrong = look(sites, site, (320, 1280), ("light", "dark"))
    assert not wrong, "\n".join(wrong)


@pytest.mark.exhaustive
@pytest.mark.parametrize("site", ["central", "room", "trust"])
def test_no_page_has_a_barrier_on_screens_in_between(sites: Sites, site: str) -> None:
    wrong = look(sites, site, (390, 768), ("light", "dark"))
    assert not wrong, "\n".join(wrong)


def test_a_page_in_arabic_is_read_from_right_to_left_and_has_no_barrier(sites: Sites) -> None:
    context = sites.browser.new_context(reduced_motion="reduce", viewport={"width": 320, "height": 900})
    sites.add_cookie(context, "room", "teacher")
    context.add_cookies([{"name": COOKIE, "value": "ar", "url": sites.urls["room"]}])
    sites.add_cookie(context, "central", "coordinator")
    context.add_cookies([{"name": COOKIE, "value": "ar", "url": sites.urls["central"]}])
    sites.add_cookie(context, "trust", "trust_administrator")
    context.add_cookies([{"name": COOKIE, "value": "ar", "url": sites.urls["trust"]}])
    page, wrong = context.new_page(), []
    for site, path in (
        ("room", "/"),
        ("room", "/pupils"),
        ("central", "/rules"),
        ("central", "/timetables"),
        ("trust", "/laid-down"),
    ):
        page.goto(sites.urls[site] + path, wait_until="load")
        page.evaluate(AXE.read_text())
        wrong += page.evaluate(LOOK, TAGS)
        assert page.evaluate("getComputedStyle(document.querySelector('main')).direction") == "rtl"
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert not wrong, "\n".join(wrong)
    context.close()


@pytest.fixture
def without_tokens(sites: Sites) -> Iterator[None]:
    """Let forms be sent that no page was asked for before."""
    for app in sites.apps.values():
        app.config["WTF_CSRF_ENABLED"] = False
    yield
    for app in sites.apps.values():
        app.config["WTF_CSRF_ENABLED"] = True


# After the tests of pages: what is sent changes what stands on them.
@pytest.mark.usefixtures("without_tokens")
@pytest.mark.parametrize("site", ["central", "room"])
def test_no_answer_to_an_empty_form_has_a_barrier(sites: Sites, site: str) -> None:
    """On the narrowest screen, of each feature the first one: they share their make."""
    answers = list(list_answers(sites.apps[site], site, sites.arguments))
    of_each = {answer.endpoint.partition(".")[0]: answer for answer in reversed(answers)}
    assert len(of_each) > 3
    wrong = look_at_answers(sites, site, of_each.values(), (320,), ("light",))
    assert not wrong, "\n".join(wrong)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("without_tokens")
@pytest.mark.parametrize("site", ["central", "room"])
def test_no_answer_to_any_form_has_a_barrier(sites: Sites, site: str) -> None:
    app = sites.apps[site]
    answers = [*list_answers(app, site, sites.arguments), *list_filled_answers(app, sites.visits[site])]
    different = {(answer.endpoint, len(answer.html)): answer for answer in answers}
    wrong = look_at_answers(sites, site, different.values(), (320, 1280), ("light", "dark"))
    assert not wrong, "\n".join(wrong)
