"""What a room hears when it calls central, over real sockets."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from appliance import protocol
from appliance.central import accounts, audit, reports, requests, rules
from appliance.central.models import PublicationRow
from appliance.operations import OPERATIONS
from blocklists.container import INDEX_NAME
from dns.policy.document import PolicyDocument
from tests.fakes.problems import problem_in
from tests.fakes.school import PASSWORD
from tests.fakes.signing_central import SigningCentral


@pytest.fixture
def room(school: Any) -> Iterator[httpx.Client]:
    with school.as_room() as client:
        yield client


def body(value: msgspec.Struct) -> bytes:
    return msgspec.json.encode(value)


def placed(line: str) -> tuple[int, str, int]:
    """Return what rooms of before follow of a line."""
    target = msgspec.json.decode(line, type=protocol.Target)
    return target.policy, target.index, target.requests


def test_nobody_comes_in_without_a_token(school: Any) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
        for path in ("feed", "policy", "requests", "log-key", "index/" + "f" * 64, "nothing"):
            answer = httpx.get(f"{school.url}/api/v1/{path}", headers=headers, trust_env=False)
            assert problem_in(answer, 401).detail == "this token is not known here"
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_what_is_not_there_is_said_in_json_too(room: httpx.Client) -> None:
    assert problem_in(room.get("/nothing"), 404).detail == "there is no /nothing here"
    for path in ("/", "/index", "/index/x/y", "/requests/" + "a" * 32 + "/x", "/%00", "/%ed%a0%80", "/%e2%80%ae"):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
            answer = room.request(method, path)
            assert answer.status_code == 404, (method, path)
            if method != "HEAD":
                problem_in(answer)


def test_another_method_is_told_which_ones_there_are(room: httpx.Client) -> None:
    for operation in (one for one in OPERATIONS if one.caller == "room"):
        path = operation.path.format(message_id="a" * 32, version="f" * 64, name="root.json")
        allowed = {one.method for one in OPERATIONS if one.path == operation.path}
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} - allowed:
            answer = room.request(method, path)
            problem_in(answer, 405)
            named = {one.strip() for one in answer.headers["Allow"].split(",")}
            assert named - {"HEAD"} == allowed, (method, path)


def test_a_feed_of_which_only_the_head_is_wanted_watches_nothing(school: Any, room: httpx.Client) -> None:
    for _ in range(5):
        answer = room.head("/feed")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
    assert not any(school.central.feed._rooms.values())


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "a/b"])
def test_what_is_said_to_be_something_else_than_json_is_not_read(
    school: Any, room: httpx.Client, kind: str
) -> None:
    asked = school.unblock_request()
    for path in (f"/requests/{asked.id}", "/health"):
        problem_in(room.put(path, content=body(asked), headers={"Content-Type": kind}), 415)
    for right in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
        answer = room.put(f"/requests/{asked.id}", content=body(asked), headers={"Content-Type": right})
        assert answer.status_code in (200, 201)


def test_a_room_reads_its_policy(school: Any, room: httpx.Client) -> None:
    document = msgspec.json.decode(room.get("/policy").content, type=PolicyDocument)
    assert (document.version, document.room) == (1, "Room 4")


def test_a_request_sent_twice_arrives_once(school: Any, room: httpx.Client) -> None:
    asked = school.unblock_request()
    assert room.put(f"/requests/{asked.id}", content=body(asked)).status_code == 201
    assert room.put(f"/requests/{asked.id}", content=body(asked)).status_code == 200
    states = msgspec.json.decode(room.get("/requests").content, type=list[protocol.RequestState])
    assert [(one.request, one.state) for one in states] == [(asked, "waiting")]


def test_a_teacher_takes_a_request_back(school: Any, room: httpx.Client) -> None:
    asked = school.unblock_request()
    room.put(f"/requests/{asked.id}", content=body(asked))
    assert room.delete(f"/requests/{asked.id}").status_code == 200
    assert room.delete(f"/requests/{asked.id}").status_code == 200
    assert room.get("/requests").json()[0]["state"] == "withdrawn"


def test_one_room_sees_nothing_of_another(school: Any, room: httpx.Client) -> None:
    asked = school.unblock_request()
    room.put(f"/requests/{asked.id}", content=body(asked))
    with school.as_room("Room 5") as other:
        assert other.get("/requests").json() == []
        other.delete(f"/requests/{asked.id}")
        assert other.get("/log-key").json() != room.get("/log-key").json()
    assert room.get("/requests").json()[0]["state"] == "waiting"


def test_what_another_room_has_sent_is_neither_taken_as_ones_own_nor_changed(
    school: Any, room: httpx.Client
) -> None:
    now = school.clock()
    messages = {
        "requests": school.unblock_request(),
        "reports": protocol.SiteReport(id="a" * 32, site="bad.example.org", teacher="t", reported_at=now),
        "incidents": protocol.Incident(
            id="b" * 32, kind="tunnel", happened_at=now, device="d1", evidence=("x.example",)
        ),
        "actions": protocol.RoomAction(id="c" * 32, who="tess", what="lesson", happened_at=now),
    }
    for kind, message in messages.items():
        assert room.put(f"/{kind}/{message.id}", content=body(message)).status_code == 201
    with school.as_room("Room 5") as other:
        for kind, message in messages.items():
            answer = other.put(f"/{kind}/{message.id}", content=body(message))
            assert "another room has used this id" in problem_in(answer, 409).detail, kind
        group = body(protocol.RoomActions(actions=(messages["actions"],)))
        assert problem_in(other.put("/actions", content=group), 409)
        assert problem_in(other.delete(f"/requests/{messages['requests'].id}"), 409)
        assert other.delete(f"/requests/{'f' * 32}").status_code == 200, "one that nobody knows is over"
    for kind, message in messages.items():
        assert room.put(f"/{kind}/{message.id}", content=body(message)).status_code == 200


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 400), (b"{}", 400), (b'{"id": 7}', 400), (b"\xff\xfe", 400),
     (b'{"id": "\xff"}', 400), (b'{"username": "caf\xc3", "password": "x"}', 400),
     (b'{"unknown": ' + b"[" * 60_000, 400), (b"x" * 70_000, 413)],
)  # fmt: skip
def test_what_is_not_understood_is_said_in_one_sentence(room: httpx.Client, content: bytes, status: int) -> None:
    for method, path in (
        ("PUT", "/requests/" + "a" * 32), ("PUT", "/reports/" + "a" * 32), ("PUT", "/incidents/" + "a" * 32),
        ("PUT", "/health"), ("POST", "/sign-in"),
    ):  # fmt: skip
        answer = room.request(method, path, content=content)
        problem_in(answer, status)


def test_a_request_for_what_is_no_name_is_refused(school: Any, room: httpx.Client) -> None:
    asked = msgspec.structs.replace(school.unblock_request(), site="no name at all")
    answer = room.put(f"/requests/{asked.id}", content=body(asked))
    assert "not the name of a site" in problem_in(answer, 409).detail


def test_the_id_in_the_address_must_be_the_one_in_the_body(school: Any, room: httpx.Client) -> None:
    assert room.put("/requests/" + "b" * 32, content=body(school.unblock_request())).status_code == 400


def test_several_actions_in_one_call_are_kept_once_each(school: Any, room: httpx.Client) -> None:
    actions = tuple(
        protocol.RoomAction(id=f"{number:032x}", who="tess", what="lesson", happened_at=school.clock())
        for number in (1, 2, 2, 3)
    )

    for _ in range(2):
        assert room.put("/actions", content=body(protocol.RoomActions(actions=actions))).status_code == 200

    with school.store.read_session() as session:
        entries = [entry for entry in audit.list_audit_entries(session) if entry.what == "lesson"]
    assert len(entries) == 3


def test_of_several_actions_with_a_bad_one_none_is_kept(school: Any, room: httpx.Client) -> None:
    good = {"id": "1" * 32, "who": "tess", "what": "lesson", "happened_at": "2026-11-27T09:00:00Z"}

    answer = room.put(
        "/actions", content=msgspec.json.encode({"actions": [good, good | {"id": "2" * 32, "what": ""}]})
    )

    assert answer.status_code == 400
    with school.store.read_session() as session:
        assert not [entry for entry in audit.list_audit_entries(session) if entry.what == "lesson"]


def test_a_room_hears_of_a_change_on_its_feed(school: Any, room: httpx.Client) -> None:
    with room.stream("GET", "/feed") as feed:
        assert feed.headers["Content-Type"] == "application/x-ndjson"
        lines = (line for line in feed.iter_lines() if line)
        assert placed(next(lines)) == (1, "", 0)
        with school.store.write_session() as session:
            rules.add_rule(session, school.clock(), name="bad.example.org", action="block", by="coordinator")
        target = msgspec.json.decode(next(lines), type=protocol.Target)
        assert target.policy == 2
        assert target.time == school.clock().timestamp()
        answer = room.get("/policy")
        document = msgspec.json.decode(answer.content, type=PolicyDocument)
        assert target.document == document
        assert answer.headers["ETag"] == f'"{target.policy_digest}"'
        assert document.version == 2
        assert document.rules[0].name == "bad.example.org"


def test_a_policy_that_the_room_has_is_not_sent_again(room: httpx.Client) -> None:
    digest = room.get("/policy").headers["ETag"]
    again = room.get("/policy", headers={"If-None-Match": digest})
    assert (again.status_code, again.content) == (304, b"")
    assert room.get("/policy", headers={"If-None-Match": '"another"'}).status_code == 200


def test_a_feed_whose_token_has_ended_ends(school: Any, room: httpx.Client) -> None:
    with room.stream("GET", "/feed") as feed, school.as_room("Room 5") as other:
        lines = feed.iter_lines()
        next(lines)
        with other.stream("GET", "/feed") as others:
            others_lines = (line for line in others.iter_lines() if line)
            next(others_lines)
            school.enrol("Room 4")
            assert [line for line in lines if line] == []
            assert room.get("/policy").status_code == 401
            with school.store.write_session() as session:
                rules.add_rule(session, school.clock(), name="bad.example.org", action="block", by="coordinator")
            assert placed(next(others_lines))[0] == 2, "another room's goes on"


def test_an_approval_reaches_the_room_that_asked(school: Any, room: httpx.Client) -> None:
    asked = school.unblock_request()
    with room.stream("GET", "/feed") as feed:
        lines = (line for line in feed.iter_lines() if line)
        next(lines)
        room.put(f"/requests/{asked.id}", content=body(asked))
        assert json.loads(next(lines))["requests"] == 1
        with school.store.write_session() as session:
            requests.approve_request(
                session, school.clock(), request_id=asked.id, by="coordinator", answer="Enjoy"
            )
        assert placed(next(lines)) == (2, "", 2)
    (state,) = room.get("/requests").json()
    assert (state["state"], state["answer"]) == ("approved", "Enjoy")


def test_an_index_is_given_out_by_its_hash(school: Any, room: httpx.Client) -> None:
    version = "f" * 64
    folder = school.central.settings.central.data / "indexes" / version
    folder.mkdir(parents=True)
    (folder / INDEX_NAME).write_bytes(b"an index")
    with school.store.write_session() as session:
        session.add(PublicationRow(hash=version, built_at=school.clock(), names=1))
    answer = room.get(f"/index/{version}")
    assert answer.content == b"an index"
    assert room.get(f"/index/{version}", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert room.get(f"/index/{version}", headers={"Range": "bytes=3-"}).content == b"index"
    for unknown in ("0" * 64, "..", "..%2f..%2fcentral.db"):
        assert room.get(f"/index/{unknown}").status_code == 404


def test_a_room_asks_whose_a_password_is(school: Any, room: httpx.Client) -> None:
    school.account("ada", "teacher")
    right = room.post("/sign-in", content=body(protocol.Credentials("ada", PASSWORD)))
    assert msgspec.json.decode(right.content, type=protocol.Account).name == "Ada"
    wrong = room.post("/sign-in", content=body(protocol.Credentials("ada", "wrong")))
    nobody = room.post("/sign-in", content=body(protocol.Credentials("nobody", "wrong")))
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json() == nobody.json()


def test_reports_incidents_and_health_arrive(school: Any, room: httpx.Client) -> None:
    report = protocol.SiteReport(id="a" * 32, site="bad.example.org", teacher="t", reported_at=school.clock())
    incident = protocol.Incident(
        id="b" * 32, kind="tunnel", happened_at=school.clock(), device="d1", evidence=("x.example",)
    )
    health = protocol.RoomHealth(version="1", policy=1, index="", index_age_seconds=1, conditions=())
    for status in (201, 200):
        assert room.put(f"/reports/{report.id}", content=body(report)).status_code == status
        assert room.put(f"/incidents/{incident.id}", content=body(incident)).status_code == status
    assert room.put("/health", content=body(health)).status_code == 200
    with school.store.read_session() as session:
        assert [one.site for one in reports.list_open_reports(session)] == ["bad.example.org"]
    school.central.health.write_batch()
    assert (school.room().health or {})["version"] == "1"
    assert school.room().last_seen == school.clock()


def test_the_log_key_stays_the_same(room: httpx.Client) -> None:
    key = msgspec.json.decode(room.get("/log-key").content, type=protocol.LogKey).key
    assert len(key) == 64
    assert room.get("/log-key").json() == {"key": key}


def test_while_the_database_is_locked_a_room_is_told_to_come_later(school: Any, room: httpx.Client) -> None:
    asked = school.unblock_request()
    with contextlib.closing(sqlite3.connect(school.central.settings.central.data / "central.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = room.put(f"/requests/{asked.id}", content=body(asked))
        problem_in(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0
        health = protocol.RoomHealth(version="1", policy=1, index="", index_age_seconds=1, conditions=())
        assert room.put("/health", content=body(health)).status_code == 200, "which asks no database"
    assert room.put(f"/requests/{asked.id}", content=body(asked)).status_code == 201


def test_a_room_is_told_whose_sign_ins_of_before_are_over(school: Any) -> None:
    school.account("ada", "teacher")
    with school.as_room() as room:
        (before,) = msgspec.json.decode(room.get("/accounts").content, type=list[protocol.AccountState])
        assert (before.username, before.role, before.ends) == ("ada", "teacher", None)
        with school.store.write_session() as session:
            accounts.end_account(session, school.clock(), username="ada", by="office")
        (after,) = msgspec.json.decode(room.get("/accounts").content, type=list[protocol.AccountState])
        assert after.valid_after > before.valid_after
        assert after.ends == school.clock()


def test_a_token_that_was_never_used_ends_and_one_that_was_goes_on(school: Any) -> None:
    with school.as_room() as used, school.as_room("Room 5") as unused:
        with used.stream("GET", "/feed") as feed:
            next(feed.iter_lines())
        school.clock.pass_minutes(91 * 24 * 60)
        assert used.get("/policy").status_code == 200
        answer = problem_in(unused.get("/policy"), 403)
        assert "never used" in str(answer)


def test_a_stolen_token_calls_nothing_once_its_room_has_come_with_links(school: Any) -> None:
    with school.as_room() as room, school.as_room("Room 5") as other:
        assert other.get("/policy").status_code == 200
        links = {"Hallpass-Next-Link": "first", "Hallpass-Process": "p1"}
        with room.stream("GET", "/feed", headers=links) as feed:
            assert feed.status_code == 200
            next(feed.iter_lines())
            for path in ("/policy", "/log-key", "/accounts", "/requests"):
                problem_in(room.get(path), 503)
                assert room.get(path, headers={"Hallpass-Last-Link": "first"}).status_code in (200, 304)
            problem_in(room.get("/feed"), 503)
            with room.stream("GET", "/feed", headers={"Hallpass-Last-Link": "x y"}) as knocking:
                assert knocking.status_code == 503


def test_signatures_are_given_as_they_were_signed_and_nothing_beside_them(room: httpx.Client, school: Any) -> None:
    assert problem_in(room.get("/signatures/root.json"), 404).detail == "there is no such signature"
    lists = SigningCentral(school.central.settings.central.data, school.central.keys)
    lists.sign("a1" * 32, b"an index")
    for name, content in lists.copy().items():
        answer = room.get(f"/signatures/{name}")
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["Content-Type"] == "application/json"
    for name in (
        "keys.json",
        "..%2fkeys.json",
        "state.json",
        "9" * 40 + ".root.json",
        "root.json%00",
        "%e2%80%ae",
    ):
        problem_in(room.get(f"/signatures/{name}"), 404)
    assert room.put("/signatures/root.json", content=b"{}").status_code == 405
