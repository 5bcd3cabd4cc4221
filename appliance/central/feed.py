"""Wakes everyone who waits for news, as soon as anything was written, by whichever process.

One thread for each process looks at the pulse ten times a second, and ends openings whose time is over. Those who
wait block on a condition: no thread of a room's feed looks at the database by itself. Rooms and pages wait for
different numbers, because a page shows the health that other rooms report and a room does not.
"""

import operator
import threading
import time
from collections.abc import Callable, Generator
from datetime import datetime
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from appliance.central import policies, requests, rooms
from appliance.central.store import Store
from appliance.protocol import Target
from appliance.web_server import SIGN_OF_LIFE_SECONDS

LOOK_SECONDS = 0.1
_LOOKS_BETWEEN_ENDINGS = 5


class _Revision:
    """A number that is shown to those who wait for another one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._number = 0
        self._ended = False

    def show(self, number: int) -> None:
        with self._changed:
            if number != self._number:
                self._number = number
                self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait(self, is_news: Callable[[int], bool], until: float) -> int:
        """Return the number once it is news, or as it is at `until` (of the monotonic clock)."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or is_news(self._number), until - time.monotonic())
            return self._number


class Feed:
    """The news of one process of central."""

    def __init__(
        self, store: Store, now: Callable[[], datetime], *, silence_seconds: float = SIGN_OF_LIFE_SECONDS
    ) -> None:
        self._store = store
        self._now = now
        self._silence_seconds = silence_seconds
        self._rooms = _Revision()
        self._pages = _Revision()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Send everyone who waits away, and stop looking."""
        self._stopping.set()
        self._rooms.end()
        self._pages.end()
        self._thread.join(timeout=5)

    def targets(self, room_id: int) -> Generator[Target | None, None, None]:
        """Yield where a room should be, at once and whenever it changes; None after a silence.

        It is what was yielded last that begins a silence: most changes are no news for this room.
        """
        shown: Target | None = None
        revision = -1
        silent_until = time.monotonic()
        while not self._stopping.is_set():
            revision = self._rooms.wait(partial(operator.ne, revision), silent_until)
            if self._stopping.is_set():
                return
            target = self._target(room_id)
            if target == shown and time.monotonic() < silent_until:
                continue
            silent_until = time.monotonic() + self._silence_seconds
            yield target if target != shown else None
            shown = target

    def beats(self, since: int) -> Generator[bool, None, None]:
        """Yield True whenever anything has changed since a revision of the pages, False after a silence."""
        while not self._stopping.is_set():
            until = time.monotonic() + self._silence_seconds
            revision = self._pages.wait(partial(operator.lt, since), until)
            changed, since = revision > since, max(revision, since)
            if not self._stopping.is_set():
                yield changed

    def _target(self, room_id: int) -> Target:
        now = self._now()
        with self._store.reading() as session:
            room = rooms.get(session, room_id)
            if policies.is_current(session, now, room):
                return policies.target(session, now, room)
        # The version of the room's policy grows: that belongs to the room's row, but is no news for anybody else,
        # so the pulse does not beat.
        with self._store.writing(concerns_rooms=False) as session:
            return policies.target(session, now, rooms.get(session, room_id))

    def _watch(self) -> None:
        looks = 0
        while not self._stopping.is_set():
            try:
                looks += 1
                if looks % _LOOKS_BETWEEN_ENDINGS == 0:
                    self._end_what_is_over()
                revisions = self._store.revisions()
            except SQLAlchemyError:
                self._stopping.wait(1.0)  # the database is away; the next look will tell
                continue
            self._rooms.show(revisions.rooms)
            self._pages.show(revisions.pages)
            self._stopping.wait(LOOK_SECONDS)

    def _end_what_is_over(self) -> None:
        with self._store.reading() as session:
            over = requests.end_what_is_over(session, self._now())
        if over:
            with self._store.writing() as session:
                requests.end_what_is_over(session, self._now())
