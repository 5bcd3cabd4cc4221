"""What central does every hour without being asked: deletes what has been kept for long enough, counts the audit.

A clock that has jumped deletes nothing (`appliance.central.clock_guard`); the audit says so.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.clock_guard import CentralClockGuard, in_words
from appliance.central.periodic_thread import PeriodicThread
from appliance.central.store import Store

EVERY_SECONDS = 3600.0
FIRST_SECONDS = 60.0  # after the start, which has other things to do

Chore = Callable[[Session, datetime], object]

log = logging.getLogger("hallpass.central")


class Upkeep:
    """The thread that does the chores, each in a transaction of its own: one that fails keeps no other waiting."""

    def __init__(
        self, store: Store, now: Callable[[], datetime], guard: CentralClockGuard, chores: tuple[Chore, ...]
    ) -> None:
        self._store = store
        self._now = now
        self._guard = guard
        self._chores = chores
        self._thread = PeriodicThread(
            "upkeep", self.do_chores, every_seconds=EVERY_SECONDS, first_seconds=FIRST_SECONDS
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Do no more."""
        self._thread.stop()

    def do_chores(self) -> None:
        """Do everything once, where the clock can be believed."""
        try:
            self._check_clock()
        except SQLAlchemyError as problem:
            log.info("upkeep waits: %s", problem)
            return
        for chore in self._chores if self._guard.may_delete else ():
            try:
                with self._store.write_session(affects_rooms=False) as session:
                    chore(session, self._now())
            except SQLAlchemyError as problem:
                log.info("upkeep waits: %s", problem)

    def _check_clock(self) -> None:
        now = self._now()
        with self._store.read_session() as session:
            newest = next((one.at for one in audit.list_audit_entries(session, 1)), None)
        if jump := self._guard.check_clock(now, newest):
            log.warning("the clock has jumped: %s", in_words(jump, now))
            with self._store.write_session(affects_rooms=False) as session:
                audit.record_audit(session, now, "Hallpass", "clock jumped", in_words(jump, now))
