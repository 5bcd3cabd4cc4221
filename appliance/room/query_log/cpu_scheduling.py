"""Gives the processor to whoever answers, and asks for a share of its own only when that leaves too little.

A worker that wakes while the log is being written waits for it, up to the scheduler's slice of some milliseconds:
the slowest hundredth of all answers took twice as long (docs/performance.md). Under SCHED_IDLE (sched(7)) the
recorder steps aside at once. But then a room whose processors are all busy would never see its lamp lit: when the
event loop is late, the recorder takes its ordinary place (by its niceness) for a while.

Where no worker hands anything over, nothing waits for the recorder: then it looks less often whether it is late.

The way back is a right (RLIMIT_NICE; on a card the unit gives it). Without it the recorder stays where it is.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from dns.coalesced_timers import next_moment

CHECK_SECONDS = 0.25
REST_CHECK_SECONDS = 1.0  # where nothing comes
LATE_SECONDS = 0.25
NORMAL_SECONDS = 5.0  # short: a place once taken keeps others waiting again


class SchedulingPolicy:
    """Which of the scheduler's policies the recorder should have now."""

    def __init__(self) -> None:
        self._normal_until = 0.0

    def policy_after(self, late: float, now: float) -> int:
        """Return SCHED_IDLE or SCHED_OTHER, given by how many seconds the loop was late at `now`."""
        if late > LATE_SECONDS:
            self._normal_until = now + NORMAL_SECONDS
        return os.SCHED_OTHER if now < self._normal_until else os.SCHED_IDLE


async def adapt_scheduling(is_in_use: Callable[[], bool]) -> None:
    """Step aside for everybody else, except where that starves us. Runs until it is cancelled.

    `is_in_use` tells whether anything came lately.
    """
    if not can_leave_idle():
        return
    loop = asyncio.get_running_loop()
    scheduling = SchedulingPolicy()
    policy = os.SCHED_OTHER
    late = 0.0
    while True:
        wanted = scheduling.policy_after(late, loop.time())
        if wanted != policy:
            policy = wanted
            set_scheduling_policy(policy)
        now = loop.time()
        due = next_moment(now, CHECK_SECONDS if is_in_use() else REST_CHECK_SECONDS)
        await asyncio.sleep(due - now)
        late = loop.time() - due


def set_scheduling_policy(policy: int) -> None:
    """Give all threads of this process a scheduling policy; those that begin later inherit it."""
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            os.sched_setscheduler(int(thread.name), policy, os.sched_param(0))


def can_leave_idle() -> bool:
    """Tell whether a thread of this process may leave SCHED_IDLE again: one is sent there to try."""
    came_back = []

    def try_it() -> None:
        with contextlib.suppress(OSError):
            for policy in (os.SCHED_IDLE, os.SCHED_OTHER):
                os.sched_setscheduler(0, policy, os.sched_param(0))
            came_back.append(True)

    thread = Thread(target=try_it)
    thread.start()
    thread.join()
    return bool(came_back)
