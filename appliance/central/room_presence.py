"""Who is there of each room, in this process of central, and what that means for who arrives (`room_copies`)."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from appliance.central import room_copies
from appliance.central.errors import Busy
from appliance.central.feed import Feed
from appliance.central.models import RoomRow
from appliance.central.periodic_thread import PeriodicThread
from appliance.central.room_copies import Arrival
from appliance.central.store import Store

CHECK_SECONDS = 1.0
RETRY_SECONDS = 5
WAITING_WORDS = "another card works as this room at the moment: this one waits until that is gone"

log = logging.getLogger("hallpass.central")


class RoomPresence:
    """Lets rooms in, and notices where two of one are there."""

    def __init__(
        self,
        store: Store,
        feed: Feed,
        now: Callable[[], datetime],
        *,
        overlap_seconds: float = room_copies.OVERLAP_SECONDS,
    ) -> None:
        self._store = store
        self._feed = feed
        self._now = now
        self._overlap_seconds = overlap_seconds
        self._lock = threading.Lock()
        self._waiting: dict[tuple[int, str], float] = {}  # since when one of a room has waited, by its next link
        self._thread = PeriodicThread("copies", self._look, every_seconds=CHECK_SECONDS, stop_seconds=5.0)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._thread.stop()

    def admit(self, room: RoomRow, arrival: Arrival) -> bool:
        """Let who opens a feed in; False: it is stopped. Raises Busy where it has to wait."""
        if arrival.is_of_before and not room.link:
            return True
        others = [one for one in self._feed.arrivals(room.id) if one.process != arrival.process]
        if room_copies.must_wait(room, arrival, is_other_there=bool(others)):
            if not self._has_waited(room.id, arrival):
                raise Busy(WAITING_WORDS, RETRY_SECONDS)
            with self._store.write_session(affects_rooms=False) as session:
                room_copies.stop_arrival(session, self._now(), room.id, arrival)
            if arrival.is_of_before:
                raise Busy(WAITING_WORDS, RETRY_SECONDS)  # no link by which it would be known again
            return False
        with self._store.write_session(affects_rooms=False) as session:
            room_copies.admit(session, self._now(), room.id, arrival)
        with self._lock:
            self._waiting.pop((room.id, arrival.next_link), None)
        return True

    def stop_copies(self) -> None:
        """Stop the newer one wherever two of one room have both been there for a while."""
        for room_id, newer, older in self._feed.find_pairs(self._overlap_seconds):
            try:
                with self._store.write_session(affects_rooms=False) as session:
                    room_copies.stop_newer(session, self._now(), room_id, newer=newer, older=older)
            except SQLAlchemyError as problem:
                log.info("that two of one room are there waits: %s", problem)

    def _has_waited(self, room_id: int, arrival: Arrival) -> bool:
        moment = time.monotonic()
        with self._lock:
            for key, since in list(self._waiting.items()):
                if moment - since > 20 * self._overlap_seconds:
                    del self._waiting[key]
            since = self._waiting.setdefault((room_id, arrival.next_link), moment)
            return moment - since >= self._overlap_seconds

    def _look(self) -> None:
        try:
            self.stop_copies()
        except Exception:  # the next look may find another thing
            log.exception("copies cannot be looked for")
