"""A clock that jumps deletes nothing, and whatever is deleted leaves its proof."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.protocol import Incident
from appliance.room.query_log import control, schema
from appliance.room.query_log.clock_guard import ClockGuard
from appliance.room.query_log.database import DatabaseError, open_database_for_writing
from appliance.room.query_log.log_key import NoKey
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.reader import QueryLogReader
from appliance.room.query_log.writer import QueryLogWriter
from appliance.settings.room import LogSection
from dns.querylog.records import QueryRecord, RecordBatch

NOW = 1_795_000_000.0
HOUR = 3600.0
DAY = 24 * HOUR
MONTHS = 120 * DAY


class Room:
    """A recorder's ledger on a machine whose clock can be set; time passes only when it is told to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.now = NOW
        self.trusted = True
        self._running = 1000.0
        self._sequence = 0
        self.ledger = self._begin()

    def _begin(self) -> QueryLogWriter:
        return QueryLogWriter(
            self._folder / "log.db",
            self._folder / "log.spool",
            LogSection(),
            Pseudonyms(b"s" * 32),
            NoKey(),
            clock_trusted=lambda: self.trusted,
            uptime=lambda: self._running,
        )

    def write(
        self, name: str = "example.org", *, verdict: str = "allowed", age: float = 0.0, count: int = 1
    ) -> None:
        self._sequence += 1
        second = int(self.now - age)
        record = QueryRecord(second, "192.0.2.7", "pupils", name, 1, verdict, "list", "", "", "", 0, count, 0.5)
        self.ledger.write_batches([RecordBatch("w", self._sequence, (record,))], self.now)

    def run(self, seconds: float = 1.0, step: float = HOUR) -> None:
        """Let time pass, with a look now and then."""
        self.ledger.run_maintenance(self.now)
        while seconds > 0:
            passed = min(step, seconds)
            self.now += passed
            self._running += passed
            seconds -= passed
            self.ledger.run_maintenance(self.now)

    def restart(self, after: float = 5.0, *, crash: bool = False) -> None:
        """Stop the recorder and start it on a machine that was switched on again."""
        if crash:
            self.ledger.close_without_writing()
        else:
            self.ledger.close(self.now)
        self.now += after
        self._running = 20.0
        self.ledger = self._begin()

    @property
    def names(self) -> set[str]:
        return {entry.name for entry in self.log.read_tail(100)}

    @property
    def log(self) -> QueryLogReader:
        self.ledger.flush_journal(self.now)
        return QueryLogReader(self._folder / "log.db")


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def proofs(room: Room, reason: str = "age") -> list[tuple[str, int, int]]:
    """Return what the recorder says it deleted by itself: what, rows, answers."""
    return [
        (one.what, one.rows, one.answers)
        for one in room.log.read_deletions()
        if (one.who, one.reason) == ("recorder", reason)
    ]


def test_a_clock_that_jumps_by_months_deletes_nothing_and_neither_does_its_return(room: Room) -> None:
    room.run()
    room.write("before.example")
    room.write("refused.example", verdict="refused")
    room.now += MONTHS
    room.run(12, step=1)
    room.write("meanwhile.example")
    room.now -= MONTHS
    room.run(12, step=1)
    assert room.names == {"before.example", "refused.example", "meanwhile.example"}
    room.run(2 * DAY)
    assert room.names == {"before.example", "refused.example", "meanwhile.example"}
    assert room.log.read_deletions() == []


def test_after_a_jump_nothing_goes_for_a_day_and_then_what_is_too_old(room: Room) -> None:
    room.run()
    room.write("before.example")
    room.now += MONTHS
    room.run(DAY - HOUR)
    assert room.names == {"before.example"}
    room.run(DAY)
    assert room.names == set()
    assert set(proofs(room)) == {
        ("rows older than 7 days, where closed 30 days", 1, 1),
        ("numbers of workers that ended 7 days ago", 1, 0),
    }


def test_steps_too_small_to_be_a_jump_add_up_to_one(tmp_path: Path) -> None:
    running = 1000.0
    guard = ClockGuard(lambda: running)
    with closing(open_database_for_writing(tmp_path / "log.db", None)) as connection:
        schema.migrate_query_log(connection)
        for passed in range(3):
            running = 1000.0 + passed
            guard.check_clock(connection, NOW + passed * 30, trusted=True)
            assert guard.is_steady
        running += 1
        guard.check_clock(connection, NOW + 90, trusted=True)
        assert not guard.is_steady


