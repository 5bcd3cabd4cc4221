"""What a room says when it is asked about a device: from a real encrypted log, through a real recorder."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.message_check import check_message
from appliance.protocol import LookupQuestion
from appliance.room.agent.device_lookups import MAX_BYTES, MAX_ENTRIES, answer_lookup
from appliance.room.paths import RoomPaths
from appliance.room.query_log.log_filter import QueryLogFilter
from appliance.room.query_log.reader import QueryLogReader
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from dns.querylog.records import QueryRecord, RecordBatch, encode_frame
from tests.appliance.room.query_log.test_process import Process, connect, sequences

NOON = 1_795_000_000
PUPIL, OTHER, STAFF, BUSY = "192.0.2.7", "192.0.2.8", "192.0.2.9", "192.0.2.10"


def record(second: int, device: str, name: str, group: str = "pupils") -> QueryRecord:
    return QueryRecord(second, device, group, name, 1, "refused", "category", "games", "own", name, 0, 1, 0.1)


RECORDS = (
    record(NOON - 7200, PUPIL, "too-early.example"),
    record(NOON, PUPIL, "asked.example"),
    record(NOON + 1, OTHER, "anothers.example"),
    record(NOON + 2, STAFF, "staffs.example", "staff"),
    record(NOON + 3, PUPIL, r"odd\010\255.example"),
    record(NOON + 3600, PUPIL, "too-late.example"),
    *(record(NOON + number, BUSY, f"{number}.{'x' * 60}.{'y' * 60}.example") for number in range(1200)),
)


@pytest.fixture(scope="module")
def room() -> Iterator[RoomSettings]:
    folder = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))  # short: sockets have short paths
    (folder / "key").write_text("ab" * 32)
    (folder / "room.toml").write_text(
        '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n'
        '[led]\ndriver = "simulated"\n[log]\ncommit_seconds = 60\nkey_file = "key"\n'
    )
    settings = load_settings(folder / "room.toml", RoomSettings)
    paths = RoomPaths.from_settings(settings)
    recorder = Process(folder)
    connect(paths.query_log_control_socket).close()
    with connect(paths.query_log_socket) as worker:
        worker.sendall(encode_frame(RecordBatch("w", 1, RECORDS)))
        sequences(worker, 1)
    yield settings
    recorder.end(signal.SIGTERM)
    shutil.rmtree(folder)


def token(room: RoomSettings, address: str) -> str:
    """Return the room's own name for a device, as an incident would have it."""
    name = next(one.name for one in RECORDS if one.device == address)
    return QueryLogReader.from_settings(room).search_entries(QueryLogFilter(name=name))[0].device


def question(device: str, *, of_staff: bool = False, **more: Any) -> LookupQuestion:
    since = datetime.fromtimestamp(NOON, UTC)
    given: dict[str, Any] = {
        "id": "a" * 32, "device": device, "since": since, "until": since + timedelta(hours=1), "who": "lead",
        "reason": "a parent asked", "staff_groups": ("staff",), "of_staff": of_staff,
    } | more  # fmt: skip
    return LookupQuestion(**given)


def test_a_room_says_what_that_device_asked_for_in_that_time_and_nothing_else(room: RoomSettings) -> None:
    answer = answer_lookup(room, question(token(room, PUPIL)))
    check_message(answer)
    assert answer.error == ""
    assert [one.name for one in answer.entries] == ["asked.example", r"odd\010\255.example"]
    first = answer.entries[0]
    assert (first.second, first.type, first.verdict, first.category) == (NOON, "A", "refused", "games")


def test_who_asked_and_why_stands_in_the_rooms_own_log(room: RoomSettings) -> None:
    device = token(room, PUPIL)
    answer_lookup(room, question(device, reason="the police asked"))
    found = QueryLogReader.from_settings(room).read_lookups(device)[0]
    assert (found.who, found.device, found.reason) == ("lead (central)", device, "the police asked")


def test_a_question_about_a_pupils_device_brings_nothing_of_staffs_and_the_other_way_round(
    room: RoomSettings,
) -> None:
    device = token(room, STAFF)
    assert answer_lookup(room, question(device)).entries == ()
    assert len(answer_lookup(room, question(device, of_staff=True)).entries) == 1
    assert answer_lookup(room, question(token(room, PUPIL), of_staff=True)).entries == ()


def test_a_huge_extract_is_cut_to_its_newest_lines(room: RoomSettings) -> None:
    answer = answer_lookup(room, question(token(room, BUSY)))
    assert answer.is_cut
    assert 0 < len(answer.entries) <= MAX_ENTRIES
    assert len(msgspec.json.encode(answer)) < MAX_BYTES + 1000
    assert answer.entries[-1].second == NOON + 1199
    assert [one.second for one in answer.entries] == sorted(one.second for one in answer.entries)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"reason": " "}, "reason"),
        ({"until": datetime.fromtimestamp(NOON + 90_000, UTC)}, "24 hours at most"),
        ({"until": datetime.fromtimestamp(NOON, UTC)}, "24 hours at most"),
    ],
)
def test_a_question_without_a_reason_or_about_too_long_a_time_is_refused(
    room: RoomSettings, wrong: dict[str, Any], words: str
) -> None:
    answer = answer_lookup(room, question(token(room, PUPIL), **wrong))
    assert answer.entries == ()
    assert words in answer.error


def test_a_device_that_is_not_known_asked_for_nothing(room: RoomSettings) -> None:
    assert answer_lookup(room, question("0" * 12)).entries == ()


def test_where_nobody_writes_down_who_asked_nothing_is_said(tmp_path: Path, room: RoomSettings) -> None:
    elsewhere = msgspec.structs.replace(room.room, run=tmp_path)
    answer = answer_lookup(msgspec.structs.replace(room, room=elsewhere), question(token(room, PUPIL)))
    assert answer.entries == ()
    assert "does not answer" in answer.error
