"""The one thread that waits for the disk, and for how long what it does has not returned.

A card that fails may answer nothing for minutes, or never: no call raises then, it only stays away. So whoever
says how the recorder is does not wait for this thread, but looks at it now and then.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

MAX_SECONDS_BETWEEN_LOOKS = 3.0

T = TypeVar("T")


class DiskThread:
    """Does one thing after the other. Used by one event loop."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "disk")
        self._begun = self._ended = 0  # how many things
        self._looked_at: tuple[int, float] | None = None  # what it was busy with, and when
        self.waiting_seconds = 0.0  # for which the thing under way has been seen not to return

    async def run(self, work: Callable[[], T]) -> T:
        """Do something after what is under way, and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._do, work)

    def look(self, now: float) -> None:
        """See whether it is still busy with the same. Called about once a second; `now`: running time, in seconds.

        Where this process itself stood still, that is nobody's fault but its own.
        """
        before, busy_with = self._looked_at, self._begun
        if self._ended == busy_with:
            self._looked_at, self.waiting_seconds = None, 0.0
            return
        if before is None or before[0] != busy_with:
            self.waiting_seconds = 0.0
        else:
            self.waiting_seconds += min(now - before[1], MAX_SECONDS_BETWEEN_LOOKS)
        self._looked_at = busy_with, now

    def close(self) -> None:
        """Wait for what is under way, and end."""
        self._executor.shutdown()

    def _do(self, work: Callable[[], T]) -> T:
        self._begun += 1
        try:
            return work()
        finally:
            self._ended = self._begun
