"""What a school's own scripts can do by their keys, and what they cannot, over real sockets."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy.orm import Session

from appliance import protocol
from appliance.central import account_management, audit, script_keys
from appliance.rights import Right, Role
from tests.e2e.browser import Browser
from tests.fakes.furnished import OF_COORDINATORS
from tests.fakes.problems import problem_in
from tests.fakes.school import PASSWORD

ODD_BODIES = (b"", b"[]", b"null", b"\x00", b"\xff\xfe",
              b'{"site": "a\\u0000b", "minutes": 5}', b'{"minutes": 1e400}',
              b'{"site": ["x"], "minutes": 5}', b'{"site": "example.org", "minutes": "5"}',
              b'{"site": "example.org", "minutes": 99999999999999999999}',
              b'{"site": "\xe2\x80\xaegro.elpmaxe", "minutes": 5}', b'{"name": 5, "action": "open"}',
              b'{"name": "example.org", "action": "block", "note": "' + b"x" * 70_000 + b'"}')  # fmt: skip


def make_key(school: Any, *rights: Right, owner: str = "cora", name: str = "timetable", days: int = 30) -> str:
    with school.store.write_session(affects_rooms=False) as session:
        made = script_keys.add_key(
            session, school.clock(), name=name, owner=owner, rights=rights or OF_COORDINATORS,
            ends=school.clock() + timedelta(days=days), by=owner,
        )  # fmt: skip
    return made.token


def calls_with(school: Any, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"{school.url}/api/v1/school", headers=headers, timeout=20, trust_env=False)


@pytest.fixture
def script(school: Any) -> Iterator[httpx.Client]:
    school.enrol("Room 4")
    school.account("cora", "coordinator")
    with calls_with(school, make_key(school)) as client:
        yield client


def give_roles(session: Session, school: Any, *roles: Role) -> None:
    account_management.change_account(
        session, school.clock(), username="cora", name="Cora", roles=roles, ends=None, room_ids=(), by="dora"
    )


def entries(school: Any) -> list[tuple[str, str]]:
    with school.store.read_session() as session:
        return [(one.who, one.what) for one in audit.list_audit_entries(session)]


def test_a_script_sees_the_rooms_and_how_they_are(school: Any, script: httpx.Client) -> None:
    (room,) = script.get("/rooms").json()
    assert (room["name"], room["is_connected"], room["conditions"]) == ("Room 4", False, [])
    health = protocol.RoomHealth(version="0.1.0", policy=1, index="", index_age_seconds=1, conditions=("stopped",))
    school.central.health.add_report(school.room().id, health)
    school.central.health.write_batch()
    (room,) = script.get("/rooms").json()
    assert (room["is_connected"], room["version"], room["conditions"]) == (True, "0.1.0", ["stopped"])


def test_a_script_decides_requests_and_the_audit_says_whose_it_is(school: Any, script: httpx.Client) -> None:
    wanted, unwanted = school.request(), school.request(site="chat.example.org")
    assert {one["id"] for one in script.get("/requests").json()} == {wanted, unwanted}
    opened = script.post(f"/requests/{wanted}/approval", json={"minutes": 5, "answer": "Enjoy"})
    assert (opened.status_code, opened.json()["by"]) == (200, "script timetable (made by cora)")
    denied = script.post(f"/requests/{unwanted}/denial", json={"answer": "Not today"})
    assert (denied.status_code, denied.json()["state"]) == (200, "denied")
    problem_in(script.post(f"/requests/{wanted}/approval", json={}), 409)
    assert script.get("/requests").json() == []
    assert len(script.get("/requests", params={"state": "decided"}).json()) == 2
    assert ("script timetable (made by cora)", "approved") in entries(school)


def test_a_script_cannot_decide_what_its_maker_asked_for(school: Any, script: httpx.Client) -> None:
    school.account("dora", "deputy_coordinator")
    asked = school.unblock_request()
    own = msgspec.structs.replace(asked, teacher="cora")
    with school.as_room("Room 4") as room:
        assert room.put(f"/requests/{own.id}", content=msgspec.json.encode(own)).status_code == 201
    assert "yourself" in problem_in(script.post(f"/requests/{own.id}/approval", json={}), 409).detail


def test_a_script_opens_a_site_for_a_room_for_some_minutes_and_closes_it(
    school: Any, script: httpx.Client
) -> None:
    made = script.post("/openings", json={"site": "games.example.org", "minutes": 30, "room": "Room 4"})
    assert made.status_code == 201, made.text
    assert [one.site for one in school.document().unblocks] == ["games.example.org"]
    assert [one["id"] for one in script.get("/openings").json()] == [made.json()["id"]]
    ended = script.delete(f"/openings/{made.json()['id']}")
    assert (ended.status_code, bool(ended.json()["change"])) == (200, True)
    assert school.document().unblocks == ()
    again = script.delete(f"/openings/{made.json()['id']}")
    assert (again.status_code, again.json()["change"]) == (200, ""), "it stays so"
    assert script.post(f"/openings/undo/{ended.json()['change']}").status_code == 200
    assert [one.site for one in school.document().unblocks] == ["games.example.org"]
    problem_in(script.post("/openings", json={"site": "games.example.org", "minutes": 5, "room": "Room 9"}), 404)
    problem_in(script.post("/openings", json={"site": "co.uk", "minutes": 5}), 409)
    problem_in(script.delete("/openings/99"), 404)


def test_a_script_adds_rules_and_takes_them_away(script: httpx.Client) -> None:
    made = script.post("/rules", json={"name": "games.example.org", "action": "block", "note": "why"})
    assert made.status_code == 201, made.text
    problem_in(script.post("/rules", json={"name": "games.example.org", "action": "block"}), 409)
    assert [one["name"] for one in script.get("/rules").json()] == ["games.example.org"]
    gone = script.delete(f"/rules/{made.json()['id']}")
    assert (gone.status_code, bool(gone.json()["change"])) == (200, True)
    problem_in(script.delete(f"/rules/{made.json()['id']}"), 404)


def test_a_script_reads_reports(script: httpx.Client) -> None:
    report = script.get("/reports/weekly").json()
    assert report["kind"] == "weekly"
    assert len(report["parts"]) > 2
    problem_in(script.get("/reports/secrets"), 404)


def test_a_key_stops_at_once_when_it_is_taken_back_has_ended_or_its_maker_may_no_more(school: Any) -> None:
    school.account("cora", "coordinator")
    school.account("dora", "coordinator")
    token = make_key(school)
    with calls_with(school, token) as client:
        assert client.get("/rules").status_code == 200
        with school.store.write_session(affects_rooms=False) as session:
            script_keys.revoke_key(session, school.clock(), key_id=1, by="dora")
        problem_in(client.get("/rules"), 401)
        with school.store.write_session(affects_rooms=False) as session:
            script_keys.restore_key(session, school.clock(), key_id=1, by="dora")
        assert client.get("/rules").status_code == 200
        with school.store.write_session() as session:
            give_roles(session, school, "technician")
        problem_in(client.get("/rules"), 401)
        with school.store.write_session() as session:
            give_roles(session, school, "coordinator")
        assert client.get("/rules").status_code == 200
        with school.store.write_session() as session:
            account_management.end_account(session, school.clock(), username="cora", by="dora")
        problem_in(client.get("/rules"), 401)
    with calls_with(school, make_key(school, owner="dora", name="other", days=1)) as client:
        assert client.get("/rules").status_code == 200
        school.clock.pass_minutes(60 * 25)
        problem_in(client.get("/rules"), 401)


def test_neither_a_cookie_nor_a_rooms_token_nor_a_made_up_key_opens_anything(
    school: Any, script: httpx.Client
) -> None:
    with Browser(school.url) as browser, contextlib.suppress(KeyError):
        browser.sign_in("cora", PASSWORD)
        problem_in(browser.client.get("/api/v1/school/rules"), 401)
    room = school.enrol("Room 9")
    for token in (room, "hallpass_" + "x" * 43, "\u00ff" * 40, "a\x7fb"):
        given = [(b"Authorization", f"Bearer {token}".encode("latin-1"))]
        answer = httpx.get(f"{school.url}/api/v1/school/rules", headers=given, trust_env=False)
        assert problem_in(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    headers = {"Authorization": script.headers["Authorization"]}
    problem_in(httpx.get(f"{school.url}/api/v1/policy", headers=headers, trust_env=False), 401)


def test_whatever_else_is_asked_is_refused_in_words(script: httpx.Client) -> None:
    problem_in(script.get("/nothing"), 404)
    problem_in(script.put("/rules"), 405)
    problem_in(script.get("/requests", params={"state": "odd"}), 400)
    problem_in(script.get("/audit", params={"words": "a\x84b"}), 400)
    problem_in(script.get("/audit", params={"since": "2026-02-30"}), 409)
    for path, allowed in (
        ("/lists/built-in", {"PUT"}),
        ("/rules/preview", {"POST"}),
        ("/plans/preview", {"POST"}),
    ):
        refused = script.options(path)
        assert problem_in(refused, 405)
        assert set(refused.headers["Allow"].split(", ")) == allowed, "none of another address of that form"
    for path in ("/openings", "/rules", f"/requests/{'0' * 32}/approval"):
        for body in ODD_BODIES:
            answer = script.post(path, content=body)
            assert 400 <= answer.status_code < 500, (path, body[:40], answer.text)
        problem_in(script.post(path, content=b"a=1", headers={"Content-Type": "text/plain"}), 415)
    for odd in ("-1", "0", "1e3", "\u0661", "9" * 30, "%00", "x"):
        problem_in(script.delete(f"/rules/{odd}"), 404)


def test_a_script_that_calls_too_often_is_told_when_to_come_back(school: Any) -> None:
    school.account("cora", "coordinator")
    service = msgspec.structs.replace(school.central.settings.central, script_calls_per_minute=3)
    school.central.settings = msgspec.structs.replace(school.central.settings, central=service)
    with calls_with(school, make_key(school)) as client:
        assert [client.get("/rules").status_code for _ in range(4)] == [200, 200, 200, 429]
        assert int(client.get("/rules").headers["Retry-After"]) > 0
    with calls_with(school, make_key(school, name="other")) as other:
        assert other.get("/rules").status_code == 200, "each key has its own"
