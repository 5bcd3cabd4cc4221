"""Indexes on their way to rooms: so many at once, and together no faster than the uplink may be filled.

A thousand rooms hear of a new index in the same moment, and each wants 31 MB. Who finds no free slot is told to
come later, at a moment of its own. The pieces of all downloads leave on one timetable, so that an approval never
stands behind a queue of them on the school's line. A slot is free again when its response ends, however it does.
"""

import random
import threading
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial

from appliance.central.errors import Busy
from appliance.signal import Signal
from appliance.web_threads import run_in_thread

PIECE_BYTES = 64 * 1024
RETRY_SECONDS = (5, 30)  # between these, by chance, so that those who were sent away do not come back together


class UplinkCap:
    """A timetable for bytes: each piece gets the time at which it may leave. None: at once."""

    def __init__(self, mbit: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._bytes_per_second = None if mbit is None else mbit * 1e6 / 8
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = 0.0  # of the clock: when all that was let go before has left

    def seconds_until_turn(self, size: int) -> float:
        """Return how long a piece of so many bytes must wait; it has its place then."""
        if self._bytes_per_second is None:
            return 0.0
        with self._lock:
            now = self._clock()
            begins = max(now, self._free_at)
            self._free_at = begins + size / self._bytes_per_second
        return begins - now


class DownloadSlots:
    """How many downloads run at once."""

    def __init__(self, count: int) -> None:
        self._slots = threading.Semaphore(count)

    def take_slot(self) -> Callable[[], None]:
        """Take a slot, and return what gives it back, once. Raises Busy."""
        if not self._slots.acquire(blocking=False):
            raise Busy("many rooms fetch their lists just now; come again in a moment", retry_seconds())
        given_back = threading.Lock()

        def give_back() -> None:
            if given_back.acquire(blocking=False):
                self._slots.release()

        return give_back


def retry_seconds() -> int:
    """Return in how many seconds a room that was sent away should come again."""
    return random.randint(*RETRY_SECONDS)  # noqa: S311 (to spread rooms, not to hide)


def paced_pieces(pieces: Iterator[bytes], cap: UplinkCap) -> Generator[bytes, None, None]:
    """Yield the pieces of a file as the uplink allows. A stream: only what blocks is done in a thread."""
    turn = Signal()
    while piece := run_in_thread(partial(_read_next, pieces)):
        seconds = cap.seconds_until_turn(len(piece))
        if seconds > 0:
            turn.wait(seconds)
        yield piece


def _read_next(pieces: Iterator[bytes]) -> bytes:
    """Return the next piece; nothing at the end, or where the file was closed because its client has gone."""
    try:
        return next(pieces, b"")
    except ValueError:  # of a closed file: it was closed while a thread was waited for
        return b""
