"""A card in the wrong hands fills no disk: what a room has central write has an end, and whoever looks is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from appliance import protocol
from appliance.central import audit
from appliance.central.room_budget import (
    CERTIFICATES_OF_A_DAY,
    OVER_BUDGET,
    SIGN_INS_OF_A_DAY,
    RoomBudget,
)
from appliance.operations import OPERATIONS
from tests.fakes.pinned_room import PinnedRoom
from tests.fakes.school import PASSWORD

ALLOWANCE = {
    "request_certificate": CERTIFICATES_OF_A_DAY.amount,
    "sign_page_certificate": CERTIFICATES_OF_A_DAY.amount,
    "sign_in": SIGN_INS_OF_A_DAY.amount,
    "start_sign_in": SIGN_INS_OF_A_DAY.amount,
    "redeem_ticket": SIGN_INS_OF_A_DAY.amount,
}
WITHOUT = {"put_health", "put_seen_devices", "put_counts"}  # replace what is there, in nobody's audit
MESSAGES = 20_000  # as the settings have it where they say nothing
NUMBERED = "{:032x}"


@pytest.fixture
def room(school: Any) -> Iterator[httpx.Client]:
    with school.as_room() as client:
        yield client


def entries(school: Any, what: str) -> int:
    with school.store.read_session() as session:
        return sum(one.what == what for one in audit.list_audit_entries(session, 10_000))


def spend(school: Any, operation: str, left: int, room: str = "Room 4") -> None:
    """Leave a room so much of a day's budget."""
    total = ALLOWANCE.get(operation, MESSAGES)
    school.central.room_budget.spend(school.room(room).id, operation, total - left)


def action(school: Any, number: int) -> protocol.RoomAction:
    return protocol.RoomAction(id=NUMBERED.format(number), who="tess", what="lesson", happened_at=school.clock())


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.caller == "room" and one.method != "GET"])
def test_whatever_a_room_has_central_write_has_an_end(operation: Any) -> None:
    budget, refused = RoomBudget(MESSAGES), False
    for _ in range(ALLOWANCE.get(operation.id, MESSAGES) + 1):
        try:
            budget.spend(1, operation.id)
        except Exception as problem:  # noqa: BLE001 (which one is looked at below)
            refused = type(problem).__name__ == "Busy"
    assert refused == (operation.id not in WITHOUT)
    budget.spend(2, operation.id)  # another room has its own


def test_what_is_beyond_is_put_off_and_said_once(school: Any, room: httpx.Client) -> None:
    spend(school, "put_action", 2)
    sent = [action(school, number) for number in range(8)]
    answers = [room.put(f"/actions/{one.id}", content=msgspec.json.encode(one)) for one in sent]
    assert [one.status_code for one in answers] == [201, 201, *[503] * 6]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "more today than a room has to say" in answers[-1].json()["detail"]
    assert (entries(school, "lesson"), entries(school, OVER_BUDGET)) == (2, 1)


def test_actions_that_come_together_count_each(school: Any, room: httpx.Client) -> None:
    spend(school, "put_action", 5)
    several = protocol.RoomActions(actions=tuple(action(school, number) for number in range(6)))
    assert room.put("/actions", content=msgspec.json.encode(several)).status_code == 503
    assert entries(school, "lesson") == 0
    fewer = protocol.RoomActions(actions=several.actions[:5])
    assert room.put("/actions", content=msgspec.json.encode(fewer)).status_code == 200


def test_asking_and_taking_back_again_and_again_has_an_end(school: Any, room: httpx.Client) -> None:
    spend(school, "put_request", 3)
    asked = school.unblock_request()
    assert room.put(f"/requests/{asked.id}", content=msgspec.json.encode(asked)).status_code == 201
    assert [room.delete(f"/requests/{asked.id}").status_code for _ in range(4)] == [200, 200, 503, 503]


def test_a_flood_keeps_nobody_from_signing_in_and_no_room_from_saying_how_it_is(
    school: Any, room: httpx.Client
) -> None:
    school.account("tess", "teacher")
    spend(school, "put_action", 0)
    typed = {"username": "tess", "password": PASSWORD}
    assert room.post("/sign-in", content=msgspec.json.encode(typed)).status_code == 200
    health = protocol.RoomHealth(version="1", policy=0, index="", index_age_seconds=0, conditions=())
    assert room.put("/health", content=msgspec.json.encode(health)).status_code == 200
    assert room.get("/policy").status_code == 200


def test_a_room_that_asks_for_signing_again_and_again_is_put_off(
    school: Any, room: httpx.Client, tmp_path: Path
) -> None:
    asked = msgspec.json.encode({"request": PinnedRoom(tmp_path / "card", 0).signing_request()})
    answers = [room.post("/certificate", content=asked) for _ in range(CERTIFICATES_OF_A_DAY.amount + 3)]
    assert [one.status_code for one in answers] == [200] * CERTIFICATES_OF_A_DAY.amount + [503] * 3
    assert entries(school, OVER_BUDGET) == 1


def test_what_is_refused_for_what_it_is_costs_nothing(school: Any, room: httpx.Client) -> None:
    for path in ("/certificate", "/page-certificate"):
        answers = [room.post(path, content=b'{"request": "AAAA"}') for _ in range(50)]
        assert {one.status_code for one in answers} == {409}
    spend(school, "put_action", 1)
    bad = {"id": "1" * 32, "who": "tess", "what": "", "happened_at": "2026-11-27T09:00:00Z"}
    assert room.put(f"/actions/{bad['id']}", content=msgspec.json.encode(bad)).status_code == 400
    asked = msgspec.structs.replace(school.unblock_request(), site="com")
    assert room.put(f"/requests/{asked.id}", content=msgspec.json.encode(asked)).status_code == 409
    good = action(school, 1)
    assert room.put(f"/actions/{good.id}", content=msgspec.json.encode(good)).status_code == 201
