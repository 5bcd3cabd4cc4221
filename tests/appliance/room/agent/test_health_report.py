"""Health is read when a file of it changed, and now and then; nothing is read each second for nothing."""

import asyncio
import time
from collections.abc import Callable

import pytest

from appliance.protocol import HealthReceived, RoomHealth
from appliance.room.agent import health_report
from appliance.room.agent.central_state import CentralState
from appliance.room.agent.health_report import HealthReport
from tests.fakes.dns_client import run


class Central:
    """Takes what it is told."""

    def __init__(self) -> None:
        self.told: list[RoomHealth] = []

    async def put_health(self, told: RoomHealth) -> HealthReceived:
        self.told.append(told)
        return HealthReceived()


class Room:
    """A room's files: `looks` as they look from outside, `version` what they hold."""

    def __init__(self) -> None:
        self.looks = 0
        self.version = "1"
        self.reads = 0

    def read(self) -> RoomHealth:
        self.reads += 1
        return RoomHealth(version=self.version, policy=1, index="", index_age_seconds=0.0, conditions=())

    def look(self) -> object:
        return self.looks


async def ignore(_answer: HealthReceived) -> None:
    pass


async def until(found: Callable[[], bool]) -> None:
    while not found():
        await asyncio.sleep(0.005)


def test_what_looks_the_same_is_not_read_what_changed_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_report, "MERGE_SECONDS", 0.02)

    async def story() -> None:
        central, room, state = Central(), Room(), CentralState(time.time)
        looked = 0

        def look() -> object:
            nonlocal looked
            looked += 1
            return room.look()

        report = HealthReport(central, state, room.read, ignore, look)  # type: ignore[arg-type]  # all of it that is used
        state.set_reachable()
        task = asyncio.create_task(report.report())
        await until(lambda: room.reads == 1 and len(central.told) == 1)
        before = looked
        await until(lambda: looked > before + 5)
        assert room.reads == 1
        room.version, room.looks = "2", 1
        await until(lambda: len(central.told) == 2)
        assert central.told[-1].version == "2"
        task.cancel()

    run(story())


def test_a_process_that_fell_silent_changes_no_file_and_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_report, "MERGE_SECONDS", 0.02)
    monkeypatch.setattr(health_report, "READ_SECONDS", 0.05)

    async def story() -> None:
        central, room, state = Central(), Room(), CentralState(time.time)
        report = HealthReport(central, state, room.read, ignore, room.look)  # type: ignore[arg-type]  # as above
        state.set_reachable()
        task = asyncio.create_task(report.report())
        await until(lambda: len(central.told) == 1)
        room.version = "2"
        await until(lambda: len(central.told) == 2)
        task.cancel()

    run(story())
