"""Going back to the answer of a form shows it again, or the page of the form: never Chromium's ERR_CACHE_MISS."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.chromium import CHROMIUM
from tests.fakes.furnished import served
from tests.fakes.furnished_trust import furnished_trust
from tests.webui.every_page import sign_in

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("browser")]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with furnished_trust(tmp_path) as trust, served(trust.app) as url, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        try:
            context = chromium.new_context(base_url=url)
            cookie = sign_in(trust.app, "trust_administrator").get_cookie("hallpass-trust")
            assert cookie is not None
            context.add_cookies([{"name": "hallpass-trust", "value": cookie.value, "url": url}])
            yield context.new_page()
        finally:
            chromium.close()


def test_an_answer_is_there_again_or_the_page_of_its_form(page: Page) -> None:
    page.goto("/laid-down/new/name")
    page.get_by_label("Site").fill("bad.example.org")
    page.get_by_role("button", name="See what would come of it").click()
    look_ahead = page.get_by_text("Nothing has changed yet.")
    expect(look_ahead).to_be_visible()
    page.goto("/schools")
    page.go_back()
    expect(look_ahead).to_be_visible()

    page.goto("/accounts")  # of people nothing is kept
    page.evaluate("document.querySelectorAll('form').forEach((form) => { form.noValidate = true; })")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.goto("/schools")
    page.go_back()
    expect(page.get_by_role("heading", name="Add somebody")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
