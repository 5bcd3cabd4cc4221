"""Whatever a browser may be made to send is taken, or refused in words, on any database.

Each of many odd values in each of many addresses is some ten thousand requests: `make test` makes a part of them
on each database, every value and every address among them, and `make test-all` makes all.
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from flask import Flask, url_for

from tests.docs.sources import ROOT
from tests.e2e.browser import Browser
from tests.fakes.postgres import database_url, postgres_server
from tests.fakes.school import PASSWORD
from tests.webui.conftest import ServedSchool
from webui.central.app import create_central_app

FIELDS = (
    "action", "addresses", "again", "allow_wide", "also", "answer", "assigned_to", "before", "builtin",
    "category", "certificate", "close", "code", "confirmed", "days", "decision", "device", "digest", "edition",
    "email", "end", "ends", "events", "exact", "file", "format", "from", "group", "groups", "incident",
    "instead_of", "is_inside", "key", "links", "location", "locked", "lookup_id", "match", "minutes", "more",
    "name", "names", "networks", "new", "no_safe_search", "note", "on_request", "only_from", "outcome",
    "password", "per_day", "plan", "profile", "publicly_trusted", "ready_made", "reason", "referred_on",
    "referred_to", "replace", "replaces", "report", "revision", "rights", "roles", "room", "room_id", "rooms",
    "row", "scope", "seen", "set", "shown", "since", "site", "start", "state", "step", "stored", "title", "to",
    "token", "until", "url", "username", "version",
)  # fmt: skip
ODD_TEXTS = ("\x00", "a\x00b", "\x1b[2J", "\x85", "\u2028", "\u202e", "a\u2066b", "x" * 20_000)
LINE_ENDS = ("a\nb", "a\r\nb", "a\tb")
CALM_BUT_ODD = (
    "9" * 400, "-1", "1e400", "nan", "1_000", "\u0661", "\U0001d7d9", "\ufdfa" * 18, "x" * 9_999, "[]", "{}",
    "https://", "https://[", "xn--", "a..b", "'\"<>&", "\r\n", "", " ", "\ufeff", "0001-01-01", "\u200f", "../..",
    "y" * 64, "\U0001f3db" * 64, "%00",
)  # fmt: skip
HONEST = {
    "username": "sam", "password": PASSWORD, "name": "games.example.org", "roles": "teacher", "rooms": "1",
    "ends": "2027-01-01",
    "minutes": "10", "per_day": "1", "category": "games", "location": "", "format": "auto", "match": "",
    "scope": "room", "group": "", "answer": "Enjoy", "decision": "approve", "action": "block", "note": "why",
    "close": "example.org", "closed": "games", "bundle": "", "new": "another pass phrase",
    "again": "another pass phrases",
}  # fmt: skip
NO_FORMS = (
    ("application/json", b'{"name": ["\x00"]}'), ("text/plain", b"\xff\xfe\x00"), ("a\x7fb", b"x"),
    ("multipart/form-data", b"x"), ("multipart/form-data; boundary=", b"--\r\n"),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=\"\xff\x00\"\r\n\r\n\x00"),
    ("application/x-www-form-urlencoded", b"name=%ff%fe%00&%00=%ed%a0%80&name[]=1&" + b"a=1&" * 2000),
    ("application/x-www-form-urlencoded; charset=utf-16", b"\xff\xfen\x00"), ("", b"name=x"),
)  # fmt: skip
_T = TypeVar("_T")
AS_A_BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
HUGE_NUMBERS = ("99999999999999999999", str(2**31), str(2**63), "9" * 400, "-" + "9" * 400)


class Cora(Browser):
    """A coordinator at central, and which part of all combinations she tries: one in so many."""

    first = 0
    is_thorough = False

    def some_of(self, combinations: Iterable[_T], one_in: int) -> Iterable[_T]:
        return combinations if self.is_thorough else itertools.islice(combinations, self.first, None, one_in)


@pytest.fixture(
    scope="module",
    params=[
        ("sqlite", 0),
        ("postgresql", 1),
        pytest.param(("sqlite", None), marks=pytest.mark.exhaustive),
        pytest.param(("postgresql", None), marks=pytest.mark.exhaustive),
    ],
    ids=lambda param: param[0] if param[1] is not None else f"{param[0]}, all of it",
)
def cora(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cora]:
    database, first = request.param
    with ExitStack() as stack:
        url = stack.enter_context(database_url(database))
        school = ServedSchool(tmp_path_factory.mktemp("central"), database=url)
        stack.callback(school.close)
        school.enrol()
        school.account("cora", "coordinator")
        browser = stack.enter_context(Cora(school.url))
        browser.sign_in("cora", PASSWORD)
        browser.is_thorough, browser.first = first is None, first or 0
        yield browser


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


def fields_in(folder: Path) -> set[str]:
    """Return what the forms below a folder name, and what its views ask a form for."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        text = path.read_text()
        found |= set(re.findall(r"^    (\w+) = \w+Field\(", text, re.MULTILINE))
        found |= set(re.findall(r'request\.form\.get(?:list)?\("(\w+)"', text))
        found |= set(re.findall(r'"(\w+)" in request\.form', text))
    return found


