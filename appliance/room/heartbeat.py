"""The heartbeats of the resolver's workers, in memory that they share with their supervisor.

A worker beats from its own event loop. The supervisor feeds systemd's watchdog only while every worker that runs
has beaten lately: a process that is there but answers nobody is no resolver. No file is involved, so a full disk
is never taken for death.
"""

import mmap
import struct
import time
from collections.abc import Callable, Iterable

from appliance.sd_notify import sd_notify

SILENCE_SECONDS = 30.0  # a worker beats every five
MAX_WORKERS = 1024  # one of a higher number is taken for alive

_TIMESTAMP = struct.Struct("=d")


class WorkerHeartbeats:
    """When each worker beat last. Made before the workers are forked, for as many as there may ever be."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._shared = mmap.mmap(-1, _TIMESTAMP.size * MAX_WORKERS)
        self._waiting_since: dict[int, float] = {}  # since when a worker that has not beaten yet is waited for

    def record_heartbeat(self, number: int) -> None:
        """Note that worker `number` (from 1) is at work."""
        if number <= MAX_WORKERS:
            _TIMESTAMP.pack_into(self._shared, _TIMESTAMP.size * (number - 1), self._now())

    def find_silent_workers(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """Return which of these workers have not beaten for too long."""
        now = self._now()
        known = (number for number in numbers if number <= MAX_WORKERS)
        return tuple(number for number in known if now - self._last_heartbeat(number, now) > SILENCE_SECONDS)

    def send_keepalive(self, numbers: Iterable[int]) -> None:
        """Feed systemd's watchdog, unless one of these workers is silent."""
        silent = self.find_silent_workers(numbers)
        if silent:
            sd_notify(f"STATUS=worker {', '.join(map(str, silent))} does not answer")
        else:
            sd_notify("WATCHDOG=1")

    def _last_heartbeat(self, number: int, now: float) -> float:
        beat: float = _TIMESTAMP.unpack_from(self._shared, _TIMESTAMP.size * (number - 1))[0]
        return beat or self._waiting_since.setdefault(number, now)