@pytest.mark.parametrize("crash", [False, True])
def test_a_start_after_the_holidays_deletes_nothing_before_a_day_of_running(room: Room, *, crash: bool) -> None:
    room.run(DAY)
    room.write("last-term.example")
    room.restart(after=MONTHS, crash=crash)
    room.run(DAY - HOUR)
    assert room.names == {"last-term.example"}
    room.run(DAY)
    assert room.names == set()


def test_a_jump_between_two_starts_deletes_nothing(room: Room) -> None:
    room.write("before.example")
    room.run(60)
    for _ in range(5):
        room.restart(after=MONTHS)
        room.run(20 * HOUR)
    assert room.names == {"before.example"}


def test_a_room_that_is_off_every_night_deletes_after_three_days_of_eight_hours(room: Room) -> None:
    room.run(8 * HOUR)
    room.write("last-term.example")
    room.restart(after=MONTHS)
    for _ in range(3):
        room.run(8 * HOUR - 60)
        assert room.names == {"last-term.example"}
        room.restart(after=16 * HOUR)
    room.run(HOUR)
    assert room.names == set()


def test_a_room_that_is_on_for_an_afternoon_a_week_does_delete(room: Room) -> None:
    room.run(5 * HOUR)
    room.write("old.example")
    for _ in range(10):
        room.restart(after=7 * DAY - 5 * HOUR)
        room.run(5 * HOUR)
    assert room.names == set()


def test_a_start_within_a_day_deletes_at_once_what_is_too_old(room: Room) -> None:
    room.write("old.example", age=6.5 * DAY)
    room.write("new.example")
    room.run()
    assert room.names == {"old.example", "new.example"}
    room.restart(after=16 * HOUR)
    room.run()
    assert room.names == {"new.example"}


def test_a_log_of_an_older_version_is_judged_by_its_newest_row(room: Room, tmp_path: Path) -> None:
    room.write("old.example")
    room.ledger.close(room.now)
    with closing(sqlite3.connect(tmp_path / "log.db")) as database, database:
        database.execute("DELETE FROM clock")
    room.restart(after=MONTHS, crash=True)
    room.run(DAY - HOUR)
    assert room.names == {"old.example"}


def test_a_clock_that_goes_back_deletes_nothing(room: Room) -> None:
    room.run()
    room.write("before.example")
    room.now -= MONTHS
    room.run(HOUR)
    room.write("behind.example")
    room.run(2 * DAY)
    room.restart()
    room.run(2 * DAY)
    assert room.names == {"before.example", "behind.example"}
    assert room.log.read_deletions() == []


def test_rows_that_a_late_clock_dated_keep_their_days(room: Room) -> None:
    room.run()
    room.now -= MONTHS
    room.run(HOUR)
    room.write("behind.example")
    room.run(HOUR)
    room.now += MONTHS
    room.run(2 * DAY)
    assert room.names == {"behind.example"}
    room.run(6 * DAY)
    assert room.names == set()


def test_rows_of_a_boot_before_the_time_server_answered_keep_their_days(room: Room) -> None:
    room.run(DAY)
    room.restart(after=30)  # six weeks of holidays that the clock knows nothing of
    room.trusted = False
    room.run(60, step=1)
    room.write("first-minute.example")
    room.run(60, step=1)
    room.now += 42 * DAY
    room.trusted = True
    room.run(3 * DAY)
    assert room.names == {"first-minute.example"}
    room.run(5 * DAY)
    assert room.names == set()


def test_a_jump_ahead_that_was_put_right_keeps_no_row_for_longer(room: Room) -> None:
    room.run(DAY)
    room.now -= 2 * DAY
    room.run(HOUR)
    room.write("behind.example")
    room.now += MONTHS
    room.run(60, step=1)
    room.now -= MONTHS
    room.run(9 * DAY)
    assert room.names == set()


def test_being_off_each_night_with_a_clock_that_stands_still_is_no_jump(room: Room) -> None:
    room.write("old.example")
    for _ in range(8):
        room.restart(after=5)
        room.trusted = False
        room.run(10, step=1)
        room.now += 16 * HOUR
        room.trusted = True
        room.run(8 * HOUR)
    assert room.names == set()