def fields_of(app: Flask, path: str) -> Iterable[str]:
    """Return the fields that the feature behind an address can have; all there are, where that is not clear."""
    endpoint = str(app.url_map.bind("central").match(path, method="POST")[0])
    return (
        sorted(fields_in(ROOT / "webui/central" / endpoint.split(".", maxsplit=1)[0].removeprefix("staff_")))
        or FIELDS
    )


def test_the_fields_that_are_tried_are_all_that_any_form_has() -> None:
    """What a form of central's names, or a view asks a form for, stands above."""
    found = {"username", "password"}  # signing in: webui.shared.auth
    assert found | fields_in(ROOT / "webui/central") == set(FIELDS)


def test_no_form_takes_a_control_character_or_a_text_without_end(cora: Cora, app: Flask) -> None:
    token = cora.open("/rules").form_with("name").fields["csrf_token"]
    paths = list(addresses(app, "POST", "1"))
    assert len(paths) >= 10
    for path in paths:
        for odd in ODD_TEXTS:
            data = dict.fromkeys(FIELDS, odd) | {"csrf_token": token}
            answer = cora.client.post(path, data=data)
            assert is_calm(answer), (path, odd[:5], answer.text)
            assert answer.status_code == 400 or odd.startswith("x")


def test_one_field_that_is_odd_among_honest_ones_is_no_fault(cora: Cora, app: Flask) -> None:
    token = cora.open("/rules").form_with("name").fields["csrf_token"]
    odd = itertools.cycle(CALM_BUT_ODD)
    paths = (*addresses(app, "POST", "1"), *addresses(app, "POST", "pupils"))
    for path, field in cora.some_of(((one, field) for one in paths for field in fields_of(app, one)), 17):
        data = HONEST | {"csrf_token": token, field: next(odd)}
        answer = cora.client.post(path, data=data)
        assert is_calm(answer), (path, field, data[field], answer.text)
    twice = {name: [value, value, ""] for name, value in HONEST.items()}
    for path in cora.some_of(paths, 5):
        assert is_calm(cora.client.post(path, data=twice | {"csrf_token": token})), path
    assert cora.client.get("/rules").status_code == 200, "signed in until the end"


def test_a_body_that_is_no_form_is_no_fault(cora: Cora, app: Flask) -> None:
    token = cora.open("/rules").form_with("name").fields["csrf_token"]
    for path, (kind, body) in cora.some_of(itertools.product(addresses(app, "POST", "1"), NO_FORMS), 11):
        headers = {"X-CSRFToken": token, "Content-Type": kind}
        answer = cora.client.post(path, content=body, headers=headers)
        assert is_calm(answer), (path, kind, body[:30], answer.text)
    for path in cora.some_of(addresses(app, "POST", "1"), 2):
        files = {"file": ("a\x00\u202e\n.txt", b"\x00\xff" * 100, "text/\u00ff")}
        answer = cora.client.post(path, data=HONEST | {"csrf_token": token, "location": ""}, files=files)
        assert is_calm(answer), path


