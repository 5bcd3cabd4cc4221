"""Counts of this process that end by the time that has run, whatever happens to the clock: `limits`' storage.

`limits`' own memory ends a window by the clock. A card whose clock was ahead, and is set right, would go on to
refuse a device for as long as the clock had been ahead; one that is set forward would forget every count.
"""

import threading
import time
from collections.abc import Callable

from limits.storage import Storage

_SWEEP_SECONDS = 60.0


class RunningTimeCounts(Storage):
    """For fixed windows. May be used by several threads."""

    STORAGE_SCHEME = None

    def __init__(
        self, running: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        """Begin with nothing.

        `running`: seconds that no change of the clock touches; `now`: the clock, Unix seconds.
        """
        super().__init__()
        self._running = running
        self._now = now
        self._lock = threading.Lock()  # of the two below
        self._counts: dict[str, tuple[int, float]] = {}  # how often, and when the window ends in running time
        self._sweep_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """What this storage may raise: nothing of its own."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a count, which begins anew where its window is over, and return it."""
        moment = self._running()
        with self._lock:
            self._sweep(moment)
            count, ends = self._counts.get(key, (0, 0.0))
            if ends <= moment:
                count, ends = 0, moment + expiry
            self._counts[key] = count + amount, ends
            return count + amount

    def get(self, key: str) -> int:
        """Return a count."""
        with self._lock:
            count, ends = self._counts.get(key, (0, 0.0))
        return count if ends > self._running() else 0

    def get_expiry(self, key: str) -> float:
        """Return when a window ends by the clock as it is now, in Unix seconds."""
        with self._lock:
            _, ends = self._counts.get(key, (0, 0.0))
        return self._now() + max(0.0, ends - self._running())

    def check(self) -> bool:
        """Tell that counts can be read."""
        return True

    def reset(self) -> int | None:
        """Forget every count; return how many there were."""
        with self._lock:
            known = len(self._counts)
            self._counts.clear()
        return known

    def clear(self, key: str) -> None:
        """Forget a count."""
        with self._lock:
            self._counts.pop(key, None)

    def _sweep(self, moment: float) -> None:
        """Let go of what is over, once in a while."""
        if moment >= self._sweep_at:
            self._sweep_at = moment + _SWEEP_SECONDS
            self._counts = {key: one for key, one in self._counts.items() if one[1] > moment}
