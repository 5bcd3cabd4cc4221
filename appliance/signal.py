"""How a stream waits for news: a signal that any thread may set, and that costs whoever waits no thread.

Our web servers run the application in native threads and their streams in greenlets of one event loop (gevent),
and replace nothing of the standard library. So `threading.Event` would stop that loop, and every stream with it.
A `Signal` blocks only the greenlet that waits where such a loop runs, and the thread that waits elsewhere.

Each belongs to one who waits: who has news for many keeps a signal of each, and sets them all. One that was set
stays so until it is waited for; that takes it back. It says that something has happened at least once since then,
perhaps often, perhaps seen already: whoever wakes looks at what there is now.
"""

import threading
from collections.abc import Callable
from functools import partial

import gevent.event
from gevent._hub_local import get_hub_if_exists


class Signal:
    """Set by whoever has news, from any thread or greenlet; waited for by the one who sends them on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # no greenlet switches while it is held
        self._is_set = False
        self._wake: Callable[[], object] | None = None

    def set(self) -> None:
        """Wake who waits, or who waits next. Never blocks."""
        with self._lock:
            wake, self._wake = self._wake, None
            self._is_set = wake is None
        if wake is not None:
            wake()

    def wait(self, timeout_seconds: float) -> bool:
        """Return True as soon as it is set, taking that back, or False after the timeout.

        Raises RuntimeError where somebody else waits for it already.
        """
        event, wake = _make_event()
        with self._lock:
            if self._is_set:
                self._is_set = False
                return True
            if self._wake is not None:
                raise RuntimeError("a signal has one who waits for it")
            self._wake = wake
        try:
            event.wait(max(timeout_seconds, 0.0))
        finally:  # also where the greenlet is killed meanwhile
            with self._lock:
                was_set = self._wake is None
                self._wake = None
        return was_set


def _make_event() -> tuple[threading.Event | gevent.event.Event, Callable[[], object]]:
    """Return something to wait for in this thread, or in this greenlet, and what ends the wait from any thread."""
    hub = get_hub_if_exists()
    if hub is None:  # no event loop runs in this thread
        blocking = threading.Event()
        return blocking, blocking.set
    cooperative = gevent.event.Event()  # touched by its own thread only
    return cooperative, partial(hub.loop.run_callback_threadsafe, cooperative.set)
