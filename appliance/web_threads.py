"""The native threads of a web server: what blocks runs here, so that the event loop never does.

There are few, and one client gets at most half of them at a time: whoever asks for much waits for itself. Threads
that have all been busy with the same work for a minute are stuck, and the server had better be started anew.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from gevent import get_hub, getcurrent
from gevent._hub_local import get_hub_if_exists
from gevent.lock import BoundedSemaphore

T = TypeVar("T")

STUCK_SECONDS = 60.0


class WebThreads:
    """The pool of the worker's event loop, shared out among clients."""

    def __init__(self, threads: int) -> None:
        self._count = threads
        self._share = max(1, threads // 2)
        self._pool = get_hub().threadpool
        self._pool.maxsize = threads
        self._clients: dict[str, tuple[BoundedSemaphore, set[int]]] = {}
        self._began: dict[int, float] = {}

    def call(self, client: str, function: Callable[[], T]) -> T:
        """Run it in a thread, for a client, and return what it returns. Only the greenlet waits."""
        turn = id(getcurrent())
        semaphore, waiting = self._clients.setdefault(client, (BoundedSemaphore(self._share), set()))
        waiting.add(turn)
        try:
            with semaphore:
                return self._run(turn, function)
        finally:
            waiting.discard(turn)
            if not waiting:
                self._clients.pop(client, None)

    def is_working(self) -> bool:
        """Tell whether any thread has something to do."""
        return bool(self._began)

    def is_stuck(self) -> bool:
        """Tell whether every thread has been busy with the same for a minute."""
        longest_allowed = time.monotonic() - STUCK_SECONDS
        return sum(began < longest_allowed for began in self._began.values()) >= self._count

    def _run(self, turn: int, function: Callable[[], T]) -> T:
        def timed() -> T:
            self._began[turn] = time.monotonic()
            try:
                return function()
            finally:
                self._began.pop(turn, None)

        result: T = self._pool.apply(timed)
        return result


def run_in_thread(function: Callable[[], T]) -> T:
    """Run what blocks in a native thread where an event loop runs here, and simply here elsewhere.

    For what a stream must look up or write between its lines.
    """
    hub = get_hub_if_exists()
    if hub is None:
        return function()
    result: T = hub.threadpool.apply(function)
    return result
