"""Central on PostgreSQL, which keeps no NUL: whatever a room sends is taken, or refused in one sentence."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from appliance import protocol
from tests.fakes.postgres import running_postgres
from tests.fakes.problems import problem_in
from tests.fakes.school import MORNING
from tests.webui.conftest import ServedSchool

ID = "a" * 32
MESSAGES: dict[str, msgspec.Struct] = {
    f"requests/{ID}": protocol.UnblockRequest(
        id=ID, site="maps.example.org", reason="geography", minutes=10, teacher="tess", asked_at=MORNING,
        lesson="Year 5", also=("cdn.example.org",),
    ),
    f"reports/{ID}": protocol.SiteReport(
        id=ID, site="bad.example.org", teacher="tess", reported_at=MORNING, note="why"
    ),
    f"incidents/{ID}": protocol.Incident(
        id=ID, kind="tunnel", happened_at=MORNING, device="d1", evidence=("x.example",)
    ),
    f"actions/{ID}": protocol.RoomAction(
        id=ID, who="tess", what="room paused", detail="for 10 minutes", happened_at=MORNING
    ),
    "seen-devices": protocol.SeenDevices(
        devices=(protocol.SeenDevice(mac="00:00:5e:00:53:01", address="192.0.2.7", seconds_ago=1.0),)
    ),
    "health": protocol.RoomHealth(
        version="1", policy=1, index="f" * 64, index_age_seconds=1, conditions=("disk-trouble",)
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        running_postgres(Path(folder)) as url,
    ):
        school = ServedSchool(tmp_path_factory.mktemp("central"), database=url)
        try:
            with school.as_room() as client:
                yield client
        finally:
            school.close()


@pytest.mark.parametrize("path", MESSAGES)
def test_a_nul_in_any_text_is_refused_and_what_comes_after_it_is_taken(room: httpx.Client, path: str) -> None:
    honest = msgspec.to_builtins(MESSAGES[path])
    for field, value in honest.items():
        for odd in ("\x00", "a\x00b", "\x00" * 32):
            if isinstance(value, str):
                problem_in(room.put(path, json=honest | {field: odd}))
            elif isinstance(value, list | tuple):
                problem_in(room.put(path, json=honest | {field: [odd]}))
    assert room.put(path, json=honest).status_code in (200, 201)


def test_a_nul_in_an_address_or_in_what_somebody_types_is_problem_in(room: httpx.Client) -> None:
    for name in ("%00", "a%00" * 8, "f" * 31, "f" * 33, "f" * 31 + "%0a", "F" * 32, "9" * 400):
        problem_in(room.delete(f"requests/{name}"))
        for kind in ("requests", "reports", "incidents", "actions"):
            problem_in(room.put(f"{kind}/{name}", json={}))
        problem_in(room.get(f"index/{name}"))
    for username in ("\x00", "tess\x00", "x" * 5000):
        problem_in(room.post("sign-in", json={"username": username, "password": "a long pass phrase"}))
    problem_in(room.post("sign-in", json={"username": "tess", "password": "\x00"}))


def test_times_without_a_zone_or_at_the_ends_of_the_calendar_are_problem_in(room: httpx.Client) -> None:
    for path, field in (
        (f"requests/{ID}", "asked_at"), (f"reports/{ID}", "reported_at"), (f"incidents/{ID}", "happened_at"),
        (f"actions/{ID}", "happened_at"),
    ):  # fmt: skip
        for time in ("2026-11-24T09:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
            problem_in(room.put(path, json=msgspec.to_builtins(MESSAGES[path]) | {field: time}))


def test_numbers_and_texts_without_end_are_problem_in(room: httpx.Client) -> None:
    health = msgspec.to_builtins(MESSAGES["health"])
    for field, value in (
        ("policy", 2**60), ("policy", -1), ("index_age_seconds", 1e300), ("clock_difference_seconds", 1e300),
        ("policy_digest", "f" * 65), ("version", "v" * 65), ("conditions", ["x"] * 101),
    ):  # fmt: skip
        problem_in(room.put("health", json=health | {field: value}))
    new = "b" * 32  # one that is known already changes nothing, whatever it says
    asked = msgspec.to_builtins(MESSAGES[f"requests/{ID}"]) | {"id": new}
    for field, value in (
        ("minutes", 10**30), ("minutes", 0), ("reason", "r" * 501), ("teacher", "t" * 65), ("lesson", "l" * 201),
        ("also", ["x.example.org"] * 101), ("site", "s" * 300),
    ):  # fmt: skip
        problem_in(room.put(f"requests/{new}", json=asked | {field: value}))
    problem_in(room.get("index/" + "f" * 400))
    problem_in(room.get("index/" + "f" * 64, params={"base": "f" * 400}))


def test_what_a_room_asked_for_is_told_to_it_again(room: httpx.Client) -> None:
    asked = MESSAGES[f"requests/{ID}"]
    room.put(f"requests/{ID}", content=msgspec.json.encode(asked))
    states = msgspec.json.decode(room.get("requests").content, type=list[protocol.RequestState])
    assert [one.request for one in states] == [asked]
    assert room.delete(f"requests/{ID}").status_code == 200
