"""Central's pages in another language: some are translated whole, and every other says that it is English."""

import re
from typing import Any

from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from webui.shared.languages import COOKIE


def speak(browser: Browser, language: str) -> None:
    browser.client.cookies.set(COOKIE, language)


def test_home_and_its_pictures_are_in_the_language_of_whoever_looks(cora: Browser, school: Any) -> None:
    school.request()
    assert "Answers and refusals" in cora.open("/home").text
    speak(cora, "cy")
    welsh = cora.open("/home").text
    assert '<html lang="cy">' in welsh
    assert "<strong>1</strong> cais i agor gwefan" in welsh
    assert "Atebion a gwrthodiadau" in welsh
    assert "Room 4: heb ei gosod eto" in welsh
    assert "Answers and refusals" not in welsh
    speak(cora, "en")
    assert "Answers and refusals" in cora.open("/home").text


def test_a_page_that_is_not_translated_yet_says_that_it_is_english(cora: Browser) -> None:
    speak(cora, "ar")
    for path, is_translated in (("/requests", True), ("/accounts", True), ("/rules", False), ("/lists", False)):
        page = cora.open(path).text
        assert '<html lang="ar" dir="rtl">' in page
        assert bool(re.search(r'<main [^>]* lang="en-GB" dir="ltr">', page)) != is_translated, path


def test_somebody_signs_in_and_is_refused_in_their_language(school: Any) -> None:
    school.account("cora", "coordinator")
    with Browser(school.url) as browser:
        speak(browser, "cy")
        form = browser.open("/sign-in").form_with("username", "password")
        refused = browser.client.post("/sign-in", data=form.fields | {"username": "cora", "password": "not it"})
        assert refused.status_code == 401
        assert "Nid yw&#39;r enw defnyddiwr neu&#39;r cyfrinair yn gywir." in refused.text
        assert "Ceisiadau" in browser.sign_in("cora", PASSWORD).text