def test_no_number_is_too_large_for_a_fault(cora: Cora, app: Flask) -> None:
    token = cora.open("/rules").form_with("name").fields["csrf_token"]
    combinations = ((number, path) for number in HUGE_NUMBERS for path in addresses(app, "POST", number))
    for number, path in cora.some_of(combinations, 7):
        data = dict.fromkeys(("minutes", "per_day"), number) | {"csrf_token": token}
        assert is_calm(cora.client.post(path, data=data)), path
    for path in cora.some_of((path for number in HUGE_NUMBERS for path in addresses(app, "GET", number)), 7):
        assert is_calm(cora.client.get(path)), path
    assert cora.client.get("/rules").status_code == 200, "signed in until the end"


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1999-12-31", "2200-01-01", "2026-02-30", "x"])
def test_no_account_ends_on_a_day_at_the_ends_of_the_calendar(cora: Cora, day: str) -> None:
    form = cora.open("/accounts").form_with("username", "ends")
    cora.send(form, username="stella", name="Stella", roles="teacher", ends=day)
    assert "Last day" in cora.text
    assert "stella" not in cora.client.get("/accounts").text


def test_no_address_takes_a_control_character(cora: Cora, app: Flask) -> None:
    odd_texts = (*ODD_TEXTS[:-1], *LINE_ENDS)
    odd_parts = (*odd_texts, "a b", "..", "%00", "\u0661", "9" * 3000, "x" * 3000)
    in_places = (path for odd in odd_parts for method in ("POST", "GET") for path in addresses(app, method, odd))
    for path in cora.some_of(in_places, 7):
        assert is_calm(cora.client.get(path)), path
    for path, odd in cora.some_of(itertools.product(addresses(app, "GET", "1"), odd_texts), 7):
        answer = cora.client.get(path, params={"since": odd, "q": odd})
        assert answer.status_code == 400, path
    raws = ("%ff%fe", "%ed%a0%80", "%c0%80", "%", "%zz", "=&=&;")
    for path, raw in cora.some_of(itertools.product(addresses(app, "GET", "1"), raws), 5):
        assert is_calm(cora.client.get(f"{path}?since={raw}&{raw}={raw}")), raw


def test_bytes_that_are_no_text_in_an_address_are_no_fault(cora: Cora, app: Flask) -> None:
    token = cora.open("/rules").form_with("name").fields["csrf_token"]
    raws = ("%ff%fe", "%ed%a0%80", "%c0%80", "%e2%80%ae", "%0d%0a", "%2e%2e", "%2f", "a//b", "\u00ff")
    for path, raw in cora.some_of(itertools.product(addresses(app, "POST", "1"), raws), 5):
        address = path.replace("/1", f"/{raw}")
        answer = cora.client.post(address, data=HONEST | {"csrf_token": token})
        assert is_calm(answer), (address, answer.text)


@pytest.mark.parametrize(
    "wanted",
    ["%00", "/%00", "/a%0d%0aSet-Cookie:%20a=b", "/a%09b", "/%e2%80%ae", "/%ff%fe", "/%ed%a0%80", "//example.org",
     "/%5Cexample.org", "http://%5B", "/%E2%84%80", "//%E2%84%80.example.org", "/" + "x" * 3000, "/%C2%85",
     "javascript:alert(1)", "https:example.org", "/%0a/example.org"],
)  # fmt: skip
def test_wherever_somebody_wants_to_go_on_to_they_are_signed_in_and_stay_here(cora: Cora, wanted: str) -> None:
    with httpx.Client(base_url=cora.client.base_url, trust_env=False, timeout=20) as stranger:
        page = stranger.get("/sign-in").text
        token = page.partition('name="csrf_token" type="hidden" value="')[2].partition('"')[0]
        data = {"csrf_token": token, "username": "cora", "password": PASSWORD}
        answer = stranger.post(f"/sign-in?next={wanted}", data=data)
        assert answer.status_code in (302, 400), answer.text
        if answer.status_code == 302:
            assert answer.headers["Location"].startswith("/")
            assert not answer.headers["Location"].startswith(("//", "/\\"))
            assert "Set-Cookie: a=b" not in str(answer.headers)


