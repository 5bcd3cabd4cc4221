"""Wakes everyone who waits for news, as soon as anything was written, by whichever process.

One thread for each process looks at the pulse ten times a second, and ends openings whose time is over. Those who
wait block on a condition: no thread of a room's feed looks at the database by itself.
"""

import threading
from collections.abc import Callable, Generator
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from appliance.central import policies, requests, rooms
from appliance.central.store import Store
from appliance.protocol import Target

LOOK_SECONDS = 0.1
SILENCE_SECONDS = 10.0  # an empty line after so long, so that the other side notices a dead line
_LOOKS_BETWEEN_ENDINGS = 5


class Feed:
    """The news of one process of central."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._news = threading.Condition()
        self._beat = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Send everyone who waits away, and stop looking."""
        with self._news:
            self._stopping.set()
            self._news.notify_all()
        self._thread.join(timeout=5)

    def targets(self, room_id: int) -> Generator[Target | None, None, None]:
        """Yield where a room should be, at once and whenever it changes; None after a silence."""
        shown: Target | None = None
        beat = -1
        while not self._stopping.is_set():
            with self._news:
                if self._beat == beat:
                    self._news.wait(SILENCE_SECONDS)
                quiet = self._beat == beat
                beat = self._beat
            if self._stopping.is_set():
                return
            target = self._target(room_id)
            if target != shown:
                shown = target
                yield target
            elif quiet:
                yield None

    def beats(self, since: int) -> Generator[bool, None, None]:
        """Yield True whenever anything has changed since a beat of the pulse, False after a silence."""
        while not self._stopping.is_set():
            with self._news:
                if self._beat <= since:
                    self._news.wait(SILENCE_SECONDS)
                changed, since = self._beat > since, max(self._beat, since)
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
                beat = self._store.beat()
            except SQLAlchemyError:
                self._stopping.wait(1.0)  # the database is away; the next look will tell
                continue
            if beat != self._beat:
                with self._news:
                    self._beat = beat
                    self._news.notify_all()
            self._stopping.wait(LOOK_SECONDS)

    def _end_what_is_over(self) -> None:
        with self._store.reading() as session:
            over = requests.end_what_is_over(session, self._now())
        if over:
            with self._store.writing() as session:
                requests.end_what_is_over(session, self._now())
