"""A room's counts: what is told, how often, and what is never told."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from appliance.protocol import MIN_DEVICES, CountedAnswers, CountedSite, HourCounts
from appliance.room.agent.central_errors import CentralUnreachable
from appliance.room.agent.central_state import CentralState
from appliance.room.agent.counts_report import HOUR_SECONDS, MAX_HOURS, REPORT_SECONDS, RETRY_SECONDS, CountsReport
from appliance.room.agent.store import AgentStore
from appliance.room.query_log.counts import CountsReader
from appliance.room.query_log.database import open_database_for_writing
from appliance.room.query_log.reader import LogUnreadable
from appliance.room.query_log.store import LogStore
from dns.querylog.records import QueryRecord, RecordBatch

NOON = 1_795_780_800  # 2026-11-27, 12:00 UTC


def record(client: str, name: str, verdict: str, *, second: int = NOON, count: int = 1) -> QueryRecord:
    return QueryRecord(
        second=second, device=client, name=name, qtype=1, group="pupils", verdict=verdict, count=count,
        category="games" if verdict == "refused" else "", milliseconds=1.0,
    )  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"
    connection = open_database_for_writing(path, None)
    store = LogStore(connection)
    records = [record(f"device-{n}", "many.example.org", "refused") for n in range(MIN_DEVICES)]
    records += [record(f"device-{n}", "few.example.org", "refused") for n in range(MIN_DEVICES - 1)]
    records += [record("device-1", "open.example.org", "allowed", count=40)]
    records += [record("device-1", "later.example.org", "allowed", second=NOON + HOUR_SECONDS)]
    store.insert_batches([RecordBatch(worker="w", sequence=1, records=tuple(records))], NOON)
    store.close()
    return path


def test_an_hour_is_told_without_devices_and_without_sites_that_few_asked_for(log: Path) -> None:
    first, second = CountsReader(log).read_counts(NOON // HOUR_SECONDS, NOON // HOUR_SECONDS + 1)
    assert first == HourCounts(
        hour=NOON // HOUR_SECONDS,
        answers=(CountedAnswers("allowed", "", 40), CountedAnswers("refused", "games", 2 * MIN_DEVICES - 1)),
        sites=(CountedSite("many.example.org", "games", MIN_DEVICES),),
    )
    assert (second.answers, second.sites) == ((CountedAnswers("allowed", "", 1),), ())


def test_a_log_whose_tables_are_being_made_is_one_that_has_nothing_yet(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    open_database_for_writing(path, None).close()  # the recorder, before its first migration
    assert path.stat().st_size
    assert CountsReader(path).read_counts(0, NOON) == []
    older = open_database_for_writing(path, None)
    older.execute("CREATE TABLE queries (id INTEGER)")
    older.close()
    with pytest.raises(LogUnreadable, match=r"tables are those of another version.*the recorder brings them up"):
        CountsReader(path).read_counts(0, NOON)


class Room:
    """A log that has something in each hour, and a central that may be away."""

    def __init__(self, folder: Path) -> None:
        self.time = float(NOON + 60)
        self.answers = 1
        self.told: list[int] = []
        self.is_away = False
        self.state = CentralState(time.time)
        self.store = AgentStore(folder / "state.db")
        self.restart()

    def restart(self) -> None:
        self.report = CountsReport(
            self,  # type: ignore[arg-type]  # stands in for central
            self.state, self.store, self.read, lambda: self.time,
        )  # fmt: skip

    def read(self, first: int, last: int) -> list[HourCounts]:
        counted = (CountedAnswers("allowed", "", self.answers),)
        return [HourCounts(hour=hour, answers=counted) for hour in range(first, last + 1)]

    async def put_counts(self, counts: HourCounts) -> None:
        if self.is_away:
            raise CentralUnreachable("away")
        self.told.append(counts.hour)

    def tell(self) -> list[int]:
        """Tell once; return the hours that were told, seen from now."""
        self.told = []
        asyncio.run(self.report.report())
        return [hour - int(self.time) // HOUR_SECONDS for hour in self.told]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_week_is_told_at_first_and_then_only_what_has_grown(room: Room) -> None:
    assert room.tell() == list(range(-MAX_HOURS, 1))
    assert room.tell() == []
    room.answers = 2
    assert room.tell() == [-1, 0]
    room.restart()
    assert room.tell() == [-1, 0]
    room.time += HOUR_SECONDS
    assert room.tell() == [0]
    room.store.close()


def test_after_a_long_silence_a_week_is_told_and_no_more(room: Room) -> None:
    room.tell()
    room.is_away = True
    room.time += 30 * 24 * HOUR_SECONDS
    with pytest.raises(CentralUnreachable):
        room.tell()
    room.is_away = False
    assert room.tell() == list(range(-MAX_HOURS, 1))
    room.store.close()


def test_a_clock_that_was_ahead_once_silences_nothing(room: Room) -> None:
    room.time += 400 * 24 * HOUR_SECONDS
    room.tell()
    room.time -= 400 * 24 * HOUR_SECONDS
    assert room.tell() == [-1, 0]
    room.store.close()


def test_a_restored_central_is_told_the_week_again(room: Room) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415 (only here)

    room.store.adopt_epoch("e1", datetime.now(UTC))
    room.tell()
    room.store.adopt_epoch("e2", datetime.now(UTC))
    room.restart()
    assert len(room.tell()) == MAX_HOURS + 1
    room.store.close()


def test_what_could_not_be_told_is_tried_again_soon_and_then_less_often(room: Room) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        room.is_away = len(pauses) < 7
        if len(pauses) == 8:
            raise asyncio.CancelledError

    async def report() -> None:
        room.state.set_reachable()
        with contextlib.suppress(asyncio.CancelledError):
            await room.report.report_regularly(pause)

    room.is_away = True
    asyncio.run(report())
    assert pauses == [RETRY_SECONDS * 2**number for number in range(5)] + [REPORT_SECONDS] * 3
    assert room.told
    room.store.close()