@pytest.mark.parametrize("value", [b"\xff\xfe", b"a\x80", b"%00", b"\xed\xa0\x80", b"x" * 3000, b'"', b";;=,"])
def test_odd_headers_are_no_fault(cora: Cora, value: bytes) -> None:
    names = (
        b"User-Agent",
        b"Referer",
        b"Accept-Language",
        b"If-None-Match",
        b"If-Modified-Since",
        b"Range",
        b"Origin",
    )
    with httpx.Client(base_url=cora.client.base_url, trust_env=False, timeout=20) as stranger:
        page = stranger.get("/sign-in")
        token = page.text.partition('name="csrf_token" type="hidden" value="')[2].partition('"')[0]
        cookies = "; ".join(f"{name}={kept}" for name, kept in page.cookies.items()).encode()
        stranger.cookies.clear()
        data = {"csrf_token": token, "username": "cora", "password": PASSWORD}
        for name in names:
            headers = [(name, value), (b"Cookie", cookies)]
            assert stranger.post("/sign-in", data=data, headers=headers).status_code == 302, name
        for path in ("/", "/sign-in", "/api/v1/policy"):
            for cookie in (b"hallpass-central", b"hallpass-central-device", b"remember_token"):
                odd = [(b"Cookie", cookie + b"=" + value), (b"Authorization", b"Bearer " + value)]
                assert is_calm(stranger.get(path, headers=odd)), (path, cookie)


def test_nobody_who_is_not_signed_in_can_make_it_fail(cora: Cora) -> None:
    with httpx.Client(base_url=cora.client.base_url, trust_env=False, timeout=20) as stranger:
        page = stranger.get("/sign-in").text
        token = page.partition('name="csrf_token" type="hidden" value="')[2].partition('"')[0]
        assert token
        for odd in ODD_TEXTS:
            data = {"csrf_token": token, "username": odd, "password": odd}
            answer = stranger.post("/sign-in", data=data)
            assert answer.status_code == 400, answer.text
            assert "control character" in answer.text or "too long" in answer.text


def test_a_browser_is_told_what_is_wrong_by_a_page_and_a_program_in_plain_words(cora: Browser) -> None:
    token = cora.open("/rules").form_with("name").fields["csrf_token"]
    for odd, said in (
        ("a\x00b", "control character (U+0000)"),
        ("x" * 20_000, "is too long: 10,000 characters at most"),
    ):
        data = {"csrf_token": token, "name": odd}
        page = cora.client.post("/rules", data=data, headers=AS_A_BROWSER)
        assert (page.status_code, page.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
        assert said in page.text
        assert 'aria-label="Pages"' in page.text, "the ways elsewhere stand there too"
        plain = cora.client.post("/rules", data=data)
        assert (plain.status_code, plain.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
        assert said in plain.text
    address = f"{str(cora.client.base_url).rstrip('/')}/sign-in?next=%00"
    stranger = httpx.get(address, headers=AS_A_BROWSER, trust_env=False)
    assert "control character" in stranger.text
    assert 'aria-label="Pages"' not in stranger.text
    interface = cora.client.post("/api/v1/requests", content=b"x", headers=AS_A_BROWSER)
    assert interface.headers["Content-Type"] == "application/problem+json"


def test_several_lines_and_any_language_are_welcome(cora: Cora) -> None:
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
            page = browser.client.get("/rules", headers=AS_A_BROWSER)
            assert page.status_code == 503
            assert "<h1" in page.text
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
