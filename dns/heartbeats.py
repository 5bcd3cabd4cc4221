"""The heartbeats of workers, in memory that they share with their supervisor.

A worker beats from its own event loop: a process that is there but whose loop stands still answers nobody. No file
is involved, so a full disk is never taken for death, and no clock: what counts is that the number of beats grows.

Silence is counted in the time for which the supervisor itself ran. Where a whole machine stands still (its card
does not answer, or it is out of memory) the workers are not to blame.
"""

import mmap
import struct
import time
from collections.abc import Callable, Iterable

import msgspec

BEAT_SECONDS = 1.0
HANG_SECONDS = 8.0  # without a beat: the worker hangs
START_SECONDS = 60.0  # without the first beat: the same; it reads large lists whole before
MAX_WORKERS = 1024  # one of a higher number is taken for alive

_MAX_STEP_SECONDS = 2.0  # of two looks that are farther apart, no more than this counts as silence
_COUNT = struct.Struct("=Q")


class _Silence(msgspec.Struct):
    """How long a worker has been silent, as far as its supervisor saw."""

    beats: int
    seconds: float
    looked_at: float


class WorkerHeartbeats:
    """How often each worker has beaten. Made before workers are forked, for as many as there may ever be."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._shared = mmap.mmap(-1, _COUNT.size * (MAX_WORKERS + 1))
        self._silences: dict[int, _Silence] = {}

    def record_heartbeat(self, number: int) -> None:
        """Note that worker `number` (from 1) is at work. Called in the worker."""
        if number <= MAX_WORKERS:
            self._write(number, self._beats(number) + 1)

    def reset_worker(self, number: int) -> None:
        """Forget the beats of a worker: another process takes its number. Called before it is forked."""
        if number <= MAX_WORKERS:
            self._write(number, 0)
        self._silences.pop(number, None)

    def find_hung_workers(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """Return which of these workers have been silent for too long. Called in the supervisor, often."""
        return tuple(number for number in numbers if number <= MAX_WORKERS and self._is_hung(number))

    def _is_hung(self, number: int) -> bool:
        now, beats = self._now(), self._beats(number)
        silence = self._silences.get(number)
        if silence is None or silence.beats != beats:
            self._silences[number] = _Silence(beats, 0.0, now)
            return False
        silence.seconds += min(now - silence.looked_at, _MAX_STEP_SECONDS)
        silence.looked_at = now
        return silence.seconds > (HANG_SECONDS if beats else START_SECONDS)

    def _beats(self, number: int) -> int:
        return int(_COUNT.unpack_from(self._shared, _COUNT.size * number)[0])

    def _write(self, number: int, beats: int) -> None:
        _COUNT.pack_into(self._shared, _COUNT.size * number, beats)
