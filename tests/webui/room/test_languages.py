"""A page speaks the language that its reader chose, else the school's, else the browser's; English else."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.settings.dns import DnsSection
from appliance.settings.languages import PageLanguage
from appliance.settings.room import RoomSection, RoomSettings, WebSection
from appliance.settings.values import UpstreamSetting
from webui.room.app import create_app
from webui.shared.languages import COOKIE, LANGUAGES, group_digits
from webui.shared.reasons import NOTICES, translate_reason
from webui.shared.school_clock import SchoolClock

HOSTILE = (
    "\x00", "ar\r\nSet-Cookie: x=1", "\u202ear", "../../../etc/passwd", "cy_GB.UTF-8", "zh", "AR;q=nan",
    "*;q=9" * 9000, "ar;q=1e999", ",;,;=", "en" * 9999, "cy-" + "x" * 9999,
)  # fmt: skip


def language_of(page: str) -> tuple[str, bool]:
    """Return the language that a page says it is in, and whether it is read from right to left."""
    found = re.search(r'<html lang="([^"]*)"( dir="rtl")?>', page)
    assert found is not None, page[:200]
    return found[1], found[2] is not None


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found is not None
    return found[1]


def make_app(tmp_path: Path, run: Path, language: PageLanguage) -> Flask:
    return create_app(
        RoomSettings(
            room=RoomSection(name="Room 4", data=tmp_path, run=run),
            dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
            web=WebSection(language=language),
        )
    )


def test_a_page_is_in_english_unless_somebody_wants_another_language(stranger: FlaskClient) -> None:
    assert language_of(stranger.get("/sign-in").get_data(as_text=True)) == ("en-GB", False)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("cy", ("cy", False)), ("ar-EG, en;q=0.5", ("ar", True)), ("fr, cy;q=0.3, en;q=0.2", ("cy", False)),
     ("fr", ("en-GB", False)), ("en-US,en;q=0.9,ar;q=0.8", ("en-GB", False))],
)  # fmt: skip
def test_where_the_school_has_set_none_the_browser_says_which(
    stranger: FlaskClient, header: str, expected: tuple[str, bool]
) -> None:
    for path in ("/sign-in", "/pupils"):
        page = stranger.get(path, headers={"Accept-Language": header}).get_data(as_text=True)
        assert language_of(page) == expected, path


def test_what_the_school_has_set_comes_before_the_browsers_wish(tmp_path: Path, short_path: Path) -> None:
    client = make_app(tmp_path, short_path / "run", "cy").test_client()
    assert language_of(client.get("/sign-in", headers={"Accept-Language": "ar"}).get_data(as_text=True))[0] == "cy"


def test_the_menu_keeps_what_somebody_chose_and_leads_back_to_the_page(teacher: FlaskClient) -> None:
    page = teacher.get("/log?site=example.org").get_data(as_text=True)
    assert 'name="next" value="/log?site=example.org"' in page
    answer = teacher.post(
        "/language", data={"csrf_token": token_of(page), "next": "/log?site=example.org", "language": "ar"}
    )
    assert (answer.status_code, answer.location) == (302, "/log?site=example.org")
    again = teacher.get(answer.location, headers={"Accept-Language": "cy"}).get_data(as_text=True)
    assert language_of(again) == ("ar", True)
    chosen = re.findall(r'<button[^>]*value="(\w+)"[^>]*aria-current="true"', again)
    assert chosen == ["ar"]


def test_the_menu_leads_nowhere_else(teacher: FlaskClient) -> None:
    token = token_of(teacher.get("/").get_data(as_text=True))
    for elsewhere in ("https://example.org/", "//example.org", "/\\example.org", "", "javascript:alert(1)"):
        answer = teacher.post("/language", data={"csrf_token": token, "next": elsewhere, "language": "cy"})
        assert answer.location == "/", elsewhere
    assert teacher.post("/language", data={"next": "/", "language": "cy"}).status_code == 400  # without the token
    for unknown in ("", "xx", "\x00", "en-GB" * 999):
        answer = teacher.post("/language", data={"csrf_token": token, "language": unknown})
        assert answer.status_code == 400, unknown


@pytest.mark.parametrize("hostile", HOSTILE)
def test_whatever_a_browser_sends_as_its_language_the_page_is_in_english(app: Flask, hostile: str) -> None:
    headers = {"Cookie": f'{COOKIE}="{hostile[:4000]}"'} if "\r" not in hostile else {}
    one_line = hostile.replace("\r\n", " ").replace("\u202e", "%E2%80%AE")
    environ = {"HTTP_ACCEPT_LANGUAGE": one_line} if not one_line.startswith(("ar;", "AR;", "ar ", "cy")) else {}
    headers = {name: value.encode("ascii", "replace").decode() for name, value in headers.items()}
    answer = app.test_client().get("/sign-in", headers=headers, environ_overrides=environ)
    assert answer.status_code == 200
    assert language_of(answer.get_data(as_text=True)) == ("en-GB", False)


def test_settings_know_every_language_of_the_pages_and_no_other() -> None:
    assert set(get_args(PageLanguage)) == {"", *(one.code for one in LANGUAGES)}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"language": "xx"}, WebSection)


def test_a_page_in_another_language_says_what_lower_layers_say_in_it_too(teacher: FlaskClient) -> None:
    teacher.set_cookie(COOKIE, "cy")
    page = teacher.get("/").get_data(as_text=True)
    assert "Gwrthodwyd heddiw" in page
    assert "Refused today" not in page
    answer = teacher.post("/requests", data={"csrf_token": token_of(page), "site": "co.uk", "reason": "maths"})
    said = answer.get_data(as_text=True)
    assert "nid un wefan yw co.uk: byddai ei agor yn agor pob gwefan sy&#39;n gorffen gyda .co.uk" in said
    assert 'value="maths"' in said


def test_reasons_are_recognised_with_the_names_in_them(app: Flask) -> None:
    said = {
        "“<b>%s” is not the name of a site: give the whole name of the site, such as www.example.org": "“<b>%s”",
        "games.example.org is locked: nobody can open it": "games.example.org wedi'i gloi: ni all neb ei agor",
        "games.example.org is closed as social networks: the coordinator decides": "Rhwydweithiau cymdeithasol",
        "You have 200 plans: please delete one first.": "Mae gennych 200 cynllun: dilëwch un yn gyntaf.",
        "There is no such page.": "Nid oes tudalen o'r fath.",
        f"{NOTICES[-2]} more": "Dywedwch wrth y technegydd: more",
    }
    with app.test_request_context(headers={"Cookie": f"{COOKIE}=cy"}):
        for english, welsh in said.items():
            assert welsh in translate_reason(english), english
        for unknown in ("", "%(name)s", "100 % of it", "is locked", "x" * 100_000):
            assert translate_reason(unknown) == unknown
    with app.test_request_context():
        assert [translate_reason(one) for one in said] == list(said)


def test_days_and_numbers_are_written_as_the_language_writes_them(app: Flask) -> None:
    clock = SchoolClock(lambda: UTC, lambda: datetime(2026, 11, 27, 9, 5, tzinfo=UTC))
    later = datetime(2027, 3, 5, 14, 30, tzinfo=UTC)
    expected = {
        "en": ("Friday 5 March 2027, 14:30", "5 March 2027", "tomorrow, 08:00"),
        "cy": ("Dydd Gwener 5 Mawrth 2027, 14:30", "5 Mawrth 2027", "yfory, 08:00"),
        "ar": ("الجمعة 5 مارس 2027، 14:30", "5 مارس 2027", "غدًا، 08:00"),
    }
    for code, words in expected.items():
        with app.test_request_context(headers={"Cookie": f"{COOKIE}={code}"}):
            tomorrow = clock.words(datetime(2026, 11, 28, 8, 0, tzinfo=UTC))
            assert (clock.words(later), clock.day(later), tomorrow) == words
            assert group_digits(1234567) == "1,234,567"


def test_what_somebody_wrote_is_never_taken_for_html_in_a_translated_sentence(teacher: FlaskClient) -> None:
    for code in ("en", "cy", "ar"):
        teacher.set_cookie(COOKIE, code)
        page = teacher.get("/?site=%22%3E%3Cscript%3E&also=%25(x)s%3Cb%3E").get_data(as_text=True)
        assert "<script>" not in page.replace("<script src", "")
        assert "<b>" not in page
