"""Whatever a browser may be made to send is taken, or refused in words, on any database."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from flask import Flask, url_for

from tests.e2e.browser import Browser
from tests.fakes.postgres import postgres_server
from tests.fakes.school import PASSWORD
from tests.webui.conftest import ServedSchool
from webui.central.app import create_central_app

FIELDS = (
    "username", "password", "name", "role", "ends", "minutes", "per_day", "category", "location", "format",
    "match", "scope", "group", "answer", "decision", "action", "note", "locked", "close", "closed", "profile",
    "bundle", "file",
)  # fmt: skip
ODD_TEXTS = ("\x00", "a\x00b", "\x1b[2J", "\x85", "x" * 20_000)
HUGE_NUMBERS = ("99999999999999999999", str(2**31), str(2**63))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def cora(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with ExitStack() as stack:
        url = "" if request.param == "sqlite" else stack.enter_context(postgres_server()).url
        school = ServedSchool(tmp_path_factory.mktemp("central"), database=url)
        stack.callback(school.close)
        school.enrol()
        school.account("cora", "coordinator")
        browser = stack.enter_context(Browser(school.url))
        yield browser.sign_in("cora", PASSWORD)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Any central's application: for its table of addresses."""
    school = ServedSchool(tmp_path_factory.mktemp("addresses"))
    yield create_central_app(school.central)
    school.close()


def addresses(app: Flask, method: str, value: str) -> Iterator[str]:
    """Return every address of central's pages that takes a method, with a value in each of its places."""
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if (
                rule.endpoint.startswith(("api.", "events."))
                or "sign_out" in rule.endpoint
                or method not in (rule.methods or ())
            ):
                continue
            try:
                yield url_for(rule.endpoint, **dict.fromkeys(rule.arguments, value))  # type: ignore[arg-type]  # Flask's stubs
            except (ValueError, TypeError):
                continue  # no number, where only a number leads anywhere


def is_calm(answer: httpx.Response) -> bool:
    return answer.status_code < 500 and "Traceback" not in answer.text


def test_no_form_takes_a_control_character_or_a_text_without_end(cora: Browser, app: Flask) -> None:
    token = cora.open("/rules").form_with("name").fields["csrf_token"]
    paths = list(addresses(app, "POST", "1"))
    assert len(paths) >= 10
    for path in paths:
        for odd in ODD_TEXTS:
            data = dict.fromkeys(FIELDS, odd) | {"csrf_token": token}
            answer = cora.client.post(path, data=data)
            assert is_calm(answer), (path, odd[:5], answer.text)
            assert answer.status_code == 400 or odd.startswith("x")


def test_no_number_is_too_large_for_a_fault(cora: Browser, app: Flask) -> None:
    token = cora.open("/rules").form_with("name").fields["csrf_token"]
    for number in HUGE_NUMBERS:
        for path in addresses(app, "POST", number):
            data = dict.fromkeys(("minutes", "per_day"), number) | {"csrf_token": token}
            assert is_calm(cora.client.post(path, data=data)), path
        for path in addresses(app, "GET", number):
            assert is_calm(cora.client.get(path)), path
    assert cora.client.get("/rules").status_code == 200, "signed in until the end"


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1999-12-31", "2200-01-01", "2026-02-30", "x"])
def test_no_account_ends_on_a_day_at_the_ends_of_the_calendar(cora: Browser, day: str) -> None:
    form = cora.open("/accounts").form_with("username", "ends")
    cora.send(form, username="stella", name="Stella", role="teacher", ends=day)
    assert "Ends on" in cora.text
    assert "stella" not in cora.client.get("/accounts").text


def test_no_address_takes_a_control_character(cora: Browser, app: Flask) -> None:
    for path in (*addresses(app, "POST", "a\x00b"), *addresses(app, "GET", "a\x00b")):
        assert is_calm(cora.client.get(path)), path
    for path in addresses(app, "GET", "1"):
        assert is_calm(cora.client.get(path, params={"since": "\x00", "q": "\x00"})), path


def test_nobody_who_is_not_signed_in_can_make_it_fail(cora: Browser) -> None:
    with httpx.Client(base_url=cora.client.base_url, trust_env=False, timeout=20) as stranger:
        page = stranger.get("/sign-in").text
        token = page.partition('name="csrf_token" type="hidden" value="')[2].partition('"')[0]
        assert token
        for odd in ODD_TEXTS:
            data = {"csrf_token": token, "username": odd, "password": odd}
            answer = stranger.post("/sign-in", data=data)
            assert answer.status_code == 400, answer.text
            assert "control character" in answer.text or "too long" in answer.text


def test_several_lines_and_any_language_are_welcome(cora: Browser) -> None:
    token = cora.open("/rules").form_with("name").fields["csrf_token"]
    data = {
        "csrf_token": token, "name": "games.example.org", "action": "block", "note": "Für später\r\n\t日本",
    }  # fmt: skip
    assert "games.example.org" in cora.client.post("/rules", data=data, follow_redirects=True).text


def test_while_the_database_is_away_rooms_and_pages_are_told_to_come_later(tmp_path: Path) -> None:
    with postgres_server() as server:
        school = ServedSchool(tmp_path / "central", database=server.url)
        school.account("cora", "coordinator")
        with school.as_room() as room, Browser(school.url) as browser:
            browser.sign_in("cora", PASSWORD)
            assert room.get("/policy").status_code == 200
            server.stop()
            asked = school.unblock_request()
            for answer in (
                room.get("/policy"), room.get("/requests"), room.get("/feed"), room.get("/log-key"),
                room.delete(f"/requests/{asked.id}"),
            ):  # fmt: skip
                assert answer.status_code == 503, answer.text
                assert int(answer.headers["Retry-After"]) > 0
                assert len(answer.text.strip().splitlines()) == 1
            page = browser.client.get("/rules")
            assert page.status_code == 503
            assert int(page.headers["Retry-After"]) > 0
            assert "again shortly" in page.text
            server.start()
            assert room.get("/policy").status_code == 200
            assert browser.client.get("/rules").status_code == 200
            with room.stream("GET", "/feed") as feed:
                lines = (line for line in feed.iter_lines() if line)
                next(lines)
                school.enrol("Room 9")
                school.request("Room 4")
                assert '"requests":1' in next(lines), "who waits is woken again as before"
        school.close()