def test_whatever_goes_by_age_leaves_one_line_a_day(room: Room) -> None:
    room.write("a.example", age=8 * DAY, count=3)
    room.write("b.example", age=31 * DAY, verdict="refused", count=2)
    room.write("c.example", age=400 * DAY)
    room.run()
    room.write("d.example", age=9 * DAY, count=5)
    room.restart()
    room.run()
    said = {what: (rows, answers) for what, rows, answers in proofs(room)}
    assert said == {
        "rows older than 7 days, where closed 30 days": (4, 11),
        "counts older than 396 days": (1, 1),
    }
    room.write("e.example", age=8 * DAY)
    room.run(DAY)
    assert [rows for what, rows, _ in proofs(room) if what.startswith("rows")] == [1, 4]


def test_incidents_and_numbers_of_workers_leave_their_proof_too(room: Room) -> None:
    happened = datetime.fromtimestamp(NOW - 31 * DAY, UTC)
    old, waiting = (
        Incident(id=name * 32, kind="bypass", happened_at=happened, device="d", evidence=()) for name in "ab"
    )
    room.ledger.write_incidents([old, waiting], room.now)
    room.ledger.mark_incident_sent(old.id, room.now)
    room.write("example.org")
    room.run(DAY)
    assert proofs(room) == [("incidents that central has, older than 30 days", 1, 0)]
    assert [one.id for one in room.log.read_incidents()] == [waiting.id]
    room.run(8 * DAY)
    assert ("numbers of workers that ended 7 days ago", 1, 0) in proofs(room)


def test_what_goes_by_size_shares_one_line_a_day(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.run()
    monkeypatch.setattr("appliance.room.query_log.retention._used_bytes", _full(times=1))
    for number in range(3):
        room.write(f"n{number}.example")
        monkeypatch.setattr("appliance.room.query_log.retention._used_bytes", _full(times=1))
        room.run(60)
    assert proofs(room, "size") == [("the oldest rows beyond 200 MB", 3, 3)]


def _full(times: int) -> Callable[[object], int]:
    left = [times]

    def used(_: object) -> int:
        left[0] -= 1
        return 10**9 if left[0] >= 0 else 0

    return used


def test_rows_and_their_proof_go_together_or_not_at_all(room: Room, tmp_path: Path) -> None:
    room.write("old.example", age=8 * DAY)
    with closing(sqlite3.connect(tmp_path / "log.db")) as database, database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON deletions BEGIN SELECT RAISE(FAIL, 'the disk is full'); END"
        )
    with pytest.raises(DatabaseError, match="the disk is full"):
        room.run()
    with pytest.raises(DatabaseError, match="the disk is full"):
        room.ledger.handle_control_request(control.PurgeRequest(who="office", reason="end of term"), room.now)
    assert room.names == {"old.example"}


@pytest.mark.parametrize("crash", [False, True])
def test_rows_of_a_day_without_a_time_server_keep_their_days_though_the_room_was_off_since(
    room: Room, *, crash: bool
) -> None:
    room.run()
    room.restart()
    room.trusted, evening = False, room.now + 14 * HOUR
    room.now -= MONTHS
    room.run(6 * HOUR)
    room.write("allowed.example")
    room.write("refused.example", verdict="refused")
    room.run(60)
    room.restart(crash=crash)
    room.write("another.example")
    room.run(60)
    room.restart(crash=crash)
    room.now, room.trusted = evening, True
    room.run(12, step=1)
    assert room.names == {"allowed.example", "refused.example", "another.example"}
    room.run(6 * DAY)
    assert room.names == {"allowed.example", "refused.example", "another.example"}
    room.run(2 * DAY)
    assert room.names == {"refused.example"}


@pytest.mark.parametrize("crash", [False, True])
def test_rows_that_a_late_clock_dated_keep_their_days_though_it_was_put_right_while_the_room_was_off(
    room: Room, *, crash: bool
) -> None:
    room.run()
    room.now -= MONTHS
    room.run(6 * HOUR)
    room.write("meanwhile.example")
    room.run(60)
    room.restart(crash=crash)
    room.now += MONTHS + 14 * HOUR
    room.run(2 * DAY)
    assert room.names == {"meanwhile.example"}
    room.run(7 * DAY)
    assert room.names == set()
