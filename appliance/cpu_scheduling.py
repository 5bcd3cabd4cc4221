"""Gives the processor to whoever answers, and asks for a share of its own only when that leaves too little.

A worker that wakes while the log is being written, or a page rendered, waits for it, up to the scheduler's slice
of some milliseconds: the slowest hundredth of all answers took two and three times as long (docs/performance.md).
Under SCHED_IDLE (sched(7)) the recorder and the pages step aside at once. But then a room whose processors are all
busy would never see its lamp lit, nor a page: where its event loop is late, a process takes its ordinary place (by
its niceness) for a while.

The recorder's loop (`appliance.room.query_log.adaptive_scheduling`) looks less often whether it is late where no
worker hands anything over; that of the pages (`appliance.web_worker`) while it answers nobody.

The way back is a right (RLIMIT_NICE; on a card the unit gives it). Without it the process stays where it is.
"""

import contextlib
import math
import os
from pathlib import Path
from threading import Thread

from appliance.niceness import shorten_time_slice

CHECK_SECONDS = 0.25
LATE_SECONDS = 0.25
_LOOKS_AT_THREADS = 3
NORMAL_SECONDS = 5.0  # short: a place once taken keeps others waiting again


class SchedulingPolicy:
    """Which of the scheduler's policies a process should have now."""

    def __init__(self, normal_seconds: float = NORMAL_SECONDS, normal_until: float = 0.0) -> None:
        """`normal_seconds`: for how long who was late is not sent away again; until `normal_until` nobody is."""
        self._normal_seconds = normal_seconds
        self._normal_until = normal_until

    def policy_after(self, late: float, now: float) -> int:
        """Return SCHED_IDLE or SCHED_OTHER, given by how many seconds the loop was late at `now`."""
        if late > LATE_SECONDS:
            self._normal_until = now + self._normal_seconds
        return os.SCHED_OTHER if now < self._normal_until else os.SCHED_IDLE


class AdaptiveScheduling:
    """Steps aside for everybody else, except where that starves this process: its loop says how late it is."""

    def __init__(
        self, policy: SchedulingPolicy, *, has_short_slice: bool = False, most_load: float = math.inf
    ) -> None:
        """`has_short_slice`: in its ordinary place the process asks for a short time slice, and has done so.

        `most_load`: where more than that wait for a processor (the mean of a minute), it does not step aside: it
        would have so little left that it could not even see that it is late.
        """
        self._policy = policy if can_leave_idle() else None
        self._most_load = most_load
        self._current = os.SCHED_OTHER
        self._has_short_slice = has_short_slice

    @property
    def is_possible(self) -> bool:
        """Tell whether this process may come back; else it never leaves."""
        return self._policy is not None

    def adapt(self, late: float, now: float) -> None:
        """Take the place that is right now, given by how many seconds the loop was late."""
        if self._policy is None:
            return
        wanted = self._policy.policy_after(late, now)
        if wanted == os.SCHED_IDLE and os.getloadavg()[0] > self._most_load:
            wanted = os.SCHED_OTHER
        self._take_place(wanted)

    def take_ordinary_place(self) -> None:
        """Take its ordinary place now, whoever waits; the next `adapt` may leave it."""
        self._take_place(os.SCHED_OTHER)

    def _take_place(self, wanted: int) -> None:
        if wanted != self._current:
            self._current = wanted
            set_scheduling_policy(wanted, has_short_slice=self._has_short_slice)


def set_scheduling_policy(policy: int, *, has_short_slice: bool = False) -> None:
    """Give all threads of this process a scheduling policy; those that begin later inherit it.

    A policy brings the kernel's own time slice: `has_short_slice` asks for the short one again.
    """
    reached: set[int] = set()
    # More than one look: a thread may begin meanwhile, begun by one that was not reached yet.
    for _ in range(_LOOKS_AT_THREADS):
        for thread in {int(path.name) for path in Path("/proc/self/task").iterdir()} - reached:
            reached.add(thread)
            with contextlib.suppress(OSError):  # it has ended meanwhile
                os.sched_setscheduler(thread, policy, os.sched_param(0))
                if has_short_slice and policy == os.SCHED_OTHER:
                    shorten_time_slice(thread)


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
