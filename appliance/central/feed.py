"""Wakes everyone who waits for news, as soon as anything was written, by whichever process.

One thread for each process polls the revisions ten times a second, and expires unblocks whose time is over. Those
who wait have a signal each: no thread of a room's feed looks at the database by itself. Rooms and pages wait for
different numbers, because a page shows the health that other rooms report and a room does not.
"""

import operator
import threading
import time
from collections.abc import Callable, Generator
from datetime import datetime
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from appliance.central import policies, rooms, unblocks
from appliance.central.store import Store
from appliance.protocol import Target
from appliance.signal import Signal
from appliance.web_server import KEEPALIVE_SECONDS
from appliance.web_threads import run_in_thread

POLL_SECONDS = 0.1
_POLLS_BETWEEN_EXPIRIES = 5


class _WatchedRevision:
    """A number that is shown to those who wait for another one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[Signal] = set()
        self._number = 0
        self._is_closed = False

    def set_revision(self, number: int) -> None:
        if number != self._number:
            self._number = number
            self._wake_all()

    def close(self) -> None:
        self._is_closed = True
        self._wake_all()

    def _wake_all(self) -> None:
        with self._lock:
            waiting = tuple(self._waiting)
        for one in waiting:
            one.set()

    def wait_for(self, is_news: Callable[[int], bool], until: float) -> int:
        """Return the number once it is news, or as it is at `until` (of the monotonic clock)."""
        changed = Signal()
        with self._lock:
            self._waiting.add(changed)
        try:
            while not (self._is_closed or is_news(self._number)) and (left := until - time.monotonic()) > 0:
                changed.wait(left)
            return self._number
        finally:
            with self._lock:
                self._waiting.remove(changed)


class Feed:
    """The news of one process of central."""

    def __init__(
        self, store: Store, now: Callable[[], datetime], *, keepalive_seconds: float = KEEPALIVE_SECONDS
    ) -> None:
        self._store = store
        self._now = now
        self._keepalive_seconds = keepalive_seconds
        self._rooms = _WatchedRevision()
        self._pages = _WatchedRevision()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll_revisions, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Send everyone who waits away, and stop looking."""
        self._stopping.set()
        self._rooms.close()
        self._pages.close()
        self._thread.join(timeout=5)

    def watch_targets(self, room_id: int) -> Generator[Target | None, None, None]:
        """Yield where a room should be, at once and whenever it changes; None after a silence.

        It is what was yielded last that begins a silence: most changes are no news for this room.
        """
        sent: Target | None = None
        revision = -1
        keepalive_at = time.monotonic()
        while not self._stopping.is_set():
            revision = self._rooms.wait_for(partial(operator.ne, revision), keepalive_at)
            if self._stopping.is_set():
                return
            target = run_in_thread(partial(self._current_target, room_id))
            if target == sent and time.monotonic() < keepalive_at:
                continue
            keepalive_at = time.monotonic() + self._keepalive_seconds
            yield target if target != sent else None
            sent = target

    def watch_changes(self, since: int) -> Generator[bool, None, None]:
        """Yield True whenever anything has changed since a revision of the pages, False after a silence."""
        while not self._stopping.is_set():
            until = time.monotonic() + self._keepalive_seconds
            revision = self._pages.wait_for(partial(operator.lt, since), until)
            changed, since = revision > since, max(revision, since)
            if not self._stopping.is_set():
                yield changed

    def _current_target(self, room_id: int) -> Target:
        now = self._now()
        with self._store.read_session() as session:
            room = rooms.get_room(session, room_id)
            if policies.is_policy_current(session, now, room):
                return policies.build_target(session, now, room)
        # The version of the room's policy grows: that belongs to the room's row, but is no news for anybody else,
        # so the revision does not grow.
        with self._store.write_session(affects_rooms=False) as session:
            return policies.build_target(session, now, rooms.get_room(session, room_id))

    def _poll_revisions(self) -> None:
        polls = 0
        while not self._stopping.is_set():
            try:
                polls += 1
                if polls % _POLLS_BETWEEN_EXPIRIES == 0:
                    self._expire_unblocks()
                revisions = self._store.revisions()
            except SQLAlchemyError:
                self._stopping.wait(1.0)  # the database is away; the next look will tell
                continue
            self._rooms.set_revision(revisions.rooms)
            self._pages.set_revision(revisions.pages)
            self._stopping.wait(POLL_SECONDS)

    def _expire_unblocks(self) -> None:
        with self._store.read_session() as session:
            has_expired = unblocks.expire_unblocks(session, self._now())
        if has_expired:
            with self._store.write_session() as session:
                unblocks.expire_unblocks(session, self._now())
