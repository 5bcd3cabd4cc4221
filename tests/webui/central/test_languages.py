"""Central's pages in another language, and what its services say there."""

import re
from typing import Any

from flask import Flask

from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from webui.central.reasons import SENTENCES
from webui.shared.language_menu import install_languages
from webui.shared.languages import COOKIE
from webui.shared.reasons import translate_reason


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


def test_every_page_is_read_from_right_to_left_in_arabic(cora: Browser) -> None:
    speak(cora, "ar")
    for path in (
        "/requests",
        "/rooms",
        "/rules",
        "/lists",
        "/devices",
        "/profiles",
        "/timetables",
        "/delegations",
    ):
        page = cora.open(path).text
        assert '<html lang="ar" dir="rtl">' in page
        assert not re.search(r'<main [^>]* lang="en-GB"', page), path


def test_what_cannot_be_done_is_said_in_the_language_of_whoever_tried(cora: Browser) -> None:
    speak(cora, "cy")
    form = cora.open("/profiles").form_with("name")
    cora.response = cora.client.post("/profiles/copy", data=form.fields | {"profile": "nobody", "name": "copy"})
    assert "nid oes proffil &#39;nobody&#39;" in cora.text


def test_what_centrals_services_say_is_found_with_what_stands_in_it() -> None:
    app = Flask("central")
    install_languages(app, default="cy", domains=("room", "central"), sentences=SENTENCES)
    with app.test_request_context():
        for said, welsh in (
            ("there is no such rule", "nid oes rheol o'r fath"),
            (
                "the rule for example.org has been changed again since; nothing was undone",
                "newidiwyd hyn eto ers hynny: y rheol ar gyfer example.org; ni ddadwnaed dim",
            ),
            ("games: its copy is 2 days old", "games: mae ei chopi'n 2 ddiwrnod oed"),
            ("a sentence that nobody knows", "a sentence that nobody knows"),
        ):
            assert translate_reason(said) == welsh


def test_somebody_signs_in_and_is_refused_in_their_language(school: Any) -> None:
    school.account("cora", "coordinator")
    with Browser(school.url) as browser:
        speak(browser, "cy")
        form = browser.open("/sign-in").form_with("username", "password")
        refused = browser.client.post("/sign-in", data=form.fields | {"username": "cora", "password": "not it"})
        assert refused.status_code == 401
        assert "Nid yw&#39;r enw defnyddiwr neu&#39;r cyfrinair yn gywir." in refused.text
        assert "Ceisiadau" in browser.sign_in("cora", PASSWORD).text
