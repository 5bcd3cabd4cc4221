"""Keeps what rooms say of their health in memory, and writes it in batches.

Health is no promise: what a central that dies has not written yet, a room says again. So the reports of a second
cost one transaction, whatever their number. That a room is heard of needs no report: who holds its feed open is
seen, noted when it comes and every `SEEN_SECONDS` from then on.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from appliance.central import rooms
from appliance.central.models import RoomRow
from appliance.central.store import Store
from appliance.protocol import RoomHealth

BATCH_SECONDS = 1.0
SEEN_SECONDS = 30.0  # pages call a room silent after two minutes

log = logging.getLogger("hallpass.central")


class HealthWriter:
    """The reports that one process of central has heard and not written yet."""

    def __init__(
        self, store: Store, connected_rooms: Callable[[], frozenset[int]], now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._connected_rooms = connected_rooms
        self._now = now
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[datetime, RoomHealth]] = {}  # by room: the newest alone
        self._seen: frozenset[int] = frozenset()
        self._seen_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def add_report(self, room_id: int, health: RoomHealth) -> None:
        """Take in what a room says of itself. Asks no database."""
        with self._lock:
            self._waiting[room_id] = (self._now(), health)

    def write_batch(self) -> None:
        """Write what waits. Raises what SQLAlchemy raises, and then it waits on."""
        connected = self._connected_rooms()
        arrived = connected - self._seen
        is_due = time.monotonic() >= self._seen_at + SEEN_SECONDS
        with self._lock:
            batch, self._waiting = self._waiting, {}
        if not (batch or arrived or (connected and is_due)):
            self._seen = connected
            return
        try:
            with self._store.write_session(affects_rooms=False) as session:
                seen = connected if is_due else arrived
                if seen:
                    rooms.mark_seen(session, self._now(), seen, is_news=bool(arrived))
                for room in session.scalars(select(RoomRow).where(RoomRow.id.in_(batch))):
                    said_at, health = batch[room.id]
                    rooms.record_health(session, said_at, room, health)
        except SQLAlchemyError:
            with self._lock:
                self._waiting = batch | self._waiting
            raise
        self._seen = connected
        if is_due:
            self._seen_at = time.monotonic()

    def _run(self) -> None:
        while True:
            is_last = self._stopping.wait(BATCH_SECONDS)
            try:
                self.write_batch()
            except SQLAlchemyError as problem:
                log.info("the rooms' health waits: %s", problem)
            if is_last:
                return
