"""The recorder's loop steps aside for DNS, and comes back when it is late."""

import asyncio
import os
import time

import pytest

from appliance import cpu_scheduling
from appliance.cpu_scheduling import CHECK_SECONDS, LATE_SECONDS
from appliance.room.query_log.adaptive_scheduling import adapt_scheduling


def test_it_steps_aside_at_once_and_comes_back_when_its_loop_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(cpu_scheduling, "can_leave_idle", lambda: True)
    monkeypatch.setattr(cpu_scheduling, "set_scheduling_policy", lambda policy, **_: taken.append(policy))

    async def story() -> None:
        task = asyncio.create_task(adapt_scheduling(lambda: True))
        await asyncio.sleep(0)
        assert taken == [os.SCHED_IDLE]
        # Blocking is the point: the loop cannot run, and so is late, however quick or slow the machine is.
        time.sleep(CHECK_SECONDS + LATE_SECONDS + 0.1)
        async with asyncio.timeout(30):
            while len(taken) < 2:
                await asyncio.sleep(0.01)
        task.cancel()
        assert taken == [os.SCHED_IDLE, os.SCHED_OTHER]

    asyncio.run(story())


def test_who_could_not_come_back_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(cpu_scheduling, "can_leave_idle", lambda: False)
    monkeypatch.setattr(cpu_scheduling, "set_scheduling_policy", lambda policy, **_: taken.append(policy))
    asyncio.run(adapt_scheduling(lambda: True))
    assert taken == []
