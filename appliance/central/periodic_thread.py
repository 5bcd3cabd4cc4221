"""A thread that does one thing again and again until it is stopped: what central does without being asked."""

import threading
from collections.abc import Callable


class PeriodicThread:
    """Calls `work` after each pause. What `work` raises is its own to catch: it would end the thread."""

    def __init__(
        self, name: str, work: Callable[[], None], *, every_seconds: float, first_seconds: float | None = None,
        stop_seconds: float = 1.0,
    ) -> None:  # fmt: skip
        """`first_seconds`: the pause before the first time; `stop_seconds`: how long `stop` waits for the last."""
        self._work = work
        self._every_seconds = every_seconds
        self._first_seconds = every_seconds if first_seconds is None else first_seconds
        self._stop_seconds = stop_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Do it no more; wait a moment for what is under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=self._stop_seconds)

    def _run(self) -> None:
        pause = self._first_seconds
        while not self._stopping.wait(pause):
            self._work()
            pause = self._every_seconds
