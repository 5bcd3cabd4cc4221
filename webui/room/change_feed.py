"""Tells every open page of a room that it should look again: a refusal, a decision, central that came or went.

One thread for all pages, and only while there are any: it listens to the recorder's live feed and asks the agent
for its revision. Each page has a signal of its own to wait with, so an open page costs no thread. All pages are
told at once, every two seconds at most: what one of them then fetches serves them all
(`webui.room.refresh_cache`).
"""

import socket
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

from appliance.signal import Signal

PAUSE_SECONDS = 2.0  # that of webui/shared/static/refresh.js: a page would not look again sooner anyway
STORED_SECONDS = 0.2  # after it was told of, a refusal stands in the log (BLOCK_COMMIT_SECONDS of its writer)
_POLL_SECONDS = 0.5
_RETRY_SECONDS = 1.0


class ChangeFeed:
    """What changes in one room."""

    def __init__(self, live_feed_socket: Path, fetch_revision: Callable[[], object]) -> None:
        self._live_feed_socket = live_feed_socket
        self._fetch_revision = fetch_revision
        self._lock = threading.Lock()
        self._pages: set[Signal] = set()
        self._thread: threading.Thread | None = None
        self._is_listening = False
        self._changes = 0
        self._woken_at = -PAUSE_SECONDS

    def watch_changes(self, keepalive_seconds: float) -> Generator[bool, None, None]:
        """Yield True whenever a page should look again, False after a silence.

        The first False comes once it listens. Where it had to listen anew, something may have gone unheard: True.
        """
        signal = Signal()
        seen = self._add_page(signal)
        try:
            self._wait(signal, lambda: self._is_listening, keepalive_seconds)
            yield False
            while True:
                self._wait(signal, lambda: self._changes != seen, keepalive_seconds)  # noqa: B023 (at once)
                has_changed, seen = self._changes != seen, self._changes
                yield has_changed
        finally:
            with self._lock:
                self._pages.remove(signal)

    def count_changes(self) -> int | None:
        """Return how many changes pages were told of, None while nothing of them is heard."""
        with self._lock:
            return self._changes if self._thread is not None and self._is_listening else None

    def _wait(self, signal: Signal, is_over: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not is_over() and (left := until - time.monotonic()) > 0:
            signal.wait(left)

    def _add_page(self, signal: Signal) -> int:
        """Return how many changes there were before."""
        with self._lock:
            self._pages.add(signal)
            if self._thread is None:
                self._is_listening = False
                self._thread = threading.Thread(target=self._listen, name="change feed", daemon=True)
                self._thread.start()
            return self._changes

    def _wake_pages(self, changes: int) -> None:
        with self._lock:
            self._changes += changes
            pages = tuple(self._pages)
        for page in pages:
            page.set()

    def _has_pages(self) -> bool:
        with self._lock:
            if not self._pages:
                self._thread = None  # under the lock: a page that comes now starts another
            return bool(self._pages)

    def _listen(self) -> None:
        seen = self._fetch_revision()
        while True:
            with socket.socket(socket.AF_UNIX) as feed:
                feed.settimeout(_POLL_SECONDS)
                try:
                    feed.connect(str(self._live_feed_socket))
                except OSError:
                    time.sleep(_RETRY_SECONDS)  # the recorder is away; decisions are still worth showing
                is_greeted = False
                data: bytes | None = b""
                while data is not None:
                    if not self._has_pages():
                        return
                    data = _receive(feed)
                    if data and not is_greeted:  # the first line that comes says that the recorder tells us all
                        is_greeted = True
                        missed, self._is_listening = self._is_listening, True
                        self._wake_pages(int(missed))
                    has_blocked = bool(data and data.strip())
                    revision = self._fetch_revision()
                    if has_blocked or revision != seen:
                        self._wait_for_turn(has_blocked=has_blocked)
                        seen = self._fetch_revision()
                        self._wake_pages(1)

    def _wait_for_turn(self, *, has_blocked: bool) -> None:
        """Wait until a page that is told now would look at once, and finds in the log what was refused."""
        now = time.monotonic()
        time.sleep(max(self._woken_at + PAUSE_SECONDS - now, STORED_SECONDS if has_blocked else 0.0, 0.0))
        self._woken_at = time.monotonic()


def _receive(feed: socket.socket) -> bytes | None:
    """Return what came within a moment (b"": nothing), or None where the feed stands no more."""
    try:
        return feed.recv(65536) or None
    except TimeoutError:
        return b""
    except OSError:
        return None
